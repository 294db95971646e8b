"""Converts torch's LSTM and GRU to `gatekit.RNN` layers, and back, without importing torch.

In torch, ``W_ih x`` multiplies from the left, and the rows of ``W_ih`` are stacked by gate. So a
gate's matrix is a transposed block of rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras.layers import Layer

from gatekit.cell.calls import checked_call
from gatekit.cell.errors import ConfigError, listed
from gatekit.faults import Layer as LayerArguments
from gatekit.recurrence.keras_form import CUDNN_ORDER
from gatekit.recurrence.layers.rnn import RNN

from .gate_weights import (
    Array,
    GateWeights,
    assign_weights,
    composed_layer,
    gate_weights,
    split_gates,
)

_KINDS = {len(order): kind for kind, order in CUDNN_ORDER.items()}
_FIRST = "weight_ih_l0"
_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class StackedLayer(NamedTuple):
    """One direction of one layer of a torch module; messages show the names of its fields."""

    number: int
    bidirectional: bool
    kind: str
    features: int
    units: int
    bias: bool


@checked_call(types=False, channel=LayerArguments)
def from_torch(source: Any, *, prefix: str = "", executor: str = "auto") -> list[Layer]:
    """Return the equivalent gatekit layers of a torch module, with the same weights.

    ``nn.LSTM`` becomes layers of the cell ``lstm``, ``nn.GRU`` layers of ``gru_reset_after``. Where
    torch adds two biases, the layer gets their sum; the outputs depend only on it. Everything else
    is copied bit by bit. Inputs are ``batch x time x features``, whatever ``batch_first`` was.
    Dropout between layers is not converted: insert `keras.layers.Dropout`.

    Args:
        source: an `nn.LSTM`, `nn.GRU`, `nn.LSTMCell` or `nn.GRUCell`, any module with one of them
            below ``prefix``, or a mapping of names to arrays, as `state_dict()` returns it.
        prefix: the prefix of the names, such as ``encoder.``.
        executor: the executor of the new layers, as in `gatekit.RNN`.

    Returns:
        A built layer for each layer of torch, first to last, all with ``return_sequences=True``:
        `gatekit.RNN`, or a `keras.layers.Bidirectional` of two. ``keras.Sequential(layers)`` equals
        the module.

    Raises:
        ConfigError: there is no LSTM or GRU below the prefix, weights are missing, or the hidden
            state is projected.
    """
    arrays = _arrays(source, prefix)
    layers: list[Layer] = []
    for number in range(_count(arrays)):
        forward = _one(arrays, f"l{number}", executor)
        if f"weight_ih_l{number}_reverse" not in arrays:
            layers.append(forward)
            continue
        kind = _kind(arrays, f"l{number}")
        both = keras.layers.Bidirectional(forward, name=f"layer_{number}", dtype=forward.dtype)
        both.build((None, None, forward.cell.features))
        assign_weights(both.forward_layer, _gates(arrays, f"l{number}", kind))
        assign_weights(both.backward_layer, _gates(arrays, f"l{number}_reverse", kind))
        layers.append(both)
    return layers


def to_torch(layers: Layer | Sequence[Layer], module: Any = None) -> dict[str, Array]:
    """Return the state dict of the torch module that equals these gatekit layers.

    Args:
        layers: a built layer, or a list of consecutive layers: each is a `gatekit.RNN` of the cell
            ``lstm`` or ``gru_reset_after`` (or of one that equals them under other names), or a
            `keras.layers.Bidirectional` of such layers.
        module: an `nn.LSTM` or `nn.GRU` that the values are loaded into, or None.

    Returns:
        Arrays by torch's names. A gate's single bias is ``bias_ih``, and its ``bias_hh`` is zero;
        only a GRU's candidate has both.

    Raises:
        ConfigError: no torch module equals a layer, the layers do not fit together, or the module
            has other weights.
    """
    listed_layers: list[Layer] = list(layers) if isinstance(layers, (list, tuple)) else [layers]
    if not listed_layers:
        raise ConfigError("to_torch got no layer: give it a gatekit.RNN, or a list of them")
    arrays: dict[str, Array] = {}
    stack = []
    for number, layer in enumerate(listed_layers):
        both = type(layer) is keras.layers.Bidirectional
        if both and layer.merge_mode != "concat":
            raise ConfigError(
                f"layer {number} merges its directions with {layer.merge_mode!r}, but torch "
                "concatenates: use merge_mode='concat'"
            )
        directions = [layer.forward_layer, layer.backward_layer] if both else [layer]
        for one, ending in zip(directions, ("", "_reverse"), strict=False):
            stack.append(_stacked(one, number, both, ending, arrays))
    _check_stack(stack)
    if module is not None:
        _load(module, arrays, stack)
    return arrays


def _arrays(source: Any, prefix: str) -> dict[str, Array]:
    """Return the arrays below a prefix, by torch's names."""
    state = source.state_dict() if hasattr(source, "state_dict") else source
    if not isinstance(state, Mapping):
        raise ConfigError(
            "from_torch takes a torch module or a mapping of names to arrays, but got "
            f"{type(source).__name__}; give it module.state_dict(), or torch.load(FILE)"
        )
    if prefix + "weight_ih" in state:
        # nn.LSTMCell and nn.GRUCell have the same names without a layer's number.
        names = {prefix + name: f"{prefix}{name}_l0" for name in _NAMES}
        state = {names[key]: value for key, value in state.items() if key in names}
    if prefix + _FIRST not in state:
        others = [str(k).removesuffix(_FIRST) for k in state if str(k).endswith(_FIRST)]
        known = f"try prefix={others[0]!r}" if others else "give it an nn.LSTM or nn.GRU"
        raise ConfigError(
            f"there is no {prefix + _FIRST!r} in {type(source).__name__}: {known}. "
            f"Names: {listed(state, 12)}"
        )
    inner = {str(k).removeprefix(prefix): v for k, v in state.items() if str(k).startswith(prefix)}
    return {name: as_array(value) for name, value in inner.items() if re.match(r"\w+_l\d", name)}


def as_array(value: Any) -> Array:
    """Return an array or a tensor of torch as an array of at least single precision."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # NumPy has no bfloat16; single precision represents either half precision type exactly.
        value = value.float() if value.element_size() < 4 else value
        value = value.numpy()
    array = np.asarray(value)
    return array.astype("float32") if array.dtype == np.float16 else array


def _count(arrays: Mapping[str, Array]) -> int:
    """Return the number of layers; refuse missing weights and projections."""
    projected = [name for name in arrays if name.startswith("weight_hr_l")]
    if projected:
        raise ConfigError(
            f"the module projects its hidden state ({projected[0]}): build "
            "gatekit.RNN('lstmp', ...) and assign its named_weights, where h.shown is weight_hr "
            "transposed"
        )
    present = [
        int(n.removeprefix("weight_ih_l")) for n in arrays if re.fullmatch(r"weight_ih_l\d+", n)
    ]
    biased, both = "bias_ih_l0" in arrays, f"{_FIRST}_reverse" in arrays
    needed = {
        f"{name}_l{number}{ending}"
        for number in range(max(present) + 1)
        for name in (_NAMES if biased else _NAMES[:2])
        for ending in (("", "_reverse") if both else ("",))
    }
    if needed - set(arrays):
        raise ConfigError(
            f"weights are missing: {listed(needed - set(arrays))}. Give the whole state_dict()"
        )
    return max(present) + 1


def _kind(arrays: Mapping[str, Array], ending: str) -> str:
    rows, units = arrays[f"weight_hh_{ending}"].shape
    kind = _KINDS.get(rows // units)
    if kind is None or rows % units:
        raise ConfigError(
            f"weight_hh_{ending} is {rows} x {units}; an LSTM has four square blocks, and a GRU "
            "three. For nn.RNN, build gatekit.RNN('rnn', ...) and assign its named_weights"
        )
    return kind


def _gates(arrays: Mapping[str, Array], ending: str, kind: str) -> dict[str, GateWeights]:
    x, h = (arrays[f"{name}_{ending}"].T for name in _NAMES[:2])
    one, other = (arrays.get(f"{name}_{ending}") for name in _NAMES[2:])
    apart = ("candidate",) if kind == "gru" else ()
    return split_gates(CUDNN_ORDER[kind], x, h, one, other, apart)


def _one(arrays: Mapping[str, Array], ending: str, executor: str) -> RNN:
    kind = _kind(arrays, ending)
    dtype = arrays[f"weight_ih_{ending}"].dtype.name
    gates = _gates(arrays, ending, kind)
    return composed_layer(kind, gates, return_sequences=True, dtype=dtype, executor=executor)


def _stacked(
    layer: Layer, number: int, both: bool, direction: str, arrays: dict[str, Array]
) -> StackedLayer:
    """Add a layer's weights to ``arrays`` by torch's names; return the layer's kind and sizes."""
    ending = f"l{number}{direction}"
    if not isinstance(layer, RNN):
        raise ConfigError(
            "to_torch converts gatekit.RNN layers, alone or in keras.layers.Bidirectional, but got "
            f"{type(layer).__name__}; first convert layers of Keras with gatekit.convert.from_keras"
        )
    form, gates = gate_weights(layer)
    if layer.go_backwards != ending.endswith("_reverse"):
        raise ConfigError(
            f"the layer {layer.name!r} reads time in another direction than torch's: build it "
            "with go_backwards=False, and flip its input instead"
        )
    if form.layer == "rnn":
        raise ConfigError(
            f"the cell {layer.spec.name!r} is torch's nn.RNN, but to_torch converts LSTM and GRU: "
            "assign layer.named_weights, transposed, to weight_ih_l0 and weight_hh_l0"
        )
    if not form.reset_after:
        raise ConfigError(
            f"the reset gate of cell {layer.spec.name!r} acts before the recurrent product, but "
            "torch's acts after it: use the cell gru_reset_after"
        )
    ordered = [gates[gate] for gate in CUDNN_ORDER[form.layer]]
    arrays[f"weight_ih_{ending}"] = np.concatenate([gate.x.T for gate in ordered])
    arrays[f"weight_hh_{ending}"] = np.concatenate([gate.h.T for gate in ordered])
    biased = ordered[0].bias is not None
    if biased:
        for name, key in (("bias_ih", "bias"), ("bias_hh", "recurrent_bias")):
            arrays[f"{name}_{ending}"] = np.concatenate([gate.filled(key) for gate in ordered])
    return StackedLayer(number, both, form.layer, layer.cell.features, layer.units, biased)


def _check_stack(stack: Sequence[StackedLayer]) -> None:
    """Refuse layers that cannot be one torch module."""
    first = stack[0]
    deeper = first._replace(features=first.units * (2 if first.bidirectional else 1))
    for layer in stack:
        expected = (deeper if layer.number else first)._replace(number=layer.number)
        if layer != expected:
            differences = [
                f"{name} {value!r} where {other!r} is needed"
                for name, value, other in zip(layer._fields, layer, expected, strict=True)
                if value != other
            ]
            raise ConfigError(
                f"layer {layer.number} and layer 0 cannot be in one torch module: "
                f"{', '.join(differences)}. Convert them one by one"
            )


def _load(module: Any, arrays: Mapping[str, Array], stack: Sequence[StackedLayer]) -> None:
    """Load the values into a torch module, as tensors of its dtypes on its devices."""
    state = module.state_dict()
    sizes = {name: tuple(value.shape) for name, value in state.items()}
    if sizes != {name: value.shape for name, value in arrays.items()}:
        last = stack[-1]
        raise ConfigError(
            f"the module does not have the weights of these layers. Create it as "
            f"torch.nn.{last.kind.upper()}({stack[0].features}, {last.units}, "
            f"num_layers={last.number + 1}, bias={last.bias}, bidirectional={last.bidirectional}, "
            "batch_first=True)"
        )
    module.load_state_dict({name: state[name].new_tensor(a) for name, a in arrays.items()})

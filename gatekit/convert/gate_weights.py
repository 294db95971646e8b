"""Weights by gate: the intermediate form between the stacked weights of two libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.errors import ConfigError
from gatekit.recurrence.keras_form import KerasForm, keras_form, part_weights
from gatekit.recurrence.layers.rnn import RNN
from gatekit.registry import catalogue, load_cell

Array = NDArray[Any]


@dataclass(frozen=True)
class GateWeights:
    """The values of one gate's weights.

    Args:
        x: the matrix that multiplies x, features x units.
        h: the matrix that multiplies h, units x units.
        bias: the bias, units, or None.
        recurrent_bias: the bias that a GRU's reset gate multiplies, units, or None.
    """

    x: Array
    h: Array
    bias: Array | None = None
    recurrent_bias: Array | None = None

    def filled(self, bias: str) -> Array:
        """Return the ``bias`` or the ``recurrent_bias``, or zeros if it is None."""
        value: Array | None = getattr(self, bias)
        return np.zeros(self.h.shape[1], self.h.dtype) if value is None else value


def split_gates(
    order: Sequence[str],
    x: Array,
    h: Array,
    bias: Array | None,
    second: Array | None,
    apart: Sequence[str] = (),
) -> dict[str, GateWeights]:
    """Split stacked weights, and return the weights of each gate by name.

    Args:
        order: the gates in the order in which they are stacked.
        x: features x (gates * units).
        h: units x (gates * units).
        bias: gates * units, or None.
        second: the biases of the recurrent products, gates * units, or None. A gate gets the sum of
            its two biases, unless it is in ``apart``.
        apart: the gates that keep both biases.
    """
    count = len(order)

    def split(array: Array | None) -> list[Any]:
        return [None] * count if array is None else np.split(array, count, axis=-1)

    gates = {}
    for gate, *arrays in zip(order, split(x), split(h), split(bias), split(second), strict=True):
        of_x, of_h, one, other = arrays
        if other is None or gate in apart:
            gates[gate] = GateWeights(of_x, of_h, one, other)
        else:
            gates[gate] = GateWeights(of_x, of_h, one + other)
    return gates


def composed_layer(
    kind: str,
    gates: Mapping[str, GateWeights],
    *,
    reset_after: bool = True,
    batch: int | None = None,
    **options: Any,
) -> RNN:
    """Return a built layer of the equivalent bundled cell, with these weights.

    Args:
        kind: ``lstm``, ``gru`` or ``rnn``.
        gates: the gates by Keras' names.
        reset_after: whether a GRU's reset gate acts after the recurrent product.
        batch: the batch size of a stateful layer, or None.
        options: arguments of `gatekit.RNN`, except cell and units.
    """
    name = "gru_reset_after" if kind == "gru" and reset_after else kind
    first = next(iter(gates.values()))
    cell: dict[str, Any] = load_cell(name, catalogue()).canonical()
    if first.bias is None:
        for gate in cell["gates"].values():
            gate["bias"] = False
            gate.get("initializers", {}).pop("bias", None)
    features, units = first.x.shape
    layer = RNN(cell, units, **options)
    layer.build((batch, None, features))
    assign_weights(layer, gates)
    return layer


def assign_weights(layer: RNN, gates: Mapping[str, GateWeights]) -> None:
    """Assign values to the weights of a built layer.

    Args:
        layer: the built gatekit layer.
        gates: the gates by Keras' names.
    """
    names = part_weights(layer.cell, form_of(layer))
    for gate, weights in gates.items():
        for key, value in vars(weights).items():
            name = getattr(names[gate], key)
            if name is not None:
                layer.named_weights[name].assign(value)


def gate_weights(layer: RNN) -> tuple[KerasForm, dict[str, GateWeights]]:
    """Return the form of the Keras layer that a built layer equals, and the weights by gate.

    Args:
        layer: the built gatekit layer.

    Raises:
        ConfigError: the layer equals no Keras layer.
    """
    form = form_of(layer)
    weights = layer.named_weights

    def value(name: str | None) -> Array | None:
        return None if name is None else np.asarray(weights[name].numpy())

    gates = {}
    for gate, names in part_weights(layer.cell, form).items():
        x, h = value(names.x), value(names.h)
        assert x is not None
        assert h is not None
        gates[gate] = GateWeights(x, h, value(names.bias), value(names.recurrent_bias))
    return form, gates


def form_of(layer: RNN) -> KerasForm:
    """Return the form of the Keras layer that a built layer equals.

    Args:
        layer: the built gatekit layer.

    Raises:
        ConfigError: the layer equals no Keras layer.
    """
    cell = layer.cell
    form = keras_form(cell)
    why = form if isinstance(form, str) else ""
    if layer.output_unit.kind != "hidden":
        why = f"it has the output unit {layer.output_unit.kind!r}"
    if any(state.learned or state.initial for state in cell.states):
        why = "its initial states are not zeros"
    if why or isinstance(form, str):
        raise ConfigError(
            f"the cell {cell.spec.name!r} is not an LSTM, GRU or simple RNN of Keras or torch: "
            f"{why}. "
            "The cells lstm, gru, gru_reset_after and rnn can be converted; gatekit.code writes "
            "any cell for Keras or torch, and layer.named_weights has the variables by name"
        )
    return form

"""Checks of a layer's arguments, with remedies for arguments of Keras, torch and a run."""

from __future__ import annotations

import inspect
import numbers
import os
import re
from collections.abc import Collection, Mapping
from typing import Any

import keras
import numpy as np

from gatekit.cell.calls import REQUIRED, in_python
from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, ConfigError, DataError, nearest
from gatekit.cell.schema import CellSpec, read_cell, with_gates
from gatekit.cell.schema.numeric import rate
from gatekit.faults.deprecation import deprecated
from gatekit.registry import load_cell

# The keyword arguments of keras.layers.Layer.
_OF_LAYERS = ("activity_regularizer", "autocast", "dtype", "name", "trainable")

_INITIALIZER = (
    "initializers are part of the cell: "
    "RNN({{'defaults': ['lstm'], 'initializers': {{'{key}': 'zeros'}}}}, ...), "
    "or the same key in one of its gates"
)
_PER_GATE = "use the argument {name}={{'{key}': ...}}, which applies to all gates"
_INPUT = "give the model keras.Input((time, features)) as its first layer"

REMEDIES: dict[str, str] = {
    "use_bias": (
        "each gate has its own bias: RNN({'defaults': ['lstm'], 'gates': {'forget': "
        "{'bias': False}}}, ...) removes that of one gate"
    ),
    "activation": (
        "each gate has its own: swap={'candidate': {'activation': 'relu(pre)'}}; an LSTM's "
        "activation of c is in its equation of h: RNN({'defaults': ['lstm'], 'equations': {'h': "
        "'output * relu(c)'}}, ...)"
    ),
    "recurrent_activation": (
        "swap={'forget': {'activation': 'hard_sigmoid(pre)'}} sets that of one gate; in Keras it "
        "applies to input, forget and output of an LSTM, and to reset and update of a GRU"
    ),
    "kernel_initializer": _INITIALIZER.format(key="kernel"),
    "recurrent_initializer": _INITIALIZER.format(key="recurrent"),
    "bias_initializer": _INITIALIZER.format(key="bias"),
    "unit_forget_bias": (
        "the cell sets initial biases, and lstm sets its forget bias to 1: RNN({'defaults': "
        "['lstm'], 'gates': {'forget': {'initializers': {'bias': 'zeros'}}}}, ...) sets it to 0"
    ),
    **{
        f"{keras}_{kind}": _PER_GATE.format(name=f"{kind}s", key=key)
        for kind in ("regularizer", "constraint")
        for keras, key in (("kernel", "kernel"), ("recurrent", "recurrent"), ("bias", "bias"))
    },
    "implementation": "executor= chooses how the recurrence is computed; omit it for the fastest",
    "unroll": "use executor='unroll'",
    "use_cudnn": "use executor='cudnn'; executor='auto' uses cuDNN on a GPU if the cell allows it",
    "reset_after": "use the cell 'gru_reset_after' for True and the cell 'gru' for False",
    "time_major": "inputs are batch x time x features: use tf.transpose(x, [1, 0, 2])",
    "input_length": _INPUT,
    "input_shape": _INPUT,
    "batch_input_shape": "give the model keras.Input(batch_shape=(batch, time, features))",
    "batch_size": "give the model keras.Input(batch_shape=(batch, time, features))",
    "weights": "build the layer, then call set_weights(...) or assign its named_weights",
}


def refuse_unknown(given: Mapping[str, object], known: Collection[str]) -> None:
    """Refuse keyword arguments that neither gatekit nor `keras.layers.Layer` has.

    Args:
        given: the keyword arguments that gatekit does not know.
        known: gatekit's own arguments, from which a near match is suggested.

    Raises:
        ConfigError: an argument is unknown; the message states what to write instead.
    """
    for name in given:
        if name in ELSEWHERE:
            raise ConfigError(f"there is no argument {name!r}: {ELSEWHERE[name]}")
        if name in REMEDIES:
            raise ConfigError(f"{name}= is an argument of Keras' layers: {REMEDIES[name]}")
        if name not in _OF_LAYERS:
            raise ConfigError(
                f"there is no argument {name!r}{nearest(name, [*known, *_OF_LAYERS]) or '.'} "
                f"Arguments: {', '.join(known)}."
            )


_STATES = "initial states are given as layer(x, initial_state=[...]), one for each state"
ELSEWHERE = {
    "gate": "write swap={ROLE: GATE}, such as swap={'forget': 'power_law'}",
    **dict.fromkeys(
        ("hidden_size", "hidden_dim", "num_units", "n_units", "d_model"),
        "write units=64, or the number as the second argument",
    ),
    **dict.fromkeys(
        ("input_size", "input_dim", "features", "n_features"),
        "the width of the input is known at the first call; omit it",
    ),
    **dict.fromkeys(
        ("nonlinearity", "proj_size"), "the cell decides it: `gatekit cells` lists all cells"
    ),
    **dict.fromkeys(("p", "drop", "dropout_rate", "drop_rate"), "write dropout=0.1"),
    "bias": "each gate has its own bias: RNN({'defaults': ['lstm'], 'gates': {'forget': "
    "{'bias': False}}}, ...) removes that of one gate",
    "reverse": "write go_backwards=True",
    "block": "gatekit.BlockLayer(block, cell) is a recurrent layer with a block around it",
    "initial_state": _STATES,
    "mask": "a mask belongs to the call: layer(x, mask=...)",
    "training": "it belongs to the call: layer(x, training=True)",
    "width": "a layer's units are its width, and a block is as wide as its input",
    "jit": "compile the model: model.compile(jit_compile=True); jit is a key of a run",
    "jit_compile": "compile the model: model.compile(jit_compile=True)",
    "resets": "sequences are separated in the call: layer(x, resets=...)",
    "layers": "stack layers, all but the last with return_sequences=True; layers is a key of a run",
    "device": "write `with tf.device(...)`, as for any Keras layer",
    "num_layers": "stack layers, all but the last with return_sequences=True",
    "go_backwards": "a block has bidirectional=True in place of keras.layers.Bidirectional",
    "batch_first": "inputs are always batch x time x features",
}
"""What to write instead of arguments of torch and keys of a run."""

_RESETS = "sequences are separated by layer(x, resets=...), batch x time, true where one begins"
_LENGTHS = "padding is masked: layer(x, mask=tf.sequence_mask(lengths, time))"
IN_CALLS = {
    **dict.fromkeys(("h0", "hx", "c0", "cx", "state", "states", "hidden"), _STATES),
    **dict.fromkeys(("reset", "done", "dones", "is_first", "segment_ids"), _RESETS),
    **dict.fromkeys(("lengths", "seq_lengths", "sequence_length", "input_lengths"), _LENGTHS),
    "return_sequences": "it is an argument of the layer: RNN(..., return_sequences=True)",
    "return_state": "it is an argument of the layer: RNN(..., return_state=True)",
}
"""What to write instead of the call arguments of other libraries."""


def refuse_in_call(given: Collection[str], known: Collection[str]) -> None:
    """Refuse keyword arguments that the call of a layer does not have.

    Args:
        given: the names of the arguments given.
        known: the names that the call accepts.

    Raises:
        ConfigError: an argument is unknown; the message states what to write.
    """
    for name in given:
        if name in known:
            continue
        if name in IN_CALLS:
            raise ConfigError(f"a call of the layer has no {name}=: {IN_CALLS[name]}")
        raise ConfigError(
            f"a call of the layer has no {name}={nearest(name, known) or '.'} "
            f"Arguments: {', '.join(known)}."
        )


_FLOATS = ("float16", "bfloat16", "float32", "float64")


def checked_units(units: object, layer: str = "RNN") -> int:
    """Return the number of units.

    Args:
        units: the argument.
        layer: the layer's class, for messages.

    Raises:
        ConfigError: it is not an integer of at least 1.
    """
    if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units < 1:
        swapped = ""
        if isinstance(units, str):
            swapped = f"; the cell comes first: {layer}('lstm', 8)"
            if units.strip().isdecimal():
                swapped = f", not a string: write units={int(units)}"
        came = "units is missing" if units is REQUIRED else f"units={units!r}"
        such = swapped or f": write gatekit.{layer}('lstm', units=64)"
        raise ConfigError(f"{came}: a whole number from 1 is expected{such}")
    return int(units)


def checked_files(plugins: object) -> tuple[str, ...]:
    """Return the plugin files of a layer.

    Raises:
        ConfigError: they are not a list of paths.
    """
    if not isinstance(plugins, (list, tuple)) or not all(
        isinstance(each, (str, os.PathLike)) for each in plugins
    ):
        such = repr([plugins]) if isinstance(plugins, str) else "['plugins/mine.py']"
        raise ConfigError(f"plugins={plugins!r}: a list of files is expected; write plugins={such}")
    return tuple(map(str, plugins))


def checked_flag(name: str, value: object) -> bool:
    """Return a boolean argument of a layer.

    Raises:
        ConfigError: it is neither True nor False.
    """
    if not isinstance(value, (np.bool_, numbers.Real)) or value not in (0, 1):
        raise ConfigError(f"{name}={value!r}: True or False is expected, such as {name}=True")
    return bool(value)


def checked_rate(name: str, value: object) -> float:
    """Return a rate of a layer, in [0, 1).

    Raises:
        CellError: it is not a number in this range.
    """
    try:
        return rate(value, f"cell.{name}")
    except CellError as error:
        raise CellError(_of_arguments(str(error), {}, {name: value})) from None


def swapped_gates(
    swap: Mapping[str, object] | None, options: dict[str, object]
) -> Mapping[str, object]:
    """Return a layer's gates by role; ``gates=``, the old name of ``swap=``, is removed in 1.0.

    Args:
        swap: the argument.
        options: the layer's further arguments, from which ``gates`` is removed.

    Raises:
        ConfigError: the value is not a mapping, or both names are given.
    """
    if "gates" in options:
        gates: Any = options.pop("gates")
        if swap is not None:
            raise ConfigError("gates= is the old name of swap=; write all gates into swap=")
        deprecated("gates=", f"swap={gates!r}", ends="1.0")
        swap = gates
    if swap is None:
        return {}
    if not isinstance(swap, Mapping):
        raise ConfigError(
            f"swap={swap!r}: a mapping from roles to gates is expected, such as "
            "swap={'forget': 'power_law'}"
        )
    return swap


def specification(
    cell: str | Mapping[str, object] | CellSpec,
    swap: Mapping[str, object],
    options: Mapping[str, object],
    catalogue: Catalogue,
) -> CellSpec:
    """Return the cell with its gates and options replaced by those given.

    Args:
        cell: a name, a mapping, or a specification.
        swap: gates by role; they keep the settings that a swap keeps.
        options: options of the cell; None keeps the cell's own.
        catalogue: everything that is registered.

    Raises:
        GatekitError: the cell is missing, or the cell or a gate violates its contract.
    """
    if cell is REQUIRED:
        raise ConfigError(
            "the cell is missing; it comes first: gatekit.RNN('lstm', units=64). `gatekit cells` "
            "lists all cells."
        )
    spec = cell if isinstance(cell, CellSpec) else load_cell(cell, catalogue)
    given = {name: value for name, value in options.items() if value is not None}
    if not swap and not given:
        return spec
    try:
        return read_cell({**with_gates(spec.canonical(), swap, catalogue), **given}, catalogue)
    except CellError as error:
        raise CellError(_of_arguments(str(error), swap, given)) from None


def _of_arguments(message: str, swap: Mapping[str, object], options: Mapping[str, object]) -> str:
    """Return a message about a cell with its keys replaced by the layer's arguments."""
    if message.startswith("swap."):
        message = in_python(message)
    for role in swap:
        name = re.escape(str(role))
        message = re.sub(rf"\bswap\.{name}\b|^cell\.gates\.{name}\b", f"swap[{role!r}]", message)
    for name, value in options.items():
        if re.match(rf"cell\.{name}\b", message):
            message = message.replace(f"cell.{name}", f"{name}={value!r}", 1)
            message = message.replace(f", not {value!r}", "")
            message = re.sub(rf"{name}: \{{(\w+): ", rf"{name}={{'\1': ", message)
            message = re.sub(r"\[(\w+)\]", r"['\1']", message)
            message = re.sub(
                rf"(write (?:for example )?){name}: (?=[\d.-])", rf"\1{name}=", message
            )
    return message


def name_after_cell(layer: Any) -> None:
    """Give a layer its cell's name, with a number if it is taken; `keras.Model.summary` shows it.

    A layer whose cell has no name keeps that of its class.
    """
    cell = re.sub(r"[^A-Za-z0-9_]+", "_", layer.spec.name).strip("_")
    if cell and not re.fullmatch(rf"{cell}(_\d+)?", layer.name):
        number = keras.backend.get_uid(cell) - 1
        layer.name = f"{cell}_{number}" if number else cell


def features_of(shape: Any, spec: CellSpec) -> int:
    """Return the width of x.

    Args:
        shape: the shape of x, or of each input by name.
        spec: the cell, for the message.

    Raises:
        DataError: the shape is not that of a sequence of vectors.
    """
    shape = shape["x"] if isinstance(shape, Mapping) else shape
    if shape and isinstance(shape[0], (tuple, list)):
        lengths = [each[0] for each in shape if len(each) == 2]
        if len(lengths) == len(shape):
            steps = ", ".join(map(str, lengths[:4]))
            raise DataError(
                f"the input is a list of sequences with {steps} steps, not an array batch x time "
                "x features: pad them to one length and pass mask=tf.sequence_mask(lengths)"
            )
        raise DataError(
            f"a list of {len(shape)} inputs was given, but one sequence is expected; {_STATES}"
        )
    if shape is None or len(shape) != 3 or not shape[2]:
        remedy = "features must be known and at least 1"
        if shape is not None and len(shape) == 2:
            remedy = (
                "if a recurrent layer is before it, give that layer return_sequences=True; if each "
                "step is one number, pass x[..., None]; if x is one sequence, x[None]"
            )
        elif shape is not None and len(shape) > 3:
            remedy = (
                "put the features of a step on one axis: keras.layers.Reshape((time, features))"
            )
        raise DataError(
            f"the cell {spec.name!r} reads batch x time x features, but the input has the shape "
            f"{shape}; {remedy}"
        )
    return int(shape[2])


def check_float(which: str, dtype: str) -> None:
    """Refuse a type that the layer cannot compute in.

    Raises:
        ConfigError: it is not one of the supported floating point types.
    """
    if dtype not in _FLOATS:
        raise ConfigError(
            f"{which} {dtype!r} is not supported; use one of {', '.join(_FLOATS)} or a mixed policy"
        )


def own_arguments(kind: type) -> tuple[str, ...]:
    """Return the names of a class's arguments, without its ``**`` arguments."""
    _, *parameters = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    return tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)


_MODEL = "put the layer into a model: keras.Sequential([layer, keras.layers.Dense(1)])"
ATTRIBUTES = {
    "forward": "call it: layer(x), with x as batch x time x features",
    **dict.fromkeys(("fit", "predict", "compile", "evaluate"), _MODEL),
    **dict.fromkeys(
        ("parameters", "named_parameters", "state_dict"),
        "layer.trainable_weights has the weights, and layer.named_weights has them by name",
    ),
    "load_state_dict": "gatekit.convert.from_torch(module) copies the weights of torch",
    **dict.fromkeys(("train", "eval"), "it belongs to the call: layer(x, training=True)"),
    **dict.fromkeys(("to", "cuda", "cpu"), "write `with tf.device(...)`, as for any Keras layer"),
    **dict.fromkeys(("hidden_size", "num_units", "output_size"), "write layer.units"),
    **dict.fromkeys(("summary", "describe"), "print(gatekit.show(layer)) shows its cell"),
    **dict.fromkeys(("plot", "diagram", "draw"), "gatekit.diagram(layer) draws its cell"),
    "get_weights_by_name": "write layer.named_weights",
    "gates": "gatekit.show(layer) shows them, and layer.spec.gates has them",
}
"""Attributes that layers of other libraries have, each with what to write instead."""

"""Checks of a layer's arguments."""

from __future__ import annotations

import inspect
import numbers
import os
import re
from collections.abc import Collection, Mapping
from typing import Any

import keras
import numpy as np

from gatekit.cell.calls import REQUIRED, unknown_argument
from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import (
    CellError,
    ConfigError,
    DataError,
    ExpressionError,
)
from gatekit.cell.schema import CellSpec, read_cell, with_gates
from gatekit.cell.schema.numeric import rate
from gatekit.cell.schema.swapping import of_swap
from gatekit.faults import (
    NOTHING,
    Custom,
    Fault,
    Flag,
    Kind,
    Layer,
    ListOf,
    Mismatch,
    OneOf,
    Place,
    Text,
    Type,
    Whole,
    together,
    wrong,
)
from gatekit.registry import load_cell

# The keyword arguments of keras.layers.Layer.
_OF_LAYERS = ("activity_regularizer", "autocast", "dtype", "name", "trainable")


def refuse_unknown(given: Mapping[str, object], known: Collection[str]) -> None:
    """Refuse keyword arguments that neither gatekit nor `keras.layers.Layer` has.

    Args:
        given: the keyword arguments that gatekit does not know.
        known: gatekit's own arguments.

    Raises:
        ConfigError: an argument is unknown.
    """
    own = (*known, *_OF_LAYERS)

    unknown = (unknown_argument(name, v, own) for name, v in given.items() if name not in own)
    if fault := together(unknown):
        raise ConfigError(fault)
    try:
        keras.dtype_policies.get(given.get("dtype"))
    except (TypeError, ValueError):
        accepted("dtype", given["dtype"], OneOf(_FLOATS))


def refuse_in_call(given: Collection[str], known: Collection[str]) -> None:
    """Refuse keyword arguments that the call of a layer does not have.

    Args:
        given: the names of the arguments given.
        known: the names that the call accepts.

    Raises:
        ConfigError: an argument is unknown.
    """
    for name in given:
        if name not in known:
            raise ConfigError(unknown_argument(name, NOTHING, known))


_FLOATS = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")


def accepted(name: str, value: object, type_: Type) -> Any:
    """Return an argument of a type.

    Raises:
        ConfigError: it is not of the type.
    """
    if isinstance(value, np.generic):
        value = value.item()
    try:
        return type_.accept(value)
    except Mismatch:
        fault = wrong(Place((name,)), value, type_)
        raise ConfigError(fault).spoken(Layer()) from None


def checked_units(units: object) -> int:
    """Return the number of units.

    Raises:
        ConfigError: it is not an integer of at least 1.
    """
    if units is REQUIRED:
        why = "it is the width of gates and states"
        fault = Fault(Kind.MISSING, Place(("units",)), why=why)
        raise ConfigError(fault).spoken(Layer())
    found: int = accepted("units", units, Whole(1))
    return found


def checked_files(plugins: object) -> tuple[str, ...]:
    """Return the plugin files of a layer.

    Raises:
        ConfigError: they are not a list of paths.
    """
    if isinstance(plugins, (list, tuple)):
        plugins = [os.fspath(each) if isinstance(each, os.PathLike) else each for each in plugins]
    files = ListOf(Text(), "a list of files")
    return tuple(accepted("plugins", plugins, files))


def checked_flag(name: str, value: object) -> bool:
    """Return a boolean argument of a layer.

    Raises:
        ConfigError: it is neither True nor False.
    """
    known = isinstance(value, (np.bool_, numbers.Real)) and value in (0, 1)
    return bool(value) if known else bool(accepted(name, value, Flag()))


def checked_rate(name: str, value: object) -> float:
    """Return a rate of a layer, in [0, 1).

    Raises:
        CellError: it is not a number in this range.
    """
    try:
        return rate(value, Place((name,)))
    except CellError as error:
        raise error.spoken(Layer()) from None


def swapped_gates(swap: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return a layer's gates by role.

    Args:
        swap: the argument.

    Raises:
        ConfigError: the value is not a mapping.
    """
    if swap is None:
        return {}
    found: Mapping[str, object] = accepted("swap", swap, SWAPS)
    return {role: gate for role, gate in found.items() if gate is not None}


def required(group: str, value: object) -> None:
    """Refuse a layer without a cell or block.

    Raises:
        ConfigError: it is missing.
    """
    if value is REQUIRED:
        raise ConfigError(Fault(Kind.MISSING, Place((group,)))).spoken(Layer())


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
    required("cell", cell)
    spec = cell if isinstance(cell, CellSpec) else load_cell(cell, catalogue)
    given = {name: value for name, value in options.items() if value is not None}
    if not swap and not given:
        return spec
    try:
        with of_swap(swap, spec.canonical()):
            return read_cell({**with_gates(spec.canonical(), swap, catalogue), **given}, catalogue)
    except (CellError, ExpressionError) as error:
        raise error.spoken(Layer()) from None


def _swaps(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise Mismatch("a mapping from roles to gates")
    return value


SWAPS = Custom(_swaps)


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
    several = shape and isinstance(shape[0], (tuple, list))
    if several or shape is None or len(shape) != 3 or not shape[2]:
        raise DataError(
            f"the cell {spec.name!r} reads batch x time x features, but the input has the shape "
            f"{shape}"
        )
    return int(shape[2])


def check_float(dtype: str) -> None:
    """Refuse a type that the layer cannot compute in.

    Raises:
        ConfigError: it is not one of the supported floating point types.
    """
    accepted("dtype", dtype, OneOf(_FLOATS))


def own_arguments(kind: type) -> tuple[str, ...]:
    """Return the names of a class's arguments, without its ``**`` arguments."""
    _, *parameters = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    return tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)

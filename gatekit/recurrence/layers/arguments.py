"""What a layer is given when it is made, checked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import ConfigError, DataError
from gatekit.cell.schema import CellSpec, read_cell
from gatekit.registry import load_cell

_FLOATS = ("float16", "bfloat16", "float32", "float64")


def checked_units(units: Any) -> int:
    """Return the number of units.

    Raises:
        ConfigError: it is not a whole number from 1.
    """
    if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units < 1:
        raise ConfigError(f"units={units!r}: a whole number from 1 is expected")
    return int(units)


def specification(
    cell: Any, gates: Mapping[str, Any], options: Mapping[str, Any], catalogue: Catalogue
) -> CellSpec:
    """Return the cell with gates and options in place of its own.

    Args:
        cell: a name, a mapping, or a specification.
        gates: gates by role.
        options: options of the cell; None keeps the cell's own.
        catalogue: what is registered.

    Raises:
        CellError: cell or gates are not what their contracts ask for.
    """
    spec = cell if isinstance(cell, CellSpec) else load_cell(cell, catalogue)
    given = {name: value for name, value in options.items() if value is not None}
    if not gates and not given:
        return spec
    config = {**spec.canonical(), **given}
    members = dict(config.get("gates", {}))
    for role, gate in gates.items():
        place = spec.role(role)
        members[place] = gate if not isinstance(gate, str) else {"kind": gate}
    return read_cell({**config, "gates": members}, catalogue)


def features_of(shape: Any, spec: CellSpec) -> int:
    """Return the width of x.

    Args:
        shape: the shape of x, or of each input by name.
        spec: the cell, for the message.

    Raises:
        DataError: the shape is not that of a sequence of vectors.
    """
    shape = shape["x"] if isinstance(shape, Mapping) else shape
    if shape is None or len(shape) != 3 or not shape[2]:
        raise DataError(
            f"the cell {spec.name!r} reads batch x time x features, and the input has the shape "
            f"{shape}; features must be known and at least 1"
        )
    return int(shape[2])


def check_float(which: str, dtype: str) -> None:
    """Refuse a type that the layer cannot compute in.

    Raises:
        ConfigError: it is not a floating point type that TensorFlow computes in.
    """
    if dtype not in _FLOATS:
        raise ConfigError(
            f"{which} {dtype!r} is not supported; use one of {', '.join(_FLOATS)} or a mixed policy"
        )


def own_arguments(kind: type) -> tuple[str, ...]:
    """Return the names of a class's arguments, without those that it passes on by keyword."""
    _, *parameters = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    return tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)

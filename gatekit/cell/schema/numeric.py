"""The numbers in a cell's data: each function returns the number, or refuses the value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gatekit.cell.errors import CellError, accepted
from gatekit.faults import (
    Both,
    Custom,
    Fault,
    Kind,
    Mismatch,
    Number,
    Place,
    Remove,
    Set,
    Whole,
    fits,
)

FEATURES = "features"
NUMBER, RATE, WIDTH, POSITIVE = Number(), Number(0, 1, below=True), Whole(1), Number(0, above=True)


def _width_of_input(value: Any) -> int | str:
    if value == FEATURES or fits(value, WIDTH):
        return value  # type: ignore[no-any-return]
    raise Mismatch("a width: an integer from 1, or features for the width of x")


INPUT_WIDTH = Custom(_width_of_input)


def number(value: object, where: Place) -> float:
    """Return a finite number.

    Raises:
        CellError: the value is not allowed.
    """
    initial = where.path[1:2] == ("initial",)
    if initial and isinstance(value, str) and re.match("learn|train|param", value):
        learned = Set(Place(("cell", "learned_initial_state")), [where.last])
        fixes = (Both((Remove(where), learned)),)
        raise CellError(Fault(Kind.WRONG, where, value, "a finite number", fixes=fixes))
    example = 0 if initial else 0.5
    found: float = accepted(value, NUMBER, where, example)
    return found


def constant(value: object, where: Place) -> int | float:
    """Return a finite number, as an integer if it was written as one: only integers can be sizes.

    Raises:
        CellError: the value is not allowed.
    """
    if isinstance(value, Mapping) and {*value} <= {"init", "value", "trainable", "shape", "map"}:
        given = {("init" if key == "value" else key): each for key, each in value.items()}
        learned = {"shape": "scalar", "init": 0.5, **given}  # a map and trainable are kept
        fix = Both((Remove(where), Set(Place(("cell", "parameters")) / where.last, learned)))
        why = "a number that is learned is one of the cell's parameters"
        raise CellError(Fault(Kind.REFUSED, where, why=why, fixes=(fix,)))
    as_float = number(value, where)
    return int(value) if isinstance(value, int) else as_float


def rate(value: object, where: Place) -> float:
    """Return a rate in [0, 1).

    Raises:
        CellError: the value is not allowed.
    """
    found: float = accepted(value, RATE, where, 0.1)
    return found


def input_width(value: object, where: Place) -> int | str:
    """Return the width of an input: a whole number from 1, or ``features`` for the width of x.

    Raises:
        CellError: the value is neither.
    """
    found: int | str = accepted(value, INPUT_WIDTH, where, 1)
    return found

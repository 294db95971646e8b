"""The numbers in a cell's data: each function returns the number, or refuses the value."""

from __future__ import annotations

from typing import Any

from gatekit.cell.errors import accepted
from gatekit.faults import (
    Custom,
    Mismatch,
    Number,
    Place,
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
    found: float = accepted(value, NUMBER, where)
    return found


def constant(value: object, where: Place) -> int | float:
    """Return a finite number, as an integer if it was written as one: only integers can be sizes.

    Raises:
        CellError: the value is not allowed.
    """
    as_float = number(value, where)
    return int(value) if isinstance(value, int) else as_float


def rate(value: object, where: Place) -> float:
    """Return a rate in [0, 1).

    Raises:
        CellError: the value is not allowed.
    """
    found: float = accepted(value, RATE, where)
    return found


def input_width(value: object, where: Place) -> int | str:
    """Return the width of an input: a whole number from 1, or ``features`` for the width of x.

    Raises:
        CellError: the value is neither.
    """
    found: int | str = accepted(value, INPUT_WIDTH, where)
    return found

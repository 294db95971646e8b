"""Exact types of configuration values: booleans are not integers, strings and NaN not numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], Any]


class WrongError(Exception):
    """A value has the wrong type; the message names the right one."""


def whole(low: int, high: int = 2**63 - 1) -> Check:
    """Return a check for an integer in a range."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            beyond = high < 2**63 - 1 or (isinstance(value, int) and value > high)
            raise WrongError(f"an integer from {low}" + (f" to {high:,}" if beyond else ""))
        return value

    return check


def number(
    low: float, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Check:
    """Return a check for a finite number in a range; ``above`` and ``below`` exclude its ends."""

    def check(value: Any) -> float:
        wrong = isinstance(value, bool) or not isinstance(value, (int, float))
        if not wrong:
            wrong = not math.isfinite(value) or not low <= value <= high
            wrong = wrong or (above and value == low) or (below and value == high)
        if wrong:
            start = "above" if above else "from"
            end = "" if high == math.inf else f" to {'below ' if below else ''}{high:g}"
            raise WrongError(f"a finite number {start} {low:g}{end}")
        return float(value)

    return check


def flag(value: Any) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise WrongError("true or false")
    return value


def flag_or_auto(value: Any) -> bool | str:
    """Check for true, false or ``auto``."""
    if isinstance(value, bool):
        return value
    if value != "auto":
        raise WrongError("true, false or auto")
    return "auto"


def text(value: Any) -> str:
    """Check for a string."""
    if not isinstance(value, str) or not value.strip():
        raise WrongError("a string")
    return value


def one_of(*names: str) -> Check:
    """Return a check for one of some names."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise WrongError("one of " + ", ".join(names))
        return value

    return check


def texts(value: Any) -> list[str]:
    """Check for a list of strings."""
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise WrongError("a list of strings, such as [a, b]")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """Check for a mapping whose keys are strings."""
    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        raise WrongError("a mapping whose keys are strings")
    return dict(value)


def optional(check: Check) -> Check:
    """Return a check that also takes null."""

    def checked(value: Any) -> Any:
        if value is None:
            return None
        try:
            return check(value)
        except WrongError as wrong:
            raise WrongError(f"{wrong}, or null") from None

    return checked

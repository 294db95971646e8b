"""Checks of the numbers in a cell's data, and guesses for values that are not numbers."""

from __future__ import annotations

import math
import re

from gatekit.cell.errors import CellError, amount_of, as_typed, excerpt, quoted
from gatekit.cell.language.expression import OPERATORS

FEATURES = "features"
_WORDS = {
    **dict.fromkeys(("zero", "zeros", "none", "off", "false"), 0),
    **dict.fromkeys(("one", "ones", "on", "true"), 1),
    **dict.fromkeys(("pi", "π"), math.pi),
    **dict.fromkeys(("e", "euler"), math.e),
    "half": 0.5,
    "½": 0.5,
    "¼": 0.25,
    "tau": 2 * math.pi,
}
_ARITHMETIC = re.compile(r"\s*([-+]?[\d.]+)\s*(\*\*|[-+*/^])\s*([-+]?[\d.]+)\s*")


def meant_number(value: object) -> int | float | None:
    """Return the number that a value probably means; None if that is unclear.

    Examples are ``0,5``, ``1/2``, ``5%``, ``'0.5'``, ``0.5f``, ``math.pi``, ``[0.5]``, ``True``.
    """
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return meant_number(value[0])
    if isinstance(value, dict) and len(value) == 1:
        return meant_number(next(iter(value.values())))
    if isinstance(value, (int, float)):
        return value if abs(value) <= 1e300 else None
    if not isinstance(value, str) or len(value) > 40:
        return None
    text = value.strip().strip(",;'\"").lower()
    for module in ("math.", "np.", "numpy."):
        text = text.removeprefix(module)
    if text in _WORDS:
        return _WORDS[text]
    if match := _ARITHMETIC.fullmatch(text):
        return _computed(*match.groups())
    amount = amount_of(re.sub(r"(?<=[\d.])f$", "", text))
    return amount if amount is None or abs(amount) <= 1e300 else None


def _computed(left: str, sign: str, right: str) -> int | float | None:
    try:
        one, other = float(left), float(right)
        result = float(OPERATORS["**" if sign == "^" else sign](one, other))
    except (ValueError, ArithmeticError, TypeError):
        return None
    if not abs(result) <= 1e300:
        return None
    return int(result) if result.is_integer() and abs(result) < 1e15 else float(f"{result:.12g}")


def number(value: object, where: str) -> float:
    """Return a finite number.

    Raises:
        CellError: the value is not allowed.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CellError(
            f"{where}: a number is expected, not {excerpt(repr(value))}{_remedy(value, where)}"
        )
    if not abs(value) <= 1e300:
        raise CellError(
            f"{where}: the number is not finite, or beyond 1e300; write for example 0.5"
        )
    return float(value)


def _remedy(value: object, where: str) -> str:
    """Return what to write in place of a value that is not a number, as the end of a sentence."""
    _, section, name = [*where.split("."), "", ""][:3]
    key = name or section
    amount = meant_number(value)
    if section == "initial":
        if value in ("zeros", "zero"):
            return "; 0 is the default: remove the line"
        if isinstance(value, (str, dict)) and amount is None:
            return (
                f"; one number is the initial value of all units: write {key}: 0, or let it be "
                f"learned: learned_initial_state: [{key}]"
            )
    if section == "constants" and value in ("units", "features"):
        return f"; {value} is a number that equations can read: write {value} in place of {key}"
    if isinstance(value, (list, tuple)) and len(value) > 1:
        if section == "constants":
            each = ", ".join(f"{key}_{k}: {as_typed(v)}" for k, v in enumerate(value[:3], 1))
            return f"; a constant is one number: write {each}"
        return f"; one number applies to all units: write {key}: {as_typed(value[0])}"
    if isinstance(value, str) and value.strip("+-. ").lower() in ("inf", "infinity", "nan"):
        return f"; it has to be finite: write for example {key}: 1e6"
    if amount is None:
        return f"; write for example {key}: 0.5"
    why = ""
    if isinstance(value, str) and "," in value and not isinstance(amount, int):
        why = "a decimal number has a point: "
    elif isinstance(value, str) and re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", value.strip()):
        why = "a number has no quotes: "
    return f"; {why}write {key}: {amount!r}"


def constant(value: object, where: str) -> int | float:
    """Return a finite number, as an integer if it was written as one: only integers can be sizes.

    Raises:
        CellError: the value is not allowed.
    """
    as_float = number(value, where)
    return int(value) if isinstance(value, int) else as_float


def rate(value: object, where: str) -> float:
    """Return a rate in [0, 1).

    Raises:
        CellError: the value is not allowed.
    """
    share = number(value, where)
    if not 0.0 <= share < 1.0:
        such = share / 100 if 2 <= share < 100 else 0.1
        key = where.rpartition(".")[2]
        raise CellError(
            f"{where}: a rate from 0 to below 1 is expected, not {quoted(value)}; write for "
            f"example {key}: {such:g}"
        )
    return share


def width(value: object, where: str) -> int:
    """Return a width, a whole number from 1.

    Raises:
        CellError: the value is not allowed.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CellError(
            f"{where}: a width (a whole number from 1, such as 8, or features for the width of x) "
            f"is expected, not {excerpt(repr(value))}; write {where.rpartition('.')[2]}: 1"
        )
    return value


def input_width(value: object, where: str) -> int | str:
    """Return the width of an input: a whole number from 1, or ``features`` for the width of x.

    Raises:
        CellError: the value is neither.
    """
    return FEATURES if value == FEATURES else width(value, where)

"""Finds how numbers in a file depend on the layer's sizes, to write ``4 * units``, not 256."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product

from gatekit.cell.errors import GatekitError
from gatekit.cell.graph import Cell, build

from .identifiers import number

MULTIPLES = ((3, 5), (5, 7), (7, 11), (11, 3))
"""Factors of units and features; a cell is built at multiples to keep the divisors of its sizes."""
Sizes = tuple[int, int]


class SizeTexts:
    """The texts of numbers, in the order in which a file needs them.

    Args:
        formulas: a formula for each number, with ``{units}`` and ``{features}``; None to only
            record the numbers.
    """

    def __init__(self, formulas: Sequence[str] | None = None) -> None:
        self._formulas = formulas
        self.seen: list[float] = []

    @property
    def known(self) -> bool:
        """Whether there are formulas."""
        return self._formulas is not None

    def text(self, value: float, units: str, features: str) -> str:
        """Return the text of the next number of the file, and record the number.

        Args:
            value: the number: a size, or a bound of initial values.
            units: the name of the units at this place, such as ``self.units``.
            features: the name of the features at this place.
        """
        self.seen.append(value)
        if self._formulas is None:
            return number(value)
        return self._formulas[len(self.seen) - 1].format(units=units, features=features)


def multiples(cell: Cell) -> list[Cell]:
    """Return the cell at several sizes, or an empty list if it cannot be built at all of them."""
    unit = cell.output.spec
    try:
        return [build(cell.spec, cell.units * u, cell.features * f, unit) for u, f in MULTIPLES]
    except GatekitError:
        return []


def formulas(at: Sequence[Sizes], numbers: Sequence[Sequence[float]]) -> list[str] | None:
    """Return a formula for each number, or None if there is none for one of them.

    Args:
        at: several sizes: units and features.
        numbers: the numbers that a file needs, for each of these sizes.
    """
    if not at or len({len(row) for row in numbers}) != 1:
        return None
    texts = [_formula(at, column) for column in zip(*numbers, strict=True)]
    return [text for text in texts if text is not None] if None not in texts else None


def _formula(at: Sequence[Sizes], values: Sequence[float]) -> str | None:
    if len(set(values)) == 1:
        return number(values[0])
    if any(isinstance(value, float) for value in values):
        return next((text for text, f in _bounds() if _everywhere(f, at, values)), None)
    for text, function in _forms():
        if all(function(u, f) == value for (u, f), value in zip(at, values, strict=True)):
            return text
    return _rounded([features for _, features in at], values)


def _everywhere(
    function: Callable[[int, int], float], at: Sequence[Sizes], values: Sequence[float]
) -> bool:
    pairs = zip(at, values, strict=True)
    return all(math.isclose(function(u, f), value, rel_tol=1e-12) for (u, f), value in pairs)


def _rounded(widths: Sequence[int], values: Sequence[float]) -> str | None:
    """Return a rounded multiple of the features, as in an MLP, or None."""
    for divisor in range(2, 101):
        factor = round(divisor * values[0] / widths[0])
        if all(round(factor * w / divisor) == v for w, v in zip(widths, values, strict=True)):
            return f"round({factor} * {{features}} / {divisor})"
    return None


def _times(k: int, text: str) -> str:
    return text if k == 1 else f"{k} * {text}"


def _linear(k: int, m: int, c: int, units: int, features: int) -> int:
    return k * units + m * features + c


def _share(k: int, j: int, m: int, units: int, features: int) -> int:
    return k * units + j * (units // m) if units % m == 0 else -1


def _share_and_more(k: int, m: int, c: int, units: int, features: int) -> int:
    return k * units + units // m + c if units % m == 0 else -1


def _share_of_features(m: int, units: int, features: int) -> int:
    return features // m if features % m == 0 else -1


def _square(k: int, units: int, features: int) -> int:
    return units * units // k if units * units % k == 0 else -1


@cache
def _forms() -> list[tuple[str, Callable[[int, int], int]]]:
    """Return the formulas to try, simple ones first."""
    units, features = "{units}", "{features}"
    forms: list[tuple[str, Callable[[int, int], int]]] = []
    for k in range(1, 65):
        forms.append((_times(k, units), partial(_linear, k, 0, 0)))
        forms.append((_times(k, features), partial(_linear, 0, k, 0)))
    for m in range(2, 33):
        forms.append((f"{units} // {m}", partial(_share, 0, 1, m)))
        forms.append((f"{features} // {m}", partial(_share_of_features, m)))
    for k, j, m in product(range(9), range(1, 13), range(2, 13)):
        part = f"{units} // {m}" if j == 1 else f"{j} * ({units} // {m})"
        forms.append((f"{_times(k, units)} + {part}" if k else part, partial(_share, k, j, m)))
    for k, m in product(range(1, 13), repeat=2):
        text = f"{_times(k, units)} + {_times(m, features)}"
        forms.append((text, partial(_linear, k, m, 0)))
    for k, c in product(range(1, 13), range(-64, 257)):
        if c:
            text = f"{_times(k, units)} {'+' if c > 0 else '-'} {abs(c)}"
            forms.append((text, partial(_linear, k, 0, c)))
    for k, m, c in product(range(1, 9), range(2, 9), range(1, 17)):
        text = f"{_times(k, units)} + {units} // {m} + {c}"
        forms.append((text, partial(_share_and_more, k, m, c)))
    forms.append((f"{units} * {features}", lambda u, f: u * f))
    forms.append((f"{units} * {units}", partial(_square, 1)))
    for k in range(2, 65):
        forms.append((f"{units} * {units} // {k}", partial(_square, k)))
    forms.append((f"{units} * ({units} + {features})", lambda u, f: u * (u + f)))
    forms.append((f"{units} * ({units} + {features} + 1)", lambda u, f: u * (u + f + 1)))
    return forms


@cache
def _bounds() -> list[tuple[str, Callable[[int, int], float]]]:
    """Return the formulas of bounds: ``c / n``, ``sqrt(c / n)``, negatives, and 1 minus these."""
    units, features = "{units}", "{features}"
    widths: list[tuple[str, Callable[[int, int], int]]] = [
        (units, lambda u, f: u),
        (features, lambda u, f: f),
        (f"({units} + {features})", lambda u, f: u + f),
        (f"(2 * {units})", lambda u, f: 2 * u),
    ]
    forms: list[tuple[str, Callable[[int, int], float]]] = []
    for c, (text, width) in product((1, 2, 3, 6, 0.5, 4, 5, 8), widths):
        share, root = f"{c} / {text}", f"math.sqrt({c} / {text})"
        forms += [
            (share, partial(_bound, c, width, 1.0, 0.0, 1.0)),
            (root, partial(_bound, c, width, 0.5, 0.0, 1.0)),
            (f"-{share}", partial(_bound, c, width, 1.0, 0.0, -1.0)),
            (f"-{root}", partial(_bound, c, width, 0.5, 0.0, -1.0)),
            (f"1 - {share}", partial(_bound, c, width, 1.0, 1.0, -1.0)),
            (f"1 - {root}", partial(_bound, c, width, 0.5, 1.0, -1.0)),
        ]
    return forms


def _bound(
    c: float,
    width: Callable[[int, int], int],
    power: float,
    start: float,
    sign: float,
    units: int,
    features: int,
) -> float:
    share: float = (c / width(units, features)) ** power
    return start + sign * share

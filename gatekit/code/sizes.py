"""Finds how numbers in a file depend on the layer's sizes, to write ``4 * units``, not 256."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import product

from gatekit.cell.errors import GatekitError
from gatekit.cell.graph import Cell, build
from gatekit.cell.language.expression import evaluate
from gatekit.cell.language.parse import parse

from .identifiers import number

Sizes = tuple[int, int]
MULTIPLES = ((3, 5), (5, 7), (7, 11), (11, 3))
"""Factors of units and features; a cell is built at multiples to keep the divisors of its sizes."""
_VARIED = ((18, 5), (30, 7), (18, 11), (30, 3))
"""Factors of units and features where constants are doubled or tripled."""


class SizeTexts:
    """The texts of numbers, in the order in which a file needs them.

    Args:
        formulas: a formula for each number, with ``{units}``, ``{features}`` and names of
            constants; None to only record the numbers.
    """

    def __init__(self, formulas: Sequence[str] | None = None) -> None:
        self._formulas = formulas
        self.seen: list[float] = []

    @property
    def known(self) -> bool:
        """Whether there are formulas."""
        return self._formulas is not None

    def text(self, value: float, **names: str) -> str:
        """Return the text of the next number of the file, and record the number.

        Args:
            value: the number: a size, or a bound of initial values.
            names: the names of the sizes at this place, such as ``self.units``.
        """
        self.seen.append(value)
        if self._formulas is None:
            return number(value)
        return self._formulas[len(self.seen) - 1].format(**names)


def multiples(cell: Cell, constants: Collection[str] = ()) -> list[Cell]:
    """Return the cell at several sizes, or an empty list if it cannot be built at all of them.

    Args:
        cell: the built cell.
        constants: the names of constants that vary, too.
    """
    cells = []
    for place, (u, f) in enumerate(_VARIED if constants else MULTIPLES):
        # Each constant has a pattern of its own.
        factors = {name: 2 + (k >> place & 1) for k, name in enumerate(constants, 1)}
        values = tuple((n, v * factors.get(n, 1)) for n, v in cell.spec.constants)
        spec = replace(cell.spec, constants=values) if constants else cell.spec
        try:
            cells.append(build(spec, cell.units * u, cell.features * f, cell.output.spec))
        except GatekitError:
            return []
    return cells


def size_constants(cell: Cell) -> list[str]:
    """Return the names of the constants that are sizes: the shape of a signal or weight varies."""

    def is_size(name: str) -> bool:
        varied = multiples(cell, [name])[:1]
        same = [build(cell.spec, each.units, each.features, cell.output.spec) for each in varied]
        shapes = [(c.shapes, [w.shape for w in c.weights]) for c in (*varied, *same)]
        return shapes[:1] != shapes[1:]

    return [name for name, v in cell.spec.constants if type(v) is int and v > 0 and is_size(name)]


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


def with_constants(
    cells: Sequence[Cell],
    numbers: Sequence[Sequence[float]],
    varied: Sequence[Cell],
    others: Sequence[Sequence[float]],
    constants: Mapping[str, int],
) -> list[str] | None:
    """Return formulas with constants in place of numbers, or None if there is none for one.

    Args:
        cells: the cell at several sizes, in all of which the constants are the same.
        numbers: the numbers that a file needs, for each of these cells.
        varied: the cell at several sizes and values of the constants.
        others: the numbers that a file needs, for each of these cells.
        constants: the values of the constants that vary in the latter, by name.
    """
    if not varied or len({len(row) for row in (*numbers, *others)}) != 1:
        return None
    sizes, later = ([(each.units, each.features) for each in group] for group in (cells, varied))
    at = [{"units": c.units, "features": c.features, **c.constants} for c in varied]

    @cache
    def form(values: tuple[float, ...], expected: tuple[float, ...]) -> str | None:
        texts = list(_fitting(sizes, values))
        if _formula(later, expected) in texts[:1]:
            return texts[0]  # without constants
        plain = (text for text in texts if "math." not in text and "round" not in text)
        forms = (form for text in plain for form in _with(text, constants))
        for text in sorted(forms, key=len):
            expr = parse(re.sub(r"[{}]", "", text), {}, sizes=True)
            if tuple(evaluate(expr, each, {}) for each in at) == expected:
                return text
        return None

    columns = (zip(*rows, strict=True) for rows in (numbers, others))
    found = [form(*pair) for pair in zip(*columns, strict=True)]
    return [text for text in found if text is not None] if None not in found else None


def _with(text: str, constants: Mapping[str, int]) -> Iterator[str]:
    """Yield a formula with each of its whole numbers, or arithmetic on constants in its place."""
    pieces = re.split(r"(?<![\w.])(\d+)(?![\w.])", text)
    yield from map(
        "".join,
        product(*(_equal_to(int(p), constants) if k % 2 else [p] for k, p in enumerate(pieces))),
    )


def _equal_to(value: int, constants: Mapping[str, int]) -> list[str]:
    """Return the texts of a number: its digits, then what equals it by the constants' values."""
    forms = []
    for name, of in constants.items():
        for k in range(1, min(value // of, 8) + 1):
            one, rest = _times(k, f"{{{name}}}"), value - k * of
            forms.append(f"{one} + {rest}" if rest else one)
            more = ((n, rest // by) for n, by in constants.items() if rest and not rest % by)
            forms += [f"{one} + {_times(m, f'{{{n}}}')}" for n, m in more if n != name]
        forms += [f"{{{name}}} * {{{n}}}" for n, by in constants.items() if of * by == value]
    return [str(value), *forms, *(f"({form})" for form in forms if " " in form)]


def _formula(at: Sequence[Sizes], values: Sequence[float]) -> str | None:
    return next(_fitting(at, values), None)


def _fitting(at: Sequence[Sizes], values: Sequence[float]) -> Iterator[str]:
    """Yield the formulas of a number, simple ones first."""
    if len(set(values)) == 1:
        yield number(values[0])
    elif any(isinstance(value, float) for value in values):
        yield from (text for text, f in _bounds() if _everywhere(f, at, values))
    else:
        for text, function in _forms():
            if all(function(u, f) == value for (u, f), value in zip(at, values, strict=True)):
                yield text
        rounded = _rounded([features for _, features in at], values)
        yield from [] if rounded is None else [rounded]


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


def _share(k: int, j: int, m: int, c: int, units: int, features: int) -> int:
    return k * units + j * (units // m) + c if units % m == 0 else -1


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
        forms.append((f"{units} // {m}", partial(_share, 0, 1, m, 0)))
        forms.append((f"{features} // {m}", partial(_share_of_features, m)))
    for k, j, m in product(range(9), range(1, 13), range(2, 13)):
        part = f"{units} // {m}" if j == 1 else f"{j} * ({units} // {m})"
        forms.append((f"{_times(k, units)} + {part}" if k else part, partial(_share, k, j, m, 0)))
    for k, m in product(range(1, 13), repeat=2):
        text = f"{_times(k, units)} + {_times(m, features)}"
        forms.append((text, partial(_linear, k, m, 0)))
    for k, c in product(range(1, 13), range(-64, 257)):
        if c:
            text = f"{_times(k, units)} {'+' if c > 0 else '-'} {abs(c)}"
            forms.append((text, partial(_linear, k, 0, c)))
    for k, m, c in product(range(1, 9), range(2, 9), range(1, 17)):
        text = f"{_times(k, units)} + {units} // {m} + {c}"
        forms.append((text, partial(_share, k, 1, m, c)))
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

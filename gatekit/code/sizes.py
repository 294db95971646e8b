"""Sizes that know how they depend on the layer's, to write ``4 * units``, not 256."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import cycle, product
from typing import Any, TypeVar

from gatekit.cell.errors import GatekitError
from gatekit.cell.graph import Cell, build
from gatekit.cell.language.expression import Expr, evaluate
from gatekit.cell.language.parse import parse

from .identifiers import number

Powers = tuple[tuple[str, int], ...]
"""The factors of a product, as templates such as ``{units}``, and how often each occurs."""
FACTORS = ((3, 5), (5, 7), (7, 11), (11, 3))
"""Factors of units and features: multiples of sizes keep their divisors."""
_VARIED = ((12, 5), (8, 7), (18, 11), (30, 7))
_OF_CONSTANTS = ((3, 2, 4), (2, 4, 1), (2, 3, 3), (3, 2, 2))
"""Factors where constants have other values, too."""
_LAST = ("{units}", "{width}", "{features}")
T = TypeVar("T")


class Dim(int):
    """A whole number with its formula, which arithmetic keeps: ``units + 2 * rank``.

    Attributes:
        terms: the formula as a sum: the coefficient of each product of sizes.
    """

    terms: Mapping[Powers, Fraction]

    @staticmethod
    def named(name: str, value: int) -> Dim:
        """Return a size with a name."""
        return _computed(f"{{{name}}}", value)

    def text(self, names: Mapping[str, str]) -> str:
        """Return the formula as code, given the text of each name."""
        return _template(self, [*names]).format(**names)

    @property
    def expr(self) -> Expr:
        """The formula as an expression."""
        return parse(_template(self).replace("{", "").replace("}", ""), {}, sizes=True)

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        return _dim(int(self) + int(other), [*self.terms.items(), *_terms(other)])

    def __sub__(self, other: Any) -> Any:
        return self + -1 * other if isinstance(other, int) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return other + -1 * self if isinstance(other, int) else NotImplemented

    def __neg__(self) -> Any:
        return -1 * self

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, float):
            return _Multiple(self, other)
        if not isinstance(other, int):
            return NotImplemented
        terms = [
            (_joined(one, two), k * n)
            for (one, k), (two, n) in product(self.terms.items(), _terms(other))
        ]
        return _dim(int(self) * int(other), terms)

    def __floordiv__(self, other: Any) -> Any:
        return _divided(self, other) if isinstance(other, int) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Any:
        return _divided(other, self) if isinstance(other, int) else NotImplemented

    def __truediv__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        return int(self) / other if self % other else self // other

    def __pow__(self, power: Any, modulo: Any = None) -> Any:
        if not isinstance(power, int):
            return NotImplemented
        return math.prod([self] * power) if power > 0 else int(self) ** power

    __radd__, __rmul__ = __add__, __mul__


class _Multiple(float):
    """A size times a number that is not whole, to be rounded."""

    size: Dim
    by: Fraction

    def __new__(cls, size: Dim, by: float) -> _Multiple:
        made = super().__new__(cls, int(size) * by)
        made.size, made.by = size, Fraction(by).limit_denominator(100)
        return made

    def __round__(self, digits: Any = None) -> Any:
        top, over = self.size * self.by.numerator, self.by.denominator
        if not math.isclose(top / over, self, rel_tol=1e-12):
            return round(float(self))
        text = _template(top) if len(top.terms) == 1 else f"({_template(top)})"
        return top if over == 1 else _computed(f"round({text} / {over})", round(float(self)))


def size_text(value: float, names: Mapping[str, str]) -> str:
    """Return a number as code: a size by its formula, given the text of each name."""
    return value.text(names) if isinstance(value, Dim) else number(value)


def bound_text(value: float, units: int, features: int, names: Mapping[str, str]) -> str:
    """Return a bound of initial values as code: ``c / n``, its root, its negative, or 1 minus it.

    Initializers compute bounds with NumPy and ``math``, which lose the formula of a size n.
    """
    sizes = [n for n in (units, features, units + features, 2 * units) if isinstance(n, Dim)]
    for c, n in product((1, 2, 3, 6, 0.5, 4, 5, 8), sizes):
        text = n.text(names)
        share = f"{c} / ({text})" if " " in text else f"{c} / {text}"
        for code, found in ((share, c / int(n)), (f"math.sqrt({share})", math.sqrt(c / int(n)))):
            forms = ((code, found), (f"-{code}", -found), (f"1 - {code}", 1 - found))
            for form, equal in forms:
                if math.isclose(equal, value, rel_tol=1e-12):
                    return form
    return size_text(value, names)


def agreed(texts: Iterable[T]) -> T | None:
    """Return the first text that is the same at two sizes, or None if there is none.

    At one size, two widths may be equal by chance. And at every size there are other numbers where
    a plugin computes with sizes in a way that loses their formulas.
    """
    seen: list[T] = []
    for text in texts:
        if text in seen:
            return text
        seen.append(text)
    return None


def at_sizes(cell: Cell, constants: Collection[str] = ()) -> Iterator[Cell]:
    """Yield the cell at multiples of its sizes, which have names there.

    Args:
        cell: the built cell.
        constants: the names of constants that are sizes, too.
    """
    for (u, f), more in zip(_VARIED if constants else FACTORS, _OF_CONSTANTS, strict=True):
        factors = dict(zip(constants, cycle(more), strict=False))
        values = tuple(
            (name, Dim.named(name, int(value) * factors[name]) if name in factors else value)
            for name, value in cell.spec.constants
        )
        spec = replace(cell.spec, constants=values)
        sizes = Dim.named("units", cell.units * u), Dim.named("features", cell.features * f)
        with suppress(GatekitError):
            named = build(spec, *sizes, cell.output.spec)
            found = [_valued(n, cell.constants) for n in _widths(named)]
            # A division of the multiples may have no remainder where that of the sizes has one.
            if found == _widths(cell):
                yield named


def _widths(cell: Cell) -> list[int]:
    shapes = (*cell.shapes.values(), *(weight.shape for weight in cell.weights))
    return [n for shape in shapes for n in shape]


def _valued(n: int, sizes: Mapping[str, float]) -> Any:
    return evaluate(n.expr, sizes, {}) if isinstance(n, Dim) else n


def size_constants(cell: Cell) -> list[str]:
    """Return the names of the constants that are sizes: the shape of a signal or weight varies."""
    whole = [name for name, v in cell.spec.constants if type(v) is int and v > 0]
    named = next(at_sizes(cell, whole), None)
    read = "" if named is None else " ".join(map(_template, _widths(named)))
    return [name for name in whole if f"{{{name}}}" in read]


def _terms(value: int) -> list[tuple[Powers, Fraction]]:
    return [*value.terms.items()] if isinstance(value, Dim) else [((), Fraction(value))]


def _dim(value: int, terms: list[tuple[Powers, Fraction]]) -> int:
    """Return a number with a formula, given terms of which several may have the same product."""
    whole: dict[Powers, Fraction] = {}
    for powers, k in terms:
        whole[powers] = whole.get(powers, Fraction(0)) + k
    dim = Dim(value)
    dim.terms = {powers: k for powers, k in whole.items() if k}
    return dim if any(dim.terms) else value


def _computed(code: str, value: int) -> Dim:
    dim = Dim(value)
    dim.terms = {((code, 1),): Fraction(1)}
    return dim


def _joined(one: Powers, two: Powers) -> Powers:
    powers = dict(one)
    for name, power in two:
        powers[name] = powers.get(name, 0) + power
    return tuple(sorted((name, power) for name, power in powers.items() if power))


def _divided(one: int, two: int) -> int:
    """Return a floor division; where nothing is left over, it is a product with an inverse."""
    value, by = int(one) // int(two), _terms(two)
    if int(one) % int(two) == 0 and len(by) == 1:
        powers = tuple((name, -power) for name, power in by[0][0])
        return _dim(value, [(_joined(each, powers), k / by[0][1]) for each, k in _terms(one)])
    return _computed(f"({_operand(one)} // {_operand(two)})", value)


def _operand(value: int) -> str:
    text = _template(value)
    return f"({text})" if " " in text else text


def _template(value: int, names: Sequence[str] = ("units", "width", "features")) -> str:
    """Return a formula as code with places for names, given the names in their order in sums."""
    order = [f"{{{name}}}" for name in names]

    def place(name: str) -> int:
        return order.index(name) if name in order else len(order)

    def written(powers: Powers, k: Fraction) -> str:
        # Units and features come after their factors: 2 * rank * units.
        ordered = sorted(powers, key=lambda each: (each[0] in _LAST, place(each[0])))
        above = [name for name, power in ordered for _ in range(power)]
        below = [name for name, power in ordered for _ in range(-power)]
        below[:0] = [str(k.denominator)] if k.denominator > 1 else []
        count = [str(k.numerator)] if k.numerator != 1 or not above else []
        if not below:
            return " * ".join(count + above)
        by = f"({' * '.join(below)})" if len(below) > 1 else below[0]
        share = f"{' * '.join(above or count)} // {by}"
        return f"{count[0]} * ({share})" if above and count else share

    terms = sorted(
        _terms(value), key=lambda each: sorted(place(n) for n, _ in each[0]) or [len(order) + 1]
    )
    whole = all(k.denominator == 1 and min(dict(p).values(), default=1) > 0 for p, k in terms)
    for name in order if whole and len(terms) > 1 else ():
        if all(name in dict(powers) for powers, _ in terms):
            rest = _dim(0, [(_joined(powers, ((name, -1),)), k) for powers, k in terms])
            return f"{name} * ({_template(rest, names)})"
    text = " + ".join(written(*term) for term in terms)
    return text.replace("-1 * ", "-").replace("+ -", "- ")

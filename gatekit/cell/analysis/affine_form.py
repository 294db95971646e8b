"""Affine forms in the previous values of some states, and the arithmetic that keeps them affine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gatekit.cell.language.expression import Binary, Expr, Neg, Number, walk


class NotAffineError(Exception):
    """An expression is not affine in the given previous values; the message is the reason."""


@dataclass(frozen=True)
class Form:
    """``sum_j of[s_j] * s_j + rest``; a missing entry is zero."""

    of: Mapping[str, Expr]
    rest: Expr | None

    @property
    def known(self) -> Expr:
        """The rest; 0 if it is missing."""
        return Number(0) if self.rest is None else self.rest

    def map(self, change: Callable[[Expr], Expr]) -> Form:
        """Return the form with a change applied to every coefficient and to the rest."""
        rest = None if self.rest is None else change(self.rest)
        return Form({name: change(a) for name, a in self.of.items()}, rest)

    def negated(self) -> Form:
        """Return minus the form."""
        return self.map(lambda e: -e)

    def plus(self, other: Form) -> Form:
        """Return the sum."""
        keys = dict.fromkeys([*self.of, *other.of])
        of = {key: plus(self.of.get(key), other.of.get(key)) for key in keys}
        coefficients = {key: expr for key, expr in of.items() if expr is not None}
        return Form(coefficients, plus(self.rest, other.rest))

    def size(self) -> int:
        """Return the number of parts in all expressions of the form."""
        parts = [*self.of.values(), *([] if self.rest is None else [self.rest])]
        return sum(1 for part in parts for _ in walk(part))


def combine(op: str, left: Form, right: Form, where: str) -> Form:
    """Return the form of an operation on two forms.

    Raises:
        NotAffineError: the result is not affine.
    """
    if not left.of and not right.of:
        return Form({}, Binary(op, left.known, right.known))
    if op in "+-":
        return left.plus(right if op == "+" else right.negated())
    if op == "*" and not (left.of and right.of):
        form, factor = (left, right.known) if left.of else (right, left.known)
        return form.map(lambda e: times(e, factor) if left.of else times(factor, e))
    if op == "/" and not right.of:
        return left.map(lambda e: e / right.known)
    raise NotAffineError(f"{where} is not linear in {first_of([left, right])}_prev")


def first_of(forms: list[Form]) -> str:
    """Return the first state that one of the forms contains."""
    return next(name for form in forms for name in form.of)


def times(a: Expr, b: Expr) -> Expr:
    """Return the product of two expressions, simplified if a factor is 1 or -1."""
    for one, other in ((a, b), (b, a)):
        if one == Number(-1):
            return other.operand if isinstance(other, Neg) else -other
    if Number(1) in (a, b):
        return b if a == Number(1) else a
    return a * b


def plus(a: Expr | None, b: Expr | None) -> Expr | None:
    """Return the sum of two expressions; None stands for zero."""
    if a is None or b is None:
        return b if a is None else a
    return a - b.operand if isinstance(b, Neg) else a + b

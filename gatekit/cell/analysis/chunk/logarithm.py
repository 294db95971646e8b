r"""Logarithms of decays, derived from their equations instead of computed from their values.

A decay that underflows to 0 has the logarithm $-\infty$, and the gradient of $\exp(\sum \log a)$
would be NaN. The logarithm of $\sigma(x)$ is $\log\sigma(x)$, which is finite for every x.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gatekit.cell.analysis.affine_form import NotAffineError
from gatekit.cell.language.expression import OPERATORS, Binary, Call, Expr, Name, Neg, Number
from gatekit.cell.language.ops import FUNCTIONS, Facts
from gatekit.cell.language.shape import Shape

_LEAST = 1e-37


class Logarithms:
    """Derives logarithms.

    Args:
        definition: returns the expression that computes a name, or that a function of a plugin
            consists of; None for anything else.
        positive: returns whether a name is a parameter whose map makes it positive.
        visit: counts a visited part, and raises if there were too many.
        axes: returns the shape of an expression.
    """

    def __init__(
        self,
        definition: Callable[[Expr], Expr | None],
        positive: Callable[[str], bool],
        visit: Callable[[], None],
        axes: Callable[[Expr], Shape],
    ) -> None:
        self.definition, self.positive = definition, positive
        self.visit, self.axes = visit, axes

    def of(self, expr: Expr) -> list[Expr]:
        """Return the summands of the logarithm; there are none if the value is 1.

        Raises:
            NotAffineError: the expression may be zero or negative.
        """
        self.visit()
        value = constant(expr)
        if value is not None and value > 0:
            return [] if value == 1 else [number(math.log(value))]
        if isinstance(expr, Binary):
            summands = self.binary(expr)
            if summands is not None:
                return summands
        if isinstance(expr, Name) and self.positive(expr.name):
            # The map makes the weight positive; `_LEAST` replaces an underflow to 0.
            return [Call("log", (Call("maximum", (expr, Number(_LEAST))),))]
        definition = self.definition(expr)
        if definition is not None:
            return self.of(definition)
        if isinstance(expr, Call):
            inner = expr.args[0]
            facts = facts_of(expr)
            if facts.log is not None:
                return [facts.log(inner)]
            if facts.power is not None:
                return [Number(facts.power) * part for part in self.of(inner)]
            if facts.moves:
                return [placed(expr, part, self.axes) for part in self.of(inner)]
            if expr.function == "outer":
                left, right = expr.args
                columns: list[Expr] = [Call("column", (part,)) for part in self.of(left)]
                return columns + [Call("row", (part,)) for part in self.of(right)]
        raise NotAffineError(f"the decay {expr} may be zero or negative: its logarithm is unknown")

    def binary(self, expr: Binary) -> list[Expr] | None:
        """Return the summands of an operation's logarithm; None if no rule fits."""
        left, right = expr.left, expr.right
        if expr.op == "*":
            if left == Number(1) or right == Number(1):
                return self.of(right if left == Number(1) else left)
            return self.of(left) + self.of(right)
        if expr.op == "/":
            return self.of(left) + [-part for part in self.of(right)]
        if expr.op == "**" and constant(right) is not None:
            return [right * part for part in self.of(left)]
        if expr.op == "+" and Number(0) in (left, right):
            return self.of(right if left == Number(0) else left)
        if expr.op == "-" and left == Number(1):
            return self.complement(right)
        if expr.op == "+":
            least = [constant(side) or 0.0 for side in (left, right)]
            others = [side for side in (left, right) if constant(side) is None]
            if max(least) > 0 and min(least) >= 0 and all(map(self.not_negative, others)):
                return [Call("log", (expr,))]
        return None

    def complement(self, expr: Expr) -> list[Expr] | None:
        """Return the summands of the logarithm of ``1 - expr``."""
        if isinstance(expr, Call):
            facts = facts_of(expr)
            if facts.log_of_rest is not None:
                return [facts.log_of_rest(expr.args[0])]
            if facts.moves:
                inner = self.complement(expr.args[0])
                if inner is None:
                    return None
                return [placed(expr, part, self.axes) for part in inner]
        definition = self.definition(expr)
        return None if definition is None else self.complement(definition)

    def not_negative(self, expr: Expr) -> bool:
        """Return whether a value can never be negative."""
        self.visit()
        value = constant(expr)
        if value is not None:
            return value >= 0
        if isinstance(expr, Binary):
            inner = self.not_negative(expr.left) and self.not_negative(expr.right)
            return expr.op in "+*/" and inner
        if isinstance(expr, Call) and facts_of(expr).moves:
            return self.not_negative(expr.args[0])
        function = FUNCTIONS.get(expr.function) if isinstance(expr, Call) else None
        if function is not None and function.range is not None:
            return function.range[0] >= 0
        definition = self.definition(expr)
        return definition is not None and self.not_negative(definition)


def facts_of(call: Call) -> Facts:
    """Return what is known of a called function; nothing of one that is not gatekit's."""
    return FUNCTIONS[call.function].facts if call.function in FUNCTIONS else Facts()


def constant(expr: Expr) -> float | None:
    """Return the value of a constant expression; None if it is not constant."""
    if isinstance(expr, Neg):
        value = constant(expr.operand)
        return None if value is None else -value
    if isinstance(expr, Binary) and expr.op in "+-*/":
        left, right = constant(expr.left), constant(expr.right)
        if left is None or right is None or (expr.op == "/" and not right):
            return None
        return float(OPERATORS[expr.op](left, right))
    return float(expr.value) if isinstance(expr, Number) else None


def number(value: float) -> Expr:
    """Return a number as an expression."""
    return Number(value) if value >= 0 else Neg(Number(-value))


def placed(call: Call, inner: Expr, axes: Callable[[Expr], Shape]) -> Expr:
    """Return a call with its first argument replaced by a part of that argument.

    Args:
        call: a call of a function that only moves elements.
        inner: the part; it is narrower if the argument repeats it. A plain number is returned
            unchanged.
        axes: returns the shape of an expression.

    Raises:
        NotAffineError: the part is repeated along an axis that the function joins to another.
    """
    if constant(inner) is not None:
        return inner
    whole, narrow = axes(call.args[0]), axes(inner)
    if call.function == "flat" and narrow != whole and math.prod(narrow) > 1:
        raise NotAffineError(f"the decay {call} repeats {inner} along one of the axes")
    if narrow[-1:] == (1,) and whole[-1:] != (1,) and call.function in ("repeat", "split"):
        return inner if call.function == "repeat" else Call("column", (inner,))
    return Call(call.function, (inner, *call.args[1:]))

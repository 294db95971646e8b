"""Expressions: the small immutable trees that equations, reads and gates consist of."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

_SUM, _PRODUCT, _NEGATION, _POWER, _ATOM = 1, 2, 3, 4, 5
_PRECEDENCE = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "//": _PRODUCT, "**": _POWER}


class NotAnExpressionError(TypeError):
    """A signal was used in a way that expressions do not support."""


def _refuse(what: str) -> NoReturn:
    raise NotAnExpressionError(what)


class Expr:
    """Base of the five kinds of node; Python's arithmetic on expressions builds larger ones.

    An expression has no value yet, so an ``if``, an order comparison or a conversion to an array
    raises NotAnExpressionError; NumPy's functions raise a TypeError.
    """

    __slots__ = ()
    # NumPy must not spread an expression over an array's elements.
    __array_ufunc__ = None

    def __add__(self, other: object) -> Expr:
        return Binary("+", self, lift(other))

    def __radd__(self, other: object) -> Expr:
        return Binary("+", lift(other), self)

    def __sub__(self, other: object) -> Expr:
        return Binary("-", self, lift(other))

    def __rsub__(self, other: object) -> Expr:
        return Binary("-", lift(other), self)

    def __mul__(self, other: object) -> Expr:
        return Binary("*", self, lift(other))

    def __rmul__(self, other: object) -> Expr:
        return Binary("*", lift(other), self)

    def __truediv__(self, other: object) -> Expr:
        return Binary("/", self, lift(other))

    def __rtruediv__(self, other: object) -> Expr:
        return Binary("/", lift(other), self)

    def __floordiv__(self, other: object) -> Expr:
        return Binary("//", self, lift(other))

    def __pow__(self, other: object) -> Expr:
        return Binary("**", self, lift(other))

    def __rpow__(self, other: object) -> Expr:
        return Binary("**", lift(other), self)

    def __neg__(self) -> Expr:
        return Neg(self)

    def __bool__(self) -> NoReturn:
        _refuse("an expression cannot be true or false: a gate may not branch on its arguments")

    def __iter__(self) -> NoReturn:
        _refuse("an expression has no elements: a gate may not loop over its arguments")

    def __lt__(self, other: object) -> NoReturn:
        _refuse("a signal has no value yet, and cannot be compared")

    __le__ = __gt__ = __ge__ = __lt__

    def __float__(self) -> NoReturn:
        _refuse("an expression is not a number: it has a value for each unit")

    def __getitem__(self, key: object) -> NoReturn:
        _refuse("a signal cannot be indexed: gatekit handles rows, steps and units")

    def __abs__(self, *_: object) -> NoReturn:
        _refuse("Python's functions of numbers cannot compute with signals")

    __round__ = __trunc__ = __abs__

    def __array__(self, *_: object, **__: object) -> NoReturn:
        _refuse("a signal has no value yet, and is not an array")


@dataclass(frozen=True, slots=True)
class Number(Expr):
    """A finite constant; ``1.0`` becomes ``1``, so both spellings are the same expression."""

    value: int | float

    def __post_init__(self) -> None:
        if isinstance(self.value, float) and self.value.is_integer() and abs(self.value) < 1e15:
            object.__setattr__(self, "value", int(self.value))

    def __str__(self) -> str:
        return render(self)


@dataclass(frozen=True, slots=True)
class Name(Expr):
    """A signal, a previous value (``h_prev``), an input, a parameter, a constant or a size."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Neg(Expr):
    """Unary minus."""

    operand: Expr

    def __str__(self) -> str:
        return render(self)


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """One of ``+ - * / **``, and ``//`` of sizes and constants."""

    op: str
    left: Expr
    right: Expr

    def __str__(self) -> str:
        return render(self)


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A function of the table applied to expressions."""

    function: str
    args: tuple[Expr, ...]

    def __str__(self) -> str:
        return render(self)


def lift(value: object) -> Expr:
    """Return the value as an expression.

    Raises:
        TypeError: the value is neither an expression nor an int or float; a boolean is refused.
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Number(value) if value >= 0 else Neg(Number(-value))
    raise TypeError(f"{value!r} cannot be part of an expression")


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the direct sub-expressions, left to right."""
    if isinstance(expr, Neg):
        return (expr.operand,)
    if isinstance(expr, Binary):
        return (expr.left, expr.right)
    if isinstance(expr, Call):
        return expr.args
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield the expression and all its sub-expressions, parents first."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Binary):
            stack += (node.right, node.left)
        elif not isinstance(node, (Name, Number)):
            stack.extend(reversed(children(node)))


def names(expr: Expr) -> tuple[str, ...]:
    """Return the names that the expression reads, each once, in order of appearance."""
    if isinstance(expr, Name):
        return (expr.name,)
    return tuple(dict.fromkeys([node.name for node in walk(expr) if isinstance(node, Name)]))


def substitute(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """Return the expression with names replaced by expressions; unchanged parts are shared."""
    if isinstance(expr, Name):
        return values.get(expr.name, expr)
    if isinstance(expr, Binary):
        left, right = substitute(expr.left, values), substitute(expr.right, values)
        same = left is expr.left and right is expr.right
        return expr if same else Binary(expr.op, left, right)
    if isinstance(expr, Neg):
        operand = substitute(expr.operand, values)
        return expr if operand is expr.operand else Neg(operand)
    if isinstance(expr, Call):
        args = tuple(substitute(arg, values) for arg in expr.args)
        same = all(new is old for new, old in zip(args, expr.args, strict=True))
        return expr if same else Call(expr.function, args)
    return expr


def replaced(expr: Expr, part: Expr, by: Expr) -> Expr:
    """Return the expression with each occurrence of a part replaced; unchanged parts are shared."""
    if expr == part:
        return by
    old = children(expr)
    new = tuple(replaced(child, part, by) for child in old)
    same = all(one is other for one, other in zip(old, new, strict=True))
    return expr if same else with_children(expr, new)


def with_children(expr: Expr, inner: tuple[Expr, ...]) -> Expr:
    """Return the expression with other direct sub-expressions."""
    if isinstance(expr, Neg):
        return Neg(*inner)
    if isinstance(expr, Binary):
        return Binary(expr.op, *inner)
    if isinstance(expr, Call):
        return Call(expr.function, inner)
    return expr


def divided(expr: Expr) -> Expr:
    """Return the expression with each floor division of numbers, ``8 // 4``, computed."""
    if isinstance(expr, Name | Number):
        return expr
    inner = tuple(divided(child) for child in children(expr))
    if isinstance(expr, Binary) and expr.op == "//":
        left, right = inner
        if isinstance(left, Number) and isinstance(right, Number) and right.value:
            return Number(left.value // right.value)
    same = all(new is old for new, old in zip(inner, children(expr), strict=True))
    return expr if same else with_children(expr, inner)


def total(parts: Sequence[Expr]) -> Expr | None:
    """Return the sum of expressions, from left to right; None if there are none."""
    total: Expr | None = None
    for part in parts:
        total = part if total is None else total + part
    return total


OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "**": operator.pow,
}


def evaluate(
    expr: Expr, env: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
) -> Any:
    """Return the value of the expression, computed by the backend of the values in ``env``.

    Args:
        expr: the expression.
        env: a value for each name; arrays are ``... x width``.
        functions: the function table, by name.
    """
    if isinstance(expr, Number):
        return expr.value
    if isinstance(expr, Name):
        return env[expr.name]
    return applied(expr, [evaluate(child, env, functions) for child in children(expr)], functions)


def applied(expr: Expr, inner: Sequence[Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    """Return the value of an expression, given those of its children."""
    if isinstance(expr, Neg):
        return -inner[0]
    if isinstance(expr, Binary):
        return OPERATORS[expr.op](*inner)
    assert isinstance(expr, Call)
    return functions[expr.function](*inner)


def precedence(expr: Expr) -> int:
    """Return how tightly the outermost operator binds, from 1 for sums to 5 for atoms."""
    if isinstance(expr, Binary):
        return _PRECEDENCE[expr.op]
    return _NEGATION if isinstance(expr, Neg) else _ATOM


def render(expr: Expr, space: str = "") -> str:
    """Return the expression as a string with as few parentheses as possible.

    Args:
        expr: the expression.
        space: the string around ``+``, ``-``, ``*`` and ``/``; empty in the canonical form. If it
            is not empty, numbers are shown without the rounding error of floats.
    """
    if isinstance(expr, Number):
        return _readable(expr.value) if space else repr(expr.value)
    if isinstance(expr, Name):
        return expr.name
    if isinstance(expr, Call):
        return f"{expr.function}({f',{space}'.join(render(arg, space) for arg in expr.args)})"
    if isinstance(expr, Neg):
        return "-" + _wrapped(expr.operand, _NEGATION, space)
    assert isinstance(expr, Binary)
    binding = _PRECEDENCE[expr.op]
    if expr.op == "**":
        return _wrapped(expr.left, _ATOM, space) + "**" + _wrapped(expr.right, _NEGATION, space)
    left = _wrapped(expr.left, binding, space)
    return f"{left}{space}{expr.op}{space}{_wrapped(expr.right, binding + 1, space)}"


def _readable(value: float) -> str:
    """Return a number as a string without the rounding error of floats, such as 0.4."""
    short = repr(Number(float(f"{value:.12g}")).value) if isinstance(value, float) else repr(value)
    return short if len(short) <= len(repr(value)) - 8 else repr(value)


def _wrapped(expr: Expr, least: int, space: str) -> str:
    text = render(expr, space)
    return text if precedence(expr) >= least else f"({text})"

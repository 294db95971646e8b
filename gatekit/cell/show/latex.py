"""LaTeX of expressions."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gatekit.cell.errors import CellError, PluginError
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Neg,
    Number,
    names,
    substitute,
)
from gatekit.cell.language.ops import FUNCTIONS, Function
from gatekit.cell.language.shape import Shape, infer
from gatekit.faults import Place

_SUM, _TERM, _PRODUCT, _NEGATION, _POWER, _ATOM = 1, 2, 3, 4, 5, 6
GREEK = frozenset(
    {
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
        *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi"),
        "omega",
    }
)
"""The names of Greek letters, for which LaTeX has commands."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Notation:
    """How names are written.

    Attributes:
        symbols: LaTeX by name; any other name is a signal of step t, or of step t - 1 for
            ``NAME_prev``.
        products: names whose symbol is a matrix product, which a factor must not split.
        shapes: shapes by name; a name without a shape is a vector.
        constants: numbers by name; shapes are inferred with these values.
        functions: the functions by name, with their LaTeX templates.
    """

    symbols: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    products: frozenset[str] = frozenset()
    shapes: Mapping[str, Shape | None] = field(default_factory=lambda: _NOTHING)
    constants: Mapping[str, Expr] = field(default_factory=lambda: _NOTHING)
    functions: Mapping[str, Function] = field(default_factory=lambda: FUNCTIONS)

    def scalar(self, expr: Expr) -> bool:
        """Return whether the expression is a plain number or one unit wide."""
        known = substitute(expr, self.constants)
        shapes = {name: self.shapes.get(name, (2,)) for name in names(known)}
        try:
            return infer(known, shapes, self.functions, Place(("latex",))) in ((), (1,))
        except CellError:
            # Without a cell, the true widths are not known; most signals are vectors.
            return False


def latex(expr: Expr, notation: Notation | None = None) -> str:
    """Return the expression in LaTeX, with as few parentheses as possible.

    Products of two vectors are written with a circled dot, products with a scalar by juxtaposition,
    quotients as fractions.

    Args:
        expr: the expression.
        notation: how names are written; by default every name is a vector-valued signal.

    Returns:
        LaTeX for math mode.

    Raises:
        PluginError: the template of a function is not valid.
    """
    return _Writer(notation or Notation()).text(expr)


def symbol(name: str) -> str:
    """Return a name in LaTeX without its time: a letter in italics, longer names upright."""
    owner, _, part = name.rpartition(".")
    if owner:
        return f"{symbol(part)},{symbol(owner)}"
    if name in GREEK:
        return f"\\{name}"
    return name if len(name) == 1 else r"\mathrm{" + name.replace("_", r"\_") + "}"


def signal(name: str) -> str:
    """Return a signal in LaTeX with its time index: ``h_prev`` is ``h_{t-1}``.

    A gate's own state, ``forget.k``, is indexed by its gate, too.
    """
    owner, _, name_in_gate = name.rpartition(".")
    time = "t"
    if name_in_gate.endswith("_prev"):
        name_in_gate, time = name_in_gate.removesuffix("_prev"), "t-1"
    if owner:
        return f"{symbol(name_in_gate)}_{{{symbol(owner)},{time}}}"
    return f"{symbol(name_in_gate)}_t" if time == "t" else f"{symbol(name_in_gate)}_{{{time}}}"


def factor(expr: Expr, notation: Notation) -> str:
    """Return the expression in LaTeX, in parentheses if a matrix in front of it needs them."""
    return _Writer(notation).wrapped(expr, _POWER)


class _Writer:
    def __init__(self, notation: Notation) -> None:
        self.notation = notation
        self.scalars: dict[int, bool] = {}

    def text(self, expr: Expr) -> str:
        if isinstance(expr, Number):
            return _number(expr.value)
        if isinstance(expr, Name):
            return self.notation.symbols.get(expr.name, signal(expr.name))
        if isinstance(expr, Neg):
            return "-" + self.wrapped(expr.operand, _PRODUCT, first=False)
        if isinstance(expr, Call):
            return self.call(expr)
        assert isinstance(expr, Binary)
        left, right = expr.left, expr.right
        if expr.op == "/":
            return rf"\frac{{{self.text(left)}}}{{{self.text(right)}}}"
        if expr.op == "//":
            fraction = rf"\frac{{{self.text(left)}}}{{{self.text(right)}}}"
            return rf"\left\lfloor {fraction} \right\rfloor"
        if expr.op == "**":
            return f"{self.wrapped(left, _ATOM)}^{{{self.text(right)}}}"
        if expr.op == "*":
            return self.product(left, right)
        least = _SUM if expr.op == "+" else _TERM
        return f"{self.wrapped(left, _SUM)} {expr.op} {self.wrapped(right, least, first=False)}"

    def scalar(self, expr: Expr) -> bool:
        if id(expr) not in self.scalars:
            self.scalars[id(expr)] = self.notation.scalar(expr)
        return self.scalars[id(expr)]

    def product(self, left: Expr, right: Expr) -> str:
        one, other = self.wrapped(left, _PRODUCT), self.wrapped(right, _PRODUCT, first=False)
        if not self.scalar(left) and not self.scalar(right):
            return rf"{one} \odot {other}"
        # Two numbers side by side would read as one.
        return rf"{one} \cdot {other}" if other[0].isdigit() else rf"{one}\,{other}"

    def wrapped(self, expr: Expr, least: int, first: bool = True) -> str:
        text = self.text(expr)
        fits = self.strength(expr, text) >= least and (first or not text.startswith("-"))
        return text if fits else rf"\left({text}\right)"

    def strength(self, expr: Expr, text: str) -> int:
        if isinstance(expr, Name):
            return _TERM if expr.name in self.notation.products else _ATOM
        if isinstance(expr, Number):
            return _NEGATION if text.startswith("-") else _PRODUCT if "^" in text else _ATOM
        if isinstance(expr, Neg):
            return _NEGATION
        if isinstance(expr, Call):
            # Another factor must not split a product such as `matvec`.
            return _TERM if self.bare(expr.function) else _POWER
        assert isinstance(expr, Binary)
        if expr.op in "+-":
            return _SUM
        return _PRODUCT if expr.op == "*" else _POWER

    def bare(self, name: str) -> frozenset[int]:
        """Return the positions of the arguments that a function's template does not enclose."""
        return _bare(self.notation.functions[name])

    def call(self, expr: Call) -> str:
        function = self.notation.functions[expr.function]
        bare = _bare(function)
        args = [
            self.wrapped(arg, _ATOM) if position in bare else self.text(arg)
            for position, arg in enumerate(expr.args)
        ]
        try:
            return _template(function).format(*args)
        except (IndexError, KeyError, ValueError) as error:
            raise _wrong_template(function) from error


def _template(function: Function) -> str:
    if function.latex:
        return function.latex
    holes = ", ".join(f"{{{k}}}" for k in range(function.arity))
    name = function.name.replace("_", r"\_")
    return rf"\operatorname{{{{{name}}}}}\left({holes}\right)"


def _bare(function: Function) -> frozenset[int]:
    depth, positions = 0, set()
    try:
        for literal, hole, _, _ in string.Formatter().parse(_template(function)):
            depth += literal.count(r"\left") - literal.count(r"\right")
            depth += literal.count("{") - literal.count("}")
            if hole is not None and depth == 0:
                positions.add(int(hole))
    except ValueError as error:
        raise _wrong_template(function) from error
    return frozenset(positions)


def _wrong_template(function: Function) -> PluginError:
    return PluginError(
        f"function {function.name!r}: latex={function.latex!r} is not a template of "
        f"{function.arity} argument(s); write {{0}} for the first argument and double "
        r"other braces: \operatorname{{name}}\left({0}\right)"
    )


def _number(value: int | float) -> str:
    text = repr(value)
    if "e" not in text:
        return text
    digits, exponent = text.split("e")
    power = f"10^{{{int(exponent)}}}"
    return power if digits == "1" else rf"{digits} \times {power}"

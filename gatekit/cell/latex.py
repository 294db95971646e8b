"""LaTeX of expressions and of whole cells."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .errors import CellError, PluginError
from .expression import Binary, Call, Expr, Name, Neg, Number, names, substitute
from .graph import BuiltRead, Cell
from .ops import FUNCTIONS, Function
from .shape import Shape, infer
from .unfold import LAYER_NORM, Line, Term, Unfolded, unfold

_SUM, _TERM, _PRODUCT, _NEGATION, _POWER, _ATOM = 1, 2, 3, 4, 5, 6
_GREEK = frozenset(
    ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")
    + ("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi")
    + ("omega",)
)
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_NORM = Function(LAYER_NORM, 1, "units", r"\operatorname{{LN}}\left({0}\right)")


@dataclass(frozen=True)
class Notation:
    """How names are written.

    Args:
        symbols: LaTeX by name; any other name is a signal of step t, ``NAME_prev`` one of t - 1.
        products: names whose symbol is a matrix product, which a further factor must not tear apart.
        shapes: shapes by name; a name without one is a vector.
        constants: numbers by name, which decide widths.
        functions: the function table, whose templates are used.
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
            return infer(known, shapes, self.functions, "latex") in ((), (1,))
        except CellError:
            # Without a cell the true widths are not known; most signals are vectors.
            return False


def latex(expr: Expr, notation: Notation | None = None) -> str:
    """Return the expression in LaTeX, with no parenthesis more than it needs.

    Products of two vectors are written with a circled dot, products with a scalar by juxtaposition,
    quotients as fractions.

    Args:
        expr: the expression.
        notation: how names are written; by default every name is a vector-valued signal.

    Returns:
        LaTeX for math mode.

    Raises:
        PluginError: a function's template is not one.
    """
    return _Writer(notation or Notation()).text(expr)


def symbol(name: str) -> str:
    """Return a name in LaTeX without its time: a Latin or Greek letter in italics, others upright."""
    if name in _GREEK:
        return f"\\{name}"
    return name if len(name) == 1 else r"\mathrm{" + name.replace("_", r"\_") + "}"


def signal(name: str) -> str:
    """Return a signal in LaTeX with its time index: ``h_prev`` is ``h_{t-1}``.

    A gate's own state, ``forget.k``, is indexed by its gate, too.
    """
    owner, _, own = name.rpartition(".")
    time = "t"
    if own.endswith("_prev"):
        own, time = own.removesuffix("_prev"), "t-1"
    if owner:
        return f"{symbol(own)}_{{{symbol(owner)},{time}}}"
    return f"{symbol(own)}_t" if time == "t" else f"{symbol(own)}_{{{time}}}"


def equations(cell: Cell) -> tuple[str, ...]:
    """Return every equation of a cell in LaTeX, ``left &= right``, in the order of computation."""
    unfolded = unfold(cell)
    notation = _notation(cell, unfolded)
    return tuple(_line(line, unfolded, notation) for line in unfolded.lines)


def aligned(cell: Cell) -> str:
    """Return a cell's equations as one ``aligned`` environment for math mode."""
    body = " \\\\\n".join(f"  {line}" for line in equations(cell))
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _line(line: Line, unfolded: Unfolded, notation: Notation) -> str:
    inline = {
        key: term.read.expr
        for key, term in unfolded.terms.items()
        if term.read is not None and term.read.map_kind == "identity"
    }
    left = notation.symbols.get(line.name, signal(line.name))
    if line.opaque and isinstance(line.expr, Call):
        function = Function(line.expr.function, len(line.expr.args), "units")
        functions = {**notation.functions, function.name: function}
        notation = Notation(
            notation.symbols, notation.products, notation.shapes, notation.constants, functions
        )
    return f"{left} &= {latex(substitute(line.expr, inline), notation)}"


def _notation(cell: Cell, unfolded: Unfolded) -> Notation:
    symbols: dict[str, str] = {"t": "t"}
    for constant in cell.constants:
        symbols[constant] = symbol(constant)
    for weight in cell.weights:
        owner, _, own = weight.name.rpartition(".")
        if weight.kind == "norm":
            symbols[weight.name] = _norm_symbol(weight.name)
        elif weight.kind == "parameter":
            symbols[weight.name] = symbol(own) + (f"_{{{symbol(owner)}}}" if owner else "")
    for name in cell.widths:
        symbols[f"{name}.pre"] = f"a_{{{symbol(name)},t}}"
    symbols["output_unit.pre"] = symbols["y.pre"] = "a_{y,t}"
    for name, length in cell.output.histories:
        first = f"{symbol(name)}_{{t-{length - 1}}}" if length > 1 else signal(name)
        last = rf", \dots, {signal(name)}" if length > 1 else ""
        symbols[f"{name}_history"] = rf"\left[{first}{last}\right]"
    plain = Notation(symbols, shapes=unfolded.shapes, functions=cell.spec.functions)
    for key, term in unfolded.terms.items():
        symbols[key] = _term(term, unfolded, plain)
    constants: dict[str, Expr] = {
        name: Neg(Number(-value)) if value < 0 else Number(value)
        for name, value in cell.constants.items()
    }
    return Notation(
        symbols=symbols,
        products=frozenset(key for key, term in unfolded.terms.items() if term.read is not None),
        shapes=unfolded.shapes,
        constants=constants,
        functions={**cell.spec.functions, LAYER_NORM: _NORM},
    )


def _norm_symbol(weight: str) -> str:
    owner, _, what = weight.rpartition(".")
    gate, _, read = owner.partition(".")
    letter = r"\beta" if what == "offset" else r"\gamma"
    above = symbol(gate)
    return f"{letter}_{{{_subscript(read)}}}^{{{above}}}" if read else f"{letter}^{{{above}}}"


def _subscript(read: str) -> str:
    return symbol(read.removesuffix("_prev")) if read.isidentifier() else rf"\mathrm{{{read}}}"


def _term(term: Term, unfolded: Unfolded, notation: Notation) -> str:
    above = "y" if term.owner == "output_unit" else symbol(term.owner)
    if term.read is None:
        return f"b^{{{above}}}"
    read = term.read
    below = _without_time(read.expr, notation)
    alike = [
        other.read
        for other in unfolded.terms.values()
        if other.owner == term.owner and other.read not in (None, read)
    ]
    if below in [_without_time(other.expr, notation) for other in alike if other is not None]:
        below = latex(read.expr, notation)
    return _mapped(read, f"_{{{below}}}^{{{above}}}", notation)


def _without_time(expr: Expr, notation: Notation) -> str:
    stems = {name: symbol(name.removesuffix("_prev")) for name in names(expr)}
    known = {**stems, **{n: s for n, s in notation.symbols.items() if n in stems}}
    return latex(expr, Notation(known, shapes=notation.shapes, functions=notation.functions))


def _mapped(read: BuiltRead, index: str, notation: Notation) -> str:
    """Return a read's linear map applied to what it reads, in the papers' convention ``W x``."""
    letter = "W" if read.hoisted else "U"
    argument = _Writer(notation).wrapped(read.expr, _POWER)
    if read.map_kind == "diagonal":
        factor = _Writer(notation).wrapped(read.expr, _PRODUCT)
        return rf"p{index} \odot {factor}"
    if read.map_kind == "block":
        return rf"\operatorname{{blockdiag}}\left({letter}{index}\right) {argument}"
    if read.map_kind == "low_rank":
        return f"R{index} L{index} {argument}"
    if read.map_kind == "skew":
        matrix = rf"{letter}{index} - {{{letter}{index}}}^{{\top}}"
        damping = latex(Number(read.map.options().get("gamma", 0)))
        matrix += "" if damping == "0" else rf" - {damping} I"
        return rf"\left({matrix}\right) {argument}"
    if read.map_kind in ("dense", "frozen"):
        return f"{letter}{index} {argument}"
    name = rf"\operatorname{{{read.map_kind}}}".replace("_", r"\_")
    return rf"{name}{index}\left({latex(read.expr, notation)}\right)"


class _Writer:
    def __init__(self, notation: Notation) -> None:
        self.notation = notation

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

    def product(self, left: Expr, right: Expr) -> str:
        one, other = self.wrapped(left, _PRODUCT), self.wrapped(right, _PRODUCT, first=False)
        if not self.notation.scalar(left) and not self.notation.scalar(right):
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
            # A product such as `matvec` must not be torn apart by a further factor.
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
    depth, found = 0, set()
    try:
        for literal, hole, _, _ in string.Formatter().parse(_template(function)):
            depth += literal.count(r"\left") - literal.count(r"\right")
            depth += literal.count("{") - literal.count("}")
            if hole is not None and depth == 0:
                found.add(int(hole))
    except ValueError as error:
        raise _wrong_template(function) from error
    return frozenset(found)


def _wrong_template(function: Function) -> PluginError:
    return PluginError(
        f"function {function.name!r}: latex={function.latex!r} is not a template of "
        f"{function.arity} argument(s); write {{0}} for the first argument and double other braces: "
        r"\operatorname{{name}}\left({0}\right)"
    )


def _number(value: int | float) -> str:
    text = repr(value)
    if "e" not in text:
        return text
    digits, exponent = text.split("e")
    power = f"10^{{{int(exponent)}}}"
    return power if digits == "1" else rf"{digits} \times {power}"

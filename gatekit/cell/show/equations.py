"""LaTeX of whole cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gatekit.cell.graph import BuiltRead, Cell
from gatekit.cell.language.expression import Call, Expr, Neg, Number, names, substitute, walk
from gatekit.cell.language.ops import Function

from .latex import Notation, factor, latex, signal, symbol
from .unfold import LAYER_NORM, Equation, Term, Unfolded, unfold


def equations(cell: Cell) -> tuple[str, ...]:
    """Return every equation of a cell in LaTeX, ``left &= right``, in the order of computation."""
    unfolded = unfold(cell)
    notation = _notation(cell, unfolded)
    inline = {
        key: term.read.expr
        for key, term in unfolded.terms.items()
        if term.read is not None and term.read.map_kind == "identity"
    }
    return tuple(_line(line, inline, notation) for line in unfolded.lines)


def aligned(cell: Cell) -> str:
    """Return a cell's equations as one ``aligned`` environment for math mode."""
    body = " \\\\\n".join(f"  {line}" for line in equations(cell))
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _line(line: Equation, inline: Mapping[str, Expr], notation: Notation) -> str:
    left = notation.symbols.get(line.name, signal(line.name))
    if line.opaque and isinstance(line.expr, Call):
        function = Function(line.expr.function, len(line.expr.args), "units")
        functions = {**notation.functions, function.name: function}
        notation = replace(notation, functions=functions)
    return f"{left} &= {latex(substitute(line.expr, inline), notation)}"


def _notation(cell: Cell, unfolded: Unfolded) -> Notation:
    symbols: dict[str, str] = {"t": "t"}
    for constant in cell.constants:
        symbols[constant] = symbol(constant)
    for weight in cell.weights:
        owner, _, part = weight.name.rpartition(".")
        if weight.kind == "norm":
            symbols[weight.name] = _norm_symbol(weight.name)
        elif weight.kind == "parameter":
            symbols[weight.name] = symbol(part) + (f"_{{{symbol(owner)}}}" if owner else "")
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
        if term.read is not None and term.read.scale is not None:
            below = _read_index(term, unfolded, plain)
            symbols[term.read.scale] = rf"\gamma_{{{below}}}^{{{symbol(term.owner)}}}"
    constants: dict[str, Expr] = {
        name: Neg(Number(-value)) if value < 0 else Number(value)
        for name, value in cell.constants.items()
    }
    return Notation(
        symbols=symbols,
        products=frozenset(key for key, term in unfolded.terms.items() if term.read is not None),
        shapes=unfolded.shapes,
        constants=constants,
        functions={**cell.spec.functions, **_norms(unfolded)},
    )


def _norms(unfolded: Unfolded) -> dict[str, Function]:
    """Return the norms by name; subscripts show shared statistics and a changed epsilon."""
    functions = {}
    for line in unfolded.lines:
        for node in walk(line.expr):
            name = node.function if isinstance(node, Call) else ""
            if name.startswith(LAYER_NORM):
                options = name.removeprefix(LAYER_NORM).strip("[]").split(", ")
                below = ",".join(_norm_option(option) for option in options if option)
                index = f"_{{{below}}}".replace("{", "{{").replace("}", "}}") if below else ""
                template = rf"\operatorname{{{{LN}}}}{index}\left({{0}}\right)"
                functions[name] = Function(name, 1, "units", template)
    return functions


def _norm_option(option: str) -> str:
    _, setting, epsilon = option.partition("epsilon=")
    return rf"\epsilon={latex(Number(float(epsilon)))}" if setting else symbol(option)


def _norm_symbol(weight: str) -> str:
    """Return the symbol of the scale or offset of a norm."""
    owner, _, what = weight.rpartition(".")
    letter = r"\beta" if what == "offset" else r"\gamma"
    return f"{letter}^{{{symbol(owner)}}}"


def _term(term: Term, unfolded: Unfolded, notation: Notation) -> str:
    above = "y" if term.owner == "output_unit" else symbol(term.owner)
    if term.read is None:
        return f"b^{{{above}}}"
    index = f"_{{{_read_index(term, unfolded, notation)}}}^{{{above}}}"
    return _mapped(term.read, index, notation)


def _read_index(term: Term, unfolded: Unfolded, notation: Notation) -> str:
    """Return a read as a subscript, without its time unless another read differs only in time."""
    read = term.read
    assert read is not None
    below = _without_time(read.expr, notation)
    alike = [
        other.read
        for other in unfolded.terms.values()
        if other.owner == term.owner and other.read not in (None, read)
    ]
    if below in [_without_time(other.expr, notation) for other in alike if other is not None]:
        below = latex(read.expr, notation)
    return below


def _without_time(expr: Expr, notation: Notation) -> str:
    stems = {name: symbol(name.removesuffix("_prev")) for name in names(expr)}
    known = {name: notation.symbols.get(name, stem) for name, stem in stems.items()}
    return latex(expr, Notation(known, shapes=notation.shapes, functions=notation.functions))


def _mapped(read: BuiltRead, index: str, notation: Notation) -> str:
    """Return a read's linear map applied to its expression, in the papers' convention ``W x``."""
    letter = "W" if read.hoisted else "U"
    argument = factor(read.expr, notation)
    if read.map_kind == "diagonal":
        return rf"p{index} \odot {argument}"
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

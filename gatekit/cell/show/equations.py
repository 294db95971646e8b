"""LaTeX of whole cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Call, Expr, Neg, Number, names, substitute, walk
from gatekit.cell.language.ops import Function
from gatekit.cell.program import Linear, lower
from gatekit.cell.program.equations import LAYER_NORM, Equation, Equations
from gatekit.cell.schema import OUTPUT_UNIT

from .latex import Notation, factor, latex, signal, symbol


def equations(cell: Cell) -> tuple[str, ...]:
    """Return every equation of a cell in LaTeX, ``left &= right``, in the order of computation."""
    found = Equations(lower(cell))
    notation = _notation(cell, found)
    inline = {name: found.read(op) for name, op in found.linear.items() if op.kind == "identity"}
    return tuple(_line(line, inline, notation) for line in found.lines)


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


def _notation(cell: Cell, found: Equations) -> Notation:
    symbols: dict[str, str] = {"t": "t"}
    for constant in cell.constants:
        symbols[constant] = symbol(constant)
    for weight in cell.weights:
        owner, _, part = weight.name.rpartition(".")
        if weight.kind == "norm":
            symbols[weight.name] = _norm_symbol(weight.name)
        elif weight.kind == "parameter":
            symbols[weight.name] = symbol(part) + (f"_{{{symbol(owner)}}}" if owner else "")
    shapes = dict(found.program.shapes)
    for name, shown in found.repeated.items():
        symbols[shown] = f"a_{{{symbol(shown.removesuffix('.pre'))},t}}"
        shapes[shown] = shapes[name]
    for name, length in cell.output.histories:
        first = f"{symbol(name)}_{{t-{length - 1}}}" if length > 1 else signal(name)
        last = rf", \dots, {signal(name)}" if length > 1 else ""
        symbols[f"{name}_history"] = rf"\left[{first}{last}\right]"
    plain = Notation(symbols, shapes=shapes, functions=cell.spec.functions)
    for name, op in found.linear.items():
        symbols[name] = _mapped(op, found, plain)
    for name, owner in found.biases.items():
        symbols[name] = f"b^{{{_above(owner)}}}"
    for scale, op in found.scales.items():
        symbols[scale] = rf"\gamma_{{{_read_index(op, found, plain)}}}^{{{symbol(op.owner)}}}"
    constants: dict[str, Expr] = {
        name: Neg(Number(-value)) if value < 0 else Number(value)
        for name, value in cell.constants.items()
    }
    return Notation(
        symbols=symbols,
        products=frozenset(found.linear),
        shapes=shapes,
        constants=constants,
        functions={**cell.spec.functions, **_norms(found)},
    )


def _norms(found: Equations) -> dict[str, Function]:
    """Return the norms by name; subscripts show shared statistics and a changed epsilon."""
    functions = {}
    for line in found.lines:
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


def _above(owner: str) -> str:
    """Return the owner of a weight as a superscript."""
    return "y" if owner == OUTPUT_UNIT else symbol(owner)


def _read_index(op: Linear, found: Equations, notation: Notation) -> str:
    """Return a read as a subscript, without its time unless another read differs only in time."""
    read = found.read(op)
    below = _without_time(read, notation)
    alike = [
        found.read(other)
        for other in found.linear.values()
        if other.owner == op.owner and other is not op
    ]
    if below in [_without_time(other, notation) for other in alike]:
        below = latex(read, notation)
    return below


def _without_time(expr: Expr, notation: Notation) -> str:
    stems = {name: symbol(name.removesuffix("_prev")) for name in names(expr)}
    known = {name: notation.symbols.get(name, stem) for name, stem in stems.items()}
    return latex(expr, Notation(known, shapes=notation.shapes, functions=notation.functions))


def _mapped(op: Linear, found: Equations, notation: Notation) -> str:
    """Return a linear map applied to what it reads, in the papers' convention ``W x``."""
    read, program = found.read(op), found.program
    letter = "W" if op.of in program.timeless or op in program.after else "U"
    index = f"_{{{_read_index(op, found, notation)}}}^{{{_above(op.owner)}}}"
    argument = factor(read, notation)
    if op.kind == "diagonal":
        return rf"p{index} \odot {argument}"
    if op.kind == "block":
        return rf"\operatorname{{blockdiag}}\left({letter}{index}\right) {argument}"
    if op.kind == "low_rank":
        return f"R{index} L{index} {argument}"
    if op.kind == "skew":
        matrix = rf"{letter}{index} - {{{letter}{index}}}^{{\top}}"
        damping = latex(Number(op.map.options().get("gamma", 0)))
        matrix += "" if damping == "0" else rf" - {damping} I"
        return rf"\left({matrix}\right) {argument}"
    if op.kind in ("dense", "frozen"):
        return f"{letter}{index} {argument}"
    name = rf"\operatorname{{{op.kind}}}".replace("_", r"\_")
    return rf"{name}{index}\left({latex(read, notation)}\right)"

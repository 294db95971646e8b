"""The boxes of a drawing by column, and the links between them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from gatekit.cell.gate import InlineGate
from gatekit.cell.graph import BuiltRead, Cell, Node
from gatekit.cell.language.expression import Binary, Expr, Name, names, render
from gatekit.cell.program.equations import map_text
from gatekit.cell.schema import EPSILON

from .layout import Link

OUTPUT = "output unit"
_WRAP = 34


@dataclass(frozen=True)
class Drawn:
    """A box to draw: its look, its name, the lines of text below it, and its column."""

    key: str
    look: str
    title: str
    lines: tuple[str, ...]
    column: int


class Boxes:
    """The boxes and links of a cell.

    ``drawn`` has the boxes by key, ``links`` the lines between them, ``bands`` the first and last
    column of each stage, and ``feedback`` the box that each previous value comes from.

    Args:
        cell: the built cell.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        sources = _sources(cell)
        self.drawn = {key: Drawn(key, "source", key, (), 0) for key in sources}
        self._links: dict[tuple[str, str, str], Link] = {}
        self.bands: list[tuple[int, int, int]] = []
        self._add_nodes()
        self._add_output()
        states = {state.name for state in cell.states}
        self.feedback = [
            (key.removesuffix("_prev").split(".")[0], key)
            for key in sources
            if key.endswith("_prev") and key.removesuffix("_prev") in states
        ]

    @property
    def links(self) -> list[Link]:
        """The links, each once."""
        return list(self._links.values())

    @property
    def columns(self) -> int:
        """The number of columns."""
        return max(box.column for box in self.drawn.values()) + 1

    def _add_nodes(self) -> None:
        last = 0
        for stage, signals in enumerate(self._cell.stages()):
            first = last + 1
            for name in signals:
                node = self._cell.node(name)
                column = self._add_reads(node, first)
                self.drawn[name] = Drawn(name, *_look(self._cell, node), column)
                last = max(last, column)
            if signals:
                self.bands.append((stage, first, last))

    def _add_reads(self, node: Node, first: int) -> int:
        """Add the links to a node, and return its column."""
        direct = [key for key in node.operands if not key.startswith("pre:")]
        for key in direct:
            self._link(key, node.name, "thin")
        column = max([first, *(self._after(key) for key in direct)])
        for read in node.reads:
            column = max(column, self._add_read(read, node.name, first))
        return column

    def _add_read(self, read: BuiltRead, target: str, first: int) -> int:
        style = _style(read)
        plain = read.map_kind in ("dense", "diagonal", "identity")
        if plain and isinstance(read.expr, Name):
            self._link(read.expr.name, target, style)
            return self._after(read.expr.name)
        text = (
            render(read.expr, " ")
            if plain
            else f"{map_text(read.map, read.map_kind)}({render(read.expr, ' ')})"
        )
        key = f"read {text}"
        read_names = [name for name in names(read.expr) if name in self.drawn]
        column = max([first, *(self._after(name) for name in read_names)])
        if key not in self.drawn:
            self.drawn[key] = Drawn(key, "read", "", _wrapped(text), column)
            for name in read_names:
                self._link(name, key, "thin")
        self._link(key, target, style)
        return self.drawn[key].column + 1

    def _add_output(self) -> None:
        if self._cell.output.unit.feeds_back:
            return
        out = self._cell.output
        for node in out.projections:
            column = self._add_reads(node, self.columns)
            self.drawn[node.name] = Drawn(node.name, *_look(self._cell, node), column)
        column = self.columns
        for read in out.reads:
            column = max(column, self._add_read(read, OUTPUT, column))
        for _, key in out.arguments:
            self._link(key.removesuffix("_history"), OUTPUT, "thin")
        lines = tuple(f"last {length} of {name}" for name, length in out.histories)
        self.drawn[OUTPUT] = Drawn(
            OUTPUT, "output", "y", (f"output unit {out.kind}", *lines), column
        )

    def _link(self, source: str, target: str, style: str) -> None:
        if source in self.drawn:
            self._links.setdefault((source, target, style), Link(source, target, style))

    def _after(self, key: str) -> int:
        return self.drawn[key].column + 1 if key in self.drawn else 0


def _sources(cell: Cell) -> list[str]:
    """Return the inputs, previous values and step number that the cell reads, in this order."""
    out = [name for read in cell.output.all_reads for name in names(read.expr)]
    out += [key for _, key in cell.output.arguments]
    used = {key for node in cell.nodes for key in (*node.depends, *node.operands)} | set(out)
    keys = [*cell.inputs, *(f"{i}_prev" for i in cell.shifted)]
    keys += [f"{state.name}_prev" for state in cell.states]
    return [key for key in [*keys, "t"] if key in used]


def _style(read: BuiltRead) -> str:
    if not read.weights:
        return "thin"
    return "diagonal" if read.map.row_wise else "dense"


def _look(cell: Cell, node: Node) -> tuple[str, str, tuple[str, ...]]:
    """Return the look, title and lines of a node's box."""
    if node.expr is not None:
        lines = [line for part in _parts(node.expr) for line in _wrapped(part)]
        shape = cell.shapes[node.name]
        matrix = [" x ".join(str(n) for n in shape)] if len(shape) > 1 else []
        return "equation", node.name, (f"= {lines[0]}", *lines[1:], *matrix)
    if node.kind == "norm":
        return "equation", node.name, (f"= layer norm of {node.source}", *_epsilon(node.epsilon))
    if node.kind == "output":
        return "output", node.name, (f"output unit {cell.output.kind}",)
    kind = cell.kind(node)
    gate = node.declared
    lines = list(_wrapped(gate.activation)) if isinstance(gate, InlineGate) else [kind]
    if node.norm is not None:
        lines += [f"layer norm of {node.norm.of}", *_epsilon(node.norm.epsilon)]
    if node.hoisted:
        lines.append("before the loop")
    return "gate", node.name, tuple(lines)


def _epsilon(epsilon: float) -> list[str]:
    return [] if epsilon == EPSILON else [f"epsilon {epsilon:g}"]


def _parts(expr: Expr) -> list[str]:
    """Return the text of an expression; a long sum has a line for each term."""
    whole = render(expr, " ")
    if len(whole) <= _WRAP or not isinstance(expr, Binary) or expr.op not in "+-":
        return [whole]
    return [*_parts(expr.left), whole.removeprefix(render(expr.left, " ")).strip()]


def _wrapped(text: str) -> tuple[str, ...]:
    return tuple(textwrap.wrap(text, _WRAP, break_on_hyphens=False, subsequent_indent="  "))

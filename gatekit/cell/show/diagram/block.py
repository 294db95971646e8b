"""A block around a cell as a self-contained SVG: the block above, the cell's graph below."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from gatekit.cell.block.built_block import BuiltBlock
from gatekit.cell.block.sequence import Operation, Recur, SequenceProgram
from gatekit.cell.language.expression import Binary, Expr, Name, Neg, Number, children, render
from gatekit.cell.show.works import NO_WORKS, Work

from . import svg
from .boxes import Drawn
from .drawing import PORT, box_of, diagram, drawn_box
from .layout import Link, arrange

_MARGIN, _TITLE, _GAP = 24.0, 58.0, 44.0
_SIZE = re.compile(r'width="(\d+)" height="(\d+)" role')


def block_diagram(built: BuiltBlock, known: Mapping[str, Work] = NO_WORKS) -> str:
    """Return a drawing of a block, with the graph of its cell below, as an SVG document.

    Parts are boxes, and operations on values are small boxes. A thick arrow leads to a part with a
    matrix, and a dashed one to a convolution that treats channels separately.

    Args:
        built: the block with its sizes.
        known: works by key, as in `gatekit.registry.bibliography`.

    Raises:
        CellError: the cell has too many boxes and lines to be drawn.
    """
    below = diagram(built.cell, known)
    size = _SIZE.search(below)
    assert size is not None
    graph = _Graph(built)
    columns = 1 + max(box.column for box in graph.drawn.values())
    arrivals = Counter(link.target for link in graph.links)
    boxes = [box_of(box, arrivals[box.key]) for box in graph.drawn.values()]
    layout = arrange(boxes, list(graph.links), [_GAP] * columns, PORT)
    x0, y0 = _MARGIN, _TITLE + 10.0
    top = y0 + layout.height + 40.0
    width = max(layout.width + 2 * _MARGIN + 50.0, float(size[1]))
    height = top + float(size[2])
    title = f"block {built.spec.kind}: width {built.width}"
    around = f"around {built.cell.spec.name} with {built.cell.units} units"
    edges = f'width="{width:.0f}" height="{height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'{edges} role="img">',
        f"<title>{svg.safe(f'{title}, {around}')}</title>",
        svg.heads(),
        f'<rect {edges} fill="#ffffff"/>',
        svg.label(_MARGIN, 28.0, title, 17, "bold", "start"),
        svg.label(_MARGIN, 47.0, around, 11.5, "normal", "start", fill="#555555"),
    ]
    for route in layout.routes:
        points = [(x + x0, y + y0) for x, y in route.points]
        parts.append(svg.arrow(svg.smooth(points), route.link.style))
    parts += [drawn_box(box, layout.places[key], x0, y0) for key, box in graph.drawn.items()]
    end = layout.places[graph.end]
    out = f"M{x0 + end.x + end.width:.1f} {y0 + end.middle:.1f} h40"
    parts.append(svg.arrow(out, "thin"))
    inner = below.replace("<svg ", f'<svg y="{top:.0f}" ', 1).rstrip("\n")
    return "\n".join([*parts, inner, "</svg>"]) + "\n"


class _Graph:
    """The boxes of a block by key, and the links between them.

    Args:
        built: the block.
    """

    def __init__(self, built: BuiltBlock) -> None:
        self._cell = built.cell.spec.name
        self.drawn = {"x": Drawn("x", "source", "x", (f"width {built.width}",), 0)}
        self.links: dict[Link, None] = {}
        self._keys = {"x": "x"}
        self._keys["mixed"] = self._program(built.mix)
        self._keys["x"] = self.end = self._program(built.combine)
        if built.finish is not None:
            self.end = self._program(built.finish)

    def _program(self, program: SequenceProgram) -> str:
        for op in program.ops:
            self._operation(op)
        return self._value(program.value)

    def _operation(self, op: Operation) -> None:
        title = self._cell if isinstance(op, Recur) else op.name
        source = self._value(op.of)
        self._keys[op.name] = op.name
        self._add(op.name, op.look, title, (op.summary,), [source], op.arrow)

    def _value(self, expr: Expr) -> str:
        """Return the key of the box that computes an expression."""
        if isinstance(expr, Name):
            return self._keys[expr.name]
        inner = [child for child in children(expr) if not isinstance(child, Number)]
        sources = [self._value(child) for child in inner]
        if isinstance(expr, Binary) and len(inner) == 2:
            title = {"*": "\u00d7", "-": "\u2212"}.get(expr.op, expr.op)
        elif isinstance(expr, Neg):
            title = "\u2212"
        else:
            title = getattr(expr, "function", "") or render(expr, " ")
        key = f"{title}({', '.join(sources)})"
        if key not in self.drawn:
            self._add(key, "read", title, (), sources, "thin")
        return key

    def _add(
        self,
        key: str,
        look: str,
        title: str,
        lines: tuple[str, ...],
        sources: list[str],
        style: str,
    ) -> None:
        column = 1 + max(self.drawn[source].column for source in sources)
        self.drawn[key] = Drawn(key, look, title, lines, column)
        for source in sources:
            self.links[Link(source, key, style)] = None

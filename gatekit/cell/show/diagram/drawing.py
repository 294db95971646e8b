"""A cell's graph as a self-contained SVG."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping

from gatekit.cell.errors import CellError
from gatekit.cell.graph import Cell
from gatekit.cell.show.works import NO_WORKS, Work, provenance

from . import svg
from .boxes import OUTPUT, Boxes, Drawn
from .layout import Box, DiagramLayout, Place, arrange

_MARGIN, _TITLE, _BAND, _GAP = 24.0, 58.0, 26.0, 64.0
# Distances between arrivals, parallel feedback lines, and lines of text; widths of characters.
PORT, _LANE, _LINE, _CHARACTER, _BOLD = 13.0, 9.0, 15.0, 7.0, 8.8
_LEAST_WIDTH = 640.0
MAX_LANES = 2_000
LOOKS = {
    "source": 'fill="#ffffff" stroke="#777777" rx="3"',
    "gate": 'fill="#e8eef7" stroke="#2b4a75" rx="11"',
    "equation": 'fill="#ffffff" stroke="#333333" rx="2"',
    "read": 'fill="#f4f4f4" stroke="#777777" rx="9" stroke-dasharray="2 2"',
    "output": 'fill="#f7efe0" stroke="#8a6417" rx="11"',
}
_LEGEND = (
    ("dense", "linear map with a matrix"),
    ("diagonal", "one weight per unit"),
    ("thin", "as it is"),
    ("feedback", "to the next step"),
)


def diagram(cell: Cell, known: Mapping[str, Work] = NO_WORKS, headed: bool = True) -> str:
    """Return a drawing of a cell as an SVG document.

    Inputs and previous values are on the left, and signals follow by stage. Gates are rounded and
    show their kind; equations show their text. A thick arrow is a linear map with a matrix, a
    dashed one has one weight per unit, a thin one passes the value unchanged, and blue arrows lead
    to the next step.

    Args:
        cell: the built cell.
        known: works by key, as in `gatekit.registry.bibliography`.
        headed: whether to write the cell's name and reference above.

    Raises:
        CellError: the cell has too many boxes and lines to be drawn.
    """
    reference = provenance(dict(cell.spec.about), known)["reference"]
    return _Diagram(cell, headed, str(reference or "")).document()


class _Diagram:
    def __init__(self, cell: Cell, headed: bool, reference: str) -> None:
        self.cell, self.headed, self.reference = cell, headed, reference
        self.boxes = Boxes(cell)
        drawn, feedback = self.boxes.drawn, self.boxes.feedback
        # A line needs a lane in every column that it passes.
        lengths = [drawn[k.target].column - drawn[k.source].column for k in self.boxes.links]
        if sum(lengths) > MAX_LANES:
            raise CellError(
                f"cell {cell.spec.name!r} is too large to be drawn: its lines pass "
                f"{sum(lengths):,} columns, but at most {MAX_LANES:,} are drawn. Omit --diagram to "
                "show its equations."
            )
        counts = Counter(drawn[source].column for source, _ in feedback)
        gaps = [_GAP + _LANE * counts[column] for column in range(self.boxes.columns)]
        arrivals = Counter(link.target for link in self.boxes.links)
        boxes = [box_of(box, arrivals[box.key]) for box in drawn.values()]
        self.layout: DiagramLayout = arrange(boxes, self.boxes.links, gaps, PORT)
        self.x0 = _MARGIN + _LANE * (len(feedback) + 2)
        self.y0 = (_TITLE if headed else 0.0) + _BAND + 14.0

    def document(self) -> str:
        bottom = self.y0 + self.layout.height + _LANE * (len(self.boxes.feedback) + 2)
        width = max(self.layout.width, _LEAST_WIDTH) + self.x0 + _MARGIN
        parts = [
            *self.head(width, bottom + 52.0),
            *self.stage_bands(),
            *self.feedback_arrows(),
            *self.arrows(),
            *(self.box(drawn) for drawn in self.boxes.drawn.values()),
            self.emission(),
            *_legend(self.x0, bottom + 18.0),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def head(self, width: float, height: float) -> list[str]:
        name = self.cell.spec.name
        reference = textwrap.shorten(
            self.reference, int((width - 2 * _MARGIN) / 6.5), placeholder=" ..."
        )
        size = f'width="{width:.0f}" height="{height:.0f}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'{size} role="img">',
            f"<title>{svg.safe(name)}</title>",
            svg.heads(),
            f'<rect {size} fill="#ffffff"/>',
        ]
        if self.headed:
            parts.append(svg.label(_MARGIN, 28.0, name, 17, "bold", "start"))
            parts.append(
                svg.label(_MARGIN, 47.0, reference, 11.5, "normal", "start", fill="#555555")
            )
        return parts

    def stage_bands(self) -> list[str]:
        parts = []
        for stage, first, last in self.boxes.bands:
            left = self.x0 + self.layout.columns[first][0] - 14.0
            width = self.x0 + self.layout.columns[last][1] + 14.0 - left
            top, height = self.y0 - _BAND, self.layout.height + _BAND + 10.0
            look = 'rx="6" fill="#fafafa" stroke="#dddddd"'
            parts.append(svg.rectangle(left, top, width, height, look))
            text = f"stage {stage}"
            parts.append(svg.label(left + width / 2, top + 15.0, text, 11, fill="#777777"))
        return parts

    def arrows(self) -> list[str]:
        parts = []
        for route in self.layout.routes:
            points = [(x + self.x0, y + self.y0) for x, y in route.points]
            parts.append(svg.arrow(svg.smooth(points), route.link.style))
        return parts

    def feedback_arrows(self) -> list[str]:
        """Return the arrows to the next step.

        Each arrow leaves its box on the right, runs to the left below all boxes, and up to its
        target.
        """
        places, feedback = self.layout.places, self.boxes.feedback
        # To avoid crossings, the lowest box gets the innermost lane, and the lowest target the
        # innermost line on the left.
        lanes: dict[str, int] = {}
        used: Counter[int] = Counter()
        for source, key in sorted(feedback, key=lambda pair: -places[pair[0]].y):
            column = self.boxes.drawn[source].column
            lanes[key] = used[column]
            used[column] += 1
        parts, leaving = [], Counter[str]()
        by_target = sorted(feedback, key=lambda pair: -places[pair[1]].y)
        for index, (source, key) in enumerate(by_target):
            start, end = places[source], places[key]
            edge = self.x0 + start.x + start.width
            right = edge + 22.0 + _LANE * lanes[key]
            out = self.y0 + start.y + start.height - 7.0 - 5.0 * leaving[source]
            leaving[source] += 1
            below = self.y0 + self.layout.height + 18.0 + _LANE * index
            left, arrival = self.x0 - 14.0 - _LANE * index, self.y0 + end.middle
            corners = [(edge, out), (right, out), (right, below), (left, below), (left, arrival)]
            path = svg.rounded([*corners, (self.x0 + end.x, arrival)])
            parts.append(svg.arrow(path, "feedback"))
        return parts

    def box(self, drawn: Drawn) -> str:
        return drawn_box(drawn, self.layout.places[drawn.key], self.x0, self.y0)

    def emission(self) -> str:
        place = self.layout.places["y" if self.cell.output.unit.feeds_back else OUTPUT]
        x, y = self.x0 + place.x + place.width, self.y0 + place.middle
        return svg.arrow(f"M{x:.1f} {y:.1f} h40", "thin")


def drawn_box(drawn: Drawn, place: Place, x0: float, y0: float) -> str:
    """Return a box with its title and lines.

    Args:
        drawn: the box.
        place: where it is.
        x0: the left edge of the layout.
        y0: the upper edge of the layout.
    """
    x, y = x0 + place.x, y0 + place.y
    rows = len(drawn.lines) + bool(drawn.title)
    baseline = y + place.height / 2 - _LINE * (rows - 1) / 2 + 4.0
    parts = [svg.rectangle(x, y, place.width, place.height, LOOKS[drawn.look])]
    middle = x + place.width / 2
    if drawn.title:
        weight = "normal" if drawn.look == "source" else "bold"
        parts.append(svg.label(middle, baseline, drawn.title, 12.5, weight))
        baseline += _LINE
    for line in drawn.lines:
        parts.append(svg.label(middle, baseline, line, 11, fill="#333333", mono=True))
        baseline += _LINE
    return "\n".join(parts)


def box_of(drawn: Drawn, arrivals: int) -> Box:
    """Return a box with the size that its text and its arrivals need.

    Args:
        drawn: the box.
        arrivals: the number of lines that lead to it.
    """
    widths = [_BOLD * len(drawn.title), *(_CHARACTER * len(line) for line in drawn.lines)]
    rows = len(drawn.lines) + bool(drawn.title)
    height = max(14.0 + _LINE * rows, 8.0 + PORT * arrivals)
    return Box(drawn.key, drawn.column, max(56.0, 20.0 + max(widths)), height)


def _legend(x: float, y: float) -> list[str]:
    parts = []
    for style, meaning in _LEGEND:
        parts.append(svg.arrow(f"M{x:.1f} {y:.1f} h34", style))
        parts.append(svg.label(x + 41.0, y + 4.0, meaning, 11, anchor="start", fill="#333333"))
        x += 62.0 + 6.4 * len(meaning)
    return parts

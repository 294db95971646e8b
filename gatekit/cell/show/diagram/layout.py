"""Layout of a layered drawing: boxes in columns, lines only in the gaps between them.

A line over several columns passes each through a separate lane, so it never crosses a box.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

_LANE, _SPACE = 10.0, 18.0


@dataclass(frozen=True)
class Box:
    """A box to place: its key, column, width and height."""

    key: str
    column: int
    width: float
    height: float


@dataclass(frozen=True)
class Link:
    """A line to a box in a later column; lines with the same source and style share lanes."""

    source: str
    target: str
    style: str


@dataclass(frozen=True)
class Place:
    """The position of a box: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """The y coordinate of the middle."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Route:
    """A line: the points where it leaves, enters and leaves each column on its way, and arrives."""

    link: Link
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class DiagramLayout:
    """A finished layout: places by key, routes, left and right edge of each column, and size."""

    places: Mapping[str, Place]
    routes: tuple[Route, ...]
    columns: tuple[tuple[float, float], ...]
    width: float
    height: float


@dataclass(frozen=True)
class _Slot:
    """An element of a column: a box, or a lane for links that pass through the column."""

    key: tuple[str, ...]
    height: float
    width: float


def arrange(
    boxes: Sequence[Box], links: Sequence[Link], gaps: Sequence[float], port: float
) -> DiagramLayout:
    """Return the positions of boxes and the routes of lines.

    Args:
        boxes: the boxes; their order breaks ties.
        links: the lines; each goes to a later column.
        gaps: the space to the right of each column.
        port: the distance between lines that arrive at one box.
    """
    return _Arranger(boxes, links, gaps, port).arrange()


class _Arranger:
    def __init__(
        self, boxes: Sequence[Box], links: Sequence[Link], gaps: Sequence[float], port: float
    ) -> None:
        self.boxes = {box.key: box for box in boxes}
        self.links, self.gaps, self.port = links, gaps, port
        count = max(box.column for box in boxes) + 1
        self.lanes: set[tuple[str, ...]] = set()
        self.slots: list[list[_Slot]] = [[] for _ in range(count)]
        for box in boxes:
            self.slots[box.column].append(_Slot((box.key,), box.height, box.width))
        self.before: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for link in links:
            path = self.path(link)
            for one, other in pairwise(path):
                if one not in self.before.setdefault(other, []):
                    self.before[other].append(one)
        self.middles: dict[tuple[str, ...], float] = {}

    def path(self, link: Link) -> list[tuple[str, ...]]:
        """Return the slots that a link passes; missing lanes are added."""
        first, last = self.boxes[link.source].column, self.boxes[link.target].column
        path: list[tuple[str, ...]] = [(link.source,)]
        for column in range(first + 1, last):
            key = (link.source, link.style, str(column))
            if key not in self.lanes:
                self.lanes.add(key)
                self.slots[column].append(_Slot(key, _LANE, 0.0))
            path.append(key)
        return [*path, (link.target,)]

    def arrange(self) -> DiagramLayout:
        self.place()
        columns = self.columns()
        places = {}
        for key, box in self.boxes.items():
            left, right = columns[box.column]
            top = self.middles[(key,)] - box.height / 2
            places[key] = Place(left, top, right - left, box.height)
        routes = tuple(self.routes(places, columns))
        bottoms = [place.y + place.height for place in places.values()]
        lanes = [point[1] for route in routes for point in route.points]
        return DiagramLayout(
            places, routes, columns, columns[-1][1] + self.gaps[-1], max(bottoms + lanes)
        )

    def columns(self) -> tuple[tuple[float, float], ...]:
        edges, x = [], 0.0
        for column, slots in enumerate(self.slots):
            width = max(slot.width for slot in slots)
            edges.append((x, x + width))
            x += width + self.gaps[column]
        return tuple(edges)

    def place(self) -> None:
        """Put each slot beside those that lead to it, as far as there is room."""
        for slots in self.slots:
            ideal = {}
            for number, slot in enumerate(slots):
                near = [self.middles[key] for key in self.before.get(slot.key, ())]
                ideal[slot.key] = fmean(near) if near else float(number)
            slots.sort(key=lambda slot: ideal[slot.key])
            y = -math.inf
            for slot in slots:
                y = max(ideal[slot.key], y + slot.height / 2 + _SPACE)
                self.middles[slot.key] = y
                y += slot.height / 2
            # Slots were only moved down.
            rise = fmean(self.middles[slot.key] - ideal[slot.key] for slot in slots)
            self.middles.update({slot.key: self.middles[slot.key] - rise for slot in slots})
        top = min(
            self.middles[slot.key] - slot.height / 2 for slots in self.slots for slot in slots
        )
        # Round, so that the drawing does not depend on the last bits.
        self.middles = {key: round(y - top, 3) for key, y in self.middles.items()}

    def routes(
        self, places: Mapping[str, Place], columns: tuple[tuple[float, float], ...]
    ) -> list[Route]:
        paths = [(link, self.path(link)) for link in self.links]
        arrivals: dict[str, list[int]] = {}
        for index, (link, _) in enumerate(paths):
            arrivals.setdefault(link.target, []).append(index)
        port: dict[int, float] = {}
        for target, indices in arrivals.items():
            indices.sort(key=lambda k: self.middles[paths[k][1][-2]])
            first = places[target].middle - self.port * (len(indices) - 1) / 2
            port.update({index: first + self.port * k for k, index in enumerate(indices)})
        routes = []
        for index, (link, path) in enumerate(paths):
            start = places[link.source]
            points = [(start.x + start.width, start.middle)]
            column = self.boxes[link.source].column
            for key in path[1:-1]:
                column += 1
                left, right = columns[column]
                points += [(left, self.middles[key]), (right, self.middles[key])]
            points.append((places[link.target].x, port[index]))
            routes.append(Route(link, tuple(points)))
        return routes

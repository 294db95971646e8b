"""Layout of a layered drawing: boxes in columns, lines only in the gaps between them.

A line over several columns passes each through a separate lane, so it never crosses a box.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

_LANE, _SPACE, _SWEEPS = 10.0, 18.0, 12


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
    weight: float
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
            self.slots[box.column].append(_Slot((box.key,), box.height, 1.0, box.width))
        self.before: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        self.after: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for link in links:
            path = self.path(link)
            for one, other in pairwise(path):
                if one not in self.before.setdefault(other, []):
                    self.before[other].append(one)
                    self.after.setdefault(one, []).append(other)
        self.middles: dict[tuple[str, ...], float] = {}

    def path(self, link: Link) -> list[tuple[str, ...]]:
        """Return the slots that a link passes; missing lanes are added."""
        first, last = self.boxes[link.source].column, self.boxes[link.target].column
        path: list[tuple[str, ...]] = [(link.source,)]
        for column in range(first + 1, last):
            key = (link.source, link.style, str(column))
            if key not in self.lanes:
                self.lanes.add(key)
                self.slots[column].append(_Slot(key, _LANE, 4.0, 0.0))
            path.append(key)
        return [*path, (link.target,)]

    def arrange(self) -> DiagramLayout:
        self.order()
        self.settle()
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

    def order(self) -> None:
        """Sweep over the columns, sort slots by their neighbours, and keep the best order."""
        best, fewest = [list(s) for s in self.slots], self.crossings()
        for sweep in range(_SWEEPS):
            forward = sweep % 2 == 0
            neighbours = self.before if forward else self.after
            indices = range(1, len(self.slots)) if forward else range(len(self.slots) - 2, -1, -1)
            for column in indices:
                beside = self.slots[column - 1 if forward else column + 1]
                rank = {slot.key: float(k) for k, slot in enumerate(beside)}
                self.slots[column] = _ranked(self.slots[column], rank, neighbours)
            crossings = self.crossings()
            if crossings < fewest:
                best, fewest = [list(s) for s in self.slots], crossings
        self.slots = best

    def crossings(self) -> int:
        total = 0
        for left, right in pairwise(self.slots):
            rank = {slot.key: k for k, slot in enumerate(right)}
            lines = [
                (k, rank[other])
                for k, slot in enumerate(left)
                for other in self.after.get(slot.key, ())
            ]
            total += _inversions(lines)
        return total

    def settle(self) -> None:
        """Move slots towards their neighbours, keeping their order and least distances."""
        for slots in self.slots:
            y = 0.0
            for slot in slots:
                self.middles[slot.key] = y + slot.height / 2
                y += slot.height + _SPACE
        for _ in range(_SWEEPS):
            for slots in [*self.slots, *reversed(self.slots)]:
                ideal = []
                for slot in slots:
                    near = self.before.get(slot.key, []) + self.after.get(slot.key, [])
                    heights = [self.middles[n] for n in near]
                    middle = self.middles[slot.key]
                    ideal.append(fmean(heights) if heights else middle)
                for slot, y in zip(slots, _spread(slots, ideal), strict=True):
                    self.middles[slot.key] = y
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


def _inversions(lines: Sequence[tuple[int, int]]) -> int:
    """Return how many pairs of lines cross, that is, start and end in opposite orders."""
    total, ends = 0, list[int]()
    by_start = sorted(lines, key=lambda line: line[0])
    for _, together in itertools.groupby(by_start, key=lambda line: line[0]):
        own_ends = [end for _, end in together]
        total += sum(len(ends) - bisect.bisect_right(ends, end) for end in own_ends)
        for end in own_ends:
            bisect.insort(ends, end)
    return total


def _ranked(
    slots: Sequence[_Slot],
    rank: Mapping[tuple[str, ...], float],
    neighbours: Mapping[tuple[str, ...], Sequence[tuple[str, ...]]],
) -> list[_Slot]:
    """Return the slots sorted by the mean rank of their neighbours, or else by their index."""
    means = {}
    for place, slot in enumerate(slots):
        near = [rank[key] for key in neighbours.get(slot.key, ()) if key in rank]
        means[slot.key] = fmean(near) if near else float(place)
    return sorted(slots, key=lambda slot: means[slot.key])


def _spread(slots: Sequence[_Slot], ideal: Sequence[float]) -> list[float]:
    """Return the middles nearest to the desired ones, in order and apart (isotonic regression)."""
    offsets, offset = [0.0], 0.0
    for one, other in pairwise(slots):
        offset += (one.height + other.height) / 2 + _SPACE
        offsets.append(offset)
    blocks: list[tuple[float, float, int]] = []
    for slot, y, shift in zip(slots, ideal, offsets, strict=False):
        mean, weight, size = y - shift, slot.weight, 1
        while blocks and blocks[-1][0] > mean:
            earlier, heavier, count = blocks.pop()
            mean = (earlier * heavier + mean * weight) / (heavier + weight)
            weight, size = weight + heavier, size + count
        blocks.append((mean, weight, size))
    flat = [mean for mean, _, size in blocks for _ in range(size)]
    return [y + shift for y, shift in zip(flat, offsets, strict=False)]

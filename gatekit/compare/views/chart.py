"""What a figure shows, without how it is drawn: panels with axes, marks in units of the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Numbers = tuple[float, ...]

Kind = Literal[
    "line", "band", "dots", "bar", "pole", "mean", "cross", "tick", "cell", "frame", "rule", "text"
]


@dataclass(frozen=True, slots=True)
class Series:
    """One entry of the legend.

    Attributes:
        name: the label of a group.
        style: the ``style_index`` of its variant.
        note: the text in parentheses after the name.
    """

    name: str
    style: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a panel.

    Attributes:
        title: the title; lines are separated by newlines.
        scale: ``names`` has one name at each of 0, 1, 2, ...
        limits: the ends; None means those of the marks.
        names: with ``names``, the names; otherwise labels of ``places``. A name without a mark is
            the heading of those that follow.
        places: the ticks; empty means that the renderer chooses.
        whole: whether ticks are whole numbers.
        better: 1 if larger values are better, -1 if smaller ones are, 0 if neither.
    """

    title: str = ""
    scale: Literal["linear", "log", "names"] = "linear"
    limits: tuple[float, float] | None = None
    names: tuple[str, ...] = ()
    places: Numbers = ()
    whole: bool = False
    better: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """Points of one kind.

    - ``line``: a thin line; ``strong`` is a mean, ``dotted`` a reference or a run in progress;
    - ``band``: the area between ``y`` and ``ends``;
    - ``dots``: single runs or seeds;
    - ``bar``: from ``x`` to ``ends`` at the height ``y``; ``strong`` if it is decided;
    - ``pole``: from ``y`` to ``ends`` at the place ``x``;
    - ``mean``: a large mark, filled if ``strong``; beyond the limits it is an arrow at the edge;
    - ``cross``: a diverged run; ``tick``: a run that ended;
    - ``cell``: ``ends`` as a tint, on a grid; ``frame`` marks one of them;
    - ``rule``: a line across the panel at each ``x`` or ``y``; ``strong`` is solid;
    - ``text``: the ``tips``.

    Attributes:
        kind: one of these.
        series: the index of its series; None is neutral.
        x: places on the x axis; without them, the mark is at the edge that ``side`` names.
        y: places on the y axis, as many.
        ends: the other ends, or the values of cells.
        strong: whether it is drawn heavily.
        dotted: whether a line is dotted.
        side: the side of a label, or of a mark without ``x``: 1 is right, -1 is left.
        tips: a label for each point; a line may have a single one.
    """

    kind: Kind
    series: int | None
    x: Numbers = ()
    y: Numbers = ()
    ends: Numbers = ()
    strong: bool = False
    dotted: bool = False
    side: int = 0
    tips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes.

    Attributes:
        x: the x axis.
        y: the y axis; neighbours with equal ones share it.
        marks: what is drawn, in this order.
        title: the heading of the row, such as a task; the first panel of a row has it.
        name: what this panel alone shows.
        note: a short remark opposite the name.
        rows: the height in lines of text; 0 is that of an ordinary chart.
        tints: the scale of cells; None if the tone of the series is enough.
        beside: whether series are drawn beside each other at each ``x``.
    """

    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    title: str = ""
    name: str = ""
    note: str = ""
    rows: float = 0
    tints: Axis | None = None
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure: rows of panels, the series of its legend, notes, and the runs in it."""

    title: str
    panels: tuple[tuple[Panel, ...], ...]
    series: tuple[Series, ...] = ()
    notes: tuple[str, ...] = ()
    runs: tuple[str, ...] = field(default=(), repr=False)


def numbers(values: Iterable[float]) -> Numbers:
    """Return values as the numbers of a mark."""
    return tuple(map(float, values))

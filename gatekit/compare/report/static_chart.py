"""Static line charts with a logarithmic y axis, drawn without the page's script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .markup import Markup, tag

WIDTH, HEIGHT = 540.0, 270.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 26.0, 38.0
_FEW_DECADES = 1.6

Line = tuple[str, Sequence[float], Sequence[float]]
"""A line: its CSS class, x values and y values."""


class Frame:
    """The axes of a chart: linear x, logarithmic y.

    Args:
        right: the limits of the x axis.
        up: the positive limits of the y axis; values beyond them are drawn at the limit.
    """

    def __init__(self, right: tuple[float, float], up: tuple[float, float]) -> None:
        self.right, self.up = right, up

    def x(self, value: float) -> float:
        """Return the horizontal position of a value, from the left."""
        start, end = self.right
        return _LEFT + (value - start) / ((end - start) or 1) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Return the vertical position of a value, from the top."""
        low, high = self.up
        share = math.log(min(max(value, low), high) / low) / math.log(high / low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)

    def path(self, xs: Iterable[float], ys: Iterable[float]) -> str:
        """Return a line through points as the ``d`` of a path."""
        points = [f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in zip(xs, ys, strict=True)]
        return f"M{'L'.join(points)}" if points else ""


def chart(
    frame: Frame,
    lines: Sequence[tuple[str, Sequence[Line]]],
    *,
    title: str,
    across: str,
    ticks: Sequence[float],
    level: tuple[float, str] | None = None,
) -> Markup:
    """Return a chart.

    Args:
        frame: the axes.
        lines: CSS class and lines of each group.
        title: title of the y axis.
        across: title of the x axis.
        ticks: labelled values of the x axis.
        level: a marked y value, and its label.
    """
    bottom, end = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = [tag("text", title, x="0", y="13", class_="title")]
    for value in _heights(frame.up):
        y = frame.y(value)
        parts.append(_line("grid", _LEFT, end, y))
        parts.append(tag("text", _height(value), x=_LEFT - 6, y=f"{y + 4:.1f}", class_="end"))
    for value in ticks:
        at = {"x": f"{frame.x(value):.1f}", "y": f"{bottom + 16:g}"}
        parts.append(tag("text", f"{value:g}", class_="middle", **at))
    middle = {"x": f"{(_LEFT + end) / 2:.1f}", "y": f"{HEIGHT - 4:g}"}
    parts += [_line("axis", _LEFT, end, bottom), tag("text", across, class_="middle", **middle)]
    if level is not None:
        y = frame.y(level[0])
        parts.append(_line("chance", _LEFT, end, y))
        parts.append(tag("text", level[1], x=_LEFT + 4, y=f"{y - 4:.1f}", class_="halo"))
    for look, own in lines:
        drawn = [tag("path", d=frame.path(xs, ys), class_=kind) for kind, xs, ys in own]
        parts.append(tag("g", *drawn, class_=look))
    box = f"0 0 {WIDTH:g} {HEIGHT:g}"
    return tag("svg", *parts, viewBox=box, class_="chart still", role="img", aria_label=title)


def _line(kind: str, start: float, end: float, y: float) -> Markup:
    height = f"{y:.1f}"
    return tag("line", x1=f"{start:g}", x2=f"{end:g}", y1=height, y2=height, class_=kind)


def _heights(up: tuple[float, float]) -> list[float]:
    low, high = up
    decades = math.log10(high / low)
    steps = (1, 2, 5) if decades < _FEW_DECADES else (1,)
    every = 1 if decades < 5 else 2
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [step * 10.0**k for k in exponents for step in steps if k % every == 0]
    return [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def _height(value: float) -> str:
    return f"{value:g}" if 1e-3 <= value < 1e5 else f"{value:.0e}".replace("e-0", "e-")

"""Static line charts with a logarithmic y axis, drawn without the page's script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from .markup import html

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
    bottom = HEIGHT - _BOTTOM
    levels = [(frame.y(value), _height(value)) for value in _heights(frame.up)]
    marked = None if level is None else (frame.y(level[0]), level[1])
    return html(
        "chart.html",
        width=f"{WIDTH:g}",
        height=int(HEIGHT),
        left=int(_LEFT),
        right=int(WIDTH - _RIGHT),
        bottom=int(bottom),
        title=title,
        across=across,
        heights=[(f"{y:.1f}", f"{y + 4:.1f}", text) for y, text in levels],
        ticks=[(f"{frame.x(value):.1f}", f"{value:g}") for value in ticks],
        level=marked and (f"{marked[0]:.1f}", f"{marked[0] - 4:.1f}", marked[1]),
        groups=[(look, [(k, frame.path(xs, ys)) for k, xs, ys in own]) for look, own in lines],
    )


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

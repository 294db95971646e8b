"""Strip plots in table cells: values, their mean and its interval on a shared scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gatekit.compare.figures.page import spans_decades
from gatekit.compare.stats.statistics import Interval

from .markup import Markup, tag

WIDTH, HEIGHT = 168.0, 22.0
_EDGE = 8.0


class Scale:
    """Maps values to positions in a strip; linear, or logarithmic if they span decades."""

    def __init__(self, values: Iterable[float]) -> None:
        known = [value for value in values if math.isfinite(value)]
        self.low, self.high = min(known, default=0.0), max(known, default=1.0)
        self.log = bool(known) and spans_decades(known)

    def at(self, value: float) -> float:
        """Return the position of a value; values beyond the scale are drawn at the edge."""
        low, high, here = (self._size(v) for v in (self.low, self.high, value))
        share = 0.5 if high == low else (here - low) / (high - low)
        return _EDGE + min(1.0, max(0.0, share)) * (WIDTH - 2 * _EDGE)

    def _size(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.log else value


def strip(
    scale: Scale,
    values: Sequence[float],
    mean: float | None,
    interval: Interval | None,
    said: str,
    *,
    rule: float | None = None,
    open_: bool = False,
) -> Markup:
    """Return one strip.

    Args:
        scale: the scale; strips that are compared share it.
        values: drawn as dots.
        mean: drawn as a diamond; None draws no diamond.
        interval: drawn as a bar.
        said: text for screen readers.
        rule: position of a vertical line, such as the baseline.
        open_: whether the diamond is hollow, for an undecided difference.
    """
    middle = HEIGHT / 2
    parts = []
    if rule is not None:
        at = _text(scale.at(rule))
        parts.append(tag("line", x1=at, x2=at, y1="0", y2=_text(HEIGHT), class_="rule"))
    for value in values:
        if math.isfinite(value):
            place = {"cx": _text(scale.at(value)), "cy": _text(middle + 6)}
            parts.append(tag("circle", r="1.9", class_="dot", **place))
    if interval is not None:
        ends = {"x1": _text(scale.at(interval.low)), "x2": _text(scale.at(interval.high))}
        height = _text(middle - 2)
        parts.append(tag("line", y1=height, y2=height, class_="bar", **ends))
    if mean is not None:
        x, y = scale.at(mean), middle - 2
        shape = f"M{x - 4:.1f} {y:.1f}L{x:.1f} {y - 4:.1f}L{x + 4:.1f} {y:.1f}L{x:.1f} {y + 4:.1f}Z"
        parts.append(tag("path", d=shape, class_="mean open" if open_ else "mean"))
    box = f"0 0 {WIDTH:g} {HEIGHT:g}"
    return tag("svg", *parts, viewBox=box, class_="strip", role="img", aria_label=said)


def _text(value: float) -> str:
    return f"{value:.1f}"

"""Strip plots in table cells: values, their mean and its interval on a shared scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from gatekit.compare.figures.page import spans_decades
from gatekit.compare.stats.statistics import Interval

from .markup import html

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
    label: str,
    *,
    rule: float | None = None,
    hollow: bool = False,
) -> Markup:
    """Return one strip.

    Args:
        scale: the scale; strips that are compared share it.
        values: drawn as dots.
        mean: drawn as a diamond; None draws no diamond.
        interval: drawn as a bar.
        label: text for screen readers.
        rule: position of a vertical line, such as the baseline.
        hollow: whether the diamond is hollow, for an undecided difference.
    """
    middle, diamond = HEIGHT / 2, ""
    if mean is not None:
        x, y = scale.at(mean), middle - 2
        diamond = (
            f"M{x - 4:.1f} {y:.1f}L{x:.1f} {y - 4:.1f}L{x + 4:.1f} {y:.1f}L{x:.1f} {y + 4:.1f}Z"
        )
    return html(
        "strip.html",
        width=f"{WIDTH:g}",
        height=_text(HEIGHT),
        label=label,
        rule=None if rule is None else _text(scale.at(rule)),
        dots=[_text(scale.at(value)) for value in values if math.isfinite(value)],
        below=_text(middle + 6),
        above=_text(middle - 2),
        ends=interval and (_text(scale.at(interval.low)), _text(scale.at(interval.high))),
        diamond=diamond,
        hollow=hollow,
    )


def _text(value: float) -> str:
    return f"{value:.1f}"

"""Drawings that need no script: strip plots in table cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from gatekit.compare.stats.intervals import Interval
from gatekit.compare.views.rows import spans_decades

from .markup import html

_STRIP = 22.0
_EDGE = 8.0
_TICK = 60
"""Room for the number at a tick."""


class Scale:
    """Maps values to positions in a strip, on a logarithmic scale if they span decades.

    Args:
        values: the values that the scale must include.
    """

    def __init__(self, values: Iterable[float]) -> None:
        known = [value for value in values if math.isfinite(value)]
        self.low, self.high = min(known, default=0.0), max(known, default=1.0)
        self.log = bool(known) and spans_decades(known)

    def at(self, value: float, width: float) -> float:
        """Return the position of a value; values beyond the scale are drawn at the edge."""
        low, high, here = (self._size(v) for v in (self.low, self.high, value))
        share = 0.5 if high == low else (here - low) / (high - low)
        return _EDGE + min(1.0, max(0.0, share)) * (width - 2 * _EDGE)

    def ticks(self, count: int) -> list[float]:
        """Return at most about ``count`` round values within the scale."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            every = max(1, math.ceil(len(powers) / count))
            known = [10.0**power for power in powers if power % every == 0]
        elif self.high > self.low:
            rough = (self.high - self.low) / count
            size = 10.0 ** math.floor(math.log10(rough))
            step = next(f * size for f in (1, 2, 5, 10) if f * size >= rough * (1 - 1e-9))
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            known = [k * step for k in range(first, last + 1)]
        else:
            known = [self.low]
        return [value for value in known if self.low <= value <= self.high]

    def _size(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.log else value


def strip(
    scale: Scale,
    values: Sequence[float],
    mean: float | None,
    interval: Interval | None,
    label: str,
    *,
    width: float,
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
        width: width of the drawing.
        rule: position of a vertical line, such as the baseline.
        hollow: whether the diamond is hollow, for an undecided difference.
    """
    middle, diamond = _STRIP / 2, ""
    if mean is not None:
        x, y = scale.at(mean, width), middle - 2
        # Beyond the scale, it is an arrow.
        left, right = -4 * (mean <= scale.high), 4 * (mean >= scale.low)
        corners = ((x + left, y), (x, y - 4), (x + right, y), (x, y + 4))
        diamond = f"M{'L'.join(f'{a:.1f} {b:.1f}' for a, b in corners)}Z"
    return html(
        "strip.html",
        width=f"{width:g}",
        height=_text(_STRIP),
        label=label,
        grid=[_text(scale.at(value, width)) for value in scale.ticks(_ticks(width))],
        rule=None if rule is None else _text(scale.at(rule, width)),
        dots=[_text(scale.at(v, width)) for v in values if scale.low <= v <= scale.high],
        below=_text(middle + 6),
        above=_text(middle - 2),
        ends=interval
        and (_text(scale.at(interval.low, width)), _text(scale.at(interval.high, width))),
        diamond=diamond,
        hollow=hollow,
    )


def axis(scale: Scale, width: float, zero: float | None = None, better: int = 0) -> Markup:
    """Return the axis above strips: numbers at ticks, and on which side better values are.

    Args:
        scale: the scale of the strips.
        width: width of the drawing.
        zero: a value that is always a tick.
        better: -1 if better values are to the right, 1 if to the left, 0 to omit the side.
    """
    known = scale.ticks(_ticks(width))
    known = known if zero is None or zero in known else [*known, zero]
    return html(
        "axis.html",
        width=f"{width:g}",
        better=better,
        middle=_text(scale.at(0.0 if zero is None else zero, width)),
        ticks=[(_text(scale.at(value, width)), _number(value)) for value in known],
    )


def _ticks(width: float) -> int:
    return max(2, int(width / _TICK))


def _number(value: float) -> str:
    return "0" if abs(value) < 1e-12 else f"{value:.3g}".replace("e-0", "e-")


def _text(value: float) -> str:
    return f"{value:.1f}"

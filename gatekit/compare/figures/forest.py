"""Draw differences from the baseline as a forest plot: pairs, their mean, its interval."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row, metric_text
from gatekit.compare.numbers import with_own_decimals
from gatekit.compare.output.answer import is_answered
from gatekit.compare.output.table_cells import count_text
from gatekit.compare.stats.difference import Difference

from .page import of_one_metric, plottable, run_ids, shown_rows, wrapped
from .style import BASELINE, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_ROWS = 40
_ROW, _MARGIN, _WIDE = 0.2, 0.5, 5.0
_NAME = 1.9
"""Largest width, in inches, of a heading beside the axes."""
_FAR = 20
"""A difference this many times larger than the median one is an arrow at the edge."""
_EDGE = 0.06
_LETTER, _LINE = 0.055, 0.12
"""Width of a letter and height of a line, in inches."""


def draw_forest(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw group minus baseline for each group: small dots are seeds, the bar is the t interval.

    A filled mark on a thick bar is a decided difference; an open mark on a thin bar is undecided.
    Groups with a diverged run are labelled. A difference far beyond all others is an arrow at the
    edge, so that the others stay readable.
    """
    from matplotlib.ticker import MaxNLocator

    rows = [
        row for row in of_one_metric(comparison.rows) if row.difference and row.difference.pairs
    ]
    if not rows:
        return []
    shown = shown_rows(rows, _MOST_ROWS)
    axes = figure.add_subplot()
    # One column has no room for text beside the bar, so the text goes above the bar.
    narrow = figure.get_figwidth() < _WIDE
    sharing = {row.shared_keys for row in shown}
    reach = _reach(_differences(shown))
    room = figure.get_figwidth() if narrow else _NAME
    height, last = 0.0, None
    for row in shown:
        if row.shared_keys != last and len(sharing) > 1:
            heading = plottable(row.group.part(dict(row.shared_keys)))
            for line in wrapped(heading, room) or [""]:
                _write(axes, line, height, "left" if narrow else "name", "#777777")
                height += 0.8
            height += 0 if narrow else 0.2
        last = row.shared_keys
        *above, label = wrapped(plottable(row.name or row.group.label), room) or [""]
        for line in above:
            _write(axes, line, height, "left" if narrow else "name")
            height += 0.75
        if narrow and _LETTER * (len(label) + len(_in_words(row)) + 2) > room:
            _write(axes, label, height, "left")
            label, height = "", height + 0.75
        _write(axes, label, height, "left" if narrow else "name")
        _write(axes, _in_words(row), height, "right" if narrow else "beside")
        height += 0.75 if narrow else 0
        _draw_row(axes, row, height, reach)
        height += 1.15 if narrow else 1
    axes.axvline(0, color=BASELINE, lw=0.8, zorder=1)
    if reach is not None:
        low, high = reach
        axes.set_xlim(low - _EDGE * (high - low), high + _EDGE * (high - low))
    axes.set_yticks([])
    axes.set_ylim(height - 0.4, -0.6)
    axes.grid(axis="x", visible=True)
    axes.spines["left"].set_visible(False)
    heading = _heading(shown, figure.get_figwidth())
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axes.set_xlabel(heading)
    if len(rows) > len(shown):
        axes.set_title(f"{len(shown)} of {len(rows)} groups", fontsize=7, color="#555555")
    figure.set_figheight(_MARGIN + _ROW * height + _LINE * max(0, heading.count("\n") - 1))
    baselines = [row for row in comparison.rows if row.is_baseline]
    return run_ids([*shown, *baselines])


def _write(axes: Axes, text: str, height: float, where: str, tone: str = BASELINE) -> None:
    place, offset, side = {
        "left": (0, 0, "left"),
        "right": (1, 0, "right"),
        "name": (0, -6, "right"),
        "beside": (1, 6, "left"),
    }[where]
    axes.annotate(
        text,
        (place, height),
        xycoords=("axes fraction", "data"),
        xytext=(offset, 0),
        textcoords="offset points",
        fontsize=6.6,
        color=tone,
        ha=side,
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
    )


def _in_words(row: Row) -> str:
    diff = row.difference
    assert diff is not None
    if diff.mean is None:
        text = f"{max(diff.diverged, diff.diverged_baseline)} of {diff.pairs} diverged"
    else:
        text = with_own_decimals(diff.mean, diff.interval, sign="+")
    alike = row.summary is not None and row.summary.n == diff.n
    n = count_text(row) if alike else str(diff.n)
    return f"{text}   n = {n}".replace("-", "\N{MINUS SIGN}")


def _differences(rows: Sequence[Row]) -> list[Difference]:
    return [row.difference for row in rows if row.difference is not None]


def _reach(differences: Sequence[Difference]) -> tuple[float, float] | None:
    """Return the ends of an axis that leaves out outliers; None if there are no outliers."""
    spans = [_span(difference) for difference in differences if difference.mean is not None]
    if not spans:
        return None
    typical = statistics.median(max(abs(low), abs(high)) for low, high in spans)
    near = [span for span in spans if max(map(abs, span)) <= _FAR * typical]
    # If most differences are zero, the axis covers all of them.
    if len(near) == len(spans) or not typical:
        return None
    return min(0.0, *(low for low, _ in near)), max(0.0, *(high for _, high in near))


def _span(diff: Difference) -> tuple[float, float]:
    """Return the ends of everything drawn for a difference."""
    assert diff.mean is not None
    drawn = [diff.mean, *diff.values]
    drawn += [] if diff.interval is None else [diff.interval.low, diff.interval.high]
    return min(drawn), max(drawn)


def _draw_row(axes: Axes, row: Row, height: float, reach: tuple[float, float] | None) -> None:
    diff = row.difference
    assert diff is not None
    where, tone = axes.get_yaxis_transform(), style_of(row.style_index).tone
    if diff.mean is None:
        worse = 0.99 if (diff.direction < 0) == (diff.metric.sign < 0) else 0.01
        axes.plot(worse, height, "x", color=tone, ms=4, mew=1, zorder=4, transform=where)
        return
    decided = is_answered(row)
    if reach is not None and not reach[0] <= diff.mean <= reach[1]:
        # Draw an arrow at the edge; the text of the row has the numbers.
        mark, place = (">", 0.99) if diff.mean > reach[1] else ("<", 0.01)
        fill = tone if decided else "white"
        axes.plot(place, height, mark, color=tone, mfc=fill, ms=5, zorder=4, transform=where)
        return
    below = [height + 0.28] * diff.n
    axes.plot(diff.values, below, "o", color=tone, ms=2, alpha=0.5, mew=0, zorder=2)
    if diff.interval is not None:
        ends = (diff.interval.low, diff.interval.high)
        axes.plot(ends, (height, height), color=tone, lw=1.8 if decided else 0.8, zorder=3)
    fill = tone if decided else "white"
    axes.plot(diff.mean, height, "D", color=tone, mfc=fill, ms=3.6, mew=0.9, zorder=4)


def _heading(rows: Sequence[Row], width: float) -> str:
    first = _differences(rows)[0]
    names = {d.baseline for d in _differences(rows)}
    versus = plottable(names.pop()) if len(names) == 1 else "the baseline"
    side = "right" if first.metric.sign > 0 else "left"
    # Two lines, because one would be wider than a column.
    what = plottable(f"difference in {metric_text(first.metric)}")
    lines = wrapped(f"from {versus}, better to the {side}", width)
    return "\n".join([what, *lines])

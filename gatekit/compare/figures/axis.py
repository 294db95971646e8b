"""Draw the metric over a swept key, one line per variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.keys import not_differing
from gatekit.compare.grouping.label import value_text
from gatekit.compare.numbers import is_number
from gatekit.compare.output.table_cells import count_text

from .page import (
    is_geometric,
    metric_label,
    of_one_metric,
    plottable,
    put_legend,
    run_ids,
    shortened,
    shown_rows,
    spans_decades,
)
from .style import Style, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_LINES = 12
_SHIFT = 0.012


def draw_axis(figure: Figure, comparison: Comparison, key: str) -> list[str]:
    """Draw each variant's mean and t interval over a swept key, with every seed as a dot.

    Args:
        figure: the figure to draw on.
        comparison: the comparison.
        key: the swept key; values that are not numbers are spaced evenly.

    Raises:
        ConfigError: the runs do not differ in this key.
    """
    rows = of_one_metric(comparison.rows)
    known = {name: None for row in rows for name in row.group.values}
    if rows and key not in known:
        raise not_differing("x", key, known)
    lines: dict[str, list[Row]] = {}
    for row in rows:
        rest = [name for name in row.group.values if name != key]
        lines.setdefault(row.group.part(rest, row.group.fallback), []).append(row)
    always = {id(row) for row in shown_rows(rows, 0)}
    shown = {
        name: line
        for place, (name, line) in enumerate(lines.items())
        if place < _MOST_LINES or any(id(row) in always for row in line)
    }
    if not shown:
        return []
    axes = figure.add_subplot()
    places = _places([row.group.values[key] for line in shown.values() for row in line])
    _set_scale(axes, places, key)
    looks = line_styles(list(lines.values()))
    for place, (name, line) in enumerate(shown.items()):
        shift = (place - (len(shown) - 1) / 2) * _SHIFT
        style = looks[list(lines).index(name)]
        _draw_line(axes, name, line, [places[_text(r, key)] for r in line], shift, style)
    values = [
        v for line in shown.values() for row in line if row.summary for v in row.summary.values
    ]
    if values and spans_decades(values):
        axes.set_yscale("log")
    axes.set_ylabel(metric_label(rows))
    total = f"{len(shown)} of {len(lines)} variants" if len(lines) > len(shown) else None
    put_legend(figure, axes, total)
    return run_ids([row for line in shown.values() for row in line])


def line_styles(lines: Sequence[Sequence[Row]]) -> list[Style]:
    """Return the style of each line, which joins the groups of a variant over the swept key.

    A line has the style of its variant. If the swept key is part of the variants' names, a line
    joins several variants; lines then get styles in the order of their first variants.
    """
    if all(len({row.style_index for row in line}) == 1 for line in lines):
        return [style_of(line[0].style_index) for line in lines]
    order = sorted(range(len(lines)), key=lambda k: min(abs(row.style_index) for row in lines[k]))
    inked = [k for k in order if any(row.is_baseline for row in lines[k])]
    others = [k for k in order if k not in inked]
    indices = [-1 - inked.index(k) if k in inked else others.index(k) for k in range(len(lines))]
    return [style_of(index) for index in indices]


def _text(row: Row, key: str) -> str:
    return value_text(row.group.values[key])


def _places(values: list[Any]) -> dict[str, float]:
    if all(map(is_number, values)):
        return {value_text(v): float(v) for v in values}
    return {text: float(i) for i, text in enumerate(sorted({value_text(v) for v in values}))}


def _set_scale(axes: Axes, places: dict[str, float], key: str) -> None:
    from matplotlib.ticker import NullLocator

    ordered = sorted(places.items(), key=lambda item: item[1])
    values = [value for _, value in ordered]
    if is_geometric(values):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    if len(ordered) <= 8:
        axes.set_xticks(values, [shortened(text) for text, _ in ordered])
    low, high = values[0], values[-1]
    if is_geometric(values):
        axes.set_xlim(low / (high / low) ** 0.05, high * (high / low) ** 0.05)
    else:
        pad = 0.06 * (high - low) or 0.5
        axes.set_xlim(low - pad, high + pad)
    axes.set_xlabel(plottable(key))


def _draw_line(
    axes: Axes,
    name: str,
    line: list[Row],
    places: list[float],
    shift: float,
    look: Style,
) -> None:
    tone, style, shape = look.tone, look.line, look.mark
    points = sorted(zip(places, line, strict=True), key=lambda item: item[0])
    means: list[tuple[float, float]] = []
    diverged = 0
    for place, row in points:
        summary = row.summary
        assert summary is not None
        diverged += summary.diverged
        at, beside = (_beside(axes, place, by) for by in (shift, shift + _SHIFT / 2))
        dots = [beside] * len(summary.values)
        axes.plot(dots, summary.values, "o", color=tone, ms=1.9, alpha=0.5, mew=0)
        if summary.mean is not None:
            means.append((at, summary.mean))
            if summary.interval is not None:
                ends = (summary.interval.low, summary.interval.high)
                axes.plot((at, at), ends, color=tone, lw=0.9, zorder=3)
    counts = {row.summary.n for row in line if row.summary}
    texts = {count_text(row) for row in line if row.summary}
    n = texts.pop() if len(texts) == 1 else f"{min(counts)} to {max(counts)}"
    label = f"{name} (n = {n}" + (f", {diverged} diverged)" if diverged else ")")
    xs, ys = zip(*means, strict=True) if means else ((), ())
    axes.plot(xs, ys, color=tone, ls=style, marker=shape, ms=3.4, lw=1.2, label=plottable(label))


def _beside(axes: Axes, place: float, share: float) -> float:
    """Return a position shifted by a share of the axis' width."""
    low, high = axes.get_xlim()
    if axes.get_xscale() == "log":
        return float(place * (high / low) ** share)
    return place + (high - low) * share

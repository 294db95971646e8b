"""Draw learning curves: the validation metric over epochs, time, steps or FLOPs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatekit.compare.comparison import Comparison
from gatekit.compare.curves import (
    AXES,
    Band,
    Curve,
    band,
    band_ends,
    on_one_grid,
    over,
    read_curve,
    step_name,
)
from gatekit.compare.deciding.row import Row, metric_text
from gatekit.compare.output.table_cells import count_text
from gatekit.compare.stats.intervals import MIN_BOOTSTRAP
from gatekit.runs.result import ResultMetric

from .page import of_one_metric, plottable, put_legend, shown_rows, spans_decades
from .style import style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_GROUPS = 12
_MOST_MARKED = 30


@dataclass(frozen=True, slots=True)
class _Drawn:
    row: Row
    curves: tuple[Curve, ...]
    band: Band | None


def draw_curves(figure: Figure, comparison: Comparison, cost: str = "epochs") -> list[str]:
    """Draw the validation metric over epochs, or over another cost of training.

    A group's mean is a thick line with its t interval as a band, up to the last epoch that all
    its seeds reached. With fewer than ten seeds, each seed is also a thin line. Bands end at the
    limits of the metric; on a logarithmic axis, a band that reaches zero ends at the lowest seed.
    Over seconds or FLOPs, seeds are interpolated between evaluations. A vertical line marks the
    budget of the comparison.

    Args:
        figure: the figure to draw on.
        comparison: the comparison.
        cost: ``epochs``, ``seconds``, ``steps`` or ``flops``.

    Raises:
        ConfigError: there is no such cost, or it is unknown.
    """
    drawn = _read(comparison, cost)
    if drawn:
        _draw(figure, drawn, comparison)
        _label(figure.axes[0], drawn, comparison, cost)
    return [curve.run for item in drawn for curve in item.curves]


def _read(comparison: Comparison, cost: str) -> list[_Drawn]:
    drawn = []
    for row in shown_rows(of_one_metric(comparison.rows), _MOST_GROUPS):
        read = [read_curve(r) if cost == "epochs" else over(r, cost) for r in row.group.runs]
        curves = tuple(curve for curve in read if curve is not None)
        if curves:
            aligned = on_one_grid(curves) if cost in ("seconds", "flops") else curves
            drawn.append(_Drawn(row, curves, band(aligned, comparison.level)))
    return drawn


def _label(axes: Axes, drawn: Sequence[_Drawn], comparison: Comparison, cost: str) -> None:
    if cost != "epochs":
        axes.set_xlabel(AXES[cost])
    at = comparison.at
    if at is not None and at.cost == cost:
        axes.axvline(at.amount, color="#777777", lw=0.8, ls=(0, (4, 2)), zorder=1)


def _draw(figure: Figure, drawn: Sequence[_Drawn], comparison: Comparison) -> None:
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    metric = _metric(drawn)
    _scale(axes, drawn, metric)
    for item in drawn:
        style = style_of(item.row.style_index)
        _draw_group(axes, item, style.tone, style.line, 3.0 if item.row.is_baseline else 2.5)
    _draw_chance(axes, metric)
    log = axes.get_yscale() == "log"
    if log and any(item.band is not None and (item.band.low <= 0).any() for item in drawn):
        note = "bands that reach 0 end at the lowest seed"
        axes.text(0.01, 0.012, note, fontsize=5.5, color="#666666", transform=axes.transAxes)
    axes.set_ylabel(plottable(f"validation {metric_text(metric)}"))
    axes.set_xlabel(step_name([run for item in drawn for run in item.row.group.runs]))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
    if axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    total = sum(row.summary is not None for row in comparison.rows)
    put_legend(figure, axes, f"{len(drawn)} of {total} groups" if total > len(drawn) else None)


def _metric(drawn: Sequence[_Drawn]) -> ResultMetric:
    summary = drawn[0].row.summary
    assert summary is not None
    return summary.metric


def _draw_group(axes: Axes, item: _Drawn, tone: str, line: object, order: float) -> None:
    few = len(item.curves) < MIN_BOOTSTRAP
    for curve in item.curves:
        if few and item.band is not None:
            axes.plot(curve.epochs, curve.values, color=tone, lw=0.5, alpha=0.45, zorder=order - 1)
        if curve.diverged:
            axes.plot(curve.epochs[-1], curve.values[-1], "x", color=tone, ms=4, mew=1, zorder=5)
    label = plottable(f"{item.row.group.label} ({_count(item)})")
    if item.band is None:
        for index, curve in enumerate(item.curves):
            axes.plot(
                curve.epochs,
                curve.values,
                color=tone,
                ls=line,
                lw=1.2,
                marker="o" if len(curve.epochs) <= _MOST_MARKED else "",
                ms=1.8,
                zorder=order,
                label=label if index == 0 else None,
            )
        return
    low, high = band_ends(
        item.band, _at(item.band, item.curves), _metric([item]), axes.get_yscale() == "log"
    )
    axes.fill_between(
        item.band.epochs,
        low,
        high,
        color=tone,
        alpha=0.16,
        lw=0,
        zorder=order - 2,
    )
    axes.plot(
        item.band.epochs, item.band.mean, color=tone, ls=line, lw=1.3, zorder=order, label=label
    )


def _at(known: Band, curves: Sequence[Curve]) -> Sequence[Curve]:
    """Return the curves at the positions of their band."""
    if all(np.isin(known.epochs, curve.epochs).all() for curve in curves):
        return curves
    return on_one_grid(curves)


def _count(item: _Drawn) -> str:
    summary = item.row.summary
    assert summary is not None
    text = f"n = {count_text(item.row)}"
    return f"{text}, {summary.diverged} diverged" if summary.diverged else text


def _scale(axes: Axes, drawn: Sequence[_Drawn], metric: ResultMetric) -> None:
    """Choose the axis' scale and limits from the curves, ignoring the width of bands."""
    values = np.concatenate([curve.values for item in drawn for curve in item.curves])
    low, high = float(values.min()), float(values.max())
    if spans_decades([low, high]):
        axes.set_yscale("log")
        pad = (high / low) ** 0.05
        axes.set_ylim(low / pad, high * pad)
        return
    # Bad first epochs must not flatten the end of training, where variants differ.
    typical = [_typical(curve, metric) for item in drawn for curve in item.curves]
    if metric.direction == "min":
        high = min(high, max(max(typical), low + (high - low) / 8))
    else:
        low = max(low, min(min(typical), high - (high - low) / 8))
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - pad, high + pad)


def _typical(curve: Curve, metric: ResultMetric) -> float:
    """Return a curve's value after a tenth of the training, past the steep start."""
    return float(curve.values[min(len(curve.values) // 10, len(curve.values) - 1)])


def _draw_chance(axes: Axes, metric: ResultMetric) -> None:
    from matplotlib.patheffects import withStroke

    if metric.chance is None:
        return
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        reach = (high / low) ** 0.25
        if metric.chance <= 0 or not low / reach <= metric.chance <= high * reach:
            return
        axes.set_ylim(min(low, metric.chance / reach**0.3), max(high, metric.chance * reach**0.3))
    else:
        reach = 0.35 * (high - low)
        if not low - reach <= metric.chance <= high + reach:
            return
        pad = 0.05 * (high - low)
        axes.set_ylim(min(low, metric.chance - pad), max(high, metric.chance + pad))
    axes.axhline(metric.chance, color="#777777", ls=(0, (1, 2)), lw=1, zorder=1)
    axes.annotate(
        "chance",
        (0.995, metric.chance),
        xycoords=("axes fraction", "data"),
        xytext=(0, 1.5),
        textcoords="offset points",
        fontsize=6.5,
        color="#666666",
        ha="right",
        va="bottom",
        path_effects=[withStroke(linewidth=1.5, foreground="white")],
    )

"""The learning-curve figure of a comparison, for paper and screen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.comparison import Comparison, Row
from gatekit.compare.curves import Band, Curve, band, read_curve
from gatekit.compare.label import printable
from gatekit.compare.result import Metric
from gatekit.compare.statistics import MIN_BOOTSTRAP
from gatekit.compare.style import BASELINE, COLUMN, TWO_COLUMNS, apply, colour, dashes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
_MOST_GROUPS = 12
_DECADES = 1.5
_LEGEND_ROW, _LEGEND_HANDLE, _LEGEND_LETTER = 0.145, 0.40, 0.055
_MOST_MARKED = 30


@dataclass(frozen=True, slots=True)
class _Drawn:
    row: Row
    curves: tuple[Curve, ...]
    band: Band | None


def learning_curves(
    comparison: Comparison,
    stem: Path | str,
    *,
    command: str,
    formats: Sequence[str] = ("png", "svg"),
    columns: int = 1,
) -> list[Path]:
    """Draw the validation metric over epochs and write one file per format.

    A group's mean is a thick line with its t interval as a band, as far as all its seeds go;
    below ten seeds each seed is a thin line as well. The file's metadata hold the command
    and the ids of the runs, and the same comparison gives the same bytes.

    Args:
        comparison: what ``compare`` returned.
        stem: path of the files without their ending.
        command: the command line to note in the files.
        formats: of png, svg and pdf.
        columns: width in paper columns, 1 or 2.

    Returns:
        The files, in the order of the formats; none where no run has a curve.

    Raises:
        ConfigError: a format that is not offered.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ConfigError(f"format {unknown[0]!r} is not offered; formats: {listed(FORMATS)}")
    drawn = _read(comparison)
    if not drawn:
        return []
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    paths = []
    with matplotlib.rc_context():
        # A reader's own matplotlibrc must not change a figure.
        matplotlib.rcdefaults()
        apply(matplotlib.rcParams)
        width = TWO_COLUMNS if columns == 2 else COLUMN
        figure = Figure(figsize=(width, 0.72 * COLUMN), layout="constrained")
        FigureCanvasAgg(figure)
        _draw(figure, drawn, comparison)
        runs = [curve.run for item in drawn for curve in item.curves]
        for name in formats:
            path = Path(f"{stem}.{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, format=name, metadata=_metadata(name, comparison, command, runs))
            paths.append(path)
    return paths


def _read(comparison: Comparison) -> list[_Drawn]:
    rows = [row for row in comparison.rows if row.summary is not None]
    if not rows:
        return []
    first = rows[0].summary
    rows = [r for r in rows if r.summary and first and r.summary.metric.name == first.metric.name]
    kept = rows[:_MOST_GROUPS]
    kept += [row for row in rows[_MOST_GROUPS:] if row.is_baseline]
    found = []
    for row in kept:
        curves = tuple(c for run in row.group.runs if (c := read_curve(run)) is not None)
        if curves:
            found.append(_Drawn(row, curves, band(curves, comparison.level)))
    return found


def _draw(figure: Figure, drawn: Sequence[_Drawn], comparison: Comparison) -> None:
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    metric = _metric(drawn)
    _scale(axes, drawn, metric)
    position = 0
    for item in drawn:
        if item.row.is_baseline:
            _draw_group(axes, item, BASELINE, "-", 3.0)
        else:
            _draw_group(axes, item, colour(position), dashes(position), 2.5)
            position += 1
    _draw_chance(axes, metric)
    unit = f" ({printable(metric.unit)})" if metric.unit else ""
    axes.set_ylabel(_plottable(f"validation {printable(metric.name)}{unit}"))
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
    if axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    _draw_legend(figure, axes, drawn, comparison)


def _draw_legend(
    figure: Figure, axes: Axes, drawn: Sequence[_Drawn], comparison: Comparison
) -> None:
    handles, labels = axes.get_legend_handles_labels()
    # Above the axes it covers no curve, and the figure grows instead of the curves shrinking.
    widest = _LEGEND_HANDLE + _LEGEND_LETTER * max(map(len, labels))
    columns = min(len(labels), max(1, int(figure.get_figwidth() / widest)))
    legend = figure.legend(handles, labels, loc="outside upper center", ncols=columns)
    rows = math.ceil(len(labels) / columns)
    total = sum(row.summary is not None for row in comparison.rows)
    if total > len(drawn):
        legend.set_title(f"{len(drawn)} of {total} groups")
        rows += 1
    figure.set_figheight(figure.get_figheight() + _LEGEND_ROW * rows)


def _metric(drawn: Sequence[_Drawn]) -> Metric:
    summary = drawn[0].row.summary
    assert summary is not None
    return summary.metric


def _draw_group(axes: Axes, item: _Drawn, tone: str, line: Any, order: float) -> None:
    few = len(item.curves) < MIN_BOOTSTRAP
    for curve in item.curves:
        if few and item.band is not None:
            axes.plot(curve.epochs, curve.values, color=tone, lw=0.5, alpha=0.45, zorder=order - 1)
        if curve.diverged:
            axes.plot(curve.epochs[-1], curve.values[-1], "x", color=tone, ms=4, mew=1, zorder=5)
    label = _plottable(f"{printable(item.row.group.label)} ({_count(item)})")
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
    axes.fill_between(
        item.band.epochs,
        item.band.low,
        item.band.high,
        color=tone,
        alpha=0.16,
        lw=0,
        zorder=order - 2,
    )
    axes.plot(
        item.band.epochs, item.band.mean, color=tone, ls=line, lw=1.3, zorder=order, label=label
    )


def _count(item: _Drawn) -> str:
    summary = item.row.summary
    assert summary is not None
    text = f"n = {summary.n}"
    return f"{text}, {summary.diverged} diverged" if summary.diverged else text


def _scale(axes: Axes, drawn: Sequence[_Drawn], metric: Metric) -> None:
    """Choose the axis' scale and limits from what was measured, not from how wide a band is."""
    values = np.concatenate([curve.values for item in drawn for curve in item.curves])
    low, high = float(values.min()), float(values.max())
    if low > 0 and math.log10(high / low) > _DECADES:
        axes.set_yscale("log")
        pad = (high / low) ** 0.05
        axes.set_ylim(low / pad, high * pad)
        return
    # A few bad first epochs must not press the end of training, where variants differ, flat.
    typical = [_typical(curve, metric) for item in drawn for curve in item.curves]
    if metric.direction == "min":
        high = min(high, max(max(typical), low + (high - low) / 8))
    else:
        low = max(low, min(min(typical), high - (high - low) / 8))
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - pad, high + pad)


def _typical(curve: Curve, metric: Metric) -> float:
    """Return the value of a curve a tenth into training, where the steep beginning is over."""
    return float(curve.values[min(len(curve.values) // 10, len(curve.values) - 1)])


def _draw_chance(axes: Axes, metric: Metric) -> None:
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


def _plottable(text: str) -> str:
    """Return a text whose dollars are no mathematics and whose missing glyphs are escapes."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont("DejaVu Sans"))
    shown = "".join(
        char if font.get_char_index(ord(char)) else char.encode("unicode_escape").decode()
        for char in text
    )
    return shown.replace("$", r"\$")


def _metadata(name: str, comparison: Comparison, command: str, runs: list[str]) -> dict[str, Any]:
    title = printable(f"Learning curves of study {comparison.study.name}")
    text = f"command: {printable(command)}; runs: {' '.join(runs)}"
    if name == "png":
        return {"Title": title, "Description": text, "Software": "gatekit"}
    if name == "svg":
        return {"Title": title, "Description": text, "Creator": "gatekit", "Date": None}
    return {"Title": title, "Subject": text, "Creator": "gatekit", "CreationDate": None}

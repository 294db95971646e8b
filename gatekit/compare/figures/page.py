"""A figure from blank page to file: size, fonts, metadata; the same input gives the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.comparison import Comparison, Row
from gatekit.compare.gates.behaviour import GatesReport
from gatekit.compare.grouping.label import printable
from gatekit.runs import durable
from gatekit.runs.result import Metric

from .style import COLUMN, TWO_COLUMNS, apply

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
_LEGEND_ROW, _LEGEND_HANDLE, _LETTER = 0.145, 0.40, 0.055
_DECADES = 1.5
_GEOMETRIC = 8
_LONGEST = 34

Painter = Callable[["Figure"], Sequence[str]]
"""Draws on a figure and returns the ids of the runs that are shown; none where there are none."""


def write_figure(
    paint: Painter,
    comparison: Comparison | GatesReport,
    stem: Path | str,
    *,
    title: str,
    command: str,
    formats: Sequence[str],
    columns: int,
) -> list[Path]:
    """Draw a figure and write one file per format.

    Args:
        paint: draws it.
        comparison: what is drawn.
        stem: path of the files without their ending.
        title: what the figure shows, for the files' metadata.
        command: the command line to note in the files.
        formats: of png, svg and pdf.
        columns: width in paper columns, 1 or 2.

    Returns:
        The files, in the order of the formats; none where nothing is drawn.

    Raises:
        ConfigError: a format is not offered, or a file cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ConfigError(f"format {unknown[0]!r} is not offered; formats: {listed(FORMATS)}")
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
        runs = paint(figure)
        if not runs:
            return []
        about = f"{title} of study {comparison.study.name}"
        settings = f"level {comparison.level:g}"
        said = f"command: {printable(command)}; settings: {settings}; runs: {' '.join(runs)}"
        for name in formats:
            path = Path(f"{stem}.{name}")
            try:
                durable.target(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                figure.savefig(path, format=name, metadata=_metadata(name, printable(about), said))
            except OSError as error:
                raise ConfigError(
                    f"{path} cannot be written ({error.strerror}); give another --figure PATH"
                ) from None
            paths.append(path)
    return paths


def _metadata(name: str, title: str, text: str) -> dict[str, Any]:
    if name == "png":
        return {"Title": title, "Description": text, "Software": "gatekit"}
    if name == "svg":
        return {"Title": title, "Description": text, "Creator": "gatekit", "Date": None}
    return {"Title": title, "Subject": text, "Creator": "gatekit", "CreationDate": None}


def put_legend(figure: Figure, axes: Axes, title: str | None = None) -> None:
    """Put the legend above the axes, where it covers no data, and let the figure grow by it."""
    handles, labels = axes.get_legend_handles_labels()
    room = figure.get_figwidth() - _LEGEND_HANDLE
    labels = ["\n".join(wrapped(label, room)) for label in labels]
    lines = [label.count("\n") + 1 for label in labels]
    widest = _LEGEND_HANDLE + _LETTER * max(map(len, "\n".join(labels).split("\n")))
    columns = min(len(labels), max(1, int(figure.get_figwidth() / widest)))
    legend = figure.legend(handles, labels, loc="outside upper center", ncols=columns)
    rows = math.ceil(sum(lines) / columns)
    if title is not None:
        legend.set_title(title)
        rows += 1
    figure.set_figheight(figure.get_figheight() + _LEGEND_ROW * rows)


def wrapped(text: str, width: float) -> list[str]:
    """Return a label's lines where it may be so many inches wide."""
    return wrap(text, int(width / _LETTER), break_on_hyphens=False)


def plottable(text: str) -> str:
    """Return a text whose dollars are no mathematics and whose missing glyphs are escapes."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont("DejaVu Sans"))
    shown = "".join(
        char if font.get_char_index(ord(char)) else char.encode("unicode_escape").decode()
        for char in printable(text)
    )
    return shown.replace("$", r"\$")


def shortened(text: str) -> str:
    """Return a plottable text that leaves room for the figure, cut in its middle: variants of one
    cell begin alike and end differently."""
    shown = plottable(text)
    if len(shown) <= _LONGEST:
        return shown
    end = _LONGEST // 2
    return f"{shown[: _LONGEST - end - 1]}\N{HORIZONTAL ELLIPSIS}{shown[-end:]}"


def metric_label(rows: Sequence[Row]) -> str:
    """Return the axis label of the rows' shared metric, with its split and unit."""
    for row in rows:
        if row.summary is not None:
            return plottable(f"{row.summary.split} {metric_text(row.summary.metric)}")
    return "metric"


def metric_text(metric: Metric) -> str:
    """Return a metric's name with its unit in parentheses."""
    return f"{metric.name} ({metric.unit})" if metric.unit else metric.name


def of_one_metric(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with an outcome that share the first one's metric: one axis has one unit."""
    with_outcome = [row for row in rows if row.summary is not None]
    first = next((row.summary.metric for row in with_outcome if row.summary), None)
    return [
        row
        for row in with_outcome
        if row.summary
        and first
        and (row.summary.metric.name, row.summary.metric.unit) == (first.name, first.unit)
    ]


def spans_decades(values: Sequence[float]) -> bool:
    """Return whether positive values differ so much that a logarithmic axis shows them better."""
    return min(values) > 0 and math.log10(max(values) / min(values)) > _DECADES


def is_geometric(values: Sequence[float]) -> bool:
    """Return whether the values of a setting are better placed by their logarithm."""
    return min(values) > 0 and max(values) >= _GEOMETRIC * min(values)


def run_ids(rows: Sequence[Row]) -> list[str]:
    """Return the ids of all counting runs of the rows."""
    return [run.id for row in rows for run in row.group.runs]

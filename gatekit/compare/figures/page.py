"""Write a figure: size, fonts, metadata; the same input gives the same bytes."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row, metric_text
from gatekit.compare.gates.behaviour import GatesReport
from gatekit.compare.grouping.label import printable
from gatekit.compare.output.answer import is_answered
from gatekit.runs import durable

from .style import COLUMN, TWO_COLUMNS, apply

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
_LEGEND_ROW, _LEGEND_HANDLE, _LETTER = 0.145, 0.40, 0.055
_DECADES = 1.5
_GEOMETRIC = 8
_LONGEST = 34
_NO_BREAK = "\N{NO-BREAK SPACE}"
_IN_PARENTHESES = re.compile(r"\([^()]*\)")

Painter = Callable[["Figure"], Sequence[str]]
"""Draws on a figure and returns the ids of the runs in it; none if nothing was drawn."""


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
        paint: draws the figure.
        comparison: the data of the figure.
        stem: path of the files without their suffix.
        title: what the figure shows, for the files' metadata.
        command: the command line to store in the files.
        formats: any of png, svg and pdf.
        columns: width in paper columns, 1 or 2.

    Returns:
        The files, in the order of the formats; none if nothing was drawn.

    Raises:
        ConfigError: a format does not exist, or a file cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ConfigError(f"there is no format {unknown[0]!r}; formats: {listed(FORMATS)}")
    paths = []
    with styled():
        figure, runs = make_figure(paint, columns)
        if not runs:
            return []
        about = f"{title} of study {comparison.study.name}"
        settings = f"level {comparison.level:g}"
        description = f"command: {printable(command)}; settings: {settings}; runs: {' '.join(runs)}"
        for name in formats:
            path = Path(f"{stem}.{name}")
            try:
                durable.target(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                figure.savefig(
                    path, format=name, metadata=_metadata(name, printable(about), description)
                )
            except OSError as error:
                raise ConfigError(
                    f"{path} cannot be written ({error.strerror}); choose another --figure PATH"
                ) from None
            paths.append(path)
    return paths


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Apply gatekit's style until the block ends; your matplotlibrc is ignored."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        apply(matplotlib.rcParams)
        yield


def make_figure(paint: Painter, columns: int = 1) -> tuple[Figure, Sequence[str]]:
    """Return a figure and the ids of the runs in it; call it within `styled`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from .inline import InlineFigure

    if columns not in (1, 2):
        raise ConfigError(f"columns={columns!r}: a figure is 1 or 2 columns of a paper wide")

    width = TWO_COLUMNS if columns == 2 else COLUMN
    figure = InlineFigure(figsize=(width, 0.72 * COLUMN), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, paint(figure)


def _metadata(name: str, title: str, text: str) -> dict[str, object]:
    if name == "png":
        return {"Title": title, "Description": text, "Software": "gatekit"}
    if name == "svg":
        return {"Title": title, "Description": text, "Creator": "gatekit", "Date": None}
    return {"Title": title, "Subject": text, "Creator": "gatekit", "CreationDate": None}


def put_legend(figure: Figure, axes: Axes, title: str | None = None) -> None:
    """Put the legend above the axes, where it covers no data, and enlarge the figure for it."""
    handles, labels = axes.get_legend_handles_labels()
    labels, columns, height = legend_layout(labels, figure.get_figwidth())
    legend = figure.legend(handles, labels, loc="outside upper center", ncols=columns)
    if title is not None:
        legend.set_title(title)
        height += _LEGEND_ROW
    figure.set_figheight(figure.get_figheight() + height)


def without_frame(axes: Axes) -> None:
    """Remove the frame, the grid and the ticks of the y axis."""
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def legend_layout(labels: Sequence[str], width: float) -> tuple[list[str], int, float]:
    """Return the labels of a legend in lines, its columns, and its height in inches."""
    shown = ["\n".join(wrapped(label, width - _LEGEND_HANDLE)) for label in labels]
    lines = [label.count("\n") + 1 for label in shown]
    longest = max([1, *(len(line) for label in shown for line in label.split("\n"))])
    columns = max(1, min(len(shown), int(width / (_LEGEND_HANDLE + _LETTER * longest))))
    return shown, columns, _LEGEND_ROW * math.ceil(sum(lines) / columns)


def wrapped(text: str, width: float) -> list[str]:
    """Return the lines of a label that is at most ``width`` inches wide.

    Text in parentheses, such as ``(n = 6)``, stays on one line.
    """
    whole = _IN_PARENTHESES.sub(lambda found: found[0].replace(" ", _NO_BREAK), text)
    lines = wrap(whole, max(1, int(width / _LETTER)), break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines]


def plottable(text: str) -> str:
    """Return text with dollar signs escaped and missing glyphs replaced by escape sequences."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont("DejaVu Sans"))
    shown = "".join(
        char if font.get_char_index(ord(char)) else char.encode("unicode_escape").decode()
        for char in printable(text)
    )
    return shown.replace("$", r"\$")


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return plottable text cut in the middle, because labels of one cell differ at their ends."""
    shown = plottable(text)
    if len(shown) <= longest:
        return shown
    end = longest // 2
    return f"{shown[: longest - end - 1]}\N{HORIZONTAL ELLIPSIS}{shown[-end:]}"


def metric_label(rows: Sequence[Row]) -> str:
    """Return the axis label of the rows' shared metric, with its split and unit."""
    for row in rows:
        if row.summary is not None:
            return plottable(f"{row.summary.split} {metric_text(row.summary.metric)}")
    return "metric"


def of_one_metric(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with an outcome that share the first one's metric and unit."""
    with_outcome = [row for row in rows if row.summary is not None]
    first = next((row.summary.metric for row in with_outcome if row.summary), None)
    return [
        row
        for row in with_outcome
        if row.summary
        and first
        and (row.summary.metric.name, row.summary.metric.unit) == (first.name, first.unit)
    ]


def shown_rows(rows: Sequence[Row], most: int) -> list[Row]:
    """Return the first ``most`` rows, and every other row that is a baseline or is decided.

    Args:
        rows: rows, best first; their order is kept.
        most: number of rows that are kept even if they are undecided.
    """
    return [
        row for place, row in enumerate(rows) if place < most or row.is_baseline or is_answered(row)
    ]


def spans_decades(values: Sequence[float]) -> bool:
    """Return whether positive values spread so far that a logarithmic axis is better."""
    return min(values) > 0 and math.log10(max(values) / min(values)) > _DECADES


def is_geometric(values: Sequence[float]) -> bool:
    """Return whether the values of a setting belong on a logarithmic axis."""
    return min(values) > 0 and max(values) >= _GEOMETRIC * min(values)


def run_ids(rows: Sequence[Row]) -> list[str]:
    """Return the ids of all runs of the rows that have an outcome."""
    return [run.id for row in rows for run in row.group.runs]

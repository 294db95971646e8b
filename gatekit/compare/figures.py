"""Draw a comparison's figure by its name: a view makes the chart, a renderer draws it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.cell.errors import GatekitError

from .comparison import Comparison
from .gates.behaviour import GatesReport
from .render.files import about, check_formats, write_figure
from .views.gates import gates
from .views.kinds import Asked, chart

if TYPE_CHECKING:
    from .render.inline import InlineFigure


def draw(
    kind: str,
    comparison: Comparison,
    stem: Path | str,
    *,
    command: str,
    formats: Sequence[str] = ("png", "svg"),
    x: str | None = None,
    over: str = "epochs",
) -> list[Path]:
    """Draw one figure of a comparison and write one file per format.

    With several tasks, the figure has a panel for each of them.

    Args:
        kind: one of ``gatekit.compare.options.FIGURES``.
        comparison: the result of ``compare``.
        stem: path of the files without their suffix.
        command: the command line to store in the files.
        formats: any of png, svg and pdf.
        x: the swept key of ``axis``.
        over: the horizontal axis of ``curves``: ``epochs``, ``seconds``, ...

    Returns:
        The files, in the order of the formats.

    Raises:
        ConfigError: the kind or a format does not exist or does not fit the comparison, or there is
            nothing to draw.
    """
    check_formats(formats)
    shown = chart(kind, comparison, Asked(x, over))
    from .render import matplotlib

    title = f"{shown.title} of study {comparison.study.name}"
    description = about(command, shown.runs)
    return write_figure(matplotlib.figure(shown), stem, formats, title, description)


def figure(
    kind: str,
    comparison: Comparison,
    *,
    x: str | None = None,
    over: str = "epochs",
    wide: bool = False,
) -> InlineFigure:
    """Return one figure of a comparison, to show in a notebook or change.

    The arguments are those of `draw`.

    Raises:
        ConfigError: the kind does not exist or does not fit the comparison, or there is nothing to
            draw.
    """
    from .render import matplotlib

    return matplotlib.figure(chart(kind, comparison, Asked(x, over)), wide)


def curves_html(comparison: Comparison) -> str:
    """Return the learning curves of a comparison as HTML; empty if no run has any."""
    try:
        drawn = figure("curves", comparison, wide=True)
    except GatekitError:
        return ""
    data = base64.b64encode(drawn._repr_png_()).decode()
    return f'<img alt="learning curves" width="640" src="data:image/png;base64,{data}">'


def draw_gates(
    report: GatesReport,
    stem: Path | str,
    *,
    command: str,
    formats: Sequence[str] = ("png", "svg"),
    layer: str | None = None,
) -> list[Path]:
    """Draw the behaviour of each variant's gates, two paper columns wide.

    Args:
        report: the result of ``gates_report``.
        stem: path of the files without their suffix.
        command: the command line to store in the files.
        formats: any of png, svg and pdf.
        layer: the recurrent layer; None means the lowest.

    Returns:
        The files, in the order of the formats.

    Raises:
        ConfigError: the layer or a format does not exist.
    """
    from .render import matplotlib

    check_formats(formats)
    shown = gates(report, layer)
    title = f"{shown.title} of study {report.study.name}"
    description = about(command, shown.runs)
    return write_figure(matplotlib.figure(shown, wide=True), stem, formats, title, description)

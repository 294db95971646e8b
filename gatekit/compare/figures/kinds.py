"""Draw a figure by its name."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.cell.errors import ConfigError, GatekitError, listed, nearest
from gatekit.compare.budget.evaluations import checked_cost
from gatekit.compare.comparison import Comparison

from .axis import draw_axis
from .curves import draw_curves
from .forest import draw_forest
from .heatmap import draw_heatmap, keys_of
from .over_tasks import draw_critical_difference, draw_intervals, draw_profile
from .page import Painter, make_figure, styled, write_figure
from .panels import by_metric, by_task, paint_panels
from .scatter import draw_scatter
from .training import draw_best_of_k, draw_survival

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PAINTERS: dict[str, tuple[str, Callable[..., Sequence[str]]]] = {
    "curves": ("Learning curves", draw_curves),
    "axis": ("Metric over a key", draw_axis),
    "forest": ("Differences", draw_forest),
    "heatmap": ("Sweep", draw_heatmap),
    "scatter": ("Metric and cost", draw_scatter),
    "critical": ("Critical difference", draw_critical_difference),
    "profile": ("Performance profiles", draw_profile),
    "intervals": ("Aggregates over tasks", draw_intervals),
    "best-of-k": ("Expected best of k trials", draw_best_of_k),
    "survival": ("Time to a threshold", draw_survival),
}
_OVER_TASKS = ("critical", "profile", "intervals")

KINDS = tuple(_PAINTERS)


def draw(
    kind: str,
    comparison: Comparison,
    stem: Path | str,
    *,
    command: str,
    formats: Sequence[str] = ("png", "svg"),
    columns: int = 1,
    x: str | None = None,
    over: str = "epochs",
    reach: float | None = None,
) -> list[Path]:
    """Draw one figure of a comparison and write one file per format.

    With several tasks, the figure has a panel for each of them.

    Args:
        kind: one of ``KINDS``.
        comparison: the result of ``compare``.
        stem: path of the files without their suffix.
        command: the command line to store in the files.
        formats: any of png, svg and pdf.
        columns: width in paper columns, 1 or 2.
        x: the swept key of ``axis``.
        over: the horizontal axis of ``curves`` and ``survival``: ``epochs``, ``seconds``,
            ``steps`` or ``flops``.
        reach: the threshold of ``survival``.

    Returns:
        The files, in the order of the formats; none if there is nothing to draw.

    Raises:
        ConfigError: the kind or a format does not exist, or does not fit the comparison.
    """
    title, paint = painter(kind, comparison, x, over, reach)
    return write_figure(
        paint, comparison, stem, title=title, command=command, formats=formats, columns=columns
    )


def figure(
    kind: str,
    comparison: Comparison,
    *,
    columns: int = 1,
    x: str | None = None,
    over: str = "epochs",
    reach: float | None = None,
) -> Figure | None:
    """Return one figure of a comparison, to show in a notebook or change; None if it is empty.

    The arguments are those of `draw`.

    Raises:
        ConfigError: the kind does not exist, or does not fit the comparison.
    """
    _, paint = painter(kind, comparison, x, over, reach)
    with styled():
        drawn, runs = make_figure(paint, columns)
    return drawn if runs else None


def painter(
    kind: str,
    comparison: Comparison,
    x: str | None,
    over: str = "epochs",
    reach: float | None = None,
) -> tuple[str, Painter]:
    """Return the title of a figure, and the function that draws it.

    Raises:
        ConfigError: the kind or the cost does not exist, ``axis`` lacks its key, or ``survival``
            lacks its threshold.
    """
    if kind not in KINDS:
        raise ConfigError(
            f"there is no figure {kind!r}{nearest(kind, KINDS) or '.'} Figures: {listed(KINDS)}."
        )
    title, one = _PAINTERS[kind]
    if kind == "axis":
        if x is None:
            raise ConfigError(
                "the figure axis is drawn over a swept key; type --x KEY (in Python x='KEY')"
            )
        title, one = f"Metric over {x}", partial(draw_axis, key=x)
    if kind == "curves":
        one = partial(draw_curves, cost=checked_cost(over))
    if kind == "survival":
        if reach is None:
            raise ConfigError("the figure survival needs a threshold; type --reach 0.9")
        one = partial(draw_survival, threshold=reach, cost=checked_cost(over))

    def paint(on: Figure) -> Sequence[str]:
        if kind in _OVER_TASKS:
            return one(on, comparison)
        whole = kind == "heatmap" and len(keys_of(comparison.rows)) == 2
        swept = x if kind == "axis" else None
        panels = by_metric(comparison) if whole else by_task(comparison, swept)
        return paint_panels(on, panels, one)

    return title, paint


def curves_html(comparison: Comparison) -> str:
    """Return the learning curves of a comparison as HTML; empty if no run has any."""
    from .inline import InlineFigure

    try:
        drawn = figure("curves", comparison, columns=2)
    except GatekitError:
        drawn = None
    if not isinstance(drawn, InlineFigure):
        return ""
    data = base64.b64encode(drawn._repr_png_()).decode()
    return f'<img alt="learning curves" width="640" src="data:image/png;base64,{data}">'

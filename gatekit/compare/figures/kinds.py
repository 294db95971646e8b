"""Draw a figure by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.compare.comparison import Comparison

from .axis import draw_axis
from .critical import draw_critical_difference
from .curves import learning_curves
from .forest import draw_forest
from .heatmap import draw_heatmap
from .page import write_figure
from .parallel import draw_parallel
from .profile import draw_profile
from .scatter import draw_scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PAINTERS: dict[str, tuple[str, Callable[..., Sequence[str]]]] = {
    "forest": ("Differences", draw_forest),
    "heatmap": ("Sweep", draw_heatmap),
    "parallel": ("Settings", draw_parallel),
    "scatter": ("Metric and cost", draw_scatter),
    "critical": ("Critical difference", draw_critical_difference),
    "profile": ("Performance profiles", draw_profile),
}

KINDS = ("curves", "axis", *_PAINTERS)


def draw(
    kind: str,
    comparison: Comparison,
    stem: Path | str,
    *,
    command: str,
    formats: Sequence[str] = ("png", "svg"),
    columns: int = 1,
    x: str | None = None,
) -> list[Path]:
    """Draw one figure of a comparison and write one file per format.

    Args:
        kind: one of ``KINDS``.
        comparison: the result of ``compare``.
        stem: path of the files without their suffix.
        command: the command line to store in the files.
        formats: any of png, svg and pdf.
        columns: width in paper columns, 1 or 2.
        x: the swept key of ``axis``.

    Returns:
        The files, in the order of the formats; none if there is nothing to draw.

    Raises:
        ConfigError: the kind or a format does not exist, or does not fit the comparison.
    """
    if kind == "curves":
        return learning_curves(comparison, stem, command=command, formats=formats, columns=columns)
    if kind == "axis":
        if x is None:
            raise ConfigError("the figure axis needs the swept key; type --x KEY")
        painter: Callable[..., Sequence[str]]
        title, painter = f"Metric over {x}", partial(draw_axis, key=x)
    elif kind in _PAINTERS:
        title, painter = _PAINTERS[kind]
    else:
        raise ConfigError(
            f"there is no figure {kind!r}{nearest(kind, KINDS)}; figures: {listed(KINDS)}"
        )

    def paint(figure: Figure) -> Sequence[str]:
        return painter(figure, comparison)

    return write_figure(
        paint, comparison, stem, title=title, command=command, formats=formats, columns=columns
    )

"""Style of figures: sizes of paper columns, colours that colour-blind readers can distinguish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

COLUMN = 3.4
"""Width of one paper column in inches."""

TWO_COLUMNS = 7.0
"""Width of two paper columns in inches."""

# Okabe and Ito's colours, without yellow, which is too light for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
BASELINE = "#222222"
MARKS = ("o", "s", "^", "D", "v", "P")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.6, 1.2)), (0, (5, 1.4, 1.4, 1.4)))

_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.labelcolor": "#222222",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.3,
    "legend.borderaxespad": 0.2,
    "legend.borderpad": 0.2,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#E8E8E8",
    "grid.linewidth": 0.5,
    "legend.labelspacing": 0.35,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "path",
    "svg.hashsalt": "gatekit",
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
}


def apply(settings: Any) -> None:
    """Apply gatekit's style to matplotlib's settings, ``matplotlib.rcParams``."""
    settings.update(_SETTINGS)


def looks(baselines: Sequence[bool]) -> list[tuple[str, Any]]:
    """Return the colour and the line style of each line; no two of the first 24 share both.

    The first baseline is black and solid.

    Args:
        baselines: whether each line is a baseline.
    """
    first = next((place for place, is_one in enumerate(baselines) if is_one), None)
    found: list[tuple[str, Any]] = []
    for place in range(len(baselines)):
        if place == first:
            found.append((BASELINE, "-"))
            continue
        other = len(found) - int(first is not None and first < place)
        style = DASHES[(other + other // len(COLOURS) + 1) % len(DASHES)]
        found.append((COLOURS[other % len(COLOURS)], style))
    return found


def mark(place: int, is_baseline: bool = False) -> str:
    """Return the marker of a line, so that lines differ in more than colour."""
    return MARKS[0] if is_baseline else MARKS[1 + place % (len(MARKS) - 1)]

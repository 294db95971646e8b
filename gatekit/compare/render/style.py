"""Style of figures: sizes of paper columns, and colours that are safe for colour blindness."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COLUMN = 3.4
"""Width of one paper column in inches."""

TWO_COLUMNS = 7.0
"""Width of two paper columns in inches."""

# Okabe and Ito's colours, without yellow, which is too light for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
BASELINE, GREY = "#222222", "#8A8A8A"
INKS, _INK_NAMES = (BASELINE, GREY), ("ink", "grey")
MARKS = ("o", "s", "^", "D", "v", "P")
DASHES: tuple[object, ...] = ("-", (0, (5, 1.5)), (0, (1.6, 1.2)), (0, (5, 1.4, 1.4, 1.4)))

_SETTINGS: dict[str, object] = {
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


@dataclass(frozen=True, slots=True)
class Style:
    """How a variant is drawn, in every figure and on the report page.

    Attributes:
        tone: the colour.
        line: the line style.
        mark: the marker, so that variants differ in more than colour.
        css: the classes of the report page that have the same colour and dashes.
    """

    tone: str
    line: object
    mark: str
    css: str


def style_of(index: int) -> Style:
    """Return the style of a variant: black or grey for baselines, otherwise a colour.

    No two of the first 24 variants, and no two of the first eight baselines, share colour and line
    style.

    Args:
        index: the variant's ``Row.style_index``; negative for baselines.
    """
    if index < 0:
        at = -1 - index
        dash, shade = at % len(DASHES), at // len(DASHES) % len(INKS)
        mark = MARKS[at % len(MARKS)]
        return Style(INKS[shade], DASHES[dash], mark, f"{_INK_NAMES[shade]} d{dash}")
    tone, dash = index % len(COLOURS), (index // len(COLOURS) + index + 1) % len(DASHES)
    mark = MARKS[1 + index % (len(MARKS) - 1)]
    return Style(COLOURS[tone], DASHES[dash], mark, f"c{tone} d{dash}")


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Apply gatekit's style until the block ends; your matplotlibrc is ignored."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        apply(matplotlib.rcParams)
        yield

"""Draw a sweep over two keys as a heat map of means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.numbers import is_number, number

from .page import metric_label, of_one_metric, plottable, run_ids, shortened, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DARK = 0.18
_LETTER, _TICK_LETTER, _BELOW, _TICK = 0.06, 0.065, 0.45, 1.0
"""In inches: width of a letter of the colour bar's label and of a tick label, room below the axes,
width of a tick label."""


def draw_heatmap(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw the mean of each group on a grid of the two keys in which groups differ.

    The frame marks the best mean. ``3/5 div.`` counts diverged runs. An empty cell has no outcome.

    Raises:
        ConfigError: the groups do not differ in exactly two keys.
    """
    rows = of_one_metric(comparison.rows)
    if not rows:
        return []
    keys = keys_of(rows)
    if len(keys) != 2:
        raise ConfigError(
            f"a heat map has two axes, but the groups differ in {listed(keys) or 'no key'};"
            f" choose two with --by KEY,KEY"
        )
    counts = [len(_values(rows, key)) for key in keys]
    down, across = keys if counts[0] <= counts[1] else reversed(keys)
    lines, columns = _values(rows, down), _values(rows, across)
    places = {(r.group.value(down), r.group.value(across)): r for r in rows}
    table = np.full((len(lines), len(columns)), np.nan)
    for i, one in enumerate(lines):
        for j, other in enumerate(columns):
            row = places.get((one, other))
            if row is not None and row.summary is not None and row.summary.mean is not None:
                table[i, j] = row.summary.mean
    _paint(figure, table, rows, (lines, columns), (down, across), places)
    return run_ids(rows)


def keys_of(rows: Iterable[Row]) -> list[str]:
    """Return the keys in which groups differ."""
    return list(dict.fromkeys(key for row in rows for key in row.group.values))


def _values(rows: list[Row], key: str) -> list[str]:
    values: dict[str, Any] = {row.group.value(key): row.group.values.get(key) for row in rows}
    numeric = all(map(is_number, values.values()))
    return sorted(values, key=values.__getitem__ if numeric else str)


def _paint(
    figure: Figure,
    table: np.ndarray[Any, Any],
    rows: list[Row],
    values: tuple[list[str], list[str]],
    names: tuple[str, str],
    places: dict[tuple[str, str], Row],
) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    axes = figure.add_subplot()
    summary = rows[0].summary
    assert summary is not None
    smaller = summary.metric.sign < 0
    tones = colormaps["cividis_r" if smaller else "cividis"].with_extremes(bad="#EEEEEE")
    width = figure.get_figwidth()
    cell = min(0.62, (width - 1.5) / len(values[1]))
    label = metric_label(rows).replace(" (", "\n(")
    longest = _TICK_LETTER * max(len(line) for v in values[1] for line in _tick(v).split("\n"))
    # Labels that are wider than their columns are turned, and reach further down.
    turned = longest > cell
    below = 0.5 * longest if turned else 0.0
    high = 0.75 + below + max(0.24, 0.55 * cell) * len(values[0])
    # Without room for its longest line, a label beside the axes would be cut off.
    side = plottable(names[0]).replace(".", ".\n")
    room = _LETTER * max(map(len, f"{label}\n{side}".split("\n"))) + _BELOW + below
    figure.set_figheight(max(1.3, high, room))
    image = axes.imshow(np.ma.masked_invalid(table), cmap=tones, aspect="auto")
    finite = table[np.isfinite(table)]
    painted = image.to_rgba(np.ma.masked_invalid(table))
    for i, one in enumerate(values[0]):
        for j, other in enumerate(values[1]):
            row = places.get((one, other))
            if cell > 0.3:
                text, tone = _inside(row, table[i, j]), _readable(painted[i, j])
                axes.text(j, i, text, ha="center", va="center", fontsize=6, color=tone)
    if len(finite):
        best = finite.min() if smaller else finite.max()
        i, j = map(int, np.argwhere(table == best)[0])
        axes.add_patch(
            Rectangle((j - 0.47, i - 0.46), 0.94, 0.92, fill=False, ec="#D55E00", lw=1.4)
        )
    axes.set_yticks(range(len(values[0])), [_tick(v) for v in values[0]])
    axes.set_xticks(range(len(values[1])), [_tick(v) for v in values[1]])
    if turned:
        for tick in axes.get_xticklabels():
            tick.set(rotation=30, ha="right", rotation_mode="anchor")
    axes.set_ylabel(side)
    axes.set_xlabel(plottable(names[1]))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, pad=0.02, fraction=0.06)
    bar.outline.set_visible(False)  # type: ignore[operator, unused-ignore]
    bar.set_label(label)


def _tick(value: str) -> str:
    return "\n".join(wrapped(shortened(value), _TICK))


def _inside(row: Row | None, value: float) -> str:
    if row is None or row.summary is None:
        return ""
    if math.isnan(value):
        return f"{row.summary.diverged}/{row.summary.n}\ndiv."
    return number(value)


def _readable(colour: Sequence[float]) -> str:
    """Return black or white, whichever has the higher contrast with a colour."""
    linear = [c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if light < _DARK else "#111111"

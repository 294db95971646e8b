"""Draw parallel coordinates: each group is a line through its settings to its metric."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.label import value_text
from gatekit.compare.numbers import is_number, number

from .page import (
    is_geometric,
    metric_label,
    of_one_metric,
    plottable,
    run_ids,
    shortened,
    shown_rows,
    without_frame,
)
from .style import style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_AXES, _MOST_NAMED = 8, 6
_MOST_TICKS = 9
_ROOM = 0.07


def draw_parallel(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw each group as a line through its settings to its mean.

    Baselines, decided groups and the best six are coloured, and the best is thick.

    Groups with a diverged run have no mean; their lines are dashed and end at ``diverged``.

    Raises:
        ConfigError: the groups differ in too many keys.
    """
    rows = of_one_metric(comparison.rows)
    keys = list(dict.fromkeys(key for row in rows for key in row.group.values))
    if not rows or not keys:
        return []
    if len(keys) > _MOST_AXES:
        raise ConfigError(
            f"parallel coordinates have room for {_MOST_AXES} keys, but the groups differ in"
            f" {len(keys)}; choose fewer with --by KEY,KEY"
        )
    axes = figure.add_subplot()
    figure.set_figheight(0.62 * figure.get_figwidth() if figure.get_figwidth() < 5 else 2.9)
    scales = [_Scale([row.group.values.get(key) for row in rows]) for key in keys]
    means = [row.summary.mean for row in rows if row.summary and row.summary.mean is not None]
    last = _Scale(means) if means else None
    _draw_lines(axes, rows, keys, scales, last)
    for place, scale in enumerate([*scales, last] if last else scales):
        _draw_axis(axes, place, scale)
    names = [plottable(key) for key in keys] + (
        [metric_label(rows).replace(" (", "\n(")] if last else []
    )
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.25, len(names) - 0.5)
    whole = last is not None and len(means) == len(rows)
    axes.set_ylim(-0.04 if whole else -0.14, 1.06)
    without_frame(axes)
    axes.tick_params(length=0)
    return run_ids(rows)


class _Scale:
    """Maps values to positions from 0 to 1: numbers linearly or by logarithm, words evenly."""

    def __init__(self, values: list[Any]) -> None:
        self.numeric = all(map(is_number, values))
        distinct = {self.text(v): v for v in values}
        if self.numeric:
            self.log = is_geometric(list(distinct.values()))
            ordered = sorted(distinct.values())
            self.low, self.high = self._size(ordered[0]), self._size(ordered[-1])
            self.places = {self.text(v): self._share(v) for v in ordered}
        else:
            names = sorted(distinct)
            self.places = {n: (i + 0.5) / len(names) for i, n in enumerate(names)}

    def _size(self, value: float) -> float:
        return math.log(value) if self.log else value

    def _share(self, value: float) -> float:
        if self.high == self.low:
            return 0.5
        return (self._size(value) - self.low) / (self.high - self.low)

    def text(self, value: object) -> str:
        return "none" if value is None else value_text(value)

    def ticks(self) -> list[tuple[str, float]]:
        known = list(self.places.items())
        if len(known) <= _MOST_TICKS:
            return known
        if not self.numeric:
            return known[:: -(-len(known) // _MOST_TICKS)]
        return [(number(float(known[i][0])), known[i][1]) for i in (0, -1)]


def _draw_lines(
    axes: Axes, rows: list[Row], keys: list[str], scales: list[_Scale], last: _Scale | None
) -> None:
    ranked = [row for row in rows if row.summary and row.summary.mean is not None]
    coloured = {id(row) for row in shown_rows(_best(ranked), _MOST_NAMED)}
    for order, row in enumerate(reversed(rows)):
        heights = [
            s.places[s.text(row.group.values.get(k))] for k, s in zip(keys, scales, strict=True)
        ]
        is_best = bool(ranked) and row is _best(ranked)[0]
        look = style_of(row.style_index)
        tone, style = (look.tone, look.line) if id(row) in coloured else ("#BBBBBB", "-")
        if row.summary and row.summary.mean is not None and last is not None:
            ends = [*heights, last.places[last.text(row.summary.mean)]]
        else:
            ends, tone, style = [*heights, -0.1], look.tone, (0, (3, 2))
        axes.plot(
            range(len(ends)),
            ends,
            color=tone,
            ls=style,
            lw=2.0 if is_best else 1.0 if id(row) in coloured else 0.7,
            zorder=100 if is_best else order / len(rows),
        )
    if len(ranked) < len(rows):
        axes.annotate("diverged", (len(keys) + 0.06, -0.1), fontsize=6.5, va="center")


def _best(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.summary.rank if row.summary else (2.0, 0.0, 0.0))


def _draw_axis(axes: Axes, place: int, scale: _Scale) -> None:
    axes.plot((place, place), (0, 1), color="#444444", lw=0.7, zorder=101)
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2, foreground="white")]
    for text, height in _apart(scale.ticks()):
        axes.annotate(
            shortened(text if not scale.numeric else _short(text)),
            (place, height),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=6.3,
            va="center",
            zorder=102,
            path_effects=halo,
        )


def _apart(ticks: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Leave out ticks whose labels would overlap, but never the lowest and the highest."""
    if len(ticks) < 3:
        return ticks
    first, *between, last = sorted(ticks, key=lambda tick: tick[1])
    apart = [first]
    for tick in between:
        if tick[1] - apart[-1][1] >= _ROOM and last[1] - tick[1] >= _ROOM:
            apart.append(tick)
    return [*apart, last]


def _short(text: str) -> str:
    return text if len(text) <= 7 else number(float(text))

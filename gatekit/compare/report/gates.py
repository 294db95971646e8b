"""The section of gates in probed runs: values over training, memory, gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from gatekit.compare.gates.behaviour import ProbedVariant, report_of
from gatekit.compare.gates.densities import (
    FLOOR,
    Density,
    densities,
    layers,
    longest_sequence,
    memory,
    memory_limits,
    slope,
)
from gatekit.compare.gates.text import count_text, tables
from gatekit.compare.stats.intervals import Floats

from .context import Section, Sheet, css
from .markup import html
from .static import ChartAxes, Line, chart

_MOST_VARIANTS, _MOST_LAYERS, _MOST_GATES, _MOST_COLUMNS = 12, 4, 8, 25
_LEVELS = 6
_LEFT, _WIDE, _HIGH, _BELOW = 24.0, 190.0, 72.0, 14.0
_SEEDS_SHOWN = 10
_CAPTION = (
    "Gates over training: the colour shows the density of the values, the line shows their mean."
    " The dotted lines mark a tenth of the range from its ends; the numbers are the percentages"
    " beyond them at the best epoch. Memory: the number of steps after which 1/e of a unit's"
    " content is left, with gates fixed at their means (dotted: before training). Gradient: the"
    " norm of the gradient of the loss with respect to the memory state at each step, scaled to a"
    " maximum of 1. Thin lines: single seeds."
)


def gates(sheet: Sheet) -> Section | None:
    """Return the gates and states of runs with ``probe=true``; None if there are none."""
    report = report_of(
        sheet.comparison.study, [row.group for row in sheet.rows], sheet.comparison.level
    )
    if not report.variants:
        return None
    look = {id(row.group): css(row) for row in sheet.rows}
    variants = [(variant, look[id(variant.group)]) for variant in report.variants]
    names = layers(report)
    body = html(
        "gates.html",
        layers=[_layer(variants, name) for name in names[:_MOST_LAYERS]],
        named=len(names) > 1,
        caption=_CAPTION,
        numbers=tables(report),
        left=int(_LEFT),
        wide=int(_WIDE),
        high=int(_HIGH),
    )
    return Section("gates", "Gates", body)


def _layer(variants: Sequence[tuple[ProbedVariant, str]], layer: str) -> dict[str, object]:
    shown = [
        (variant, look)
        for variant, look in variants
        if any(row.layer == layer for row in variant.gates)
    ]
    first = shown[:_MOST_VARIANTS]
    return {
        "name": layer,
        "variants": [
            {
                "look": look,
                "label": variant.group.label,
                "n": count_text(variant),
                "panels": list(map(_panel, densities(variant, layer)[:_MOST_GATES])),
            }
            for variant, look in first
        ],
        "more": len(shown) - _MOST_VARIANTS,
        "memory": _memory(first, layer),
        "gradient": _gradient(first, layer),
    }


def _panel(density: Density) -> dict[str, object]:
    """Return the drawing of a gate's values over training, as strings of SVG."""
    means = f"{density.means[0]:.2f} before training, {density.means[-1]:.2f} at the end"
    columns = len(density.epochs)
    shown = np.linspace(0, columns - 1, min(columns, _MOST_COLUMNS)).round().astype(int)
    shown = np.unique(shown)
    span, width = (density.high - density.low) or 1.0, _WIDE / len(shown)
    points = [
        f"{_LEFT + (column + 0.5) * width:.1f} {_HIGH * (density.high - mean) / span:.1f}"
        for column, mean in enumerate(density.means[shown])
    ]
    return {
        "name": density.gate,
        "shares": density.saturation,
        "label": f"{density.gate}: mean {means}",
        "size": f"{_LEFT + _WIDE:g} {_HIGH + _BELOW:g}",
        "levels": _levels(density, shown),
        "edges": [f"{_HIGH * share:.1f}" for share in ((0.1, 0.9) if density.bounded else ())],
        "mean": f"M{'L'.join(points)}",
        "limits": [(f"{density.high:.2g}", 9), (f"{density.low:.2g}", int(_HIGH))],
        "epochs": (density.epochs[0], density.epochs[-1]),
    }


def _levels(density: Density, shown: NDArray[np.int_]) -> list[tuple[int, str]]:
    """Return a path for each shade, which covers the cells (epoch, value) with this shade."""
    width, height = _WIDE / len(shown), _HIGH / density.shares.shape[1]
    # A square-root scale makes shades of small values easier to distinguish.
    levels = np.sqrt(density.shares / max(float(density.shares.max()), FLOOR)) * _LEVELS
    levels = np.ceil(np.where(density.shares < 0.002, 0, levels)).astype(int)
    paths = []
    for level in range(1, _LEVELS + 1):
        cells = [
            f"M{_LEFT + column * width:.1f} {_HIGH - (place + 1) * height:.1f}"
            f"h{width:.2f}v{height:.2f}h-{width:.2f}z"
            for column, at in enumerate(shown)
            for place in np.flatnonzero(levels[at] == level)
        ]
        if cells:
            paths.append((level, "".join(cells)))
    return paths


def _memory(shown: Sequence[tuple[ProbedVariant, str]], layer: str) -> Markup | None:
    memories = [(look, m) for variant, look in shown if (m := memory(variant, layer)) is not None]
    if not memories:
        return None
    length = longest_sequence([variant for variant, _ in shown])
    frame = ChartAxes((0, 100), memory_limits((m for _, m in memories), length))
    lines = []
    for look, lasting in memories:
        before: list[Line] = [("before", *_over(lasting.before))] if lasting.before else []
        lines.append((look, [*before, *_seeds(lasting.best), ("curve", *_over(lasting.best))]))
    level = None if length is None else (length, f"sequence ({length:g})")
    return chart(
        frame,
        lines,
        title="memory (steps)",
        across="units, shortest memory first (%)",
        ticks=range(0, 101, 20),
        level=level,
    )


def _over(scales: Sequence[Floats]) -> tuple[list[float], list[float]]:
    """Return the positions of units, in percent, and the median over seeds."""
    middle = np.median(np.minimum(np.array(scales), 1e12), axis=0)
    return np.linspace(0, 100, len(middle)).tolist(), middle.tolist()


def _seeds(scales: Sequence[Floats]) -> list[Line]:
    if not 1 < len(scales) < _SEEDS_SHOWN:
        return []
    return [("seed", *_over([one])) for one in scales]


def _gradient(shown: Sequence[tuple[ProbedVariant, str]], layer: str) -> Markup | None:
    slopes = [(look, s) for variant, look in shown if (s := slope(variant, layer)) is not None]
    if not slopes:
        return None
    lowest = min(float(s.table.min()) for _, s in slopes)
    last = max(float(s.steps[-1]) for _, s in slopes)
    frame = ChartAxes((1, max(last, 2)), (min(0.6 * lowest, 0.5), 1.5))
    lines = []
    for look, back in slopes:
        steps = back.steps.tolist()
        thin: list[Line] = [("seed", steps, norms.tolist()) for norms in back.table]
        seeds = thin if 1 < len(thin) < _SEEDS_SHOWN else []
        lines.append((look, [*seeds, ("curve", steps, back.mean.tolist())]))
    ticks = sorted({1.0, *(round(1 + (last - 1) * k / 4) for k in range(5))})
    return chart(frame, lines, title="gradient (largest = 1)", across="step", ticks=ticks)

"""The section of gates in probed runs: values over training, memory, gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gatekit.compare.gates.behaviour import ProbedVariant, report_of
from gatekit.compare.gates.densities import (
    FLOOR,
    Density,
    densities,
    layers,
)
from gatekit.compare.gates.text import (
    GATE_COLUMNS,
    LEGEND,
    PROJECTION_COLUMNS,
    PROJECTION_LEGEND,
    STATE_COLUMNS,
    count_text,
    gate_rows,
    projection_rows,
    state_rows,
)
from gatekit.compare.render.style import style_of
from gatekit.compare.views.gates import memories

from .context import Section, Sheet
from .markup import html
from .to_data import chart_data

_MOST_VARIANTS, _MOST_LAYERS, _MOST_GATES, _MOST_COLUMNS = 12, 4, 8, 25
_LEVELS = 6
_LEFT, _WIDE, _HIGH, _BELOW = 24.0, 190.0, 72.0, 14.0
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
    styles = {id(row.group): row.style_index for row in sheet.rows}
    variants = [replace(v, style_index=styles[id(v.group)]) for v in report.variants]
    names = layers(report)[:_MOST_LAYERS]
    projections = [[row[c] for c in PROJECTION_COLUMNS] for row in projection_rows(report)]
    body = html(
        "gates.html",
        layers=[_layer(variants, name) for name in names],
        named=len(layers(report)) > 1,
        caption=_CAPTION,
        gate_columns=GATE_COLUMNS,
        gate_rows=[[row[c] for c in GATE_COLUMNS] for row in gate_rows(report)],
        projection_columns=PROJECTION_COLUMNS,
        projection_rows=projections,
        state_columns=STATE_COLUMNS,
        state_rows=[[row[c] for c in STATE_COLUMNS] for row in state_rows(report)],
        legend=" ".join([*LEGEND, *PROJECTION_LEGEND * bool(projections)]),
        notes=report.notes,
        left=int(_LEFT),
        wide=int(_WIDE),
        high=int(_HIGH),
    )
    charts = [chart_data(memories(_shown(variants, name)[:_MOST_VARIANTS], name)) for name in names]
    return Section("gates", "Gates", body, {"charts": charts})


def _shown(variants: Sequence[ProbedVariant], layer: str) -> list[ProbedVariant]:
    return [v for v in variants if any(row.layer == layer for row in v.gates)]


def _layer(variants: Sequence[ProbedVariant], layer: str) -> dict[str, object]:
    shown = _shown(variants, layer)
    return {
        "name": layer,
        "variants": [
            {
                "look": style_of(variant.style_index).css,
                "label": variant.group.label,
                "n": count_text(variant),
                "panels": list(map(_panel, densities(variant, layer)[:_MOST_GATES])),
            }
            for variant in shown[:_MOST_VARIANTS]
        ],
        "more": len(shown) - _MOST_VARIANTS,
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

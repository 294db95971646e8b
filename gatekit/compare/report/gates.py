"""The section of gates in probed runs: values over training, memory, gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gatekit.compare.gates.behaviour import GatesReport, Variant, report_of
from gatekit.compare.gates.densities import (
    Density,
    Floats,
    densities,
    layers,
    longest_sequence,
    memory,
    slope,
)
from gatekit.compare.gates.text import (
    GATE_COLUMNS,
    LEGEND,
    STATE_COLUMNS,
    counted,
    gate_rows,
    state_rows,
)
from gatekit.compare.grouping.label import printable

from .context import Section, Sheet
from .groups import looks, swatch
from .markup import Markup, join, table, tag
from .static_chart import Frame, Line, chart

_MOST_VARIANTS, _MOST_LAYERS, _MOST_GATES, _MOST_LOOKS = 12, 4, 8, 25
_LEVELS = 6
_LEFT, _WIDE, _HIGH, _BELOW = 24.0, 190.0, 72.0, 14.0
_FLOOR = 1e-9
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
    known = {id(row.group): look for row, look in zip(sheet.rows, looks(sheet.rows), strict=True)}
    styles = [known[id(variant.group)] for variant in report.variants]
    found = layers(report)
    parts = []
    for layer in found[:_MOST_LAYERS]:
        parts.append(tag("h3", printable(layer)) if len(found) > 1 else None)
        parts.append(_layer(report, styles, layer))
    parts += [tag("p", _CAPTION, class_="caption"), _numbers(report)]
    if report.notes:
        said = (tag("li", printable(note)) for note in report.notes)
        parts.append(tag("ul", *said, class_="notes"))
    return Section("gates", "Gates", join(parts))


def _layer(report: GatesReport, styles: Sequence[str], layer: str) -> Markup:
    shown = [
        (variant, look)
        for variant, look in zip(report.variants, styles, strict=True)
        if any(row.layer == layer for row in variant.gates)
    ]
    rows = [_variant(variant, look, layer) for variant, look in shown[:_MOST_VARIANTS]]
    if len(shown) > _MOST_VARIANTS:
        rows.append(
            tag("p", f"and {len(shown) - _MOST_VARIANTS} more variants; see the numbers below.")
        )
    charts = [_memory(shown[:_MOST_VARIANTS], layer), _gradient(shown[:_MOST_VARIANTS], layer)]
    return join([*rows, tag("div", *charts, class_="side")])


def _variant(variant: Variant, look: str, layer: str) -> Markup:
    n = tag("span", f"n = {counted(variant)}", class_="shares")
    label = [swatch(look), printable(variant.group.label), n]
    panels = [
        _panel(variant, found, look, layer) for found in densities(variant, layer)[:_MOST_GATES]
    ]
    heading = tag("p", tag("span", *label, class_="label"), class_="labels")
    return tag("div", heading, tag("div", *panels, class_="panels"), class_="gated")


def _panel(variant: Variant, found: Density, look: str, layer: str) -> Markup:
    row = next(r for r in variant.gates if (r.layer, r.gate) == (layer, found.gate))
    low, high = row.numbers["low"], row.numbers["high"]
    shares = ""
    if found.bounded and low is not None and high is not None:
        shares = f"\u25be{100 * low.mean:.0f} \u25b4{100 * high.mean:.0f} %"
    name = printable(found.gate)
    heading = tag("p", tag("span", name), tag("span", shares, class_="shares"))
    said = f"{name}: mean {found.means[0]:.2f} before training, {found.means[-1]:.2f} at the end"
    box = f"0 0 {_LEFT + _WIDE:g} {_HIGH + _BELOW:g}"
    drawn = tag(
        "svg", *_density(found), viewBox=box, class_=f"density {look}", role="img", aria_label=said
    )
    return tag("div", heading, drawn, class_="gate")


def _density(found: Density) -> list[Markup]:
    looks = len(found.epochs)
    kept = np.unique(np.linspace(0, looks - 1, min(looks, _MOST_LOOKS)).round().astype(int))
    width, height = _WIDE / len(kept), _HIGH / found.shares.shape[1]
    # A square-root scale makes shades of small values easier to distinguish.
    levels = np.sqrt(found.shares / max(float(found.shares.max()), _FLOOR)) * _LEVELS
    levels = np.ceil(np.where(found.shares < 0.002, 0, levels)).astype(int)
    parts = []
    for level in range(1, _LEVELS + 1):
        cells = [
            f"M{_LEFT + column * width:.1f} {_HIGH - (place + 1) * height:.1f}"
            f"h{width:.2f}v{height:.2f}h-{width:.2f}z"
            for column, at in enumerate(kept)
            for place in np.flatnonzero(levels[at] == level)
        ]
        if cells:
            parts.append(tag("path", d="".join(cells), class_=f"l{level}"))
    for share in (0.1, 0.9) if found.bounded else ():
        y = f"{_HIGH * share:.1f}"
        parts.append(tag("line", x1=_LEFT, x2=_LEFT + _WIDE, y1=y, y2=y, class_="edge"))
    span = (found.high - found.low) or 1.0
    points = [
        f"{_LEFT + (column + 0.5) * width:.1f} {_HIGH * (found.high - found.means[at]) / span:.1f}"
        for column, at in enumerate(kept)
    ]
    parts += [tag("path", d=f"M{'L'.join(points)}", class_=kind) for kind in ("halo", "mean")]
    parts.append(tag("rect", x=_LEFT, y="0", width=_WIDE, height=_HIGH, class_="frame"))
    for value, place in ((found.high, 9.0), (found.low, _HIGH)):
        parts.append(tag("text", f"{value:.2g}", x=_LEFT - 4, y=place, class_="end"))
    first, last = found.epochs[0], found.epochs[-1]
    parts.append(tag("text", f"epoch {first}", x=_LEFT, y=_HIGH + 12))
    parts.append(tag("text", f"{last}", x=_LEFT + _WIDE, y=_HIGH + 12, class_="end"))
    return parts


def _memory(shown: Sequence[tuple[Variant, str]], layer: str) -> Markup | None:
    found = [(look, m) for variant, look in shown if (m := memory(variant, layer)) is not None]
    if not found:
        return None
    length = longest_sequence([variant for variant, _ in shown])
    every = np.concatenate([s for _, m in found for s in (*m.before, *m.best)])
    finite = every[np.isfinite(every) & (every > 0)]
    top = 1.6 * max(float(finite.max(initial=1.0)), length or 1.0)
    frame = Frame((0, 100), (max(0.2, 0.7 * float(finite.min(initial=1.0))), top))
    lines = []
    for look, lasting in found:
        own: list[Line] = [("before", *_over(lasting.before))] if lasting.before else []
        lines.append((look, [*own, *_seeds(lasting.best), ("curve", *_over(lasting.best))]))
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


def _gradient(shown: Sequence[tuple[Variant, str]], layer: str) -> Markup | None:
    found = [(look, s) for variant, look in shown if (s := slope(variant, layer)) is not None]
    if not found:
        return None
    lowest = min(float(max(norms.min(), _FLOOR)) for _, s in found for norms in s.norms)
    last = max(float(s.steps[-1]) for _, s in found)
    frame = Frame((1, max(last, 2)), (min(0.6 * lowest, 0.5), 1.5))
    lines = []
    for look, back in found:
        table_ = np.maximum(np.array(back.norms), _FLOOR)
        steps = back.steps.tolist()
        thin: list[Line] = [("seed", steps, norms.tolist()) for norms in table_]
        mean = np.exp(np.log(table_).mean(axis=0)).tolist()
        own = thin if 1 < len(thin) < _SEEDS_SHOWN else []
        lines.append((look, [*own, ("curve", steps, mean)]))
    ticks = sorted({1.0, *(round(1 + (last - 1) * k / 4) for k in range(5))})
    return chart(frame, lines, title="gradient (largest = 1)", across="step", ticks=ticks)


def _numbers(report: GatesReport) -> Markup:
    tables = [
        table(GATE_COLUMNS, [[row[c] for c in GATE_COLUMNS] for row in gate_rows(report)], "plain"),
        table(
            STATE_COLUMNS, [[row[c] for c in STATE_COLUMNS] for row in state_rows(report)], "plain"
        ),
    ]
    said = tag("p", " ".join(LEGEND), class_="caption")
    return tag("details", tag("summary", tag("h3", "Numbers")), *tables, said)

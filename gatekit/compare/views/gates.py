"""The chart of what gates did: values over training, memory of units, gradients over steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.compare.gates.behaviour import GatesReport, ProbedVariant
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
from gatekit.compare.stats.intervals import Floats

from .chart import Axis, Chart, Mark, Panel, numbers
from .rows import Legend, some_of, task_parts

_MOST_VARIANTS, _MOST_GATES = 12, 6
_HIGH = 5.6
_SEEDS_SHOWN = 10


def gates(report: GatesReport, layer: str | None = None) -> Chart:
    """Return the behaviour of each variant's gates.

    A row for each variant has the density of each gate's values over training, their mean, and the
    saturated shares at the best epoch. Below, for each task, are the memory of the units, shortest
    first, and the gradient of the loss with respect to the memory, over the steps.

    Args:
        report: the result of ``gates_report``.
        layer: the recurrent layer; None means the lowest.

    Raises:
        ConfigError: the layer does not exist.
    """
    name = chosen_layer(report, layer)
    known = [v for v in report.variants if any(row.layer == name for row in v.gates)]
    shown = known[:_MOST_VARIANTS]
    legend: Legend[None] = Legend(lambda _: "")
    rows = []
    several = len(task_parts(shown)) > 1
    for variant in shown:
        series = legend.add(*_named(variant, name, several), None)
        found = densities(variant, name)[:_MOST_GATES]
        title = f"{variant.group.label}   n = {len(variant.probed)}"
        last = variant is shown[-1]
        rows.append(tuple(_density(title, density, series, last) for density in found))
    rows += _memories(shown, name, legend)
    runs = tuple(probed.run.id for variant in shown for probed in variant.probed)
    notes = tuple(some_of(len(shown), len(known), "variants"))
    panels = tuple(row for row in rows if row)
    return Chart(f"Gates of {name}", panels, legend.series, notes, runs)


def _memories(
    variants: Sequence[ProbedVariant], layer: str, legend: Legend[None]
) -> list[tuple[Panel, ...]]:
    """Return a row for each task: a variant has one colour on all tasks."""
    parts = task_parts(variants)
    rows = []
    for title, inside in parts:
        looks = [legend.add(*_named(v, layer, len(parts) > 1), None) for v in inside]
        both = _memory(inside, layer, looks), _gradient(inside, layer, looks)
        shown = title if len(parts) > 1 else ""
        rows.append(tuple(dataclasses.replace(panel, title=shown) for panel in both))
    return rows


def chosen_layer(report: GatesReport, layer: str | None) -> str:
    """Return a layer of the report; None selects the lowest.

    Raises:
        ConfigError: the layer does not exist.
    """
    known = layers(report)
    if layer is None:
        return known[0]
    if layer not in known:
        raise ConfigError(
            f"there is no recurrent layer {layer!r}{nearest(layer, known) or '.'} "
            f"Layers: {listed(known)}."
        )
    return layer


def _named(variant: ProbedVariant, layer: str, several: bool) -> tuple[str, int]:
    """Return the name of a variant, with the state whose memory is shown, and its style."""
    lasting = memory(variant, layer)
    label = variant.group.variant if several else variant.group.label
    return label + ("" if lasting is None else f": {lasting.state}"), variant.style_index


def _density(title: str, density: Density, series: int, last: bool) -> Panel:
    looks, bins = density.shares.shape
    width = (density.high - density.low) / bins
    middles = density.low + width * (np.arange(bins) + 0.5)
    x, y = np.meshgrid(np.arange(looks), middles, indexing="ij")
    places, levels, shares = (numbers(table.ravel()) for table in (x, y, density.shares))
    marks = [Mark("cell", series, places, levels, shares)]
    ticks = [density.low, density.high]
    if density.bounded:
        edge = 0.1 * (density.high - density.low)
        marks.append(Mark("rule", None, y=(density.low + edge, density.high - edge)))
        ticks.insert(1, sum(ticks) / 2)
    epochs = tuple(f"epoch {epoch}" for epoch in density.epochs)
    means = numbers(density.means)
    marks.append(Mark("line", None, numbers(range(looks)), means, strong=True, tips=epochs))
    shown = sorted({0, (looks - 1) // 2, looks - 1})
    names = tuple(str(density.epochs[place]) for place in shown)
    return Panel(
        Axis("epoch" if last else "", names=names, places=numbers(shown), whole=True),
        Axis(
            limits=(density.low, density.high),
            names=tuple(f"{tick:.2g}" for tick in ticks),
            places=numbers(ticks),
        ),
        tuple(marks),
        title,
        density.gate,
        density.saturation,
        rows=_HIGH,
    )


def _memory(variants: Sequence[ProbedVariant], layer: str, looks: Sequence[int]) -> Panel:
    known = [
        (series, lasting)
        for series, variant in zip(looks, variants, strict=True)
        if (lasting := memory(variant, layer)) is not None
    ]
    length = longest_sequence(variants)
    bottom, top = memory_limits((lasting for _, lasting in known), length)
    marks = []

    def line(series: int, scales: Sequence[Floats], strong: bool, dotted: bool) -> None:
        x = numbers(np.linspace(0, 100, len(scales[0])))
        y = numbers(np.clip(np.median(scales, axis=0), bottom, top))
        marks.append(Mark("line", series, x, y, strong=strong, dotted=dotted))

    for series, lasting in known:
        if lasting.before:
            line(series, lasting.before, False, True)
        if 1 < len(lasting.best) < _SEEDS_SHOWN:
            for scales in lasting.best:
                line(series, [scales], False, False)
        line(series, lasting.best, True, False)
    if length is not None:
        marks.append(Mark("rule", None, y=(length,), tips=(f"sequence ({length:g})",)))
    if not known:
        middle = (50.0,), ((bottom * top) ** 0.5,)
        marks.append(Mark("text", None, *middle, tips=("no unit has a time scale",)))
    return Panel(
        Axis("units, shortest memory first (%)", limits=(0, 100)),
        Axis("memory (steps)", "log", limits=(bottom, top)),
        tuple(marks),
        name="memory of the units; dotted: before training",
    )


def _gradient(variants: Sequence[ProbedVariant], layer: str, looks: Sequence[int]) -> Panel:
    lowest = 1.0
    marks = []
    for series, variant in zip(looks, variants, strict=True):
        found = slope(variant, layer)
        if found is None:
            continue
        steps, table = numbers(found.steps), found.table
        lowest = min(lowest, float(table.min()))
        if 1 < len(table) < _SEEDS_SHOWN:
            marks += [Mark("line", series, steps, numbers(norms)) for norms in table]
        marks.append(Mark("line", series, steps, numbers(found.mean), strong=True))
    return Panel(
        Axis("step t", whole=True),
        Axis("\u2016\u2202L/\u2202s\u2016, largest = 1", "log", (max(0.6 * lowest, FLOOR), 1.6)),
        tuple(marks),
        name="gradient of the loss with respect to the memory",
    )

"""Data of the figures of gates and states: densities over epochs, memory, gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatekit.compare.stats.intervals import Floats
from gatekit.runs.probe import time_scale

from .behaviour import GatesReport, ProbedVariant, SignalRow, gradient, kept_shares
from .probes import Facts, ProbeRecord, value

BINS = 20

FLOOR = 1e-9
"""The smallest norm of a gradient that is drawn."""


@dataclass(frozen=True, slots=True)
class Density:
    """A gate's values over training, as the mean over seeds.

    ``shares`` is ``epochs x bins`` and sums to 1 over the bins between ``low`` and ``high``.
    ``bounded`` is true if these are the bounds of the gate, false if they are those of its values.
    ``saturated`` holds the shares of the lowest and the highest tenth at the best epoch.
    """

    gate: str
    epochs: tuple[int, ...]
    shares: Floats
    means: Floats
    low: float
    high: float
    bounded: bool
    saturated: tuple[float, float] | None

    @property
    def saturation(self) -> str:
        """Return the saturated shares in percent; empty if they are unknown."""
        if self.saturated is None:
            return ""
        low, high = (f"{100 * share:.0f}" for share in self.saturated)
        down, up = "\N{BLACK DOWN-POINTING SMALL TRIANGLE}", "\N{BLACK UP-POINTING SMALL TRIANGLE}"
        return f"{down}{low} {up}{high} %"


@dataclass(frozen=True, slots=True)
class MemoryScales:
    """The ascending time scales of the units of a state, in steps, for each seed.

    ``before`` holds those before training, ``best`` those at the best epoch.
    """

    state: str
    before: tuple[Floats, ...]
    best: tuple[Floats, ...]


@dataclass(frozen=True, slots=True)
class Slope:
    """The norm of a state's gradient over steps as a share of the largest, per seed."""

    state: str
    steps: Floats
    norms: tuple[Floats, ...]

    @property
    def table(self) -> Floats:
        """Return the norms, ``seeds x steps``, not below `FLOOR`."""
        return np.maximum(np.array(self.norms), FLOOR)

    @property
    def mean(self) -> Floats:
        """Return the geometric mean over seeds at each step."""
        return np.asarray(np.exp(np.log(self.table).mean(axis=0)))


def layers(report: GatesReport) -> list[str]:
    """Return the recurrent layers of all variants, from the bottom up."""
    return list(dict.fromkeys(row.layer for v in report.variants for row in v.gates))


def densities(variant: ProbedVariant, layer: str) -> list[Density]:
    """Return the densities of a variant's gates in one layer, in the order of the cell."""
    rows = [row for row in variant.gates if row.layer == layer]
    looks = [look for probed in variant.probed for look in probed.looks()]
    return [density for row in rows if (density := _density(looks, row)) is not None]


def _density(looks: Sequence[ProbeRecord], row: SignalRow) -> Density | None:
    by_epoch: dict[int, list[Facts]] = {}
    for look in looks:
        facts = look.layers.get(row.layer, {}).get("gates", {}).get(row.name)
        if facts is not None and _histogram(facts) is not None:
            by_epoch.setdefault(look.epoch, []).append(facts)
    every = [facts for group in by_epoch.values() for facts in group]
    if not every:
        return None
    low = min(float(facts["range"][0]) for facts in every)
    high = max(float(facts["range"][1]) for facts in every)
    edges = np.linspace(low, high, BINS + 1)
    epochs = sorted(by_epoch)
    shares = [np.mean([_rebinned(f, edges) for f in by_epoch[epoch]], axis=0) for epoch in epochs]
    means = [np.mean([value(f, "mean") or 0.0 for f in by_epoch[epoch]]) for epoch in epochs]
    bounded = all(value(facts, "low") is not None for facts in every)
    ends = row.numbers["low"], row.numbers["high"]
    saturated = (ends[0].mean, ends[1].mean) if bounded and ends[0] and ends[1] else None
    return Density(
        row.name, tuple(epochs), np.array(shares), np.array(means), low, high, bounded, saturated
    )


def _histogram(facts: Facts) -> Floats | None:
    try:
        shares = np.array(facts["histogram"], dtype=np.float64)
        low, high = map(float, facts["range"])
    except (KeyError, TypeError, ValueError):
        return None
    usable = shares.ndim == 1 and shares.size and np.isfinite(shares).all() and low < high
    return shares if usable else None


def _rebinned(facts: Facts, edges: Floats) -> Floats:
    """Return a histogram with new bin edges, assuming a uniform distribution within each bin."""
    shares = _histogram(facts)
    assert shares is not None
    low, high = facts["range"]
    old_edges = np.linspace(float(low), float(high), len(shares) + 1)
    below = np.concatenate([[0.0], np.cumsum(shares)])
    return np.diff(np.interp(edges, old_edges, below))


def memory(variant: ProbedVariant, layer: str) -> MemoryScales | None:
    """Return the time scales of a variant's memory; None if no run recorded any."""
    state = _memory_state(variant, layer)
    before = [s for p in variant.probed if (s := _scales(p.first, layer, state)) is not None]
    best = [s for p in variant.probed if (s := _scales(p.best, layer, state)) is not None]
    return MemoryScales(state, tuple(before), tuple(best)) if best else None


def _scales(look: ProbeRecord, layer: str, state: str) -> Floats | None:
    shares = kept_shares(look.layers.get(layer, {}).get("states", {}).get(state, {}))
    return None if shares is None else np.array([time_scale(share) for share in shares], float)


def memory_limits(memories: Iterable[MemoryScales], length: float | None) -> tuple[float, float]:
    """Return the ends of a logarithmic axis that includes the scales and the sequence length."""
    every = [scales for each in memories for scales in (*each.before, *each.best)]
    known = np.concatenate(every) if every else np.ones(1)
    finite = known[np.isfinite(known) & (known > 0)]
    top = 1.6 * max(float(finite.max(initial=1.0)), length or 1.0)
    return max(0.2, 0.7 * float(finite.min(initial=1.0))), top


def slope(variant: ProbedVariant, layer: str) -> Slope | None:
    """Return the gradient of the loss with respect to a variant's memory; None if not recorded."""
    state = _memory_state(variant, layer)
    norms: list[Floats] = []
    steps: Any = None
    for probed in variant.probed:
        facts = probed.best.layers.get(layer, {}).get("states", {}).get(state, {})
        steps_and_norms = gradient(facts)
        if (
            steps_and_norms is None
            or max(steps_and_norms[1]) <= 0
            or (steps is not None and steps != steps_and_norms[0])
        ):
            continue
        steps = steps_and_norms[0]
        norms.append(np.array(steps_and_norms[1]) / max(steps_and_norms[1]))
    return Slope(state, np.array(steps), tuple(norms)) if norms else None


def _memory_state(variant: ProbedVariant, layer: str) -> str:
    """Return the state with the longest time scale; the first state if none has one."""
    rows = [row for row in variant.states if row.layer == layer]
    lasting = [(row.memory[1], row.state) for row in rows if row.memory is not None]
    if lasting:
        return max(lasting, key=lambda pair: pair[0])[1]
    return next((row.state for row in rows), "")


def longest_sequence(variants: Sequence[ProbedVariant]) -> float | None:
    """Return the number of steps of the probed sequences; None if runs differ or recorded none."""
    lengths = {
        float(total)
        for variant in variants
        for probed in variant.probed
        for _, _, facts in probed.best.states()
        if isinstance(facts.get("gradient"), dict)
        and type(total := facts["gradient"].get("steps")) is int
    }
    return lengths.pop() if len(lengths) == 1 else None

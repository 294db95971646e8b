"""Compare the gates of a study's variants: saturation, open time, memory, gradients."""

from __future__ import annotations

import dataclasses
import math
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gatekit.cell.errors import RunError
from gatekit.compare.grouping.group import Group, group_runs, style_indices
from gatekit.compare.numbers import count_of, is_number
from gatekit.compare.stats.baseline import Baselines
from gatekit.compare.stats.intervals import Interval, mean_interval, of_seeds, seed_keys
from gatekit.compare.study import Study, load
from gatekit.runs.probe import shown_steps, time_scale
from gatekit.runs.studies.plan_file import training

from .probes import Facts, ProbedRun, ProbeRecord, read_probe, value

NUMBERS = ("mean", "low", "high", "open", "open_time")
"""Reported numbers of a gate; `gatekit.runs.probe.gate_facts` defines each."""


_QUARTERS = (0.25, 0.5, 0.75)

SeedFacts = tuple[int | None, Facts]
"""The seed of a run, and the numbers that its probe recorded of a gate, a state or a layer."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over runs, its t interval over seeds (None for one seed), and each run's value."""

    mean: float
    interval: Interval | None
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A gate of a variant at the best validation epoch; missing numbers are None."""

    layer: str
    name: str
    n: int
    numbers: dict[str, Mean | None]


@dataclass(frozen=True, slots=True)
class StateRow:
    """A state of a variant at the best validation epoch.

    ``memory`` holds the quartiles over units of the time scale in steps, each as the median over
    seeds; ``start`` is the median over units before training. The two are None if no run recorded
    time scales. ``reach`` is the norm of the gradient at the layer's first step as a share of the
    largest norm, as a geometric mean over seeds.
    """

    layer: str
    state: str
    n: int
    memory: tuple[float, float, float] | None
    start: float | None
    reach: float | None


@dataclass(frozen=True, slots=True)
class ProbedVariant:
    """A group with its probed runs, and the numbers of their gates and states.

    The colour and line style follow from ``style_index``.
    """

    group: Group
    is_baseline: bool
    probed: tuple[ProbedRun, ...]
    gates: tuple[SignalRow, ...]
    states: tuple[StateRow, ...]
    style_index: int = 0


@dataclass(frozen=True, slots=True)
class GatesReport:
    """The result of ``gates_report``: the probed variants, and notes."""

    study: Study
    variants: tuple[ProbedVariant, ...]
    notes: tuple[str, ...]


def gates_report(
    study: str | Study,
    root: Path | str = "experiments",
    by: Sequence[str] | None = None,
) -> GatesReport:
    """Return the behaviour of a study's gates, by variant.

    Args:
        study: name of the study, or the result of ``load``.
        root: the folder that contains the studies.
        by: configuration keys to group by; None means every key that differs except the seed.

    Raises:
        RunError: the study does not exist, or none of its runs was probed.
        ConfigError: ``by`` names a key that no run has.
    """
    loaded = study if isinstance(study, Study) else load(study, root)
    groups = group_runs(loaded.every, by).groups
    report = report_of(loaded, groups)
    if not report.variants:
        again = training(loaded.path, f"study={loaded.name}_probed", "probe=true")
        again = again or f"gatekit train ... study={loaded.name}_probed probe=true"
        raise RunError(f"study {loaded.name} has no probed run with an outcome; type {again}")
    return report


def report_of(study: Study, groups: Sequence[Group]) -> GatesReport:
    """Return the behaviour of the gates of some groups; empty if no run was probed."""
    variants: list[ProbedVariant] = []
    notes: list[str] = []
    baselines = Baselines(groups)
    inked = [baselines.of(group) is group for group in groups]
    at = style_indices(groups, inked, study.asked)
    for group, index in zip(groups, at, strict=True):
        probes = [probed for run in group.runs if (probed := read_probe(run)) is not None]
        if len(probes) < len(group.runs):
            notes.append(f"{group.label}: {len(probes)} of {len(group.runs)} runs were probed")
        lost = sum(probed.lost for probed in probes)
        if lost:
            notes.append(f"{group.label}: skipped {count_of(lost, 'damaged line')} of probe.jsonl")
        if probes and _stops(group):
            notes.append(f"{group.label}: memory is that of the gradient, which stop(...) ends")
        if probes:
            variant = _variant(group, baselines.of(group) is group, probes)
            variants.append(dataclasses.replace(variant, style_index=index))
    variants.sort(key=lambda variant: not variant.is_baseline)
    return GatesReport(study, tuple(variants), tuple(notes if variants else ()))


def _stops(group: Group) -> bool:
    """Return whether an equation of a group's cells has ``stop``."""
    config = group.runs[0].config or {}
    cells = [config.get("cell"), *(config.get("mixers") or ())]
    equations = [cell.get("equations") for cell in cells if isinstance(cell, Mapping)]
    return any(
        re.search(r"\bstop\(", str(text))
        for each in equations
        if isinstance(each, Mapping)
        for text in each.values()
    )


def _variant(group: Group, is_baseline: bool, probed: Sequence[ProbedRun]) -> ProbedVariant:
    best = [(each.run.seed, each.best) for each in probed]
    first = [(each.run.seed, each.first) for each in probed]
    gates = [
        SignalRow(layer, name, len(facts), {n: _mean(facts, n) for n in NUMBERS})
        for (layer, name), facts in _by_name(best, ProbeRecord.gates).items()
    ]
    before = _by_name(first, ProbeRecord.states)
    states = [
        _state(layer, state, facts, before.get((layer, state), []))
        for (layer, state), facts in _by_name(best, ProbeRecord.states).items()
    ]
    return ProbedVariant(
        group,
        is_baseline,
        tuple(probed),
        tuple(gates),
        tuple(states),
    )


def _by_name(
    looks: Sequence[tuple[int | None, ProbeRecord]],
    parts: Callable[[ProbeRecord], Iterable[tuple[str, str, Facts]]],
) -> dict[tuple[str, str], list[SeedFacts]]:
    by_name: dict[tuple[str, str], list[SeedFacts]] = {}
    for seed, look in looks:
        for layer, name, facts in parts(look):
            by_name.setdefault((layer, name), []).append((seed, facts))
    return by_name


def _mean(facts: Sequence[SeedFacts], name: str) -> Mean | None:
    pairs = [(seed, v) for seed, each in facts if (v := value(each, name)) is not None]
    if not pairs:
        return None
    values = tuple(v for _, v in pairs)
    # Runs of one seed, as in a pooled group, are not independent.
    seeds = of_seeds(values, seed_keys(seed for seed, _ in pairs))
    return Mean(float(np.mean(values)), mean_interval(seeds), values)


def _state(
    layer: str, state: str, facts: Sequence[SeedFacts], before: Sequence[SeedFacts]
) -> StateRow:
    quarters = [[time_at(each, share) for share in _QUARTERS] for _, each in facts]
    known = [row for row in quarters if None not in row]
    memory = None
    if known:
        low, middle, high = (_median(column) for column in zip(*known, strict=True))
        memory = (low, middle, high)
    start = [scale for _, each in before if (scale := time_at(each, 0.5)) is not None]
    reach = [share for _, each in facts if (share := gradient_share(each, layer)) is not None]
    return StateRow(
        layer,
        state,
        len(facts),
        memory,
        _median(start) if start else None,
        None if not reach else geometric_mean(reach),
    )


def _median(values: Sequence[Any]) -> float:
    # NumPy's median of two infinities is NaN.
    return float(statistics.median(values))


def kept_shares(facts: Facts) -> list[float] | None:
    """Return the quantiles over units of the kept share of a state; None if there are none."""
    quantiles = facts.get("kept")
    if not isinstance(quantiles, list) or not quantiles:
        return None
    if not all(map(is_number, quantiles)):
        return None
    return [float(v) for v in quantiles]


def time_at(facts: Facts, share: float) -> float | None:
    """Return the time scale in steps at a quantile over units; None if there is none."""
    quantiles = kept_shares(facts)
    if quantiles is None:
        return None
    place = share * (len(quantiles) - 1)
    below = quantiles[math.floor(place)]
    return time_scale(below + (quantiles[math.ceil(place)] - below) * (place - math.floor(place)))


def gradient(facts: Facts) -> tuple[list[float], list[float]] | None:
    """Return the steps, from 1, and the norms of a state's gradient; None if there are none."""
    record = facts.get("gradient")
    if not isinstance(record, dict) or not isinstance(record.get("norms"), list):
        return None
    total, norms = record.get("steps"), record["norms"]
    if type(total) is not int or not 0 < total < 10**7:
        return None
    steps = shown_steps(total)
    pairs = [
        (float(step + 1), float(norm))
        for step, norm in zip(steps, norms, strict=False)
        if is_number(norm)
    ]
    return ([p[0] for p in pairs], [p[1] for p in pairs]) if pairs else None


def gradient_share(facts: Facts, layer: str) -> float | None:
    """Return the norm of the gradient at a layer's first step, as a share of the largest norm."""
    steps_and_norms = gradient(facts)
    if steps_and_norms is None or max(steps_and_norms[1]) <= 0:
        return None
    # A backward layer starts at the last step of the data.
    return steps_and_norms[1][-1 if layer.startswith("backward_") else 0] / max(steps_and_norms[1])


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean of non-negative numbers."""
    return math.exp(float(np.mean(np.log(values)))) if min(values) > 0 else 0.0

"""One group of a comparison: its mean over seeds, its difference from the baseline."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatekit.cell.analysis.cost import added
from gatekit.cell.calls import no_attribute
from gatekit.compare.grouping.group import Group
from gatekit.compare.stats.baseline import SharedKeys
from gatekit.compare.stats.difference import Difference
from gatekit.compare.stats.intervals import (
    Interval,
    limits,
    mean_interval,
    of_seeds,
    within_limits,
)
from gatekit.runs.config import sized_alike
from gatekit.runs.result import Result, ResultMetric

from .sentences import verdict

_FAR = 100.0
_LEARNED = 0.05
NEAR = 0.125
"""A mean that covers less than this share of the way from chance to a perfect score is near it."""

CEILING = 0.005
"""A mean share that lacks at most this part of the way from chance to a perfect score is at the
ceiling."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcomes of a group's runs: the metric at the best validation epoch of each.

    This is the test metric, the chosen score (``--split``, ``--at``), or the validation metric if
    your own script logged nothing else.

    ``mean`` and its interval are None if a run diverged, because the mean would be infinite.
    ``mean_finished`` is the mean of the runs that did not diverge. ``median`` counts a diverged
    run as the worst outcome; it is None if that makes it infinite. ``at_chance`` is true if
    nothing shows that the group has learned anything, ``at_ceiling`` if its mean is nearly perfect.

    ``step_seconds`` and ``step_processor_seconds`` are medians over completed runs; ``low`` and
    ``high`` are the ends of the range over these runs and their epochs.
    """

    metric: ResultMetric
    split: str
    n: int
    diverged: int
    values: tuple[float, ...]
    mean: float | None
    mean_finished: float | None
    median: float | None
    standard_deviation: float | None
    interval: Interval | None
    parameters: int | None
    recurrent_parameters: int | None
    state_size: int | None
    token_flops: int | None
    step_seconds: float | None
    step_seconds_low: float | None
    step_seconds_high: float | None
    step_processor_seconds: float | None
    flags: tuple[str, ...]
    at_chance: bool = False
    near_chance: bool = False
    at_ceiling: bool = False

    @property
    def measured(self) -> str:
        """Return the split and the metric: ``test accuracy``."""
        return f"{self.split} {self.metric.name}"

    @property
    def rank(self) -> tuple[float, float, float]:
        """Return a sort key that puts the better group first; a diverged run is the worst."""
        share = self.diverged / self.n
        best = math.inf if self.mean_finished is None else -self.metric.sign * self.mean_finished
        return (float(self.diverged > 0), share, best)


def metric_text(metric: ResultMetric) -> str:
    """Return a metric's name with its unit in parentheses."""
    return f"{metric.name} ({metric.unit})" if metric.unit else metric.name


def summarise(group: Group) -> Summary | None:
    """Return the summary of a group; None if none of its runs has an outcome."""
    results, outcomes = group.results, group.outcomes
    if not results:
        return None
    metric = results[0].metric
    values = tuple(value for value in outcomes if math.isfinite(value))
    seeds = of_seeds(outcomes, group.pairing_keys) if len(values) == len(outcomes) else []
    diverged = len(outcomes) - len(values)
    whole = diverged == 0
    median = float(np.median(outcomes))
    mean = float(np.mean(values)) if values else None
    return Summary(
        metric=metric,
        split=next((result.split for result in results if result.split), "test"),
        n=len(outcomes),
        diverged=diverged,
        values=values,
        mean=mean if whole else None,
        mean_finished=mean,
        median=median if math.isfinite(median) else None,
        standard_deviation=float(np.std(values, ddof=1)) if whole and len(values) > 1 else None,
        interval=within_limits(mean_interval(seeds), *limits(metric, values)) if whole else None,
        parameters=_shared([result.parameters for result in results]),
        recurrent_parameters=_shared([result.recurrent_parameters for result in results]),
        state_size=_shared([result.state_size for result in results]),
        token_flops=_shared([result.token_flops for result in results]),
        # A diverged run may have stopped in its first steps, whose times include compilation.
        **_step_times([result for result in results if result.state == "COMPLETED"]),
        flags=tuple(_flags(group, results, values)),
        at_chance=(at_chance := _is_at_chance(metric, seeds)),
        near_chance=not at_chance and _is_near_chance(metric, seeds),
        at_ceiling=_is_at_ceiling(metric, seeds),
    )


def _is_at_chance(metric: ResultMetric, seeds: Sequence[float]) -> bool:
    """Return whether the 95 % t interval of a group's mean includes chance, or is worse.

    If a single run has clearly learned, by a twentieth of the way from chance to a perfect score,
    the group is not at chance: its mean is uncertain because other runs failed.

    Args:
        metric: the metric with its chance level; without one, no group is at chance.
        seeds: the outcome of each seed; empty if a run diverged.
    """
    if metric.chance is None or not seeds:
        return False
    gains = [metric.sign * (value - metric.chance) for value in seeds]
    interval = mean_interval(gains)
    least = gains[0] if interval is None else interval.low
    return least <= 0 and max(gains) <= _LEARNED * _way(metric, metric.chance, seeds)


def _is_near_chance(metric: ResultMetric, seeds: Sequence[float]) -> bool:
    """Return whether the mean is better than chance by little; see `NEAR`."""
    if metric.chance is None or not seeds:
        return False
    gain = metric.sign * (float(np.mean(seeds)) - metric.chance)
    return gain < NEAR * _way(metric, metric.chance, seeds)


def _is_at_ceiling(metric: ResultMetric, seeds: Sequence[float]) -> bool:
    """Return whether the mean of a share is nearly perfect; see `CEILING`."""
    if metric.sign < 0 or not seeds:
        return False
    low, high = limits(metric, seeds)
    start = low if metric.chance is None else metric.chance
    return math.isfinite(high) and high - float(np.mean(seeds)) <= CEILING * abs(high - start)


def _way(metric: ResultMetric, chance: float, seeds: Sequence[float]) -> float:
    """Return the distance from chance to a perfect score."""
    perfect = limits(metric, seeds)[metric.sign > 0]
    return abs((perfect if math.isfinite(perfect) else 0.0) - chance)


def _shared(counts: list[int | None]) -> int | None:
    known = {count for count in counts if count is not None}
    return known.pop() if len(known) == 1 else None


def _step_times(results: list[Result]) -> dict[str, float | None]:
    timed = [(r, r.step_seconds) for r in results if r.step_seconds is not None]
    processor = [r.step_processor_seconds for r, _ in timed if r.step_processor_seconds is not None]
    lows = [r.step_seconds_low or seconds for r, seconds in timed]
    highs = [r.step_seconds_high or seconds for r, seconds in timed]
    return {
        "step_seconds": float(np.median([seconds for _, seconds in timed])) if timed else None,
        "step_seconds_low": min(lows, default=None),
        "step_seconds_high": max(highs, default=None),
        "step_processor_seconds": float(np.median(processor)) if processor else None,
    }


def _flags(group: Group, results: list[Result], values: tuple[float, ...]) -> list[str]:
    flags = []
    if any(result.split == "validation" and result.chosen is None for result in results):
        flags.append(
            "no test score was logged: the table shows validation, which also chose the epoch"
        )
    stale = sorted({run.stale for run in group.runs if run.stale})
    if stale:
        flags.append(f"the runs are stale: {'; '.join(stale)}")
    if len(values) > 1 and len(set(values)) == 1 and not _full(results[0], values[0]):
        flags.append(
            f"all {len(values)} runs end at the same value: check that the seed reaches the model"
        )
    still = sum(_constant(result) for result in results)
    if still:
        flags.append(f"validation never changed in {still} of {len(results)} runs")
    far = sum(_far_from_chance(result) for result in results)
    if far:
        flags.append(f"{far} of {len(results)} runs end more than {_FAR:g} times worse than chance")
    flags += sorted({warning for result in results for warning in result.warnings})
    executors = {result.engine for result in results if result.engine}
    if len(executors) > 1:
        flags.append(f"the runs used different executors: {', '.join(sorted(executors))}")
    seeds = Counter(group.pairing_keys)
    unseeded = seeds.pop(None, 0)
    if unseeded:
        flags.append(f"runs without a seed cannot be paired: {unseeded}")
    repeated = [key[0] for key, count in seeds.items() if count > 1 and isinstance(key, tuple)]
    if repeated:
        names = ", ".join(str(seed) for seed in sorted(set(repeated)))
        flags.append(f"seeds that occur more than once are left out of the pairs: {names}")
    return flags


def _full(result: Result, value: float) -> bool:
    # A perfect score cannot change.
    return result.metric.name == "accuracy" and value == 1


def _constant(result: Result) -> bool:
    best, last = result.best, result.last
    if best is None or last is None or best.validation is None:
        return False
    # The first of equal values is the best, so a later best epoch means that the score changed.
    return (
        not _full(result, best.validation)
        and last.epoch > best.epoch == 1
        and last.validation == best.validation
    )


def _far_from_chance(result: Result) -> bool:
    if result.metric.direction != "min" or not result.metric.chance or result.best is None:
        return False
    return result.state == "COMPLETED" and result.outcome > _FAR * abs(result.metric.chance)


@dataclass(frozen=True, slots=True)
class Row:
    """One group of a comparison; ``summary`` is None if no run has an outcome.

    ``shared_keys`` holds the keys that the group shares with its baseline, including those of the
    task; ``name`` is the group's label without these keys. The colour and line style of the group's
    variant follow from ``style_index``. ``awaited`` is true if the group is to be compared with a
    baseline, and the study waits for runs of the group.
    """

    group: Group
    summary: Summary | None
    difference: Difference | None
    is_baseline: bool
    shared_keys: SharedKeys = ()
    name: str = ""
    style_index: int = 0
    awaited: bool = False

    if not TYPE_CHECKING:  # otherwise a type checker would allow every attribute
        __getattr__ = no_attribute

    @property
    def verdict(self) -> str | None:
        """Return the verdict as a sentence; None if the group is not compared with a baseline."""
        return None if self.difference is None else verdict(self.group.label, self.difference)


def added_by(rows: Sequence[Row]) -> list[dict[str, int] | None]:
    """Return what the gates and equations of each group add to its baseline's cell.

    Args:
        rows: all groups of the comparison.

    Returns:
        For each group ``parameters``, ``state`` and ``flops``; None if it has no baseline, or if
        the two differ in more than the gates and equations of one cell.
    """
    known = {row.group.label: row for row in rows}
    return [
        _added(row, known.get(row.difference.baseline if row.difference else "")) for row in rows
    ]


def _added(row: Row, plain: Row | None) -> dict[str, int] | None:
    if plain is None or plain.summary is None or row.summary is None:
        return None
    alike = {sized_alike(each.group.runs[0].config or {}) for each in (row, plain)}
    if len(alike) != 1 or None in alike:
        return None
    return added(_costs(row.summary), _costs(plain.summary))


def _costs(summary: Summary) -> dict[str, int | None]:
    return {
        "parameters": summary.recurrent_parameters,
        "state": summary.state_size,
        "flops": summary.token_flops,
    }


def family(rows: Sequence[Row]) -> dict[str, str | None]:
    """Map the label of each group to its baseline's; None for a baseline."""
    return {row.group.label: row.difference.baseline if row.difference else None for row in rows}


def order(row: Row) -> tuple[list[tuple[int, float, str]], int, tuple[float, float, float], str]:
    """Return a sort key: by the shared keys, then the best group first."""
    shared = [_sortable(part) for pair in row.shared_keys for part in pair]
    if row.summary is None:
        return (shared, 1, (0.0, 0.0, 0.0), row.group.label)
    return (shared, 0, row.summary.rank, row.group.label)


def _sortable(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value))

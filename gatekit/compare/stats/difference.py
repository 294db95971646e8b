"""Compare a group with its baseline on common seeds, or state why the two are not comparable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gatekit.compare.grouping.differs import differs_in, is_confounded
from gatekit.compare.grouping.group import Group
from gatekit.runs.result import OWN, Metric, Result, short_hash

from .statistics import (
    Interval,
    PairedTest,
    bootstrap_interval,
    effect_size,
    mean_interval,
    paired_test,
    probability_of_improvement,
)

ALPHA = 0.05
"""Two groups differ if the corrected p value is below this level."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Group minus baseline, in the metric's unit, over the seeds that both have.

    Attributes:
        mean: mean difference; None, like the intervals, if a run of a pair diverged.
        better: number of pairs in which the group is better.
        worse: number of pairs in which it is worse.
        improvement: probability that a run of the group is better than a run of the baseline.
        p_holm: p value corrected for the number of comparisons.
        smallest_p_holm: smallest corrected p value that this design can reach.
        values: difference of each pair, in the order of ``seeds``.
        simultaneous: interval widened for the number of comparisons.
        seeds_needed: number of seeds that would decide; None if more than a thousand.
        refused: why the two are not comparable.
        blocked: why there is no verdict yet.
        differs_in: settings in which the two differ.
        confounded: true if there are several such settings and they were not chosen together.
    """

    baseline: str
    metric: Metric
    pairs: int
    better: int
    worse: int
    diverged: int
    diverged_baseline: int
    mean: float | None
    interval: Interval | None
    bootstrap: Interval | None
    effect_size: float | None
    test: PairedTest | None
    p_holm: float | None
    smallest_p_holm: float | None
    improvement: float | None
    values: tuple[float, ...]
    seeds: tuple[int, ...]
    simultaneous: Interval | None
    seeds_needed: int | None
    refused: tuple[str, ...]
    blocked: tuple[str, ...]
    notes: tuple[str, ...]
    differs_in: tuple[str, ...] = ()
    confounded: bool = False

    @property
    def counted(self) -> str:
        """Return what ``pairs`` counts: ``seeds``, or ``pairs`` if a seed is in several pairs."""
        return "seeds" if len(set(self.seeds)) == self.pairs else "pairs"


def difference(
    group: Group,
    baseline: Group,
    *,
    refused: Sequence[str] = (),
    blocked: Sequence[str] = (),
    notes: Sequence[str] = (),
    level: float = 0.95,
    together: Sequence[str] = (),
) -> Difference:
    """Return the paired difference between a group and its baseline, before Holm's correction.

    Args:
        group: the group; both groups need a run with an outcome.
        baseline: the group that it is compared with.
        refused: why the two are not comparable; if given, no numbers are computed.
        blocked: why there is no verdict.
        notes: remarks to print with the result.
        level: confidence level of the intervals.
        together: keys that were chosen together and count as one setting.
    """
    settings = differs_in(group, baseline)
    own, other = _by_unit(group), _by_unit(baseline)
    common = [] if refused else sorted(own.keys() & other.keys(), key=repr)
    ours = np.array([own[unit].outcome for unit in common])
    theirs = np.array([other[unit].outcome for unit in common])
    # If both runs of a pair diverged they are equally bad; inf - inf would be NaN.
    both = ~np.isfinite(ours) & ~np.isfinite(theirs)
    d = np.where(both, 0.0, ours - np.where(both, 0.0, theirs))
    finite = bool(np.isfinite(ours).all() and np.isfinite(theirs).all()) and len(d) > 0
    metric = _results(group)[0].metric
    gain = metric.sign * d
    return Difference(
        baseline=baseline.label,
        metric=metric,
        pairs=len(d),
        better=int((gain > 0).sum()),
        worse=int((gain < 0).sum()),
        diverged=int((~np.isfinite(ours)).sum()),
        diverged_baseline=int((~np.isfinite(theirs)).sum()),
        mean=float(d.mean()) if finite else None,
        interval=mean_interval(d.tolist(), level) if finite else None,
        bootstrap=bootstrap_interval(d.tolist(), level) if finite else None,
        effect_size=effect_size(d.tolist()) if finite else None,
        test=paired_test(d.tolist()),
        p_holm=None,
        smallest_p_holm=None,
        improvement=probability_of_improvement(ours.tolist(), theirs.tolist(), metric.sign),
        values=tuple(d.tolist()),
        seeds=tuple(unit[0] for unit in common if isinstance(unit, tuple)),
        simultaneous=None,
        seeds_needed=None,
        refused=tuple(refused),
        blocked=tuple(blocked),
        notes=tuple(notes),
        differs_in=settings,
        confounded=is_confounded(settings, together),
    )


def _by_unit(group: Group) -> dict[Hashable, Result]:
    counts = Counter(group.units)
    return {
        unit: result
        for unit, result in zip(group.units, _results(group), strict=True)
        if unit is not None and counts[unit] == 1
    }


def _results(group: Group) -> list[Result]:
    return [run.result for run in group.runs if run.result is not None]


def unlike(group: Group, baseline: Group) -> tuple[str, ...]:
    """Return why two groups are not comparable: metric, split, data, step budget, plugin source.

    Both groups need a run with an outcome.
    """
    reasons = []
    aspects = (
        ("metric", _metrics),
        ("split", _splits),
        ("data", _data),
        ("step budget", _budgets),
        ("age", _ages),
    )
    for name, of in aspects:
        ours, theirs = of(group), of(baseline)
        if len(ours | theirs) > 1:
            reasons.append(f"different {name} ({_joined(ours)} against {_joined(theirs)})")
    for name, (ours, theirs) in _other_sources(group, baseline).items():
        reasons.append(
            f"different source of plugin {name} ({_joined(ours)} against {_joined(theirs)})"
        )
    return tuple(reasons)


def _other_sources(group: Group, baseline: Group) -> dict[str, tuple[set[str], set[str]]]:
    ours, theirs = _sources(group), _sources(baseline)
    shared = sorted(ours.keys() & theirs.keys())
    return {n: (ours[n], theirs[n]) for n in shared if len(ours[n] | theirs[n]) > 1}


def _sources(group: Group) -> dict[str, set[str]]:
    digests: dict[str, set[str]] = {}
    for result in _results(group):
        for name, digest in result.plugins.items():
            digests.setdefault(name, set()).add(short_hash(digest))
    return digests


def _joined(values: set[str]) -> str:
    return " and ".join(sorted(values))


def _metrics(group: Group) -> set[str]:
    metrics = [result.metric for result in _results(group)]
    return {f"{m.name} in {m.unit or 'no unit'}, {m.direction}" for m in metrics}


def _splits(group: Group) -> set[str]:
    return {result.split for result in _results(group) if result.split is not None}


def _data(group: Group) -> set[str]:
    # The data of a user's own script are not known.
    return {
        "own" if result.executor == OWN else short_hash(result.data_hash)
        for result in _results(group)
    }


def _budgets(group: Group) -> set[str]:
    budgets = set()
    for run in group.runs:
        trainer = (run.config or {}).get("trainer")
        known = trainer if isinstance(trainer, Mapping) else {}
        limits = [f"{k}={known[k]}" for k in ("epochs", "steps") if known.get(k) is not None]
        budgets.add(" ".join(limits) or "unknown")
    return budgets


def _ages(group: Group) -> set[str]:
    return {f"stale: {run.stale}" if run.stale else "current" for run in group.runs}


def executors(group: Group) -> str:
    """Return the executors that a group's runs report, comma separated."""
    return ", ".join(sorted({result.executor for result in _results(group) if result.executor}))


def is_decided(diff: Difference) -> bool:
    """Return whether the numbers show a difference between group and baseline.

    The interval must exclude zero and the corrected p value must be below 0.05. If the design
    cannot reach such a p value, the interval widened for the number of comparisons must exclude
    zero instead. If a run diverged, the p value alone decides.
    """
    significant = diff.p_holm is not None and diff.p_holm < ALPHA
    if diff.interval is None:
        return significant
    powerless = diff.smallest_p_holm is None or diff.smallest_p_holm >= ALPHA
    if powerless:
        return _excludes_zero(diff.simultaneous or diff.interval)
    return _excludes_zero(diff.interval) and significant


def by_pairs(diff: Difference) -> str:
    """Return on how many pairs the group beat the baseline, or lost to it if that is more.

    The mean may have the opposite sign, because one pair can outweigh all others.
    """
    direction = "better" if diff.better > diff.worse else "worse"
    return (
        f"{direction} than {diff.baseline} on {max(diff.better, diff.worse)} of {diff.pairs} pairs"
    )


def is_open(diff: Difference) -> bool:
    """Return whether p is small but the interval contains zero: few pairs dominate the mean."""
    return diff.p_holm is not None and diff.p_holm < ALPHA and not is_decided(diff)


def is_decided_by_interval(diff: Difference) -> bool:
    """Return whether the interval decides because no p value of the design can be below 0.05."""
    return is_decided(diff) and diff.p_holm is not None and diff.p_holm >= ALPHA


def _excludes_zero(interval: Interval) -> bool:
    return not interval.low <= 0 <= interval.high

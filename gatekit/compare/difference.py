"""A group against its baseline: paired on common seeds, or refused with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from gatekit.compare.group import Group
from gatekit.compare.result import Metric
from gatekit.compare.run import Run
from gatekit.compare.statistics import (
    Interval,
    PairedTest,
    bootstrap_interval,
    effect_size,
    mean_interval,
    paired_test,
)
from gatekit.compare.summary import outcome

ALPHA = 0.05
"""Below this a corrected p value tells two groups apart."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Group minus baseline, in the metric's unit, over the seeds that both have.

    ``refused`` says why the two are not comparable and ``blocked`` why there is no verdict yet;
    ``mean`` and the intervals are None where a run of a pair diverged. ``better`` and ``worse``
    count pairs; ``p_holm`` is the p value corrected for the number of comparisons, and
    ``smallest_p_holm`` the least that it could have been.
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
    refused: tuple[str, ...]
    blocked: tuple[str, ...]
    notes: tuple[str, ...]


def difference(
    group: Group,
    baseline: Group,
    *,
    refused: Sequence[str] = (),
    blocked: Sequence[str] = (),
    notes: Sequence[str] = (),
    level: float = 0.95,
) -> Difference:
    """Return the paired difference of a group to its baseline, before Holm's correction.

    Args:
        group: the group; both must hold a run with an outcome.
        baseline: what it is compared with.
        refused: why the two are not comparable; then no number is given.
        blocked: why no verdict may be given.
        notes: what must be said with it.
        level: confidence level of the intervals.
    """
    own, other = _by_unit(group), _by_unit(baseline)
    common = [] if refused else sorted(own.keys() & other.keys(), key=repr)
    ours = np.array([outcome(own[unit]) for unit in common])
    theirs = np.array([outcome(other[unit]) for unit in common])
    result = group.runs[0].result
    if result is None:
        raise ValueError(f"group {group.label} has no outcome")
    # Two runs of a pair that both diverged are equally bad, whatever inf - inf says.
    both = ~np.isfinite(ours) & ~np.isfinite(theirs)
    d = np.where(both, 0.0, ours - np.where(both, 0.0, theirs))
    finite = bool(np.isfinite(ours).all() and np.isfinite(theirs).all()) and len(d) > 0
    gain = result.metric.sign * d
    return Difference(
        baseline=baseline.label,
        metric=result.metric,
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
        refused=tuple(refused),
        blocked=tuple(blocked),
        notes=tuple(notes),
    )


def _by_unit(group: Group) -> dict[Hashable, Run]:
    counts = Counter(group.units)
    return {
        unit: run
        for unit, run in zip(group.units, group.runs, strict=True)
        if unit is not None and counts[unit] == 1
    }


def unlike(group: Group, baseline: Group) -> tuple[str, ...]:
    """Return why two groups are not comparable: metric, unit, data or step budget.

    Args:
        group: a group with an outcome.
        baseline: another.
    """
    reasons = []
    for name, of in (("metric", _metric), ("data", _data), ("step budget", _budget)):
        ours, theirs = {of(run) for run in group.runs}, {of(run) for run in baseline.runs}
        if len(ours | theirs) > 1:
            reasons.append(f"another {name} ({_said(ours)} against {_said(theirs)})")
    return tuple(reasons)


def _said(values: set[str]) -> str:
    return " and ".join(sorted(values))


def _metric(run: Run) -> str:
    if run.result is None:
        return ""
    metric = run.result.metric
    return f"{metric.name} in {metric.unit or 'no unit'}, {metric.direction}"


def _data(run: Run) -> str:
    if run.result is None or run.result.data_hash is None:
        return "unknown"
    return run.result.data_hash.removeprefix("sha256").lstrip(".:")[:8]


def _budget(run: Run) -> str:
    trainer = (run.config or {}).get("trainer")
    if not isinstance(trainer, dict):
        return "unknown"
    known = [f"{key}={trainer[key]}" for key in ("epochs", "steps") if trainer.get(key) is not None]
    return " ".join(known) or "unknown"


def executors(group: Group) -> str:
    """Return the executors that a group's runs report, comma separated."""
    names = {run.result.executor for run in group.runs if run.result is not None}
    return ", ".join(sorted(name for name in names if name))


def is_decided(found: Difference) -> bool:
    """Return whether the numbers tell group and baseline apart.

    The interval must leave out zero and the corrected p value be below 0.05, where there is one
    and the design could have reached that; where a run diverged the p value decides alone.
    """
    significant = found.p_holm is not None and found.p_holm < ALPHA
    if found.interval is None:
        return significant
    powerless = found.smallest_p_holm is None or found.smallest_p_holm >= ALPHA
    outside = not found.interval.low <= 0 <= found.interval.high
    return outside and (significant or powerless)

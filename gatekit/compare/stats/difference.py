"""A group against its baseline: paired on common seeds, or refused with the reason."""

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
"""Below this a corrected p value tells two groups apart."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Group minus baseline, in the metric's unit, over the seeds that both have.

    ``refused`` says why the two are not comparable and ``blocked`` why there is no verdict yet;
    ``mean`` and the intervals are None where a run of a pair diverged. ``better`` and ``worse``
    count pairs and ``values`` holds the difference of each, in the order of ``seeds``;
    ``improvement`` is the probability that a run of the group is better than one of the baseline.
    ``p_holm`` is the p value corrected for the number of comparisons, ``smallest_p_holm`` the least
    that it could have been, ``simultaneous`` the interval widened for that number, and
    ``seeds_needed`` how many seeds would decide (None: no number up to a thousand). ``differs_in``
    names the settings in which the two differ; ``confounded`` is true if these are several that
    were not chosen as one.
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
        """Return what ``pairs`` counts: ``seeds``, or ``pairs`` where a seed is in several."""
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
    """Return the paired difference of a group to its baseline, before Holm's correction.

    Args:
        group: the group; both must hold a run with an outcome.
        baseline: what it is compared with.
        refused: why the two are not comparable; then no number is given.
        blocked: why no verdict may be given.
        notes: what must be said with it.
        level: confidence level of the intervals.
        together: keys that were chosen as one.
    """
    settings = differs_in(group, baseline)
    own, other = _by_unit(group), _by_unit(baseline)
    common = [] if refused else sorted(own.keys() & other.keys(), key=repr)
    ours = np.array([own[unit].outcome for unit in common])
    theirs = np.array([other[unit].outcome for unit in common])
    # Two runs of a pair that both diverged are equally bad, whatever inf - inf says.
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

    Args:
        group: a group with an outcome.
        baseline: another.
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
            reasons.append(f"another {name} ({_said(ours)} against {_said(theirs)})")
    for name, (ours, theirs) in _other_sources(group, baseline).items():
        reasons.append(f"another source of plugin {name} ({_said(ours)} against {_said(theirs)})")
    return tuple(reasons)


def _other_sources(group: Group, baseline: Group) -> dict[str, tuple[set[str], set[str]]]:
    ours, theirs = _sources(group), _sources(baseline)
    shared = sorted(ours.keys() & theirs.keys())
    return {n: (ours[n], theirs[n]) for n in shared if len(ours[n] | theirs[n]) > 1}


def _sources(group: Group) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for result in _results(group):
        for name, digest in result.plugins.items():
            found.setdefault(name, set()).add(short_hash(digest))
    return found


def _said(values: set[str]) -> str:
    return " and ".join(sorted(values))


def _metrics(group: Group) -> set[str]:
    metrics = [result.metric for result in _results(group)]
    return {f"{m.name} in {m.unit or 'no unit'}, {m.direction}" for m in metrics}


def _splits(group: Group) -> set[str]:
    return {result.split for result in _results(group) if result.split is not None}


def _data(group: Group) -> set[str]:
    # A script of one's own says nothing about its data.
    return {
        "own" if result.executor == OWN else short_hash(result.data_hash)
        for result in _results(group)
    }


def _budgets(group: Group) -> set[str]:
    budgets = set()
    for run in group.runs:
        trainer = (run.config or {}).get("trainer")
        known = trainer if isinstance(trainer, Mapping) else {}
        said = [f"{k}={known[k]}" for k in ("epochs", "steps") if known.get(k) is not None]
        budgets.add(" ".join(said) or "unknown")
    return budgets


def _ages(group: Group) -> set[str]:
    return {f"stale: {run.stale}" if run.stale else "current" for run in group.runs}


def executors(group: Group) -> str:
    """Return the executors that a group's runs report, comma separated."""
    return ", ".join(sorted({result.executor for result in _results(group) if result.executor}))


def is_decided(found: Difference) -> bool:
    """Return whether the numbers tell group and baseline apart.

    The interval must leave out zero and the corrected p value be below 0.05. Where the design could
    not have reached that, the interval that is widened for the number of comparisons must leave out
    zero instead; where a run diverged the p value decides alone.
    """
    significant = found.p_holm is not None and found.p_holm < ALPHA
    if found.interval is None:
        return significant
    powerless = found.smallest_p_holm is None or found.smallest_p_holm >= ALPHA
    if powerless:
        return _leaves_out_zero(found.simultaneous or found.interval)
    return _leaves_out_zero(found.interval) and significant


def by_pairs(found: Difference) -> str:
    """Return on how many pairs the group came out better or worse, whichever are more.

    One pair may weigh more than all others: the mean can say the opposite.
    """
    way = "better" if found.better > found.worse else "worse"
    return f"{way} on {max(found.better, found.worse)} of {found.pairs} pairs"


def is_open(found: Difference) -> bool:
    """Return whether p is small though the interval holds zero: few pairs make the mean."""
    return found.p_holm is not None and found.p_holm < ALPHA and not is_decided(found)


def is_decided_by_interval(found: Difference) -> bool:
    """Return whether a difference is decided though no p value of the design can be below 0.05."""
    return is_decided(found) and found.p_holm is not None and found.p_holm >= ALPHA


def _leaves_out_zero(interval: Interval) -> bool:
    return not interval.low <= 0 <= interval.high

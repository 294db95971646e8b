"""Compare a group with its baseline on common seeds, or state why they are not comparable."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatekit.compare.grouping.differs import differs_in, is_confounded
from gatekit.compare.grouping.group import Group
from gatekit.runs.result import OWN, ResultMetric, short_hash

from .intervals import (
    Interval,
    by_pairing_key,
    effect_size,
    has_spread,
    limits,
    mean_interval,
    probability_of_improvement,
    signed_ranks,
    within_limits,
)
from .paired_tests import ALPHA, MIN_SEEDS, PairedTest, unseen_failures


@dataclass(frozen=True, slots=True)
class Difference:
    """Group minus baseline, in the metric's unit, over the seeds that both have.

    A seed's difference is the mean over its pairs of runs; a seed has several pairs if runs are
    pooled.

    Attributes:
        pairs: number of pairs of runs.
        better: number of seeds on which the group is better.
        worse: number of seeds on which it is worse.
        diverged: number of the group's paired runs that diverged.
        mean: mean difference; None, like the intervals, if a run of a pair diverged.
        interval: t interval of the mean; None also for differences that are all equal.
        improvement: probability that a run of the group is better than a run of the baseline.
        direction: 1 if the group is better, -1 if it is worse: by the mean, or by the rank sum if
            a run diverged.
        values: difference of each seed, in the order of ``seeds``; infinite if one group has more
            diverged runs with this seed than the other.
        ranked: the seeds with a diverged run; if there are any, signed ranks replace the
            differences in the test.
        test: test against no difference; None for fewer than five seeds.
        margin: largest difference that does not matter, in the metric's unit.
        opposed: whether the test decides although most seeds point the other way.
        spread: standard deviation of the group's runs over the seeds; None if a run diverged, or
            for one seed.
        spread_baseline: that of the baseline's runs.
        not_worse: p value of "no worse than by the margin".
        equivalent: p value of "equivalent within the margin".
        seeds_needed: number of seeds that would decide; None if more than a thousand.
        fewest: the fewest seeds for a verdict; looks need more.
        refused: why the two are not comparable.
        blocked: why there is no verdict yet.
        differs_in: settings in which the two differ.
        confounded: true if there are several such settings, besides those tuned for each.
        incomplete: how many runs the table misses, in words; empty if it is complete.
        at_chance: whether both groups are at chance, so that more seeds show nothing.
        at_ceiling: whether both groups are nearly perfect.
        bounds: the smallest and the largest difference that the metric allows.
        correlation: Pearson's correlation between the scores of the two groups over seeds; None for
            fewer than three seeds, with a diverged run, or if all scores of a group are equal.
    """

    baseline: str
    metric: ResultMetric
    pairs: int
    better: int
    worse: int
    diverged: int
    diverged_baseline: int
    mean: float | None
    interval: Interval | None
    effect_size: float | None
    improvement: float | None
    direction: int
    values: tuple[float, ...]
    seeds: tuple[Hashable, ...]
    ranked: frozenset[Hashable]
    spread: float | None
    spread_baseline: float | None
    refused: tuple[str, ...]
    blocked: tuple[str, ...]
    notes: tuple[str, ...]
    test: PairedTest | None = None
    opposed: bool = False
    margin: float | None = None
    not_worse: float | None = None
    equivalent: float | None = None
    seeds_needed: int | None = None
    fewest: int = MIN_SEEDS
    differs_in: tuple[str, ...] = ()
    confounded: bool = False
    incomplete: str = ""
    at_chance: bool = False
    at_ceiling: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)
    correlation: float | None = None

    @property
    def n(self) -> int:
        """Return the number of seeds that both groups have."""
        return len(self.values)

    @property
    def gains(self) -> list[float]:
        """Return how much better the group is on each seed."""
        return [self.metric.sign * value for value in self.values]

    @property
    def is_uneven(self) -> bool:
        """Return whether the spreads of a tested comparison differ more than twofold."""
        if self.test is None or self.spread is None or self.spread_baseline is None:
            return False
        low, high = sorted((self.spread, self.spread_baseline))
        return high > 2 * low

    @property
    def unseen_failures(self) -> float | None:
        """Return the share of failing runs that the seeds do not exclude; None without a margin."""
        return None if self.margin is None or not self.n else unseen_failures(self.n)

    @property
    def decision(self) -> str:
        """Return the verdict in one word.

        ``better`` or ``worse``; with a margin also ``equivalent`` or ``not_worse``, which take
        precedence over ``worse``; ``open`` if the tests decide none of these; ``none`` if there
        is no verdict: fewer than ``fewest`` seeds, missing runs, groups that are not comparable, or
        a mean and a majority of seeds that disagree.
        """
        if self.test is None or self.refused or self.blocked or self.opposed:
            return "none"
        decided = self.test.decides
        if decided and self.direction > 0:
            return "better"
        if self.equivalent is not None and self.equivalent < ALPHA:
            return "equivalent"
        if self.not_worse is not None and self.not_worse < ALPHA:
            return "not_worse"
        return "worse" if decided else "open"

    @property
    def p(self) -> float | None:
        """Return the corrected p value that decided, or else of the test against no difference.

        None if there is no verdict.
        """
        match self.decision:
            case "equivalent":
                return self.equivalent
            case "not_worse":
                return self.not_worse
            case "none":
                return None
        return None if self.test is None else self.test.p


def difference(
    group: Group,
    baseline: Group,
    *,
    refused: Sequence[str] = (),
    blocked: Sequence[str] = (),
    notes: Sequence[str] = (),
    tuned: Sequence[str] = (),
    incomplete: str = "",
    at_chance: bool = False,
    at_ceiling: bool = False,
) -> Difference:
    """Return the paired difference between a group and its baseline, before any test.

    Args:
        group: the group; both groups need a run with an outcome.
        baseline: the group that it is compared with.
        refused: why the two are not comparable; if given, no numbers are computed.
        blocked: why there is no verdict.
        notes: remarks to print with the result.
        tuned: keys whose value was chosen for each variant.
        incomplete: how many runs the table misses, in words.
        at_chance: whether both groups are at chance.
        at_ceiling: whether both groups are nearly perfect.
    """
    settings = differs_in(group, baseline)
    ours_by_key, theirs_by_key = (
        by_pairing_key(side.outcomes, side.pairing_keys) for side in (group, baseline)
    )
    common = [] if refused else sorted(ours_by_key.keys() & theirs_by_key.keys(), key=_natural)
    ours = np.array([ours_by_key[key] for key in common])
    theirs = np.array([theirs_by_key[key] for key in common])
    seeds = list(dict.fromkeys(key[0] for key in common))
    of = np.array([seeds.index(key[0]) for key in common], dtype=int)
    d = np.array([_of_seed(ours[of == i], theirs[of == i]) for i in range(len(seeds))])
    diverged = ~np.isfinite(ours) | ~np.isfinite(theirs)
    finite = not diverged.any() and len(d) > 0
    metric = group.results[0].metric
    gain = metric.sign * d
    total = signed_ranks(gain).sum() if diverged.any() else gain.sum()
    low, high = limits(metric, [*ours, *theirs])
    interval = None
    if finite and has_spread(d):
        interval = within_limits(mean_interval(d.tolist()), low - high, high - low)
    return Difference(
        baseline=baseline.label,
        metric=metric,
        pairs=len(common),
        better=int((gain > 0).sum()),
        worse=int((gain < 0).sum()),
        diverged=int((~np.isfinite(ours)).sum()),
        diverged_baseline=int((~np.isfinite(theirs)).sum()),
        mean=float(d.mean()) if finite else None,
        interval=interval,
        effect_size=effect_size(d.tolist()) if finite else None,
        improvement=probability_of_improvement(ours.tolist(), theirs.tolist(), metric.sign),
        direction=int(np.sign(total)),
        values=tuple(d.tolist()),
        seeds=tuple(seeds),
        ranked=frozenset(key[0] for key, one in zip(common, diverged, strict=True) if one),
        spread=_spread(ours, of) if finite else None,
        spread_baseline=_spread(theirs, of) if finite else None,
        refused=tuple(refused),
        blocked=tuple(blocked),
        notes=tuple(notes),
        differs_in=settings,
        confounded=is_confounded(settings, tuned),
        incomplete=incomplete,
        at_chance=at_chance,
        at_ceiling=at_ceiling,
        bounds=(low - high, high - low),
        correlation=_correlation(ours, theirs, of) if finite else None,
    )


def _correlation(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], of: NDArray[np.int_]
) -> float | None:
    """Return the correlation between the means of two groups' seeds; None if there is none.

    Args:
        ours: the scores of one group, finite.
        theirs: those of the other group.
        of: the number of the seed of each pair of scores.
    """
    counts = np.bincount(of)
    means = np.array([np.bincount(of, side) / counts for side in (ours, theirs)])
    if len(counts) < 3 or not has_spread(means, axis=-1).all():
        return None
    return float(np.corrcoef(means)[0, 1])


def _of_seed(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Return the mean difference of a seed's pairs, or an infinity if one side diverged more.

    If both sides diverged equally often, the mean is over the pairs in which no run diverged; it is
    0 if there are none.
    """
    infinite = ~np.isfinite(ours), ~np.isfinite(theirs)
    more = int(infinite[0].sum()) - int(infinite[1].sum())
    if more:
        return float(ours[infinite[0]][0] if more > 0 else -theirs[infinite[1]][0])
    whole = ~(infinite[0] | infinite[1])
    return float((ours - theirs)[whole].mean()) if whole.any() else 0.0


def _spread(outcomes: NDArray[np.float64], of: NDArray[np.int_]) -> float | None:
    """Return the standard deviation of the seeds' means; None for one seed."""
    means = np.array([outcomes[of == i].mean() for i in range(of.max() + 1)])
    if len(means) < 2:
        return None
    return float(means.std(ddof=1)) if has_spread(means) else 0.0


def _natural(key: tuple[Hashable, ...]) -> tuple[tuple[bool, float, str], ...]:
    """Return a sort key that orders numbers by size and puts them before strings."""
    return tuple(
        (False, part, "") if isinstance(part, int | float) else (True, 0.0, str(part))
        for part in key
    )


def unlike(group: Group, baseline: Group) -> tuple[str, ...]:
    """Return why two groups are not comparable, such as a different metric, split or data.

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
            reasons.append(f"different {name} ({_against(ours, theirs)})")
    for name, (ours, theirs) in _other_sources(group, baseline).items():
        reasons.append(f"different source of plugin {name} ({_against(ours, theirs)})")
    return tuple(reasons)


def _other_sources(group: Group, baseline: Group) -> dict[str, tuple[set[str], set[str]]]:
    ours, theirs = _sources(group), _sources(baseline)
    shared = sorted(ours.keys() & theirs.keys())
    return {n: (ours[n], theirs[n]) for n in shared if len(ours[n] | theirs[n]) > 1}


def _sources(group: Group) -> dict[str, set[str]]:
    digests: dict[str, set[str]] = {}
    for result in group.results:
        for name, digest in result.plugins.items():
            digests.setdefault(name, set()).add(short_hash(digest))
    return digests


def _against(ours: set[str], theirs: set[str]) -> str:
    first, second = (" and ".join(sorted(values)) for values in (ours, theirs))
    return first if ours == theirs else f"{first} against {second}"


def _metrics(group: Group) -> set[str]:
    metrics = [result.metric for result in group.results]
    return {f"{m.name} in {m.unit or 'no unit'}, {m.direction}" for m in metrics}


def _splits(group: Group) -> set[str]:
    return {result.split for result in group.results if result.split is not None}


def _data(group: Group) -> set[str]:
    # gatekit does not know the data of a user's own script.
    return {
        "own" if result.executor == OWN else short_hash(result.data_hash)
        for result in group.results
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
    """Return the executors of a group's runs, comma-separated, with ``under XLA`` if compiled."""
    return ", ".join(sorted({result.engine for result in group.results if result.engine}))


def contradicts(diff: Difference, interval: Interval | None) -> bool:
    """Return whether an interval, taken alone, would lead to another decision than the p value.

    An interval may have another level than the test, and assumes normal noise.
    """
    if interval is None or diff.test is None or diff.decision in ("equivalent", "not_worse"):
        return False
    decides = diff.test.decides and not (diff.refused or diff.blocked)
    return (not interval.low <= 0 <= interval.high) != decides

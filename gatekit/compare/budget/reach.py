"""Training until a threshold is reached: ``--reach 0.9``; runs that never reach it are censored."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gatekit.cell.errors import ConfigError
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.options import check
from gatekit.compare.stats.baseline import SharedKeys
from gatekit.compare.stats.intervals import Floats, by_pairing_key, by_seed
from gatekit.compare.stats.multiple_comparisons import sign_vectors, step_down
from gatekit.compare.stats.paired_tests import ALPHA, MIN_SEEDS, PairedTest
from gatekit.runs.record import RunRecord

from .evaluations import read_evaluations

LOG_RANK = "exact log-rank"


@dataclass(frozen=True, slots=True)
class Survival:
    r"""The Kaplan-Meier estimate of the share of runs that have not reached the threshold yet.

    $$\hat S(t) = \prod_{t_i \le t} (1 - d_i / n_i)$$

    Attributes:
        times: costs at which a run reached the threshold, increasing.
        share: $\hat S$ after each of ``times``.
        median: the cost at which half of the runs have reached the threshold; None if fewer did.
        low: lower end of the median's interval; None if unknown.
        high: upper end; None if it is beyond the longest run.
    """

    times: tuple[float, ...]
    share: tuple[float, ...]
    median: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Reached:
    """When the runs of a group reached the threshold, compared with its baseline.

    Attributes:
        row: the group.
        costs: cost of training until each run reached the threshold, or ended without reaching it.
        observed: whether each run reached the threshold.
        survival: the Kaplan-Meier estimate.
        seeds: seeds that the group and its baseline share.
        earlier: observed minus expected number of runs that reached the threshold, in the log-rank
            test against the baseline, over the runs of common seeds.
        direction: sign of the test's statistic: 1 if the group is earlier, -1 if it is later.
        test: the test against the baseline; None for fewer than five common seeds.
    """

    row: Row
    costs: tuple[float, ...]
    observed: tuple[bool, ...]
    survival: Survival
    seeds: int = 0
    earlier: float | None = None
    direction: int = 0
    test: PairedTest | None = None

    @property
    def decision(self) -> str:
        """Return ``earlier``, ``later``, ``open``, or ``none`` without a test."""
        if self.test is None:
            return "none"
        if self.test.p >= ALPHA:
            return "open"
        return "earlier" if self.direction > 0 else "later"


def reach(comparison: Comparison, threshold: float, cost: str = "steps") -> tuple[Reached, ...]:
    r"""Return when each group reaches a threshold of the validation metric.

    A run that ends without reaching it is censored where it ends. A run that diverged before
    reaching it never will, so it stays at risk until the longest run ends. If the comparison has a
    budget in the same cost, every run is censored there.

    The test is the log-rank test of the runs of common seeds. Its statistic is the sum of
    $\delta_i - \hat\Lambda(t_i)$ over a group's runs, with the pooled cumulative hazard
    $\hat\Lambda$. If the groups do not differ, the two runs of a seed can be exchanged, which flips
    the sign of the seed's difference. The p values are therefore those of sign flips, as in the
    decision rule: flipped jointly over groups, corrected by the step-down maximum.

    Args:
        comparison: the comparison; a group is tested against its baseline.
        threshold: value of the validation metric.
        cost: ``steps``, ``seconds``, ``tokens``, ``flops`` or ``epochs``.

    Raises:
        ConfigError: the cost does not exist or is unknown, or no run has a validation score.

    Reference:
        Kaplan & Meier, JASA 53 (1958), doi:10.1080/01621459.1958.10501452; Mantel, Cancer
        Chemother. Rep. 50 (1966) 163-170; Brookmeyer & Crowley, Biometrics 38 (1982),
        doi:10.2307/2530286
    """
    check(reach=threshold, over=cost)
    groups: dict[int, Reached] = {}
    for rows in _by_shared_keys(comparison).values():
        raw = {id(row): [_cost(run, threshold, cost) for run in row.group.runs] for row in rows}
        horizon = _horizon(comparison, cost, [end for each in raw.values() for *_, end in each])
        for row in rows:
            pairs = [(min(c, horizon), hit and c <= horizon) for c, hit, _ in raw[id(row)]]
            costs, observed = tuple(c for c, _ in pairs), tuple(hit for _, hit in pairs)
            survival = kaplan_meier(costs, observed, row.group.pairing_keys)
            groups[id(row)] = Reached(row, costs, observed, survival)
    if not groups:
        raise ConfigError(f"reach={threshold:g}: no run has a validation score")
    return _tested(list(groups.values()))


def kaplan_meier(
    costs: Sequence[float],
    observed: Sequence[bool],
    keys: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Survival:
    r"""Return the Kaplan-Meier estimate, and the median with its log-log interval.

    The variance of $\log \hat S(t)$ is $\sum_s (\sum_{i \in s} u_i)^2$ over the seeds, with
    $u_i = \sum_{t_j \le t} (\delta_{ij} - y_{ij} d_j / n_j) / (n_j - d_j)$ for a run that reached
    the threshold at $t_j$ ($\delta_{ij}$) or was at risk then ($y_{ij}$). With one run per seed,
    this is Greenwood's formula. Several runs of a seed, as in a pooled group, are not independent;
    then the variance is multiplied by $S / (S - 1)$ for $S$ seeds, and the interval uses Student's
    t with $S - 1$ degrees of freedom.

    Args:
        costs: when each run reached the threshold or ended.
        observed: whether it reached it.
        keys: the pairing key of each run, with its seed as the first part; None for runs of
            different seeds.
        level: confidence level of the median's interval; it needs two seeds.

    Reference:
        Williams, Lifetime Data Anal. 1 (1995), doi:10.1007/BF00985768
    """
    from scipy.special import ndtri, stdtrit

    c, hit = np.asarray(costs, dtype=np.float64), np.asarray(observed, dtype=bool)
    times = np.unique(c[hit])
    if not len(times):
        return Survival((), (), None, None, None)
    at_risk = (c >= times[:, None]).sum(axis=1)
    events = (c[hit] == times[:, None]).sum(axis=1)
    share = np.cumprod(1 - events / at_risk)
    reached = np.flatnonzero(share <= 0.5 + 1e-12)
    median = float(times[reached[0]]) if len(reached) else None
    seeds = by_seed(range(len(c)), [None] * len(c) if keys is None else keys).values()
    count, tail = len(seeds), (1 + level) / 2
    pooled = count < len(c)
    # On the scale log(-log S). With one seed, or once no run is left, there is no interval.
    with np.errstate(divide="ignore", invalid="ignore"):
        reaches, risks = (hit & (c == times[:, None])).T, (c >= times[:, None]).T
        scores = np.cumsum((reaches - risks * (events / at_risk)) / (at_risk - events), axis=1)
        variance = np.sum([scores[part].sum(axis=0) ** 2 for part in seeds], axis=0)
        if pooled:
            variance = variance * np.divide(count, count - 1)
        error = np.sqrt(variance) / np.abs(np.log(share))
        z = (np.log(-np.log(share)) - math.log(math.log(2))) / error
    limit = stdtrit(count - 1, tail) if pooled else ndtri(tail)
    inside = np.flatnonzero(np.abs(z) <= limit)
    low = high = None
    if len(inside):
        low = float(times[inside[0]])
        high = float(times[inside[-1] + 1]) if inside[-1] + 1 < len(times) else None
    return Survival(tuple(times.tolist()), tuple(share.tolist()), median, low, high)


def log_rank_scores(costs: Sequence[float], observed: Sequence[bool]) -> Floats:
    r"""Return $\delta_i - \hat\Lambda(t_i)$ of each run, with the Nelson-Aalen hazard of all runs.

    The sum over one of two groups is the group's observed minus its expected number of events.

    Args:
        costs: when each run reached the threshold or ended.
        observed: whether it reached it.
    """
    c, hit = np.asarray(costs, dtype=np.float64), np.asarray(observed, dtype=bool)
    times = np.unique(c[hit])
    at_risk = (c >= times[:, None]).sum(axis=1)
    events = (c[hit] == times[:, None]).sum(axis=1)
    hazard = ((times <= c[:, None]) * (events / at_risk)).sum(axis=1)
    return np.asarray(hit - hazard, dtype=np.float64)


def _by_shared_keys(comparison: Comparison) -> dict[SharedKeys, list[Row]]:
    rows: dict[SharedKeys, list[Row]] = {}
    for row in comparison.rows:
        if row.summary is not None:
            rows.setdefault(row.shared_keys, []).append(row)
    return rows


def _cost(run: RunRecord, threshold: float, cost: str) -> tuple[float, bool, float]:
    """Return when a run reached the threshold or ended, whether it reached it, and its end.

    A run that diverged before, and a run that logged no evaluation, never reaches it.
    """
    known, result = read_evaluations(run), run.result
    if known is None or result is None:
        return math.inf, False, 0.0
    costs, end = known.on(cost), known.end[cost]
    hit = np.flatnonzero(result.metric.sign * (known.values - threshold) >= 0)
    if len(hit):
        return float(costs[hit[0]]), True, end
    return (math.inf if known.diverged else end), False, end


def _horizon(comparison: Comparison, cost: str, ends: Sequence[float]) -> float:
    at = comparison.at
    return at.amount if at is not None and at.cost == cost else max(ends)


def _tested(groups: Sequence[Reached]) -> tuple[Reached, ...]:
    """Return the groups with the log-rank test against their baseline, corrected together."""
    baselines = {one.row.shared_keys: one for one in groups if one.row.is_baseline}
    columns: list[dict[Hashable, float]] = []
    compared: list[int] = []
    results = list(groups)
    for place, one in enumerate(groups):
        other = baselines.get(one.row.shared_keys)
        diff = one.row.difference
        if other is None or other is one or diff is None or diff.refused or diff.blocked:
            continue
        seeds, earlier = _paired(one, other)
        if not seeds:
            continue
        direction = int(np.sign(sum(seeds.values())))
        results[place] = replace(one, seeds=len(seeds), earlier=earlier, direction=direction)
        if len(seeds) >= MIN_SEEDS:
            compared.append(place)
            columns.append(seeds)
    if not columns:
        return tuple(results)
    seeds_of_all = list(dict.fromkeys(seed for column in columns for seed in column))
    d = np.array([[column.get(seed, 0.0) for column in columns] for seed in seeds_of_all])
    counts = np.array([len(column) for column in columns], dtype=np.float64)
    least = 1 / len(sign_vectors(len(seeds_of_all)))
    for place, p, count in zip(compared, step_down(d, counts).tolist(), counts, strict=True):
        smallest = max(2.0 ** (1 - count), least)
        test = PairedTest(min(1.0, p), LOG_RANK, len(columns), min(1.0, smallest))
        results[place] = replace(results[place], test=test)
    return tuple(results)


def _paired(one: Reached, other: Reached) -> tuple[dict[Hashable, float], float]:
    """Return a value for each seed that both groups have, and observed minus expected events.

    The value is half the difference of the log-rank scores, averaged over the pairs of the seed. It
    changes its sign if the runs of the seed are exchanged. Runs without a pair are left out: they
    would change the expected number of events, and exchanges cannot account for that.
    """
    ours, theirs = (
        by_pairing_key(zip(side.costs, side.observed, strict=True), side.row.group.pairing_keys)
        for side in (one, other)
    )
    common = [unit for unit in ours if unit in theirs]
    runs = [side[unit] for side in (ours, theirs) for unit in common]
    scores = log_rank_scores([cost for cost, _ in runs], [hit for _, hit in runs]).tolist()
    pairs: dict[Hashable, list[float]] = {}
    first, second = scores[: len(common)], scores[len(common) :]
    for unit, score, against in zip(common, first, second, strict=True):
        pairs.setdefault(unit[0], []).append((score - against) / 2)
    return {seed: float(np.mean(values)) for seed, values in pairs.items()}, float(sum(first))

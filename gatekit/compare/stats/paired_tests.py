"""The decision rule: which groups differ from their baseline, with 5 % false verdicts per table.

The level is fixed; the test depends on the number of seeds:

- up to four seeds: no verdict;
- five to seven: paired t tests, corrected by Holm's method;
- eight or more: sign flips of whole seeds, corrected by the step-down maximum of t.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import Floats, has_spread, signed_ranks
from .multiple_comparisons import holm, smallest_p, step_down

ALPHA = 0.05
"""Two groups differ if the p value, corrected for the number of comparisons, is below this."""

MIN_SEEDS = 5
"""Fewest seeds for a verdict."""

MARGIN_SEEDS = 10
"""Fewest seeds for "equivalent" and "no worse"; see `unseen_failures`."""

MIN_FLIPS = 8
"""Fewest seeds for sign flips; with seven, no p value is below 0.0156, even for one group."""

FLIPS = "max-T sign-flip"
RANK_FLIPS = "max-T signed-rank"
PAIRED_T = "paired t"
RANKS = "exact signed-rank"


@dataclass(frozen=True, slots=True)
class InterimAnalysis:
    """The look of `gatekit extend` at which a comparison was tested last.

    Attributes:
        number: the number of the look, from 1.
        seeds: number of seeds at this look.
        most: number of seeds of the last possible look.
        alpha: level spent up to this look.
        sign: sign of the mean difference, or of the rank sum, at this look.
    """

    number: int
    seeds: int
    most: int
    alpha: float
    sign: int


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A two-sided test of one comparison.

    Attributes:
        p: p value, corrected for the number of comparisons, and for looks if there were any.
        test: name of the test.
        comparisons: number of comparisons in the family.
        smallest_p: smallest p value that is possible with this number of seeds, given the other
            comparisons of the table; None if p values can be arbitrarily small.
        interim: the look that decided the comparison, or the last one; None without looks.
    """

    p: float
    test: str
    comparisons: int
    smallest_p: float | None
    interim: InterimAnalysis | None = None

    @property
    def alpha(self) -> float:
        """Return the level below which ``p`` decides: 0.05, or the level spent up to the look."""
        return ALPHA if self.interim is None else self.interim.alpha

    @property
    def decides(self) -> bool:
        """Return whether the two groups differ."""
        return self.p < self.alpha


def decide(
    table: Sequence[Mapping[Hashable, float]],
    ranked: Sequence[Collection[Hashable]] = (),
    awaited: int = 0,
) -> list[PairedTest | None]:
    """Test all comparisons of a table against no difference; None for fewer than five seeds.

    Comparisons with five to seven seeds and those with more are corrected separately. If a table
    has both kinds, each gets a share of the level in proportion to its number (Bonferroni).
    With five seeds, signed ranks cannot decide anything, so they get no share (Tarone 1990).

    Args:
        table: for each comparison, the difference of each seed; ``inf`` or ``-inf`` if more runs
            of one group diverged.
        ranked: for each comparison, the seeds with a diverged run; if there are any, signed ranks
            replace the differences. By default, the seeds with an infinite difference.
        awaited: number of planned comparisons that cannot be tested yet; they get a share, too.

    Reference:
        Westfall & Young, "Resampling-based multiple testing" (1993); Romano & Wolf, "Exact and
        approximate stepdown methods for multiple hypothesis testing", JASA 100 (2005),
        doi:10.1198/016214504000000539; Holm, Scand. J. Statist. 6 (1979) 65-70; Tarone, "A modified
        Bonferroni method for discrete data", Biometrics 46 (1990), doi:10.2307/2531456
    """
    few = [i for i, seeds in enumerate(table) if MIN_SEEDS <= len(seeds) < MIN_FLIPS]
    many = [i for i, seeds in enumerate(table) if len(seeds) >= MIN_FLIPS]
    known = ranked or [()] * len(table)
    results: list[PairedTest | None] = [None] * len(table)
    for i in few:
        bound, (values, is_ranked) = smallest_p(len(table[i])), ranked_values(table[i], known[i])
        if is_ranked and bound >= ALPHA:
            results[i] = PairedTest(_of_few(values, True)[0], RANKS, 1, bound)
    few = [i for i in few if results[i] is None]
    total = len(few) + len(many) + awaited
    if few:
        tests = [_of_few(*ranked_values(table[i], known[i])) for i in few]
        raw, weight = np.array([p for p, _ in tests]), total / len(few)
        corrected = holm(raw) * weight
        for at, (i, p) in enumerate(zip(few, corrected.tolist(), strict=True)):
            name, smallest = tests[at][1], None
            if name == RANKS:
                # Holm's correction depends on the p values of the other comparisons.
                least = np.where(np.arange(len(few)) == at, 2.0 ** (1 - len(table[i])), raw)
                smallest = min(1.0, float(holm(least)[at]) * weight)
            results[i] = PairedTest(min(1.0, p), name, total, smallest)
    if many:
        seeds = list(dict.fromkeys(seed for i in many for seed in table[i]))
        place = {seed: row for row, seed in enumerate(seeds)}
        d = np.zeros((len(seeds), len(many)))
        names = []
        for column, i in enumerate(many):
            values, is_ranked = ranked_values(table[i], known[i])
            names.append(RANK_FLIPS if is_ranked else FLIPS)
            d[[place[seed] for seed in table[i]], column] = values
        counts = np.array([len(table[i]) for i in many], dtype=np.float64)
        weight = total / len(many)
        for i, p, name in zip(many, (step_down(d, counts) * weight).tolist(), names, strict=True):
            smallest = smallest_p(len(table[i]))
            results[i] = PairedTest(min(1.0, p), name, total, min(1.0, smallest * weight))
    return results


def opposed(row: Mapping[Hashable, float], sign: float, test: PairedTest | None) -> bool:
    """Return whether a test decides although most seeds point the other way than their mean.

    Signed ranks are not such a test: where runs diverged, there is no mean.

    Args:
        row: the difference of each seed.
        sign: the sign of the mean.
        test: the test; if a look decided, only the seeds of that look count.
    """
    if test is None or not test.decides or test.test in (RANKS, RANK_FLIPS):
        return False
    last = None if test.interim is None else test.interim.seeds
    values = [v for s, v in row.items() if last is None or (isinstance(s, int) and s < last)]
    return sum(sign * value < 0 for value in values) > sum(sign * value > 0 for value in values)


def unseen_failures(seeds: int) -> float:
    r"""Return the largest share of runs that may fail although none of some seeds failed.

    $$1 - 0.05^{1/n}$$

    With this share, no failure is seen in 5 % of samples: the 95 % bound of Clopper & Pearson.

    Args:
        seeds: their number, at least 1.

    Reference:
        Clopper & Pearson, Biometrika 26 (1934), doi:10.1093/biomet/26.4.404
    """
    return float(1.0 - 0.05 ** (1.0 / seeds))


def paired_t(d: Floats) -> Floats:
    """Return two-sided p values of paired t tests; equal differences decide nothing (p = 1).

    Args:
        d: differences, ``(..., seeds, groups)``.

    Reference:
        Student, "The probable error of a mean", Biometrika 6 (1908), doi:10.1093/biomet/6.1.1
    """
    from scipy.special import stdtr

    n = d.shape[-2]
    equal = ~has_spread(d, axis=-2)
    error = np.where(equal, 1.0, d.std(axis=-2, ddof=1)) / math.sqrt(n)
    return np.where(equal, 1.0, 2 * stdtr(n - 1, -np.abs(d.mean(axis=-2)) / error))


def within_margin(
    table: Sequence[Sequence[float]],
    margins: Sequence[float],
    comparisons: int = 0,
    fewest: int = MARGIN_SEEDS,
) -> list[tuple[float, float] | None]:
    r"""Return the p values of "no worse than by the margin" and "equivalent within the margin".

    One-sided paired t tests of $\mu \le -\Delta$ and $\mu \ge \Delta$; the larger of the two p
    values is that of equivalence. Each of the two families is corrected by Holm's method. If all
    differences are equal, t is undefined: with up to seven seeds, nothing is decided; with more,
    the p value is that of $n$ equal signs.

    Args:
        table: for each comparison, how much better the group is on each seed.
        margins: $\Delta$ of each comparison, positive.
        comparisons: number of comparisons to correct for, including those without a margin.
        fewest: the fewest seeds that are tested.

    Returns:
        The two p values; None for fewer seeds or an infinite difference.

    Reference:
        Schuirmann, "A comparison of the two one-sided tests procedure", J. Pharmacokinet.
        Biopharm. 15 (1987), doi:10.1007/BF01068419
    """
    known = [i for i, gain in enumerate(table) if len(gain) >= fewest and np.isfinite(gain).all()]
    results: list[tuple[float, float] | None] = [None] * len(table)
    if not known:
        return results
    worse = [_one_sided(np.asarray(table[i]) + margins[i]) for i in known]
    better = [_one_sided(margins[i] - np.asarray(table[i])) for i in known]
    others = np.ones(max(0, comparisons - len(known)))
    first = holm(np.append(worse, others)).tolist()
    second = holm(np.append(np.maximum(worse, better), others)).tolist()
    for place, i in enumerate(known):
        results[i] = (first[place], second[place])
    return results


def _one_sided(d: Floats) -> float:
    from scipy.special import stdtr

    n = len(d)
    if not has_spread(d):
        return 2.0**-n if n >= MIN_FLIPS and d[0] > 0 else 1.0
    return float(stdtr(n - 1, -d.mean() / (d.std(ddof=1) / math.sqrt(n))))


def _of_few(d: Floats, is_ranked: bool) -> tuple[float, str]:
    if is_ranked:
        return float(step_down(d[:, None])[0]), RANKS
    return float(paired_t(d[:, None])[0]), PAIRED_T


def ranked_values(
    row: Mapping[Hashable, float], ranked: Collection[Hashable]
) -> tuple[Floats, bool]:
    """Return the differences, or their signed ranks if a run diverged, and whether they are ranks.

    Args:
        row: the difference of each seed.
        ranked: seeds with a diverged run; seeds that are not in the row have no effect.
    """
    values = np.array(list(row.values()), dtype=np.float64)
    diverged = not np.isfinite(values).all() or any(seed in row for seed in ranked)
    return (signed_ranks(values), True) if diverged else (values, False)

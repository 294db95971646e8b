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

ALPHA = 0.05
"""Two groups differ if the p value, corrected for the number of comparisons, is below this."""

MIN_SEEDS = 5
"""Fewest seeds for a verdict."""

MIN_FLIPS = 8
"""Fewest seeds for sign flips; with seven, no p value is below 0.0156, even for one group."""

EXACT = 14
"""Most seeds for which all sign vectors are enumerated."""

VECTORS = 2 ** (EXACT - 1)
"""Sign vectors for more seeds: all vectors of fourteen seeds, each continued by random signs."""

FLIPS = "max-T sign-flip"
RANK_FLIPS = "max-T signed-rank"
PAIRED_T = "paired t"
RANKS = "exact signed-rank"

_CHUNK = 1 << 20
"""Most flipped t values in memory at once."""
_TIE = 1e-12


@dataclass(frozen=True, slots=True)
class AtLook:
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
        look: the look that decided the comparison, or the last one; None without looks.
    """

    p: float
    test: str
    comparisons: int
    smallest_p: float | None
    look: AtLook | None = None

    @property
    def alpha(self) -> float:
        """Return the level below which ``p`` decides: 0.05, or the level spent up to the look."""
        return ALPHA if self.look is None else self.look.alpha

    @property
    def decides(self) -> bool:
        """Return whether the two groups differ."""
        return self.p < self.alpha


def decide(
    table: Sequence[Mapping[Hashable, float]], ranked: Sequence[Collection[Hashable]] = ()
) -> list[PairedTest | None]:
    """Test all comparisons of a table against no difference; None for fewer than five seeds.

    Comparisons with five to seven seeds and those with more are corrected separately. If a table
    has both kinds, each gets a share of the level in proportion to its number (Bonferroni).

    Args:
        table: for each comparison, the difference of each seed; ``inf`` or ``-inf`` if more runs
            of one group diverged.
        ranked: for each comparison, the seeds with a diverged run; if there are any, signed ranks
            replace the differences. By default, the seeds with an infinite difference.

    Reference:
        Westfall & Young, "Resampling-based multiple testing" (1993); Romano & Wolf, "Exact and
        approximate stepdown methods for multiple hypothesis testing", JASA 100 (2005),
        doi:10.1198/016214504000000539; Holm, Scand. J. Statist. 6 (1979) 65-70
    """
    few = [i for i, seeds in enumerate(table) if MIN_SEEDS <= len(seeds) < MIN_FLIPS]
    many = [i for i, seeds in enumerate(table) if len(seeds) >= MIN_FLIPS]
    total = len(few) + len(many)
    known = ranked or [()] * len(table)
    results: list[PairedTest | None] = [None] * len(table)
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


def step_down(d: Floats, counts: Floats | None = None) -> Floats:
    r"""Return the p values of joint sign flips, corrected by the step-down maximum of $|t|$.

    A sign vector flips the differences of a seed in all groups together. With groups sorted by
    $|t|$,

    $$p_{(j)} = \max_{i \le j} \; \mathrm{share\ of\ sign\ vectors\ with}\;
    \max_{k \ge i} |t^*_{(k)}| \ge |t_{(i)}|, \qquad t = \bar d / (s / \sqrt n)$$

    Args:
        d: differences, ``(..., seeds, groups)``; zero where a group lacks a seed.
        counts: number of seeds of each group; None means all.

    Returns:
        p values, ``(..., groups)``.
    """
    seeds = d.shape[-2]
    n = np.full(d.shape[-1], float(seeds)) if counts is None else counts
    unit = unit_rows(d, n)
    order = np.argsort(t_of_share(np.abs(unit.sum(axis=-1)), n), axis=-1, kind="stable")
    unit, n = np.take_along_axis(unit, order[..., None], axis=-2), n[order]
    unflipped = np.maximum(np.abs(unit.sum(axis=-1)) - _TIE, 0.0)
    # With equal numbers of seeds, |sum d| / norm orders the groups as t does.
    equal = bool((n == n.flat[0]).all())
    bar = unflipped if equal else t_of_share(unflipped, n)
    vectors = sign_vectors(seeds)
    reached = np.zeros(unflipped.shape)
    step = max(1, _CHUNK // max(1, unflipped.size))
    for first in range(0, len(vectors), step):
        t = np.abs(np.matmul(unit, vectors[first : first + step].T))
        t = t if equal else t_of_share(t, n[..., None])
        # From the smallest |t| up: the maximum over the groups that are not yet rejected.
        np.maximum.accumulate(t, axis=-2, out=t)
        reached += np.count_nonzero(t >= bar[..., None], axis=-1)
    p = reached / len(vectors)
    p = np.maximum.accumulate(p[..., ::-1], axis=-1)[..., ::-1]
    corrected = np.empty_like(p)
    np.put_along_axis(corrected, order, p, axis=-1)
    return corrected


def unit_rows(d: Floats, n: Floats) -> Floats:
    """Divide the differences of each group by ``sqrt(n sum d**2)``; ``(..., groups, seeds)``.

    Args:
        d: differences, ``(..., seeds, groups)``.
        n: number of seeds of each group.
    """
    norm = np.sqrt(n * np.square(d).sum(axis=-2))
    return np.swapaxes(d / np.where(norm > 0, norm, 1.0)[..., None, :], -1, -2)


def flipped_maxima(d: Floats) -> Floats:
    """Return the largest |t| over groups for each sign vector; beyond ten seeds, for 512 of them.

    Args:
        d: differences, ``(studies, seeds, groups)``.

    Returns:
        ``(studies, vectors)``.
    """
    n = d.shape[-2]
    unit = d / np.sqrt(n * np.square(d).sum(axis=-2, keepdims=True))
    if n <= 10:
        vectors = sign_vectors(n)
    else:
        drawn = np.random.default_rng(0).integers(0, 2, (511, n))
        vectors = np.concatenate([np.ones((1, n)), 1.0 - 2.0 * drawn])
    largest = np.abs(np.matmul(vectors, unit)).max(axis=-1)
    return t_of_share(largest, np.array(float(n)))


def sign_vectors(seeds: int) -> Floats:
    """Return all sign vectors up to a common sign; beyond fourteen seeds, signs are random.

    `looks` relies on this: vectors of fewer seeds are the beginnings of vectors of more seeds.

    Args:
        seeds: number of seeds.

    Returns:
        ``(vectors, seeds)`` of 1 and -1; the first vector flips nothing.
    """
    known = min(seeds, EXACT)
    bits = np.arange(2 ** (known - 1))[:, None] >> np.arange(known) & 1
    if seeds > known:
        drawn = np.random.default_rng(0).integers(0, 2, (seeds - known, len(bits)))
        drawn[:, 0] = 0
        bits = np.concatenate([bits, drawn.T], axis=1)
    return np.asarray(1.0 - 2.0 * bits)


def smallest_p(seeds: int) -> float:
    """Return the smallest p value that sign flips of this number of seeds can reach."""
    return float(1 / min(2 ** (seeds - 1), VECTORS))


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


def holm(p: Floats) -> Floats:
    """Return p values corrected for their number by Holm's step-down method.

    Args:
        p: p values of a family, ``(..., groups)``.

    Reference:
        Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6
        (1979) 65-70
    """
    order = np.argsort(p, axis=-1, kind="stable")
    steps = np.arange(p.shape[-1], 0, -1)
    scaled = np.minimum(1.0, np.take_along_axis(p, order, axis=-1) * steps)
    corrected = np.empty_like(scaled)
    np.put_along_axis(corrected, order, np.maximum.accumulate(scaled, axis=-1), axis=-1)
    return corrected


def within_margin(
    table: Sequence[Sequence[float]], margins: Sequence[float], comparisons: int = 0
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

    Returns:
        The two p values; None for fewer than five seeds or an infinite difference.

    Reference:
        Schuirmann, "A comparison of the two one-sided tests procedure", J. Pharmacokinet.
        Biopharm. 15 (1987), doi:10.1007/BF01068419
    """
    known = [
        i for i, gain in enumerate(table) if len(gain) >= MIN_SEEDS and np.isfinite(gain).all()
    ]
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


def t_of_share(share: Floats, n: Floats) -> Floats:
    """Return ``|t|`` from ``|sum d| / sqrt(n sum d**2)``, which is in [0, 1] and grows with it."""
    # Equal differences have no spread; the bound keeps their t finite.
    square = np.square(share)
    return np.asarray(np.sqrt((n - 1) * square / np.maximum(1 - square, _TIE)))

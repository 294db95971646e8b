"""The decision rule for studies to which seeds are added after looking at the results.

`paired_tests` decides a table once. Here the same sign flips of whole seeds decide it at each of
several looks. The level of 5 % is spread over the looks, so that all of them together have at most
5 % false verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gatekit.runs.studies.interim_file import InterimAnalyses

from .intervals import Floats
from .multiple_comparisons import sign_vectors, smallest_p, t_of_share, unit_rows
from .paired_tests import (
    ALPHA,
    FLIPS,
    MIN_FLIPS,
    RANK_FLIPS,
    InterimAnalysis,
    PairedTest,
    decide,
    ranked_values,
)

_Q = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""

_TIE = 1e-12


def spent(share: float) -> float:
    r"""Return the level that is spent once a share of the maximum number of seeds was looked at.

    $$\alpha^*(t) = 2 - 2 \Phi(z_{0.975} / \sqrt t)$$

    Args:
        share: number of seeds divided by the maximum, above 0 and at most 1.

    Reference:
        Lan & DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983),
        doi:10.1093/biomet/70.3.659
    """
    from scipy.special import ndtr

    return ALPHA if share >= 1 else float(2 * ndtr(-_Q / math.sqrt(share)))


def is_possible(seeds: int, most: int) -> bool:
    """Return whether a look at this number of seeds can decide anything."""
    return seeds >= MIN_FLIPS and smallest_p(seeds) < spent(seeds / most)


def first_interim(most: int) -> int:
    """Return the fewest seeds at which a look can decide anything.

    Args:
        most: the maximum number of seeds, at least eight.
    """
    return next(n for n in range(MIN_FLIPS, most + 1) if is_possible(n, most))


def next_interim(last: int | None, present: int, most: int, step: int | None = None) -> int | None:
    """Return the number of seeds of the next look; None if the last look had the maximum.

    Args:
        last: number of seeds of the last look; None before the first.
        present: number of seeds that the study has. The first look includes them all, because their
            results may have been seen.
        most: the maximum number of seeds.
        step: seeds from look to look; by default a tenth of ``most``.
    """
    if last is None:
        return max(first_interim(most), present)
    return None if last >= most else min(most, last + (step or max(1, most // 10)))


def decide_interim(
    table: Sequence[Mapping[Hashable, float]],
    interim: Sequence[int],
    most: int,
    ranked: Sequence[Collection[Hashable]] = (),
) -> list[PairedTest | None]:
    r"""Test all comparisons of a table at each look; a decision is final.

    A sign vector flips the differences of a whole seed, at all looks. For a set of groups, let
    $T_k$ be their largest $|t|$ at look $k$. Look $k$ rejects the sign vectors with the largest
    $T_k$ among those that no earlier look rejected, as long as the share of all rejected vectors
    stays below $\alpha^*(t_k)$. The p value of a look is

    $$p_k = \mathrm{share\ of\ sign\ vectors\ that\ an\ earlier\ look\ rejected,\ or\ with}\;
    T^*_k \ge |t_k|$$

    and decides if it is below $\alpha^*(t_k)$. The step-down over groups is the same as without
    looks. If no group differs, the share of tables with a verdict is at most $\alpha^*(t_k)$ at
    each look, whatever the noise; a part of the level that a look cannot use is left for later.

    Args:
        table: for each comparison, the difference of each seed; seeds are numbered from 0.
        interim: number of seeds of each look, in order.
        most: the maximum number of seeds.
        ranked: for each comparison, the seeds with a diverged run, as for `decide`.

    Returns:
        The test at the look that decided, or at the last one; None for groups with fewer than
        eight seeds.

    Reference:
        Lan & DeMets (1983), doi:10.1093/biomet/70.3.659; Westfall & Young, "Resampling-based
        multiple testing" (1993)
    """
    results: list[PairedTest | None] = [None] * len(table)
    known = ranked or [()] * len(table)
    family = sum(len(_first(row, interim[-1])) >= MIN_FLIPS for row in table)
    active = list(range(len(table)))
    for number, seeds in enumerate(interim, start=1):
        tested = [i for i in active if len(_first(table[i], seeds)) >= MIN_FLIPS]
        alpha, last = spent(seeds / most), number == len(interim)
        rows = [(table[i], known[i]) for i in tested]
        parts = [_columns(rows, n) for n in interim[:number]] if rows else []
        for place, p in _stepped(parts, [spent(n / most) for n in interim[:number]], last):
            if p >= alpha and not last:
                continue
            column = parts[-1][0][:, place]
            i = tested[place]
            _, is_ranked = ranked_values(_first(table[i], seeds), known[i])
            name = RANK_FLIPS if is_ranked else FLIPS
            analysis = InterimAnalysis(number, seeds, most, alpha, int(np.sign(column.sum())))
            results[i] = PairedTest(p, name, family, smallest_p(seeds), analysis)
            if p < alpha:
                active.remove(i)
    return results


def decide_table(
    table: Sequence[Mapping[Hashable, float]],
    interim: InterimAnalyses | None,
    ranked: Sequence[Collection[Hashable]] = (),
    *,
    awaited: int,
) -> list[PairedTest | None]:
    """Test all comparisons of a table, with looks if the study has any.

    Args:
        table: for each comparison, the difference of each seed.
        interim: the looks, if there are any; they compare no incomplete tables.
        ranked: for each comparison, the seeds with a diverged run, as for `decide`.
        awaited: number of planned comparisons that cannot be tested yet, as for `decide`.
    """
    if interim is None:
        return decide(table, ranked, awaited)
    return decide_interim(table, interim.seeds, interim.most, ranked)


def sequential(maxima: Sequence[Floats], alphas: Sequence[float]) -> Floats:
    """Return the p value of the last look from the largest statistic of each sign vector.

    Args:
        maxima: for each look, ``(..., vectors)``; the first vector flips nothing.
        alphas: for each look, the level that is spent.

    Returns:
        p values, ``(...)``.
    """
    rejected = np.zeros(maxima[0].shape, dtype=bool)
    for t, alpha in zip(maxima[:-1], alphas[:-1], strict=True):
        rejected |= beyond(t, rejected, alpha)
    t = maxima[-1]
    return np.asarray((rejected | (t >= t[..., :1] - _TIE)).mean(axis=-1))


def beyond(t: Floats, rejected: NDArray[np.bool_], alpha: float) -> NDArray[np.bool_]:
    """Return the sign vectors that a look rejects in addition to those rejected before.

    Args:
        t: the largest statistic of each sign vector, ``(..., vectors)``, not negative.
        rejected: the vectors that earlier looks rejected.
        alpha: the level that is spent.
    """
    vectors = t.shape[-1]
    most = math.ceil(alpha * vectors) - 1
    room = most - rejected.sum(axis=-1, keepdims=True)
    left = np.where(rejected, -1.0, t)
    top = np.sort(np.partition(left, vectors - 1 - most, axis=-1)[..., vectors - 1 - most :])
    # Equal statistics are rejected together or not at all.
    return np.asarray(left > np.take_along_axis(top, most - room, axis=-1) + _TIE)


def flipped(d: Floats, vectors: Floats, counts: Floats | None = None) -> Floats:
    """Return a statistic that grows with |t|, for each group and sign vector.

    Args:
        d: differences, ``(..., seeds, groups)``; zero where a group lacks a seed.
        vectors: sign vectors of at least as many seeds, ``(vectors, seeds)``.
        counts: number of seeds of each group, if they are not equal.

    Returns:
        ``(..., groups, vectors)``.
    """
    n = np.array(float(d.shape[-2])) if counts is None else counts
    share = np.abs(np.matmul(unit_rows(d, n), vectors[:, : d.shape[-2]].T))
    # With equal numbers of seeds, |sum d| / norm orders the groups as t does.
    return share if counts is None else t_of_share(share.round(12), n[..., None])


def _stepped(
    parts: Sequence[tuple[Floats, Floats]], alphas: Sequence[float], whole: bool
) -> list[tuple[int, float]]:
    """Return the column and p value of each group, in descending order of |t| at the last look.

    Unless ``whole``, stop after the first group that is not decided.
    """
    if not parts:
        return []
    vectors = sign_vectors(len(parts[-1][0]))
    equal = all((counts == len(d)).all() for d, counts in parts)
    t = [flipped(d, vectors, None if equal else counts) for d, counts in parts]
    order = np.argsort(-t[-1][:, 0], kind="stable")
    # The maximum over the groups that are not yet rejected.
    maxima = [np.maximum.accumulate(each[order[::-1]], axis=0)[::-1] for each in t]
    steps, p = [], 0.0
    for place, column in enumerate(order.tolist()):
        p = max(p, float(sequential([each[place] for each in maxima], alphas)))
        steps.append((column, p))
        if p >= alphas[-1] and not whole:
            break
    return steps


def _columns(
    rows: Sequence[tuple[Mapping[Hashable, float], Collection[Hashable]]], seeds: int
) -> tuple[Floats, Floats]:
    """Return the differences of the first seeds, ``seeds x groups``, and how many each group has.

    The differences of a group with fewer than eight seeds are zeros, with which it rejects nothing.
    """
    d, counts = np.zeros((seeds, len(rows))), np.zeros(len(rows))
    for column, (row, ranked) in enumerate(rows):
        first = _first(row, seeds)
        counts[column] = len(first)
        if len(first) >= MIN_FLIPS:
            places = np.array(list(first), dtype=int)
            d[places, column], _ = ranked_values(first, ranked)
    return d, counts


def _first(row: Mapping[Hashable, float], seeds: int) -> dict[Hashable, float]:
    """Return the differences of the first seeds, which are numbered from 0."""
    return {s: value for s, value in row.items() if isinstance(s, int) and 0 <= s < seeds}

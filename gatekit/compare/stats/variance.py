"""Shares of variance: exact over a full grid of keys, otherwise from a random forest."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .intervals import Floats


@dataclass(frozen=True, slots=True)
class Share:
    """One part of the variance of all runs.

    Attributes:
        keys: the keys that have this effect: one, or two for their interaction; empty for other
            parts.
        name: the part in words.
        share: its share of the variance, from 0 to 1; all parts sum to 1.
        by_chance: the average share if there were no effect, from the spread of seeds alone; None
            for the seeds themselves, and with one seed per group.
    """

    keys: tuple[str, ...]
    name: str
    share: float
    by_chance: float | None


def variance_shares(table: Floats, keys: Sequence[str], paired: bool) -> list[Share]:
    r"""Return the variance shares of a full grid with seeds as the last axis.

    With group means $m$ over the grid and equal weights, the effect of the keys $u$ at their levels
    is $f_u = \overline{m} \big|_u - \sum_{v \subset u} f_v$, its variance is the mean of $f_u^2$,
    and the variances of all subsets sum to that of the group means (functional ANOVA, exact for a
    grid). The rest is the mean variance within groups. If all groups have the same seeds, the
    effect of the seed is separated from it.

    Args:
        table: finite outcomes, ``levels of the first key x ... x seeds``.
        keys: a name for each axis but the last.
        paired: whether all groups have the same seeds, in the same order.

    Returns:
        Main effects, pairwise interactions, higher interactions if there are three or more keys,
        seeds if paired, and the rest; none if all outcomes are equal.

    Reference:
        Hutter et al., "An efficient approach for assessing hyperparameter importance", ICML (2014);
        Sobol', Math. Comput. Simul. 55 (2001), doi:10.1016/S0378-4754(00)00270-6
    """
    n, axes = table.shape[-1], range(len(keys))
    total = float(table.var())
    if total <= 0:
        return []
    means = table.mean(axis=-1)
    within = float(table.var(axis=-1).mean())
    seed = float(table.mean(axis=tuple(axes)).var()) if paired else 0.0
    noise = (within - seed) / (n - 1) if n > 1 else None
    if noise is not None and paired:
        # Without the effect of the seed, the spread has (G - 1) (n - 1) degrees of freedom.
        noise *= means.size / max(1, means.size - 1)
    effects: dict[tuple[int, ...], Floats] = {(): np.full(means.shape, means.mean())}
    shares: list[Share] = []
    for size in (1, 2):
        for u in itertools.combinations(axes, size):
            rest = tuple(axis for axis in axes if axis not in u)
            effect = np.broadcast_to(means.mean(axis=rest, keepdims=True), means.shape)
            effect = effect - sum(f for v, f in effects.items() if set(v) < set(u))
            effects[u] = effect
            freedom = math.prod(means.shape[axis] - 1 for axis in u)
            names = tuple(keys[axis] for axis in u)
            variance = float(np.square(effect).mean())
            shares.append(_share(names, " x ".join(names), variance, total, noise, freedom, means))
    explained = sum(one.share for one in shares)
    if len(keys) > 2:
        freedom = means.size - 1 - sum(_freedom(one, keys, means) for one in shares)
        higher = float(means.var()) - explained * total
        shares.append(_share((), "higher interactions", higher, total, noise, freedom, means))
    if paired and n > 1:
        shares.append(Share((), "seed, the same for all groups", seed / total, None))
    if n > 1:
        name = "rest: seed by group" if paired else "rest: seed"
        shares.append(Share((), name, (within - seed) / total, None))
    return shares


def _share(
    keys: tuple[str, ...],
    name: str,
    variance: float,
    total: float,
    noise: float | None,
    freedom: int,
    means: Floats,
) -> Share:
    by_chance = None if noise is None else freedom / means.size * noise / total
    return Share(keys, name, max(0.0, variance) / total, by_chance)


def _freedom(one: Share, keys: Sequence[str], means: Floats) -> int:
    return math.prod(means.shape[list(keys).index(key)] - 1 for key in one.keys)


TREES = 100
MIN_GROUPS = 20
"""Fewest groups for a forest, which must also predict groups that it has not seen."""

_LEAVES = 40
"""A leaf holds at least one group in 40, so that noise does not look like interactions."""

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of a regression tree: its value, and which levels of each key lead to it."""

    value: float
    levels: tuple[Mask, ...]


def forest_shares(
    outcomes: Floats, codes: Codes, ordered: Sequence[bool], keys: Sequence[str]
) -> tuple[list[Share], float]:
    r"""Return the variance shares of keys over groups that are not a full grid, and $R^2$.

    Regression trees are fitted to bootstrap samples of the groups. A tree is constant on boxes, so
    its functional ANOVA is exact: with the levels of each key weighted by how often they occur, the
    mean given the levels of the keys $u$ is
    $a_u = \sum_{\text{leaves}} v \prod_{k \notin u} p_k$, where $p_k$ is the weight of the
    levels of $k$ in the leaf, and the effect is $f_u = a_u - \sum_{v \subset u} f_v$. The shares of
    the trees' variance are multiplied by $R^2$ on the groups that each tree has not seen, so that
    they are shares of the variance of the groups.

    Keys are assumed to be independent. If two of them were chosen together, their effects mix.

    Args:
        outcomes: the finite outcome of each group.
        codes: the level of each key, ``groups x keys``, as numbers from 0.
        ordered: for each key whether its levels are ordered, so that a split is a threshold.
        keys: the names of the keys.

    Returns:
        Main effects, interactions of two keys, higher interactions if there are three or more keys,
        and the part that the forest does not predict; and $R^2$, at least 0. There are no shares if
        all outcomes are equal.

    Reference:
        Hutter et al., "An efficient approach for assessing hyperparameter importance", ICML (2014);
        Breiman, Machine Learning 45 (2001), doi:10.1023/A:1010933404324
    """
    total = float(outcomes.var())
    if total <= 0:
        return [], 0.0
    rng = np.random.default_rng(0)
    count = len(outcomes)
    weights = [np.bincount(column) / count for column in codes.T]
    sums, votes = np.zeros(count), np.zeros(count)
    parts: dict[tuple[int, ...], float] = {}
    fewest = max(2, count // _LEAVES)
    for _ in range(TREES):
        bag = rng.integers(0, count, count)
        leaves = grow(outcomes[bag], codes[bag], ordered, [len(w) for w in weights], fewest)
        for u, variance in effects(leaves, weights).items():
            parts[u] = parts.get(u, 0.0) + variance
        unseen = np.setdiff1d(np.arange(count), bag)
        sums[unseen] += predict(leaves, codes[unseen])
        votes[unseen] += 1
    known = votes > 0
    errors = outcomes[known] - sums[known] / votes[known]
    spread = float(np.square(outcomes[known] - outcomes[known].mean()).sum())
    explained = max(0.0, 1 - float(np.square(errors).sum()) / spread) if spread > 0 else 0.0
    whole = parts.pop(()) or 1.0
    shares = [
        Share(
            tuple(keys[k] for k in u),
            " x ".join(keys[k] for k in u),
            explained * variance / whole,
            None,
        )
        for u, variance in parts.items()
    ]
    if len(keys) > 2:
        higher = max(0.0, explained - sum(share.share for share in shares))
        shares.append(Share((), "higher interactions", higher, None))
    shares.append(Share((), "rest: not predicted, or seeds", 1 - explained, None))
    return shares, explained


def grow(
    outcomes: Floats, codes: Codes, ordered: Sequence[bool], sizes: Sequence[int], fewest: int
) -> list[Leaf]:
    """Return a regression tree that minimises the squared error, split by split.

    A split is a threshold of an ordered key, or one level of another key against the rest.

    Args:
        outcomes: the outcome of each group.
        codes: ``groups x keys``.
        ordered: whether the levels of each key are ordered.
        sizes: the number of levels of each key.
        fewest: the fewest groups of a leaf.
    """
    leaves = []
    open_ = [(np.arange(len(outcomes)), tuple(np.ones(size, dtype=bool) for size in sizes))]
    while open_:
        here, levels = open_.pop()
        best: tuple[float, int, Mask] | None = None
        values = outcomes[here]
        flat = np.square(values.sum()) / len(here)
        for key, size in enumerate(sizes):
            levels_here = codes[here, key]
            left = np.bincount(levels_here, minlength=size).astype(float)
            sums = np.bincount(levels_here, weights=values, minlength=size)
            if ordered[key]:
                left, sums = left.cumsum(), sums.cumsum()
            right = len(here) - left
            allowed = (left >= fewest) & (right >= fewest)
            if not allowed.any():
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                gains = np.square(sums) / left + np.square(values.sum() - sums) / right
            gains = np.where(allowed, gains - flat, -np.inf)
            at = int(gains.argmax())
            if gains[at] > (best[0] if best else 1e-12 * (1 + flat)):
                places = np.arange(size)
                best = (float(gains[at]), key, places <= at if ordered[key] else places == at)
        if best is None:
            leaves.append(Leaf(float(values.mean()), levels))
            continue
        _, key, chosen = best
        inside = chosen[codes[here, key]]
        for rows, mask in ((here[inside], chosen), (here[~inside], ~chosen)):
            parts = list(levels)
            parts[key] = levels[key] & mask
            open_.append((rows, tuple(parts)))
    return leaves


def predict(leaves: Sequence[Leaf], codes: Codes) -> Floats:
    """Return the predicted value of each group, ``groups``."""
    predicted = np.zeros(len(codes))
    for leaf in leaves:
        inside = np.ones(len(codes), dtype=bool)
        for column, levels in zip(codes.T, leaf.levels, strict=True):
            inside &= levels[column]
        predicted[inside] = leaf.value
    return predicted


def effects(leaves: Sequence[Leaf], weights: Sequence[Floats]) -> dict[tuple[int, ...], float]:
    """Return the variance of each main effect and interaction of two, and of the tree at ``()``.

    Args:
        leaves: the tree.
        weights: for each key, the weights of its levels, which sum to 1.
    """
    axes = range(len(weights))
    values = np.array([leaf.value for leaf in leaves])
    masks = [np.array([leaf.levels[k] for leaf in leaves], dtype=float) for k in axes]
    shares = [mask @ weight for mask, weight in zip(masks, weights, strict=True)]

    def times(*left_out: int) -> Floats:
        others = [shares[k] for k in axes if k not in left_out]
        return np.asarray(values * np.prod(others, axis=0)) if others else values

    everywhere = np.prod(shares, axis=0)
    mean = float(values @ everywhere)
    variances: dict[tuple[int, ...], float] = {(): float(np.square(values - mean) @ everywhere)}
    single = {k: times(k) @ masks[k] - mean for k in axes}
    for k in axes:
        variances[(k,)] = float(np.square(single[k]) @ weights[k])
    for i, j in itertools.combinations(axes, 2):
        both = (times(i, j)[:, None] * masks[i]).T @ masks[j]
        both = both - mean - single[i][:, None] - single[j][None, :]
        variances[i, j] = float(weights[i] @ np.square(both) @ weights[j])
    return variances

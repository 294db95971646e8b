"""Shares of variance, exact over a full grid of keys."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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

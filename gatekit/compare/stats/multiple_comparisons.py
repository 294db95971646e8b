"""p values of many comparisons with one baseline, corrected for their number.

If nothing differs, a table whose p values are corrected has a false verdict in at most 5 % of
cases. `holm` corrects the p values of any tests. `step_down` flips the signs of whole seeds in all
groups together, and thereby takes into account how the groups are correlated.
"""

from __future__ import annotations

import numpy as np

from .intervals import Floats

EXACT = 14
"""Most seeds for which all sign vectors are enumerated."""

VECTORS = 2 ** (EXACT - 1)
"""Sign vectors for more seeds: all vectors of fourteen seeds, each continued by random signs."""

_CHUNK = 1 << 20
"""Most flipped t values in memory at once."""
_TIE = 1e-12


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


def t_of_share(share: Floats, n: Floats) -> Floats:
    """Return ``|t|`` from ``|sum d| / sqrt(n sum d**2)``, a share in [0, 1] that grows with |t|."""
    # Equal differences have no spread; the bound keeps their t finite.
    square = np.square(share)
    return np.asarray(np.sqrt((n - 1) * square / np.maximum(1 - square, _TIE)))


def sign_vectors(seeds: int) -> Floats:
    """Return all sign vectors up to a common sign; signs after the fourteenth seed are random.

    `interim_tests` relies on this: vectors of fewer seeds begin those of more seeds.

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


def flipped_maxima(d: Floats) -> Floats:
    """Return the largest |t| over groups for each sign vector; for 512 if there are over ten seeds.

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

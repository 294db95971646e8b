"""Laws that the initial values of weights follow, each checked on drawn values.

A law knows nothing of gatekit's initializers: it looks at numbers, as the equations read them
(after a parameter's map). Random laws are compared by their distribution function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from scipy import stats

from .functions import Array

# Kolmogorov and Smirnov: a draw from the law itself is this far from it once in 300,000 times.
FARTHEST = 2.5


@dataclass(frozen=True)
class Law:
    """What a weight starts at.

    Args:
        text: the law in words, as the cell's page shows it.
        wrong: given draws, ``draws x shape``, and the cell's units, returns what is wrong, or an
            empty string.
        source: the work, the code or the convention that the law comes from.
        trained: whether the weight is trained.
        of: for the negative of another weight, that weight's name.
    """

    text: str
    wrong: Callable[[Array, int], str]
    source: str = "gatekit"
    trained: bool = True
    of: str = ""

    def by(self, source: str) -> Law:
        """The same law with its source."""
        return replace(self, source=source)

    def fixed(self) -> Law:
        """The same law for a weight that is not trained."""
        return replace(self, trained=False)


def constant(value: float) -> Law:
    """One number everywhere."""

    def wrong(draws: Array, units: int) -> str:
        close = np.allclose(draws, value, rtol=1e-12, atol=1e-12)
        return "" if close else f"{value} is expected, found {np.unique(draws)[:4]}"

    return Law(f"{value:g}", wrong)


def array(text: str, expected: Callable[[tuple[int, ...], int], Array]) -> Law:
    """Fixed numbers, a function of the weight's shape and of the units."""

    def wrong(draws: Array, units: int) -> str:
        values = np.broadcast_to(expected(draws.shape[1:], units), draws.shape)
        close = np.allclose(draws, values, rtol=1e-12, atol=1e-12)
        return "" if close else f"{text} is expected, found {draws[0].ravel()[:6]}"

    return Law(text, wrong)


def distributed(text: str, cdf: Callable[[Array], Array]) -> Law:
    """Independent draws with a distribution function."""
    return _sized(text, lambda shape, units: cdf)


def uniform(low: float, high: float) -> Law:
    """U[low, high]."""
    return distributed(f"U[{low:g}, {high:g}]", stats.uniform(low, high - low).cdf)


def normal(stddev: float, mean: float = 0.0) -> Law:
    """N(mean, stddev^2)."""
    return distributed(f"N({mean:g}, {stddev:g}^2)", stats.norm(mean, stddev).cdf)


def log_uniform(low: float, high: float) -> Law:
    """Uniform in logarithms from low to high."""
    return distributed(
        f"uniform in logarithms from {low:g} to {high:g}", stats.loguniform(low, high).cdf
    )


def through(function: Callable[[Array], Array], text: str, law: Law) -> Law:
    """A law for a function of the value."""
    return Law(text, lambda draws, units: law.wrong(function(draws), units))


def glorot() -> Law:
    """U[-a, a] with a = sqrt(6 / (rows + columns))."""

    def cdf(shape: tuple[int, ...], units: int) -> Callable[[Array], Array]:
        bound = sqrt(6.0 / (shape[-2] + shape[-1]))
        return stats.uniform(-bound, 2 * bound).cdf  # type: ignore[no-any-return]

    return _sized("Glorot uniform", cdf)


def one_over_root_units() -> Law:
    """N(0, 1 / n) for a vector of n: as large as one weight of a dense row."""
    return _sized("N(0, 1/n)", lambda shape, units: stats.norm(0.0, shape[-1] ** -0.5).cdf)


def uniform_gate() -> Law:
    """A bias whose sigmoid is U[1/n, 1 - 1/n], n units."""

    def wrong(draws: Array, units: int) -> str:
        return uniform(1 / units, 1 - 1 / units).wrong(1 / (1 + np.exp(-draws)), units)

    return Law("its sigmoid is U[1/n, 1 - 1/n]", wrong)


def orthogonal(gain: float = 1.0) -> Law:
    """An orthogonal matrix (each block of a stack) times gain."""

    def wrong(draws: Array, units: int) -> str:
        small = min(draws.shape[-2:])
        tall = np.swapaxes(draws, -1, -2) if draws.shape[-2] < draws.shape[-1] else draws
        found = np.swapaxes(tall, -1, -2) @ tall
        if not np.allclose(found, gain**2 * np.eye(small), atol=1e-10):
            return "its rows or columns are not orthonormal"
        return "" if small == 1 or np.std(draws[..., 0, 0]) > 0.05 * gain else "it is not random"

    return Law("orthogonal" + ("" if gain == 1 else f" times {gain:g}"), wrong)


def identity() -> Law:
    """The identity matrix."""
    return array("the identity", lambda shape, units: np.eye(*shape[-2:]))


def signs(share: float) -> Law:
    """-1 with a probability, else 1."""

    def wrong(draws: Array, units: int) -> str:
        found = np.mean(draws < 0)
        near = abs(found - share) < 5 * sqrt(share * (1 - share) / draws.size)
        if not np.all(np.abs(draws) == 1) or not near:
            return f"-1 and 1 are expected, {share:.2f} of them negative, found {found:.2f}"
        return ""

    return Law(f"-1 and 1, {share:.2f} of them negative", wrong)


def reservoir(radius: float, density: float) -> Law:
    """A sparse matrix with a spectral radius."""

    def wrong(draws: Array, units: int) -> str:
        largest = np.abs(np.linalg.eigvals(draws)).max(axis=-1)
        nilpotent = largest < 1e-9  # a small sparse matrix may have no eigenvalue but zero
        if not np.allclose(largest[~nilpotent], radius):
            return f"a spectral radius of {radius} is expected, found {largest[:3]}"
        filled = np.mean(draws[~nilpotent] != 0)
        return "" if abs(filled - density) < 0.1 else f"{filled:.2f} of its entries are not zero"

    return Law(f"sparse ({density:g}), spectral radius {radius:g}", wrong)


def negative(of: str) -> Law:
    """Minus the initial values of another weight; the test compares the two."""
    return replace(Law(f"minus {of}", lambda draws, units: ""), of=of)


def _sized(text: str, cdf_of: Callable[[tuple[int, ...], int], Callable[[Array], Array]]) -> Law:
    def wrong(draws: Array, units: int) -> str:
        cdf = cdf_of(draws.shape[1:], units)
        values = np.sort(draws, axis=None)
        steps = np.arange(values.size + 1) / values.size
        at = cdf(values)
        distance = max(np.max(steps[1:] - at), np.max(at - steps[:-1]))
        far = distance * sqrt(values.size) > FARTHEST
        outside = np.min(at) == 0.0 or (np.max(at) == 1.0 and not np.isinf(values[-1]))
        if far or outside or len(np.unique(values[:50])) < 2:
            return f"{text} is expected, found {values[0]:.4g} to {values[-1]:.4g}"
        return ""

    return Law(text, wrong)

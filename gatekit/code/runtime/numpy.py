"""Functions of generated files for NumPy."""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import cont2discrete


def legendre(order: int, theta: float, which: str) -> np.ndarray:
    """Return a matrix of the delay system, discretised by a zero-order hold."""
    i, j = np.ogrid[:order, :order]
    a = np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) * (2 * i + 1)
    b = (-1.0) ** i * (2 * i + 1)
    system = (a / theta, b / theta, np.eye(order), np.zeros((order, 1)))
    memory, entry, *_ = cont2discrete(system, dt=1.0, method="zoh")
    return (memory if which == "memory" else entry).T


def hippo(size: int) -> np.ndarray:
    """Return the positive imaginary parts of the eigenvalues of HiPPO-LegS, in rising order."""
    root = np.sqrt(2.0 * np.arange(2 * size) + 1.0)
    lower = np.tril(np.outer(root, root) / 2.0, -1)
    return np.linalg.eigvalsh(1j * (lower - lower.T))[size:]


def reservoir(
    rng: np.random.Generator, size: int, radius: float, density: float
) -> np.ndarray:
    matrix = rng.normal(size=(size, size)) * (rng.uniform(size=(size, size)) < density)
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    return matrix * (radius / largest if largest > 0 else 0.0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -x))


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0.0, -x)


def elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


def selu(x: np.ndarray) -> np.ndarray:
    negative = 1.6732632423543772 * np.expm1(np.minimum(x, 0.0))
    return 1.0507009873554805 * np.where(x > 0, x, negative)


def silu(x: np.ndarray) -> np.ndarray:
    return x * sigmoid(x)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (0.5 + 0.5 * np.vectorize(math.erf)(x / math.sqrt(2)))


def softsign(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.abs(x))


def glorot(rng: np.random.Generator, *shape: int) -> np.ndarray:
    limit = np.sqrt(6 / (shape[-2] + shape[-1]))
    return rng.uniform(-limit, limit, shape)


def orthogonal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    *blocks, m, n = shape
    q, r = np.linalg.qr(rng.normal(size=(*blocks, max(m, n), min(m, n))))
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    return q if m >= n else np.swapaxes(q, -1, -2)


def valid_first(mask: np.ndarray) -> np.ndarray:
    """Return the places of the valid steps in order, then those of the others."""
    return np.argsort(~mask, axis=1, kind="stable")

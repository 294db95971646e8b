"""Functions of generated files that compute initial values with NumPy."""

from __future__ import annotations

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

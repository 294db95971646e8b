"""Linear maps whose matrix has a structure: what it is, and what the maps refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from gatekit.registry import catalogue


def _matrix(kind: str, w: np.ndarray, **options: Any) -> Any:
    return catalogue().linear_maps[kind](**options).matrix({"": w})


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 10.0])
def test_an_orthogonal_map_is_the_exponential_of_its_skew_part(scale: float) -> None:
    w = scale * np.random.default_rng(0).normal(size=(7, 7))
    matrix = _matrix("orthogonal", w)
    np.testing.assert_allclose(matrix, expm(w - w.T), rtol=0, atol=1e-10)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(7), rtol=0, atol=1e-10)


def test_a_lipschitz_map_lies_between_symmetric_and_skew() -> None:
    w = np.random.default_rng(0).normal(size=(5, 5))
    skew = _matrix("lipschitz", w, beta=1.0, gamma=0.0)
    symmetric = _matrix("lipschitz", w, beta=0.0, gamma=0.0)
    np.testing.assert_array_equal(skew, -skew.T)
    np.testing.assert_array_equal(symmetric, symmetric.T)
    between = _matrix("lipschitz", w, beta=0.75, gamma=0.1)
    expected = 0.25 * symmetric + 0.75 * skew - 0.1 * np.eye(5)
    np.testing.assert_allclose(between, expected, rtol=0, atol=1e-14)

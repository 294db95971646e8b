"""The shared functions: right far from zero, and analytic where a complex step goes through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from . import functions
from .functions import Array

WIDE = np.array([-800.0, -40.0, -1.5, 0.0, 1e-3, 2.0, 40.0, 800.0])


@pytest.mark.parametrize(
    ("function", "expected", "derivative"),
    [
        (functions.sigmoid, special.expit, lambda a: special.expit(a) * special.expit(-a)),
        (functions.softplus, lambda a: np.logaddexp(0, a), special.expit),
        (functions.log_sigmoid, special.log_expit, lambda a: special.expit(-a)),
    ],
)
def test_values_and_derivatives_over_the_whole_range(
    function: Callable[[Array], Array],
    expected: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
) -> None:
    np.testing.assert_allclose(function(WIDE), expected(WIDE), rtol=1e-15, atol=1e-15)
    stepped = function(WIDE + 1e-30j)
    np.testing.assert_allclose(stepped.imag / 1e-30, derivative(WIDE), rtol=1e-14, atol=1e-300)


def test_the_maximum_looks_at_the_real_part_only() -> None:
    a, b = np.array([1 + 0j, 1 + 0j, 2 + 0j]), np.array([1 + 9j, 2 + 0j, 1 + 9j])
    np.testing.assert_array_equal(functions.maximum(a, b), [1.0, 2.0, 2.0])


def test_cumax_rises_to_one() -> None:
    a = np.array([[3.0, -1.0, 700.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(functions.softmax(a), special.softmax(a, axis=-1), atol=1e-15)
    np.testing.assert_allclose(
        functions.cumax(a), [[0.0, 0.0, 1.0], [1 / 3, 2 / 3, 1.0]], atol=1e-15
    )

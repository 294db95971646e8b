"""The power law forget bias: its law, its special cases, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import kstest
from seams import DrawContext

from gatekit.registry import catalogue


def _scales(**options: float) -> np.ndarray:
    initializer = catalogue().initializers["power_law"](**options)
    biases = initializer.draw(np.random.default_rng(0), (2000,), DrawContext(8, 8, 3))
    return -1.0 / np.log(expit(biases))


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0, 3.5])
def test_time_scales_follow_the_law(exponent: float) -> None:
    def share_below(t: np.ndarray) -> np.ndarray:
        rest = 1.0 - exponent
        if rest == 0:
            return np.log(t) / np.log(50.0)
        return (t**rest - 1.0) / (50.0**rest - 1.0)

    scales = _scales(t_max=50.0, exponent=exponent)
    assert 1.0 <= scales.min() < scales.max() <= 50.0
    assert kstest(scales, share_below).pvalue > 0.01

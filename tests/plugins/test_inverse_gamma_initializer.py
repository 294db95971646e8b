"""The inverse gamma forget bias: its law, what it means for the gate, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import invgamma, kstest
from seams import DrawContext

from gatekit import RNN
from gatekit.registry import catalogue

CONTEXT = DrawContext(gate_units=8, units=8, features=3)


def _drawn(size: int = 2000, **options: float) -> np.ndarray:
    initializer = catalogue().initializers["inverse_gamma"](**options)
    return initializer.draw(np.random.default_rng(0), (size,), CONTEXT)


@pytest.mark.parametrize(("alpha", "scale"), [(0.56, 1.0), (2.0, 10.0)])
def test_time_scales_follow_the_law(alpha: float, scale: float) -> None:
    scales = -1.0 / np.log(expit(_drawn(alpha=alpha, scale=scale)))
    assert kstest(scales, invgamma(alpha, scale=scale).cdf).pvalue > 0.01


def test_very_long_and_very_short_time_scales_are_finite() -> None:
    assert np.all(np.isfinite(_drawn(5000, alpha=0.01)))
    assert np.all(np.isfinite(_drawn(5000, scale=1e-6)))


def test_the_input_bias_of_the_cell_is_the_negative_of_its_forget_bias() -> None:
    layer = RNN("inverse_gamma_lstm", 16, seed=1)
    layer.build((None, None, 3))
    weights = {name: np.asarray(v) for name, v in layer.named_weights.items()}
    np.testing.assert_array_equal(weights["input.bias"], -weights["forget.bias"])
    assert np.std(weights["forget.bias"]) > 0

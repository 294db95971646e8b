"""How fast and how far the units of a linear recurrence turn at first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest
from seams import DrawContext

from gatekit import RNN
from gatekit.registry import catalogue

CONTEXT = DrawContext(gate_units=8, units=8, features=3)


def _drawn(kind: str, size: int = 4000, **options: Any) -> Any:
    initializer = catalogue().initializers[kind](**options)
    return initializer.draw(np.random.default_rng(0), (size,), CONTEXT)


@pytest.mark.parametrize(
    ("through", "rate"), [("exp", np.exp), ("softplus", lambda raw: np.logaddexp(0, raw))]
)
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.9, 0.999)])
def test_factors_are_spread_evenly_over_the_ring(
    low: float, high: float, through: str, rate: Any
) -> None:
    radius = np.exp(-rate(_drawn("ring", low=low, high=high, through=through)))
    assert np.all((radius >= low) & (radius <= high))
    area = (radius**2 - low**2) / (high**2 - low**2)
    assert kstest(area, "uniform").pvalue > 0.01


def test_angles_are_uniform() -> None:
    assert kstest(np.exp(_drawn("log_uniform", high=6.28)) / 6.28, "uniform").pvalue > 0.01


def test_a_third_of_the_synapses_inhibits() -> None:
    drawn = _drawn("polarity", 9000)
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    assert np.mean(drawn < 0) == pytest.approx(1 / 3, abs=0.02)


def test_a_fresh_rg_lru_forgets_as_its_authors_say() -> None:
    layer = RNN("rg_lru", 500, seed=1)
    layer.build((None, None, 2))
    radius = np.exp(-np.logaddexp(0, np.asarray(layer.named_weights["decay"])))
    assert 0.9 <= radius.min() < 0.91
    assert 0.998 < radius.max() <= 0.999

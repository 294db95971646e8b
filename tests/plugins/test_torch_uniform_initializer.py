"""The initial values of PyTorch's recurrent layers depend on the layer's units alone."""

import numpy as np
import pytest
from seams import DrawContext

from gatekit.registry import catalogue


@pytest.mark.parametrize("shape", [(4000,), (50, 80)])
def test_draws_fill_the_interval_of_the_units(shape):
    context = DrawContext(gate_units=7, units=16, features=3)
    initializer = catalogue().initializers["torch_uniform"]()
    drawn = initializer.draw(np.random.default_rng(0), shape, context)
    assert drawn.shape == shape
    assert np.abs(drawn).max() == pytest.approx(0.25, rel=1e-2)
    assert np.abs(drawn).max() <= 0.25
    assert np.quantile(drawn, [0.25, 0.5, 0.75]) == pytest.approx([-0.125, 0, 0.125], abs=0.01)

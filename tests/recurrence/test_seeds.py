"""A layer draws its weights from its seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refused import at

from gatekit import RNN, ConfigError

from .layers import FEATURES


def _weights(**options: Any) -> dict[str, Any]:
    layer = RNN("lstm", 4, **options)
    layer.build((None, None, FEATURES))
    return {name: np.asarray(variable) for name, variable in layer.named_weights.items()}


def test_one_seed_draws_the_same_weights() -> None:
    for other in (_weights(seed=2), _weights(seed=np.int64(2))):
        for name, value in _weights(seed=2).items():
            np.testing.assert_array_equal(other[name], value)


def test_other_seeds_and_no_seed_draw_other_weights() -> None:
    drawn = [_weights(seed=2), _weights(seed=3), _weights(), _weights()]
    assert len({weights["forget.x"].tobytes() for weights in drawn}) == len(drawn)


@pytest.mark.parametrize("seed", [-1, True, 1.5, "1"])
def test_a_seed_is_an_integer_from_zero(seed: Any) -> None:
    with pytest.raises(ConfigError, check=at("seed")):
        RNN("lstm", 4, seed=seed)

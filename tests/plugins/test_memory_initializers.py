"""Initial values of matrix memories: ranges, and shapes that are refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from seams import DrawContext

from gatekit import GatekitError
from gatekit.registry import catalogue

CONTEXT = DrawContext(6, 6, 3)


def draw(name: str, shape: tuple[int, ...], **options: Any) -> np.ndarray[Any, Any]:
    """Return an initializer's draw."""
    made = catalogue().initializers[name](**options)
    return np.asarray(made.draw(np.random.default_rng(0), shape, CONTEXT))


def test_retention() -> None:
    assert draw("retention", (3,)).tolist() == [1 - 1 / 32, 1 - 1 / 64, 1 - 1 / 128]


def test_rotary() -> None:
    np.testing.assert_allclose(draw("rotary", (3,)), [1.0, 1e-2, 1e-4])
    assert draw("rotary", (1,)).tolist() == [1.0]


def test_s4d_real() -> None:
    assert draw("s4d_real", (12,)).tolist() == [0.0, math.log(2)] * 6
    with pytest.raises(GatekitError, match="6 units, and 13 numbers"):
        draw("s4d_real", (13,))


def test_time_step() -> None:
    step = np.log1p(np.exp(draw("time_step", (1000,), low=0.01, high=0.5)))
    assert 0.01 <= step.min() < 0.011
    assert 0.45 < step.max() <= 0.5
    with pytest.raises(GatekitError, match=r"0 < low=0\.0 <= high=0\.1 should hold"):
        draw("time_step", (1,), low=0.0)

"""Weighted sums of what a layer returns, and how far two results are from one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf


def loss(values: Mapping[str, Any]) -> Any:
    """Return a weighted sum of all numbers, weighted differently each."""
    total: Any = 0.0
    for index, value in enumerate(values.values()):
        weights = np.random.default_rng(index).normal(size=value.shape)
        # In float64, because outputs and states differ in type under a mixed policy.
        total = total + tf.reduce_sum(weights * tf.cast(value, tf.float64))
    return total


def difference(found: Any, expected: Any) -> float:
    """Return the largest difference, relative to one more than the largest magnitude."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert a.shape == b.shape
    if a.size == 0:
        return 0.0
    return float(np.max(np.abs(a - b)) / (1 + np.max(np.abs(b))))


def assert_close(
    found: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float = 1e-12
) -> None:
    """Assert that all entries are finite and agree."""
    assert list(found) == list(expected), (list(found), list(expected))
    for name in expected:
        assert np.all(np.isfinite(expected[name])), name
    worst = {name: difference(found[name], expected[name]) for name in expected}
    too_far = {name: d for name, d in worst.items() if not d <= tolerance}
    assert not too_far, too_far

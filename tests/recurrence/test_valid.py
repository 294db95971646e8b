"""Valid steps against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from seams import ValidSteps, history, previous_values

TIME, BATCH, WIDTH, LENGTH = 6, 5, 2, 3
RNG = np.random.default_rng(0)
MASK = RNG.random((TIME, BATCH)) < 0.5
MASK[:, 0], MASK[:, 1] = False, True
VALUES = RNG.normal(size=(TIME, BATCH, WIDTH))
FIRST = RNG.normal(size=(BATCH, WIDTH))
EARLIER = RNG.normal(size=(BATCH, LENGTH - 1, WIDTH))


def _valid(mask: NDArray[np.bool_] | None) -> ValidSteps | None:
    return None if mask is None else ValidSteps(tf.constant(mask[:, :, None]))


def _shown(mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    return np.ones((TIME, BATCH), bool) if mask is None else mask


def test_the_last_valid_value_so_far() -> None:
    valid: Any = _valid(MASK)
    expected, last = np.zeros_like(VALUES), np.zeros((BATCH, WIDTH))
    seen = np.zeros(BATCH, bool)
    for step in range(TIME):
        last = np.where(MASK[step][:, None], VALUES[step], last)
        seen |= MASK[step]
        expected[step] = last
        np.testing.assert_array_equal(valid.seen()[step, :, 0], seen)
    np.testing.assert_array_equal(valid.last(tf.constant(VALUES)), expected)
    np.testing.assert_array_equal(valid.final(tf.constant(VALUES)), last)
    np.testing.assert_array_equal(valid.total(), MASK.sum(0))


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_the_value_of_the_valid_step_before(mask: Any) -> None:
    found, last = previous_values(tf.constant(VALUES), tf.constant(FIRST), _valid(mask))
    before = FIRST
    for step in range(TIME):
        np.testing.assert_array_equal(found[step], before)
        before = np.where(_shown(mask)[step][:, None], VALUES[step], before)
    np.testing.assert_array_equal(last, before)


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_the_last_few_valid_values(mask: Any) -> None:
    found, kept = history(tf.constant(VALUES), tf.constant(EARLIER), LENGTH, _valid(mask))
    assert found.shape == (TIME, BATCH, LENGTH, WIDTH)
    for row in range(BATCH):
        window = list(EARLIER[row])
        for step in range(TIME):
            if _shown(mask)[step, row]:
                window.append(VALUES[step, row])
                np.testing.assert_array_equal(found[step, row], window[-LENGTH:])
        np.testing.assert_array_equal(kept[row], window[-(LENGTH - 1) :])


@pytest.mark.parametrize("masked", [False, True])
def test_no_step_at_all_hands_on_what_came_before(masked: bool) -> None:
    values, mask = tf.zeros([0, BATCH, WIDTH], tf.float64), np.zeros((0, BATCH), bool)
    valid = _valid(mask if masked else None)
    shifted, last = previous_values(values, tf.constant(FIRST), valid)
    windows, kept = history(values, tf.constant(EARLIER), LENGTH, valid)
    assert (shifted.shape[0], windows.shape[0]) == (0, 0)
    np.testing.assert_array_equal(last, FIRST)
    np.testing.assert_array_equal(kept, EARLIER)

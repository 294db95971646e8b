"""Randomness is a function of seed, stream and step, the same in every mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from seams import bernoulli, dropout_mask, scrambled_seed

SEED = tf.constant([5, 7])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_bernoulli_has_its_rate(rate: float) -> None:
    drawn = np.asarray(bernoulli(SEED, 0, 0, [200, 200], rate))
    assert abs(drawn.mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / drawn.size)


def test_streams_steps_and_seeds_are_independent() -> None:
    drawn = [
        np.asarray(bernoulli(seed, stream, step, [2000], 0.5))
        for seed in (SEED, scrambled_seed(tf.constant([5, 1])), scrambled_seed(tf.constant([5, 2])))
        for stream in (-1, 0, 1, 1000)
        for step in (0, 1, 2)
    ]
    for index, one in enumerate(drawn):
        for other in drawn[:index]:
            assert abs(np.mean(one == other) - 0.5) < 0.07


def test_eager_graph_and_xla_draw_alike() -> None:
    def draw(seed: Any) -> Any:
        return bernoulli(scrambled_seed(seed), 3, tf.constant(4), [5, 6], 0.4)

    eager = draw(SEED)
    np.testing.assert_array_equal(tf.function(draw)(SEED), eager)
    np.testing.assert_array_equal(tf.function(draw, jit_compile=True)(SEED), eager)


def test_dropout_mask_keeps_the_mean() -> None:
    mask = np.asarray(dropout_mask(SEED, 0, [300, 300], 0.25, tf.float64))
    assert set(np.unique(mask)) == {0.0, 1 / 0.75}
    assert abs(mask.mean() - 1) < 0.01


def test_each_stream_has_a_dropout_mask_of_its_own() -> None:
    seed = scrambled_seed(tf.constant([1, 2]))
    masks = [np.asarray(dropout_mask(seed, stream, (8, 64), 0.5, tf.float64)) for stream in (0, 1)]
    assert 0.3 < np.mean(masks[0] == masks[1]) < 0.7

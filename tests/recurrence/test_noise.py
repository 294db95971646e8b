"""Randomness is a function of seed, stream and step, the same in every mode."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from seams import bernoulli, scrambled_seed

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

"""Sequences are padded to few lengths, which changes nothing that is computed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from seams import bucket

import gatekit
from gatekit import DataError

from .layers import HOLES, inputs_for, layer


def test_a_bucket_is_long_enough_and_wastes_a_quarter_at_most() -> None:
    for time in range(500):
        assert time <= bucket(time) <= max(time, 1.25 * time)
        assert bucket(bucket(time)) == bucket(time)
    assert len({bucket(time) for time in range(60, 181)}) <= 6


def test_outputs_states_and_gradients_are_those_of_the_batch() -> None:
    rnn = layer("lstm", return_state=True)
    x = np.tile(inputs_for(rnn), (1, 4, 1))[:, :17]
    holes = np.tile(HOLES, (1, 4))[:, :17]

    def computed(x: np.ndarray, mask: np.ndarray) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            actual = rnn(x, mask=mask)
            total = sum(tf.reduce_sum(value**2) for value in actual)
        return actual, tape.gradient(total, rnn.trainable_variables)

    padded, mask = gatekit.pad_time(x, holes)
    assert padded.shape[1] == mask.shape[1] == bucket(17) > 17
    for actual, expected in zip(computed(padded, mask), computed(x, holes), strict=True):
        for one, other in zip(actual, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match=r"features, .*\(3, 4\)"):
        gatekit.pad_time(np.zeros((3, 4)))
    with pytest.raises(DataError, match=r"here \(3, 4\), .*\(4, 3\)"):
        gatekit.pad_time(np.zeros((3, 4, 2)), np.ones((4, 3)))

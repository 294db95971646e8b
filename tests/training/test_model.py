"""Small parts of a model, against NumPy, with numbers of which no two are equal."""

from __future__ import annotations

import keras
import numpy as np
from seams import SequenceModel, pooled, step_loss, step_metric

VALUES = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")


def test_outputs_are_averaged_over_time() -> None:
    np.testing.assert_allclose(pooled("mean", VALUES, None, None), VALUES.mean(1), rtol=1e-6)


def test_outputs_are_averaged_over_valid_steps() -> None:
    mask = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]], bool)
    values = np.asarray(pooled("mean", VALUES, mask, None))
    np.testing.assert_allclose(values[0], VALUES[0, :2].mean(0), rtol=1e-6)
    np.testing.assert_allclose(values[1], VALUES[1, 1:].mean(0), rtol=1e-6)
    assert values[2].tolist() == [0.0, 0.0]


def test_the_squared_error_is_that_of_logistic_outputs() -> None:
    logits = np.array([[0.0, 2.0, -700.0]])
    found = step_loss("squared", np.array([[1.0, 0.0, 0.0]]), logits)
    np.testing.assert_allclose(found, [(0.25 + 1 / (1 + np.exp(-2.0)) ** 2) / 2], rtol=1e-12)


def test_all_possible_outputs_have_to_be_the_most_active_ones() -> None:
    y = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1], [1, 1, 1], [1, 0, 0]])
    logits = np.array([[2.0, 3, 1], [2, 0, 1], [2, 0, 3], [1, 2, 3], [1, 1, 0]])
    found = step_metric("most_active", "squared", y, logits)
    assert np.asarray(found).tolist() == [1, 0, 1, 1, 0]


def test_a_loss_per_sequence_is_divided_by_the_sequences_that_count() -> None:
    x = keras.Input((None, 1))
    y, weights = np.ones((3, 2, 1)), np.array([[1.0, 1], [1, 0], [0, 0]])
    losses = [
        SequenceModel(x, x, loss_kind="mse", per_sequence=each).compute_loss(
            y=y, y_pred=0 * y, sample_weight=weights
        )
        for each in (False, True)
    ]
    assert [float(loss) for loss in losses] == [1, 1.5]

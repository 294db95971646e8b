"""The cell ``tutorial`` against the class that gatekit grew out of."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from reference.tutorial_lstm import GATEKIT_NAMES, TutorialLSTM

from .layers import layer

BATCH, TIME, FEATURES, UNITS = 3, 20, 5, 8


@pytest.mark.parametrize("executor", ["reference", "stacked"])
@pytest.mark.parametrize("first", [False, True], ids=["from zeros", "from a given state"])
def test_same_weights_same_numbers(executor: str, first: bool) -> None:
    origin = TutorialLSTM(FEATURES, UNITS, seed=3)
    rnn = layer(
        "tutorial",
        features=FEATURES,
        units=UNITS,
        dtype="float32",
        executor=executor,
        return_sequences=True,
        return_state=True,
    )
    for name, value in origin.get_weights().items():
        rnn.named_weights[GATEKIT_NAMES[name]].assign(value)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, TIME, FEATURES)).astype("float32")
    memory = rng.normal(size=(2, BATCH, UNITS)).astype("float32") if first else None
    expected, last = origin.run(x, memory)
    outputs, h, c = rnn(x, initial_state=None if memory is None else list(memory))
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(tf.stack([h, c]), last, rtol=0, atol=1e-6)


def test_weights_and_biases_are_drawn_from_n_0_0_1() -> None:
    rnn = layer("tutorial", features=64, units=96, fill=False)
    for name, variable in rnn.named_weights.items():
        drawn = variable.numpy().ravel()
        # Five standard errors of mean and deviation.
        assert abs(drawn.mean()) < 5 * 0.1 / np.sqrt(drawn.size), name
        assert abs(drawn.std() / 0.1 - 1) < 5 / np.sqrt(2 * drawn.size), name
    biases = np.concatenate([v.numpy() for n, v in rnn.named_weights.items() if n.endswith("bias")])
    assert biases.size == 4 * 96
    assert abs(np.mean(np.abs(biases) < 0.1) - 0.683) < 0.12

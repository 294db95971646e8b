"""Every bundled cell as it starts, on inputs that data sets have: zeros, and large numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from .cells import BUNDLED
from .layers import layer

FEW = ("brc", "lstm", "mc_lstm", "nru")


@pytest.mark.one_in(1, slow=4)
@pytest.mark.parametrize(
    "cell", [n if n in FEW else pytest.param(n, marks=pytest.mark.slow) for n in BUNDLED]
)
def test_values_and_gradients_are_finite(cell: str) -> None:
    rnn = layer(cell, fill=False, dtype="float32", return_sequences=True)
    x = np.zeros((3, 4, rnn.cell.features), "float32")
    x[1, 2:], x[2] = 1.0, 100.0
    given: Any = {
        name: tf.constant(x if name == "x" else np.ones((*x.shape[:2], width), "float32"))
        for name, width in rnn.cell.inputs.items()
    }
    with tf.GradientTape() as tape:
        tape.watch(given)
        outputs = rnn(given if len(given) > 1 else given["x"])
        total = tf.reduce_mean(outputs) + tf.reduce_mean(outputs**2)
    gradients = tape.gradient(total, [*given.values(), *rnn.trainable_variables])
    assert np.isfinite(outputs).all()
    for name, gradient in zip([*given, *rnn.trainable_variables], gradients, strict=True):
        assert gradient is None or np.isfinite(gradient).all(), name

"""A cell trained as generated code learns what gatekit's layer learns, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.peers import library

import gatekit
from gatekit.code import generate

from .cases import FEATURES, UNITS, run
from .test_text import OWN, PLUGIN, WITH_PLUGIN

BATCH, TIME, TRAINED = 4, 6, 200
CLOSE = 1e-5
# The Adams of the two libraries add epsilon at different places, which tiny gradients show.
RATE, MOMENTUM = 2**-6, 0.9


def batches() -> Any:
    """Yield inputs and targets: the mean of the first feature."""
    rng = np.random.default_rng(7)
    for _ in range(TRAINED):
        x = rng.normal(size=(BATCH, TIME, FEATURES))
        yield x, x[..., :1].mean(axis=1)


def losses_of_gatekit(layer: Any) -> list[float]:
    """Train the layer."""
    optimizer = keras.optimizers.SGD(RATE, MOMENTUM)
    optimizer.build(layer.trainable_variables)

    @tf.function
    def step(x: Any, target: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((layer(x)[:, -1] - target) ** 2)
        variables = layer.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return loss

    return [float(step(tf.constant(x), tf.constant(y))) for x, y in batches()]


def losses_of_torch(layer: Any) -> list[float]:
    """Train the module."""
    torch = library("torch")
    optimizer = torch.optim.SGD(layer.parameters(), RATE, MOMENTUM)
    found = []
    for x, target in batches():
        y, _ = layer(torch.from_numpy(x))
        loss = ((y[:, -1] - torch.from_numpy(target)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    return found


def assert_losses_agree(cell: Any, **options: Any) -> None:
    """Train both from equal weights on equal batches."""
    torch = library("torch")
    layer = gatekit.RNN(cell, UNITS, return_sequences=True, seed=1, dtype="float64", **options)
    layer.build((None, None, FEATURES))
    generated = generate(layer.cell, "torch")
    module = getattr(run(generated.text), generated.title)().double()
    first = generated.layout.pack({n: np.asarray(v) for n, v in layer.named_weights.items()})
    module.load_state_dict({n: torch.from_numpy(w) for n, w in first.items()})
    own, theirs = losses_of_gatekit(layer), losses_of_torch(module)
    np.testing.assert_allclose(theirs, own, 0, CLOSE)
    # It did learn.
    assert np.mean(own[-20:]) < np.mean(own[:20])


@pytest.mark.one_in(1, slow=2)
@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "layer_norm_gru", "power_law_lstm", "mlstm"])
def test_losses_agree_for_200_steps(name: str) -> None:
    assert_losses_agree(name)


@pytest.mark.slow
def test_losses_agree_for_a_cell_of_your_own() -> None:
    """Own equations, a read by blocks, a low-rank one, a parameter, and clipped states."""
    assert_losses_agree(OWN)


@pytest.mark.slow
def test_losses_agree_for_a_plugin_gate_with_a_parameter_and_a_state(tmp_path: Path) -> None:
    path = tmp_path / "leaky.py"
    path.write_text(PLUGIN)
    assert_losses_agree(WITH_PLUGIN, plugins=[str(path)])

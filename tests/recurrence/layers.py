"""Layers with drawn weights, and what they compute, gradients included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gatekit import RNN

from .cells import spec
from .problems import assert_close, loss

BATCH, TIME, FEATURES, UNITS = 4, 5, 3, 8
# With padding at the end, a hole, no padding, and nothing valid at all.
SUFFIX = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]], bool)
HOLES = np.array([[1, 0, 1, 1, 0], [0, 0, 1, 0, 1], [1, 1, 1, 1, 1], [0, 1, 1, 0, 0]], bool)
ALL_MASKED_ROW = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 0, 1, 1], [1] * 5], bool)
MASKS: dict[str, NDArray[np.bool_] | None] = {
    "none": None,
    "suffix": SUFFIX,
    "holes": HOLES,
    "all_masked_row": ALL_MASKED_ROW,
}


def layer(
    cell: str | Mapping[str, Any], *, features: int = FEATURES, fill: bool = True, **options: Any
) -> RNN:
    """Return a built layer in float64, its weights drawn at random where ``fill`` is set.

    Args:
        cell: a bundled or odd cell's name, or a mapping.
        features: the width of x.
        fill: whether every weight, biases and scales too, gets a random value.
        options: of the layer; ``units`` defaults to 8, ``dtype`` to float64, ``seed`` to 7.
    """
    options = {"units": UNITS, "dtype": "float64", "seed": 7, **options}
    rnn = RNN(spec(cell), **options)
    rnn.build((None, None, features))
    if fill:
        fill_weights(rnn)
    return rnn


def fill_weights(rnn: RNN, scale: float = 0.5) -> None:
    """Give every weight random values."""
    rng = np.random.default_rng(3)
    for variable in rnn.named_weights.values():
        variable.assign(scale * rng.normal(size=variable.shape))


def inputs_for(rnn: RNN, batch: int = BATCH, time: int = TIME) -> Any:
    """Return random inputs: x alone, or a mapping where the cell has more."""
    rng = np.random.default_rng(11)
    drawn = {
        name: tf.constant(rng.normal(size=(batch, time, width)), rnn.variable_dtype)
        for name, width in rnn.cell.inputs.items()
    }
    return drawn["x"] if len(drawn) == 1 else drawn


def states_for(rnn: RNN, batch: int = BATCH) -> dict[str, Any]:
    """Return random initial states, except of those that are learned or bound to their own."""
    rng = np.random.default_rng(13)
    learned = {s.name for s in rnn.cell.states if s.learned}
    first = rnn.initial_states(batch)
    drawn = {}
    for name in rnn.state_names:
        value = 0.5 * rng.normal(size=first[name].shape)
        if name not in learned and name not in ("m", "n", "t"):
            value = -np.abs(value) if name.endswith(".k") else value
            drawn[name] = tf.constant(value, rnn.variable_dtype)
    return drawn


def computed(
    rnn: RNN,
    inputs: Any,
    mask: Any = None,
    states: Mapping[str, Any] | None = None,
    training: bool = False,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return everything a layer returns, and the gradient of its weighted sum in every argument."""
    arrays = dict(inputs) if isinstance(inputs, Mapping) else {"x": inputs}
    given = {f"input {k}": v for k, v in arrays.items()}
    given.update({f"state {k}": v for k, v in (states or {}).items()})
    with tf.GradientTape() as tape:
        tape.watch(given)
        called = rnn(inputs, initial_state=states, mask=mask, training=training)
        found = list(called) if isinstance(called, tuple) else [called]
        names = ["outputs", *rnn.state_names][: len(found)]
        values = dict(zip(names, found, strict=True))
        total = loss(values)
    trained = {n: v.value for n, v in rnn.named_weights.items() if v.trainable}
    gradients = tape.gradient(total, {**given, **trained}, unconnected_gradients="zero")
    return values, gradients


def graph(function: Any, **options: Any) -> Any:
    """Return the function compiled to a graph."""
    return tf.function(function, autograph=False, **options)


def holes(time: int) -> NDArray[np.bool_]:
    """Return a mask with holes, one at the start and one at the end, and a row without a step."""
    mask = np.random.default_rng(time).random((4, time)) < 0.7
    mask[0], mask[1] = True, False
    return mask


def agree(executor: str, cell: Any, time: int, mode: Any = None, **options: Any) -> RNN:
    """Assert that an executor has the values and all gradients of the reference, masked.

    Args:
        executor: the executor.
        cell: a name, or a cell as plain data.
        time: the steps.
        mode: wraps the computation, as `graph` does; None for eager mode.
        options: of the layer.
    """
    found = []
    for name in ("reference", executor):
        rnn = layer(cell, executor=name, return_state=True, **options)
        inputs, states = inputs_for(rnn, time=time), states_for(rnn)

        def run(inputs: Any, states: Any, rnn: Any = rnn) -> Any:
            return computed(rnn, inputs, holes(time), states, training=True)

        found.append((mode(run) if mode else run)(inputs, states))
    assert_close(found[1][0], found[0][0])
    assert_close(found[1][1], found[0][1])
    return rnn

"""The reference cells that Keras has too, against Keras' own layers, in float64 and under masks."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from .cases import CASES
from .functions import Array
from .run import draw, run

gru, gru_reset_after, lstm, rnn = (CASES[n] for n in ("gru", "gru_reset_after", "lstm", "rnn"))

BATCH, TIME, FEATURES, UNITS = 3, 6, 2, 4
MASK = np.array(
    [[1, 1, 1, 1, 0, 0], [0, 1, 0, 1, 1, 0], [1, 1, 1, 1, 1, 1]], dtype=bool
)  # padded, with a hole, and whole


@pytest.fixture(name="rng")
def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(name="x")
def _x(rng: np.random.Generator) -> Array:
    return rng.standard_normal((BATCH, TIME, FEATURES))


@pytest.fixture(name="states")
def _states(rng: np.random.Generator) -> dict[str, Array]:
    return {name: rng.standard_normal((BATCH, UNITS)) for name in ("h", "c")}


def _close(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def _keras_against(
    layer: keras.layers.RNN, weights: list[Array], x: Array, initial: list[Array]
) -> tuple[Array, ...]:
    layer.build(x.shape)
    layer.set_weights(weights)
    # A masked step of Keras' layers is given clean numbers; NaN there is gatekit's own promise.
    results = layer(x, mask=MASK, initial_state=initial)
    return tuple(keras.ops.convert_to_numpy(r) for r in results)


def _stacked(w: dict[str, Array], read: str, *gates: str) -> Array:
    return np.concatenate([w[f"{gate}.{read}"] for gate in gates], axis=-1)


@pytest.mark.parametrize("go_backwards", [False, True])
def test_lstm_is_keras_lstm(
    x: Array, states: dict[str, Array], rng: np.random.Generator, go_backwards: bool
) -> None:
    w = draw(lstm.shapes(FEATURES, UNITS), rng)
    order = ("input", "forget", "candidate", "output")
    layer = keras.layers.LSTM(
        UNITS,
        return_sequences=True,
        return_state=True,
        dtype="float64",
        go_backwards=go_backwards,
    )
    weights = [_stacked(w, read, *order) for read in ("x", "h_prev", "bias")]
    outputs, h, c = _keras_against(layer, weights, x, [states["h"], states["c"]])
    found, after = run(lstm.step, x, states, w, MASK, go_backwards)
    _close(found, outputs)
    _close(after["h"], h)
    _close(after["c"], c)


@pytest.mark.parametrize("go_backwards", [False, True])
def test_rnn_is_keras_simple_rnn(
    x: Array, states: dict[str, Array], rng: np.random.Generator, go_backwards: bool
) -> None:
    w = draw(rnn.shapes(FEATURES, UNITS), rng)
    layer = keras.layers.SimpleRNN(
        UNITS,
        return_sequences=True,
        return_state=True,
        dtype="float64",
        go_backwards=go_backwards,
    )
    weights = [w[f"candidate.{read}"] for read in ("x", "h_prev", "bias")]
    outputs, h = _keras_against(layer, weights, x, [states["h"]])
    found, after = run(rnn.step, x, {"h": states["h"]}, w, MASK, go_backwards)
    _close(found, outputs)
    _close(after["h"], h)


def test_gru_is_keras_gru(x: Array, states: dict[str, Array], rng: np.random.Generator) -> None:
    w = draw(gru.shapes(FEATURES, UNITS), rng)
    layer = keras.layers.GRU(
        UNITS, return_sequences=True, return_state=True, reset_after=False, dtype="float64"
    )
    recurrent = np.concatenate(
        [w["update.h_prev"], w["reset.h_prev"], w["candidate.reset*h_prev"]], axis=-1
    )
    order = ("update", "reset", "candidate")
    weights = [_stacked(w, "x", *order), recurrent, _stacked(w, "bias", *order)]
    outputs, h = _keras_against(layer, weights, x, [states["h"]])
    found, after = run(gru.step, x, {"h": states["h"]}, w, MASK)
    _close(found, outputs)
    _close(after["h"], h)


def test_gru_reset_after_is_keras_gru(
    x: Array, states: dict[str, Array], rng: np.random.Generator
) -> None:
    w = draw(gru_reset_after.shapes(FEATURES, UNITS), rng)
    layer = keras.layers.GRU(
        UNITS, return_sequences=True, return_state=True, reset_after=True, dtype="float64"
    )
    share = rng.standard_normal(2 * UNITS)  # only the sum of the two biases of z and r matters
    both = _stacked(w, "bias", "update", "reset")
    weights = [
        _stacked(w, "x", "update", "reset", "candidate"),
        _stacked(w, "h_prev", "update", "reset", "recurrent"),
        np.stack(
            [
                np.concatenate([both - share, w["candidate.bias"]]),
                np.concatenate([share, w["recurrent.bias"]]),
            ]
        ),
    ]
    outputs, h = _keras_against(layer, weights, x, [states["h"]])
    found, after = run(gru_reset_after.step, x, {"h": states["h"]}, w, MASK)
    _close(found, outputs)
    _close(after["h"], h)

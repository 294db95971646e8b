"""The parts of a step against NumPy: layer normalisation, products, linear maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from seams import normalised, product

from .cells import LSTM_GATES, lstm_with, merged
from .layers import inputs_for, layer, states_for
from .problems import assert_close

EPSILON = 1e-5


def _norm(*parts: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the parts normalised by the statistics of all of them together."""
    joined = np.concatenate(parts, -1)
    mean, variance = joined.mean(-1, keepdims=True), joined.var(-1, keepdims=True)
    return [(p - mean) / np.sqrt(variance + EPSILON) for p in parts]


def _sigmoid(a: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-a)))


@pytest.mark.parametrize("widths", [(4,), (4, 4), (3, 5, 2)])
def test_parts_are_normalised_together(widths: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(2.0, 3.0, size=(5, w)) for w in widths]
    found = normalised([tf.constant(p) for p in parts], EPSILON)
    for one, other in zip(found, _norm(*parts), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("executor", ["reference", "stacked"])
@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("of", ["read", "sum"])
def test_an_lstm_with_layer_normalisation(of: str, grouped: bool, executor: str) -> None:
    norm = {"of": of, "epsilon": EPSILON, **({"group": list(LSTM_GATES)} if grouped else {})}
    cell = merged(
        lstm_with(norms={"c_out": "c"}, equations={"h": "output * tanh(c_out)"}),
        {"gates": {g: {"norm": norm} for g in LSTM_GATES}},
    )
    rnn = layer(cell, executor=executor, return_sequences=True)
    w = {n: v.numpy() for n, v in rnn.named_weights.items()}
    states = states_for(rnn)
    h, c = (np.asarray(states[n]) for n in "hc")
    values = np.asarray(rnn(inputs_for(rnn), initial_state=states))
    for step, x in enumerate(np.asarray(inputs_for(rnn)).transpose(1, 0, 2)):
        reads = {"x": [x @ w[f"{g}.x"] for g in LSTM_GATES]}
        reads["h_prev"] = [h @ w[f"{g}.h_prev"] for g in LSTM_GATES]
        together = _norm if grouped else lambda *parts: [_norm(p)[0] for p in parts]
        if of == "read":
            normed = {r: together(*parts) for r, parts in reads.items()}
            pre = [
                sum(w[f"{g}.{r}.scale"] * normed[r][k] for r in reads) + w[f"{g}.bias"]
                for k, g in enumerate(LSTM_GATES)
            ]
        else:
            sums = together(*(a + b for a, b in zip(reads["x"], reads["h_prev"], strict=True)))
            pre = [
                w[f"{g}.scale"] * s + w[f"{g}.bias"] for g, s in zip(LSTM_GATES, sums, strict=True)
            ]
        i, f, o = (_sigmoid(a) for a in pre[:3])
        c = f * c + i * np.tanh(pre[3])
        h = o * np.tanh(w["c_out.scale"] * _norm(c)[0] + w["c_out.offset"])
        assert_close({"y": values[:, step]}, {"y": h})


def _block(u: NDArray[Any], w: NDArray[Any]) -> NDArray[Any]:
    width = w.shape[1]
    parts = [u[:, k * width : (k + 1) * width] @ block for k, block in enumerate(w)]
    return np.concatenate(parts, -1)


MAPS: dict[str, Any] = {
    "dense": lambda u, w: u @ w[""],
    "frozen": lambda u, w: u @ w[""],
    "diagonal": lambda u, w: u * w[""],
    "identity": lambda u, w: u,
    "block": lambda u, w: _block(u, w[""]),
    "low_rank": lambda u, w: u @ w["left"] @ w["right"],
    "skew": lambda u, w: u @ (w[""] - w[""].T).T,
}


@pytest.mark.parametrize("executor", ["reference", "stacked"])
@pytest.mark.parametrize("kind", MAPS)
def test_linear_maps(kind: str, executor: str) -> None:
    cell = {
        "gates": {"new": {"kind": "tanh", "reads": {"x": "dense", "h_prev": kind}}},
        "equations": {"h": "new"},
        "emits": "h",
    }
    rnn = layer(cell, executor=executor, return_sequences=True)
    w = {n: v.numpy() for n, v in rnn.named_weights.items()}
    start = "new.h_prev"
    own = {n.removeprefix(start).removeprefix("."): v for n, v in w.items() if n.startswith(start)}
    h = np.asarray(states_for(rnn)["h"])
    values = np.asarray(rnn(inputs_for(rnn), initial_state={"h": h}))
    for step, x in enumerate(np.asarray(inputs_for(rnn)).transpose(1, 0, 2)):
        h = np.tanh(x @ w["new.x"] + MAPS[kind](h, own) + w["new.bias"])
        assert_close({"y": values[:, step]}, {"y": h})


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_a_low_precision_product_sums_its_weight_gradient_in_full(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    # Rows that differ by less than half precision can tell, and many of them.
    u = tf.constant(1.0 + 1e-4 * rng.normal(size=(50, 200, 3)), tf.float32)
    matrix = tf.constant(rng.normal(size=(3, 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(matrix)
        z = product(u, matrix, dtype)
        total = tf.reduce_sum(z)
    assert z.dtype == tf.float32
    exact = np.tile(np.asarray(u, np.float64).sum((0, 1))[:, None], (1, 2))
    np.testing.assert_allclose(tape.gradient(total, matrix), exact, rtol=1e-6)
    np.testing.assert_allclose(z, np.asarray(u) @ np.asarray(matrix), atol=0.05)

"""The executor chunk: the numbers of `reference`, at every length, under masks, and in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from seams import between, in_blocks, layout, scores, sums

from gatekit import ConfigError

from .chunk_cells import BUNDLED, OWN, READ, REFUSED, cell
from .layers import agree, computed, graph, holes, inputs_for, layer
from .problems import assert_close

CELLS = (*BUNDLED, *OWN)
CHUNK = 4
"""Steps of a chunk here: the reference needs a long time for the real 32 and 64."""


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    # Matrices this small have half the steps.
    monkeypatch.setattr(layout, "LARGEST", 2 * CHUNK)


def _agree(name: str, time: int, mode: Any = graph, **options: Any) -> None:
    agree("chunk", OWN.get(name, name), time, mode, **options)


@pytest.mark.one_in(3, slow=3)
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("name", CELLS)
def test_values_and_all_gradients_are_those_of_the_reference(name: str) -> None:
    _agree(name, CHUNK + 2, mode=None, return_sequences=True)


# Each cell at one of the lengths in turn; several chunks and a part of one are also those below.
TURNS = (1, 2 * CHUNK + 3, CHUNK, CHUNK + 1)
LENGTHS = [(name, TURNS[index % len(TURNS)]) for index, name in enumerate(CELLS)]


@pytest.mark.slow
@pytest.mark.one_in(1, slow=28)
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize(("name", "time"), LENGTHS)
def test_every_length(name: str, time: int) -> None:
    options = {"return_sequences": time != CHUNK, "go_backwards": time == CHUNK + 1}
    _agree(name, time, dropout=0.3, learned_initial_state=[], **options)


@pytest.mark.one_in(1, slow=28)
@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_chunks_of_the_real_size(name: str) -> None:
    _agree(name, 2 * layout.LARGEST + 3, return_sequences=True)


@pytest.mark.parametrize("name", ["linear_attention", "gla", "delta_net"])
def test_no_step(name: str) -> None:
    _agree(name, 0, mode=None, return_sequences=True)


@pytest.mark.usefixtures("_small")
def test_any_length_runs_in_one_trace() -> None:
    rnn = layer("gla", executor="chunk", return_sequences=True)
    plain = layer("gla", executor="stacked", return_sequences=True)
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.float64)], autograph=False)
    def run(x: Any) -> Any:
        traces.append(x)
        return rnn(x)

    for time in (1, 5, 12):
        x = inputs_for(rnn, time=time)
        np.testing.assert_allclose(run(x), plain(x), atol=1e-12)
    assert len(traces) == 1


@pytest.mark.slow
@pytest.mark.one_in(1, slow=4)
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("name", ["gla", "mlstm", "rwkv7", "two_reads"])
def test_xla_agrees(name: str) -> None:
    rnn = layer(OWN.get(name, name), executor="chunk", return_sequences=True)
    x, mask = inputs_for(rnn, time=10), holes(10)
    plain, compiled = (
        graph(lambda x: computed(rnn, x, mask), **how)(x) for how in ({}, {"jit_compile": True})
    )
    assert_close(compiled[0], plain[0])
    assert_close(compiled[1], plain[1])


def _decays(logs: Any, strict: bool) -> Any:
    """Return each pair's decay, from the sum of its own logarithms."""
    t, s, i = np.ogrid[:32, :32, :32]
    steps = logs.shape[-2]
    between = ((s < i) & (i <= t - strict)).astype(float)[:steps, :steps, :steps]
    return tf.exp(tf.einsum("tsi,...in->...tsn", tf.constant(between, logs.dtype), logs))


def _causal(found: Any, strict: bool) -> Any:
    return tf.linalg.band_part(found, -1, 0) - (tf.linalg.band_part(found, 0, 0) if strict else 0)


def _pairwise(q: Any, k: Any, logs: Any, strict: bool) -> Any:
    found = tf.einsum("...tn,...sn,...tsn->...ts", q, k, _decays(logs, strict))
    return _causal(found, strict)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("least", [-0.5, -3.0, -50.0])
def test_scores_in_single_precision_keep_their_digits(least: float, strict: bool) -> None:
    rng, shape = np.random.default_rng(0), (1, 2, 32, 3)
    q, k, weight = rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=(1, 2, 32, 32))
    # Steep and level steps mixed, in every channel by itself.
    logs = least * rng.random(shape) ** 6
    results = []
    for dtype in (tf.float64, tf.float32):
        given = [tf.constant(value, dtype) for value in (q, k, logs)]
        with tf.GradientTape() as tape:
            tape.watch(given)
            if dtype == tf.float64:
                score = _pairwise(*given, strict)
            else:
                (score,) = scores([given[0]], [strict], given[1], given[2])
            loss = tf.reduce_sum(score * tf.constant(weight, dtype))
        results.append([score, *tape.gradient(loss, given)])
    for exact, found in zip(*results, strict=True):
        scale = np.max(np.abs(exact))
        assert np.max(np.abs(np.asarray(found, np.float64) - exact)) < 1e-5 * scale


@pytest.mark.parametrize("leaf", [1, 2, 8])
@pytest.mark.parametrize("terms", [1, 2])
def test_blocks_of_every_size_agree(leaf: int, terms: int) -> None:
    rng = np.random.default_rng(1)
    q, logs = (tf.constant(rng.normal(size=(2, 8, 3))) for _ in range(2))
    logs, k = -tf.exp(logs), tf.constant(rng.normal(size=(2, 8 * terms, 3)))
    found = in_blocks([q, q], [False, True], k, logs, leaf)
    for term in range(terms):
        for strict, score in zip((False, True), found, strict=True):
            exact = _pairwise(q, k[:, term::terms], logs, strict)
            np.testing.assert_allclose(score[..., term::terms], exact, atol=1e-13)


@pytest.mark.usefixtures("_small")
@pytest.mark.one_in(2)
@pytest.mark.parametrize("decay", ["split(f, heads)", "sum(split(f, heads))"])
def test_steep_decays_are_finite_and_accurate_in_float32(decay: str) -> None:
    gates = {"f": {"activation": "-50 * sigmoid(6 * pre)", "reads": ["x"], "units": "units"}}
    gain = "outer(split(key, heads), split(value, heads))"
    made = cell("steep", gates=gates, S=f"column(exp({decay})) * S_prev + {gain}", h=READ)
    found = []
    for executor, dtype in (("stacked", "float64"), ("chunk", "float32"), ("stacked", "float32")):
        one = layer(made, executor=executor, dtype=dtype, return_sequences=True)
        x = tf.cast(np.random.default_rng(0).normal(size=(2, 13, 3)), dtype)
        found.append(computed(one, x))
    (exact, exact_gradients), chunked, looped = found
    for index, of in enumerate((exact, exact_gradients)):
        for name, value in of.items():
            errors = [
                np.max(np.abs(np.asarray(f[index][name], np.float64) - value))
                for f in (chunked, looped)
            ]
            assert errors[0] <= max(4 * errors[1], 1e-5 * np.max(np.abs(value))), name


@pytest.mark.parametrize("executor", ["chunk"])
def test_keys_that_are_nearly_equal(executor: str) -> None:
    found = []
    for name in ("reference", executor):
        rnn = layer("delta_net", executor=name, return_sequences=True)
        noise = np.random.default_rng(0).normal(size=(2, 16, 3))
        found.append(computed(rnn, tf.constant(1 + 1e-7 * noise)))
    assert_close(found[1][0], found[0][0])
    assert_close(found[1][1], found[0][1])


def test_a_cell_that_chunks_cannot_solve_is_refused_by_name() -> None:
    mapping, why = REFUSED["inside"]
    with pytest.raises(ConfigError, match=r"executor='chunk' .*'inside'") as error:
        layer(mapping, executor="chunk")
    assert why in str(error.value)


def test_a_second_derivative_is_refused() -> None:
    rnn = layer("gla", executor="chunk")
    x = inputs_for(rnn)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(rnn(x))
        slope = tf.reduce_sum(inner.gradient(y, x) ** 2)
    with pytest.raises(NotImplementedError, match="first-order gradients"):
        outer.gradient(slope, x)


@pytest.mark.parametrize("count", [1, 3, 32, 33, 70])
def test_without_decay_chunks_are_summed_at_once(count: int) -> None:
    rng = np.random.default_rng(count)
    gain, first = (
        tf.constant(rng.normal(size=(count, 2, 3, 2, 4))),
        tf.ones([2, 3, 2, 4], "float64"),
    )
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([gain, first])
        actual = sums.running_sums(gain, first)
        expected = between.memories(tf.ones([count, 2, 3, 1, 1], "float64"), gain, first, False)
    weights = [tf.constant(rng.normal(size=each.shape)) for each in expected]
    slopes = [tape.gradient(each, [gain, first], weights) for each in (actual, expected)]
    for own, other in zip((*actual, *slopes[0]), (*expected, *slopes[1]), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-12, atol=1e-12)

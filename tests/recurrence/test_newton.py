"""The executor newton: the numbers of `reference`, and the loop where it does not converge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from seams import solve

from gatekit import ConfigError

from .layers import agree, computed, graph, inputs_for, layer
from .newton_cells import BUNDLED, OWN, REFUSED
from .problems import assert_close

STABLE = [name for name in OWN if name != "unstable"]


def _agree(name: str, time: int, mode: Any = None, **options: Any) -> Any:
    return agree("newton", OWN.get(name, name), time, mode, **options)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", [*BUNDLED, *STABLE])
def test_values_and_all_gradients_are_those_of_the_reference(name: str) -> None:
    made = _agree(name, 7, return_sequences=True)
    assert made.newton_counts == (4, 0)


@pytest.mark.parametrize("time", [0, 1])
def test_short_sequences(time: int) -> None:
    _agree("oscillator", time, return_sequences=True)


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_zoneout_dropout_and_learned_first_values(rate: float) -> None:
    zoneout = {"h": rate, "c": 0.3}
    _agree("para_lstm", 7, zoneout=zoneout, dropout=0.2, learned_initial_state=["c"])


def test_the_mean_of_zoneout_outside_training() -> None:
    found = []
    for executor in ("reference", "newton"):
        rnn = layer("para_lstm", executor=executor, zoneout={"c": 0.3}, return_sequences=True)
        found.append(computed(rnn, inputs_for(rnn), training=False))
    assert_close(found[1][0], found[0][0])
    assert_close(found[1][1], found[0][1])


@pytest.mark.slow
@pytest.mark.one_in(1, slow=3)
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", ["two_layers", "para_lstm"])
def test_graph_mode_and_xla_agree(name: str, jit: bool) -> None:
    def mode(run: Any) -> Any:
        return graph(run, jit_compile=jit)

    _agree(name, 33, mode, return_sequences=True, go_backwards=True)


def test_a_sequence_that_does_not_converge_takes_the_loop_and_is_counted() -> None:
    made = _agree("unstable", 30, mode=graph, return_sequences=True)
    total, by_loop = made.newton_counts
    # The row without a valid step has nothing to solve.
    assert total == 4
    assert 1 <= by_loop <= 3


def test_the_loop_gives_its_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "MOST", 1)
    made = _agree("oscillator", 7, return_sequences=True)
    assert made.newton_counts == (4, 3)


def test_a_sequence_does_not_depend_on_the_others_in_its_batch() -> None:
    rnn = layer("para_gru", executor="newton", return_sequences=True)
    x = inputs_for(rnn, time=40)
    other = tf.concat([x[:1], 50 * x[1:]], 0)
    np.testing.assert_array_equal(rnn(x)[0], rnn(other)[0])


def test_values_that_are_not_finite_are_not_accepted() -> None:
    rnn = layer("para_gru", executor="newton", return_sequences=True)
    x = inputs_for(rnn, time=4).numpy()
    x[1, 2] = np.nan
    y = rnn(tf.constant(x)).numpy()
    assert rnn.newton_counts == (4, 1)
    assert np.all(np.isnan(y[1, 2:]))
    assert np.all(np.isfinite(y[[0, 2, 3]]))


@pytest.mark.slow
def test_single_precision() -> None:
    found = []
    for executor, dtype in (("reference", "float64"), ("newton", "float32")):
        rnn = layer("para_lstm", executor=executor, dtype=dtype, return_sequences=True)
        x = tf.cast(np.random.default_rng(0).normal(size=(2, 50, 3)), dtype)
        found.append(computed(rnn, x))
    assert rnn.newton_counts == (2, 0)
    for exact, other in zip(*found, strict=True):
        for name, value in exact.items():
            error = np.max(np.abs(np.asarray(other[name], np.float64) - value))
            assert error < 1e-5 * max(1.0, float(np.max(np.abs(value)))), name


def test_any_length_runs_in_one_trace() -> None:
    rnn = layer("para_gru", executor="newton", return_sequences=True)
    plain = layer("para_gru", executor="fused", return_sequences=True)
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.float64)], autograph=False)
    def run(x: Any) -> Any:
        traces.append(x)
        return rnn(x)

    for time in (1, 5, 12):
        x = inputs_for(rnn, time=time)
        np.testing.assert_allclose(run(x), plain(x), atol=1e-12)
    assert len(traces) == 1


@pytest.mark.parametrize("name", REFUSED)
def test_a_cell_whose_units_mix_is_refused_by_name(name: str) -> None:
    mapping, why = REFUSED[name]
    with pytest.raises(ConfigError, match=f"executor='newton' .*'{name}'") as e:
        layer(mapping, executor="newton")
    assert why in str(e.value)


def test_the_layer_explains_the_form() -> None:
    text = layer("para_lstm", executor="newton").explain()
    assert "h and c have a Jacobian of 2 x 2 per unit" in text
    assert "more than 20 iterations" in text


def test_a_second_derivative_is_refused() -> None:
    rnn = layer("para_gru", executor="newton")
    x = inputs_for(rnn)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(rnn(x))
        slope = tf.reduce_sum(inner.gradient(y, x) ** 2)
    with pytest.raises(NotImplementedError, match="first-order gradients"):
        outer.gradient(slope, x)


def test_counts_are_saved_with_no_weight() -> None:
    rnn = layer("para_gru", executor="newton")
    assert len(rnn.weights) == len(layer("para_gru", executor="fused").weights)

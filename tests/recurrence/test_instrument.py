"""Signals, shares that are kept, and gradients with respect to states, at every step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from seams import instrumented

import gatekit

from .cells import BUNDLED, VARIED

TIME, BATCH, UNITS, FEATURES = 6, 3, 5, 4


def inputs(cell, seed=0):
    rng = np.random.default_rng(seed)
    found = {n: rng.normal(size=(BATCH, TIME, w)) for n, w in cell.inputs.items()}
    # Further inputs are durations or the like.
    found = {n: v if n == "x" else np.abs(v) for n, v in found.items()}
    return {n: tf.constant(v) for n, v in found.items()}


def layer_of(cell, **options):
    layer = gatekit.RNN(cell, UNITS, seed=1, dtype="float64", **options)
    layer.build((None, None, FEATURES))
    return layer


def watch(layer, loss=lambda y: tf.reduce_sum(y**2), **options):
    """Return the output, what the instrument has seen, and a loss's gradient in the states."""
    with tf.GradientTape() as tape, instrumented([layer], tape.watch) as instruments:
        y = layer(inputs(layer.cell), **options)
        value = loss(y)
    seen = instruments[layer.name]
    return y, seen, tape.gradient(value, seen.perturbations, unconnected_gradients="zero")


@pytest.mark.parametrize("executor", ["stacked", "reference"])
def test_watching_changes_no_output_and_nothing_afterwards(executor):
    layer = layer_of("lstm", executor=executor, return_sequences=True)
    before = layer._executor
    plain = layer(inputs(layer.cell))
    y, seen, _ = watch(layer)
    np.testing.assert_allclose(y, plain, rtol=1e-12)
    np.testing.assert_allclose(tf.transpose(seen.sequences["h"], [1, 0, 2]), y, rtol=1e-12)
    assert set(seen.sequences) == {"input", "forget", "output", "candidate", "c", "h"}
    assert layer._executor is before


def test_an_error_leaves_the_executor_in_its_place():
    layer = layer_of("gru")
    before = layer._executor
    with pytest.raises(ValueError, match="on the way"), instrumented([layer], lambda tensor: None):
        raise ValueError("on the way")
    assert layer._executor is before


def test_the_gradient_in_a_state_is_that_of_a_sequence_begun_there():
    layer = layer_of("lstm", return_state=True)
    x = inputs(layer.cell)["x"]

    def loss(outputs):
        return tf.reduce_sum(outputs[0] ** 2)

    _, seen, slopes = watch(layer, loss)
    for step in range(TIME - 1):
        _, h, c = layer(x[:, : step + 1])
        with tf.GradientTape() as tape:
            tape.watch([h, c])
            value = loss(layer(x[:, step + 1 :], initial_state=[h, c]))
        dh, dc = tape.gradient(value, [h, c])
        np.testing.assert_allclose(slopes["h"][step], dh, rtol=1e-9)
        # c reaches the loss through h of its own step, too.
        through = dh * seen.sequences["output"][step] * (1 - tf.tanh(c) ** 2)
        np.testing.assert_allclose(slopes["c"][step], dc + through, rtol=1e-9)


@pytest.mark.parametrize(
    ("cell", "state", "share"),
    [
        ("lstm", "c", lambda s: s["forget"]),
        ("gru", "h", lambda s: s["update"]),
        ("mgu", "h", lambda s: 1 - s["forget"]),
        ("janet", "h", lambda s: tf.sigmoid(s["forget"])),
        ("cifg", "c", lambda s: s["forget"]),
        ("peephole", "c", lambda s: s["forget"]),
        ("zoneout_lstm", "c", lambda s: s["forget"]),
    ],
)
def test_what_is_kept_follows_from_the_gates(cell, state, share):
    _, seen, _ = watch(layer_of(cell))
    kept, mixes = seen.kept()[state, state]
    np.testing.assert_allclose(kept, share(seen.sequences), rtol=1e-9)
    assert not mixes


def test_a_custom_gate_needs_no_code_for_it():
    layer = layer_of("lstm", swap={"forget": "power_law"})
    _, seen, slopes = watch(layer)
    np.testing.assert_allclose(seen.kept()["c", "c"][0], seen.sequences["forget"], rtol=1e-9)
    assert set(slopes) == {"h", "c", "forget.k"}
    assert float(tf.reduce_max(tf.abs(slopes["forget.k"]))) > 0


def test_a_state_that_a_gate_makes_anew_keeps_nothing_of_its_own():
    _, seen, slopes = watch(layer_of("rnn"))
    assert seen.kept() == {}
    assert set(slopes) == {"h"}


def test_matrix_memories():
    layer = gatekit.RNN("gla", 8, seed=1, dtype="float64")
    layer.build((None, None, FEATURES))
    _, seen, _ = watch(layer)
    kept, mixes = seen.kept()["S", "S"]
    decay = np.exp(np.asarray(seen.sequences["forget"]) / 16)
    # Each key's row of a head's matrix decays alike: 4 heads of 2 x 2.
    np.testing.assert_allclose(kept, np.repeat(decay, 2, axis=-1), rtol=1e-9)
    assert not mixes
    delta = gatekit.RNN("delta_net", 8, seed=1, dtype="float64")
    delta.build((None, None, FEATURES))
    _, seen, _ = watch(delta)
    assert seen.kept()["S", "S"][1]


def test_states_that_feed_each_other_are_told_in_pairs():
    _, seen, _ = watch(layer_of("lru"))
    shares = {pair: np.asarray(share[0, 0]) for pair, (share, _) in seen.kept().items()}
    assert set(shares) == {(a, b) for a in ("re", "im") for b in ("re", "im")}
    np.testing.assert_allclose(shares["re", "im"], -shares["im", "re"])


def test_masks_and_direction():
    mask = np.arange(TIME)[None] < np.array([[6], [2], [0]])
    layer = layer_of("gru", go_backwards=True, return_sequences=True)
    y, seen, _ = watch(layer, mask=tf.constant(mask))
    np.testing.assert_array_equal(seen.in_time(seen.mask)[:, :, 0], mask.T)
    np.testing.assert_allclose(
        seen.in_time(seen.sequences["h"])[:, 0], np.asarray(y)[0, ::-1], rtol=1e-12
    )


FEW = ("lstm", "slstm", "mamba", "cornn", "lmu")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if n in FEW else pytest.mark.slow)
        for n in dict.fromkeys((*FEW, *VARIED))
        if n in BUNDLED
    ],
)
def test_cells_of_every_structure_can_be_watched(name):
    layer = gatekit.RNN(name, 8, seed=1, return_sequences=True)
    layer.build((None, None, FEATURES))
    found = {n: tf.cast(v, "float32") for n, v in inputs(layer.cell).items()}
    with tf.GradientTape() as tape, instrumented([layer], tape.watch) as instruments:
        y = layer(found)
        loss = tf.reduce_sum(y**2)
    seen = instruments[layer.name]
    slopes = tape.gradient(loss, seen.perturbations, unconnected_gradients="zero")
    for state in layer.cell.states:
        assert np.isfinite(slopes[state.name]).all()
        assert slopes[state.name].shape == seen.sequences[state.name].shape
    for share, _ in seen.kept().values():
        assert np.isfinite(share).all()


def test_in_a_graph_and_under_a_mixed_policy():
    layer = gatekit.RNN("lstm", UNITS, seed=1, dtype="mixed_bfloat16")
    model = keras.Sequential([keras.Input((None, FEATURES)), layer])

    @tf.function(autograph=False)
    def look(x):
        with tf.GradientTape() as tape, instrumented([layer], tape.watch) as instruments:
            loss = tf.reduce_sum(tf.cast(model(x), "float32") ** 2)
        seen = instruments[layer.name]
        return (
            tape.gradient(loss, seen.perturbations),
            seen.kept()["c", "c"][0],
            seen.sequences["forget"],
        )

    slopes, kept, forget = look(tf.ones((2, 4, FEATURES)))
    assert slopes["c"].dtype == kept.dtype == tf.float32
    np.testing.assert_allclose(kept, forget, rtol=1e-6)

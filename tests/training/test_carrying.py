"""Carried states: equal to the whole sequence, cut where the gradient is, and kept apart."""

import keras
import numpy
import pytest
import tensorflow as tf
from seams import CarryingBlock, CarryingRNN, state_shapes

from gatekit import RNN, BlockLayer

SIZE, TIME, WINDOW = 3, 12, 4


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


def layers(cell="lstm", executor="stacked", **options):
    whole = RNN(
        cell, 4, executor=executor, return_sequences=True, return_state=True, seed=1, **options
    )
    carrying = CarryingRNN(
        cell, 4, batch=SIZE, executor=executor, return_sequences=True, seed=1, **options
    )
    return whole, carrying


def data(time=TIME, size=SIZE):
    return tf.constant(numpy.random.default_rng(0).normal(size=(size, time, 2)))


def begins(place):
    return tf.fill([SIZE], place == 0)


CASES = [
    ("lstm", "stacked", {}),
    ("lstm", "reference", {}),
    ("lstm", "unroll", {}),
    ("mingru", "scan", {}),
    ("mingru", "affine", {}),
    ("gla", "chunk", {}),
    ("qrnn", "stacked", {}),  # carries an input
    ("rg_lru", "stacked", {}),  # counts steps
    ("lstm", "stacked", {"output_unit": "mix_last"}),  # carries a history
]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("cell", "executor", "options"), CASES)
def test_windows_give_the_outputs_of_the_whole_and_cut_its_gradient(cell, executor, options):
    whole, carrying = layers(cell, executor, **options)
    x = data()
    expected = whole(x, training=True)[0]
    cuts = [x[:, start : start + WINDOW] for start in range(0, TIME, WINDOW)]
    found, slopes = [], []
    for place, part in enumerate(cuts):
        with tf.GradientTape() as tape:
            found.append(carrying(part, begins=begins(place), training=True))
            loss = tf.reduce_sum(found[-1] ** 2)
        slopes.append(tape.gradient(loss, carrying.trainable_weights))
    numpy.testing.assert_allclose(tf.concat(found, 1), expected, atol=1e-12)
    state = None
    for part, slope in zip(cuts, slopes, strict=True):
        with tf.GradientTape() as tape:
            y, *state = whole(part, initial_state=state, training=True)
            loss = tf.reduce_sum(y**2)
        state = [tf.stop_gradient(s) for s in state]
        for one, other in zip(slope, tape.gradient(loss, whole.trainable_weights), strict=True):
            numpy.testing.assert_allclose(one, other, atol=1e-10)


def test_learned_first_states_get_the_gradient_of_the_first_window_alone():
    _, carrying = layers(learned_initial_state=["c"])
    found = []
    for place in range(2):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(carrying(data(WINDOW), begins=begins(place), training=True))
        learned = next(w for n, w in carrying.named_weights.items() if "initial" in n)
        slope = tape.gradient(loss, learned)
        found.append(slope is not None and bool(numpy.abs(slope).max() > 0))
    assert found == [True, False]


def test_evaluation_has_states_of_its_own():
    _, carrying = layers()
    x = data()
    carrying(x[:, :WINDOW], begins=begins(0), training=True)
    kept = {name: v.numpy() for name, v in carrying.carried.trained.by_name.items()}
    assert set(kept) == set(state_shapes(carrying.cell, SIZE))
    parts = [carrying(x[:, s : s + 6], begins=begins(s), training=False) for s in (0, 6)]
    assert all((carrying.carried.trained.by_name[n].numpy() == v).all() for n, v in kept.items())
    numpy.testing.assert_allclose(tf.concat(parts, 1), layers()[0](x)[0], atol=1e-12)


def test_a_batch_of_another_size_is_read_from_its_beginning():
    _, carrying = layers()
    carrying(data(), begins=begins(0), training=False)
    kept = carrying.carried.evaluated.by_name["c"].numpy()
    y = carrying(data(size=2), begins=tf.fill([2], True), training=False)
    numpy.testing.assert_allclose(y, layers()[0](data(size=2))[0], atol=1e-12)
    assert (carrying.carried.evaluated.by_name["c"].numpy() == kept).all()


def test_states_are_no_weights():
    _, carrying = layers()
    carrying(data(), begins=begins(0))
    assert [w.name for w in carrying.weights] == [w.name for w in carrying.trainable_weights]


@pytest.mark.parametrize("block", ["modern", pytest.param("mamba", marks=pytest.mark.slow)])
def test_windows_of_a_block_are_the_whole_with_resets_and_masks(block):
    options = {"return_sequences": True, "seed": 1, "name": "block_0"}
    whole = BlockLayer(block, "lstm", 4, **options)
    carrying = CarryingBlock(block, "lstm", 4, batch=SIZE, **options)
    random = numpy.random.default_rng(1)
    mask, resets = random.random((SIZE, TIME)) < 0.8, random.random((SIZE, TIME)) < 0.2
    mask[:, 0] = True
    x = data()
    expected = whole(x, mask=mask, resets=resets)
    for _ in range(2):  # streams that begin again
        found = []
        for place, start in enumerate(range(0, TIME, WINDOW)):
            cut = slice(start, start + WINDOW)
            given = {"mask": mask[:, cut], "resets": resets[:, cut], "begins": begins(place)}
            found.append(carrying(x[:, cut], training=True, **given))
            carrying(x[:, cut], training=False, **given)  # leaves the training states alone
        found = tf.concat(found, 1)
        numpy.testing.assert_allclose(found[mask], expected[mask], rtol=1e-12, atol=1e-12)

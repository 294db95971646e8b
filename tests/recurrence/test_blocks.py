"""Blocks as Keras layers: the convolution, states, directions, gradients, files."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from seams import CausalConvolution, Order, Parts, using
from seams import NameNode as Name

import gatekit
from gatekit import ConfigError, DataError

ROWS, TIME, WIDTH = 3, 6, 4
MASK = np.array([[1, 1, 0, 1, 0, 1], [0, 0, 1, 1, 1, 0], [0] * TIME], bool)
RESETS = np.array([[0, 0, 0, 1, 0, 0], [0, 1, 0, 0, 1, 0], [1, 0, 0, 0, 1, 0]], bool)
OWN = '''
"""A block with a Keras layer of its own."""

from gatekit import Block, hookimpl, ops


class Branched(Block):
    """A parallel branch: ``y = x + W (mixer(x) + branch(x))``.

    Reference: unpublished
    """

    units: int = 4

    def mix(self, parts, x):
        import keras

        branch = parts.layer(
            "branch", x, lambda: keras.layers.Conv1D(parts.units, 1), parts.units,
            count=parts.width * parts.units + parts.units,
        )
        return parts.mixer(x) + ops.tanh(branch)


@hookimpl
def gatekit_blocks():
    return {"branched": Branched}
'''


def inputs(dtype: str = "float64", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(ROWS, TIME, WIDTH)).astype(dtype)


def layer(block="modern", **options) -> gatekit.BlockLayer:
    settings = {"return_sequences": True, "seed": 1, "dtype": "float64", **options}
    return gatekit.BlockLayer(block, "lstm", WIDTH, **settings)


def convolved(x, mask, resets, kernel, bias):
    """The convolution by its definition: a loop over rows and steps that keeps a list."""
    found = np.zeros((*x.shape[:2], len(bias)))
    for row in range(len(x)):
        past = []
        for step in range(x.shape[1]):
            if resets is not None and resets[row, step]:
                past = []
            if mask is not None and not mask[row, step]:
                continue
            past = [*past, x[row, step]][-len(kernel) :]
            for back, value in enumerate(reversed(past)):
                w = kernel[back]
                found[row, step] += value * w if w.ndim == 1 else value @ w
            found[row, step] += bias
    return found


@pytest.mark.parametrize("width", [None, 5])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
@pytest.mark.parametrize("resets", [None, RESETS], ids=["one", "resets"])
def test_the_convolution_is_that_of_a_loop_over_valid_steps(width, mask, resets):
    x = inputs()
    parts = Parts("test", WIDTH, WIDTH, {"x": WIDTH}, lambda size: None)
    parts.convolution("conv", Name("x"), 3, width)
    [part] = parts._parts
    conv = CausalConvolution(part, 0, dtype="float64")
    conv.build((None, None, WIDTH))
    conv.own[1].assign(np.arange(1.0, 1 + (width or WIDTH)))
    kernel, bias = (np.asarray(w) for w in conv.own)
    expected = convolved(x, mask, resets, kernel, bias)
    none = np.zeros((ROWS, 2, WIDTH))
    given = None if mask is None else tf.constant(mask)
    new = None if resets is None else tf.constant(resets)
    actual, _ = conv(x, none, order=Order(x, given, new))
    valid = np.ones((ROWS, TIME), bool) if mask is None else mask
    np.testing.assert_allclose(np.asarray(actual)[valid], expected[valid], rtol=0, atol=1e-14)
    # in two parts, the last inputs carried over
    for cut in (1, 3, 5):
        pieces, last = [], none
        for part in (slice(None, cut), slice(cut, None)):
            order = Order(
                x[:, part],
                None if mask is None else tf.constant(mask[:, part]),
                None if resets is None else tf.constant(resets[:, part]),
            )
            piece, last = conv(x[:, part], last, order=order)
            pieces.append(piece)
        joined = np.concatenate(pieces, 1)
        np.testing.assert_allclose(joined[valid], expected[valid], rtol=0, atol=1e-14)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_second_direction_is_the_first_one_on_reversed_time():
    one, other = layer(bidirectional=True), layer(bidirectional=True)
    x, mask = inputs(), MASK[:, ::-1].copy()
    one(x), other(x)
    for part in one.built_block.mix.ops:
        names = f"part_{part.name}", f"part_backward_{part.name}"
        for name, twin in (names, names[::-1]):
            getattr(other, twin).set_weights(getattr(one, name).get_weights())
    for part in one.built_block.combine.ops:
        values = getattr(one, f"part_{part.name}").get_weights()
        if part.name == "project":
            values = [np.concatenate([values[0][WIDTH:], values[0][:WIDTH]])]
        getattr(other, f"part_{part.name}").set_weights(values)
    expected = np.asarray(one(x, mask=mask))
    actual = np.asarray(other(x[:, ::-1], mask=mask[:, ::-1]))[:, ::-1]
    np.testing.assert_allclose(actual[mask], expected[mask], rtol=0, atol=1e-12)


@pytest.mark.parametrize("block", ["modern", "gla"])
def test_the_gradient_is_that_of_finite_differences(block):
    rnn, x = layer(block, finish=True), inputs()
    rnn(x)
    weights = np.random.default_rng(1).normal(size=x.shape)

    def total() -> tf.Tensor:
        return tf.reduce_sum(weights * rnn(x, mask=MASK))

    variables = [w.value for w in rnn.trainable_weights]
    with tf.GradientTape() as tape:
        value = total()
    slopes = tape.gradient(value, variables)
    rng = np.random.default_rng(2)
    directions = [rng.normal(size=v.shape) for v in variables]
    expected = sum(float(tf.reduce_sum(s * d)) for s, d in zip(slopes, directions, strict=True))
    ends = []
    for sign in (1, -1):
        for variable, direction in zip(variables, directions, strict=True):
            variable.assign_add(sign * 1e-6 * direction)
        ends.append(float(total()))
        for variable, direction in zip(variables, directions, strict=True):
            variable.assign_sub(sign * 1e-6 * direction)
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("both", [False, True], ids=["forwards", "both"])
def test_a_reset_separates_sequences(both):
    rnn, x = layer(bidirectional=both), inputs()
    resets = np.zeros((ROWS, TIME), bool)
    resets[:, 2] = True
    apart = [np.asarray(rnn(x[:, part])) for part in (slice(None, 2), slice(2, None))]
    values = np.asarray(rnn(x, resets=resets))
    np.testing.assert_allclose(values, np.concatenate(apart, 1), rtol=0, atol=1e-12)


# Keras itself converts the weights of its own layers so.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_an_own_layer_in_a_block_is_drawn_from_the_seed_and_saved(tmp_path: Path):
    file = tmp_path / "branched.py"
    file.write_text(OWN)
    x = inputs("float32")

    def made():
        given = keras.Input((None, WIDTH))
        one = layer("branched", plugins=[str(file)], bidirectional=True, dtype="float32")
        return keras.Model(given, one(given))

    model, again = made(), made()
    expected = np.asarray(model(x))
    assert np.array_equal(np.asarray(again(x)), expected)
    model.save(tmp_path / "model.keras")
    with using([str(file)]):
        loaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(np.asarray(loaded(x)), expected)
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_allclose(np.asarray(exported.serve(x)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("block", ["modern", "mamba"])
def test_the_steps_one_after_another_are_the_whole_call(block):
    made, x = layer(block, return_sequences=True), tf.constant(inputs())
    mask, resets = MASK.copy(), RESETS & MASK
    whole = np.asarray(made(x, mask=mask, resets=resets))
    states = dict(zip(made.state_names, made.get_initial_state(ROWS), strict=True))
    for t in range(TIME):
        value, states = made.step(x[:, t], states, mask=mask[:, t], resets=resets[:, t])
        valid = mask[:, t]
        np.testing.assert_allclose(value[valid], whole[:, t][valid], rtol=1e-12, atol=1e-12)
        assert not np.any(value[~valid])
    assert list(states) == list(made.state_names)
    with pytest.raises(ConfigError, match="in one direction"):
        layer(block, bidirectional=True).step(x[:, 0])


def test_a_convolution_of_one_step_carries_nothing():
    rnn, x = layer({"kind": "modern", "conv": 1}, return_state=True), tf.constant(inputs())
    whole, *last = rnn(x)
    assert rnn.state_names == ("h", "c")
    first, *states = rnn(x[:, :2])
    second, *end = rnn(x[:, 2:], initial_state=states)
    np.testing.assert_allclose(np.concatenate([first, second], 1), whole, rtol=0, atol=1e-12)
    for one, other in zip(end, last, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    assert list(rnn.step(x[:, 0])[1]) == ["h", "c"]


def test_a_masked_step_after_a_reset_is_zero_until_the_next_valid_one():
    mask = np.array([[1, 1, 0, 0, 0, 1], [1, 1, 1, 0, 0, 0]], bool)
    resets = np.array([[0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 0]], bool)
    x = inputs()[:2]
    for made in (layer(return_sequences=True), gatekit.RNN("gru", 4, return_sequences=True)):
        value = np.asarray(made(x, mask=mask, resets=resets))
        zero = ~np.any(value, 2)
        assert zero.tolist() == [[False] * 3 + [True] * 2 + [False], [False] * 4 + [True] * 2]
    last = layer(return_sequences=False)(x, mask=mask, resets=resets)
    assert np.any(last[0])
    assert not np.any(last[1])


@pytest.mark.parametrize("given", ["whole", "masked and reset"])
@pytest.mark.parametrize("block", ["modern", "mamba"])
def test_a_stateful_block_in_parts_is_the_whole_sequence(block, given):
    plain, x = layer(block), inputs()
    more = {} if given == "whole" else {"mask": MASK, "resets": RESETS & MASK}
    expected = np.asarray(plain(x, **more))
    stateful = layer(block, stateful=True)
    stateful.build((ROWS, None, WIDTH))
    assert plain.states is None
    assert [w.path for w in stateful.weights] == [w.path for w in stateful.trainable_weights]
    valid = more.get("mask", np.ones((ROWS, TIME), bool))
    for _ in range(2):
        parts = []
        for cut in (slice(0, 1), slice(1, 4), slice(4, None)):
            parts.append(stateful(x[:, cut], **{n: v[:, cut] for n, v in more.items()}))
        actual = np.concatenate(parts, 1)
        np.testing.assert_allclose(actual[valid], expected[valid], rtol=0, atol=1e-12)
        before = [np.asarray(s) for s in stateful.states]
        stateful.step(x[:, 0])  # leaves the kept states alone
        for one, other in zip(before, stateful.states, strict=True):
            assert np.array_equal(one, other)
        stateful.reset_state()
    assert not any(np.any(s) for s in stateful.states)


def test_a_stateful_block_needs_one_direction_and_a_batch_of_one_size():
    with pytest.raises(ConfigError, match="in one direction"):
        layer(stateful=True, bidirectional=True)
    with pytest.raises(ConfigError, match="needs the batch size"):
        layer(stateful=True).build((None, None, WIDTH))
    made = layer(stateful=True)
    assert gatekit.BlockLayer.from_config(made.get_config()).stateful
    made(inputs())
    with pytest.raises(DataError, match=r"3 sequences, .*2"):
        made(inputs()[:2])


@pytest.mark.slow
def test_an_exported_block_computes_sequences_and_steps(tmp_path: Path):
    rnn, x = layer("mamba", dtype="float32"), inputs("float32")
    expected = np.asarray(rnn(x))
    rnn.export(tmp_path)
    served = tf.saved_model.load(str(tmp_path)).signatures
    whole = served["serve"](x=tf.constant(x))
    np.testing.assert_allclose(next(iter(whole.values())), expected, rtol=0, atol=1e-6)
    states = served["start"](batch=tf.constant(ROWS))
    for t in range(TIME):
        found = served["step"](x=tf.constant(x[:, t]), **states)
        np.testing.assert_allclose(found.pop("emitted"), expected[:, t], rtol=0, atol=1e-6)
        states = {f"{name}_prev": value for name, value in found.items()}
    with pytest.raises(ConfigError, match="export needs"):
        layer(bidirectional=True).export(tmp_path)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_sequence_without_a_step_ends_in_zeros(bidirectional: bool) -> None:
    layer = gatekit.BlockLayer("griffin", "lstm", bidirectional=bidirectional, seed=1)
    layer.build((None, None, 8))
    x, none = np.zeros((2, 0, 8), "float32"), np.zeros((2, 0), bool)
    expected = np.zeros((2, layer.built_block.output_width))
    of_any_time = tf.function(
        layer, input_signature=[tf.TensorSpec([None, None, 8])], autograph=False
    )
    np.testing.assert_array_equal(layer(x), expected)
    np.testing.assert_array_equal(of_any_time(x), expected)
    for parts in ({"mask": none}, {"resets": none}, {"mask": none, "resets": none}):
        np.testing.assert_array_equal(layer(x, **parts), expected)
    whole = gatekit.BlockLayer(
        "griffin", "lstm", bidirectional=bidirectional, seed=1, return_sequences=True
    )
    whole.build((None, None, 8))
    assert whole(x, mask=none, resets=none).shape[1] == 0

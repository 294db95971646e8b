"""gatekit.Cell: a step as `keras.layers.RNN` asks for it, equal to gatekit.RNN over sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN, Cell, ConfigError

from .cells import VARIED, spec
from .layers import BATCH, FEATURES, HOLES, TIME, UNITS, fill_weights, inputs_for, layer
from .problems import assert_close

FEW = ("lstm", "gru_reset_after", "slstm", "on_lstm", "phased_lstm")


def _cell(cell: str, **options: Any) -> Cell:
    """Return a cell in float64 with random weights, those of `layer(cell)`."""
    step_cell = Cell(spec(cell), UNITS, **{"dtype": "float64", "features": FEATURES, **options})
    width = FEATURES
    shapes = {name: (None, w) for name, w in layer(cell).cell.inputs.items()}
    step_cell.build((None, width) if len(shapes) == 1 else shapes)
    fill_weights(step_cell)
    return step_cell


def _named(values: Any, names: Any) -> dict[str, Any]:
    flat = [np.reshape(value, (len(value), -1)) for value in values[1:]]
    return dict(zip(["outputs", *names], [values[0], *flat], strict=False))


@pytest.mark.one_in(1, slow=3)
@pytest.mark.parametrize(
    "cell",
    [*FEW, *(pytest.param(c, marks=pytest.mark.slow) for c in VARIED if c not in FEW)],
)
def test_a_loop_over_steps_is_the_layer(cell: str) -> None:
    options: dict[str, Any] = {"output_unit": "mix_last"} if cell == "lstm" else {}
    sequence = layer(cell, return_sequences=True, return_state=True, **options)
    made, x = _cell(cell, **options), inputs_for(sequence)
    names = sequence.state_names
    if len(sequence.cell.inputs) == 1:
        over = keras.layers.RNN(made, return_sequences=True, return_state=True, dtype="float64")
        mask = tf.constant(HOLES)
        found, expected = over(x, mask=mask), sequence(x, mask=HOLES)
    else:
        states, outputs = made.get_initial_state(BATCH), []
        for step in range(TIME):
            y, states = made(tf.nest.map_structure(lambda v, t=step: v[:, t], x), states)
            outputs.append(y)
        found, expected = [np.stack(outputs, 1), *states], sequence(x)
    assert_close(_named(found, names), _named(expected, names))


# Keras copies the variables of its own cells in a way that NumPy 2 warns of.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_stack_of_cells_is_a_stack_of_layers(tmp_path: Path) -> None:
    cells = [Cell("lstm", 8, seed=1), keras.layers.GRUCell(5), Cell("peephole", 4, seed=2)]
    stack = keras.layers.StackedRNNCells(cells)
    assert stack.state_size == [[8, 8], 5, [4, 4]]
    assert stack.output_size == 4
    layers = [RNN("lstm", 8, return_sequences=True), RNN("peephole", 4, return_sequences=True)]
    gru = keras.layers.GRU(5, return_sequences=True)
    model = keras.Sequential(
        [keras.Input((None, FEATURES)), keras.layers.RNN(stack, return_sequences=True)]
    )
    other = keras.Sequential([keras.Input((None, FEATURES)), layers[0], gru, layers[1]])
    for one, theirs in zip([layers[0], gru, layers[1]], cells, strict=True):
        one.set_weights(theirs.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 4, FEATURES)).astype("float32")
    np.testing.assert_allclose(model(x), other(x), atol=1e-6)
    model.save(tmp_path / "model.keras")
    back = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(back(x), model(x))


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_dropout_has_one_mask_per_sequence(mode: str) -> None:
    made = _cell("ind_rnn", dropout=0.5)
    over = keras.layers.RNN(made, return_sequences=True, dtype="float64")
    x = tf.ones([BATCH, TIME, FEATURES], tf.float64)

    def dropped() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = over(x, training=True)
        return tape.gradient(y, x) == 0.0

    call = tf.function(dropped) if mode == "graph" else dropped
    masks = [np.asarray(call()) for _ in range(6)]
    for mask in masks:
        np.testing.assert_array_equal(mask, np.repeat(mask[:, :1], TIME, 1))
    assert any(not np.array_equal(masks[0], other) for other in masks[1:])


def test_by_hand_a_mask_lasts_until_it_is_reset() -> None:
    made = _cell("lstm", dropout=0.5)
    x, states = tf.ones([64, FEATURES], tf.float64), made.get_initial_state(64)
    first, again = (made(x, states, training=True)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    made.reset_dropout_mask()
    assert not np.array_equal(made(x, states, training=True)[0], first)


def test_zoneout_draws_anew_at_each_step() -> None:
    made = _cell("lstm", zoneout={"c": 0.5})
    assert made.state_names == ("h", "c", "step")
    x, states = tf.ones([64, FEATURES], tf.float64), made.get_initial_state(64)
    zoned = []
    for _ in range(3):
        _, new = made(x, states, training=True)
        zoned.append(np.asarray(new[1] == states[1]))
        states = new
    assert 0.3 < np.mean(zoned[1:]) < 0.7
    assert not np.array_equal(zoned[1], zoned[2])


def test_zoneout_draws_anew_after_more_steps_than_low_precision_counts() -> None:
    step_cell = Cell("rnn", 64, zoneout={"h": 0.3}, dtype="bfloat16", seed=1)
    x, (h, _) = tf.ones([1, FEATURES], "bfloat16"), step_cell.get_initial_state(1)
    step, held = tf.constant([[250]], "bfloat16"), []
    for _ in range(16):
        _, (new, step) = step_cell(x, [h, step], training=True)
        held.append(np.asarray(new == h)[0])
        h = new + tf.cast(0.5, "bfloat16")
    assert not np.any(np.all(held[8:], 0))  # no unit is held at all of them


def test_states_before_the_cell_is_built() -> None:
    step_cell = Cell("slstm", 4)
    assert step_cell.state_size == [4] * 4
    assert step_cell.output_size == 4
    assert [tuple(s.shape) for s in step_cell.get_initial_state(batch_size=3)] == [(3, 4)] * 4
    assert Cell("lstm", 4, output_unit="mix_last").state_size == [4, 4, 12]
    assert Cell("qrnn", 4, features=7).state_size == [4, 7]
    with pytest.raises(ConfigError, match="depend on the width of its input"):
        _ = Cell("qrnn", 4).state_size
    with pytest.raises(ConfigError, match="features=2, but the input has 3"):
        keras.layers.RNN(Cell("qrnn", 4, features=2)).build((None, None, 3))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float16"])
def test_states_keep_the_type_of_the_variables(policy: str) -> None:
    step_cell = Cell("lstm", 4, dtype=policy, seed=1)
    y, states = step_cell(np.ones((2, 3), "float32"), step_cell.get_initial_state(2))
    assert y.dtype == tf.as_dtype(keras.DTypePolicy(policy).compute_dtype)
    assert {s.dtype for s in states} == {tf.as_dtype(step_cell.variable_dtype)}
    over = keras.layers.RNN(step_cell, dtype=policy, return_sequences=True)
    assert np.all(np.isfinite(tf.cast(over(np.ones((2, 5, 3), "float32")), tf.float32)))


def test_a_cell_comes_back_from_its_configuration() -> None:
    step_cell = Cell("qrnn", 4, features=3, output_unit="memory", dropout=0.1, seed=3, name="mine")
    back = Cell.from_config(step_cell.get_config())
    assert back.get_config() == step_cell.get_config()
    assert repr(back) == "<Cell name=mine, cell=qrnn, units=4, built=False>"

"""`keras.layers.Bidirectional` around cells of every structure: both directions by hand, merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN

from .cells import VARIED
from .layers import ALL_MASKED_ROW, FEATURES, HOLES, inputs_for, layer
from .problems import assert_close
from .properties import twin

# As many as there are ways to merge, and more.
FEW = ("lstm", "gru", "mingru", "on_lstm", "slstm", "phased_lstm", "rnn")
MERGES: Mapping[Any, Any] = {
    "concat": lambda f, b: [np.concatenate([f, b], -1)],
    "sum": lambda f, b: [f + b],
    "mul": lambda f, b: [f * b],
    "ave": lambda f, b: [(f + b) / 2],
    None: lambda f, b: [f, b],
}


def _cases() -> Iterator[Any]:
    """Yield cells of every structure, each with other options: together they meet all of them."""
    modes, masks = list(MERGES), (None, HOLES, ALL_MASKED_ROW)
    for index, cell in enumerate(dict.fromkeys((*FEW, *VARIED))):
        mask = masks[index % len(masks)]
        options = (modes[index % len(modes)], mask, bool(index // 2 % 2), bool(index // 3 % 2))
        marks = () if cell in FEW else pytest.mark.slow
        yield pytest.param(cell, *options, id=cell, marks=marks)


def _by_hand(both: Any, x: Any, mask: Any, merge: Any) -> list[Any]:
    """Return what a bidirectional layer must return, from one layer for each direction."""
    forward, backward = both.forward_layer, both.backward_layer
    alone = twin(forward, zero_output_for_mask=False)
    # The same weights as the backward layer's, over the reversed sequence.
    other = twin(backward, zero_output_for_mask=False, go_backwards=False)
    flipped = tf.nest.map_structure(lambda v: tf.reverse(v, [1]), x)
    one = alone(x, mask=mask)
    two = other(flipped, mask=None if mask is None else mask[:, ::-1])
    states: list[Any] = []
    if forward.return_state:
        (one, *first), (two, *second) = one, two
        states = [*first, *second]
    one, two = np.asarray(one), np.asarray(two)
    if forward.return_sequences:
        two = two[:, ::-1]
        if mask is not None:
            one, two = (np.where(mask[..., None], y, 0.0) for y in (one, two))
    return [*MERGES[merge](one, two), *states]


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("cell", "merge", "mask", "sequences", "state"), list(_cases()))
def test_both_directions(
    cell: str, merge: Any, mask: Any, sequences: bool, state: bool, tmp_path: Path
) -> None:
    rnn = layer(cell, fill=False, return_sequences=sequences, return_state=state)
    both = keras.layers.Bidirectional(rnn, merge_mode=merge, dtype="float64")
    x = inputs_for(rnn)
    given = None if mask is None else tf.constant(mask)
    actual = tf.nest.flatten(both(x, mask=given))
    expected = _by_hand(both, x, mask, merge)
    names = [str(index) for index in range(len(expected))]
    assert_close(dict(zip(names, actual, strict=True)), dict(zip(names, expected, strict=True)))

    symbolic = {
        name: keras.Input(v.shape[1:], v.shape[0], dtype="float64", name=name)
        for name, v in (x if isinstance(x, dict) else {"x": x}).items()
    }
    symbolic = symbolic if isinstance(x, dict) else symbolic["x"]
    outputs = both(symbolic)
    assert [tuple(s.shape) for s in tf.nest.flatten(outputs)] == [tuple(f.shape) for f in actual]
    model = keras.Model(symbolic, outputs)
    model.save(tmp_path / "model.keras")
    back = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    for one, other in zip(tf.nest.flatten(back(x, mask=given)), actual, strict=True):
        np.testing.assert_array_equal(one, other)


def test_initial_states_are_those_of_forward_then_backward() -> None:
    rnn = layer("lstm", return_state=True, fill=False)
    both = keras.layers.Bidirectional(rnn, dtype="float64")
    x = inputs_for(rnn)
    states = [tf.constant(np.random.default_rng(k).normal(size=(4, 8))) for k in range(4)]
    found = both(x, initial_state=states)[0]
    forward = both.forward_layer(x, initial_state=states[:2])[0]
    backward = both.backward_layer(x, initial_state=states[2:])[0]
    assert_close({"y": found}, {"y": np.concatenate([forward, backward], -1)})


def test_a_stateful_bidirectional_layer_keeps_resets_and_shows_its_states() -> None:
    both = keras.layers.Bidirectional(RNN("lstm", 4, stateful=True, seed=1))
    x = np.random.default_rng(0).normal(size=(2, 3, FEATURES)).astype("float32")
    first, second = both(x), both(x)
    assert not np.allclose(first, second)
    assert [tuple(state.shape) for state in both.states] == [(2, 4)] * 4
    both.reset_state()
    np.testing.assert_array_equal(both(x), first)

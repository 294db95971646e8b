"""Properties that every cell has on every executor.

Each takes a built layer that returns sequences and states, its inputs, a mask, and a place in time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gatekit import RNN

from .layers import computed, graph, states_for
from .problems import assert_close, difference

Mask = NDArray[np.bool_]
Property = Callable[[RNN, Any, Mask, int], None]
TINY = 1e-12


def each(inputs: Any, change: Callable[[Any], Any]) -> Any:
    """Return inputs, x alone or by name, each changed."""
    if isinstance(inputs, Mapping):
        return {name: change(value) for name, value in inputs.items()}
    return change(inputs)


def called(rnn: RNN, inputs: Any, **options: Any) -> dict[str, Any]:
    """Return outputs and states by name."""
    return dict(zip(["outputs", *rnn.state_names], rnn(inputs, **options), strict=True))


def twin(rnn: RNN, **changes: Any) -> RNN:
    """Return a layer with the same weights and other options."""
    other = RNN.from_config({**rnn.get_config(), **changes})
    other.build((None, None, rnn.cell.features))
    for name, variable in other.named_weights.items():
        variable.assign(rnn.named_weights[name])
    return other


def p1_chunks_are_the_whole(rnn: RNN, inputs: Any, mask: Mask, cut: int) -> None:
    """A sequence in two parts, states handed on, is the sequence."""
    states = states_for(rnn, len(mask))
    whole = called(rnn, inputs, mask=mask, initial_state=states)
    early, late = each(inputs, lambda v: v[:, :cut]), each(inputs, lambda v: v[:, cut:])
    first = called(rnn, early, mask=mask[:, :cut], initial_state=states)
    handed = {name: first[name] for name in rnn.state_names}
    second = called(rnn, late, mask=mask[:, cut:], initial_state=handed)
    for name in rnn.state_names:
        assert difference(second[name], whole[name]) < TINY, name
    # A masked step repeats the last emission of its own chunk, so only valid steps compare.
    joined = tf.concat([first["outputs"], second["outputs"]], 1)
    assert difference(joined[mask], whole["outputs"][mask]) < TINY


def p2_to_p4_rows_are_alone(rnn: RNN, inputs: Any, mask: Mask, cut: int) -> None:
    """Rows may be permuted, be fewer, or be alone."""
    states, order = states_for(rnn, len(mask)), np.roll(np.arange(len(mask)), cut)
    whole = called(rnn, inputs, mask=mask, initial_state=states)
    for rows in (order, order[:-1], order[:1]):
        own = {n: tf.gather(v, rows) for n, v in states.items()}
        some = each(inputs, lambda v, rows=rows: tf.gather(v, rows))
        found = called(rnn, some, mask=mask[rows], initial_state=own)
        for name, value in found.items():
            assert difference(value, tf.gather(whole[name], rows)) < TINY, name


def p5_p7_padding_is_the_identity(rnn: RNN, inputs: Any, mask: Mask, cut: int) -> None:
    """What stands in a masked step does not matter, and a masked row returns its states."""
    mask = mask.copy()
    mask[0] = False
    states = states_for(rnn, len(mask))
    expected = computed(rnn, inputs, mask, states)
    spoilt = each(inputs, lambda v: tf.where(mask[:, :, None], v, np.nan))
    actual = computed(rnn, spoilt, mask, states)
    assert_close(actual[0], expected[0])
    assert_close(actual[1], expected[1])
    for name, value in states.items():
        np.testing.assert_array_equal(expected[0][name][0], value[0])
    assert not np.any(expected[0]["outputs"][0])


def p6_masked_is_unpadded(rnn: RNN, inputs: Any, mask: Mask, cut: int) -> None:
    """A row with holes is the row without them."""
    whole = called(rnn, inputs, mask=mask)
    for row, valid in enumerate(mask[:2]):
        alone = called(rnn, each(inputs, lambda v, r=row, m=valid: v[r][m][None]))
        assert difference(whole["outputs"][row][valid], alone["outputs"][0]) < TINY
        for name in rnn.state_names:
            assert difference(alone[name][0], whole[name][row]) < TINY, name


def p8_all_executors_agree(rnn: RNN, inputs: Any, mask: Mask, cut: int) -> None:
    """Eagerly and in a graph the layer computes what the reference does, gradients too."""
    plain = twin(rnn, executor="reference")
    expected = computed(plain, inputs, mask)
    for found in (computed(rnn, inputs, mask), graph(lambda v: computed(rnn, v, mask))(inputs)):
        assert_close(found[0], expected[0])
        assert_close(found[1], expected[1])


def p14_backwards_is_flipped(rnn: RNN, inputs: Any, mask: Mask, cut: int) -> None:
    """A layer that goes backwards computes what the layer computes of the flipped input."""
    back = twin(rnn, go_backwards=True)
    flipped = each(inputs, lambda v: tf.reverse(v, [1]))
    expected = called(rnn, flipped, mask=mask[:, ::-1])
    for name, value in called(back, inputs, mask=mask).items():
        np.testing.assert_array_equal(value, expected[name])


def p15_the_past_does_not_see_the_future(rnn: RNN, inputs: Any, mask: Mask, cut: int) -> None:
    """Steps before a change of x stay as they were, to the last bit, and that step changes."""
    later = tf.range(mask.shape[1])[None, :, None] >= cut
    before = called(rnn, inputs)["outputs"]
    after = called(rnn, each(inputs, lambda v: tf.where(later, v + 1.0, v)))["outputs"]
    np.testing.assert_array_equal(after[:, :cut], before[:, :cut])
    assert not np.array_equal(after[:, cut:], before[:, cut:])


def p16_everything_learns(rnn: RNN, inputs: Any, mask: Mask, cut: int) -> None:
    """No weight that is trained has a gradient of zero."""
    gradients = computed(rnn, inputs)[1]
    still = [n for n, v in rnn.named_weights.items() if v.trainable and not np.any(gradients[n])]
    assert still == []


PROPERTIES: tuple[Property, ...] = (
    p1_chunks_are_the_whole,
    p2_to_p4_rows_are_alone,
    p5_p7_padding_is_the_identity,
    p6_masked_is_unpadded,
    p8_all_executors_agree,
    p14_backwards_is_flipped,
    p15_the_past_does_not_see_the_future,
    p16_everything_learns,
)

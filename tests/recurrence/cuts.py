"""What a layer must compute with resets: the same sequences, cut there and run by themselves."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gatekit import RNN

from .problems import loss
from .properties import twin

Booleans = NDArray[np.bool_]


def pieces(resets: Booleans, backwards: bool) -> list[list[slice]]:
    """Return the sequences of each row, in the order in which they are computed."""
    found = []
    for row in resets:
        borders = [0, *(int(t) for t in np.flatnonzero(row)), len(row)]
        # A reset at the first step leaves an empty sequence ahead of it, which starts from the
        # given states; backwards in time it comes last, and is none.
        cut = [slice(a, b) for a, b in itertools.pairwise(borders)]
        if backwards:
            cut = [piece for piece in reversed(cut) if piece.stop > piece.start] or cut
        found.append(cut)
    return found


def cut_up(
    rnn: RNN,
    inputs: Mapping[str, Any],
    resets: Booleans,
    mask: Booleans | None = None,
    states: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return outputs and last states of a layer that computes each sequence by itself.

    Each is a row of one call: padded at its end, because a masked step changes nothing.

    Args:
        made: the layer; it returns sequences and states.
        inputs: by name, ``batch x time x width``.
        resets: ``batch x time``.
        mask: ``batch x time``.
        states: those before the first step.
    """
    batch, time = resets.shape
    back = rnn.go_backwards
    cut = pieces(resets, back)
    rows = [(row, piece, k == 0) for row in range(batch) for k, piece in enumerate(cut[row])]
    place = np.zeros((len(rows), time), int)
    valid = np.zeros((len(rows), time), bool)
    for index, (row, piece, _) in enumerate(rows):
        steps = np.arange(piece.start, piece.stop)
        given = steps if mask is None else steps[mask[row, piece]]
        # In the order of time at the front; a layer that goes backwards sees padding first.
        place[index, : len(steps)] = steps
        valid[index, : len(steps)] = np.isin(steps, given)
    row_of = np.array([row for row, _, _ in rows])
    gathered = {
        name: tf.gather(tf.gather(value, row_of), place, axis=1, batch_dims=1)
        for name, value in inputs.items()
    }
    begins = np.array([first for _, _, first in rows])
    fresh = rnn.initial_states(len(rows))
    initial = {
        name: tf.where(
            begins.reshape([-1] + [1] * (len(value.shape) - 1)),
            tf.gather(states[name], row_of) if states and name in states else value,
            value,
        )
        for name, value in fresh.items()
    }
    whole = rnn(gathered if len(gathered) > 1 else gathered["x"], initial_state=initial, mask=valid)
    outputs, *last = whole
    # Back to the rows, in the order in which the layer returns steps.
    order = [
        [
            (index, time - 1 - t if back else t)
            for index in range(len(rows))
            if row_of[index] == row
            for t in (
                reversed(range(rows[index][1].stop - rows[index][1].start))
                if back
                else range(rows[index][1].stop - rows[index][1].start)
            )
        ]
        for row in range(batch)
    ]
    ends = [max(i for i in range(len(rows)) if row_of[i] == row) for row in range(batch)]
    found = {"outputs": tf.gather_nd(outputs, np.array(order).reshape(batch, time, 2))}
    found.update({n: tf.gather(v, ends) for n, v in zip(rnn.state_names, last, strict=True)})
    return found


def compared(
    rnn: RNN,
    inputs: Any,
    resets: Booleans,
    mask: Booleans | None = None,
    states: Mapping[str, Any] | None = None,
    *,
    by_cuts: bool,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return outputs and states, and the gradients of their weighted sum in every argument."""
    arrays = dict(inputs) if isinstance(inputs, Mapping) else {"x": inputs}
    given = {f"input {k}": v for k, v in arrays.items()}
    given.update({f"state {k}": v for k, v in (states or {}).items()})
    with tf.GradientTape() as tape:
        tape.watch(given)
        if by_cuts:
            values = cut_up(rnn, arrays, resets, mask, states)
        else:
            called = rnn(inputs, initial_state=states, mask=mask, resets=resets)
            values = dict(zip(["outputs", *rnn.state_names], called, strict=True))
        total = loss(values)
    trained = {n: v.value for n, v in rnn.named_weights.items() if v.trainable}
    gradients = tape.gradient(total, {**given, **trained}, unconnected_gradients="zero")
    return values, {name: tf.convert_to_tensor(value) for name, value in gradients.items()}


def plain(rnn: RNN) -> RNN:
    """Return the layer with the same weights on the reference executor."""
    return twin(rnn, executor="reference")

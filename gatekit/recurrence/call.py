"""One call of a layer: from checked inputs to a problem, and from its solution to outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import DataError
from gatekit.cell.graph import Cell

from .emission import emit, only_final
from .masking import ValidSteps, backwards, harmless, previous_values
from .noise import dropout_mask, noise
from .packing import joined
from .problem import Problem, Solution

Shape = tuple[int | Tensor | None, ...]
"""A shape; its batch size may be a tensor, or None if it is not known."""


@dataclass(frozen=True, kw_only=True)
class LayerCall:
    """The checked arguments of one call of a layer.

    Args:
        cell: the built cell.
        weights: weights by name, with the maps of parameters applied.
        inputs: ``batch x time x width`` by name.
        mask: ``batch x time``, true where valid, or None.
        first: the initial states by name.
        resets: ``batch x time``, true where a new sequence begins, or None.
        reset_values: the states after a reset, by name; only read with resets.
        seed: a scrambled seed, or None if the call draws no noise.
        training: whether dropout, zoneout and noises draw.
        step: the number of earlier steps that drew noises from the same seed.
        go_backwards: whether time runs from the last step to the first.
        return_sequences: whether to return every step or only the last.
        zero_masked: whether a masked step returns zero instead of the last valid output.
        matmul_dtype: the type that matrix products run in.
    """

    cell: Cell
    weights: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor]
    mask: Tensor = None
    first: Mapping[str, Tensor]
    resets: Tensor = None
    reset_values: Mapping[str, Tensor] = field(default_factory=dict)
    seed: Tensor = None
    training: bool = False
    step: Tensor = 0
    go_backwards: bool = False
    return_sequences: bool = False
    zero_masked: bool = False
    matmul_dtype: tf.DType


def is_noisy(cell: Cell, training: bool) -> bool:
    """Return whether a call draws random numbers."""
    spec = cell.spec
    rates = (
        *cell.noises,
        spec.dropout,
        spec.recurrent_dropout,
        *(state.zoneout for state in cell.states),
    )
    return training and any(rates)


def compute(
    call: LayerCall, solve: Callable[[Problem], Solution]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the outputs, ``batch x time x width`` or ``batch x width``, and the new states.

    Args:
        call: the arguments of the call.
        solve: the executor.
    """
    problem = prepare(call)
    return finish(call, problem, solve(problem))


@tf.autograph.experimental.do_not_convert
def prepare(call: LayerCall) -> Problem:
    """Return the problem of a call: time first, masked, with all dropout masks drawn."""
    cell, first = call.cell, call.first
    sequences = {name: tf.transpose(value, [1, 0, 2]) for name, value in call.inputs.items()}
    mask = None if call.mask is None else tf.transpose(call.mask)[:, :, None]
    if call.go_backwards:
        sequences = {name: tf.reverse(value, [0]) for name, value in sequences.items()}
        mask = None if mask is None else tf.reverse(mask, [0])
    resets = _resets(call)
    valid = None
    # The content of a masked step must not matter: even NaN in it must not reach a gradient.
    sequences = {name: harmless(mask, value) for name, value in sequences.items()}
    if mask is not None or resets is not None:
        valid = ValidSteps(mask, resets)
    x, dropout = sequences["x"], cell.spec.dropout
    if call.training and dropout:
        shape = tf.stack([tf.shape(x)[1], cell.features])
        x = x * dropout_mask(call.seed, -1, shape, dropout, x.dtype)
        sequences["x"] = x
    carried = {}
    for name in cell.shifted:
        earlier, carried[name] = previous_values(sequences[name], first[name], valid)
        sequences[f"{name}_prev"] = harmless(mask, earlier)
    if cell.uses_t:
        # bfloat16 cannot represent 257: a sum of ones would stop at 256.
        start = tf.cast(first["t"], tf.float32 if x.dtype.size == 2 else x.dtype)
        if valid is None or valid.starts is None:
            ones = tf.ones_like(x[:, :, :1], start.dtype) if mask is None else mask
            ones = tf.cast(ones, start.dtype)
            count, last = start + tf.cumsum(ones, axis=0), start + tf.reduce_sum(ones, axis=0)
        else:
            before = tf.where(valid.first_sequence(), start, tf.zeros([], start.dtype))
            count = before + tf.cast((valid.count - valid.begin)[:, :, None], start.dtype)
            last = joined([start[None], count], 0)[-1]
        sequences["t"] = harmless(mask, tf.cast(tf.maximum(count, 1), x.dtype))
        carried["t"] = tf.cast(last, x.dtype)
    sequences |= _noises(call, x)
    states = [state.name for state in cell.states]
    reset_values = {} if resets is None else {name: call.reset_values[name] for name in states}
    return Problem(
        cell=cell,
        weights=call.weights,
        inputs=sequences,
        mask=mask,
        states={name: first[name] for name in states},
        dropout_masks=_drops(call, x),
        seed=call.seed,
        training=call.training,
        wanted=() if not call.return_sequences and only_final(cell) else cell.output.signals,
        matmul_dtype=call.matmul_dtype,
        valid=valid,
        carried=carried,
        resets=resets,
        reset_values=reset_values,
        safe_states=_safe_states(first, reset_values, mask, resets),
    )


@tf.autograph.experimental.do_not_convert
def finish(
    call: LayerCall, problem: Problem, solution: Solution
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the outputs and the new states of a call, given its problem and the solution."""
    cell, first, sequences = call.cell, call.first, problem.inputs
    y, histories = emit(
        cell,
        solution.sequences,
        solution.states,
        sequences,
        {name: first[f"{name}_history"] for name, _ in cell.output.histories},
        problem.weights,
        problem.valid,
        problem.matmul_dtype,
        call.return_sequences,
    )
    states = {**first, **problem.carried, **solution.states}
    states.update({f"{name}_history": value for name, value in histories.items()})
    if sequences["x"].shape[0] == 0:
        # Without a step, only some executors connect outputs to weights and inputs. This connects
        # them for all executors, so that gradients are zero instead of None.
        sources = [*problem.weights.values(), *sequences.values()]
        nothing = tf.add_n([tf.reduce_sum(source[:0]) for source in sources])
        y, states = y + nothing, {name: state + nothing for name, state in states.items()}
    if not call.return_sequences:
        return y, states
    if call.zero_masked and problem.mask is not None:
        y = tf.where(problem.mask, y, tf.zeros([], y.dtype))
    return tf.transpose(y, [1, 0, 2]), states


def _noises(call: LayerCall, x: Tensor) -> dict[str, Tensor]:
    """Return the noises that gates declare for each step, ``time x batch x width`` by name."""
    time, batch = tf.unstack(tf.shape(x)[:2])
    seed = call.seed + tf.stack([0, call.step]) if call.training and call.cell.noises else None
    return {
        name: noise(seed, -2 - place, kind, [time, batch, call.cell.widths[name]], x.dtype)
        for place, (name, kind) in enumerate(call.cell.noises.items())
    }


def _resets(call: LayerCall) -> Tensor:
    """Return resets in the order of the recurrence, ``time x batch x 1``, or None."""
    if call.resets is None:
        return None
    resets = tf.transpose(call.resets)[:, :, None]
    return backwards(resets) if call.go_backwards else resets


def _safe_states(
    first: Mapping[str, Tensor],
    reset_values: Mapping[str, Tensor],
    mask: Tensor,
    resets: Tensor,
) -> dict[str, Tensor]:
    """Return the states that each row's first valid step starts from, or nothing without resets."""
    if resets is None:
        return {}
    early = resets[:1]
    if mask is not None:
        early = resets & (tf.cumsum(tf.cast(mask, tf.int32), exclusive=True) == 0)
    reset = tf.reduce_any(early, 0)
    return {name: tf.where(reset, value, first[name]) for name, value in reset_values.items()}


def _drops(call: LayerCall, x: Tensor) -> dict[str, Tensor]:
    """Return a dropout mask for each recurrent read that is not row-wise, ``batch x width``."""
    rate = call.cell.spec.recurrent_dropout
    masks: dict[str, Tensor] = {}
    if not call.training or not rate:
        return masks
    for place, (text, width) in enumerate(call.cell.recurrent_reads().items()):
        shape = tf.stack([tf.shape(x)[1], width])
        masks[text] = dropout_mask(call.seed, 1000 + place, shape, rate, x.dtype)
    return masks


# --- the states of a layer: the cell's, shifted inputs, counts and histories


def state_shapes(cell: Cell, batch: int | Tensor | None) -> dict[str, Shape]:
    """Return the shape of each state by name, in the order in which layers return the states."""
    shapes: dict[str, Shape] = {s.name: (batch, s.width) for s in cell.states}
    shapes.update({name: (batch, cell.inputs[name]) for name in cell.shifted})
    if cell.uses_t:
        shapes["t"] = (batch, 1)
    for name, length in cell.output.histories:
        shapes[f"{name}_history"] = (batch, length - 1, cell.widths[name])
    return shapes


def first_states(
    cell: Cell, batch: int | Tensor, variables: Mapping[str, Tensor], dtype: str
) -> dict[str, Tensor]:
    """Return the initial states by name, with the batch first.

    Args:
        cell: the built cell.
        batch: the number of rows.
        variables: the weights by name; learned initial states are among them.
        dtype: the type of states.
    """
    shape = getattr(batch, "shape", ())
    if isinstance(batch, (tuple, list, tf.TensorShape)):
        shape = batch
    if sizes := tuple(shape):
        rows = sizes[0] or "len(x)"
        raise DataError(f"batch_size is a number, and the shape {sizes} came: write {rows}")
    first: dict[str, Tensor] = {}
    for state in cell.states:
        shape = tf.stack([batch, state.width])
        if state.learned:
            learned = tf.convert_to_tensor(variables[state.learned])
            first[state.name] = tf.broadcast_to(learned, shape)
        else:
            first[state.name] = tf.fill(shape, tf.constant(state.initial, dtype))
    for name, full in state_shapes(cell, batch).items():
        if name not in first:
            first[name] = tf.zeros(tf.stack(list(full)), dtype)
    return first

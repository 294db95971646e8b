"""The cuDNN executor: runs cells that equal Keras' LSTM or GRU on NVIDIA's kernel, on a GPU."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.graph import Cell
from gatekit.recurrence.keras_form import CUDNN_ORDER, KerasForm, part_weights
from gatekit.recurrence.problem import Problem, Solution


@tf.autograph.experimental.do_not_convert
def run(problem: Problem, form: KerasForm) -> Solution:
    """Return the sequence and last states of the recurrence.

    Args:
        problem: the call, time first, without mask or resets.
        form: the Keras layer that the cell equals.
    """
    x, first = problem.inputs["x"], [problem.states[name] for name in form.states]
    batch, steps = tf.shape(x)[1], tf.shape(x)[0]
    outputs, *last, _, _ = tf.raw_ops.CudnnRNNV3(
        input=x,
        input_h=first[0][None],
        input_c=first[1][None] if len(first) > 1 else tf.zeros([0], x.dtype),
        params=packed(problem.cell, problem.weights, form),
        sequence_lengths=tf.fill([batch], steps),
        rnn_mode=form.layer,
        # Otherwise the kernel would not store what its backward pass needs.
        is_training=True,
        time_major=True,
    )
    states = {name: value[0] for name, value in zip(form.states, last, strict=False)}
    return Solution(dict.fromkeys(problem.wanted, outputs), states)


def packed(cell: Cell, weights: Mapping[str, Tensor], form: KerasForm) -> Tensor:
    """Return the weights in cuDNN's format: one vector, matrices first, then two biases per gate.

    A matrix is transposed, ``units x width_in``, row by row; input matrices of all gates come
    before recurrent ones, and input biases before recurrent ones. The single bias of a gate becomes
    its input bias.

    Args:
        cell: the built cell.
        weights: weights by name.
        form: the Keras layer that the cell equals.
    """
    named = part_weights(cell, form)
    parts = [named[part] for part in CUDNN_ORDER[form.layer]]
    none = tf.zeros([cell.units], weights[parts[0].x].dtype)
    matrices = [weights[p.x] for p in parts] + [weights[p.h] for p in parts]
    names = [p.bias for p in parts] + [p.recurrent_bias for p in parts]
    biases = [weights[name] if name else none for name in names]
    flat = [tf.reshape(tf.transpose(m), [-1]) for m in matrices]
    return tf.concat([*flat, *biases], 0)

"""How fast a cell decodes: one sequence, one token after the other."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.graph import Cell as BuiltCell

from .layers.step_cell import Cell

_TOKENS, _TURNS = 256, 12
"""Tokens of a turn, and turns that are timed."""


def tokens_per_second(cell: BuiltCell) -> dict[str, Any]:
    r"""Measure the tokens per second of a decoder at batch 1, without embedding and head.

    $s_t = f(x_t, s_{t-1})$ in a loop that XLA compiles. No step begins before the one before it has
    ended, and nothing is computed ahead of it, as in a decoder that reads its own output.

    Args:
        cell: the built cell.

    Returns:
        ``tokens_per_second``, the median of twelve turns of 256 tokens, and ``low`` and ``high``,
        the slowest and the fastest turn.
    """
    layer = Cell(
        cell.spec, cell.units, output_unit=cell.output.unit, features=cell.features, seed=0
    )
    layer.build({name: (1, width) for name, width in cell.inputs.items()})
    draw = np.random.default_rng(0)
    inputs = {
        name: tf.constant(draw.normal(size=(_TOKENS, 1, width)), layer.variable_dtype)
        for name, width in cell.inputs.items()
    }

    @tf.function(jit_compile=True)
    def turn(read: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        def step(number: Tensor, read: Tensor, *before: Tensor) -> tuple[Tensor, ...]:
            token = {name: values[number] for name, values in inputs.items()}
            output, after = layer(token, list(before))
            return (number + 1, read + tf.reduce_sum(output), *after)

        start = (tf.constant(0), read, *states)
        loop = tf.while_loop(lambda n, *_: n < _TOKENS, step, start)
        return loop[1], list(loop[2:])

    # The sum of all outputs is read, or XLA would leave them out.
    found = turn(tf.zeros([], layer.compute_dtype), layer.get_initial_state(1))  # compiles
    rates = []
    for _ in range(_TURNS):
        began = time.perf_counter()
        found = turn(*found)
        found[0].numpy()
        rates.append(_TOKENS / (time.perf_counter() - began))
    return {
        "tokens_per_second": float(np.median(rates)),
        "low": min(rates),
        "high": max(rates),
    }

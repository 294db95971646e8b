"""Evaluates a program without its loop, one block of states after another.

An executor brings the solvers of its blocks; everything else is computed for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import ConfigError
from gatekit.cell.language.expression import Name
from gatekit.cell.program import Apply, Before, Block, Opaque, outs, solved
from gatekit.recurrence.masking import harmless
from gatekit.recurrence.problem import Problem, Solution

from .linear.recurrence import values_before
from .products import SharedValues, shared_values

Solver = Callable[[SharedValues, Any], dict[str, Tensor]]
"""Solves a block for all steps: it adds ``NAME:held`` and the reads of memories to the values, and
returns the last values of the block's states. It may add ``NAME_prev``."""


@tf.autograph.experimental.do_not_convert
def run(
    problem: Problem, blocks: Sequence[Block], solvers: Mapping[type[Block], Solver]
) -> Solution:
    """Return the sequences and last states of the recurrence.

    Args:
        problem: the call, time first.
        blocks: the blocks that an analysis found, in order.
        solvers: the solver of each kind of block.

    Raises:
        ConfigError: a memory is wanted at each step, but it is computed only between chunks.
        NotImplementedError: on differentiating a second time.
    """
    program = problem.program
    values = shared_values(problem, {name for block in blocks for name in block.reads})
    env, last = values.env, dict[str, Tensor]()
    for op in solved(program, blocks):
        if isinstance(op, Before):
            if op.out not in env:
                add_before(values, op)
        elif isinstance(op, Block):
            for name in op.reads:
                values[name]  # in this order, products are computed
            last |= solvers[type(op)](values, op)
        elif isinstance(op, Apply) and op.expr == Name(f"{op.out}:held"):
            env[op.out] = harmless(problem.mask, env[f"{op.out}:held"])
        elif isinstance(op, (Apply, Opaque)) and outs(op)[0] in program.signals:
            values.signal(op)
    sequences = {name: env.get(f"{name}:held", env.get(name)) for name in problem.wanted}
    missing = [name for name, value in sequences.items() if value is None]
    if missing:
        raise ConfigError(
            f"executor='chunk' does not compute {missing[0]!r} at each step; type executor=stacked"
        )
    return Solution(sequences, {state.name: last[state.name] for state in program.states})


def add_before(values: SharedValues, op: Before) -> None:
    """Add the values of a state before each step."""
    problem, sequence = values.problem, values.env[op.of]
    name = op.of.removesuffix(":held")
    first, reset_value = problem.states[name], problem.reset_values.get(name)
    earlier = values_before(sequence, first, problem.resets, reset_value)
    values.env[op.out] = tf.ensure_shape(harmless(problem.mask, earlier), sequence.shape)

"""The fused executor: few large products, and one gradient for the whole recurrence.

Before the loop all reads of inputs are one matrix product over time x batch (`hoist`). The loop
does one product per recurrent read (`forward`); its gradient is a loop of its own (`backward`), and
both are joined here as a custom gradient that every tensor enters explicitly.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gatekit.recurrence.first_order import first_order
from gatekit.recurrence.problem import Problem, Solution

from .backward import DifferentiableLoop
from .kept import Kept
from .schedule import Plan


@tf.autograph.experimental.do_not_convert
def run(problem: Problem, plan: Plan) -> Solution:
    """Return the sequences and last states of the recurrence.

    Args:
        problem: the call, time first.
        plan: how the cell's reads are grouped; `planner.make(cell)`.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    outputs = _differentiable(DifferentiableLoop(problem, plan))
    wanted, last = outputs[: len(problem.wanted)], outputs[len(problem.wanted) :]
    names = [s.name for s in problem.cell.states]
    return Solution(
        dict(zip(problem.wanted, wanted, strict=True)), dict(zip(names, last, strict=True))
    )


def _differentiable(loop: DifferentiableLoop) -> list[Any]:
    """Run the loop so that TensorFlow asks it for its gradient."""

    def forward(tensors: Any) -> tuple[list[Any], Kept | None]:
        # A gradient outside training costs a second forward pass, so that a call for outputs alone
        # does not pay for what a backward pass needs.
        if loop.problem.training:
            return loop.forward(tensors)
        return loop.outputs_only(tensors), None

    def backward(tensors: Any, saved: Kept | None, cotangents: Any) -> list[Any]:
        rows = loop.forward(tensors)[1] if saved is None else saved.here()
        return loop.backward(tensors, rows, cotangents)

    return first_order(
        forward, backward, "the fused executor", "executor='reference'", loop.tensors
    )

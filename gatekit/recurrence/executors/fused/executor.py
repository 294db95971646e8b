"""The fused executor: few large products, and one gradient for the whole recurrence.

Before the loop all reads of inputs are one matrix product over time x batch (`hoist`). The loop
does one product per recurrent read (`forward`); its gradient is a loop of its own (`backward`), and
both are joined here as a custom gradient that every tensor enters explicitly.
"""

from __future__ import annotations

import tensorflow as tf

from gatekit.recurrence.first_order import first_order, refusal
from gatekit.recurrence.problem import Problem, Solution

from .backward import DifferentiableLoop
from .residuals import Residuals
from .schedule import LoopSchedule
from .tensors import LoopTensors


@tf.autograph.experimental.do_not_convert
def run(problem: Problem, schedule: LoopSchedule) -> Solution:
    """Return the sequences and last states of the recurrence.

    Args:
        problem: the call, time first.
        schedule: how the cell is arranged; `scheduler.make(cell, wanted)`.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    loop = DifferentiableLoop(problem, schedule)

    def forward(tensors: LoopTensors) -> tuple[Solution, Residuals | None]:
        # A gradient outside training costs a second forward pass, so that a call for outputs alone
        # does not pay for what a backward pass needs.
        return loop.forward(tensors) if problem.training else (loop.outputs_only(tensors), None)

    def backward(
        tensors: LoopTensors, residuals: Residuals | None, cotangents: Solution
    ) -> LoopTensors:
        saved = loop.forward(tensors)[1] if residuals is None else residuals.readable()
        return loop.backward(tensors, saved, cotangents)

    message = refusal("the fused executor", "executor='reference'")
    return first_order(forward, backward, message)(loop.tensors)

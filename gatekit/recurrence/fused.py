"""The fused executor: few large products, and one gradient for the whole recurrence.

Before the loop all reads of inputs are one matrix product over time x batch (`hoist`). The loop
does one product per recurrent read (`forward`); its gradient is a loop of its own (`backward`), and
both are joined here as a custom gradient that every tensor enters explicitly.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from .backward import DifferentiableLoop
from .plan import Plan
from .problem import Problem, Solution

_SECOND_ORDER = (
    "the fused executor has first-order gradients only; for second-order or forward-mode "
    "derivatives build the layer with executor='reference'"
)


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

    @tf.custom_gradient
    def recurrence(*tensors: Any) -> Any:
        saved: Any = None
        if loop.problem.training:
            outputs, saved = loop.forward(tensors)
        else:
            # Whoever wants a gradient outside training pays for a second forward pass, and nobody
            # who only wants outputs pays for what a backward pass needs.
            outputs = loop.outputs_only(tensors)

        def grad(*cotangents: Any) -> Any:
            @tf.custom_gradient
            def first_order(*everything: Any) -> Any:
                given, wanted = everything[: len(tensors)], everything[len(tensors) :]
                rows = loop.forward(given)[1] if saved is None else saved.here()
                gradients = loop.backward(given, rows, wanted)

                def refuse(*_: Any) -> Any:
                    raise NotImplementedError(_SECOND_ORDER)

                return gradients, refuse

            return first_order(*tensors, *cotangents)

        return outputs, grad

    made = recurrence(*loop.tensors)
    return list(made) if isinstance(made, (list, tuple)) else [made]

r"""The stacked executor: as `reference`, but all matrix products of one value are one product.

$z_t = u_t\, [W_1, W_2, \ldots]$ for each distinct value $u_t$ that a step multiplies by matrices:
an LSTM has one product of $x_t$ and one of $h_{t-1}$ for its four gates together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.program import Linear, outs, share
from gatekit.recurrence.hold import hold
from gatekit.recurrence.packing import split
from gatekit.recurrence.problem import Problem, Solution
from gatekit.recurrence.step import ProgramValues, product

from .loop import over_time
from .products import joined_matrix


@dataclass(frozen=True)
class Product:
    """A product of one value with the matrices of several linear operations, side by side."""

    widths: Mapping[str, int]
    matrix: Tensor


class StepValues(ProgramValues):
    """The values of a step; each product is computed once, for all that read its value.

    Attributes:
        products: by linear operation, the product that computes it.
    """

    products: Mapping[str, Product]

    def linear(self, op: Linear) -> Tensor:
        """Return the result of a linear operation."""
        if op.out not in self.products:
            return super().linear(op)
        shared = self.products[op.out]
        z = product(self[op.of], shared.matrix, self.matmul_dtype)
        self.inner |= split(z, shared.widths, shared.widths)
        return self.inner[op.out]


def run(problem: Problem) -> Solution:
    """Return the sequences and last states of the recurrence, computed by a loop over time."""
    cell, program = problem.cell, problem.program
    products: dict[str, Product] = {}
    for each in share(program, program.step):
        widths = {op.out: program.shapes[op.out][-1] for op in each.members}
        whole = Product(widths, joined_matrix(each.members, problem.weights))
        products |= dict.fromkeys(widths, whole)
    signals = [name for op in program.step for name in outs(op) if name in program.signals]

    def one_step(
        step: Tensor, inputs: Mapping[str, Tensor], valid: Tensor, states: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        env = {**program.constants, **problem.weights, **inputs}
        operands = problem.operands(states, valid)
        env |= {f"{name}_prev": value for name, value in operands.items()}
        values = StepValues(cell, env, inputs["x"], problem.matmul_dtype, problem.dropout_masks)
        values.products = products
        values.compute(signals)
        for place, (name, old) in enumerate(states.items()):
            held = hold(problem, place, step, tf.shape(old), valid)
            env[name] = held.value(env[name], old)
        return env

    return over_time(problem, one_step)

"""The values of a program at all steps; linear operations of one value share a product.

One large product is faster than several small ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.graph import BuiltRead
from gatekit.cell.program import Linear, Sum, share
from gatekit.recurrence.packing import joined
from gatekit.recurrence.problem import Problem
from gatekit.recurrence.step import ProgramValues, apply_map, biased_product, product


class SharedValues(ProgramValues):
    """Values at all steps, ``time x batch x width``; each linear operation is computed once.

    Args:
        problem: the call, time first.
        members: by value, the linear operations that share a product.
        biases: by linear operation, the bias that its product adds.
    """

    def __init__(
        self,
        problem: Problem,
        members: Mapping[str, Sequence[Linear]],
        biases: Mapping[str, str] | None = None,
    ) -> None:
        env = {**problem.program.constants, **problem.weights, **problem.inputs}
        x, masks = problem.inputs["x"], problem.dropout_masks
        super().__init__(problem.cell, env, x, problem.matmul_dtype, masks)
        self.problem = problem
        self.members, self.biases = members, biases or {}
        self.added = {*self.biases.values()}
        self.terms: dict[str, Tensor] = {}

    def linear(self, op: Linear) -> Tensor:
        """Return the result of a linear operation."""
        if op.out not in self.terms:
            u, weights = self[op.of], self.problem.weights
            members = self.members.get(op.of, ()) if op.map.has_matrix() else ()
            biased = any(member.out in self.biases for member in members)
            if len(members) > 1 or biased:
                matrix = joined_matrix(members, weights)
                if biased:
                    z = biased_product(u, matrix, self.bias(members))
                else:
                    z = product(u, matrix, self.matmul_dtype)
                parts = tf.split(z, [self.program.shapes[m.out][-1] for m in members], -1)
                self.terms |= {m.out: part for m, part in zip(members, parts, strict=True)}
            else:
                self.terms[op.out] = apply_map(op, u, weights, self.matmul_dtype)
        return self.terms[op.out]

    def bias(self, members: Sequence[Linear]) -> Tensor:
        """Return the members' biases side by side; zeros if another product adds the bias."""
        return joined(
            [
                self.problem.weights[self.biases[op.out]]
                if op.out in self.biases
                else tf.zeros([self.program.shapes[op.out][-1]], self.like.dtype)
                for op in members
            ]
        )


def shared_values(problem: Problem, bare: Collection[str] = ()) -> SharedValues:
    """Return the values at all steps; operations of one value by matrices share a product.

    In full precision, a gate's bias is added by the first product that has a matrix of the gate.

    Args:
        problem: the call.
        bare: values whose products must not add a bias.
    """
    program = problem.program
    members = {each.of: each.members for each in share(program, program.step)}
    matrices = {op.out for each in members.values() for op in each} - {*bare}
    biases: dict[str, str] = {}
    if problem.inputs["x"].dtype == problem.matmul_dtype:
        for op in program.step:
            if isinstance(op, Sum) and op.parts[-1] in program.fixed:
                first = next((part for part in op.parts if part in matrices), None)
                biases |= {} if first is None else {first: op.parts[-1]}
    return SharedValues(problem, members, biases)


def joined_matrix(reads: Sequence[BuiltRead | Linear], weights: Mapping[str, Tensor]) -> Tensor:
    """Return the matrices of several reads side by side, ``width_in x width``."""
    return joined([matrix_of(read, weights) for read in reads])


def matrix_of(read: BuiltRead | Linear, weights: Mapping[str, Tensor]) -> Tensor:
    """Return the matrix of a read's linear map, ``width_in x width_out``."""
    return read.map.matrix({suffix: weights[name] for suffix, name in read.weights.items()})

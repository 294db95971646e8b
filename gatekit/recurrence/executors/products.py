"""Linear reads of the same expression share one product, with their matrices side by side.

One large product is faster than several small ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.graph import BuiltRead, Node
from gatekit.cell.language.expression import evaluate
from gatekit.recurrence.packing import joined
from gatekit.recurrence.problem import Problem
from gatekit.recurrence.step import (
    Reader,
    apply_map,
    biased_product,
    compute,
    pre_activation,
    product,
)

Owned = tuple[str, BuiltRead]
"""A gate's name, and one of its reads."""


class SharedProducts:
    """Linear reads over all steps, each computed on first use.

    Args:
        problem: the call, time first.
        env: values by key, ``time x batch x width``; every value that is read must be in it.
        members: the reads that share a product, by text.
        biased: by gate, the text of the product that adds the gate's bias.
    """

    def __init__(
        self,
        problem: Problem,
        env: dict[str, Tensor],
        members: Mapping[str, Sequence[Owned]],
        biased: Mapping[str, str] | None = None,
    ) -> None:
        self.problem, self.env, self.members = problem, env, members
        self.biased = biased or {}
        self.values: dict[tuple[str, str], Tensor] = {}

    def linear(self, owner: str, read: BuiltRead) -> Tensor:
        """Return the result of one linear read of a gate, ``time x batch x units``."""
        if (owner, read.text) not in self.values:
            u = self.operand(read)
            members = self.members.get(read.text, ()) if read.map.has_matrix() else ()
            biased = any(self.biased.get(name) == read.text for name, _ in members)
            if len(members) > 1 or biased:
                self.add(members, self.shared(u, members, biased))
            else:
                problem = self.problem
                z = apply_map(read, u, problem.weights, problem.matmul_dtype)
                self.values[owner, read.text] = z
        return self.values[owner, read.text]

    def compute(
        self, node: Node, env: dict[str, Tensor] | None = None, linear: Reader | None = None
    ) -> Tensor:
        """Store a node's value and new states in ``env``; return its pre-activation or None.

        Args:
            node: the node.
            env: values by key to use instead of those of the products.
            linear: computes the node's reads from these values.
        """
        problem, pre = self.problem, None
        if node.declared:
            # The bias is added by one of its products.
            rest = replace(node, bias=None) if node.name in self.biased else node
            pre = pre_activation(problem.cell, rest, linear or self.linear, problem.weights)
        env = self.env if env is None else env
        compute(problem, node.signals, env, problem.inputs["x"], pre)
        return pre

    def operand(self, read: BuiltRead) -> Tensor:
        """Return the operand of a read at all steps, with its dropout."""
        u, dropout_masks = (
            evaluate(read.expr, self.env, self.problem.cell.spec.functions),
            self.problem.dropout_masks,
        )
        dropped = not read.hoisted and read.text in dropout_masks and not read.map.row_wise
        return u * dropout_masks[read.text] if dropped else u

    def shared(self, u: Tensor, members: Sequence[Owned], biased: bool) -> Tensor:
        """Return the product of all members, side by side."""
        matrix = joined_matrix([read for _, read in members], self.problem.weights)
        if biased:
            return biased_product(u, matrix, self.bias(members))
        return product(u, matrix, self.problem.matmul_dtype)

    def bias(self, members: Sequence[Owned]) -> Tensor:
        """Return the members' biases side by side; zeros if another product adds the bias."""
        cell, weights = self.problem.cell, self.problem.weights
        dtype = self.problem.inputs["x"].dtype
        return joined(
            [
                weights[str(cell.node(name).bias)]
                if self.biased.get(name) == read.text
                else tf.zeros([read.width_out], dtype)
                for name, read in members
            ]
        )

    def add(self, members: Sequence[Owned], z: Tensor) -> None:
        """Split a product of several reads, and store the parts."""
        parts = tf.split(z, [read.width_out for _, read in members], -1)
        for (name, read), part in zip(members, parts, strict=True):
            self.values[name, read.text] = part


def joined_matrix(reads: Sequence[BuiltRead], weights: Mapping[str, Tensor]) -> Tensor:
    """Return the matrices of several reads side by side, ``width_in x width``."""
    return joined([matrix_of(read, weights) for read in reads])


def matrix_of(read: BuiltRead, weights: Mapping[str, Tensor]) -> Tensor:
    """Return the matrix of a read's linear map, ``width_in x width_out``."""
    return read.map.matrix({suffix: weights[name] for suffix, name in read.weights.items()})

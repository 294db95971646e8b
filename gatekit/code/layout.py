"""How the weights of a cell are arranged in a file: operations of one value share a product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gatekit.cell.errors import DataError, listed
from gatekit.cell.program import Linear, Program, Sum, share
from gatekit.cell.schema import OUTPUT_UNIT

from .identifiers import Identifiers, slug
from .traced import is_plain


@dataclass(frozen=True)
class StackedWeight:
    """A weight of the generated file; it consists of weights of the cell, side by side.

    Attributes:
        attribute: its name in the file.
        weights: the names of the cell's weights, in order.
        turned: whether the file has the transpose.
    """

    attribute: str
    weights: tuple[str, ...]
    turned: bool = False


@dataclass
class Columns:
    """Products whose columns are added: ``x @ matrices[0] + h @ matrices[1] + bias``.

    Attributes:
        outs: the value that each column is, or is a part of.
        terms: the linear operations of each product, in the order of the columns.
        matrices: the stacked matrices of each product.
        bias: the stacked biases, or None if each value adds its own.
    """

    outs: tuple[str, ...]
    terms: list[tuple[Linear, ...]] = field(default_factory=list)
    matrices: list[StackedWeight] = field(default_factory=list)
    bias: StackedWeight | None = None

    @property
    def owners(self) -> tuple[str, ...]:
        """The gate or output unit of each column."""
        return tuple(op.owner for op in self.terms[0])


@dataclass(frozen=True)
class WeightLayout:
    """How the weights of a cell, or of a block or stack, are arranged in the generated file."""

    stacks: tuple[StackedWeight, ...]
    products: tuple[Columns, ...] = ()

    def pack(self, weights: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
        """Return the weights of the generated file by name.

        Args:
            weights: the weights of the cell by name; raw values of parameters.

        Raises:
            DataError: a weight is missing.
        """
        missing = [n for stack in self.stacks for n in stack.weights if n not in weights]
        if missing:
            raise DataError(f"the weights {listed(missing)} are missing; the run has another cell")
        packed = {}
        for stack in self.stacks:
            whole = np.concatenate([np.asarray(weights[n]) for n in stack.weights], -1)
            packed[stack.attribute] = whole.T if stack.turned else whole
        return packed

    def attributes(self) -> dict[str, str]:
        """Return the attribute of each weight that is not stacked with others."""
        return {s.weights[0]: s.attribute for s in self.stacks if len(s.weights) == 1}

    def texts(self, access: Callable[[str], str]) -> dict[str, str]:
        """Return the code of each weight by ``@`` and its name in the file.

        A weight that is not stacked with others is also found by its name in the cell.
        """
        texts = {f"@{stack.attribute}": access(stack.attribute) for stack in self.stacks}
        return {**texts, **{n: access(attribute) for n, attribute in self.attributes().items()}}


def lay_out(program: Program, identifiers: Identifiers) -> WeightLayout:
    """Return the products of a program and the weights of the generated file.

    Args:
        program: the program of a cell.
        identifiers: returns names for the weights.
    """
    products = _products(program)
    stacks: list[StackedWeight] = []

    def stack(like: str, weights: Sequence[str]) -> StackedWeight:
        stacks.append(StackedWeight(identifiers.new(like), tuple(weights)))
        return stacks[-1]

    owned = {weight.name for weight in program.weights}
    sums = (op for op in program.all if isinstance(op, Sum))
    biases = {op.out: op.parts[-1] for op in sums if op.parts[-1] in owned}
    with_bias = [columns for columns in products if biases.keys() >= {*columns.outs}]
    biased: set[str] = set()
    for columns in products:
        for place, term in enumerate(columns.terms):
            names = [op.weights[""] for op in term]
            columns.matrices.append(stack(_matrix_name(columns, place), names))
        if columns in with_bias and not biased & {*columns.outs}:
            biased.update(columns.outs)
            like = columns.matrices[0].attribute.replace("weight", "bias", 1)
            names = [biases[out] for out in columns.outs]
            columns.bias = stack("bias" if len(with_bias) == 1 else like, names)
    taken = {name for stacked in stacks for name in stacked.weights}
    for weight in program.weights:
        if weight.name not in taken:
            stack(_weight_name(weight.name), [weight.name])
    return WeightLayout(tuple(stacks), tuple(products))


def _products(program: Program) -> list[Columns]:
    """Return the products; those whose columns are parts of the same sums are one."""
    sum_of = {part: op.out for op in program.all if isinstance(op, Sum) for part in op.parts}
    joined: dict[tuple[str, ...], Columns] = {}
    # After the loop, values are of all steps, so they share no product with those of a step.
    for ops in (program.step, program.after):
        plain = [op for op in ops if isinstance(op, Linear) and is_plain(op)]
        for product in share(program, plain, apart=True):
            columns = tuple(sum_of.get(op.out, op.out) for op in product.members)
            joined.setdefault(columns, Columns(columns)).terms.append(product.members)
    return list(joined.values())


def _matrix_name(columns: Columns, place: int) -> str:
    text = slug(columns.terms[place][0].text.replace("_prev", ""))
    owner = columns.owners[0]
    if owner == OUTPUT_UNIT:
        return f"weight_output_unit_{text}" if len(columns.terms) > 1 else "weight_output_unit"
    short = len(text) <= 16 and not any("." in name for name in columns.owners)
    return f"weight_{text if short else slug(owner)}"


def _weight_name(name: str) -> str:
    owner, _, part = name.rpartition(".") if name.endswith(".bias") else name.partition(".")
    if part == "bias":
        return f"bias_{slug(owner)}"
    return f"{owner}_{slug(part.replace('_prev', ''))}" if part else owner

"""Products that gates share: the matrices of gates that read the same signal are stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gatekit.cell.errors import DataError, listed
from gatekit.cell.graph import BuiltRead, Cell, Node
from gatekit.cell.language.expression import Expr, Name
from gatekit.cell.schema import OUTPUT_UNIT

from .identifiers import Identifiers, slug
from .traced import matrix_of


@dataclass(frozen=True)
class StackedWeight:
    """A weight of the generated file; it consists of weights of the cell, side by side.

    Attributes:
        attribute: its name in the file.
        weights: the names of the cell's weights, in order.
    """

    attribute: str
    weights: tuple[str, ...]


@dataclass(frozen=True)
class Reader:
    """A gate, projection or output unit: it has reads and perhaps a bias.

    ``after`` is true if it is computed after the loop.
    """

    name: str
    reads: tuple[BuiltRead, ...]
    bias: str | None
    width: int
    node: Node | None = None
    after: bool = False


@dataclass
class Product:
    """One product for several gates: the sum over expressions of ``expr @ matrix``, plus a bias.

    Attributes:
        readers: the gates, in the order of their columns.
        reads: the read of the first gate for each expression.
        matrices: the stacked matrices of each expression.
        bias: the stacked biases, or None if the gates add their own.
    """

    readers: list[Reader]
    reads: list[BuiltRead]
    matrices: list[StackedWeight] = field(default_factory=list)
    bias: StackedWeight | None = None


@dataclass(frozen=True)
class WeightLayout:
    """How the weights of a cell are arranged in the generated file."""

    products: tuple[Product, ...]
    stacks: tuple[StackedWeight, ...]

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
        return {
            stack.attribute: np.concatenate([np.asarray(weights[n]) for n in stack.weights], -1)
            for stack in self.stacks
        }

    def attributes(self) -> dict[str, str]:
        """Return the attribute of each weight that is not stacked with others."""
        return {s.weights[0]: s.attribute for s in self.stacks if len(s.weights) == 1}


def readers(cell: Cell) -> list[Reader]:
    """Return the gates and the output unit."""
    every = [
        Reader(
            OUTPUT_UNIT if node.kind == "output" else node.name,
            node.reads,
            node.bias,
            node.width,
            node,
        )
        for node in cell.nodes
        if node.declared is not None
    ]
    if not cell.output.unit.feeds_back:
        out = cell.output
        every += [Reader(n.name, n.reads, n.bias, n.width, n, after=True) for n in out.projections]
        every.append(Reader(OUTPUT_UNIT, out.reads, out.bias, out.width, after=True))
    return every


def plain(read: BuiltRead) -> bool:
    """Return whether the matrix of a read is simply its weight."""
    return matrix_of(read) == Name(read.weights.get("", ""))


def lay_out(cell: Cell, identifiers: Identifiers) -> WeightLayout:
    """Return the products of a cell and the weights of the generated file.

    Args:
        cell: the built cell.
        identifiers: returns names for the weights.
    """
    products = _products(readers(cell))
    stacks: list[StackedWeight] = []

    def stack(like: str, weights: Sequence[str]) -> StackedWeight:
        stacks.append(StackedWeight(identifiers.new(like), tuple(weights)))
        return stacks[-1]

    with_bias = [product for product in products if _shares_bias(product)]
    biased: set[str] = set()
    for product in products:
        for position, read in enumerate(product.reads):
            names = [_read_of(reader, read.expr).weights[""] for reader in product.readers]
            product.matrices.append(stack(_matrix_name(product, position), names))
        if product in with_bias and not biased & {r.name for r in product.readers}:
            biases = [str(reader.bias) for reader in product.readers]
            biased.update(reader.name for reader in product.readers)
            alone = len(with_bias) == 1
            product.bias = stack(
                "bias" if alone else product.matrices[0].attribute.replace("weight", "bias", 1),
                biases,
            )
    taken = {name for stacked in stacks for name in stacked.weights}
    for weight in cell.weights:
        if weight.name not in taken:
            stack(_weight_name(weight.name), [weight.name])
    return WeightLayout(tuple(products), tuple(stacks))


def _products(every: Sequence[Reader]) -> list[Product]:
    """Return a product for each expression; expressions that the same gates read share one."""
    groups: dict[tuple[Expr, bool], list[Reader]] = {}
    reads: dict[tuple[Expr, bool], BuiltRead] = {}
    for reader in every:
        for read in reader.reads:
            if plain(read):
                key = (read.expr, read.map.trainable)
                # After the loop, states are read after zoneout and mask, so no gate shares them.
                if reader.after:
                    key = (Name(f"{OUTPUT_UNIT}:{read.text}"), read.map.trainable)
                groups.setdefault(key, []).append(reader)
                reads.setdefault(key, read)
    joined: dict[tuple[Any, ...], Product] = {}
    for key, members in groups.items():
        normed = any(
            r.node is not None and r.node.norm and r.node.norm.of == "read" for r in members
        )
        # Reads that are normalised one by one stay separate.
        key_of_product = (tuple(r.name for r in members), key if normed else None)
        product = joined.setdefault(key_of_product, Product(members, []))
        product.reads.append(reads[key])
    return list(joined.values())


def _shares_bias(product: Product) -> bool:
    return all(
        reader.bias is not None and not (reader.node is not None and reader.node.norm)
        for reader in product.readers
    )


def _read_of(reader: Reader, expr: Expr) -> BuiltRead:
    return next(read for read in reader.reads if read.expr == expr and plain(read))


def _matrix_name(product: Product, position: int) -> str:
    text = slug(product.reads[position].text.replace("_prev", ""))
    if product.readers[0].name == OUTPUT_UNIT:
        return f"weight_output_unit_{text}" if len(product.reads) > 1 else "weight_output_unit"
    short = len(text) <= 16 and not any("." in reader.name for reader in product.readers)
    return f"weight_{text if short else slug(product.readers[0].name)}"


def _weight_name(name: str) -> str:
    owner, _, part = name.rpartition(".") if name.endswith(".bias") else name.partition(".")
    if part == "bias":
        return f"bias_{slug(owner)}"
    return f"{owner}_{slug(part.replace('_prev', ''))}" if part else owner

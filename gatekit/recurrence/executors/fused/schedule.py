"""How the fused executor has arranged a cell: products, what is hoisted, what segments need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatekit.cell.graph import BuiltRead, Node
from gatekit.cell.language.expression import Expr

Member = tuple[Node, BuiltRead]

STREAM = "stream"
"""The key of what inputs give to the products of a step, where they enter them."""


@dataclass(frozen=True)
class Group:
    """Recurrent reads of one expression that the same kind of thing is added to.

    ``part`` is the key of the sequence of their gates' input parts, side by side; ``biased`` says
    that the gates have no input part, but each may have a bias.
    """

    key: str
    text: str
    expr: Expr
    level: int
    members: tuple[Member, ...]
    widths: Mapping[str, int]
    width: int
    part: str | None
    biased: bool


@dataclass(frozen=True)
class Product:
    """Groups that read one expression at one level: one matrix product in each step.

    ``fed`` says that the inputs, and a one for the bias, stand beside what is read.
    """

    key: str
    text: str
    expr: Expr
    level: int
    groups: tuple[Group, ...]
    width: int
    fed: bool


@dataclass(frozen=True)
class Plan:
    """The arrangement of one cell for one set of wanted signals.

    Args:
        depth: the number of recurrent products that follow one another in a step.
        nodes: the nodes of the loop by level.
        products: the matrix products of the loop.
        stream: the reads of inputs that enter these products step by step, instead of one product
            before the loop; empty where there is such a product, or nothing to read.
        groups: the groups of them all, in the products' order.
        joined: hoisted gates that are nothing but their pre-activation and read what the gates of
            all groups read: their values come out of the same product before the loop.
        hoisted: reads of inputs that share a product before the loop, by their text.
        parts: gates of the loop with an input part of their own key.
        sequences: the keys of what the loop gets per step, side by side in one tensor.
        loose: those of them whose gradient comes from the row-wise part.
        widths: the width of each sequence.
        parameters: row-wise weights whose gradient is summed in the backward loop.
        mapped: weights of other linear maps, whose gradient is formed after the loop.
        mapped_reads: the reads they belong to.
        logged: replayed values that are kept for gradients after the loop, with widths.
        logged_expressions: what they are.
        needs: the keys that each segment takes from outside.
        parameter_needs: the row-wise weights that each segment uses.
        gives: the keys that each segment makes and others use.
        stepwise: whether weights stay so near that inputs are best read within each step.
        prefetch: whether the backward loop reads a step's saved row one step early. Under XLA a row
            that comes with the loop is laid out in memory once, where a row that is read in place
            is cut out again inside every kernel; that pays where a pre-activation is more than one
            product (peephole 1.17x, sLSTM 1.32x), and costs a copy where it is not (LSTM 0.91x).
    """

    depth: int
    nodes: tuple[tuple[Node, ...], ...]
    products: tuple[Product, ...]
    stream: tuple[BuiltRead, ...]
    groups: tuple[Group, ...]
    joined: tuple[Node, ...]
    hoisted: Mapping[str, tuple[tuple[str, BuiltRead], ...]]
    parts: tuple[Node, ...]
    sequences: tuple[str, ...]
    loose: tuple[str, ...]
    widths: Mapping[str, int]
    parameters: tuple[str, ...]
    mapped: tuple[str, ...]
    mapped_reads: tuple[Member, ...]
    logged: Mapping[str, int]
    logged_expressions: Mapping[str, Expr]
    needs: tuple[tuple[str, ...], ...]
    parameter_needs: tuple[tuple[str, ...], ...]
    gives: tuple[tuple[str, ...], ...]
    stepwise: bool
    prefetch: bool

    @property
    def together(self) -> bool:
        """Whether one product before the loop makes the input parts of all groups."""
        members = [node for group in self.groups if group.part for node, _ in group.members]
        return bool(members) and alike(members)

    def nodes_at(self, level: int) -> tuple[Node, ...]:
        """Return the loop's nodes of a level, in order."""
        return self.nodes[level]

    def groups_at(self, level: int) -> tuple[Group, ...]:
        """Return the groups whose products are done at the end of a level."""
        return tuple(g for g in self.groups if g.level == level)

    def products_at(self, level: int) -> tuple[Product, ...]:
        """Return the products that are done at the end of a level."""
        return tuple(p for p in self.products if p.level == level)

    def attached(self, gate: str) -> Group | None:
        """Return the group in whose product a gate's input part and bias are added, or None."""
        for group in self.groups:
            if (group.part or group.biased) and any(n.name == gate for n, _ in group.members):
                return group
        return None

    def gradient_key(self, sequence: str) -> str:
        """Return the key under which the backward loop logs a sequence's gradient."""
        for group in self.groups:
            if group.part == sequence:
                return f"d:{group.key}"
        return f"d:{sequence}"


def alike(gates: list[Node]) -> bool:
    """Return whether all gates read the same raw inputs, each through a matrix."""
    reads = [[r for r in gate.reads if r.hoisted] for gate in gates]
    texts = {tuple(r.text for r in own) for own in reads}
    return len(texts) == 1 and texts != {()} and all(r.map.has_matrix() for o in reads for r in o)

"""The parts of a built cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatekit.cell.gate import OutputUnit
from gatekit.cell.language.expression import Expr, names, render
from gatekit.cell.learned import LinearMap, Parameter
from gatekit.cell.notebook import table
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import EPSILON, CellSpec, OutputUnitSpec

_WORDS = {
    "**": "_power_",
    "*": "_times_",
    "/": "_over_",
    "+": "_plus_",
    "(": "_of_",
    ")": "_",
    ",": "_and_",
}


GateExpression = tuple[Expr, dict[str, Expr]]
"""A gate's value and its new states by name, as expressions over keys."""
Init = float | str | Mapping[str, Any]
"""The initial value of a weight: a number, or an initializer by name or with options."""


@dataclass(frozen=True)
class Weight:
    """A weight: name, shape, initializer, and the part that owns it."""

    name: str
    shape: tuple[int, ...]
    init: Init
    kind: str
    owner: str
    trainable: bool = True
    gate_units: int = 1
    map: str | None = None

    @property
    def scope_name(self) -> str:
        """The name in characters that TensorFlow's scopes allow, for variables and run archives."""
        name = self.name
        for sign, word in _WORDS.items():
            name = name.replace(sign, word)
        return name


@dataclass(frozen=True)
class State:
    """A state: key, shape, initial value, weight of a learned initial value, zoneout rate.

    Layers store every state as a vector; the rows of a matrix are concatenated.
    """

    name: str
    shape: tuple[int, ...]
    initial: float = 0.0
    learned: str | None = None
    zoneout: float = 0.0

    @property
    def width(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Norm:
    """Layer normalisation in a gate, of each read or of their sum; a group shares statistics."""

    of: str
    group: tuple[str, ...]
    epsilon: float


@dataclass(frozen=True)
class BuiltRead:
    """A read with its widths and weights: ``z = map(expr)``, ``... x width_out``."""

    expr: Expr
    text: str
    map: LinearMap
    map_kind: str
    weights: Mapping[str, str]
    width_in: int
    width_out: int
    stage: int
    hoisted: bool
    scale: str | None


@dataclass(frozen=True)
class Node:
    """One signal that is computed at each step.

    ``kind`` is ``gate``, ``projection``, ``equation``, ``norm`` or ``output`` (an
    output unit that feeds back). ``stage`` counts the recurrent matrix products that must be done
    before it; a ``hoisted`` node reads no state.
    """

    name: str
    kind: str
    width: int
    stage: int
    hoisted: bool
    depends: tuple[str, ...]
    declared: RowWise | None = None
    reads: tuple[BuiltRead, ...] = ()
    bias: str | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    own_states: tuple[tuple[str, str], ...] = ()
    norm: Norm | None = None
    norm_scale: str | None = None
    expr: Expr | None = None
    source: str = ""
    epsilon: float = EPSILON
    scale: str = ""
    offset: str = ""

    @property
    def signals(self) -> tuple[str, ...]:
        """What it computes, in order: a gate's new states, then the value."""
        return (*(key for _, key in self.own_states), self.name)

    @property
    def operands(self) -> tuple[str, ...]:
        """What it reads itself, not through a linear map; of a gate, the keys of its arguments."""
        if self.expr is not None:
            return names(self.expr)
        return (self.source,) if self.source else tuple(key for _, key in self.arguments)


@dataclass(frozen=True)
class BuiltOutput:
    """The output unit with its sizes; applied to all steps in one operation after the loop.

    ``projections`` are computed just before it. An output unit that feeds back is a node of the
    cell, and so are its projections.
    """

    spec: OutputUnitSpec
    projections: tuple[Node, ...]
    reads: tuple[BuiltRead, ...]
    bias: str | None
    arguments: tuple[tuple[str, str], ...]
    histories: tuple[tuple[str, int], ...]
    width: int
    signals: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The registered name."""
        return self.spec.kind

    @property
    def unit(self) -> OutputUnit:
        """The output unit with its options."""
        return self.spec.unit

    @property
    def all_reads(self) -> tuple[BuiltRead, ...]:
        """The reads of the projections and of the output unit itself."""
        return (*(read for part in self.projections for read in part.reads), *self.reads)


@dataclass(frozen=True, repr=False)
class Cell:
    """A cell with sizes; its ``nodes`` are in an order in which they can be computed."""

    spec: CellSpec
    units: int
    features: int
    inputs: Mapping[str, int]
    widths: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]
    nodes: tuple[Node, ...]
    states: tuple[State, ...]
    shifted: tuple[str, ...]
    uses_t: bool
    weights: tuple[Weight, ...]
    constants: Mapping[str, float]
    parameters: Mapping[str, Parameter]
    output: BuiltOutput
    noises: Mapping[str, str]
    gate_expressions: Mapping[str, GateExpression | None] = field(compare=False)

    def __repr__(self) -> str:
        states = ", ".join(state.name for state in self.states) or "none"
        return (
            f"<Cell {self.spec.name}: {self.units} units, {self.features} features, "
            f"states {states}, {self.count():,} parameters>"
        )

    def _repr_html_(self) -> str:
        sizes = f"{self.units} units, {self.features} features, {self.count():,} parameters"
        rows = []
        for node in self.nodes:
            what = node.kind
            if node.expr is not None:
                what = render(node.expr, " ")
            elif node.reads:
                what = f"{self.kind(node)} of {', '.join(read.text for read in node.reads)}"
            state = "state" if any(node.name == s.name for s in self.states) else ""
            rows.append((node.name, what, node.width, state))
        return table(
            rows, ("signal", "equation or gate", "width", ""), f"{self.spec.name}: {sizes}"
        )

    @property
    def emits(self) -> str:
        """The signal that the cell emits."""
        return self.spec.emits

    @property
    def all_nodes(self) -> tuple[Node, ...]:
        """The nodes of a step, and the projections that are computed after the loop."""
        return (*self.nodes, *self.output.projections)

    @property
    def gates(self) -> list[str]:
        """The names of the gates, in the order of computation."""
        return [node.name for node in self.nodes if node.kind == "gate"]

    @property
    def projections(self) -> list[str]:
        """The names of all projections, also those of the output unit."""
        return [node.name for node in self.all_nodes if node.kind == "projection"]

    def stages(self) -> tuple[tuple[str, ...], ...]:
        """Return the signals by stage: stage k needs k recurrent matrix products in sequence."""
        depth = max((node.stage for node in self.nodes), default=0)
        return tuple(
            tuple(node.name for node in self.nodes if node.stage == stage)
            for stage in range(depth + 1)
        )

    def node(self, name: str) -> Node:
        """Return the node of that name."""
        return next(node for node in self.all_nodes if node.name == name)

    def kind(self, node: Node) -> str:
        """Return the kind of a node: of a gate its registered name, or ``projection``."""
        parts = (part for gate in self.spec.gates for part in (*gate.projections, gate))
        return next((part.kind for part in parts if part.name == node.name), node.kind)

    def recurrent_reads(self) -> dict[str, int]:
        """Return the widths of the reads that recurrent dropout applies to, by the read's text.

        Those of projections are last, so that a gate with some shares the masks of the others.
        """
        nodes = sorted(self.nodes, key=lambda node: "." in node.name)
        reads = [read for node in nodes for read in node.reads]
        return {r.text: r.width_in for r in reads if not r.hoisted and not r.map.row_wise}

    def count(self) -> int:
        """Return the number of trainable parameters."""
        return sum(math.prod(weight.shape) for weight in self.weights if weight.trainable)


def shared_reads(cell_nodes: Mapping[str, Node], node: Node) -> list[tuple[Node, BuiltRead]]:
    """Return the reads that a gate's pre-activation needs: its own, and those of its norm's group.

    Args:
        cell_nodes: the cell's nodes by name.
        node: the gate.
    """
    texts = [r.text for r in node.reads]
    reads = [(node, r) for r in node.reads]
    for member in node.norm.group if node.norm else ():
        other = cell_nodes[member]
        if member != node.name and node.norm is not None:
            reads += [(other, r) for r in other.reads if node.norm.of == "sum" or r.text in texts]
    return reads

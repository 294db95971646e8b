"""A cell without sizes: immutable, comparable, with one canonical form as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.declare import plain
from gatekit.cell.gate import Gate, InlineGate, OutputUnit
from gatekit.cell.language.expression import Expr
from gatekit.cell.language.ops import Function
from gatekit.cell.learned import LinearMap, Parameter
from gatekit.cell.row_wise import RowWise

from .regularizers import RULES, read_rules
from .roles import check_gate, gates_of

_MAPPINGS = (
    "constants",
    "inputs",
    "roles",
    "initial",
    "zoneout",
    "norms",
    "initializers",
    "regularizers",
    "constraints",
)


EPSILON = 1e-5
"""The number that a norm adds to the variance by default."""


@dataclass(frozen=True)
class SignalNorm:
    """Layer normalisation: ``scale * (s - mean) / sqrt(variance + epsilon) + offset``."""

    of: str
    epsilon: float = EPSILON

    def canonical(self) -> str | dict[str, object]:
        """Return the signal's name, with epsilon unless it is the default."""
        return self.of if self.epsilon == EPSILON else {"of": self.of, "epsilon": self.epsilon}


@dataclass(frozen=True)
class Read:
    """A read: an expression over signals, and the linear map applied to it."""

    expr: Expr
    map_kind: str
    map: LinearMap

    @property
    def text(self) -> str:
        """The expression in canonical form; part of the weight's name."""
        return str(self.expr)


@dataclass(frozen=True)
class GateSpec:
    """A gate's name and kind, its options, and its parsed reads."""

    name: str
    kind: str
    gate: Gate
    reads: tuple[Read, ...]


@dataclass(frozen=True)
class OutputUnitSpec:
    """An output unit's kind, its options, and its parsed reads."""

    kind: str
    unit: OutputUnit
    reads: tuple[Read, ...]

    def canonical(self) -> dict[str, object]:
        """Return the output unit as plain data that `read_output_unit` reads back."""
        return {"kind": self.kind, **_options(self.unit, self.reads)}


@dataclass(frozen=True, repr=False)
class CellSpec:
    """A cell whose names are resolved and checked; `gatekit.cell.graph.build` adds the sizes."""

    name: str
    gates: tuple[GateSpec, ...]
    equations: tuple[tuple[str, Expr], ...]
    emits: str
    parameters: tuple[tuple[str, Parameter], ...]
    constants: tuple[tuple[str, int | float], ...]
    inputs: tuple[tuple[str, int | str], ...]
    roles: tuple[tuple[str, str], ...]
    initial: tuple[tuple[str, float], ...]
    learned_initial_state: tuple[str, ...]
    zoneout: tuple[tuple[str, float], ...]
    norms: tuple[tuple[str, SignalNorm], ...]
    dropout: float
    recurrent_dropout: float
    initializers: tuple[tuple[str, object], ...]
    regularizers: tuple[tuple[str, object], ...]
    constraints: tuple[tuple[str, object], ...]
    about: tuple[tuple[str, Any], ...]
    functions: Mapping[str, Function]
    catalogue: Catalogue

    def __repr__(self) -> str:
        gates = ", ".join(gate.name for gate in self.gates) or "none"
        return f"<CellSpec {self.name}: gates {gates}, emits {self.emits}>"

    def __hash__(self) -> int:
        return hash(repr(self.canonical()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellSpec) and self.canonical() == other.canonical()

    def canonical(self) -> dict[str, Any]:
        """Return the cell as plain data in canonical form, regardless of how it was written."""
        data: dict[str, Any] = {"name": self.name, **{k: plain(v) for k, v in self.about}}
        data["gates"] = {}
        for gate in self.gates:
            head = {} if isinstance(gate.gate, InlineGate) else {"kind": gate.kind}
            data["gates"][gate.name] = {**head, **_options(gate.gate, gate.reads)}
        data["equations"] = {name: str(expr) for name, expr in self.equations}
        data["emits"] = self.emits
        data["parameters"] = {name: p.canonical() for name, p in self.parameters}
        for key in _MAPPINGS:
            entries = getattr(self, key)
            data[key] = {k: v.canonical() if key == "norms" else plain(v) for k, v in entries}
        data["learned_initial_state"] = list(self.learned_initial_state)
        data["dropout"], data["recurrent_dropout"] = self.dropout, self.recurrent_dropout
        return {key: value for key, value in data.items() if value not in ({}, [], 0.0, "")}

    def role(self, role: str) -> str:
        """Return the gate that a role or a gate's name means.

        Raises:
            CellError: the cell has no such role or gate.
        """
        return check_gate(role, [g.name for g in self.gates], dict(self.roles), self.name)

    def places(self, names: Iterable[str], where: str) -> dict[str, str]:
        """Return the gate of each given role or name.

        Args:
            names: roles, and names of gates.
            where: their place, for messages.

        Raises:
            CellError: the cell has no such role or gate, or two of them are one gate.
        """
        gates = gates_of(names, [g.name for g in self.gates], dict(self.roles), where)
        return {name: self.role(gate) for name, gate in gates.items()}


def long_form(value: object) -> object:
    """Return ``{kind: NAME}`` for a bare name, and plain data for anything else."""
    return {"kind": value} if isinstance(value, str) else plain(value)


def _options(instance: RowWise, reads: Sequence[Read]) -> dict[str, object]:
    options = {k: plain(v) for k, v in instance.options().items() if k != "reads"}
    if "initializers" in options:
        options["initializers"] = {k: long_form(v) for k, v in options["initializers"].items()}
    for key in RULES:
        if key in options:
            options[key] = read_rules(key, options[key], key)
    options["reads"] = {r.text: {"kind": r.map_kind, **r.map.options()} for r in reads}
    return options

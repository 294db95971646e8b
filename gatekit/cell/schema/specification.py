"""A cell without sizes: immutable, comparable, with one canonical form as plain data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.declare import plain
from gatekit.cell.gate import Gate, InlineGate, OutputUnit
from gatekit.cell.language.expression import Expr, names
from gatekit.cell.language.ops import Function
from gatekit.cell.learned import LinearMap, Parameter
from gatekit.cell.owned import Projection, State, without_defaults
from gatekit.cell.row_wise import RowWise
from gatekit.faults import Place

from .roles import check_gate, gates_of

_MAPPINGS = (
    "constants",
    "inputs",
    "roles",
    "initial",
    "zoneout",
    "norms",
    "initializers",
)


OUTPUT_UNIT = "output_unit"
"""The output unit as the owner of weights and projections."""
OUTPUT = Place((OUTPUT_UNIT,))
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
    """A read: an expression over signals, and the linear map applied to it.

    A projection reads what its gate owns as ``forget.m_prev``; ``written`` is then the expression
    without the gate's name.
    """

    expr: Expr
    map_kind: str
    map: LinearMap
    written: str = ""

    @property
    def text(self) -> str:
        """The expression in canonical form."""
        return str(self.expr)

    @property
    def label(self) -> str:
        """The expression as a part of the weight's name."""
        return self.written or self.text


@dataclass(frozen=True)
class GateSpec:
    """A gate's name and kind, its options, its parsed reads, and its projections.

    A projection is a gate of the kind ``projection`` called ``OWNER.NAME``; ``owner`` is its gate,
    or `OUTPUT_UNIT`.
    """

    name: str
    kind: str
    gate: Gate
    reads: tuple[Read, ...]
    projections: tuple[GateSpec, ...] = ()
    owner: str = ""

    @property
    def declared(self) -> RowWise:
        """The gate with its options."""
        return self.gate

    def sizes(self) -> tuple[int | str, ...]:
        """Return every size that the gate declares, as written."""
        return (*_sizes(self), *(state.width for state in self.gate.own_states().values()))

    def uses(self) -> set[str]:
        """Return the names that the gate reads, asks for or has in its sizes."""
        parts, declared = (self, *self.projections), self.gate
        used = {name for part in parts for read in part.reads for name in names(read.expr)}
        own = {part.name.removeprefix(f"{self.name}.") for part in self.projections}
        own |= {*declared.parameters, *declared.noises}
        own |= {f"{state}_prev" for state in declared.states}
        targets = (declared.bind.get(argument, argument) for argument in declared.arguments())
        # A target of another type is refused when arguments are bound.
        used |= {target for target in targets if isinstance(target, str)} - own
        of_sizes = {name for size in self.sizes() for name in size_names(size)}
        return used | (of_sizes - {*declared.option_names()})


@dataclass(frozen=True)
class OutputUnitSpec:
    """An output unit's kind, its options, its parsed reads, and its projections."""

    kind: str
    unit: OutputUnit
    reads: tuple[Read, ...]
    projections: tuple[GateSpec, ...] = ()

    @property
    def declared(self) -> RowWise:
        """The output unit with its options."""
        return self.unit

    def sizes(self) -> tuple[int | str, ...]:
        """Return every size that the output unit declares, as written."""
        return _sizes(self)

    def canonical(self) -> dict[str, object]:
        """Return the output unit as plain data that `read_output_unit` reads back."""
        options = _options(self.unit, self.reads)
        return {"kind": self.kind, **options, **_projections(self.unit, self.projections)}


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
            options = _options(gate.gate, gate.reads)
            data["gates"][gate.name] = {**head, **options, **_owned(gate)}
        data["equations"] = {name: str(expr) for name, expr in self.equations}
        data["emits"] = self.emits
        data["parameters"] = {name: p.canonical() for name, p in self.parameters}
        for key in _MAPPINGS:
            entries = getattr(self, key)
            data[key] = {k: v.canonical() if key == "norms" else plain(v) for k, v in entries}
        data["learned_initial_state"] = list(self.learned_initial_state)
        data["dropout"], data["recurrent_dropout"] = self.dropout, self.recurrent_dropout
        return {key: value for key, value in data.items() if value not in ({}, [], 0.0, "")}

    def at_layer(self, layer: int, layers: int) -> CellSpec:
        """Return the cell in a stack: ``layer`` and ``layers`` are constants, if it reads them.

        Args:
            layer: the number of the layer, from 1 at the input.
            layers: the number of layers.
        """
        defined = {gate.name for gate in self.gates}
        for key in ("equations", "parameters", "constants", "inputs", "norms"):
            defined |= {name for name, _ in getattr(self, key)}
        used = {name for _, expr in self.equations for name in names(expr)}
        used = used.union(*(gate.uses() for gate in self.gates))
        used = used.union(*(size_names(parameter.shape) for _, parameter in self.parameters))
        depth = {"layer": layer, "layers": layers}
        added = [(name, n) for name, n in depth.items() if name in used - defined]
        return replace(self, constants=(*self.constants, *added)) if added else self

    def role(self, role: str) -> str:
        """Return the gate that a role or a gate's name means.

        Raises:
            CellError: the cell has no such role or gate.
        """
        return check_gate(role, [g.name for g in self.gates], dict(self.roles), self.name)

    def places(self, names: Iterable[str], where: Place) -> dict[str, str]:
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


def size_names(size: int | str) -> set[str]:
    """Return the names in a size as it is written."""
    return {*re.findall(r"[A-Za-z]\w*", str(size))}


def _sizes(spec: GateSpec | OutputUnitSpec) -> tuple[int | str, ...]:
    shapes = [parameter.shape for parameter in spec.declared.parameters.values()]
    of_maps = [size for read in spec.reads for size in read.map.sizes().values()]
    of_projections = [size for part in spec.projections for size in part.sizes()]
    return (spec.declared.units, *shapes, *of_maps, *of_projections)


def _projections(declared: RowWise, parts: Sequence[GateSpec]) -> dict[str, object]:
    """Return the projections that differ from the class's, as plain data."""
    usual, by_name = type(declared).projections, declared.own_projections()
    changed = {
        name: {**_plain(each), "reads": _reads(part.reads)}
        for (name, each), part in zip(by_name.items(), parts, strict=True)
        if usual.get(name) != each
    }
    return {"projections": changed} if changed else {}


def _owned(gate: GateSpec) -> dict[str, object]:
    """Return what a gate owns beyond its class, as plain data with parsed expressions."""
    owned = _projections(gate.gate, gate.projections)
    if isinstance(gate.gate, InlineGate) and gate.gate.states:
        owned["states"] = {
            name: {**_plain(state), "update": str(gate.gate.updates[name])}
            for name, state in gate.gate.own_states().items()
        }
    return owned


def _plain(declared: State | Projection) -> dict[str, object]:
    """Return what a gate declares as plain data, without defaults."""
    differ = without_defaults(declared)
    return {k: long_form(v) if k == "initializer" else plain(v) for k, v in differ.items()}


def _reads(reads: Sequence[Read]) -> dict[str, object]:
    return {r.label: {"kind": r.map_kind, **r.map.options()} for r in reads}


def _options(instance: RowWise, reads: Sequence[Read]) -> dict[str, object]:
    apart = ("reads", "projections", *(("states",) if isinstance(instance, InlineGate) else ()))
    options = {k: plain(v) for k, v in instance.options().items() if k not in apart}
    if "initializers" in options:
        options["initializers"] = {k: long_form(v) for k, v in options["initializers"].items()}
    options["reads"] = _reads(reads)
    return options

"""Reads one gate of a cell from plain data, with its equations and reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, ExpressionError, accepted, as_plain, refused
from gatekit.cell.gate import Gate, InlineGate, LinearGate
from gatekit.cell.language.expression import Expr, Name, names, substitute
from gatekit.cell.language.parse import parse
from gatekit.cell.owned import check_noises, check_own_names
from gatekit.cell.row_wise import RowWise
from gatekit.cell.written import attribute_place
from gatekit.faults import (
    Call,
    Custom,
    Fault,
    Kind,
    ListOf,
    Mismatch,
    OneOf,
    Place,
    Text,
)

from .lookup import (
    check_initializers,
    instance_of,
    kind_of,
    make_initializer,
    registered,
)
from .numeric import POSITIVE
from .roles import gate_of, gates_and_roles
from .specification import EPSILON, GateSpec, Read, SignalNorm
from .values import CELL, check_keys, refuse_commas


def read_expression(text: object, catalogue: Catalogue, where: Place, sizes: bool = True) -> Expr:
    """Return a string as an expression.

    Args:
        text: the expression.
        catalogue: the registered parts.
        where: the place in the cell, for messages.
        sizes: also allow ``//``, which divides sizes and constants.

    Raises:
        ExpressionError: the string is not in the equation language; the message begins with the
            place.
    """
    try:
        return parse(text, catalogue.functions, sizes)
    except ExpressionError as error:
        fault = error.fault
        if fault is not None and fault.known and catalogue.broken:  # an unknown function
            broken = f"left out because broken: {'; '.join(catalogue.broken)}"
            error = ExpressionError(replace(fault, why=f"{fault.why} ({broken})"))
        raise error.below(where) from None


def read_reads(reads: Any, where: Place, catalogue: Catalogue) -> tuple[Read, ...]:
    """Return reads from plain data.

    Args:
        reads: a list of signals and expressions, or a mapping from them to linear maps, where null
            removes a read.
        where: the place in the configuration, for messages.
        catalogue: the registered parts.

    Raises:
        CellError: a linear map is not registered, or an expression is read twice.
        ExpressionError: a read is not in the equation language.
    """
    listed = isinstance(reads, Sequence) and not isinstance(reads, str)
    if reads is not None and not isinstance(reads, Mapping) and not listed:
        raise _not_reads(where, reads)
    if listed and any(isinstance(each, Mapping) for each in reads):  # [x: dense]
        raise _not_reads(where, reads)
    items = reads.items() if isinstance(reads, Mapping) else [(r, "dense") for r in reads or ()]
    by_text: dict[str, Read] = {}
    for text, linear_map in items:
        if linear_map is None:
            continue
        place = where / text
        expr = read_expression(text, catalogue, where)
        known = catalogue.linear_maps
        read = Read(expr, *registered(linear_map, place, "linear map", known, catalogue))
        if read.text in by_text:
            raise refused(place, f"{read.text!r} is read twice")
        by_text[read.text] = read
    return tuple(by_text.values())


def _not_reads(where: Place, given: object) -> CellError:
    expected = (
        "a list of signals, such as [x, h_prev], each with its own matrix, or a mapping from "
        "signals to linear maps, such as {x: dense}"
    )
    return CellError(Fault(Kind.WRONG, where, as_plain(given), expected))


def read_gate(name: str, config: Any, cell: Mapping[str, Any], catalogue: Catalogue) -> GateSpec:
    """Return a gate from plain data.

    Args:
        name: the gate's name in the cell.
        config: a registered name, ``{kind: NAME, option: ...}``, ``{activation: EXPRESSION, ...}``
            or a `Gate`.
        cell: the cell's mapping; its ``reads`` apply to gates without reads of their own.
        catalogue: the registered parts.

    Raises:
        CellError: the kind is unknown, or an option or read is not allowed.
        ExpressionError: an activation or read is not in the equation language.
    """
    where = CELL / "gates" / name
    if isinstance(config, Mapping):
        config = _with_names(config, cell)
        refuse_commas(config, where)
    if isinstance(config, Gate):
        gate, kind = config, kind_of(config, catalogue.gates)
    elif isinstance(config, Mapping) and "activation" in config:
        if config.get("kind") is not None:
            why = "kind and activation exclude each other"
            raise CellError(Fault(Kind.CONFLICT, where, why=why))
        gate = instance_of(InlineGate, {k: v for k, v in config.items() if k != "kind"}, where)
        kind = "inline"
    else:
        kind, gate = registered(config, where, "gate", catalogue.gates, catalogue)
    if isinstance(gate, InlineGate):
        formula = where / "activation"
        expression = read_expression(gate.activation, catalogue, formula, sizes=False)
        updates = _updates(gate, where, catalogue)
        check_noises(gate.noises, where / "noises")
        gate = gate.with_expressions(expression, updates, catalogue.functions)
    reads = gate.reads
    # If the class maps the usual signals to linear maps, keep this choice of the gate's author.
    usual = isinstance(reads, (list, tuple)) and tuple(reads) == Gate.reads
    if "reads" in cell and usual and "reads" not in vars(gate):
        reads = cell["reads"]
    check_initializers(gate.initializers, where / "initializers", catalogue)
    _check_norm(gate.norm, where / "norm")
    try:
        own_reads = read_reads(reads, where / "reads", catalogue)
    except CellError as error:
        if "reads" in vars(gate) or reads is not gate.reads or not gate.declared("reads"):
            raise
        line = attribute_place(type(gate), "reads")
        at = line.words if line else ("", "")
        raise error.spoken(Call(lambda _: at), (where, Place())) from None
    if gate.norm is not None and not own_reads:
        raise refused(where / "norm", "the gate reads nothing, so there is nothing to normalise")
    return GateSpec(name, kind, gate, own_reads, read_projections(name, gate, where, catalogue))


def _with_names(config: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return a gate's entry with other gates, in ``norm.group`` and ``negative_of``, by name."""
    gates, roles = gates_and_roles(cell)
    norm, initializers = config.get("norm"), config.get("initializers")
    named = dict(config)
    if isinstance(norm, Mapping) and isinstance(norm.get("group"), (list, tuple)):
        group = [gate_of(n, gates, roles) if isinstance(n, str) else n for n in norm["group"]]
        named["norm"] = {**norm, "group": group}
    for kind, value in initializers.items() if isinstance(initializers, Mapping) else ():
        if isinstance(value, Mapping) and isinstance(other := value.get("negative_of"), str):
            given = {**value, "negative_of": gate_of(other, gates, roles)}
            named["initializers"] = {**named["initializers"], kind: given}
    return named


def _updates(gate: InlineGate, where: Place, catalogue: Catalogue) -> dict[str, Expr]:
    """Return the parsed new values of the states of a gate that is written in YAML."""
    updates = {}
    for name, state in gate.states.items():
        place = where / "states" / name
        if not isinstance(state, Mapping) or "update" not in state:
            why = "it is the new value of the state"
            raise CellError(Fault(Kind.MISSING, place / "update", why=why))
        updates[name] = read_expression(state["update"], catalogue, place / "update", sizes=False)
    check_own_names(where, (*gate.own_states(where), *gate.noises))
    return updates


def read_projections(
    name: str, owner: RowWise, where: Place, catalogue: Catalogue
) -> tuple[GateSpec, ...]:
    """Return the projections of a gate or output unit, each as a gate that adds up its reads.

    Args:
        name: the gate's name in the cell, or that of the output unit.
        owner: the gate or output unit.
        where: its place, for messages.
        catalogue: the registered parts.

    Raises:
        CellError: a projection has another name, key or read than is allowed.
        ExpressionError: a read is not in the equation language.
    """
    where /= "projections"
    declared = owner.own_projections(where)
    states = owner.own_states() if isinstance(owner, Gate) else {}
    own = {part: f"{name}.{part}" for part in (*declared, *owner.parameters)}
    own |= {f"{state}_prev": f"{name}.{state}_prev" for state in states}
    bound = {**owner.bind, **own}
    keys = {known: Name(key) for known, key in bound.items() if isinstance(key, str)}
    parts = []
    for part, projection in declared.items():
        place = where / part
        _check_norm(projection.norm, place / "norm")
        given: dict[str, Any] = {}
        if projection.initializer is not None:
            make_initializer(projection.initializer, place / "initializer", catalogue)
            given = dict.fromkeys(("kernel", "recurrent"), projection.initializer)
        parsed = read_reads(projection.reads, place / "reads", catalogue)
        for state in states:
            if any(state in names(read.expr) for read in parsed):
                why = f"{state!r} is a state of the gate, and a projection reads {state}_prev"
                raise refused(place / "reads", why)
        for signal in getattr(owner, "history", {}):
            if any(f"{signal}_history" in names(read.expr) for read in parsed):
                why = (
                    f"{signal}_history is a matrix, and a projection reads vectors; use it in emit"
                )
                raise refused(place / "reads", why)
        reads = tuple(
            Read(substitute(read.expr, keys), read.map_kind, read.map, read.text) for read in parsed
        )
        linear = LinearGate(
            bias=projection.bias,
            units=projection.width,
            norm=projection.norm,
            initializers={**given, "bias": projection.first_bias},
        )
        parts.append(GateSpec(f"{name}.{part}", "projection", linear, reads, owner=name))
    return tuple(parts)


def _check_norm(norm: Mapping[str, Any] | None, where: Place) -> None:
    if norm is None:
        return
    check_keys(norm, ("of", "group", "epsilon"), where)
    accepted(norm.get("of"), OneOf(("read", "sum")), where / "of")
    accepted(norm.get("epsilon", EPSILON), POSITIVE, where / "epsilon")
    gates = ListOf(Text(), "a list of gates, such as [input, forget]")
    group = norm.get("group", [])
    accepted(list(group) if isinstance(group, tuple) else group, gates, where / "group")


def signal_norm(value: object, where: Place) -> SignalNorm:
    """Return an entry of `norms` from plain data.

    Raises:
        CellError: the entry is neither a signal's name nor ``{of: NAME, epsilon: NUMBER}``.
    """
    entry = accepted(value, Custom(_norm), where)
    check_keys(entry, ("of", "epsilon"), where)
    epsilon = accepted(entry.get("epsilon", EPSILON), POSITIVE, where / "epsilon")
    return SignalNorm(entry["of"], epsilon)


def _norm(value: Any) -> Mapping[str, Any]:
    entry = {"of": value} if isinstance(value, str) else value
    if not isinstance(entry, Mapping) or not isinstance(entry.get("of"), str):
        raise Mismatch("the name of the signal to normalise, or {of: h, epsilon: 1.0e-3}")
    return entry

"""Reads one gate of a cell from plain data, with its equations and reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, ExpressionError, as_typed, excerpt, quoted
from gatekit.cell.gate import Gate, InlineGate, LinearGate
from gatekit.cell.language.expression import Expr, Name, names, substitute
from gatekit.cell.language.parse import parse
from gatekit.cell.owned import check_own_names
from gatekit.cell.row_wise import RowWise

from .lookup import (
    check_initializers,
    instance_of,
    kind_and_options,
    kind_of,
    make_initializer,
    unknown,
)
from .regularizers import check_rules
from .roles import gate_of, gates_and_roles
from .specification import EPSILON, GateSpec, Read, SignalNorm
from .values import check_keys, refuse_commas


def read_expression(text: object, catalogue: Catalogue, where: str, sizes: bool = True) -> Expr:
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
        unknown_function = re.search(r"there is no function '(\w+)'", str(error))
        names = [entry.partition(" ")[0] for entry in catalogue.broken if unknown_function]
        broken = f"\nLeft out because broken: {'; '.join(catalogue.broken)}." if names else ""
        raise ExpressionError(f"{where}: {error}{broken}") from None


def read_reads(reads: object, where: str, catalogue: Catalogue) -> tuple[Read, ...]:
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
    if isinstance(reads, str):
        such = ", ".join(re.split(r"[\s,;]+", reads.strip("[]() ")))
        raise CellError(
            f"{where}: a list is expected, such as [{excerpt(such)}], not {quoted(reads)}"
        )
    if reads is not None and not isinstance(reads, (Mapping, Sequence)):
        raise CellError(f"{where}: a list is expected, such as [x, h_prev], not {quoted(reads)}")
    entries = () if reads is None or isinstance(reads, Mapping) else reads
    texts = [entry for entry in entries if isinstance(entry, str)]
    for text in texts:
        if re.fullmatch(r"\s*[A-Za-z_]\w*(?:\s*[;,]\s*|\s+)[A-Za-z_]\w*\s*", text):
            such = ", ".join(re.split(r"[\s;,]+", text.strip()))
            raise CellError(
                f"{where}: reads are separated by commas: write reads: [{excerpt(such)}]"
            )
    if any(text.count("(") > text.count(")") for text in texts):
        cut = ", ".join(texts)
        if stacked := re.fullmatch(
            r"(?:np\.|tf\.|torch\.)?(?:h?stack|cat|concat\w*)\(([^()]*)\)", cut
        ):
            raise CellError(
                f"{where}: a gate has a matrix for each read and adds the products, which equals "
                f"one matrix times the concatenation: write reads: [{excerpt(stacked[1])}]"
            )
        reads = re.split(r", (?![^(]*\))", cut)
        such = ", ".join(f"'{read}'" if "," in read else read for read in reads)
        raise CellError(
            f"{where}: YAML splits a list at every comma, even inside the brackets of a call; put "
            f"the read in quotes: write reads: [{excerpt(such)}]"
        )
    pairs = [entry for entry in entries if isinstance(entry, Mapping)]
    if pairs:
        maps: dict[str, Any] = {entry: "dense" for entry in entries if isinstance(entry, str)}
        for pair in pairs:
            maps |= pair
        each = ", ".join(f"{name}: {as_typed(kind)}" for name, kind in maps.items())
        raise CellError(
            f"{where}: reads with linear maps are written in braces, not in brackets: write "
            f"reads: {{{excerpt(each)}}}"
        )
    items = reads.items() if isinstance(reads, Mapping) else [(r, "dense") for r in reads or ()]
    by_text: dict[str, Read] = {}
    for text, linear_map in items:
        if linear_map is None:
            continue
        place = f"{where}.{text}"
        expr = read_expression(text, catalogue, where)
        kind, options = kind_and_options(linear_map, place)
        if kind not in catalogue.linear_maps:
            raise unknown(place, "linear map", kind, catalogue.linear_maps, catalogue)
        read = Read(expr, kind, instance_of(catalogue.linear_maps[kind], options, place))
        if read.text in by_text:
            raise CellError(f"{place}: {read.text!r} is read twice; remove one of the two")
        by_text[read.text] = read
    return tuple(by_text.values())


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
    where = f"cell.gates.{name}"
    if isinstance(config, Mapping):
        config = _with_names(config, cell)
        refuse_commas(config, where)
        if isinstance(config.get("role"), str) and _lacks_role(config, catalogue):
            raise CellError(
                f"{where}: the role of a gate is not one of its options; next to `gates:`, write "
                f"roles: {{{config['role']}: {name}}}"
            )
    if isinstance(config, Gate):
        gate, kind = config, kind_of(config, catalogue.gates)
    elif isinstance(config, Mapping) and "activation" in config:
        if config.get("kind") is not None:
            raise CellError(
                f"{where}: kind and activation exclude each other; remove one, or write kind: null "
                "if a cell in defaults has set it"
            )
        gate = instance_of(InlineGate, {k: v for k, v in config.items() if k != "kind"}, where)
        kind = "inline"
    else:
        kind, options = kind_and_options(config, where)
        if kind not in catalogue.gates:
            raise unknown(where, "gate", kind, catalogue.gates, catalogue)
        gate = instance_of(catalogue.gates[kind], options, where)
    if isinstance(gate, InlineGate):
        expression = read_expression(gate.activation, catalogue, f"{where}.activation", sizes=False)
        updates = _updates(gate, where, catalogue)
        gate = gate.with_expressions(expression, updates, catalogue.functions)
    reads = gate.reads
    # If the class maps the usual signals to linear maps, keep this choice of the gate's author.
    usual = isinstance(reads, (list, tuple)) and tuple(reads) == Gate.reads
    if "reads" in cell and usual and "reads" not in vars(gate):
        reads = cell["reads"]
    check_initializers(gate.initializers, f"{where}.initializers", catalogue)
    check_rules(gate, where)
    _check_norm(gate.norm, f"{where}.norm")
    own_reads = read_reads(reads, f"{where}.reads", catalogue)
    if gate.norm is not None and not own_reads:
        raise CellError(
            f"{where}.norm: the gate reads nothing, so there is nothing to normalise; write "
            "norm: null, or give it reads: [x]"
        )
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


def _updates(gate: InlineGate, where: str, catalogue: Catalogue) -> dict[str, Expr]:
    """Return the parsed new values of the states of a gate that is written in YAML."""
    updates = {}
    for name, state in gate.states.items():
        place = f"{where}.states.{name}"
        if not isinstance(state, Mapping) or "update" not in state:
            raise CellError(
                f"{place}: the new value is missing; write "
                f"{name}: {{first: 0, update: 0.9 * {name}_prev + 0.1 * pre}}"
            )
        updates[name] = read_expression(state["update"], catalogue, f"{place}.update", sizes=False)
    check_own_names(where, tuple(gate.own_states(where)))
    return updates


def read_projections(
    name: str, owner: RowWise, where: str, catalogue: Catalogue
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
    where = f"{where}.projections"
    declared = owner.own_projections(where)
    states = owner.own_states() if isinstance(owner, Gate) else {}
    own = {part: f"{name}.{part}" for part in (*declared, *owner.parameters)}
    own |= {f"{state}_prev": f"{name}.{state}_prev" for state in states}
    bound = {**owner.bind, **own}
    keys = {known: Name(key) for known, key in bound.items() if isinstance(key, str)}
    parts = []
    for part, projection in declared.items():
        place = f"{where}.{part}"
        _check_norm(projection.norm, f"{place}.norm")
        given: dict[str, Any] = {}
        if projection.initializer is not None:
            make_initializer(projection.initializer, f"{place}.initializer", catalogue)
            given = dict.fromkeys(("kernel", "recurrent"), projection.initializer)
        parsed = read_reads(projection.reads, f"{place}.reads", catalogue)
        for state in states:
            if any(state in names(read.expr) for read in parsed):
                raise CellError(
                    f"{place}.reads: {state!r} is a state of the gate, and a projection reads its "
                    f"previous value; write {state}_prev"
                )
        for signal in getattr(owner, "history", {}):
            if any(f"{signal}_history" in names(read.expr) for read in parsed):
                raise CellError(
                    f"{place}.reads: {signal}_history is a matrix, and a projection reads vectors; "
                    f"use {signal}_history in emit"
                )
        reads = tuple(
            Read(substitute(read.expr, keys), read.map_kind, read.map, read.text) for read in parsed
        )
        linear = LinearGate(
            bias=projection.bias,
            units=projection.width,
            norm=projection.norm,
            initializers={**given, "bias": projection.first_bias},
            regularizers=owner.regularizers,
            constraints=owner.constraints,
        )
        parts.append(GateSpec(f"{name}.{part}", "projection", linear, reads, owner=name))
    return tuple(parts)


def _lacks_role(config: Mapping[str, object], catalogue: Catalogue) -> bool:
    gate = catalogue.gates.get(str(config.get("kind")), InlineGate)
    return "role" not in gate.option_names()


def _check_norm(norm: Mapping[str, object] | None, where: str) -> None:
    if norm is None:
        return
    check_keys(norm, ("of", "group", "epsilon"), where)
    if norm.get("of") not in ("read", "sum"):
        raise CellError(
            f"{where}.of: read (each linear map alone) or sum (their sum) is expected, "
            f"not {norm.get('of')!r}; write of: sum"
        )
    _epsilon(norm, where)
    group = norm.get("group", [])
    if (
        isinstance(group, str)
        or not isinstance(group, Sequence)
        or not all(isinstance(member, str) for member in group)
    ):
        raise CellError(
            f"{where}.group: a list of gates is expected, such as [input, forget], not "
            f"{quoted(group)}"
        )


def signal_norm(value: object, where: str) -> SignalNorm:
    """Return an entry of `norms` from plain data.

    Raises:
        CellError: the entry is neither a signal's name nor ``{of: NAME, epsilon: NUMBER}``.
    """
    if isinstance(value, str):
        return SignalNorm(value)
    if not isinstance(value, Mapping) or not isinstance(value.get("of"), str):
        raise CellError(
            f"{where}: name the signal to normalise, not {excerpt(repr(value))}; a norm is a "
            "separate signal: write norms: {h_out: h}, or norms: {h_out: {of: h, epsilon: 1.0e-3}}"
        )
    check_keys(value, ("of", "epsilon"), where)
    return SignalNorm(value["of"], _epsilon(value, where))


def _epsilon(norm: Mapping[str, Any], where: str) -> float:
    epsilon = norm.get("epsilon", EPSILON)
    known = isinstance(epsilon, (int, float)) and not isinstance(epsilon, bool)
    if not known or not 0 < epsilon < 1e300:
        raise CellError(
            f"{where}.epsilon: a positive number is expected, such as 1e-5, not {quoted(epsilon)}"
        )
    return float(epsilon)

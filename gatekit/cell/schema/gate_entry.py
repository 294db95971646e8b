"""Reads one gate of a cell from plain data, with its equations and reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, ExpressionError, accepted, as_plain, refused
from gatekit.cell.gate import Gate, InlineGate, LinearGate
from gatekit.cell.language.expression import Expr, Name, names, substitute
from gatekit.cell.language.parse import parse
from gatekit.cell.owned import check_own_names
from gatekit.cell.row_wise import RowWise
from gatekit.cell.written import attribute_place
from gatekit.faults import (
    Both,
    Call,
    Custom,
    Fault,
    Fix,
    Kind,
    ListOf,
    Mismatch,
    OneOf,
    Place,
    Remove,
    Rename,
    Set,
    Text,
    known_as,
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


def read_reads(reads: object, where: Place, catalogue: Catalogue) -> tuple[Read, ...]:
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
    texts: Any = [reads] if isinstance(reads, str) else reads
    if texts is not None and not isinstance(texts, (Mapping, Sequence)):
        raise _not_reads(where, reads, ["x", "h_prev"])
    if isinstance(texts, Sequence):
        if any(isinstance(each, Mapping) for each in texts):  # [x: dense]
            maps: dict[Any, Any] = {}
            for each in texts:
                maps |= each if isinstance(each, Mapping) else {each: "dense"}
            raise _not_reads(where, reads, maps)
        given = [str(each).strip() for each in texts]
        meant = _meant_reads(given)
        if isinstance(reads, str) or meant != given:
            raise _not_reads(where, reads, meant)
    items = reads.items() if isinstance(reads, Mapping) else [(r, "dense") for r in texts or ()]
    by_text: dict[str, Read] = {}
    for text, linear_map in items:
        if linear_map is None:
            continue
        place = where / text
        try:
            expr = read_expression(text, catalogue, where)
        except ExpressionError as error:
            raise _of_read(error, where, reads, text) from None
        known = catalogue.linear_maps
        read = Read(expr, *registered(linear_map, place, "linear map", known, catalogue))
        if read.text in by_text:
            raise refused(place, f"{read.text!r} is read twice", Remove(place))
        by_text[read.text] = read
    return tuple(by_text.values())


def _meant_reads(texts: Sequence[str]) -> list[str]:
    """Return reads that are written as ``x h_prev``, ``[x, h_prev]`` or ``concat(x, h_prev)``.

    YAML splits a list at every comma, also within the brackets of a call.
    """
    if len(texts) == 1 and re.fullmatch(r"[\[(][^()\[\]]*[)\]]", texts[0]):
        texts = texts[0][1:-1].split(",")
    joined = ", ".join(text.strip() for text in texts)
    if not joined:
        return []
    if stacked := re.fullmatch(r"(?:\w+\.)?(?:h?stack|cat|concat\w*)\(([^()]*)\)", joined):
        joined = stacked[1]
    if re.fullmatch(r"[A-Za-z_]\w*(?: *\+ *[A-Za-z_]\w*)+", joined):  # a gate sums its reads
        joined = re.sub(r" *\+ *", ", ", joined)
    parts = re.split(r", *(?![^(]*\))", joined) if "(" in joined else joined.split(", ")
    names = [re.fullmatch(r"[A-Za-z_]\w*(?:[\s;,]+[A-Za-z_]\w*)+", part) for part in parts]
    return [
        each
        for part, several in zip(parts, names, strict=True)
        for each in (re.split(r"[\s;,]+", part) if several else [part])
    ]


def _of_read(error: ExpressionError, where: Place, reads: Any, text: Any) -> ExpressionError:
    """Return the error of a read with fixes that keep the other reads."""
    assert error.fault is not None
    fixes: list[Fix] = []
    for fix in error.fault.fixes:
        if isinstance(fix, Set) and isinstance(reads, Mapping):
            fix = Rename(where / text, where / fix.value)
        elif isinstance(fix, Set):
            fix = Set(where, [fix.value if each == text else each for each in reads])
        fixes.append(fix)
    return ExpressionError(replace(error.fault, fixes=tuple(fixes)))


def _not_reads(where: Place, given: object, meant: object) -> CellError:
    expected = (
        "a list of signals, such as [x, h_prev], each with its own matrix, or a mapping from "
        "signals to linear maps, such as {x: dense}; a comma within a call needs quotes"
    )
    fault = Fault(Kind.WRONG, where, as_plain(given), expected, fixes=(Set(where, meant),))
    return CellError(fault)


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
        if isinstance(config.get("role"), str) and _lacks_role(config, catalogue):
            _, had = gates_and_roles(cell)
            roles = Set(CELL / "roles", {**had, config["role"]: name})
            why = "the role of a gate is not one of its options, but a key of the cell"
            raise refused(where / "role", why, Both((Remove(where / "role"), roles)))
    if isinstance(config, Gate):
        gate, kind = config, kind_of(config, catalogue.gates)
    elif isinstance(config, Mapping) and "activation" in config:
        if config.get("kind") is not None:
            why = "kind and activation exclude each other"
            rest = {k: v for k, v in config.items() if k not in ("kind", "activation")}
            named = config["activation"] in catalogue.gates
            alone = {"kind": None, "activation": config["activation"]}
            meant = {"kind": config["activation"]} if named else alone
            ways = (Set(where, {**meant, **rest}), Remove(where / "activation"))
            raise CellError(Fault(Kind.CONFLICT, where, why=why, fixes=ways))
        gate = instance_of(InlineGate, {k: v for k, v in config.items() if k != "kind"}, where)
        kind = "inline"
    else:
        kind, gate = registered(config, where, "gate", catalogue.gates, catalogue)
    if isinstance(gate, InlineGate):
        try:
            formula = where / "activation"
            expression = read_expression(gate.activation, catalogue, formula, sizes=False)
        except ExpressionError as error:
            raise of_paper(error, str(gate.activation), catalogue, where) from None
        updates = _updates(gate, where, catalogue)
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
        given = {"reads": as_plain(reads)}
        raise error.spoken(Call(line=lambda _: at, given=given), (where, Place())) from None
    if gate.norm is not None and not own_reads:
        why = "the gate reads nothing, so there is nothing to normalise"
        with_read = Set(where / "reads", ["x"])
        raise refused(where / "norm", why, Set(where / "norm", None), with_read)
    return GateSpec(name, kind, gate, own_reads, read_projections(name, gate, where, catalogue))


def of_paper(
    error: ExpressionError, text: str, catalogue: Catalogue, gate: Place, *first: Remove
) -> ExpressionError:
    """Return the error of a formula; one with learned matrices, as papers write it, is a gate.

    Args:
        error: the error.
        text: the formula.
        catalogue: the registered parts.
        gate: the place of the gate.
        first: what to do besides writing the gate.
    """
    meant = _gate_of_paper(text, catalogue)
    if meant is None or error.fault is None:
        return error
    why, both = "learned matrices are those of a gate's reads", Both((*first, Set(gate, meant)))
    return ExpressionError(replace(error.fault, why=why, fixes=(both,), known=()))


def _gate_of_paper(text: str, catalogue: Catalogue) -> dict[str, Any] | None:
    """Return the gate that ``tanh(W @ x + U @ h_prev + b)`` or ``tanh(dense(x))`` describes."""
    activation, reads = "pre", dict[str, str]()
    try:
        node = ast.parse(_PRODUCT.sub(r"\1 @ ", text.strip()), mode="eval").body
        terms = [node]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
            name = node.func.id
            name = name if name in catalogue.functions else known_as("word", name)
            activation, terms = f"{name}(pre)", list(node.args)
        while terms:
            term = terms.pop()
            if isinstance(term, ast.BinOp) and isinstance(term.op, ast.Add):
                terms += [term.right, term.left]
            elif isinstance(term, ast.BinOp) and isinstance(term.op, ast.MatMult):
                inner = term.right.elts if isinstance(term.right, ast.List) else [term.right]
                reads |= {ast.unparse(each): "dense" for each in inner}
            elif (
                isinstance(term, ast.Call)
                and (called := ast.unparse(term.func)) in catalogue.linear_maps
                and len(term.args) == 1
            ):
                reads[ast.unparse(term.args[0])] = called
            elif not (isinstance(term, ast.Name) and term.id.startswith("b")):
                return None
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # of a file of a stranger
        return None
    if not reads or activation[0] == "(":
        return None
    reads = {"h_prev" if name == "h" else name: of for name, of in reads.items()}
    dense = {*reads.values()} == {"dense"}
    return {"activation": activation, "reads": [*reads] if dense else reads}


_PRODUCT = re.compile(r"\b([WURV](?:_\w+)?) +(?=[a-z(\[])")


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
            fix = Set(place, {"first": 0, "update": f"0.9 * {name}_prev + 0.1 * pre"})
            why = "it is the new value of the state"
            raise CellError(Fault(Kind.MISSING, place / "update", why=why, fixes=(fix,)))
        updates[name] = read_expression(state["update"], catalogue, place / "update", sizes=False)
    check_own_names(where, tuple(gate.own_states(where)))
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


def _lacks_role(config: Mapping[str, object], catalogue: Catalogue) -> bool:
    gate = catalogue.gates.get(str(config.get("kind")), InlineGate)
    return "role" not in gate.option_names()


def _check_norm(norm: Mapping[str, Any] | None, where: Place) -> None:
    if norm is None:
        return
    check_keys(norm, ("of", "group", "epsilon"), where)
    accepted(norm.get("of"), OneOf(("read", "sum")), where / "of", "sum")
    accepted(norm.get("epsilon", EPSILON), POSITIVE, where / "epsilon", EPSILON)
    gates = ListOf(Text(), "a list of gates, such as [input, forget]")
    group = norm.get("group", [])
    accepted(list(group) if isinstance(group, tuple) else group, gates, where / "group")


def signal_norm(value: object, where: Place) -> SignalNorm:
    """Return an entry of `norms` from plain data.

    Raises:
        CellError: the entry is neither a signal's name nor ``{of: NAME, epsilon: NUMBER}``.
    """
    stem = where.last.removesuffix("_out")
    entry = accepted(value, Custom(_norm), where, "h" if stem == where.last else stem)
    check_keys(entry, ("of", "epsilon"), where)
    epsilon = accepted(entry.get("epsilon", EPSILON), POSITIVE, where / "epsilon", EPSILON)
    return SignalNorm(entry["of"], epsilon)


def _norm(value: Any) -> Mapping[str, Any]:
    entry = {"of": value} if isinstance(value, str) else value
    if not isinstance(entry, Mapping) or not isinstance(entry.get("of"), str):
        raise Mismatch("the name of the signal to normalise, or {of: h, epsilon: 1.0e-3}")
    return entry

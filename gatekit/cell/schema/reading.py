"""Reads a cell or an output unit from plain data."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import (
    CellError,
    ExpressionError,
    GatekitError,
    accepted,
    all_read,
    amount_of,
    as_plain,
    at_most,
    excerpt,
    nearest_name,
    read_with,
    refused,
)
from gatekit.cell.gate import Gate, OutputUnit
from gatekit.cell.language.expression import Expr
from gatekit.cell.learned import Parameter
from gatekit.faults import (
    NOTHING,
    Both,
    Fault,
    Fix,
    Kind,
    Note,
    OneOf,
    Place,
    Remove,
    Rename,
    Set,
    known_as,
    note_for,
    together,
    unknown_name,
    unknown_option,
)

from .gate_entry import (
    of_paper,
    read_expression,
    read_gate,
    read_projections,
    read_reads,
    signal_norm,
)
from .limits import (
    CELL_KEYS,
    MAX_EQUATIONS,
    SECTIONS,
    check_members,
    check_names,
    check_plain,
    check_size,
)
from .lookup import (
    check_initializer,
    check_initializers,
    kind_of,
    registered,
    unknown,
)
from .numeric import constant, input_width, number, rate
from .roles import by_gate
from .specification import OUTPUT, OUTPUT_UNIT, CellSpec, GateSpec, OutputUnitSpec, long_form
from .values import (
    CELL,
    WEIGHT_KINDS,
    check_keys,
    name_list,
    read_about,
    refuse_commas,
    section,
    text,
)

_T = TypeVar("_T")


def read_cell(config: Mapping[str, Any], catalogue: Catalogue) -> CellSpec:
    """Return a cell from plain data.

    Args:
        config: the cell's mapping, as in conf/cell; ``{function: NAME, option: ...}`` calls a
            registered cell function.
        catalogue: the registered parts.

    Raises:
        CellError: a key, name or value is not allowed; the message names the place, the value and
            what is allowed.
        ExpressionError: an equation or read is not in the equation language.
    """
    return read_with(partial(_read, catalogue=catalogue), config, CELL)


def _read(config: Mapping[str, Any], catalogue: Catalogue) -> CellSpec:
    if not isinstance(config, Mapping):
        expected = "a mapping with gates, equations and emits"
        raise CellError(Fault(Kind.WRONG, CELL, as_plain(config), expected))
    check_plain(config)
    if "function" in config:
        config = _call_cell_function(config, catalogue)
        check_plain(config)
    if fault := together(_unknown_key(config, key) for key in config if key not in CELL_KEYS):
        raise CellError(fault)
    _refuse_options_as_gates(config.get("gates"))
    for key in SECTIONS:
        check_members(config, key)
        section(config, key)
    readers: dict[str, Callable[[object, Place], Any]] = {
        "gates": lambda value, where: read_gate(where.last, value, config, catalogue),
        "equations": lambda value, where: _equation(value, where, catalogue),
        "parameters": lambda value, where: _parameter(value, where, catalogue),
        "constants": constant,
        "inputs": input_width,
        "initial": number,
        "zoneout": rate,
        "norms": signal_norm,
    }
    rates = ("dropout", "recurrent_dropout")
    at_most(MAX_EQUATIONS, len(section(config, "equations")), "equations", CELL / "equations")
    parts: dict[str, Callable[[], Any]] = {
        **{key: partial(_each, config, key, read) for key, read in readers.items()},
        **{key: partial(rate, config.get(key, 0.0), CELL / key) for key in rates},
        "initializers": partial(_initializers, config, catalogue),
    }
    read = dict(zip(parts, all_read(parts.values()), strict=True))
    read["gates"] = tuple(gate for _, gate in read["gates"])
    spec = CellSpec(
        name=text(config, "name", "unnamed"),
        emits=_emits(config, read["gates"], read["equations"]),
        roles=tuple((str(r), str(g)) for r, g in section(config, "roles").items()),
        learned_initial_state=name_list(config, "learned_initial_state"),
        **read,
        about=read_about(config),
        functions=catalogue.functions,
        catalogue=catalogue,
    )
    check_names(spec)
    check_size(spec)
    return spec


def _unknown_key(config: Mapping[Any, Any], name: Any) -> Fault:
    """Return the fault of a key that a cell does not have."""
    key, value, where = str(name), config[name], CELL / name
    given = as_plain(value)
    fault = Fault(Kind.UNKNOWN, where, given, known=CELL_KEYS)
    if isinstance(value, Mapping) and {"gates", "equations", "emits", "defaults"} & {*value}:
        why = f"the file is the cell itself: remove the line `{key}:` and the indentation below it"
        return replace(fault, kind=Kind.REFUSED, given=NOTHING, why=why, known=())
    if "." in key:  # a file has a mapping in place of each dot
        to = Place.of(key.removeprefix("cell.")).moved(Place(), CELL)
        return replace(fault, fixes=(Rename(where, to),), known=())
    keys = [*config]
    above = next((k for k in reversed(keys[: keys.index(name)]) if k in CELL_KEYS), "")
    empty = [name for name in SECTIONS if name in config and config[name] is None]
    note, near = note_for("cell", key), known_as("cell", key) or nearest_name(key, CELL_KEYS)
    if above in empty or (empty and not note and not near):
        section_of = above if above in empty else empty[0]
        inner = (CELL / section_of, f" is empty; if {key} belongs to it, indent it by two spaces")
        moved = Rename(where, CELL / section_of / key)
        return replace(fault, kind=Kind.REFUSED, given=NOTHING, why=inner, fixes=(moved,), known=())
    gates = config.get("gates")
    if key == "bias" and isinstance(value, bool) and isinstance(gates, Mapping):
        each = (Set(CELL / "gates" / name / key, value) for name in gates)
        return replace(fault, fixes=(Both((Remove(where), *each)),), known=())
    if (known_as("layer", key) or key) == "units":  # a cell has no size
        return replace(fault, fixes=(Rename(where, Place(("units",))),), known=())
    if near == "defaults":
        other = value if isinstance(value, str) else "lstm"
        starts: Fix = Both((Remove(where), Set(CELL / near, [other, "_self_"])))
        if "emits" in config:  # it is a whole cell, or a word of a command line
            line = f"defaults: [{excerpt(other)}, _self_]"
            starts = Note((f"a cell's file starts from another cell with {line}",))
        return replace(fault, fixes=(starts,), known=())
    if note:
        return replace(fault, fixes=(Note((note,)),), known=())
    if not near and isinstance(value, str) and re.search(r"[(*+/]", value):
        return replace(fault, fixes=(Rename(where, CELL / "equations" / key),), known=())
    parts = (config.get(each) for each in ("gates", "constants"))
    gates, constants = (part if isinstance(part, Mapping) else {} for part in parts)
    own = [f"constants.{name}" for name in constants]
    if key in gates and not (near and isinstance(value, str)):
        near = f"gates.{key}"
    elif near.startswith("gates.") and near.split(".")[1] not in gates:
        near = ""
    option = next((name for name in constants if name in (key, known_as("option", key))), "")
    near = near or f"constants.{option}" * bool(option)
    fixes = (Rename(where, Place.of(f"cell.{near}")),) if near else ()
    return replace(fault, fixes=fixes, known=(*CELL_KEYS, *own))


def _refuse_options_as_gates(gates: object) -> None:
    """Refuse ``kind: sigmoid`` next to its gate, which reads as a gate called kind."""
    above = "NAME"
    for name, value in gates.items() if isinstance(gates, Mapping) else ():
        if name not in ("kind", "activation", *Gate.option_names()) or isinstance(value, Mapping):
            above = str(name)
            continue
        where = CELL / "gates" / name
        why = f"`{name}` is an option of a gate: indent it by two spaces more than its gate"
        raise refused(where, why, Rename(where, CELL / "gates" / above / name))


def read_output_unit(config: object, catalogue: Catalogue) -> OutputUnitSpec:
    """Return an output unit from plain data.

    Args:
        config: a registered name, ``{kind: NAME, option: ...}``, or an `OutputUnit`.
        catalogue: the registered parts.

    Raises:
        CellError: the kind is unknown, or an option or read is not allowed.
    """
    return read_with(partial(_read_output_unit, catalogue=catalogue), config, OUTPUT)


def _read_output_unit(config: object, catalogue: Catalogue) -> OutputUnitSpec:
    where = OUTPUT
    if isinstance(config, OutputUnit):
        unit, kind = config, kind_of(config, catalogue.output_units)
    else:
        kind, unit = registered(config, where, "output unit", catalogue.output_units, catalogue)
    reads = read_reads(unit.reads, where / "reads", catalogue)
    check_initializers(unit.initializers, where / "initializers", catalogue)
    projections = read_projections(OUTPUT_UNIT, unit, where, catalogue)
    return OutputUnitSpec(kind, unit, reads, projections)


def _call_cell_function(config: Mapping[str, Any], catalogue: Catalogue) -> Mapping[str, Any]:
    name = config["function"]
    if not isinstance(name, str) or name not in catalogue.cells:
        raise unknown(CELL / "function", "cell function", name, catalogue.cells, catalogue)
    function = catalogue.cells[name]
    allowed = list(inspect.signature(function).parameters)
    rest = {k: v for k, v in config.items() if k != "function"}
    options = {k: v for k, v in rest.items() if k in allowed}
    for key in rest:
        if key not in allowed and key not in CELL_KEYS:
            fault = unknown_option(CELL / key, rest[key], allowed)
            note = "every key of a cell is allowed, too, and overrides what the function returns"
            raise CellError(replace(fault, fixes=(*fault.fixes, Note((note,)))))
    try:
        built = function(**options)
    except GatekitError:
        raise
    except Exception as error:
        why = f"cell function {name!r} raised {type(error).__name__}: {error}"
        raise refused(CELL / "function", why) from error
    changes = {k: v for k, v in rest.items() if k not in allowed}
    return merge(built, by_gate(changes, built))


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with changes merged in, entry by entry where both values are mappings.

    Args:
        base: the mapping.
        changes: the new values; a value is replaced as a whole unless the old and the new one are
            mappings.
    """
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return result


def _each(
    config: Mapping[str, Any], key: str, read: Callable[[object, Place], _T]
) -> tuple[tuple[str, _T], ...]:
    entries = section(config, key)
    values = all_read(partial(read, value, CELL / key / name) for name, value in entries.items())
    return tuple(zip(entries, values, strict=True))


def _equation(value: object, where: Place, catalogue: Catalogue) -> Expr:
    """Return an equation; one with learned matrices, as papers write it, is a gate."""
    try:
        return read_expression(value, catalogue, where)
    except ExpressionError as error:
        gate = CELL / "gates" / where.last
        raise of_paper(error, str(value), catalogue, gate, Remove(where)) from None


def _emits(
    config: Mapping[str, Any],
    gates: tuple[GateSpec, ...],
    equations: tuple[tuple[str, Expr], ...],
) -> str:
    emits, where = config.get("emits"), CELL / "emits"
    signals = [*(n for n, _ in equations), *(g.name for g in gates), *section(config, "norms")]
    if emits is None:
        fixes = tuple(Set(where, name) for name in [*dict(equations)][-1:] or signals[:1])
        why = "it names the signal that the cell emits"
        raise CellError(Fault(Kind.MISSING, where, why=why, fixes=fixes))
    if isinstance(emits, list) and len(emits) > 1 and emits[0] in signals:
        expected = "one signal; a state is carried anyway (output_unit=memory emits the memory c)"
        fault = Fault(Kind.WRONG, where, emits, expected, fixes=(Set(where, emits[0]),))
        raise CellError(fault)
    if not isinstance(emits, str):
        accepted(emits, OneOf(tuple(signals)), where, *signals[:1])
    for name in [g.name for g in gates]:
        if name in dict(equations):
            place = CELL / "equations" / name
            both = (f"{name!r} is also at ", CELL / "gates" / name, "; rename one of them")
            raise refused(place, both, Rename(place, CELL / "equations" / f"{name}_1"))
    if emits not in signals:
        fault = unknown_name(where, emits, signals, "signals")
        stem = re.split(r"\W|_prev|_t$", str(emits))[0]
        if not fault.fixes and re.search(r"\W", str(emits)):
            written = {n: str(e) for n, e in equations} | {"out": emits}
            out = Both((Set(CELL / "equations", written), Set(where, "out")))
            fault = replace(fault, fixes=(out,))
        elif not fault.fixes and stem in signals:
            fault = replace(fault, fixes=(Set(where, stem),))
        if not fault.fixes and equations:
            fault = replace(fault, fixes=(Set(where, equations[-1][0], such=True),))
        raise CellError(fault)
    return str(emits)


def _parameter(value: object, where: Place, catalogue: Catalogue) -> Parameter:
    if not isinstance(value, Mapping):
        shape = value if value in ("units", "features", "scalar") else "units"
        amount = amount_of(str(value))
        example = {"shape": shape, "init": 0.5 if amount is None else amount}
        expected = "a mapping with shape and init; a number that is not learned is a constant"
        fix = Set(where, example)
        raise CellError(Fault(Kind.WRONG, where, as_plain(value), expected, fixes=(fix,)))
    refuse_commas(value, where)
    check_keys(value, ("shape", "init", "map", "trainable"), where)
    try:
        parameter = Parameter(**value)
    except CellError as error:
        raise error.below(where) from None
    if isinstance(parameter.init, Mapping):
        check_initializer(parameter.init, where / "init", catalogue)
    return parameter


def _refuse_gates(config: Mapping[str, Any], key: str, weight: str) -> None:
    """Refuse ``initializers: {forget: ones}``, which is a key of the gate.

    Args:
        config: the cell.
        key: the section.
        weight: the kind of weight that an entry without one is probably for.
    """
    gates, given = config.get("gates"), config.get(key)
    given = given if isinstance(given, Mapping) else {}
    for name in gates if isinstance(gates, Mapping) else ():
        if name in given and name not in WEIGHT_KINDS:
            inner = CELL / "gates" / name / key
            kinds = isinstance(given[name], Mapping) and "kind" not in given[name]
            fix = Rename(CELL / key / name, inner if kinds else inner / weight)
            raise CellError(Fault(Kind.UNKNOWN, CELL / key / name, given[name], fixes=(fix,)))


def _initializers(config: Mapping[str, Any], catalogue: Catalogue) -> tuple[tuple[str, Any], ...]:
    value = section(config, "initializers")
    _refuse_gates(config, "initializers", "bias")
    check_initializers(value, CELL / "initializers", catalogue)
    return tuple((k, long_form(v)) for k, v in value.items())

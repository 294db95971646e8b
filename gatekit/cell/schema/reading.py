"""Reads a cell or an output unit from plain data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import (
    CellError,
    GatekitError,
    accepted,
    all_read,
    as_plain,
    at_most,
    refused,
)
from gatekit.cell.gate import Gate, OutputUnit
from gatekit.cell.language.expression import Expr
from gatekit.cell.learned import Parameter
from gatekit.faults import (
    Fault,
    Kind,
    OneOf,
    Place,
    unknown_name,
    unknown_option,
)

from .gate_entry import (
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
    if not isinstance(config, Mapping):
        expected = "a mapping with gates, equations and emits"
        raise CellError(Fault(Kind.WRONG, CELL, as_plain(config), expected))
    check_plain(config)
    if "function" in config:
        config = _call_cell_function(config, catalogue)
        check_plain(config)
    check_keys(config, CELL_KEYS, CELL)
    _refuse_options_as_gates(config.get("gates"))
    for key in SECTIONS:
        check_members(config, key)
        section(config, key)
    readers: dict[str, Callable[[object, Place], Any]] = {
        "gates": lambda value, where: read_gate(where.last, value, config, catalogue),
        "equations": lambda value, where: read_expression(value, catalogue, where),
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


def _refuse_options_as_gates(gates: object) -> None:
    """Refuse ``kind: sigmoid`` next to its gate, which reads as a gate called kind."""
    for name, value in gates.items() if isinstance(gates, Mapping) else ():
        options = ("kind", "activation", *Gate.option_names())
        if name in options and not isinstance(value, Mapping):
            why = f"`{name}` is an option of a gate: indent it by two spaces more than its gate"
            raise refused(CELL / "gates" / name, why)


def read_output_unit(config: object, catalogue: Catalogue) -> OutputUnitSpec:
    """Return an output unit from plain data.

    Args:
        config: a registered name, ``{kind: NAME, option: ...}``, or an `OutputUnit`.
        catalogue: the registered parts.

    Raises:
        CellError: the kind is unknown, or an option or read is not allowed.
    """
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
            raise CellError(unknown_option(CELL / key, rest[key], (*allowed, *CELL_KEYS)))
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


def _emits(
    config: Mapping[str, Any],
    gates: tuple[GateSpec, ...],
    equations: tuple[tuple[str, Expr], ...],
) -> str:
    emits, where = config.get("emits"), CELL / "emits"
    signals = [*(n for n, _ in equations), *(g.name for g in gates), *section(config, "norms")]
    if emits is None:
        why = "it names the signal that the cell emits"
        raise CellError(Fault(Kind.MISSING, where, why=why))
    if not isinstance(emits, str):
        accepted(emits, OneOf(tuple(signals)), where)
    for name in [g.name for g in gates]:
        if name in dict(equations):
            place = CELL / "gates" / name
            raise refused(CELL / "equations" / name, f"{name!r} is also at {place}")
    if emits not in signals:
        raise CellError(unknown_name(where, emits, signals, "signals"))
    return str(emits)


def _parameter(value: object, where: Place, catalogue: Catalogue) -> Parameter:
    if not isinstance(value, Mapping):
        expected = "a mapping with shape and init; a number that is not learned is a constant"
        raise CellError(Fault(Kind.WRONG, where, as_plain(value), expected))
    refuse_commas(value, where)
    check_keys(value, ("shape", "init", "map", "trainable"), where)
    try:
        parameter = Parameter(**value)
    except CellError as error:
        raise error.below(where) from None
    if isinstance(parameter.init, Mapping):
        check_initializer(parameter.init, where / "init", catalogue)
    return parameter


def _initializers(config: Mapping[str, Any], catalogue: Catalogue) -> tuple[tuple[str, Any], ...]:
    value = section(config, "initializers")
    check_initializers(value, CELL / "initializers", catalogue)
    return tuple((k, long_form(v)) for k, v in value.items())

"""Reads a cell or an output unit from plain data."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, GatekitError, as_typed, excerpt, listed, nearest, quoted
from gatekit.cell.gate import OutputUnit
from gatekit.cell.language.expression import Expr
from gatekit.cell.learned import Parameter

from .gate_entry import read_expression, read_gate, read_projections, read_reads, signal_norm
from .layout import check_layout
from .limits import (
    CELL_KEYS,
    MAX_EQUATIONS,
    OTHER_KEYS,
    SECTIONS,
    check_members,
    check_names,
    check_plain,
    check_size,
)
from .lookup import (
    check_initializer,
    check_initializers,
    instance_of,
    kind_and_options,
    kind_of,
    unknown,
)
from .numeric import constant, input_width, meant_number, number, rate
from .regularizers import check_rules, read_rules
from .roles import by_gate
from .specification import OUTPUT_UNIT, CellSpec, GateSpec, OutputUnitSpec, long_form
from .values import check_keys, name_list, read_about, section, text

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
        raise CellError(
            f"a cell is a mapping with gates, equations and emits, not {excerpt(repr(config))}"
        )
    check_plain(config)
    if "function" in config:
        config = _call_cell_function(config, catalogue)
        check_plain(config)
    check_layout(config)
    for key in config:
        if key not in CELL_KEYS:
            hint = OTHER_KEYS.get(str(key)) or nearest(str(key), CELL_KEYS) or "."
            if hint == "." and key in (config.get("gates") or ()):
                hint = (
                    f"; to put another gate into this role type swap.{key}=GATE, and set its "
                    f"options with cell.gates.{key}.OPTION=VALUE."
                )
            every = "" if key in OTHER_KEYS else f" Keys of a cell: {listed(CELL_KEYS, 40)}."
            raise CellError(f"cell.{key}: no such key{hint}{every}")
    for key in SECTIONS:
        check_members(config, key)
    gates = tuple(read_gate(n, g, config, catalogue) for n, g in section(config, "gates").items())
    equations = _equations(config, catalogue)
    emits = _emits(config, gates, equations)
    spec = CellSpec(
        name=text(config, "name", "unnamed"),
        gates=gates,
        equations=equations,
        emits=emits,
        parameters=tuple(
            (n, _parameter(p, f"cell.parameters.{n}", catalogue))
            for n, p in section(config, "parameters").items()
        ),
        constants=_each(config, "constants", constant),
        inputs=_each(config, "inputs", input_width),
        roles=tuple((str(r), str(g)) for r, g in section(config, "roles").items()),
        initial=_each(config, "initial", number),
        learned_initial_state=name_list(config, "learned_initial_state"),
        zoneout=_each(config, "zoneout", rate),
        norms=_each(config, "norms", signal_norm),
        dropout=rate(config.get("dropout", 0.0), "cell.dropout"),
        recurrent_dropout=rate(config.get("recurrent_dropout", 0.0), "cell.recurrent_dropout"),
        initializers=_initializers(config, catalogue),
        regularizers=_rules(config, "regularizers"),
        constraints=_rules(config, "constraints"),
        about=read_about(config),
        functions=catalogue.functions,
        catalogue=catalogue,
    )
    check_names(spec)
    check_size(spec)
    return spec


def read_output_unit(config: object, catalogue: Catalogue) -> OutputUnitSpec:
    """Return an output unit from plain data.

    Args:
        config: a registered name, ``{kind: NAME, option: ...}``, or an `OutputUnit`.
        catalogue: the registered parts.

    Raises:
        CellError: the kind is unknown, or an option or read is not allowed.
    """
    where = OUTPUT_UNIT
    if isinstance(config, OutputUnit):
        unit, kind = config, kind_of(config, catalogue.output_units)
    else:
        kind, options = kind_and_options(config, where)
        if kind not in catalogue.output_units:
            raise unknown(where, "output unit", kind, catalogue.output_units, catalogue)
        unit = instance_of(catalogue.output_units[kind], options, where)
    reads = read_reads(unit.reads, f"{where}.reads", catalogue)
    check_initializers(unit.initializers, f"{where}.initializers", catalogue)
    check_rules(unit, where)
    projections = read_projections(OUTPUT_UNIT, unit, where, catalogue)
    return OutputUnitSpec(kind, unit, reads, projections)


def _call_cell_function(config: Mapping[str, Any], catalogue: Catalogue) -> Mapping[str, Any]:
    name = config["function"]
    if not isinstance(name, str) or name not in catalogue.cells:
        raise unknown("cell.function", "cell function", name, catalogue.cells, catalogue)
    function = catalogue.cells[name]
    allowed = list(inspect.signature(function).parameters)
    rest = {k: v for k, v in config.items() if k != "function"}
    options = {k: v for k, v in rest.items() if k in allowed}
    for key in rest:
        if key not in allowed and key not in CELL_KEYS:
            raise CellError(
                f"cell.{key}: the cell {name!r} does not have this option"
                f"{nearest(key, allowed) or '.'} Its options: {listed(allowed)}. Every "
                "key of a cell is also allowed, and overrides the cell that the function returns."
            )
    try:
        built = function(**options)
    except GatekitError:
        raise
    except Exception as error:
        raise CellError(f"cell function {name!r} raised {type(error).__name__}: {error}") from error
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
    config: Mapping[str, Any], key: str, read: Callable[[object, str], _T]
) -> tuple[tuple[str, _T], ...]:
    return tuple((n, read(v, f"cell.{key}.{n}")) for n, v in section(config, key).items())


def _equations(config: Mapping[str, Any], catalogue: Catalogue) -> tuple[tuple[str, Expr], ...]:
    equations = section(config, "equations")
    if len(equations) > MAX_EQUATIONS:
        raise CellError(f"cell.equations: {len(equations)} equations; at most {MAX_EQUATIONS}")
    return tuple(
        (n, read_expression(e, catalogue, f"cell.equations.{n}")) for n, e in equations.items()
    )


def _emits(
    config: Mapping[str, Any],
    gates: tuple[GateSpec, ...],
    equations: tuple[tuple[str, Expr], ...],
) -> str:
    emits = config.get("emits")
    if not isinstance(emits, str):
        came = "" if emits is None else f", not {excerpt(as_typed(emits))}"
        such = emits[0] if isinstance(emits, list) and emits else "h"
        raise CellError(
            f"cell.emits: name the signal that the cell emits{came}, for example `emits: {such}`"
        )
    signals = [*(g.name for g in gates), *(n for n, _ in equations), *section(config, "norms")]
    for name in [g.name for g in gates]:
        if name in dict(equations):
            raise CellError(
                f"cell.equations.{name}: {name!r} is also in cell.gates; rename one of them"
            )
    if emits not in signals:
        near = nearest(emits, signals)
        longer = [signal for signal in signals if signal.startswith(emits)]
        if not near and longer:
            near = f"; did you mean {longer[0]!r}?"
        stem = re.split(r"\W|_prev", emits.partition("(")[2] or emits)[0]
        if not near and emits.partition("(")[2] and stem in signals:
            near = f"; it must be a name: write equations: {{out: {emits}}} and emits: out."
        elif not near and stem in signals:
            near = f"; did you mean {stem!r}?"
        meant = near.partition("'")[2].partition("'")[0]
        rename = (
            f", or rename {meant} to {emits}" if re.fullmatch(r"(?!\w+_prev)\w+", emits) else ""
        )
        remedy = f"Write emits: {meant}{rename}." if meant else ""
        raise CellError(
            f"cell.emits: {quoted(emits)} is not a signal of the cell{near or '.'} {remedy} "
            f"Its signals: {listed(signals)}.".replace("  ", " ")
        )
    return emits


def _parameter(value: object, where: str, catalogue: Catalogue) -> Parameter:
    if not isinstance(value, Mapping):
        amount = meant_number(value)
        such = "init: 0.5" if amount is None else f"init: {amount}"
        shape = value if value in ("units", "features", "scalar") else "units"
        raise CellError(
            f"{where}: a mapping is expected, not {excerpt(repr(value))}; write "
            f"{where.rpartition('.')[2]}: {{shape: {shape}, {such}}}; a number that is not learned "
            "is a constant"
        )
    check_keys(value, ("shape", "init", "map", "trainable"), where)
    try:
        parameter = Parameter(**value)
    except CellError as error:
        raise CellError(f"{where}: {_in_yaml(str(error))}") from None
    if isinstance(parameter.init, Mapping):
        check_initializer(parameter.init, f"{where}.init", catalogue)
    return parameter


def _in_yaml(message: str) -> str:
    """Return a message about a parameter with its remedy in YAML instead of Python."""
    message = message.replace("reads = ('x', 'h_prev')", "reads: [x, h_prev]")
    call = re.search(r"Parameter\('(.*?)'((?:, \w+=[^,()]+)*)\)", message)
    if call is None:
        return message
    entries = f"shape: {call[1]}" + call[2].replace("=", ": ").replace("'", "")
    return message.replace(call[0], f"{{{entries}}}")


def _initializers(config: Mapping[str, Any], catalogue: Catalogue) -> tuple[tuple[str, Any], ...]:
    value = section(config, "initializers")
    check_initializers(value, "cell.initializers", catalogue)
    return tuple((k, long_form(v)) for k, v in value.items())


def _rules(config: Mapping[str, Any], key: str) -> tuple[tuple[str, Any], ...]:
    return tuple(read_rules(key, section(config, key), f"cell.{key}").items())

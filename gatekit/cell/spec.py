"""A cell as an immutable specification, read from plain data."""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .catalogue import Catalogue
from .declare import plain
from .equation import parse
from .errors import CellError, ConfigError, ExpressionError, GatekitError, listed, nearest
from .expression import Expr
from .gate import Gate, InlineGate
from .initializer import Initializer
from .linear_map import LinearMap
from .ops import Function
from .output_unit import OutputUnit
from .parameter import Parameter
from .row_wise import RowWise

CELL_KEYS = (
    "name reference year doi arxiv tier notes gates equations emits reads initializers parameters constants inputs "
    "roles initial learned_initial_state zoneout dropout recurrent_dropout norms"
).split()
RESERVED = ("x", "pre", "t", "units", "features", "own_prev", "emitted", "y")
MAX_EQUATIONS = 64
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class Read:
    """A read: an expression over signals, and the linear map applied to it."""

    expr: Expr
    map_kind: str
    map: LinearMap

    @property
    def text(self) -> str:
        """The canonical text of what is read; part of the weight's name."""
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

    def canonical(self) -> dict[str, Any]:
        """Return the output unit as plain data that `read_output_unit` reads back."""
        return {"kind": self.kind, **_options(self.unit, self.reads)}


@dataclass(frozen=True)
class CellSpec:
    """A cell, resolved and checked name by name; sizes come later, in `gatekit.cell.graph.build`."""

    name: str
    gates: tuple[GateSpec, ...]
    equations: tuple[tuple[str, Expr], ...]
    emits: str
    parameters: tuple[tuple[str, Parameter], ...]
    constants: tuple[tuple[str, int | float], ...]
    inputs: tuple[tuple[str, int], ...]
    roles: tuple[tuple[str, str], ...]
    initial: tuple[tuple[str, float], ...]
    learned_initial_state: tuple[str, ...]
    zoneout: tuple[tuple[str, float], ...]
    norms: tuple[tuple[str, str], ...]
    dropout: float
    recurrent_dropout: float
    initializers: tuple[tuple[str, Any], ...]
    about: tuple[tuple[str, Any], ...]
    functions: Mapping[str, Function]
    catalogue: Catalogue

    def __hash__(self) -> int:
        return hash(repr(self.canonical()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellSpec) and self.canonical() == other.canonical()

    def canonical(self) -> dict[str, Any]:
        """Return the cell as plain data in one form, whatever its spelling was; `read_cell` reads it back."""
        data: dict[str, Any] = {"name": self.name, **{k: plain(v) for k, v in self.about}}
        data["gates"] = {}
        for gate in self.gates:
            head = {} if isinstance(gate.gate, InlineGate) else {"kind": gate.kind}
            data["gates"][gate.name] = {**head, **_options(gate.gate, gate.reads)}
        data["equations"] = {name: str(expr) for name, expr in self.equations}
        data["emits"] = self.emits
        data["parameters"] = {name: p.canonical() for name, p in self.parameters}
        for key in ("constants", "inputs", "roles", "initial", "zoneout", "norms", "initializers"):
            data[key] = {k: plain(v) for k, v in getattr(self, key)}
        data["learned_initial_state"] = list(self.learned_initial_state)
        data["dropout"], data["recurrent_dropout"] = self.dropout, self.recurrent_dropout
        return {key: value for key, value in data.items() if value not in ({}, [], 0.0, "")}

    def role(self, role: str) -> str:
        """Return the gate that plays the role.

        Raises:
            CellError: no gate of the cell does.
        """
        return _role_of(role, [g.name for g in self.gates], dict(self.roles), self.name)


def read_cell(config: Mapping[str, Any], catalogue: Catalogue) -> CellSpec:
    """Return the cell that plain data describe.

    Args:
        config: the cell's mapping, as in conf/cell; ``{function: NAME, option: ...}`` calls a registered cell function.
        catalogue: what is registered.

    Raises:
        CellError: a key, name or value is not allowed; the message names place, value and what is allowed.
        ExpressionError: an equation or read is not of the language.
    """
    if not isinstance(config, Mapping):
        raise CellError(f"a cell is a mapping with gates, equations and emits, not {config!r}")
    if "function" in config:
        config = _call_cell_function(config, catalogue)
    return _CellReader(config, catalogue).read()


def read_output_unit(config: Any, catalogue: Catalogue) -> OutputUnitSpec:
    """Return the output unit that plain data describe: a name, ``{kind: NAME, option: ...}``, or an `OutputUnit`.

    Raises:
        CellError: the kind is unknown, or an option or read is not allowed.
    """
    where = "output_unit"
    if isinstance(config, OutputUnit):
        unit, kind = config, _kind_of(config, catalogue.output_units)
    else:
        kind, options = _kind_and_options(config, where)
        if kind not in catalogue.output_units:
            raise CellError(_unknown(where, "output unit", kind, catalogue.output_units, catalogue))
        unit = _made(catalogue.output_units[kind], options, where)
    reads = _read_reads(unit.reads, f"{where}.reads", catalogue, catalogue.functions)
    _check_initializers(unit.initializers, f"{where}.initializers", catalogue)
    return OutputUnitSpec(kind, unit, reads)


def swap(
    config: Mapping[str, Any], role: str, gate: Any, catalogue: Catalogue
) -> dict[str, Any]:
    """Return the cell's mapping with another gate in a role.

    What is written of the old gate and means the same for any gate stays: ``reads``, ``bias``, ``norm`` and
    ``initializers`` where the new gate takes ``pre``, and ``units``.

    Args:
        config: the cell's mapping, as in conf/cell.
        role: a gate's name, or a role that the cell maps to one.
        gate: a registered gate's name, or ``{kind: NAME, option: ...}``.
        catalogue: what is registered.

    Raises:
        CellError: no gate plays the role, or ``gate`` is not a registered gate.
    """
    if "function" in config:
        config = read_cell(config, catalogue).canonical()
    gates = config.get("gates") or {}
    place = _role_of(role, list(gates), config.get("roles") or {}, str(config.get("name", "?")))
    kind, options = _kind_and_options(gate, f"swap.{role}")
    if kind not in catalogue.gates:
        raise CellError(_unknown(f"swap.{role}", "gate", kind, catalogue.gates, catalogue))
    kept = ["units"]
    if "pre" in catalogue.gates[kind]().arguments():
        kept += ["reads", "bias", "norm", "initializers"]
    old = gates[place] if isinstance(gates[place], Mapping) else {}
    new = {"kind": kind, **{k: v for k, v in old.items() if k in kept}, **options}
    return {**config, "gates": {**gates, place: new}}


def _role_of(role: str, gates: Sequence[str], roles: Mapping[str, str], cell: str) -> str:
    place = roles.get(role, role)
    if place not in gates:
        known = sorted({*gates, *roles})
        raise CellError(
            f"cell {cell!r} has no gate in the role {role!r}{nearest(role, known) or '.'} Its roles: {listed(known)}."
        )
    return place


def _call_cell_function(config: Mapping[str, Any], catalogue: Catalogue) -> Mapping[str, Any]:
    name = config["function"]
    if name not in catalogue.cells:
        raise CellError(
            _unknown("cell.function", "cell function", name, catalogue.cells, catalogue)
        )
    function = catalogue.cells[name]
    allowed = list(inspect.signature(function).parameters)
    about = {
        k: v
        for k, v in config.items()
        if k in ("name", "reference", "year", "doi", "arxiv", "tier", "notes")
    }
    options = {k: v for k, v in config.items() if k not in about and k != "function"}
    for key in options:
        if key not in allowed:
            raise CellError(
                f"cell.{key}: the cell {name!r} has no such option{nearest(key, allowed) or '.'} "
                f"Its options: {listed(allowed)}."
            )
    try:
        made = function(**options)
    except GatekitError:
        raise
    except Exception as error:
        raise CellError(f"cell function {name!r} raised {type(error).__name__}: {error}") from error
    return {**made, **about}


class _CellReader:
    def __init__(self, config: Mapping[str, Any], catalogue: Catalogue) -> None:
        self.config = config
        self.catalogue = catalogue
        self.functions = catalogue.functions

    def read(self) -> CellSpec:
        for key in self.config:
            if key not in CELL_KEYS:
                raise CellError(
                    f"cell.{key}: there is no such key{nearest(str(key), CELL_KEYS) or '.'} Keys of a cell: "
                    f"{listed(CELL_KEYS)}."
                )
        gates = tuple(self.gate(n, g) for n, g in self.section("gates").items())
        equations = self.section("equations")
        if len(equations) > MAX_EQUATIONS:
            raise CellError(f"cell.equations: {len(equations)} equations; at most {MAX_EQUATIONS}")
        parsed = tuple((n, self.expression(e, f"cell.equations.{n}")) for n, e in equations.items())
        emits = self.config.get("emits")
        if not isinstance(emits, str):
            raise CellError("cell.emits: say which signal the cell emits, for example `emits: h`")
        signals = [g.name for g in gates] + [n for n, _ in parsed] + list(self.section("norms"))
        if emits not in signals:
            raise CellError(
                f"cell.emits: {emits!r} is not a signal of the cell{nearest(emits, signals) or '.'} "
                f"Its signals: {listed(signals)}."
            )
        spec = CellSpec(
            name=self.text("name", "unnamed"),
            gates=gates,
            equations=parsed,
            emits=emits,
            parameters=tuple(
                (n, self.parameter(n, p)) for n, p in self.section("parameters").items()
            ),
            constants=tuple((n, self.constant(n, c)) for n, c in self.section("constants").items()),
            inputs=tuple((n, self.input(n, w)) for n, w in self.section("inputs").items()),
            roles=tuple((str(r), str(g)) for r, g in self.section("roles").items()),
            initial=tuple(
                (n, self.number(v, f"cell.initial.{n}")) for n, v in self.section("initial").items()
            ),
            learned_initial_state=self.names("learned_initial_state"),
            zoneout=tuple(
                (n, self.rate(v, f"cell.zoneout.{n}")) for n, v in self.section("zoneout").items()
            ),
            norms=tuple((n, str(s)) for n, s in self.section("norms").items()),
            dropout=self.rate(self.config.get("dropout", 0.0), "cell.dropout"),
            recurrent_dropout=self.rate(
                self.config.get("recurrent_dropout", 0.0), "cell.recurrent_dropout"
            ),
            initializers=tuple(self.cell_initializers().items()),
            about=tuple(
                (k, self.config[k])
                for k in ("reference", "year", "doi", "arxiv", "tier", "notes")
                if k in self.config
            ),
            functions=self.functions,
            catalogue=self.catalogue,
        )
        self.check_names(spec)
        return spec

    def section(self, key: str) -> Mapping[str, Any]:
        value = self.config.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise CellError(f"cell.{key}: a mapping is expected, not {value!r}")
        for name in value:
            if not isinstance(name, str) or not _IDENTIFIER.match(name):
                raise CellError(
                    f"cell.{key}: {name!r} is not a name (letters, digits and _, starting with a letter; "
                    "YAML reads a bare yes, no, on, off as true or false: quote or rename it)"
                )
        # null takes away what a cell named in `defaults` brought.
        return {name: inner for name, inner in value.items() if inner is not None}

    def text(self, key: str, default: str) -> str:
        value = self.config.get(key, default)
        if not isinstance(value, str):
            raise CellError(f"cell.{key}: a text is expected, not {value!r}")
        return value

    def number(self, value: Any, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise CellError(f"{where}: a number is expected, not {value!r}")
        if not abs(value) <= 1e300:
            raise CellError(f"{where}: the number is not finite, or beyond 1e300")
        return float(value)

    def rate(self, value: Any, where: str) -> float:
        number = self.number(value, where)
        if not 0.0 <= number < 1.0:
            raise CellError(f"{where}: a rate lies in [0, 1), and {value!r} does not")
        return number

    def names(self, key: str) -> tuple[str, ...]:
        value = self.config.get(key) or ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise CellError(f"cell.{key}: a list of names is expected, such as [c], not {value!r}")
        return tuple(str(v) for v in value)

    def constant(self, name: str, value: Any) -> int | float:
        self.number(value, f"cell.constants.{name}")
        return int(value) if isinstance(value, int) else float(value)

    def input(self, name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise CellError(
                f"cell.inputs.{name}: a width (a whole number from 1) is expected, not {value!r}"
            )
        return value

    def parameter(self, name: str, value: Any) -> Parameter:
        where = f"cell.parameters.{name}"
        if not isinstance(value, Mapping):
            raise CellError(
                f"{where}: a mapping is expected, such as {{shape: scalar, init: 0.5, map: sigmoid}}"
            )
        allowed = ("shape", "init", "map", "trainable")
        for key in value:
            if key not in allowed:
                raise CellError(
                    f"{where}.{key}: no such key{nearest(str(key), allowed) or '.'} Keys: {listed(allowed)}."
                )
        try:
            parameter = Parameter(**value)
        except CellError as error:
            raise CellError(f"{where}: {error}") from None
        if isinstance(parameter.init, Mapping):
            _check_initializer(parameter.init, f"{where}.init", self.catalogue)
        return parameter

    def expression(self, text: Any, where: str) -> Expr:
        try:
            return parse(text, self.functions)
        except ExpressionError as error:
            raise ExpressionError(f"{where}: {error}") from None

    def cell_initializers(self) -> dict[str, Any]:
        value = self.section("initializers")
        _check_initializers(value, "cell.initializers", self.catalogue)
        return {k: _long_form(v) for k, v in value.items()}

    def gate(self, name: str, config: Any) -> GateSpec:
        where = f"cell.gates.{name}"
        catalogue = self.catalogue
        if isinstance(config, Gate):
            gate, kind = config, _kind_of(config, catalogue.gates)
        elif isinstance(config, Mapping) and "activation" in config:
            if "kind" in config:
                raise CellError(f"{where}: give either kind or activation, not both")
            gate = _made(InlineGate, config, where)
            kind = "inline"
        else:
            kind, options = _kind_and_options(config, where)
            if kind not in catalogue.gates:
                raise CellError(_unknown(where, "gate", kind, catalogue.gates, catalogue))
            gate = _made(catalogue.gates[kind], options, where)
        if isinstance(gate, InlineGate):
            expression = self.expression(gate.activation, f"{where}.activation")
            gate = gate.with_expression(expression, self.functions)
        reads = gate.reads
        explicit = isinstance(config, Mapping) and "reads" in config
        if "reads" in self.config and not explicit and tuple(reads) == Gate.reads:
            reads = self.config["reads"]
        _check_initializers(gate.initializers, f"{where}.initializers", catalogue)
        _check_norm(gate.norm, f"{where}.norm")
        return GateSpec(
            name, kind, gate, _read_reads(reads, f"{where}.reads", catalogue, self.functions)
        )

    def check_names(self, spec: CellSpec) -> None:
        sections = {
            "gates": [g.name for g in spec.gates],
            "equations": [n for n, _ in spec.equations],
            "norms": [n for n, _ in spec.norms],
            "parameters": [n for n, _ in spec.parameters],
            "constants": [n for n, _ in spec.constants],
            "inputs": [n for n, _ in spec.inputs],
        }
        seen: dict[str, str] = {}
        for section, members in sections.items():
            for name in members:
                where = f"cell.{section}.{name}"
                if keyword.iskeyword(name):
                    raise CellError(
                        f"{where}: equations cannot read {name!r}, a word of Python; rename it"
                    )
                if name in RESERVED:
                    raise CellError(
                        f"{where}: {name!r} is reserved ({listed(RESERVED)}); choose another name"
                    )
                if name.endswith("_prev") or name.endswith("_history"):
                    raise CellError(
                        f"{where}: names that end in _prev or _history are made by gatekit; rename it"
                    )
                if name in spec.functions:
                    raise CellError(
                        f"{where}: {name!r} is a function of the equation language; rename it"
                    )
                if name in seen:
                    raise CellError(
                        f"{where}: {name!r} is also in cell.{seen[name]}; a name is defined once"
                    )
                seen[name] = section
        for role, gate in spec.roles:
            if gate not in sections["gates"]:
                raise CellError(
                    f"cell.roles.{role}: {gate!r} is not a gate{nearest(gate, sections['gates']) or '.'} "
                    f"Gates: {listed(sections['gates'])}."
                )


def _kind_and_options(config: Any, where: str) -> tuple[str, dict[str, Any]]:
    if isinstance(config, str):
        return config, {}
    if not isinstance(config, Mapping):
        raise CellError(
            f"{where}: a name or {{kind: NAME, option: value}} is expected, not {config!r}"
        )
    if "_target_" in config:
        raise CellError(f"{where}._target_: gates are given by registered name, as {{kind: NAME}}")
    if not isinstance(config.get("kind"), str):
        raise CellError(
            f"{where}: neither kind nor activation is given; write {{kind: sigmoid, ...}} or "
            "{activation: relu(pre), ...}"
        )
    return config["kind"], {str(k): v for k, v in config.items() if k != "kind"}


def _made(cls: Any, options: Mapping[str, Any], where: str) -> Any:
    try:
        return cls(**options)
    except ConfigError as error:
        raise CellError(f"{where}: {error}") from None


def _kind_of(instance: RowWise, registered: Mapping[str, type]) -> str:
    return next(
        (n for n, cls in registered.items() if cls is type(instance)), type(instance).__name__
    )


def _unknown(
    where: str, what: str, name: Any, known: Mapping[str, Any], catalogue: Catalogue
) -> str:
    loaded = listed(catalogue.loaded, 12)
    broken = (
        f" Left out because broken (gatekit plugins shows why): {listed(catalogue.broken, 6)}."
        if catalogue.broken
        else ""
    )
    return (
        f"{where}: there is no {what} {name!r}{nearest(str(name), known) or '.'} Registered: {listed(known, 60)}. "
        f"Plugins loaded: {loaded}.{broken} A file of your own is found in ./plugins or by plugins=[path/to/file.py]."
    )


def _read_reads(
    reads: Any, where: str, catalogue: Catalogue, functions: Mapping[str, Function]
) -> tuple[Read, ...]:
    if isinstance(reads, str):
        raise CellError(f"{where}: a list is expected, such as [{reads}]")
    items = reads.items() if isinstance(reads, Mapping) else [(r, "dense") for r in reads or ()]
    found: dict[str, Read] = {}
    for text, linear_map in items:
        if linear_map is None:
            continue
        place = f"{where}.{text}"
        try:
            expr = parse(text, functions)
        except ExpressionError as error:
            raise ExpressionError(f"{where}: {error}") from None
        kind, options = _kind_and_options(linear_map, place)
        if kind not in catalogue.linear_maps:
            raise CellError(_unknown(place, "linear map", kind, catalogue.linear_maps, catalogue))
        read = Read(expr, kind, _made(catalogue.linear_maps[kind], options, place))
        if read.text in found:
            raise CellError(f"{place}: {read.text!r} is read twice")
        found[read.text] = read
    return tuple(found.values())


def _long_form(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else plain(value)


def _check_initializers(value: Mapping[str, Any], where: str, catalogue: Catalogue) -> None:
    allowed = ("kernel", "recurrent", "bias")
    for key, initializer in value.items():
        if key not in allowed:
            raise CellError(
                f"{where}.{key}: no such key{nearest(str(key), allowed) or '.'} Keys: {listed(allowed)}."
            )
        _check_initializer(initializer, f"{where}.{key}", catalogue)


def _check_initializer(value: Any, where: str, catalogue: Catalogue) -> None:
    if isinstance(value, Mapping) and "negative_of" in value:
        if len(value) > 1 or not isinstance(value["negative_of"], str):
            raise CellError(f"{where}: write {{negative_of: GATE}} and nothing else")
        return
    make_initializer(value, where, catalogue)


def make_initializer(value: Any, where: str, catalogue: Catalogue) -> Initializer:
    """Return the initializer that a name or ``{kind: NAME, option: value}`` stands for.

    Raises:
        CellError: it is not registered, or an option is wrong.
    """
    kind, options = _kind_and_options(value, where)
    if kind not in catalogue.initializers:
        raise CellError(_unknown(where, "initializer", kind, catalogue.initializers, catalogue))
    made: Initializer = _made(catalogue.initializers[kind], options, where)
    return made


def _check_norm(norm: Mapping[str, Any] | None, where: str) -> None:
    if norm is None:
        return
    allowed = ("of", "group", "epsilon")
    for key in norm:
        if key not in allowed:
            raise CellError(
                f"{where}.{key}: no such key{nearest(str(key), allowed) or '.'} Keys: {listed(allowed)}."
            )
    if norm.get("of") not in ("read", "sum"):
        raise CellError(
            f"{where}.of: read (each linear map alone) or sum (their sum) is expected, not {norm.get('of')!r}"
        )
    epsilon = norm.get("epsilon", 1e-5)
    if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)) or not epsilon > 0:
        raise CellError(f"{where}.epsilon: a positive number is expected, not {epsilon!r}")
    group = norm.get("group", [])
    if isinstance(group, str) or not isinstance(group, Sequence):
        raise CellError(f"{where}.group: a list of gates is expected, not {group!r}")


def _options(instance: RowWise, reads: Sequence[Read]) -> dict[str, Any]:
    options = {k: plain(v) for k, v in instance.options().items() if k != "reads"}
    if "initializers" in options:
        options["initializers"] = {k: _long_form(v) for k, v in options["initializers"].items()}
    options["reads"] = {r.text: {"kind": r.map_kind, **r.map.options()} for r in reads}
    return options

"""A cell before it is built: its parts by name, the layer's sizes, and arguments by name.

`Draft` has gates, equations, norms and parameters by name, `Sizes` finds sizes, and `bind` finds
the key of each argument of a gate or of the output unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gatekit.cell.errors import CellError, ExpressionError, as_plain, listed, nearest, refused
from gatekit.cell.gate import Gate
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    divided,
    lift,
    names,
    substitute,
    walk,
)
from gatekit.cell.language.shape import MAX_ELEMENTS
from gatekit.cell.learned import Parameter
from gatekit.cell.owned import read_names
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import CELL, OUTPUT, OUTPUT_UNIT, CellSpec, GateSpec, OutputUnitSpec, Read
from gatekit.cell.schema.specification import size_names
from gatekit.faults import Fault, Kind, Place, unknown_name

from .sizes import arithmetic, parsed_size, whole_options

MAX_CHAIN = 30

# The name of a fed-back output among the signals.
FEEDBACK = "y"


@dataclass(frozen=True)
class Draft:
    """A cell, its output unit and the layer's sizes, with its parts by name.

    Attributes:
        spec: the cell.
        units: the layer's units.
        features: the width of the layer's input.
        output: the output unit.
    """

    spec: CellSpec
    units: int
    features: int
    output: OutputUnitSpec

    @cached_property
    def gates(self) -> Mapping[str, GateSpec]:
        """The gates by name, each after its projections, which are ``GATE.NAME``.

        The output unit's projections, ``output_unit.NAME``, are last.
        """
        parts = [part for gate in self.spec.gates for part in (*gate.projections, gate)]
        for part in self.output.projections:
            reads = (
                replace(read, expr=self.with_emitted(read.expr), written=read.label)
                for read in part.reads
            )
            parts.append(replace(part, reads=tuple(reads)))
        return {part.name: part for part in parts}

    @cached_property
    def equations(self) -> Mapping[str, Expr]:
        """The equations by name."""
        return dict(self.spec.equations)

    @cached_property
    def norms(self) -> Mapping[str, str]:
        """The norms by name, each with the signal that it normalises."""
        return {name: norm.of for name, norm in self.spec.norms}

    @cached_property
    def signals(self) -> tuple[str, ...]:
        """The signals in the order written: gates, equations, norms, and those of the output unit,
        which are its projections and a fed-back output."""
        gates = [name for name in self.gates if not self.is_of_output(name)]
        projections = [name for name in self.gates if self.is_of_output(name)]
        feedback = [FEEDBACK] if self.output.unit.feeds_back else []
        return (*gates, *self.equations, *self.norms, *projections, *feedback)

    @cached_property
    def inputs(self) -> Mapping[str, int]:
        """The width of each input by name."""
        widths = {n: w if isinstance(w, int) else self.features for n, w in self.spec.inputs}
        return {"x": self.features, **widths}

    @cached_property
    def constants(self) -> Mapping[str, int | float]:
        """The constants by name, including the layer's sizes."""
        return {**dict(self.spec.constants), "units": self.units, "features": self.features}

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """The cell's own parameters by name."""
        return dict(self.spec.parameters)

    @cached_property
    def sizes(self) -> Sizes:
        """The finder of sizes."""
        return Sizes(self)

    @cached_property
    def _constant_exprs(self) -> Mapping[str, Expr]:
        return {name: lift(value) for name, value in self.constants.items()}

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.known)

    @cached_property
    def own_states(self) -> Mapping[str, str]:
        """The gate of each state that a gate declares, by the state's key ``gate.state``."""
        return {f"{n}.{state}": n for n, gate in self.gates.items() for state in gate.gate.states}

    @cached_property
    def noises(self) -> Mapping[str, str]:
        """The distribution of each noise that a gate declares, by its key ``gate.noise``."""
        gates = self.spec.gates
        return {f"{g.name}.{noise}": kind for g in gates for noise, kind in g.gate.noises.items()}

    @cached_property
    def own_parameters(self) -> Mapping[str, str]:
        """The owner of each parameter that a gate or the output unit declares, by its key."""
        owners = (*self.gates, OUTPUT_UNIT)
        return {f"{n}.{part}": n for n in owners for part in self.declared(n).parameters}

    @cached_property
    def fixed(self) -> frozenset[str]:
        """The keys that are the same at every step: constants and parameters."""
        return frozenset({*self.parameters, *self.constants, *self.own_parameters})

    @cached_property
    def known(self) -> tuple[str, ...]:
        """Every name that equations, reads and arguments of gates may ask for."""
        signals = [name for name in self.signals if not self.is_projection(name)]
        plain = [*signals, *self.inputs, *self.parameters, *self.constants, "t"]
        return (*plain, *(f"{n}_prev" for n in [*signals, *self.inputs]))

    def is_projection(self, name: str) -> bool:
        """Return whether a signal is a projection."""
        return name in self.gates and bool(self.gates[name].owner)

    def is_of_output(self, name: str) -> bool:
        """Return whether a signal is a projection of the output unit."""
        return name in self.gates and self.gates[name].owner == OUTPUT_UNIT

    def place(self, name: str) -> Place:
        """Return the place of a gate, projection or the output unit, for messages."""
        owner = self.gates[name].owner if name in self.gates else ""
        if owner:
            return self.place(owner) / "projections" / name.removeprefix(f"{owner}.")
        return OUTPUT if name in (FEEDBACK, OUTPUT_UNIT) else CELL / "gates" / name

    def top(self, name: str) -> str:
        """Return the gate or output unit of a projection, and any other name itself."""
        return (self.gates[name].owner if name in self.gates else "") or name

    def declared(self, name: str) -> RowWise:
        """Return the gate of that name, or the output unit."""
        return self.output.unit if name in (FEEDBACK, OUTPUT_UNIT) else self.gates[name].gate

    def reads(self, name: str) -> tuple[Read, ...]:
        """Return the reads of a gate, or of the output unit that feeds back."""
        return self.output.reads if name == FEEDBACK else self.gates[name].reads

    def varying(self, expr: Expr) -> tuple[str, ...]:
        """Return the names in an expression that are neither constants nor parameters."""
        return tuple(n for n in names(expr) if n not in self.fixed)

    def with_constants(self, expr: Expr) -> Expr:
        """Return the expression with numbers in place of constants."""
        return divided(substitute(expr, self._constant_exprs))

    def output_keys(self, bound: Bound) -> tuple[str, ...]:
        """Return the names that the output unit uses as arguments or in its reads."""
        read = [n for each in self.output.reads for n in names(self.with_emitted(each.expr))]
        return (*(key for _, key in bound), *read)

    def with_emitted(self, expr: Expr) -> Expr:
        """Return an output unit's expression with ``emitted`` replaced by the signal's name."""
        return substitute(expr, {"emitted": Name(self.spec.emits)})

    def check_expression(self, expr: Expr, where: Place, own: Sequence[str] = ()) -> None:
        """Refuse names that do not exist, and ``//`` of signals.

        Args:
            expr: the expression.
            where: its place in the cell, for messages.
            own: names of what a gate owns, if the expression is a read of its projection.

        Raises:
            CellError: a name is unknown (the message lists the known names), or ``//`` divides
                something other than sizes and constants.
        """
        for name in names(expr):
            # A name with a dot is of what a gate owns; reading the gate has put it there.
            if name not in self._names and "." not in name:
                known = (*self.known, *own)
                near = nearest(name, known) or f"; the names are {listed(known, 40)}"
                raise refused(where, f"in {str(expr)!r} the name {name!r} is unknown{near}")
        divisions = [part for part in walk(expr) if isinstance(part, Binary) and part.op == "//"]
        for part in (inner for division in divisions for inner in walk(division)):
            signal = isinstance(part, Name) and part.name not in self.constants
            if signal or isinstance(part, Call):
                raise refused(
                    where,
                    f"// divides sizes and constants, and {str(part)!r} is neither",
                )


class Sizes:
    """The one finder of sizes.

    A size is arithmetic on numbers and names: the whole-number options of the gate or output unit
    that has the size, ``units`` (in what a gate owns, the gate's), ``features``, the cell's
    constants, and its gates and inputs, which mean their widths.

    Args:
        draft: the cell.
    """

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.known: dict[str, int] = {}
        """The widths of gates, and of the output unit, as far as they are found."""

    def find(
        self, value: object, where: Place, owner: str = "", chain: tuple[str, ...] = ()
    ) -> int:
        """Return a size as a number.

        Args:
            value: a number, ``scalar``, or arithmetic.
            where: the place in the cell, for messages.
            owner: the gate that has the size, or the output unit.
            chain: the gates whose widths depend on this size; it cannot depend on them.

        Raises:
            CellError: a name is not a size, or the result is not a whole number from 1.
            ExpressionError: the value is not arithmetic.
        """
        if value == "scalar":
            return 1
        result: Any = value
        if type(value) is not int:
            try:
                expr = parsed_size(value)
            except ExpressionError as error:
                raise error.below(where) from None
            env = {name: self._named(name, where, owner, chain) for name in names(expr)}
            try:
                result = arithmetic(expr, env)
            except (ZeroDivisionError, OverflowError):
                result = None
        if isinstance(result, float) and result.is_integer():
            result = int(result)
        if not isinstance(result, int) or not 1 <= result <= MAX_ELEMENTS:
            expected = f"a size, from 1 to {MAX_ELEMENTS:,}"
            raise CellError(Fault(Kind.WRONG, where, as_plain(value), expected))
        return result

    def of_gate(self, name: str, chain: tuple[str, ...] = ()) -> int:
        """Return the units of a gate, of a projection, or of the output unit.

        Raises:
            CellError: the gate's ``units`` are not a size.
        """
        if name not in self.known:
            declared: RowWise = self.draft.output.unit
            owner, where = OUTPUT_UNIT, OUTPUT / "units"
            if name != OUTPUT_UNIT:
                spec = self.draft.gates[name]
                declared, owner = spec.gate, self.draft.top(name)
                where = self.draft.place(name) / ("width" if spec.owner else "units")
            if len(chain) > MAX_CHAIN:
                raise refused(where, f"the width depends on a chain of more than {MAX_CHAIN} gates")
            self.known[name] = self.find(declared.units, where, owner, (*chain, name))
        return self.known[name]

    def of_state(self, key: str) -> int:
        """Return the width of a gate's own state, ``GATE.STATE``.

        Raises:
            CellError: the width is not a size.
        """
        owner = self.draft.own_states[key]
        name = key.removeprefix(f"{owner}.")
        width = self.draft.gates[owner].gate.own_states()[name].width
        return self.find(width, CELL / "gates" / owner / "states" / name, owner)

    def names(self) -> frozenset[str]:
        """Return the names of the cell that appear in sizes."""
        draft = self.draft
        found = {n for p in draft.parameters.values() for n in size_names(p.shape)}
        specs: list[GateSpec | OutputUnitSpec] = [*draft.spec.gates, draft.output]
        for spec in specs:
            own = whole_options(spec.declared)
            read = {name for size in spec.sizes() for name in size_names(size)}
            found |= read - own.keys()
        return frozenset(found)

    def _named(self, name: str, where: Place, owner: str, chain: tuple[str, ...]) -> int | float:
        draft = self.draft
        own = whole_options(draft.declared(owner)) if owner else {}
        if name in own:
            return own[name]
        if name == "units" and owner and owner not in chain:
            return self.of_gate(owner, chain)
        if name in draft.constants:
            return draft.constants[name]
        if name in draft.inputs:
            return draft.inputs[name]
        gates = [gate for gate in draft.gates if not draft.is_projection(gate)]
        if name in gates and name not in chain:
            return self.of_gate(name, chain)
        known = [*own, *draft.constants, *gates, *draft.inputs]
        raise CellError(unknown_name(where, name, known, "sizes"))


Bound = tuple[tuple[str, str], ...]
Bindings = Mapping[str, Bound]


def bind(draft: Draft) -> Bindings:
    """Return the keys of the arguments of each gate, and of the output unit under `FEEDBACK`.

    A key is a signal, ``pre:OWNER``, or ``OWNER.PART``.

    Raises:
        CellError: an argument or a name in a read does not exist, or a gate does not use its
            reads.
    """
    of_gates = {name: _bind_gate(draft, name) for name in draft.gates}
    return {**of_gates, FEEDBACK: _bind_output(draft)}


def _bind_gate(draft: Draft, name: str) -> Bound:
    spec = draft.gates[name]
    gate, where = spec.gate, draft.place(name)
    own = {part.name.removeprefix(f"{name}.") for part in spec.projections}
    _check_bind(where, gate)
    bound: list[tuple[str, str]] = []
    for argument in gate.arguments():
        target = gate.bind.get(argument, argument)
        if target == "pre":
            if not spec.reads and not gate.bias:
                raise refused(
                    where,
                    f"{gate.definition()} asks for pre, but the gate has no reads and no bias",
                )
            key = f"pre:{name}"
        elif target == "own_prev":
            key = f"{name}_prev"
        elif target in {*gate.parameters, *own, *gate.noises} or (
            _stem(target, "_prev") in gate.states
        ):
            key = f"{name}.{target}"
        elif target in draft.known:
            key = target
        else:
            states = [f"{state}_prev" for state in gate.states]
            names = [*draft.known, *gate.parameters, *sorted(own), *states, *gate.noises]
            names += ["pre", "own_prev"]
            near = nearest(target, names) or f"; the names are {listed(names, 50)}"
            what = f"{gate.definition()} asks for {target!r}, which does not exist"
            raise refused(where, f"{what}{gate.declared(gate.method)}{near}")
        bound.append((argument, key))
    _check_sum(where, "gate", gate, [r.text for r in spec.reads], bound)
    owned = _owned_names(draft, spec.owner, where, spec.reads) if spec.owner else ()
    for read in spec.reads:
        draft.check_expression(read.expr, where / "reads", owned)
    return tuple(bound)


def _check_sum(
    where: Place, what: str, unit: RowWise, reads: Sequence[str], bound: Sequence[tuple[str, str]]
) -> None:
    """Refuse reads whose sum, ``pre``, is not an argument: nothing would read their weights."""
    if not reads or any(key.startswith("pre:") for _, key in bound):
        return
    why = f"the {what} reads {listed(reads)}, but {unit.definition()} does not use pre"
    raise refused(where, f"{unit.place()}: {why}")


def _owned_names(draft: Draft, owner: str, where: Place, reads: Sequence[Read]) -> tuple[str, ...]:
    """Return the names of what a gate or output unit owns, which a projection of it reads.

    Raises:
        CellError: the projection reads an option of its owner.
    """
    unit = draft.declared(owner)
    for name in (n for read in reads for n in names(read.expr)):
        if name in unit.option_names() and name not in draft.known:
            raise refused(
                where / "reads",
                f"{name!r} is an option of {owner}, and a projection reads no options",
            )
    spec = draft.output if owner == OUTPUT_UNIT else draft.gates[owner]
    parts = [part.name.removeprefix(f"{owner}.") for part in spec.projections]
    states = unit.states if isinstance(unit, Gate) else {}
    return (*(f"{state}_prev" for state in states), *unit.parameters, *parts)


def _bind_output(draft: Draft) -> Bound:
    unit, emits = draft.output.unit, draft.spec.emits
    own = {part.name.removeprefix(f"{OUTPUT_UNIT}.") for part in draft.output.projections}
    _check_bind(OUTPUT, unit)
    known = [n for n in draft.known if not n.endswith("_prev") and n != FEEDBACK]
    bound: list[tuple[str, str]] = []
    for argument in unit.arguments():
        target = unit.bind.get(argument, argument)
        stem = _stem(target, "_history")
        if target == "pre":
            if not draft.output.reads and not unit.bias:
                raise refused(
                    OUTPUT,
                    f"{unit.definition()} asks for pre, but has no reads and no bias",
                )
            key = f"pre:{OUTPUT_UNIT}"
        elif target == "emitted":
            key = emits
        elif target in unit.parameters or target in own:
            key = f"{OUTPUT_UNIT}.{target}"
        elif stem in unit.history:
            key = f"{emits if stem == 'emitted' else stem}_history"
        elif target in known:
            key = target
        else:
            histories = [f"{name}_history" for name in unit.history]
            names = [*known, "pre", "emitted", *unit.parameters, *sorted(own), *histories]
            near = nearest(target, names) or f"; the names are {listed(names, 50)}"
            lacks = f"which the cell {draft.spec.name!r} does not have"
            raise refused(OUTPUT, f"{unit.definition()} asks for {target!r}, {lacks}{near}")
        bound.append((argument, key))
    _check_sum(OUTPUT, "output unit", unit, [r.text for r in draft.output.reads], bound)
    for name in unit.history:
        if name != "emitted" and name not in known:
            near = nearest(name, known) or f"; the signals are {listed(known)}"
            raise refused(OUTPUT / "history", f"{name!r} is not a signal{near}")
    for read in draft.output.reads:
        draft.check_expression(draft.with_emitted(read.expr), OUTPUT / "reads")
    places = {OUTPUT / "reads": draft.output_keys(())}
    for name in filter(draft.is_of_output, draft.gates):
        keys = (draft.varying(read.expr) for read in draft.gates[name].reads)
        places[draft.place(name) / "reads"] = tuple(key for each in keys for key in each)
    for place, read_keys in places.items():
        earlier = [name for name in read_keys if name.endswith("_prev")]
        if earlier and not unit.feeds_back:
            raise refused(
                place,
                f"an output unit reads signals of the same step, not {earlier[0]}",
            )
    return tuple(bound)


def _stem(target: str, ending: str) -> str:
    return target.removesuffix(ending) if target.endswith(ending) else ""


def _check_bind(where: Place, declared: RowWise) -> None:
    arguments = declared.arguments()
    read = read_names(declared.own_projections()) if isinstance(declared, Gate) else ()
    for argument, target in declared.bind.items():
        if argument not in arguments and argument not in read:
            raise refused(
                where / "bind",
                f"{declared.definition()} has no argument {argument!r}; "
                f"the arguments are {listed(arguments)}",
            )
        if not isinstance(target, str) or "." in target:
            raise refused(
                where / "bind" / argument,
                f"the name of a signal is expected, such as c_prev, not {target!r}",
            )

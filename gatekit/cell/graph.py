"""A cell with its sizes: widths, states, order, stages and weights, ready to be run by any executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .equation import parse
from .errors import CellError, ExpressionError, GatekitError, listed, nearest
from .expression import Expr, Name, Number, evaluate, lift, names, substitute
from .gate import Gate
from .linear_map import LinearMap
from .output_unit import OutputUnit
from .parameter import Parameter
from .row_wise import RowWise
from .shape import Shape, infer, say
from .spec import CellSpec, OutputUnitSpec, Read


@dataclass(frozen=True)
class Weight:
    """A weight: name, shape, how its first value is drawn, and which part of the cell it belongs to."""

    name: str
    shape: tuple[int, ...]
    init: Any
    kind: str
    owner: str
    trainable: bool = True
    gate_units: int = 1
    map: str | None = None


@dataclass(frozen=True)
class State:
    """A state: its key, width, first value, the weight of a learned first value, and its zoneout rate."""

    name: str
    width: int
    initial: float = 0.0
    learned: str | None = None
    zoneout: float = 0.0


@dataclass(frozen=True)
class Norm:
    """Layer normalisation inside a gate: of each read or of their sum, with statistics shared by a group."""

    of: str
    group: tuple[str, ...]
    epsilon: float


@dataclass(frozen=True)
class BuiltRead:
    """A read with its widths and weights: ``z = map(expr)``, ``... x width_out``."""

    expr: Expr
    text: str
    map: LinearMap
    map_kind: str
    weights: Mapping[str, str]
    width_in: int
    width_out: int
    level: int
    hoisted: bool
    scale: str | None


@dataclass(frozen=True)
class Node:
    """One signal that is computed at each step.

    ``kind`` is ``gate``, ``equation``, ``norm`` or ``output`` (an output unit that feeds back). ``level`` counts the
    recurrent matrix products that must be done before it; a ``hoisted`` node reads no state.
    """

    name: str
    kind: str
    width: int
    level: int
    hoisted: bool
    depends: tuple[str, ...]
    declared: RowWise | None = None
    reads: tuple[BuiltRead, ...] = ()
    bias: str | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    own_states: tuple[tuple[str, str], ...] = ()
    norm: Norm | None = None
    norm_scale: str | None = None
    expr: Expr | None = None
    source: str = ""
    scale: str = ""
    offset: str = ""


def shared_reads(cell_nodes: Mapping[str, Node], node: Node) -> list[tuple[Node, BuiltRead]]:
    """Return the reads that a gate's pre-activation needs: its own, and those it shares statistics with."""
    texts = [r.text for r in node.reads]
    found = [(node, r) for r in node.reads]
    for member in node.norm.group if node.norm else ():
        other = cell_nodes[member]
        if member != node.name and node.norm is not None:
            found += [(other, r) for r in other.reads if node.norm.of == "sum" or r.text in texts]
    return found


@dataclass(frozen=True)
class BuiltOutput:
    """The output unit with its sizes; applied to all steps at once after the loop."""

    kind: str
    unit: OutputUnit
    reads: tuple[BuiltRead, ...]
    bias: str | None
    arguments: tuple[tuple[str, str], ...]
    histories: tuple[tuple[str, int], ...]
    width: int
    signals: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """A cell with sizes. ``nodes`` are in an order in which each can be computed; ``states`` in the public order."""

    spec: CellSpec
    units: int
    features: int
    inputs: Mapping[str, int]
    widths: Mapping[str, int]
    nodes: tuple[Node, ...]
    states: tuple[State, ...]
    shifted: tuple[str, ...]
    uses_t: bool
    weights: tuple[Weight, ...]
    constants: Mapping[str, float]
    parameters: Mapping[str, Parameter]
    output: BuiltOutput
    gate_expressions: Mapping[str, Any] = field(compare=False)

    @property
    def emits(self) -> str:
        """The signal that the cell emits."""
        return self.spec.emits

    def stages(self) -> tuple[tuple[str, ...], ...]:
        """Return the signals by level: those of level k need k recurrent matrix products, one after another."""
        depth = max((node.level for node in self.nodes), default=0)
        stages = [[n.name for n in self.nodes if n.level == k] for k in range(depth + 1)]
        return tuple(tuple(stage) for stage in stages)

    def node(self, name: str) -> Node:
        """Return the node of that name."""
        return next(node for node in self.nodes if node.name == name)

    def count(self) -> int:
        """Return the number of trainable weights' elements."""
        total = 0
        for weight in self.weights:
            size = 1
            for n in weight.shape:
                size *= n
            total += size if weight.trainable else 0
        return total


def build(spec: CellSpec, units: int, features: int, output_unit: OutputUnitSpec) -> Cell:
    """Return the cell with its sizes.

    Args:
        spec: the cell.
        units: the layer's units.
        features: the width of the layer's input.
        output_unit: what the layer emits.

    Raises:
        CellError: a name is unknown, signals need each other in a circle, widths do not fit, or something is unused.
    """
    return _Builder(spec, units, features, output_unit).build()


class _Builder:
    def __init__(self, spec: CellSpec, units: int, features: int, output: OutputUnitSpec) -> None:
        self.spec, self.units, self.features, self.output = spec, units, features, output
        self.gates = {g.name: g for g in spec.gates}
        self.equations = dict(spec.equations)
        self.norms = dict(spec.norms)
        self.inputs = {"x": features, **dict(spec.inputs)}
        self.constants: dict[str, Any] = {
            **dict(spec.constants),
            "units": units,
            "features": features,
        }
        self.cell_parameters = dict(spec.parameters)
        self.feeds_back = output.unit.feeds_back
        self.signals = [
            *self.gates,
            *self.equations,
            *self.norms,
            *(["y"] if self.feeds_back else []),
        ]
        self.gate_widths: dict[str, int] = {}
        self.own: dict[str, str] = {}
        self.used: set[str] = set()
        self.shapes: dict[str, Shape | None] = {}
        self.weights: list[Weight] = []
        self.parameters: dict[str, Parameter] = {}
        self.expressions: dict[str, tuple[Expr, dict[str, Expr]] | None] = {}

    def build(self) -> Cell:
        for name, gate in self.gates.items():
            self.gate_widths[name] = self.size(gate.gate.units, f"cell.gates.{name}.units", (name,))
            for own in gate.gate.states:
                self.own[f"{name}.{own}"] = name
        arguments = {n: self.bind_gate(n) for n in self.gates}
        out_arguments = self.bind_output()
        depends = {n: self.depends(n, arguments, out_arguments) for n in self.signals}
        order = self.order(depends)
        self.check_used(depends, out_arguments)
        self.find_widths(order, arguments)
        for name, source in self.norms.items():
            width = self.width(name)
            self.add(f"{name}.scale", (width,), 1.0, "norm", name)
            self.add(f"{name}.offset", (width,), 0.0, "norm", name)
        prev = sorted({d for ds in depends.values() for d in ds if d.endswith("_prev")})
        states = self.states(prev, out_arguments)
        nodes = self.nodes(order, depends, arguments, out_arguments, {s.name for s in states})
        for name, parameter in self.cell_parameters.items():
            self.add_parameter(name, parameter, name, self.units)
        output = self.build_output(out_arguments)
        for state in states:
            if state.learned:
                self.add(state.learned, (state.width,), state.initial, "initial", state.name)
        self.check_negative_of()
        uses_t = any("t" in ds for ds in depends.values()) or any(
            k == "t" for _, k in out_arguments
        )
        return Cell(
            spec=self.spec,
            units=self.units,
            features=self.features,
            inputs=self.inputs,
            widths={n: self.width(n) for n in [*self.inputs, *self.signals, *self.own]},
            nodes=nodes,
            states=states,
            shifted=tuple(i for i in self.inputs if f"{i}_prev" in prev),
            uses_t=uses_t,
            weights=tuple(self.weights),
            constants={k: v for k, v in self.constants.items()},
            parameters=self.parameters,
            output=output,
            gate_expressions=self.expressions,
        )

    # --- sizes -------------------------------------------------------------------------------------------------

    def size(self, value: Any, where: str, chain: tuple[str, ...] = ()) -> int:
        if value == "scalar":
            return 1
        if isinstance(value, int) and not isinstance(value, bool):
            result: Any = value
        else:
            try:
                expr = parse(value, {}, sizes=True)
            except ExpressionError as error:
                raise ExpressionError(f"{where}: {error}") from None
            env: dict[str, Any] = dict(self.constants)
            for name in names(expr):
                if name in env:
                    continue
                if name in self.gates and name not in chain:
                    env[name] = self.size(self.gates[name].gate.units, where, (*chain, name))
                elif name in self.inputs:
                    env[name] = self.inputs[name]
                else:
                    known = [*env, *self.gates, *self.inputs]
                    raise CellError(
                        f"{where}: {name!r} is not a size{nearest(name, known) or '.'} Sizes: {listed(known)}."
                    )
            try:
                result = evaluate(expr, env, {})
            except ZeroDivisionError:
                raise CellError(f"{where}: {value!r} divides by zero") from None
        if isinstance(result, float) and result.is_integer():
            result = int(result)
        if not isinstance(result, int) or result < 1:
            raise CellError(
                f"{where}: {value!r} is {result}; a width is a whole number from 1 (use // to divide)"
            )
        return result

    def size_names(self) -> set[str]:
        """Return the names that widths are made of."""
        declared = [*(g.gate for g in self.gates.values()), self.output.unit]
        widths = [d.units for d in declared]
        widths += [p.shape for d in declared for p in d.parameters.values()]
        widths += [p.shape for p in self.cell_parameters.values()]
        return {name for width in widths for name in names(parse(width, {}, sizes=True))}

    def width(self, name: str) -> int:
        if name in self.own:
            return self.gate_widths[self.own[name]]
        if name in self.inputs:
            return self.inputs[name]
        if name in self.gate_widths:
            return self.gate_widths[name]
        shape = self.shapes.get(name)
        return shape[0] if shape else 1

    # --- names -------------------------------------------------------------------------------------------------

    def known(self) -> list[str]:
        plain = [*self.signals, *self.inputs, *self.cell_parameters, *self.constants, "t"]
        return plain + [f"{n}_prev" for n in [*self.signals, *self.inputs]]

    def check_expression(self, expr: Expr, where: str) -> None:
        known = self.known()
        for name in names(expr):
            if name not in known:
                raise CellError(
                    f"{where}: in {str(expr)!r} the name {name!r} is unknown{nearest(name, known) or '.'} "
                    f"Known here: {listed(known, 40)}."
                )

    def bind_gate(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return, for each argument of the gate's function, the key of the value it gets."""
        gate = self.gates[name].gate
        where = f"cell.gates.{name}"
        bound: list[tuple[str, str]] = []
        known = self.known()
        for argument in gate.arguments():
            target = gate.bind.get(argument, argument)
            stem = target[: -len("_prev")] if target.endswith("_prev") else ""
            if target == "pre":
                if not self.gates[name].reads and not gate.bias:
                    raise CellError(
                        f"{where}: {gate.definition()} asks for pre, but the gate has no reads and no bias"
                    )
                key = f"pre:{name}"
            elif target == "own_prev":
                key = f"{name}_prev"
            elif target in gate.parameters:
                key = f"{name}.{target}"
            elif stem and stem in gate.states:
                key = f"{name}.{target}"
            elif target in known:
                key = target
            else:
                own = [*gate.parameters, *(f"{s}_prev" for s in gate.states), "pre", "own_prev"]
                raise CellError(
                    f"{where}: {gate.definition()} asks for {target!r}, which does not exist"
                    f"{nearest(target, [*known, *own]) or '.'} It can ask for: {listed([*known, *own], 50)}; or bind another "
                    f"name to it: {{kind: {self.gates[name].kind}, bind: {{{argument}: NAME}}}}."
                )
            bound.append((argument, key))
        self.check_bindings(where, gate, [a for a, _ in bound])
        if "pre" not in [gate.bind.get(a, a) for a, _ in bound] and self.gates[name].reads:
            raise CellError(
                f"{where}: the gate reads {listed(r.text for r in self.gates[name].reads)}, but {gate.definition()} "
                "does not use pre; set reads: [] and bias: false"
            )
        for read in self.gates[name].reads:
            self.check_expression(read.expr, f"{where}.reads")
        return tuple(bound)

    def check_bindings(self, where: str, declared: RowWise, arguments: list[str]) -> None:
        for argument in declared.bind:
            if argument not in arguments:
                raise CellError(
                    f"{where}.bind: {declared.definition()} has no argument {argument!r}"
                    f"{nearest(argument, arguments)}"
                )

    def bind_output(self) -> tuple[tuple[str, str], ...]:
        unit = self.output.unit
        known = [n for n in self.known() if not n.endswith("_prev")]
        bound = []
        for argument in unit.arguments():
            target = unit.bind.get(argument, argument)
            stem = target[: -len("_history")] if target.endswith("_history") else ""
            if target == "pre":
                if not self.output.reads and not unit.bias:
                    raise CellError(
                        f"output_unit: {unit.definition()} asks for pre, but has no reads and no bias"
                    )
                key = "pre:output_unit"
            elif target == "emitted":
                key = self.spec.emits
            elif target in unit.parameters:
                key = f"output_unit.{target}"
            elif stem and stem in unit.history:
                key = f"{self.spec.emits if stem == 'emitted' else stem}_history"
            elif target in known:
                key = target
            else:
                own = ["pre", "emitted", *unit.parameters, *(f"{h}_history" for h in unit.history)]
                raise CellError(
                    f"output_unit: {unit.definition()} asks for {target!r}, which the cell {self.spec.name!r} does "
                    f"not have{nearest(target, [*known, *own]) or '.'} It can ask for: {listed([*known, *own], 50)}; "
                    f"or bind another name to it: {{kind: {self.output.kind}, bind: {{{argument}: NAME}}}}."
                )
            bound.append((argument, key))
        self.check_bindings("output_unit", unit, [a for a, _ in bound])
        for stem in unit.history:
            if stem != "emitted" and stem not in known:
                raise CellError(
                    f"output_unit.history: {stem!r} is not a signal{nearest(stem, known)}"
                )
        for read in self.output.reads:
            self.check_expression(
                substitute(read.expr, {"emitted": Name(self.spec.emits)}), "output_unit.reads"
            )
        return tuple(bound)

    # --- order -------------------------------------------------------------------------------------------------

    def depends(
        self, name: str, arguments: Mapping[str, Any], out_arguments: tuple[tuple[str, str], ...]
    ) -> tuple[str, ...]:
        """Return the keys that a signal needs: signals and inputs of this step, previous values, ``t``."""
        if name in self.equations:
            self.check_expression(self.equations[name], f"cell.equations.{name}")
            found = names(self.equations[name])
        elif name in self.norms:
            self.check_expression(Name(self.norms[name]), f"cell.norms.{name}")
            found = (self.norms[name],)
        elif name == "y":
            reads = [n for r in self.output.reads for n in names(r.expr)]
            found = (
                *(k for _, k in out_arguments),
                *(self.spec.emits if n == "emitted" else n for n in reads),
            )
        else:
            reads = [n for r in self.gates[name].reads for n in names(r.expr)]
            reads += [n for r in self.sharing(name) for n in names(r.expr)]
            found = (*(k for _, k in arguments[name]), *reads)
        self.used.update(found)
        skip = {*self.cell_parameters, *self.constants}
        kept = [
            k
            for k in dict.fromkeys(found)
            if k not in skip
            and not k.startswith("pre:")
            and (k in self.known() or k.endswith("_prev"))
        ]
        return tuple(kept)

    def sharing(self, name: str) -> list[Read]:
        """Return the reads whose statistics a gate shares by its norm; its own are among them."""
        norm = self.gates[name].gate.norm or {}
        texts = [r.text for r in self.gates[name].reads]
        found: list[Read] = []
        for member in norm.get("group", ()):
            if member not in self.gates:
                raise CellError(
                    f"cell.gates.{name}.norm.group: {member!r} is not a gate{nearest(str(member), self.gates)}"
                )
            # Statistics of single reads are shared with the same read of others only.
            found += [
                r for r in self.gates[member].reads if norm.get("of") == "sum" or r.text in texts
            ]
        return found

    def order(self, depends: Mapping[str, tuple[str, ...]]) -> list[str]:
        done: list[str] = []
        path: list[str] = []

        def visit(name: str) -> None:
            if name in done:
                return
            if name in path:
                circle = [*path[path.index(name) :], name]
                raise CellError(
                    f"cell {self.spec.name!r}: signals need each other in the same step: {' -> '.join(circle)}. "
                    f"Read one of them one step earlier, for example {circle[1]}_prev."
                )
            path.append(name)
            for other in depends[name]:
                if other in depends:
                    visit(other)
            path.pop()
            done.append(name)

        for name in self.signals:
            visit(name)
        return done

    def check_used(
        self, depends: Mapping[str, tuple[str, ...]], out_arguments: tuple[tuple[str, str], ...]
    ) -> None:
        roots = {self.spec.emits}
        for read in self.output.reads:
            roots.update(names(read.expr))
        for _, key in out_arguments:
            roots.add(key.removesuffix("_history"))
        reached: set[str] = set()
        todo = [r for r in roots if r in depends]
        if self.feeds_back:
            todo.append("y")
        while todo:
            name = todo.pop()
            if name in reached:
                continue
            reached.add(name)
            stems = [d.removesuffix("_prev") for d in depends[name]]
            todo += [self.own.get(s, s) for s in stems if self.own.get(s, s) in depends]
        signals = {
            "gates": list(self.gates),
            "equations": list(self.equations),
            "norms": list(self.norms),
        }
        for section, members in signals.items():
            for name in members:
                if name not in reached:
                    raise CellError(
                        f"cell.{section}.{name}: what the cell emits ({self.spec.emits}) never needs {name!r}; "
                        f"use it in an equation, or remove it with cell.{section}.{name}=null"
                    )
        sizes = self.size_names()
        given = {
            "parameters": list(self.cell_parameters),
            "constants": [name for name, _ in self.spec.constants],
            "inputs": [name for name, _ in self.spec.inputs],
        }
        for section, members in given.items():
            for name in members:
                if name not in self.used and f"{name}_prev" not in self.used and name not in sizes:
                    raise CellError(
                        f"cell.{section}.{name}: nothing reads {name!r}; use it or remove it"
                    )
        for name, gate in self.gates.items():
            arguments = [gate.gate.bind.get(a, a) for a in gate.gate.arguments()]
            for own in gate.gate.parameters:
                if own not in arguments:
                    raise CellError(
                        f"cell.gates.{name}: {gate.gate.definition()} never asks for its parameter {own!r}"
                    )
            for own in gate.gate.states:
                if f"{own}_prev" not in arguments:
                    raise CellError(
                        f"cell.gates.{name}: {gate.gate.definition()} never asks for {own}_prev"
                    )

    # --- widths ------------------------------------------------------------------------------------------------

    def find_widths(self, order: list[str], arguments: Mapping[str, Any]) -> None:
        shapes: dict[str, Shape | None] = {n: None for n in self.signals}
        shapes.update({n: (w,) for n, w in self.inputs.items()})
        shapes.update({n: (w,) for n, w in self.gate_widths.items()})
        for name, parameter in self.cell_parameters.items():
            shapes[name] = (self.size(parameter.shape, f"cell.parameters.{name}.shape"),)
        shapes.update({n: () for n in self.constants})
        shapes["t"] = (1,)
        self.shapes = shapes
        for name in self.gates:
            self.expressions[name] = self.gate_expression(name, arguments[name])
        for _ in range(len(self.signals) + 1):
            before = dict(shapes)
            for name in order:
                self.set_width(name)
            if shapes == before:
                break
        for name in self.signals:
            if shapes[name] is None:
                raise CellError(
                    f"cell.equations.{name}: its width cannot be found from {self.equations.get(name)}"
                )
            self.check_width(name)

    def with_previous(self) -> dict[str, Shape | None]:
        previous = {f"{n}_prev": self.shapes[n] for n in [*self.signals, *self.inputs]}
        return {**self.shapes, **previous}

    def set_width(self, name: str) -> None:
        if name in self.equations:
            where = f"cell.equations.{name}"
            expr = self.with_constants(self.equations[name])
            shape = infer(expr, self.with_previous(), self.spec.functions, where)
            self.shapes[name] = (1,) if shape == () else shape
        elif name in self.norms:
            self.shapes[name] = self.shapes[self.norms[name]]
        elif name == "y":
            self.shapes[name] = (self.size(self.output.unit.units, "output_unit.units"),)

    def with_constants(self, expr: Expr) -> Expr:
        return substitute(expr, {n: lift(v) for n, v in self.constants.items()})

    def check_width(self, name: str) -> None:
        shape = self.shapes[name]
        if shape is not None and len(shape) > 1:
            raise CellError(
                f"cell.equations.{name}: its shape is {say(shape)}; a signal is a vector (matrix-valued states are not "
                "supported yet)"
            )
        made = self.expressions.get(name)
        if name not in self.gates or made is None:
            return
        where = f"cell.gates.{name}"
        width = self.gate_widths[name]
        shapes = {**self.with_previous(), "pre": (width,), "own_prev": (width,)}
        gate = self.gates[name].gate
        for own, parameter in gate.parameters.items():
            shapes[f"{name}.{own}"] = (self.size(parameter.shape, f"{where}.parameters.{own}"),)
        for own in gate.states:
            shapes[f"{name}.{own}_prev"] = (width,)
        value, new_states = made
        for what, expr in [("value", value), *((f"state {k}", e) for k, e in new_states.items())]:
            found = infer(self.with_constants(expr), shapes, self.spec.functions, where)
            if found is not None and found != (width,):
                raise CellError(
                    f"{where}: its {what} has a width of {say(found)}, and the gate has {width} units"
                )

    def gate_expression(
        self, name: str, arguments: tuple[tuple[str, str], ...]
    ) -> tuple[Expr, dict[str, Expr]] | None:
        """Return the gate's value and new states as expressions over keys, or None where the gate refuses."""
        gate = self.gates[name].gate
        values: dict[str, Any] = {}
        for argument, key in arguments:
            plain_key = {f"pre:{name}": "pre", f"{name}_prev": f"{name}_prev"}.get(key, key)
            constant = self.constants.get(key)
            values[argument] = Number(constant) if constant is not None else Name(plain_key)
        try:
            made = gate.compute(values)
            value, new_states = made if isinstance(made, tuple) else (made, {})
            value, new_states = lift(value), {k: lift(v) for k, v in new_states.items()}
        except Exception:
            # A gate may use what expressions cannot say; it is then shown by its docstring and never scanned.
            return None
        if set(new_states) != set(gate.states):
            raise CellError(
                f"cell.gates.{name}: {gate.definition()} returns the states {listed(new_states)}, and declares "
                f"{listed(gate.states)}"
            )
        return value, new_states

    # --- states, nodes, weights --------------------------------------------------------------------------------

    def states(
        self, prev: list[str], out_arguments: tuple[tuple[str, str], ...]
    ) -> tuple[State, ...]:
        spec = self.spec
        stems = {p.removesuffix("_prev") for p in prev}
        written = [spec.emits, *(s for s in self.signals if s != spec.emits)]
        own = [s for s in self.own if s in stems]
        listed_states = [s for s in written if s in stems] + own
        defaults: dict[str, float] = {s: 0.0 for s in listed_states}
        for key, gate in self.own.items():
            defaults[key] = float(self.gates[gate].gate.states[key.split(".")[1]])
        for section in ("initial", "zoneout"):
            for name, _ in getattr(spec, section):
                if name not in listed_states:
                    raise CellError(self.not_a_state(f"cell.{section}.{name}", name, listed_states))
        for name in spec.learned_initial_state:
            if name not in listed_states:
                raise CellError(self.not_a_state("cell.learned_initial_state", name, listed_states))
        initial = {**defaults, **dict(spec.initial)}
        zoneout = dict(spec.zoneout)
        return tuple(
            State(
                name=name,
                width=self.width(name),
                initial=initial[name],
                learned=f"initial.{name}" if name in spec.learned_initial_state else None,
                zoneout=zoneout.get(name, 0.0),
            )
            for name in listed_states
        )

    def not_a_state(self, where: str, name: str, states: list[str]) -> str:
        return f"{where}: {name!r} is not a state{nearest(name, states) or '.'} States: {listed(states)}."

    def nodes(
        self,
        order: list[str],
        depends: Mapping[str, tuple[str, ...]],
        arguments: Mapping[str, Any],
        out_arguments: tuple[tuple[str, str], ...],
        states: set[str],
    ) -> tuple[Node, ...]:
        level: dict[str, int] = {}
        hoisted: dict[str, bool] = {}

        def level_of(keys: Any) -> int:
            return max((level.get(k, 0) for k in keys), default=0)

        def hoistable(keys: Any) -> bool:
            return all(
                hoisted.get(k, k == "t" or k.removesuffix("_prev") in self.inputs) for k in keys
            )

        nodes: dict[str, Node] = {}
        skip = {*self.cell_parameters, *self.constants}

        def built_reads(
            owner: str, reads: tuple[Read, ...], declared: RowWise, width: int
        ) -> list[BuiltRead]:
            found = []
            for read in reads:
                expr = (
                    substitute(read.expr, {"emitted": Name(self.spec.emits)})
                    if owner == "output_unit"
                    else read.expr
                )
                keys = [k for k in names(expr) if k not in skip]
                where = f"{'output_unit' if owner == 'output_unit' else 'cell.gates.' + owner}.reads.{read.text}"
                shape = infer(
                    self.with_constants(expr), self.with_previous(), self.spec.functions, where
                )
                if not shape:
                    raise CellError(f"{where}: a plain number cannot be read; read a signal")
                found.append(
                    self.add_read(
                        owner,
                        read,
                        expr,
                        shape[0],
                        width,
                        level_of(keys),
                        hoistable(keys),
                        declared,
                    )
                )
            return found

        for name in order:
            keys = depends[name]
            if name in self.equations or name in self.norms:
                nodes[name] = Node(
                    name=name,
                    kind="equation" if name in self.equations else "norm",
                    width=self.width(name),
                    level=level_of(keys),
                    hoisted=hoistable(keys),
                    depends=keys,
                    expr=self.equations.get(name),
                    source=self.norms.get(name, ""),
                    scale=f"{name}.scale" if name in self.norms else "",
                    offset=f"{name}.offset" if name in self.norms else "",
                )
            else:
                feedback = name == "y"
                declared: RowWise = self.output.unit if feedback else self.gates[name].gate
                owner = "output_unit" if feedback else name
                reads = self.output.reads if feedback else self.gates[name].reads
                width = self.width(name)
                built = built_reads(owner, reads, declared, width)
                gate = declared if isinstance(declared, Gate) else None
                norm = self.norm(name) if gate is not None and gate.norm else None
                bound = out_arguments if feedback else arguments[name]
                takes_pre = any(k.startswith("pre:") for _, k in bound)
                reach = [r.level + (not r.hoisted and r.map.has_matrix()) for r in built]
                # Shared statistics make a gate wait for the products of its whole group.
                for read in [] if feedback else self.sharing(name):
                    keys_read = [k for k in names(read.expr) if k not in skip]
                    reach.append(
                        level_of(keys_read) + (not hoistable(keys_read) and read.map.has_matrix())
                    )
                nodes[name] = Node(
                    name=name,
                    kind="output" if feedback else "gate",
                    width=width,
                    level=max([level_of(keys), *reach]),
                    hoisted=hoistable(keys) and not (gate and gate.states),
                    depends=keys,
                    declared=declared,
                    reads=tuple(built),
                    bias=self.add_bias(owner, declared, width)
                    if takes_pre and declared.bias
                    else None,
                    arguments=tuple(
                        (a, f"pre:{name}" if k.startswith("pre:") else k) for a, k in bound
                    ),
                    own_states=tuple((s, f"{name}.{s}") for s in (gate.states if gate else ())),
                    norm=norm,
                    norm_scale=self.add_scale(f"{name}.scale", width, name)
                    if norm and norm.of == "sum"
                    else None,
                )
                for own, parameter in declared.parameters.items():
                    self.add_parameter(f"{owner}.{own}", parameter, owner, width)
            level[name] = nodes[name].level
            hoisted[name] = nodes[name].hoisted and name not in states
        return tuple(
            node if hoisted[node.name] == node.hoisted else replace(node, hoisted=False)
            for node in nodes.values()
        )

    def norm(self, name: str) -> Norm:
        raw = self.gates[name].gate.norm or {}
        group = tuple(
            dict.fromkeys(
                [*raw.get("group", ()), *([] if name in raw.get("group", ()) else [name])]
            )
        )
        for member in group:
            other = self.gates[member].gate.norm or {}
            if member != name and (
                other.get("of") != raw["of"] or set(other.get("group", ())) | {member} != set(group)
            ):
                raise CellError(
                    f"cell.gates.{name}.norm.group: {member!r} must have the same norm: {{of: {raw['of']}, "
                    f"group: {list(group)}}}"
                )
        return Norm(raw["of"], group, float(raw.get("epsilon", 1e-5)))

    def add(
        self, name: str, shape: tuple[int, ...], init: Any, kind: str, owner: str, **more: Any
    ) -> str:
        self.weights.append(Weight(name, shape, init, kind, owner, **more))
        return name

    def add_scale(self, name: str, width: int, owner: str) -> str:
        return self.add(name, (width,), 1.0, "norm", owner)

    def add_parameter(self, name: str, parameter: Parameter, owner: str, gate_units: int) -> None:
        if parameter.shape == "units":
            width = gate_units
        else:
            width = self.size(parameter.shape, f"{name}.shape")
        self.parameters[name] = parameter
        self.add(
            name,
            (width,),
            parameter.raw_init(),
            "parameter",
            owner,
            trainable=parameter.trainable,
            gate_units=gate_units,
            map=parameter.map,
        )

    def initializer(self, declared: RowWise, which: str, default: Any) -> Any:
        explicit = declared.options().get("initializers", {})
        cell = dict(self.spec.initializers)
        kind = type(declared).initializers
        return explicit.get(which, cell.get(which, kind.get(which, default)))

    def add_bias(self, owner: str, declared: RowWise, width: int) -> str:
        init = self.initializer(declared, "bias", 0.0)
        return self.add(f"{owner}.bias", (width,), init, "bias", owner, gate_units=width)

    def add_read(
        self,
        owner: str,
        read: Read,
        expr: Expr,
        width_in: int,
        width_out: int,
        level: int,
        hoisted: bool,
        declared: RowWise,
    ) -> BuiltRead:
        kind = "kernel" if hoisted or owner == "output_unit" else "recurrent"
        default = read.map.initializer or ("glorot_uniform" if kind == "kernel" else "orthogonal")
        init = self.initializer(declared, kind, None)
        weights = {}
        try:
            shapes = read.map.shapes(width_in, width_out)
        except GatekitError as error:
            raise CellError(f"cell.gates.{owner}.reads.{read.text}: {error}") from None
        for suffix, shape in shapes.items():
            name = f"{owner}.{read.text}" + (f".{suffix}" if suffix else "")
            use = init if init is not None and len(shape) > 1 else default
            weights[suffix] = self.add(
                name,
                tuple(shape),
                use,
                kind,
                owner,
                trainable=read.map.trainable,
                gate_units=width_out,
            )
        norm = declared.norm if isinstance(declared, Gate) else None
        scale = None
        if norm and norm["of"] == "read":
            scale = self.add_scale(f"{owner}.{read.text}.scale", width_out, owner)
        return BuiltRead(
            expr,
            read.text,
            read.map,
            read.map_kind,
            weights,
            width_in,
            width_out,
            level,
            hoisted,
            scale,
        )

    def build_output(self, arguments: tuple[tuple[str, str], ...]) -> BuiltOutput:
        unit = self.output.unit
        if self.feeds_back:
            return BuiltOutput(
                self.output.kind, unit, (), None, (("emitted", "y"),), (), self.width("y"), ("y",)
            )
        emits = self.spec.emits
        takes_pre = any(k == "pre:output_unit" for _, k in arguments)
        width = self.size(unit.units, "output_unit.units") if takes_pre else self.width(emits)
        reads = []
        for read in self.output.reads:
            expr = substitute(read.expr, {"emitted": Name(emits)})
            where = f"output_unit.reads.{read.text}"
            shape = infer(
                self.with_constants(expr), self.with_previous(), self.spec.functions, where
            )
            if not shape:
                raise CellError(f"{where}: a plain number cannot be read; read a signal")
            reads.append(self.add_read("output_unit", read, expr, shape[0], width, 0, True, unit))
        bias = self.add_bias("output_unit", unit, width) if takes_pre and unit.bias else None
        for own, parameter in unit.parameters.items():
            self.add_parameter(f"output_unit.{own}", parameter, "output_unit", width)
        histories = tuple((emits if h == "emitted" else h, n) for h, n in unit.history.items())
        keys = [n for r in reads for n in names(r.expr)] + [
            k.removesuffix("_history") for _, k in arguments
        ]
        signals = tuple(k for k in dict.fromkeys([emits, *keys]) if k in self.signals)
        return BuiltOutput(
            self.output.kind, unit, tuple(reads), bias, arguments, histories, width, signals
        )

    def check_negative_of(self) -> None:
        for weight in self.weights:
            if isinstance(weight.init, Mapping) and "negative_of" in weight.init:
                other = weight.init["negative_of"]
                part = weight.name.split(".", 1)[1]
                if (
                    not any(w.name == f"{other}.{part}" for w in self.weights)
                    or other == weight.owner
                ):
                    raise CellError(
                        f"{weight.name}: negative_of: {other!r} has no weight {part!r} to refer to"
                        f"{nearest(str(other), self.gates)}"
                    )

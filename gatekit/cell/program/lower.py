"""Makes the program of a cell: the only module that computes by a node's kind."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from gatekit.cell.graph import BuiltRead, Cell, Node
from gatekit.cell.language.expression import (
    Call,
    Expr,
    Name,
    Number,
    children,
    lift,
    names,
    replaced,
    substitute,
    with_children,
)
from gatekit.cell.learned import MAPS
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import OUTPUT_UNIT

from .ops import Apply, Drop, Hold, Linear, Norm, Op, Opaque, Program, Shape, Sum, Window, outs


def lower(cell: Cell) -> Program:
    """Return the program of a built cell, made once and kept with the cell.

    Args:
        cell: the cell, with its output unit.
    """
    kept = vars(cell)  # a cell is frozen, so its program cannot go out of date
    if "_program" not in kept:
        kept["_program"] = _Lowering(cell).program()
    program: Program = kept["_program"]
    return program


class _Lowering:
    """Appends operations to a list; each value is computed once."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.ops: list[Op] = []
        self.done: set[str] = set()
        # After the loop, a state's name means the state after zoneout and mask.
        self.held: Mapping[str, str] = {}
        self.shapes: dict[str, Shape] = {"t": (1,), **dict.fromkeys(cell.constants, ())}
        for name, shape in cell.shapes.items():
            self.shapes[name] = self.shapes[f"{name}_prev"] = shape
        self.shapes |= {weight.name: weight.shape for weight in cell.weights}

    def program(self) -> Program:
        cell = self.cell
        setup = [
            Apply(name, Call(MAPS[parameter.map].function.name, (Name(f"raw:{name}"),)))
            for name, parameter in cell.parameters.items()
            if parameter.map
        ]
        self.shapes |= {f"raw:{op.out}": self.shapes[op.out] for op in setup}
        for node in cell.nodes:
            self.node(node)
        step, self.ops = tuple(self.ops), []
        holds = [
            Hold(f"{s.name}:held", s.name, f"{s.name}_prev", s.zoneout, place)
            for place, s in enumerate(cell.states)
        ]
        self.held = {hold.new: hold.out for hold in holds}
        self.shapes |= {hold.out: self.shapes[hold.new] for hold in holds}
        result = self.output()
        carried = {hold.old: hold.out for hold in holds}
        carried |= {f"{name}_prev": name for name in cell.shifted}
        own = [(node.name, *(key for _, key in node.own_states)) for node in cell.all_nodes]
        return Program(
            name=cell.spec.name or "cell",
            inputs=cell.inputs,
            states=cell.states,
            weights=cell.weights,
            constants=cell.constants,
            functions=cell.spec.functions,
            shapes=self.shapes,
            setup=tuple(setup),
            step=step,
            holds=tuple(holds),
            after=tuple(self.ops),
            result=result,
            carried=carried,
            counts=cell.uses_t,
            noises=cell.noises,
            signals=tuple(itertools.chain(*own)),
        )

    # --- signals and the output

    def node(self, node: Node) -> None:
        """Add the operations of a signal."""
        if node.expr is not None:
            self.add(Apply(node.name, node.expr))
        elif node.kind == "norm":
            normed = f"{node.name}:normed"
            self.norm((normed,), (node.source,), node.epsilon)
            self.add(Apply(node.name, Name(normed) * Name(node.scale) + Name(node.offset)))
        elif node.kind == "output":
            assert node.declared is not None
            pre = self.pre(OUTPUT_UNIT, node.reads, node.bias, node)
            self.unit(node.name, node.declared, node.arguments, pre)
        else:
            self.gate(node)

    def gate(self, node: Node) -> None:
        """Add a gate or a projection with its own states."""
        assert node.declared is not None
        pre = self.pre(node.name, node.reads, node.bias, node)
        expressions = self.cell.gate_expressions[node.name]
        if expressions is None:
            self.opaque(node.name, node.declared, node.arguments, pre, node)
            return
        value, states = expressions
        for name, key in node.own_states:
            if not isinstance(states[name], (Name, Number)):
                value = replaced(value, states[name], Name(key))
            self.add(Apply(key, _with_pre(states[name], pre)))
        self.add(Apply(node.name, _with_pre(value, pre)))

    def output(self) -> str:
        """Add the output unit and its projections; return the name of the result."""
        output = self.cell.output
        if output.unit.feeds_back:
            [(_, fed_back)] = output.arguments
            return self.current(fed_back)
        for name, length in output.histories:
            self.shapes[f"{name}_history"] = (length, *self.shapes[name])
            self.add(Window(f"{name}_history", self.current(name), length))
        for node in output.projections:
            self.gate(node)
        result = f"{OUTPUT_UNIT}:y"
        self.shapes[result] = (output.width,)
        pre = self.pre(OUTPUT_UNIT, output.reads, output.bias)
        self.unit(result, output.unit, output.arguments, pre)
        return result

    def unit(
        self, name: str, unit: RowWise, arguments: Sequence[tuple[str, str]], pre: str
    ) -> None:
        """Add an output unit, as an expression if it can be written as one."""
        constants = self.cell.constants
        values = {a: Name("pre" if k.startswith("pre:") else self.current(k)) for a, k in arguments}
        numbers = {a: lift(constants[k]) for a, k in arguments if k in constants}
        try:
            value = lift(unit.compute({**values, **numbers}))
        except Exception:
            self.opaque(name, unit, arguments, pre)
        else:
            self.add(Apply(name, _with_pre(value, pre)))

    def opaque(
        self,
        name: str,
        unit: RowWise,
        arguments: Sequence[tuple[str, str]],
        pre: str,
        node: Node | None = None,
    ) -> None:
        """Add a plugin's function that is not an expression; a node may have own states."""
        states = () if node is None else node.own_states
        kind = self.cell.output.kind if node is None else self.cell.kind(node)
        keys = tuple((a, pre if k.startswith("pre:") else self.current(k)) for a, k in arguments)
        names = (name, *(key for _, key in states))
        self.add(Opaque(names, unit, kind, keys, tuple(state for state, _ in states)))

    def current(self, name: str) -> str:
        """Return the value that a name means here."""
        return self.held.get(name, name)

    # --- pre-activations

    def pre(
        self,
        owner: str,
        reads: Sequence[BuiltRead],
        bias: str | None,
        node: Node | None = None,
    ) -> str:
        """Add the pre-activation of a gate or output unit; return its name, or ``""`` for none."""
        if not reads and bias is None:
            return ""
        norm = None if node is None else node.norm
        members = [] if norm is None else [self.cell.node(name) for name in norm.group]
        if node is None or norm is None:
            parts = [self.linear(owner, read) for read in reads]
        elif norm.of == "sum":
            sums = [
                self.sum(f"{m.name}:sum", [self.linear(m.name, r) for r in m.reads])
                for m in members
            ]
            normed = tuple(f"{member.name}:normed" for member in members)
            self.norm(normed, sums, norm.epsilon)
            parts = [self.scaled(f"{owner}:normed", str(node.norm_scale))]
        else:
            parts = []
            for read in reads:
                same = [(m.name, r) for m in members for r in m.reads if r.text == read.text]
                normed = tuple(f"{name}:{read.text}:normed" for name, _ in same)
                self.norm(normed, [self.linear(name, r) for name, r in same], norm.epsilon)
                parts.append(self.scaled(f"{owner}:{read.text}:normed", str(read.scale)))
        return self.sum(f"{owner}:pre", [*parts, *([bias] if bias else [])])

    def sum(self, name: str, parts: Sequence[str]) -> str:
        """Add a sum, unless it is there; return its name."""
        self.shapes[name] = self.shapes[parts[0]]
        if name not in self.done:
            self.add(Sum(name, tuple(parts)))
        return name

    def norm(self, names: Sequence[str], of: Sequence[str], epsilon: float) -> None:
        """Add a norm, unless another gate of its group has added it."""
        self.shapes |= {n: self.shapes[part] for n, part in zip(names, of, strict=True)}
        if names[0] not in self.done:
            self.add(Norm(tuple(names), tuple(of), epsilon))

    def scaled(self, value: str, scale: str) -> str:
        name = f"{value}:scaled"
        self.shapes[name] = self.shapes[value]
        self.add(Apply(name, Name(scale) * Name(value)))
        return name

    def linear(self, owner: str, read: BuiltRead) -> str:
        """Add a read with its operand, unless they are there; return its name."""
        out = f"{owner}:{read.text}"
        if out in self.done:
            return out
        expr = substitute(read.expr, {n: Name(self.current(n)) for n in names(read.expr)})
        of = expr.name if isinstance(expr, Name) else f"[{expr}]"
        self.shapes[of] = self.shapes.get(of, (read.width_in,))
        if not isinstance(expr, Name) and of not in self.done:
            self.add(Apply(of, expr))
        dropped = self.cell.spec.recurrent_dropout and not read.hoisted
        if dropped and not read.map.row_wise:
            of, undropped = f"{read.text}:dropped", of
            self.shapes[of] = (read.width_in,)
            if of not in self.done:
                self.add(Drop(of, undropped, read.text))
        self.shapes[out] = (read.width_out,)
        self.add(Linear(out, of, read.map, read.map_kind, read.weights, owner, read.text))
        return out

    def add(self, op: Op) -> None:
        """Append an operation."""
        assert self.done.isdisjoint(outs(op)), outs(op)
        self.done.update(outs(op))
        self.ops.append(op)


def _with_pre(expr: Expr, pre: str) -> Expr:
    """Return an expression with the name of the pre-activation in place of ``pre``."""
    return _renamed(expr, Name(pre), {}) if pre else expr


def _renamed(expr: Expr, pre: Name, done: dict[int, Expr]) -> Expr:
    """Return an expression with ``pre`` renamed; parts that are one object remain one object.

    A function that uses a local variable twice is traced to such parts. Computed once, their
    gradients are added in the order in which TensorFlow adds those of the function.
    """
    if isinstance(expr, Name):
        return pre if expr.name == "pre" else expr
    if id(expr) not in done:
        inner = tuple(_renamed(child, pre, done) for child in children(expr))
        done[id(expr)] = with_children(expr, inner)
    return done[id(expr)]

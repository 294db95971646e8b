"""The body of a step: one line for each signal, in the notation of a framework."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import Node
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Number,
    lift,
    names,
    replaced,
    substitute,
    walk,
)
from gatekit.cell.learned import MAPS
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import OUTPUT_UNIT

from .identifiers import slug, wrapped
from .linear import LinearLines, normal
from .lines import without_unused
from .products import Reader


class StepLines(LinearLines):
    """Writes the step of a cell."""

    row = "0.0 * x[:, :1]"
    """The code of a column of zeros, one for each sequence."""

    def write(self) -> tuple[str, list[str]]:
        """Write the step; return the texts of its output and of the new states."""
        cell, append = self.cell, self.framework.append
        keys = [(f"{s.name}_prev", f"{s.name}_prev") for s in cell.states]
        keys += [(f"{name}_prev", f"{name}_prev") for name in cell.shifted]
        keys += [("t_prev", "t_prev")] if cell.uses_t else []
        keys += [(f"{name}:earlier", f"{name}_history") for name, _ in cell.output.histories]
        self._batched |= {key for key, _ in keys}
        if keys:
            self.unpack(keys, "state")
        drawn = self._drawn()
        if drawn:
            self.unpack(drawn, self.framework.drawn)
        matrices = self._matrices() if self.framework.reshape else {}
        for key, shape in matrices.items():
            name = self.env[key]
            text = self.framework.reshape.format(value=name, shape=", ".join(map(self.size, shape)))
            self.lines += wrapped(f"{name} = {text}", self.room)
        if cell.uses_t:
            self.assign("t", Name("t_prev") + 1, comment="the number of the step, from 1")
        self.map_parameters()
        for node in cell.nodes:
            self._node(node)
        for place, state in enumerate(cell.states):
            if state.zoneout:
                new, old = self.env[state.name], self.env[f"{state.name}_prev"]
                self.printer.need(["zoneout"])
                held = self.framework.held.format(
                    new=new,
                    old=old,
                    rate=state.zoneout,
                    place=place,
                    hold=self.env.get(f"hold:{state.name}"),
                )
                self.lines.append(f"{new} = {held}")
        for name, _ in cell.output.histories:
            window = self.local.new(f"{name}_window")
            earlier, now = self.env[f"{name}:earlier"], self.env[name]
            self.lines.append(f"{window} = {append.format(earlier=earlier, now=now)}")
            self.env[f"{name}_history"] = window
        emitted = self._emitted()
        after = [self.env[state.name] for state in cell.states]
        after += [self.env[name] for name in cell.shifted]
        after += ["t"] if cell.uses_t else []
        after += [f"{self.env[f'{name}_history']}[:, 1:]" for name, _ in cell.output.histories]
        self.lines = without_unused(self.lines, [emitted, *after], self.room)
        flat = [math.prod(matrices[key]) if key in matrices else 0 for key, _ in keys]
        return emitted, [
            self.framework.reshape.format(value=text, shape=self.size(width)) if width else text
            for text, width in zip(after, flat, strict=True)
        ]

    def _drawn(self) -> list[tuple[str, str]]:
        """Return the keys and names of the masks that are drawn before the step."""
        cell, framework = self.cell, self.framework
        masks = []
        if framework.draws_noise and cell.spec.recurrent_dropout:
            masks += [(f"drop:{text}", f"drop_{slug(text)}") for text in cell.recurrent_reads()]
        if "{hold}" in framework.held:
            zoned = [state.name for state in cell.states if state.zoneout]
            masks += [(f"hold:{name}", f"hold_{name}") for name in zoned]
        return masks

    def map_parameters(self) -> None:
        """Write the mapped values of parameters that have a map."""
        for name, parameter in self.cell.parameters.items():
            if parameter.map:
                function = MAPS[parameter.map].function.name
                text = self.printer.show(Call(function, (Name(name),)))
                self.env[name] = self.local.new(name)
                self.lines.append(f"{self.env[name]} = {text}")

    def _matrices(self) -> dict[str, tuple[int, ...]]:
        """Return, by key, the shapes of states, their masks and histories that are not vectors."""
        shapes = {f"{s.name}_prev": s.shape for s in self.cell.states if len(s.shape) > 1}
        for state in self.cell.states:
            if f"hold:{state.name}" in self.env and len(state.shape) > 1:
                shapes[f"hold:{state.name}"] = state.shape
        for name, length in self.cell.output.histories:
            shapes[f"{name}:earlier"] = (length - 1, self.cell.widths[name])
        return shapes

    def _emitted(self) -> str:
        out = self.cell.output
        if out.unit.feeds_back:
            return self.env["y"]
        for node in out.projections:
            self._node(node)
        reader = self._readers[OUTPUT_UNIT]
        lines = self._value(out.unit, out.arguments, reader)
        if isinstance(lines, Name):
            return self.env[lines.name]
        return self.env[self.assign("emitted", lines, "y").name]

    # --- signals ------------------------------------------------------------

    def _node(self, node: Node) -> None:
        cell = self.cell
        if node.kind == "equation":
            expr = self._with_rows(cell.equation(node.name), node.name)
            self._signal(node, expr)
        elif node.kind == "norm":
            inner = normal(Name(node.source), node.epsilon)
            self._signal(node, self.scaled(inner, node.scale, node.offset))
        elif node.kind == "output":
            assert node.declared is not None
            reader = self._readers[OUTPUT_UNIT]
            self._signal(node, self._value(node.declared, node.arguments, reader))
        else:
            self._gate(node)
        self._batched |= {node.name, *(key for _, key in node.own_states)}

    def _signal(self, node: Node, expr: Expr) -> None:
        shape = self.cell.shapes[node.name]
        self.assign(node.name, expr, comment=self.shape_text(shape) if len(shape) > 1 else "")

    def _with_rows(self, expr: Expr, name: str) -> Expr:
        """Return the equation; add zeros if its value needs rows but depends on no sequence."""
        if self._batched & set(names(expr)):
            return expr
        is_state = any(state.name == name for state in self.cell.states)
        if is_state or name in self.cell.output.signals or self.printer.is_number(expr):
            self.env["no signal"] = self.row
            return Name("no signal") + expr
        return expr

    def _gate(self, node: Node) -> None:
        expressions = self.cell.gate_expressions[node.name]
        if expressions is None:
            kind = self.cell.kind(node)
            raise ConfigError(
                f"the gate {kind!r} of {node.name} cannot be written as code: its activate is more "
                "than an expression of gatekit.ops. Swap it, for example "
                f"swap.{node.name}=sigmoid, or write it with gatekit.ops and operators."
            )
        value, states = expressions
        pre = self.pre_of(node)
        new_states = {f"{node.name}.{state}": expr for state, expr in states.items()}
        if pre is not None:
            uses = sum(p == Name("pre") for e in (value, *new_states.values()) for p in walk(e))
            long = value != Name("pre") and not self.fits(
                node.name, substitute(value, {"pre": pre})
            )
            if (uses > 1 or long) and not isinstance(pre, Name):
                pre = self.assign(f"{node.name}:pre", pre, f"{node.name}_pre")
            value = substitute(value, {"pre": pre})
            new_states = {key: substitute(expr, {"pre": pre}) for key, expr in new_states.items()}
        for key, expr in new_states.items():
            if not isinstance(expr, (Name, Number)):
                value = replaced(value, expr, Name(key))
        while (repeated := _repeated([*new_states.values(), value])) is not None:
            name = self.part(slug(node.name), repeated)
            value = replaced(value, repeated, name)
            new_states = {key: replaced(expr, repeated, name) for key, expr in new_states.items()}
        for key, expr in new_states.items():
            self.assign_own(key, expr)
        self._signal(node, self._rows(value))

    def pre_of(self, node: Node) -> Expr | None:
        """Return a gate's pre-activation."""
        return self.pre_activation(self._readers[node.name])

    def assign_own(self, key: str, expr: Expr) -> None:
        """Write the new value of a gate's own state."""
        self.assign(key, self._rows(expr))

    def _rows(self, expr: Expr) -> Expr:
        if any(
            key in self._batched or key.startswith(("z ", "part ")) or ":" in key
            for key in names(expr)
        ):
            return expr
        self.env["no signal"] = self.row
        return Name("no signal") + expr

    def _value(self, unit: RowWise, arguments: tuple[tuple[str, str], ...], reader: Reader) -> Expr:
        """Return the output of an output unit."""
        values: dict[str, Expr] = {}
        for argument, key in arguments:
            values[argument] = Name("pre" if key.startswith("pre:") else key)
        try:
            value = lift(unit.compute(values))
        except Exception:
            raise ConfigError(
                f"the output unit {self.cell.output.kind!r} cannot be written as code: its emit is "
                "more than an expression of gatekit.ops. Type output_unit=hidden."
            ) from None
        pre = self.pre_activation(reader)
        if pre is None:
            return value
        if sum(part == Name("pre") for part in walk(value)) > 1 and not isinstance(pre, Name):
            pre = self.assign(f"{reader.name}:pre", pre, f"{reader.name}_pre")
        return substitute(value, {"pre": pre})


def _repeated(exprs: Sequence[Expr]) -> Expr | None:
    """Return the smallest part that occurs often enough to deserve its own line, or None."""
    counts = Counter(part for expr in exprs for part in walk(expr))
    several = {p: n for p, n in counts.items() if n > 1 and p not in exprs and _costs(p)}
    for part in sorted(several, key=_size):
        # A part that only occurs within a larger one does not need its own line.
        within = (p for p in several if p != part and part in walk(p))
        if all(several[p] * list(walk(p)).count(part) < several[part] for p in within):
            return part
    return None


def _size(expr: Expr) -> int:
    return sum(1 for _ in walk(expr))


def _costs(expr: Expr) -> bool:
    cheap = ("column", "row", "split", "flat", "transpose")
    return (isinstance(expr, Call) and expr.function not in cheap and bool(names(expr))) or (
        isinstance(expr, Binary) and _size(expr) > 4 and bool(names(expr))
    )

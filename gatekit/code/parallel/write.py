"""Writes the body of ``parallel``, which computes all steps together, if a cell allows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gatekit.cell.analysis.affine import AffineBlock
from gatekit.cell.analysis.chunk import Largest, Memories
from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import Node
from gatekit.cell.language.expression import Call, Expr, Name, Number, names
from gatekit.code.identifiers import wrapped
from gatekit.code.lines import names_in, without_unused

from .known import UnwrittenError, blocks_of
from .memories import MemoryLines


class AllStepsLines(MemoryLines):
    """Writes a cell for all steps together; signals are ``batch x time x ...``."""

    row = "0.0 * x[..., :1]"

    def write(self) -> tuple[str, list[str]]:
        """Write the body; return the texts of the output and of the last states.

        Raises:
            UnwrittenError: there is no parallel form that can be written.
        """
        cell = self.cell
        blocks, self.reads, self.named = blocks_of(cell)
        self._timed = {*cell.inputs, "t"}
        self.solved: dict[str, str] = {}
        self.last: dict[str, str] = {}
        keys = [(f"{s.name}:first", f"{s.name}_first") for s in cell.states]
        keys += [(f"{name}:first", f"{name}_first") for name in cell.shifted]
        keys += [("t:first", "t_first")] if cell.uses_t else []
        self.unpack(keys, "state")
        for name in cell.shifted:
            self.shift_input(name)
        if cell.uses_t:
            self.count_steps()
        self.map_parameters()
        for node in cell.nodes:
            if node.hoisted:
                self._node(node)
        for block in blocks:
            if isinstance(block, AffineBlock):
                self.block(block)
            elif isinstance(block, Largest):
                self.largest(block)
            else:
                self.memories(block)
                continue
            for name in block.nodes:
                node = cell.node(name)
                if not (node.kind == "equation" and name in block.states):
                    self._node(node)
        emitted = self._emitted()
        width = self.size(cell.output.width)
        first = self.framework.zeros_like.format(like="x", shape=f"(len(x), {width})")
        emitted = self.call("last_valid", "y", emitted, first, "mask")
        new = [self.last[state.name] for state in cell.states]
        new += [self.last[name] for name in cell.shifted]
        new += [self.last["t"]] if cell.uses_t else []
        self.lines = without_unused(self.lines, [emitted, *new], self.room)
        return emitted, new

    def shift_input(self, name: str) -> None:
        first, now = self.env[f"{name}:first"], self.env[name]
        held = self.call("last_valid", f"{name}_held", now, first, "mask")
        self.env[f"{name}_prev"] = self.call("before", f"{name}_prev", held, first)
        self._timed.add(f"{name}_prev")
        self.last[name] = f"{held}[:, -1]"

    def count_steps(self) -> None:
        count = self.local.new("count")
        steps = self.framework.count.format(mask="mask")
        self.lines.append(f"{count} = {self.env['t:first']}[:, None] + {steps}[..., None]")
        self.env["count"], self.last["t"] = count, f"{count}[:, -1]"
        # A masked step before the first valid step counts as step 1, so nothing divides by zero.
        self.assign("t", Call("maximum", (Name("count"), Number(1))))

    # --- blocks -------------------------------------------------------------

    def block(self, block: AffineBlock) -> None:
        """Write the solution of an affine block."""
        firsts = [self.env[f"{name}:first"] for name in block.states]
        gains = [self.value(b, name, "gain") for b, name in zip(block.b, block.states, strict=True)]
        factors = [
            self.value(entry, name, "factor")
            for row, name in zip(block.a, block.states, strict=True)
            for entry in row
        ]
        if len(block.states) == 1:
            [name] = block.states
            solved = [self.call("scan", name, factors[0], gains[0], firsts[0], "mask")]
        else:
            self.printer.need(["scan_pair"])
            solved = [self.local.new(name) for name in block.states]
            given = f"[{', '.join(factors)}], [{', '.join(gains)}], ({', '.join(firsts)}), mask"
            line = f"{', '.join(solved)} = scan_pair({given})"
            self.lines += wrapped(line, self.room)
        for name, solution, first in zip(block.states, solved, firsts, strict=True):
            self.known(name, solution, first)

    def known(self, state: str, solution: str, first: str) -> None:
        """Record the name of a solved state, and write its previous values."""
        self.solved[state] = self.env[state] = solution
        self.last[state] = f"{solution}[:, -1]"
        self.env[f"{state}_prev"] = self.call("before", f"{state}_prev", solution, first)
        self._variables |= {state, f"{state}_prev"}
        self._timed |= {state, f"{state}_prev"}
        self._batched |= {state, f"{state}_prev"}

    def largest(self, block: Largest) -> None:
        """Write the solution of a running maximum."""
        shift, new = (self.value(e, block.state, "part") for e in (block.shift, block.new))
        first = self.env[f"{block.state}:first"]
        solution = self.call("running_maximum", block.state, shift, new, first, "mask")
        self.known(block.state, solution, first)

    def memories(self, block: Memories) -> None:
        """Write the reads of memories, and the signals that depend on them."""
        for memory in block.memories:
            self.memory(memory)
        for name, expr in block.nodes:
            if expr is None:
                self._node(self.cell.node(name))
                continue
            for _ in self.cell.shapes[name][1:]:
                expr = expr.args[0] if isinstance(expr, Call) else expr
            self._signal(self.cell.node(name), self.here(expr))
            self._timed.add(name)
            self._batched.add(name)

    # --- signals ------------------------------------------------------------

    def shape_text(self, shape: Iterable[int]) -> str:
        """Return a shape for a comment, such as ``batch x time x units``."""
        return super().shape_text(shape).replace("batch x", "batch x time x", 1)

    def _node(self, node: Node) -> None:
        super()._node(node)
        equation = self.cell.equation(node.name) if node.kind == "equation" else None
        if equation is None or self._timed & set(names(equation)):
            self._timed |= {node.name, *(key for _, key in node.own_states)}

    def pre_of(self, node: Node) -> Expr | None:
        """Return a gate's pre-activation; if blocks need it, it gets a name."""
        pre = super().pre_of(node)
        if pre is not None and node.name in self.named:
            if not isinstance(pre, Name):
                pre = self.assign(f"{node.name}:pre", pre, f"{node.name}_pre")
            self.env[f"pre:{node.name}"] = self.env[pre.name]
            self._timed.add(f"pre:{node.name}")
            self._variables.add(f"pre:{node.name}")
        return pre

    def assign_own(self, key: str, expr: Expr) -> None:
        """Write a gate's own state, unless it is solved."""
        if key not in self.solved:
            super().assign_own(key, expr)


@dataclass(frozen=True)
class AllStepsText:
    """The body of ``parallel``.

    Attributes:
        lines: its lines.
        emitted: the text of the output of all steps.
        new: the texts of the last states.
        helpers: the functions that only this body needs: source by name.
    """

    lines: list[str]
    emitted: str
    new: list[str]
    helpers: Mapping[str, str]


def all_steps(step: AllStepsLines) -> AllStepsText | None:
    """Return the body of ``parallel``, or None if it cannot be written."""
    try:
        emitted, new = step.write()
    except (UnwrittenError, ConfigError):
        return None
    helpers = dict(step.printer.helpers)
    unused = True
    while unused:
        # Drop helpers that were only needed by lines that were dropped.
        code = "\n".join([*step.lines, emitted, *new])
        called = {name: names_in(source) for name, source in helpers.items()}
        used = names_in(code).union(*(called[n] - {n} for n in helpers))
        unused = bool(set(helpers) - used)
        helpers = {name: source for name, source in helpers.items() if name in used}
    return AllStepsText(step.lines, emitted, new, helpers)

"""Writes the body of ``parallel``, which computes all steps together, if a cell allows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gatekit.cell.analysis.affine import AffineBlock
from gatekit.cell.analysis.chunk import Largest, Memories
from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Call, Expr, Name, Number
from gatekit.cell.program import outs
from gatekit.code.identifiers import wrapped
from gatekit.code.lines import names_in, without_unused

from .known import SolvedBlock, UnwrittenError, blocks_of
from .memories import MemoryLines


class AllSteps(MemoryLines):
    """Writes a cell for all steps together; signals are ``batch x time x ...``."""

    row = "0.0 * x[..., :1]"
    blocks: tuple[SolvedBlock, ...]

    def write(self) -> tuple[str, list[str]]:
        """Write the body; return the texts of the output and of the last states.

        Raises:
            UnwrittenError: a block cannot be written.
        """
        program = self.program
        self.solved: set[str] = set()
        self.last = {}
        previous = [name.removesuffix("_prev") for name in program.carried]
        keys = [(f"{name}:first", f"{name}_first") for name in previous]
        keys += [("t:first", "t_first")] if program.counts else []
        self.unpack(keys, "state")
        for name in previous:
            if name in program.inputs:
                self.shift_input(name)
        if program.counts:
            self.count_steps()
        self.map_parameters()
        for name, ops in self.signals.items():
            if program.timeless.issuperset(out for op in ops for out in outs(op)):
                self.signal(name, ops)
        for block in self.blocks:
            if isinstance(block, AffineBlock):
                self.block(block)
            elif isinstance(block, Largest):
                self.largest(block)
            else:
                self.memories(block)
                continue
            for name in block.nodes:
                self.signal(name, self.signals[name])
        for hold in program.holds:
            # Of a memory, only the reads are known.
            if hold.new in self.env:
                self.alias(hold.out, hold.new)
        emitted = self.emitted()
        width = self.size(program.shapes[program.result][-1])
        first = self.framework.zeros_like.format(like="x", shape=f"(len(x), {width})")
        emitted = self.call("last_valid", "y", emitted, first, "mask")
        new = [self.last[name] for name in previous]
        new += [self.last["t"]] if program.counts else []
        self.lines = without_unused(self.lines, [emitted, *new], self.room)
        return emitted, new

    def shift_input(self, name: str) -> None:
        first, now = self.env[f"{name}:first"], self.env[name]
        held = self.call("last_valid", f"{name}_held", now, first, "mask")
        self.env[f"{name}_prev"] = self.call("before", f"{name}_prev", held, first)
        self.batched.add(f"{name}_prev")
        self.last[name] = f"{held}[:, -1]"

    def count_steps(self) -> None:
        count = self.local.new("count")
        steps = self.framework.count.format(mask="mask")
        self.lines.append(f"{count} = {self.env['t:first']}[:, None] + {steps}[..., None]")
        self.env["count"], self.last["t"] = count, f"{count}[:, -1]"
        self.batched.add("count")
        # A masked step before the first valid step counts as step 1, so nothing divides by zero.
        self.assign("t", Call("maximum", (Name("count"), Number(1))))

    # --- blocks -------------------------------------------------------------

    def block(self, block: AffineBlock) -> None:
        """Write the solution of an affine block."""
        firsts = [self.env[f"{name}:first"] for name in block.states]
        gains = [
            self.coefficient(b, name, "gain") for b, name in zip(block.b, block.states, strict=True)
        ]
        factors = [
            self.coefficient(entry, name, "factor")
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
        self.solved.add(state)
        self.env[state] = solution
        self.last[state] = f"{solution}[:, -1]"
        self.env[f"{state}_prev"] = self.call("before", f"{state}_prev", solution, first)
        self._variables |= {state, f"{state}_prev"}
        self.batched |= {state, f"{state}_prev"}

    def largest(self, block: Largest) -> None:
        """Write the solution of a running maximum."""
        shift, new = (self.coefficient(e, block.state, "part") for e in (block.shift, block.new))
        first = self.env[f"{block.state}:first"]
        solution = self.call("running_maximum", block.state, shift, new, first, "mask")
        self.known(block.state, solution, first)

    def memories(self, block: Memories) -> None:
        """Write the reads of memories, and the signals that depend on them."""
        for memory in block.memories:
            self.memory(memory)
        for name, expr in block.nodes:
            if expr is None:
                self.signal(name, self.signals[name])
                continue
            for _ in self.program.shapes[name][1:]:
                expr = expr.args[0] if isinstance(expr, Call) else expr
            self.line(name, self.here(expr))

    # --- signals ------------------------------------------------------------

    def shape_text(self, shape: Iterable[int]) -> str:
        """Return a shape for a comment, such as ``batch x time x units``."""
        return super().shape_text(shape).replace("batch x", "batch x time x", 1)

    def line(self, key: str, expr: Expr, like: str = "") -> None:
        """Write the line of a signal, unless it is a state that is solved."""
        if key not in self.solved:
            super().line(key, expr, like)


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


def all_steps(cell: Cell, step: AllSteps) -> AllStepsText | None:
    """Return the body of ``parallel``, or None if it cannot be written."""
    try:
        step.blocks, step.reads, step.named = blocks_of(cell)
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

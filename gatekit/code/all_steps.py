"""Writes the body of ``parallel``, which computes all steps together, if a cell allows it.

The functions that its lines call are those of `runtime`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gatekit.cell.analysis import affine, chunk
from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Neg,
    Number,
    names,
    substitute,
)
from gatekit.cell.program import (
    Before,
    Block,
    Linear,
    Op,
    Solve,
    Sum,
    solved,
)

from .emit import Emitter
from .lines import names_in, without_unused


class UnwrittenError(Exception):
    """The cell has no parallel form that can be written as code."""


class AllSteps(Emitter):
    """Writes a cell for all steps together; signals are ``batch x time x ...``."""

    def write_all(self, blocks: Sequence[Solve]) -> tuple[str, list[str]]:
        """Write the body; return the texts of the output and of the last states.

        Args:
            blocks: the blocks that solve the states, in order.

        Raises:
            UnwrittenError: a block cannot be written.
        """
        program = self.program
        self.solved: set[str] = set()
        self.wins = True
        self.last: dict[str, str] = {}
        """The code of each state after the last step."""
        formulas = (name for block in blocks for name in block.reads)
        sums = (name for name in formulas if isinstance(program.source.get(name), Sum))
        self.named = [name.partition(":")[0] for name in sums]
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
        ops: list[Op] = []
        for op in solved(program, blocks):
            if isinstance(op, (Solve, Before)):
                self.write_signals(ops)
                ops = []
                self.block(op)
            elif not isinstance(op, Block):
                ops.append(op)
        self.write_signals(ops)
        emitted = self.emitted()
        width = self.size(program.shapes[program.result][-1])
        first = self.framework.zeros_like.format(like="x", shape=f"(x.shape[0], {width})")
        emitted = self.call("last_valid", "y", emitted, first, "mask")
        new = [self.last[name] for name in previous]
        new += [self.last["t"]] if program.counts else []
        self.lines = without_unused(self.lines, [emitted, *new])
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

    def block(self, op: Solve | Before) -> None:
        """Write the solution of a block, or the values of a state before each step."""
        if isinstance(op, Before):
            first = self.env[f"{op.of.removesuffix(':held')}:first"]
            self.env[op.out] = self.call("before", op.out, self.env[op.of], first)
            self._variables.add(op.out)
            self.batched.add(op.out)
        else:
            self.solve(op)

    def solve(self, block: Solve) -> None:
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
        shapes, units = self.program.shapes, self.program.constants["units"]
        self.wins &= sum(math.prod(shapes[name]) for name in block.states) <= units
        if len(block.states) == 1:
            [name] = block.states
            found = [self.call("scan", name, factors[0], gains[0], firsts[0], "mask")]
        else:
            self.printer.need(["scan_pair"])
            found = [self.local.new(name) for name in block.states]
            given = f"[{', '.join(factors)}], [{', '.join(gains)}], ({', '.join(firsts)}), mask"
            self.lines.append(f"{', '.join(found)} = scan_pair({given})")
        for name, solution in zip(block.states, found, strict=True):
            self.known(name, solution)

    def known(self, state: str, solution: str) -> None:
        """Record the name of a solved state."""
        self.solved.add(state)
        self.last[state] = f"{solution}[:, -1]"
        for key in (state, f"{state}:held"):
            self.env[key] = solution
            self._variables.add(key)
            self.batched.add(key)

    # --- signals ------------------------------------------------------------

    def shape_text(self, shape: Iterable[int]) -> str:
        """Return a shape for a comment, such as ``batch x time x units``."""
        return super().shape_text(shape).replace("batch x", "batch x time x", 1)

    def write_signals(self, ops: Sequence[Op]) -> None:
        """Write the lines of the signals among operations."""
        for name, own in self.signals_of(ops).items():
            self.signal(name, own)

    def line(self, key: str, expr: Expr, like: str = "") -> None:
        """Write the line of a signal, unless it is a state that is solved."""
        if key not in self.solved:
            super().line(key, expr, like)

    def call(self, function: str, like: str, *arguments: str) -> str:
        """Write a call of a helper function, and return the name of its value."""
        self.printer.need([function])
        name = self.local.new(like)
        self.lines.append(f"{name} = {function}({', '.join(arguments)})")
        return name

    # --- formulas -----------------------------------------------------------

    def coefficient(self, expr: Expr | None, state: str, what: str) -> str:
        """Return the code of a coefficient; write a line for it if needed. None means zero."""
        here = Number(0.0) if expr is None else simplified(self.here(expr))
        if self.printer.is_number(here):
            return self.framework.constant.format(value=self.printer.show(here))
        if isinstance(here, Name):
            return self.env[here.name]
        key = f"part {len(self.lines)} {state}:{what}"
        return self.env[self.assign(key, here, f"{state}_{what}").name]

    def here(self, expr: Expr) -> Expr:
        """Return a formula of the analysis as it is written in this file.

        Raises:
            UnwrittenError: it reads a value that has no line.
        """
        result = expr
        for name in names(result):
            op = self.program.source.get(name)
            if isinstance(op, Linear):
                result = substitute(result, self.read_of(op))
        result = self.inlined(result)
        known = {*self.env, *self.program.constants}
        missing = [name for name in names(result) if name not in known]
        if missing:
            raise UnwrittenError(f"{missing[0]} is not known")
        return result

    def read_of(self, op: Linear) -> Mapping[str, Expr]:
        """Return replacements for a linear read; a shared product and its bias are used once."""
        values: dict[str, Expr] = {op.out: self.value(op.out)}
        if op.out in self.columns:
            columns, place = self.columns[op.out]
            if op not in columns.terms[0]:
                values[op.out] = Number(0)
            if columns.bias is not None:
                values[columns.bias.weights[place]] = Number(0)
        return values


_ONE = Number(1)


def simplified(expr: Expr) -> Expr:
    """Return an expression without additions of zero, products with zero, and double negation."""
    if isinstance(expr, Neg):
        inner = simplified(expr.operand)
        if isinstance(inner, Neg):
            return inner.operand
        if isinstance(inner, Binary) and inner.op == "*" and inner.right in (Neg(_ONE), Number(-1)):
            return inner.left
        return inner if inner == Number(0) else Neg(inner)
    if not (isinstance(expr, Binary) and expr.op in "+-*"):
        return expr
    left, right = simplified(expr.left), simplified(expr.right)
    zero = Number(0)
    if expr.op == "*":
        return zero if zero in (left, right) else Binary("*", left, right)
    if right == zero:
        return left
    if left == zero:
        return right if expr.op == "+" else Neg(right)
    return Binary(expr.op, left, right)


@dataclass(frozen=True)
class AllStepsText:
    """The body of ``parallel``.

    Attributes:
        lines: its lines.
        emitted: the text of the output of all steps.
        new: the texts of the last states.
        helpers: the functions that only this body needs: source by name.
        wins: whether it is faster than the loop on a CPU: where states are solved by doubling the
            reach, it is not for pairs, and for states that are wider than the layer.
    """

    lines: list[str]
    emitted: str
    new: list[str]
    helpers: Mapping[str, str]
    wins: bool


def all_steps(cell: Cell, step: AllSteps) -> AllStepsText | None:
    """Return the body of ``parallel``, or None if it cannot be written."""
    try:
        emitted, new = step.write_all(blocks_of(cell))
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
    return AllStepsText(step.lines, emitted, new, helpers, step.wins)


def blocks_of(cell: Cell) -> Sequence[Solve]:
    """Return the blocks that solve a cell.

    Raises:
        UnwrittenError: there are none, or they cannot be written as code.
    """
    spec = cell.spec
    noise = (
        *cell.noises,
        spec.dropout,
        spec.recurrent_dropout,
        *(state.zoneout for state in cell.states),
    )
    if any(noise) or cell.output.histories or cell.output.unit.feeds_back:
        raise UnwrittenError("noise, or an output unit that reads earlier steps")
    if not chunk.analyse(cell).reason:
        raise UnwrittenError("a loop is faster than the scan of a matrix memory")
    states = affine.analyse(cell)
    if not states.affine:
        raise UnwrittenError(states.reason)
    return states.blocks

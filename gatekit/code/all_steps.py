"""Writes the body of ``parallel``, which computes all steps together, if a cell allows it.

The functions that its lines call are those of `runtime`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gatekit.cell.analysis import affine, chunk
from gatekit.cell.errors import CellError, ConfigError
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
from gatekit.cell.language.shape import infer
from gatekit.cell.program import (
    Apply,
    Before,
    Block,
    Largest,
    Linear,
    Memories,
    Memory,
    Op,
    Solve,
    Sum,
    solved,
)
from gatekit.faults import Place

from .copied import Known, copied
from .emit import Emitter
from .identifiers import wrapped
from .kernels import KernelForm, kernel_form
from .lines import names_in, without_unused


class UnwrittenError(Exception):
    """The cell has no parallel form that can be written as code."""


class AllSteps(Emitter):
    """Writes a cell for all steps together; signals are ``batch x time x ...``."""

    def write_all(self, blocks: Sequence[Block]) -> tuple[str, list[str]]:
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
            if isinstance(op, (Block, Before)):
                self.write_signals(ops)
                ops = []
                self.block(op)
            else:
                ops.append(op)
        self.write_signals(ops)
        emitted = self.emitted()
        width = self.size(program.shapes[program.result][-1])
        first = self.framework.zeros_like.format(like="x", shape=f"(x.shape[0], {width})")
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

    def block(self, op: Block | Before) -> None:
        """Write the solution of a block, or the values of a state before each step."""
        if isinstance(op, Before):
            first = self.env[f"{op.of.removesuffix(':held')}:first"]
            self.env[op.out] = self.call("before", op.out, self.env[op.of], first)
            self._variables.add(op.out)
            self.batched.add(op.out)
        elif isinstance(op, Solve):
            self.solve(op)
        elif isinstance(op, Largest):
            self.largest(op)
        elif isinstance(op, Memories):
            for memory in op.memories:
                self.memory(memory)
        else:
            raise UnwrittenError("Newton's method")

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
            line = f"{', '.join(found)} = scan_pair({given})"
            self.lines += wrapped(line, self.room)
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

    def largest(self, block: Largest) -> None:
        """Write the solution of a running maximum."""
        shift, new = (self.coefficient(e, block.state, "part") for e in (block.shift, block.new))
        first = self.env[f"{block.state}:first"]
        solution = self.call("running_maximum", block.state, shift, new, first, "mask")
        self.known(block.state, solution)

    def memory(self, memory: Memory) -> None:
        """Write the reads of a memory, and its last value."""
        form = kernel_form(memory, self.shape_of) if self.framework.kernels else None
        if form is not None:
            self.by_kernel(memory, form)
            return
        [read] = memory.reads
        *_, rows, columns = memory.shape
        kind = "column" if memory.column is not None else "head" if memory.head is not None else ""
        several = len(memory.terms) > 1
        query = self.factor(memory, "query", read.query, rows)
        texts = [query]
        if several:
            texts += [
                self.of_terms(memory, part, [getattr(term, part) for term in memory.terms], width)
                for part, width in (("key", rows), ("value", columns), ("erase", rows))
            ]
            links = self.links(memory, f"{query}[..., :1]")
            texts += [links] if links else []
            called = "read_terms"
            known: Known = {"links": ... if links else None, "terms": True}
        else:
            [term] = memory.terms
            texts.append(self.factor(memory, "key", term.key, rows))
            texts.append(self.factor(memory, "value", term.value, columns))
            called = "read_chunks"
            given = {"decay": bool(kind), "erase": memory.corrects}
            there = {name: ... if there else None for name, there in given.items()}
            known = {**there, "after": read.after, "terms": False}
        if kind:
            texts.append(self.decay(memory))
        elif several:
            texts.append(self.coefficient(None, memory.state, "decay"))
        if memory.corrects and not several:
            texts.append(self.factor(memory, "erase", memory.terms[0].erase, rows))
        self.copy(memory, known, called)
        if self.framework.kernels:
            self.printer.need(["plainly"])
            texts.insert(0, called)
            called = "plainly"
        self.read_of_memory(memory, called, texts)

    def copy(self, memory: Memory, known: Known, *names: str) -> None:
        """Copy the functions that read a memory, without what is known.

        Raises:
            UnwrittenError: another memory needs them in another form.
        """
        known = {**known, "by_row": memory.column is not None}
        for name in ("by_chunk", "by_step", "scores", *names):
            if name in self.framework.helpers:
                source = copied(self.framework.helpers[name], known)
                if self.printer.helpers.setdefault(name, source) != source:
                    raise UnwrittenError("two memories of different kinds")

    def by_kernel(self, memory: Memory, form: KernelForm) -> None:
        """Write the reads of a memory that a kernel of flash-linear-attention computes."""
        *_, rows, columns = memory.shape
        texts = [
            self.factor(memory, "query", memory.reads[0].query, rows),
            self.factor(memory, "key", form.key, rows),
            self.factor(memory, "value", form.value, columns),
        ]
        decays = memory.head is not None or memory.column is not None
        texts += [self.decay(memory)] if decays else []
        if form.beta is not None:
            texts.append(self.factor(memory, "beta", form.beta, 1, timed=False))
        for part, expr in (("erase", form.erase), ("added", form.added)):
            texts += [] if expr is None else [self.factor(memory, part, expr, rows)]
        terms = form.added is not None
        given = {"decay": decays, "erase": memory.corrects}
        known: Known = {n: ... if there else None for n, there in given.items()}
        known = {**known, "after": True, "terms": terms, "links": None}
        called = f"read_{form.name}"
        self.copy(memory, known, "read_terms" if terms else "read_chunks", called)
        self.printer.need(["kernel_type", "plainly", "at_valid"])
        self.read_of_memory(memory, called, texts)

    def decay(self, memory: Memory) -> str:
        """Write the logarithm of a memory's decay; return its name."""
        both = [e for e in (memory.head, memory.column) if e is not None]
        decay = both[0] if len(both) == 1 else Binary("+", both[0], both[1])
        width = memory.shape[-2] if memory.column is not None else 1
        return self.factor(memory, "decay", decay, width, timed=False)

    def factor(
        self, memory: Memory, part: str, expr: Expr | None, width: int, timed: bool = True
    ) -> str:
        """Write a factor of a memory, such as its key, for all steps; return its name.

        Raises:
            UnwrittenError: the factor lacks the expected shape, or is the same at all steps.
        """
        *heads, _, _ = memory.shape
        here = None if expr is None else self.here(expr)
        if here is None or self.shape_of(here) != (*heads, width):
            raise UnwrittenError(f"{memory.state} has a {part} of another shape")
        if timed and not self.is_batched(here):
            raise UnwrittenError(f"{memory.state} has a {part} that is the same at all steps")
        return self.coefficient(expr, memory.state, part)

    def of_terms(self, memory: Memory, part: str, exprs: Sequence[Expr | None], width: int) -> str:
        """Write a factor of each term, stacked; return the name of the stack."""
        numbered = [
            None if expr is None else self.factor(memory, f"{part}_{place}", expr, width)
            for place, expr in enumerate(exprs, 1)
        ]
        known = next((text for text in numbered if text is not None), None)
        if known is None:
            raise UnwrittenError(f"{memory.state} has no {part}")
        zeros = self.framework.zeros.format(like=known)
        name = self.local.new(f"{memory.state}_{part}")
        pieces = ", ".join(text or zeros for text in numbered)
        line = f"{name} = {self.framework.stack.format(pieces=pieces)}"
        self.lines += wrapped(line, self.room)
        return name

    def links(self, memory: Memory, zero: str) -> str:
        """Write how the terms of a step depend on each other; return the code of the numbers.

        There are ``terms * terms`` numbers per head; the code is empty if all are zero.
        """
        places = range(len(memory.terms))
        factors = {
            (j, i): self.factor(memory, f"link_{j + 1}", memory.terms[j].earlier[i], 1)
            for j in places
            for i in places
            if i in memory.terms[j].earlier
        }
        if not factors:
            return ""
        none = self.local.new(f"{memory.state}_none")
        self.lines.append(f"{none} = {self.framework.zeros.format(like=zero)}")
        name = self.local.new(f"{memory.state}_links")
        each = [factors.get((j, i), none) for j in places for i in places]
        listed = f"{name} = [{', '.join(each)}]"
        fits = len(listed) <= self.room
        self.lines += [listed] if fits else [f"{name} = [", *(f"    {e}," for e in each), "]"]
        return self.framework.functions["concat"].replace("[{0}]", name)

    def read_of_memory(self, memory: Memory, called: str, texts: Sequence[str]) -> None:
        name, [read] = memory.state, memory.reads
        first = self.env[f"{name}:first"]
        turned = self.framework.functions["transpose"].replace("{0:5}", "{0}")
        if memory.transposed:
            first = turned.format(first)
        result, last = self.local.new(f"{name}_read"), self.local.new(f"{name}_last")
        given = ", ".join([*texts, first, "mask"])
        self.lines += wrapped(f"{result}, {last} = {called}({given})", self.room)
        self.env[read.name] = result
        self.batched.add(read.name)
        self.last[name] = turned.format(last) if memory.transposed else last

    # --- signals ------------------------------------------------------------

    def shape_text(self, shape: Iterable[int]) -> str:
        """Return a shape for a comment, such as ``batch x time x units``."""
        return super().shape_text(shape).replace("batch x", "batch x time x", 1)

    def write_signals(self, ops: Sequence[Op]) -> None:
        """Write the lines of the signals among operations."""
        for name, own in self.signals_of(ops).items():
            self.signal(name, own)

    def signal(self, signal: str, ops: Sequence[Op]) -> None:
        """Write the lines of a signal, given its operations; those after a memory are formulas."""
        source = self.program.source
        super().signal(
            signal,
            [
                Apply(op.out, self.here(op.expr))
                if isinstance(op, Apply) and op is not source.get(op.out)
                else op
                for op in ops
            ],
        )

    def line(self, key: str, expr: Expr, like: str = "") -> None:
        """Write the line of a signal, unless it is a state that is solved."""
        if key not in self.solved:
            super().line(key, expr, like)

    def call(self, function: str, like: str, *arguments: str) -> str:
        """Write a call of a helper function, and return the name of its value."""
        self.printer.need([function])
        name = self.local.new(like)
        self.lines += wrapped(f"{name} = {function}({', '.join(arguments)})", self.room)
        return name

    # --- formulas -----------------------------------------------------------

    def shape_of(self, expr: Expr) -> tuple[int, ...] | None:
        """Return the shape of an expression, without batch and time."""
        try:
            expr = self.program.constant_free(expr)
            shapes = {name: self.program.shapes[name] for name in names(expr)}
            return infer(expr, shapes, self.program.functions, Place(("parallel",)))
        except (CellError, KeyError):
            return None

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


def blocks_of(cell: Cell) -> Sequence[Block]:
    """Return the blocks that solve a cell.

    Raises:
        UnwrittenError: there are none, or they cannot be written as code.
    """
    spec = cell.spec
    noise = (spec.dropout, spec.recurrent_dropout, *(state.zoneout for state in cell.states))
    if any(noise) or cell.output.histories or cell.output.unit.feeds_back:
        raise UnwrittenError("noise, or an output unit that reads earlier steps")
    chunks = chunk.analyse(cell)
    if not chunks.reason and all(map(_is_written, chunks.memories)):
        return chunks.blocks
    states = affine.analyse(cell)
    if not states.affine:
        raise UnwrittenError(states.reason)
    return states.blocks


def _is_written(memory: Memory) -> bool:
    plain = not memory.partner and memory.sign is None and memory.row is None
    if not plain or len(memory.reads) != 1:
        return False
    # Several terms can only be written if they correct the memory and it is read afterwards.
    return len(memory.terms) == 1 or (memory.corrects and memory.reads[0].after)

"""Finds the blocks of a cell that are solved for all steps together, including memories."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gatekit.cell.analysis.affine import TooLargeError, owner
from gatekit.cell.analysis.affine_form import NotAffineError
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Call, Name, Number, names, walk
from gatekit.cell.program import Apply, Largest, Memories, Memory, Op, Solve, outs

from .normal_form import NormalForm
from .values import Ledger, Matrix, Vector

_PREVIOUS = "_prev"


@dataclass(frozen=True)
class Parallel:
    """The result of the analysis.

    Attributes:
        blocks: the blocks in the order in which they are solved; empty if there is a reason.
        reason: why chunks cannot solve the cell; empty if they can.
    """

    blocks: tuple[Solve | Largest | Memories, ...]
    reason: str

    @property
    def memories(self) -> tuple[Memory, ...]:
        """All memories."""
        groups = [block.memories for block in self.blocks if isinstance(block, Memories)]
        return tuple(memory for group in groups for memory in group)

    @property
    def version(self) -> int:
        """The version of the numbers that chunks give for this cell; it is part of a run's name.

        In version 3, few values of a plain sum were padded to 32. In version 4, chunks of several
        keys a step had as many steps as those of one.
        """
        if any(len(each.terms) > 1 for each in self.memories):
            return 5
        sums = any(isinstance(block, Solve) and block.a[0][0] == Number(1) for block in self.blocks)
        return 4 if sums or not all(each.decays or each.corrects for each in self.memories) else 2

    def sentence(self) -> str:
        """Return the form of the cell in a sentence, or the reason why it has none."""
        if self.reason:
            return self.reason
        parts = [memory.sentence() for memory in self.memories]
        others = [s for block in self.blocks if isinstance(block, Solve) for s in block.states]
        parts += [f"{', '.join(others)} affine"] if others else []
        largest = [block.state for block in self.blocks if isinstance(block, Largest)]
        parts += [f"{', '.join(largest)} a running maximum"] if largest else []
        return "; ".join(parts)


def analyse(cell: Cell) -> Parallel:
    """Return the blocks that solve a cell chunk by chunk, or why chunks cannot solve it.

    Args:
        cell: the built cell.
    """
    try:
        return _Chunks(cell).parallel()
    except (TooLargeError, RecursionError):
        return Parallel((), "it is too large to be analysed")


class _Chunks(NormalForm):
    """Puts the blocks of a cell in order."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        self.emitted = cell.output.signals

    def parallel(self) -> Parallel:
        pending = [state.name for state in self.program.states]
        matrices = [name for name in pending if self.is_memory(name)]
        if not matrices:
            return Parallel((), "no state is a matrix that is read by vecmat or matvec")
        blocks: list[Solve | Largest | Memories] = []
        while pending:
            vectors = [name for name in pending if name not in matrices]
            block: Solve | Largest | Memories | None
            block, reason = self.next_block(vectors) if vectors else (None, "")
            block = block or self.largest(vectors)
            if block is None and any(name in matrices for name in pending):
                try:
                    block = self.solved_together(
                        tuple(name for name in pending if name in matrices)
                    )
                except NotAffineError as why:
                    # The memory may depend on a state that is not solved.
                    reason = "; ".join(dict.fromkeys(p for p in (str(why), reason) if p))
            if block is None:
                return Parallel((), reason)
            blocks.append(block)
            pending = [name for name in pending if name not in block.states]
        return Parallel(tuple(blocks), "")

    def is_memory(self, state: str) -> bool:
        """Return whether a matrix of this shape is read by vecmat or matvec."""
        shapes = self.program.shapes
        if len(shapes[state]) < 2:
            return False
        return any(shapes.get(name, ()) == shapes[state] for _, name in self.matrix_reads())

    def matrix_reads(self) -> Iterator[tuple[str, str]]:
        """Yield each name in a matrix that vecmat or matvec reads, after the function's name."""
        for op in self.program.step:
            for part in walk(op.expr) if isinstance(op, Apply) else ():
                self.visit()
                if isinstance(part, Call) and part.function in ("vecmat", "matvec"):
                    for name in names(part.args[1 if part.function == "vecmat" else 0]):
                        yield part.function, name.removesuffix(_PREVIOUS)

    # --- a running maximum --------------------------------------------------

    def largest(self, pending: list[str]) -> Largest | None:
        """Return a pending state that is a running maximum, if there is one."""
        zoneout = {state.name: state.zoneout for state in self.program.states}
        for state in pending:
            op = self.source[state]
            expr = self.expr(op) if isinstance(op, Apply) else None
            if not isinstance(expr, Call) or expr.function != "maximum" or zoneout[state]:
                continue
            self.open((state,))
            forms = []
            with contextlib.suppress(NotAffineError):
                forms = [self.form(arg, state) for arg in expr.args]
            keeps = [form.of.get(state) == Number(1) and len(form.of) == 1 for form in forms]
            if len(forms) == 2 and keeps.count(True) == 1 and not forms[keeps.index(False)].of:
                shift, new = forms[keeps.index(True)].known, forms[keeps.index(False)].known
                self.solve((state,))
                return Largest(state, shift, new, keeps[0])
        return None

    # --- memories -----------------------------------------------------------

    def solved_together(self, states: tuple[str, ...]) -> Memories:
        """Return memories in their normal form, with the operations that they make known.

        Raises:
            NotAffineError: a state does not have this form.
        """
        first: NotAffineError | None = None
        # The first reason is reported. If every read is a matvec, only its own side can give it.
        matvec_first = {function for function, _ in self.matrix_reads()} == {"matvec"}
        for transposed in (matvec_first, not matvec_first):
            self.transposed, self.of_group = transposed, states
            self.ledger = {state: Ledger() for state in states}
            self.signals, self.updated = {}, {}
            try:
                return self.evaluated(states)
            except NotAffineError as why:
                first = first or why
        assert first is not None
        raise first

    def evaluated(self, states: tuple[str, ...]) -> Memories:
        self.reasons = {}
        rewritten: dict[str, Op] = {}
        for op in self.program.step:
            if self.known.issuperset(outs(op)):
                continue
            try:
                new = self.evaluate_op(op)
            except NotAffineError as why:
                self.reasons |= dict.fromkeys(outs(op), str(why))
            else:
                rewritten |= {} if new is None else dict.fromkeys(outs(op), new)
        for state in states:
            if state not in self.updated:
                reason = self.reasons.get(state, f"{state} is not updated as a memory")
                raise NotAffineError(reason)
        later = {s.name for s in self.program.states if s.name not in states} - self.known
        ops = self.needed_ops(rewritten, later)
        memories = [self.memory_of(state) for state in states]
        used = {name for op in ops for name in op.reads}
        memories = [with_used_reads(memory, used) for memory in memories]
        self.known.update(name for op in ops for name in outs(op))
        return Memories(tuple(memories), tuple(ops))

    def evaluate_op(self, op: Op) -> Op | None:
        """Evaluate an operation; if its value is a vector, return it as it is computed later."""
        if not isinstance(op, Apply):
            for key in op.reads:
                if key not in self.known and not isinstance(self.signals.get(key), Vector):
                    why = f"{owner(op)} needs {key}, which is not known before the memory"
                    raise NotAffineError(self.reasons.get(key, why))
            self.signals |= {out: Vector(Name(out)) for out in outs(op)}
            return op
        expr = self.expr(op)
        value = self.value(expr, owner(op))
        if isinstance(value, Vector):
            self.signals[op.out] = value
            return op if value.after == expr else Apply(op.out, value.after)
        if isinstance(value, Matrix) and op.out in self.of_group:
            if value.state != op.out or value.decay is None:
                raise NotAffineError(f"{op.out} does not contain its own previous value")
            self.updated[op.out] = value
            value = Matrix(value.state, value.decay, value.outers, updated=True)
        self.signals[op.out] = value
        return None

    def needed_ops(self, rewritten: dict[str, Op], later: set[str]) -> list[Op]:
        """Return the operations to compute once the memories are solved, in order.

        Raises:
            NotAffineError: the output, or a state that is solved later, needs a memory itself.
        """
        todo = [*self.emitted, *later]
        needed = set[str]()
        while todo:
            key = todo.pop()
            if key not in self.source or key in needed or key in self.known:
                continue
            if isinstance(self.signals.get(key), Matrix):
                raise NotAffineError(f"the memory {key} itself is needed for all steps")
            waits = key not in rewritten
            reason = self.reasons.get(key, f"{key} needs a memory")
            if waits and not later:
                raise NotAffineError(reason)
            op = rewritten.get(key, self.source[key])
            needed.update(outs(op))
            self.visit(len(op.reads))
            todo += [name for name in op.reads if not name.endswith(_PREVIOUS)]
            if waits and {k.removesuffix(_PREVIOUS) for k in op.reads} & set(self.of_group):
                raise NotAffineError(reason)
        order = [outs(op)[0] for op in self.program.step]
        return [rewritten[name] for name in order if name in needed and name in rewritten]


def with_used_reads(memory: Memory, used: set[str]) -> Memory:
    """Return a memory with only the reads that are used."""
    return replace(memory, reads=tuple(read for read in memory.reads if read.name in used))

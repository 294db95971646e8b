"""Finds the blocks of a cell that are solved for all steps together, including memories."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import replace

from gatekit.cell.analysis.affine import Analysis, TooLargeError, owner
from gatekit.cell.analysis.affine_form import NotAffineError
from gatekit.cell.errors import CellError
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Call, Expr, Name, Neg, Number, names, walk
from gatekit.cell.language.shape import Shape, infer
from gatekit.cell.program import Apply, Largest, Memories, Memory, Op, Solve, lower, outs
from gatekit.faults import Place

from .form import Parallel
from .logarithm import Logarithms, polar
from .normal_form import NormalForm
from .values import Known, Ledger, Matrix, Value, Vector

_PREVIOUS = "_prev"


def analyse(cell: Cell) -> Parallel:
    """Return the blocks that solve a cell chunk by chunk, or why chunks cannot solve it.

    Args:
        cell: the built cell.
    """
    try:
        return _Chunks(cell).parallel()
    except (TooLargeError, RecursionError):
        return Parallel((), "it is too large to be analysed")


class _Chunks(Analysis, NormalForm):
    def __init__(self, cell: Cell) -> None:
        Analysis.__init__(self, lower(cell))
        NormalForm.__init__(self)
        self.emitted = cell.output.signals
        self.logarithms = Logarithms(
            self.definition, self.is_positive, self.is_fixed, self.visit, self.axes
        )
        self.signals: dict[str, Value] = {}
        self.updated: dict[str, Matrix] = {}
        self.of_group: tuple[str, ...] = ()
        self.reasons: dict[str, str] = {}
        self.numbers: dict[str, Expr] = {}

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
            self.signals, self.updated, self.partners = {}, {}, {}
            try:
                return self.evaluated(states)
            except NotAffineError as why:
                first = first or why
        assert first is not None
        raise first

    def pairs(self, states: tuple[str, ...]) -> dict[str, tuple[Expr, Expr]]:
        """Record memories that are the two parts of a complex memory; return size and angle.

        ``re = size (cos(angle) re_prev - sin(angle) im_prev) + ..``; for ``im`` the sign is ``+``.
        """
        turns = {}
        for pair in itertools.permutations(states, 2):
            if self.transposed or set(pair) & {*self.partners, *self.partners.values()}:
                continue
            with contextlib.suppress(NotAffineError):
                one, other = self.forms_of(pair)
                real, minus = one.of.get(pair[0]), one.of.get(pair[1])
                if real is None or other.of.get(pair[1]) != real:
                    continue
                if minus is None or other.of.get(pair[0]) != negated(minus):
                    continue
                turn = polar(real, negated(minus), self.axes)
                if turn is None:
                    continue
                for name, form in zip(pair, (one, other), strict=True):
                    outers = () if form.rest is None else self.outers(form.rest, pair[0], name)
                    matrix = Matrix(name, turn[0], tuple(outers), updated=True)
                    self.updated[name] = self.signals[name] = matrix
                self.partners[pair[1]] = pair[0]
                turns[pair[0]] = turn
        return turns

    def evaluated(self, states: tuple[str, ...]) -> Memories:
        self.reasons = {}
        rewritten: dict[str, Op] = {}
        angles = self.pairs(states)
        for op in self.program.step:
            if self.known.issuperset(outs(op)) or outs(op)[0] in self.updated:
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
        memories = [self.memory_of(s, angles.get(s)) for s in states if s not in self.partners]
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

    # --- names --------------------------------------------------------------

    def look_up(self, name: str) -> Value:
        """Return the value of a name."""
        stem = name.removesuffix(_PREVIOUS)
        if stem != name and stem in self.of_group:
            return Matrix(stem, Number(1), ())
        if name in self.known:
            return Known(Name(name))
        value = self.signals.get(name)
        if value is None:
            why = f"it needs {name}, which is not known for all steps at once"
            raise NotAffineError(self.reasons.get(name, why))
        # The signal itself has been computed by then, so its parts are not computed again.
        return Vector(Name(name), value.linear, value.state) if isinstance(value, Vector) else value

    def expr(self, op: Apply) -> Expr:
        """Return an operation's expression, with numbers in place of constants."""
        if op.out not in self.numbers:
            self.numbers[op.out] = self.program.constant_free(op.expr)
        return self.numbers[op.out]

    def definition(self, expr: Expr) -> Expr | None:
        """Return what computes a known name, or what a plugin's function consists of, or None."""
        if isinstance(expr, Call):
            function = self.program.functions.get(expr.function)
            return None if function is None else function.composed(expr.args)
        op = self.source.get(expr.name) if isinstance(expr, Name) else None
        return self.expr(op) if isinstance(op, Apply) else None

    def is_positive(self, name: str) -> bool:
        """Return whether a parameter's map makes it positive."""
        maps = {op.out: op.expr for op in self.program.setup}
        expr = maps.get(name)
        if not isinstance(expr, Call):
            return False
        interval = self.program.functions[expr.function].range
        return interval is not None and interval[0] >= 0

    def is_fixed(self, name: str) -> bool:
        """Return whether a name is a parameter that is not trained."""
        fixed = (w.name for w in self.program.weights if not w.trainable and w.kind == "parameter")
        return name in fixed

    def last_axes(self, expr: Expr) -> tuple[int, int]:
        rows, columns = (1, 1, *self.axes(expr))[-2:]
        return rows, columns

    def axes(self, expr: Expr) -> Shape:
        """Return the shape of an expression."""
        self.visit(sum(1 for _ in walk(expr)))
        program = self.program
        shapes = {name: self.shape_of(name) for name in names(expr)}
        try:
            return infer(expr, shapes, program.functions, Place((program.name,))) or ()
        except CellError as error:
            raise NotAffineError(str(error)) from None

    def shape_of(self, name: str) -> Shape:
        if name.startswith(("read:", "term:")):
            shape = self.program.shapes[name.split(":")[1]]
            return (*shape[:-2], shape[-2] if self.transposed else shape[-1])
        return self.program.shapes[name]


def negated(expr: Expr) -> Expr:
    """Return minus an expression."""
    return expr.operand if isinstance(expr, Neg) else -expr


def with_used_reads(memory: Memory, used: set[str]) -> Memory:
    """Return a memory with only the reads that are used."""
    return replace(memory, reads=tuple(read for read in memory.reads if read.name in used))

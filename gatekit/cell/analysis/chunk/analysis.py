"""Finds the blocks of a cell that are solved for all steps together, including memories."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

from gatekit.cell.analysis.affine import AffineBlock, Analysis, TooLargeError
from gatekit.cell.analysis.affine_form import NotAffineError
from gatekit.cell.errors import CellError
from gatekit.cell.graph import Cell, Node
from gatekit.cell.language.expression import Call, Expr, Name, Neg, Number, names, walk
from gatekit.cell.language.expression import substitute as replaced
from gatekit.cell.language.shape import Shape, infer
from gatekit.cell.learned import MAPS

from .form import Largest, Memories, Memory, Parallel
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
        return Parallel((), {}, (), "it is too large to be analysed")


class _Chunks(Analysis, NormalForm):
    def __init__(self, cell: Cell) -> None:
        Analysis.__init__(self, cell)
        NormalForm.__init__(self)
        self.pre_activations: dict[str, None] = {}
        self.logarithms = Logarithms(
            self.definition, self.is_positive, self.is_fixed, self.visit, self.axes
        )
        self.signals: dict[str, Value] = {}
        self.updated: dict[str, Matrix] = {}
        self.of_group: tuple[str, ...] = ()
        self.matrices: dict[str, Expr] = {}
        self.reasons: dict[str, str] = {}

    def parallel(self) -> Parallel:
        pending = [state.name for state in self.cell.states]
        matrices = [name for name in pending if self.is_memory(name)]
        if not matrices:
            reason = "no state is a matrix that is read by vecmat or matvec"
            return Parallel((), {}, (), reason)
        blocks: list[AffineBlock | Largest | Memories] = []
        while pending:
            vectors = [name for name in pending if name not in matrices]
            block: AffineBlock | Largest | Memories | None
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
                return Parallel((), {}, (), reason)
            blocks.append(block)
            pending = [name for name in pending if name not in block.states]
        return Parallel(tuple(blocks), self.reads, tuple(self.pre_activations), "")

    def is_memory(self, state: str) -> bool:
        """Return whether a matrix of this shape is read by vecmat or matvec."""
        shape = self.cell.shapes.get(state, ())
        if len(shape) < 2:
            return False
        return any(self.cell.shapes.get(name, ()) == shape for _, name in self.matrix_reads())

    def matrix_reads(self) -> Iterator[tuple[str, str]]:
        """Yield each name in a matrix that vecmat or matvec reads, after the function's name."""
        for node in self.cell.nodes:
            for part in walk(node.expr) if node.expr is not None else ():
                self.visit()
                if isinstance(part, Call) and part.function in ("vecmat", "matvec"):
                    for name in names(part.args[1 if part.function == "vecmat" else 0]):
                        yield part.function, name.removesuffix(_PREVIOUS)

    # --- a running maximum --------------------------------------------------

    def largest(self, pending: list[str]) -> Largest | None:
        """Return a pending state that is a running maximum, if there is one."""
        for state in pending:
            expr = self.node[state].expr if state in self.node else None
            zoneout = next(s.zoneout for s in self.cell.states if s.name == state)
            if not isinstance(expr, Call) or expr.function != "maximum" or zoneout:
                continue
            self.group_of(state)
            forms = []
            with contextlib.suppress(NotAffineError):
                forms = [self.form(arg, {}, state) for arg in expr.args]
            keeps = [form.of.get(state) == Number(1) and len(form.of) == 1 for form in forms]
            if len(forms) == 2 and keeps.count(True) == 1 and not forms[keeps.index(False)].of:
                shift, new = forms[keeps.index(True)].known, forms[keeps.index(False)].known
                self.known.add(f"{state}{_PREVIOUS}")
                # The state's own signal is solved, not computed again.
                return Largest(state, shift, new, keeps[0], tuple(self.spread()))
        return None

    def group_of(self, state: str) -> None:
        """Make one state the group: later forms are affine in its previous value."""
        self.group = {f"{state}{_PREVIOUS}": state}
        self.forms = {}

    # --- memories -----------------------------------------------------------

    def solved_together(self, states: tuple[str, ...]) -> Memories:
        """Return memories in their normal form, with the signals that they make known.

        Raises:
            NotAffineError: a state does not have this form.
        """
        first: NotAffineError | None = None
        before = set(self.reads), dict(self.pre_activations)
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
                self.reads = {key: self.reads[key] for key in before[0]}
                self.pre_activations = dict(before[1])
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
                one, other = (self.state_form(name, pair) for name in pair)
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
        self.reasons = reasons = dict[str, str]()
        rewritten: dict[str, Expr | None] = {}
        angles = self.pairs(states)
        for node in self.cell.nodes:
            if node.name in self.known or node.name in self.updated:
                continue
            try:
                rewritten |= self.evaluate_node(node)
            except NotAffineError as why:
                reasons[node.name] = str(why)
        for state in states:
            if state not in self.updated:
                raise NotAffineError(reasons.get(state, f"{state} is not updated as a memory"))
        later = {s.name for s in self.cell.states if s.name not in states} - self.known
        nodes = self.needed_nodes(rewritten, reasons, later)
        memories = [self.memory_of(s, angles.get(s)) for s in states if s not in self.partners]
        used = {name for _, expr in nodes if expr is not None for name in names(expr)}
        memories = [with_used_reads(memory, used) for memory in memories]
        self.known.update(name for name, _ in nodes)
        return Memories(tuple(memories), tuple(nodes))

    def evaluate_node(self, node: Node) -> dict[str, Expr | None]:
        """Evaluate a signal; if it is a vector, return it with its new expression."""
        if node.kind != "equation":
            for key in self.read_by(node):
                signal = None if self.is_known(key) else self.signals.get(key)
                if not self.is_known(key) and not isinstance(signal, Vector):
                    why = f"{node.name} needs {key}, which is not known before the memory"
                    raise NotAffineError(self.reasons.get(key, why))
            self.signals[node.name] = Vector(Name(node.name))
            for _, key in node.own_states:
                self.signals[key] = Vector(Name(key))
            return {node.name: None}
        value = self.value(self.as_matrix(node), node.name)
        if isinstance(value, Vector):
            expr = value.after
            for _ in self.cell.shapes[node.name][1:]:
                expr = Call("flat", (expr,))
            self.signals[node.name] = value
            return {node.name: expr}
        if isinstance(value, Matrix) and node.name in self.of_group:
            if value.state != node.name or value.decay is None:
                raise NotAffineError(f"{node.name} does not contain its own previous value")
            self.updated[node.name] = value
            value = Matrix(value.state, value.decay, value.outers, updated=True)
        self.signals[node.name] = value
        return {}

    def needed_nodes(
        self, rewritten: dict[str, Expr | None], reasons: dict[str, str], later: set[str]
    ) -> list[tuple[str, Expr | None]]:
        """Return the signals to compute once the memories are solved, in order.

        Raises:
            NotAffineError: the output, or a state that is solved later, needs a memory itself.
        """
        todo = [*self.cell.output.signals, *later]
        needed = set[str]()
        while todo:
            key = todo.pop()
            node = self.owner.get(key) or self.node.get(key)
            if node is None or node.name in needed or node.name in self.known:
                continue
            if isinstance(self.signals.get(node.name), Matrix):
                raise NotAffineError(f"the memory {node.name} itself is needed for all steps")
            waits = node.name not in rewritten
            if waits and not later:
                raise NotAffineError(reasons.get(node.name, f"{node.name} needs a memory"))
            needed.add(node.name)
            new = rewritten.get(node.name)
            if new is None:
                needs = self.read_by(node)
            else:
                needs = list(names(new))
                self.visit(len(needs))
            todo += [name for name in needs if not name.endswith(_PREVIOUS)]
            if waits and {k.removesuffix(_PREVIOUS) for k in needs} & set(self.of_group):
                raise NotAffineError(reasons.get(node.name, f"{node.name} needs a memory"))
        order = [node.name for node in self.cell.nodes if node.name in needed]
        return [(name, rewritten[name]) for name in order if name in rewritten]

    # --- names --------------------------------------------------------------

    def as_matrix(self, node: Node) -> Expr:
        """Return an equation's expression with numbers for constants, and without flattening."""
        if node.name not in self.matrices:
            self.matrices[node.name] = self.cell.constant_free(super().as_matrix(node))
        return self.matrices[node.name]

    def look_up(self, expr: Name | Call) -> Value | None:
        key = expr.name if isinstance(expr, Name) else self.cut(expr)
        if key is None:
            return None
        stem = key.removesuffix(_PREVIOUS)
        if stem != key and stem in self.of_group:
            return Matrix(stem, Number(1), ())
        if self.is_known(key):
            return Known(expr) if isinstance(expr, Name) else None
        value = self.signals.get(key)
        if value is None:
            why = f"it needs {key}, which is not known for all steps at once"
            raise NotAffineError(self.reasons.get(key, why))
        # The signal itself has been computed by then, so its parts are not computed again.
        return Vector(expr, value.linear, value.state) if isinstance(value, Vector) else value

    def definition(self, expr: Expr) -> Expr | None:
        """Return the expression that computes a known signal, or None."""
        name, splits = expr, 0
        while isinstance(name, Call) and name.function == "split":
            name, splits = name.args[0], splits + 1
        if not isinstance(name, Name) or name.name not in self.node:
            return None
        node = self.node[name.name]
        if splits != len(self.cell.shapes.get(node.name, (0,))) - 1:
            return None
        if node.kind == "equation":
            return self.as_matrix(node)
        expressions = self.cell.gate_expressions.get(node.name)
        if expressions is None:
            return None
        if "pre" in names(expressions[0]):
            self.pre_activations[node.name] = None
        return replaced(expressions[0], {"pre": Name(f"pre:{node.name}")})

    def is_positive(self, name: str) -> bool:
        parameter = self.cell.parameters.get(name)
        if parameter is None or not parameter.map:
            return False
        interval = MAPS[parameter.map].function.range
        return interval is not None and interval[0] >= 0

    def is_fixed(self, name: str) -> bool:
        trained = next((w.trainable for w in self.cell.weights if w.name == name), True)
        return name in self.cell.parameters and not trained

    def last_axes(self, expr: Expr) -> tuple[int, int]:
        rows, columns = (1, 1, *self.axes(expr))[-2:]
        return rows, columns

    def axes(self, expr: Expr) -> Shape:
        """Return the shape of an expression that is computed on vectors."""
        self.visit(sum(1 for _ in walk(expr)))
        shapes = {name: self.shape_of(name) for name in names(expr)}
        try:
            return infer(expr, shapes, self.cell.spec.functions, self.cell.spec.name) or ()
        except CellError as error:
            raise NotAffineError(str(error)) from None

    def shape_of(self, name: str) -> Shape:
        if name.startswith("pre:"):
            return (self.node[name.removeprefix("pre:")].width,)
        if name.startswith(("read:", "term:")):
            state = name.split(":")[1]
            shape = self.cell.shapes[state]
            return (*shape[:-2], shape[-2] if self.transposed else shape[-1])
        if name in self.reads:
            return (self.reads[name][1].width_out,)
        if name in self.cell.constants:
            return ()
        return (math.prod(self.cell.shapes.get(name) or (self.weight_width(name),)),)

    def weight_width(self, name: str) -> int:
        return next((math.prod(w.shape) for w in self.cell.weights if w.name == name), 1)


def negated(expr: Expr) -> Expr:
    """Return minus an expression."""
    return expr.operand if isinstance(expr, Neg) else -expr


def with_used_reads(memory: Memory, used: set[str]) -> Memory:
    """Return a memory with only the reads that are used."""
    return replace(memory, reads=tuple(read for read in memory.reads if read.name in used))

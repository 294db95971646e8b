"""The affine analysis: which states are affine in their own past, so a scan can solve them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gatekit.cell.graph import BuiltRead, Cell, Node, shared_reads
from gatekit.cell.language.expression import Binary, Call, Expr, Name, Neg, Number, lift, names

from .affine_form import Form, NotAffineError, combine, first_of

# For a block of k states, a step costs k^2 products, and a step of a scan costs k^3.
LARGEST_BLOCK = 2
_LARGEST_EXPRESSION = 500
MAX_WORK = 50_000
"""The most parts of expressions that the analysis visits; the largest bundled cell needs 914."""


@dataclass(frozen=True)
class AffineBlock:
    r"""States that are solved together: $s_i = \sum_j a_{ij}\, s_{j,prev} + b_i$.

    Attributes:
        states: the key of one state, or the keys of two coupled states.
        a: the coefficients, row by row; None stands for zero. If the states are matrices, so are
            the coefficients.
        b: the rest of each state; None stands for zero.
        nodes: the signals that can be computed for all steps once the block is solved, in order.
    """

    states: tuple[str, ...]
    a: tuple[tuple[Expr | None, ...], ...]
    b: tuple[Expr | None, ...]
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class AffineStates:
    """The result of the analysis.

    Attributes:
        blocks: the blocks in the order in which they are solved; empty if there is a reason.
        reads: the gate and the read behind each name of a linear read in the coefficients.
        reason: why the cell is not affine; empty if it is.
    """

    blocks: tuple[AffineBlock, ...]
    reads: Mapping[str, tuple[str, BuiltRead]]
    reason: str

    @property
    def affine(self) -> bool:
        """Whether every state can be solved for all steps in one operation."""
        return not self.reason


def map_expression(node: Node, read: BuiltRead, error: type[Exception]) -> Expr:
    """Return the linear map of a read, row by row, as an expression of its weights.

    Raises:
        error: the map cannot be written as an expression.
    """
    weights = {suffix: Name(name) for suffix, name in read.weights.items()}
    try:
        return lift(read.map.apply(read.expr, weights))
    except Exception:
        why = f"the map {read.map_kind} of {node.name} cannot be written as an expression"
        raise error(why) from None


class TooLargeError(Exception):
    """The analysis would take too long."""


def analyse(cell: Cell) -> AffineStates:
    """Return the states' updates as affine maps of their own previous values, or why they are not.

    A coefficient may contain inputs and shifted inputs, signals that read no state, parameters, and
    states (new or previous) that an earlier block has solved. Zoneout and masks are ignored: an
    affine update with either is still affine.

    Args:
        cell: the built cell.
    """
    try:
        return Analysis(cell).run()
    except TooLargeError:
        return AffineStates((), {}, "it is too large to be analysed")


class Analysis:
    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.node = {node.name: node for node in cell.nodes}
        self.owner = {key: n for n in cell.nodes for _, key in n.own_states}
        self.known = {node.name for node in cell.nodes if node.hoisted}
        self.known.update(weight.name for weight in cell.weights)
        self.reads: dict[str, tuple[str, BuiltRead]] = {}
        self.work = 0

    def visit(self, parts: int = 1) -> None:
        """Count visited parts of expressions; raise TooLargeError if there are too many."""
        self.work += parts
        if self.work > MAX_WORK:
            raise TooLargeError

    def run(self) -> AffineStates:
        if not self.cell.states:
            return AffineStates((), {}, "it has no state")
        pending = [state.name for state in self.cell.states]
        blocks: list[AffineBlock] = []
        while pending:
            block, reason = self.next_block(pending)
            if block is None:
                return AffineStates((), {}, reason)
            blocks.append(block)
            pending = [name for name in pending if name not in block.states]
        return AffineStates(tuple(blocks), self.reads, "")

    def next_block(self, pending: list[str]) -> tuple[AffineBlock | None, str]:
        """Return a block of pending states that can be solved now, or why no state can be."""
        reasons: list[str] = []
        for size in range(1, LARGEST_BLOCK + 1):
            for group in itertools.combinations(pending, size):
                try:
                    forms = [self.state_form(name, group) for name in group]
                except NotAffineError as why:
                    if size == 1:
                        reasons.append(f"{group[0]}: {why}")
                    continue
                a = tuple(tuple(form.of.get(name) for name in group) for form in forms)
                b = tuple(form.rest for form in forms)
                self.known.update(f"{name}_prev" for name in group)
                return AffineBlock(group, a, b, tuple(self.spread())), ""
        return None, "; ".join(reasons)

    def spread(self) -> Iterator[str]:
        """Yield the signals that depend only on known ones, and mark them as known."""
        for node in self.cell.nodes:
            if node.name not in self.known and self.computable(node):
                self.known.update([node.name, *(key for _, key in node.own_states)])
                yield node.name

    def computable(self, node: Node) -> bool:
        return all(self.is_known(key) for key in self.read_by(node))

    def read_by(self, node: Node) -> list[str]:
        """Return the keys that a signal reads, including its own previous states."""
        shared = [n for _, read in shared_reads(self.node, node) for n in names(read.expr)]
        self.visit(len(shared) + len(node.depends))
        return [*node.depends, *shared, *(f"{key}_prev" for _, key in node.own_states)]

    def is_known(self, key: str) -> bool:
        """Return whether a key has a value for all steps before the remaining states are solved."""
        if key in self.known:
            return True
        stem = key.removesuffix("_prev")
        if stem != key and stem in self.cell.inputs:
            return True
        return not (key in self.node or key in self.owner or stem != key)

    # --- forms --------------------------------------------------------------

    def state_form(self, state: str, group: tuple[str, ...]) -> Form:
        self.group = {f"{name}_prev": name for name in group}
        self.forms: dict[str, Form | str] = {}
        # In the order of the nodes, so a long chain of signals does not become a deep recursion.
        needed = self.needed(state)
        for node in self.cell.nodes:
            for key in (node.name, *(own_key for _, own_key in node.own_states)):
                if key in needed and not self.is_known(key):
                    with contextlib.suppress(NotAffineError):
                        self.named(key, {})
        return self.named(state, {})

    def needed(self, key: str) -> set[str]:
        """Return the keys of this step that a key may depend on, including the key itself."""
        keys, todo = set[str](), [key]
        while todo:
            key = todo.pop()
            node = self.owner.get(key) or self.node.get(key)
            if key in keys or node is None:
                continue
            keys.add(key)
            todo += self.read_by(node)
        return keys

    def named(self, key: str, local: Mapping[str, Form]) -> Form:
        """Return the form of a name."""
        if key in local:
            return local[key]
        if key in self.group:
            return Form({self.group[key]: Number(1)}, None)
        if self.is_known(key):
            return Form({}, Name(key))
        if key not in self.node and key not in self.owner:
            raise NotAffineError(f"it needs {key}, which is not known for all steps at once")
        if key not in self.forms:
            try:
                self.forms[key] = self.bounded(key)
            except NotAffineError as why:
                self.forms[key] = str(why)
        form = self.forms[key]
        if isinstance(form, str):
            raise NotAffineError(form)
        return form

    def bounded(self, key: str) -> Form:
        form = self.computed(key)
        size = form.size()
        self.visit(size)
        if size > _LARGEST_EXPRESSION:
            raise NotAffineError(f"the expanded form of {key} is too large")
        return form

    def computed(self, key: str) -> Form:
        """Return the form of a signal, or of a gate's own state, that depends on the group."""
        node = self.owner.get(key) or self.node[key]
        if node.kind == "equation":
            assert node.expr is not None
            return self.form(self.as_matrix(node), {}, key)
        if node.kind == "norm":
            raise NotAffineError(f"{key} is a normalised state")
        if node.kind == "output":
            raise NotAffineError("the output unit feeds back")
        expressions = self.cell.gate_expressions[node.name]
        if expressions is None:
            raise NotAffineError(f"the gate {node.name} cannot be written as an expression")
        value, states = expressions
        new_states = {own_key: states[name] for name, own_key in node.own_states}
        expr = new_states.get(key, value)
        # The new value of a state may not depend on the gate's pre-activation.
        local = {"pre": self.pre(node)} if "pre" in names(expr) else {}
        return self.form(expr, local, node.name)

    def as_matrix(self, node: Node) -> Expr:
        """Return an equation's expression without the calls that flatten a matrix."""
        expr = node.expr
        for _ in self.cell.shapes[node.name][1:]:
            assert isinstance(expr, Call)
            assert expr.function == "flat"
            expr = expr.args[0]
        assert expr is not None
        return expr

    def cut(self, expr: Call) -> str | None:
        """Return the matrix that nested splits restore from a vector, if the group contains it."""
        splits, inner = 0, expr
        while isinstance(inner, Call) and inner.function == "split":
            splits, inner = splits + 1, inner.args[0]  # type: ignore[assignment]
        if not isinstance(inner, Name) or self.is_known(inner.name):
            return None
        shape = self.cell.shapes.get(inner.name.removesuffix("_prev"), ())
        return inner.name if len(shape) == splits + 1 and splits else None

    def pre(self, node: Node) -> Form:
        """Return the form of a gate's pre-activation."""
        form = Form({}, None if node.bias is None else Name(node.bias))
        if node.norm is not None:
            raise NotAffineError(f"{node.name} is normalised and needs a state")
        for read in node.reads:
            form = form.plus(self.read(node, read))
        return form

    def read(self, node: Node, read: BuiltRead) -> Form:
        unknown = [n for n in names(read.expr) if not self.is_known(n)]
        if not unknown:
            key = f"z:{node.name}:{read.text}"
            self.reads[key] = (node.name, read)
            return Form({}, Name(key))
        if not read.map.row_wise:
            raise NotAffineError(f"{node.name} reads {unknown[0]} through a {read.map_kind} map")
        return self.form(map_expression(node, read, NotAffineError), {}, node.name)

    def form(self, expr: Expr, local: Mapping[str, Form], where: str) -> Form:
        """Return the form of an expression.

        Raises:
            NotAffineError: it is not affine in the group's previous values.
        """
        self.visit()
        if isinstance(expr, Number):
            return Form({}, expr)
        if isinstance(expr, Name):
            return self.named(expr.name, local)
        if isinstance(expr, Neg):
            return self.form(expr.operand, local, where).negated()
        if isinstance(expr, Call):
            matrix = self.cut(expr)
            if matrix is not None:
                return self.named(matrix, local)
            inner = [self.form(arg, local, where) for arg in expr.args]
            if any(form.of for form in inner):
                raise NotAffineError(
                    f"{where} needs {first_of(inner)}_prev within {expr.function}(...)"
                )
            return Form({}, Call(expr.function, tuple(form.known for form in inner)))
        assert isinstance(expr, Binary)
        left = self.form(expr.left, local, where)
        right = self.form(expr.right, local, where)
        return combine(expr.op, left, right, where)

"""The affine analysis: which states are affine in their own past, so a scan can solve them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Binary, Call, Expr, Name, Neg, Number, lift
from gatekit.cell.program import Apply, Drop, Linear, Norm, Op, Program, Solve, Sum, lower, outs
from gatekit.cell.program.solved import spread

from .affine_form import Form, NotAffineError, combine, first_of

# For a block of k states, a step costs k^2 products, and a step of a scan costs k^3.
LARGEST_BLOCK = 2
_LARGEST_EXPRESSION = 500
MAX_WORK = 50_000
"""The most parts of expressions that the analysis visits; the largest bundled cell needs 914."""


@dataclass(frozen=True)
class AffineStates:
    """The result of the analysis.

    Attributes:
        blocks: the blocks in the order in which they are solved; empty if there is a reason.
        reason: why the cell is not affine; empty if it is.
    """

    blocks: tuple[Solve, ...]
    reason: str

    @property
    def affine(self) -> bool:
        """Whether every state can be solved for all steps in one operation."""
        return not self.reason


class TooLargeError(Exception):
    """The analysis would take too long."""


def analyse(cell: Cell) -> AffineStates:
    """Return the states' updates as affine maps of their own previous values, or why they are not.

    A coefficient may contain inputs and shifted inputs, values that depend on no state, parameters,
    and states (new or previous) that an earlier block has solved. Zoneout and masks are ignored: an
    affine update with either is still affine.

    Args:
        cell: the built cell.
    """
    try:
        return Analysis(lower(cell)).run()
    except TooLargeError:
        return AffineStates((), "it is too large to be analysed")


class Analysis:
    """Follows which values are known for all steps; computes forms of those that are not.

    Args:
        program: the program of a cell.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.source = {name: op for op in program.step for name in outs(op)}
        self.known = set(program.timeless)
        self.forms: dict[str, Form | str] = {}
        """The form of each unknown value, or the reason why it has none."""
        self.work = 0

    def expr(self, op: Apply) -> Expr:
        """Return an operation's expression."""
        return op.expr

    def visit(self, parts: int = 1) -> None:
        """Count visited parts of expressions; raise TooLargeError if there are too many."""
        self.work += parts
        if self.work > MAX_WORK:
            raise TooLargeError

    def run(self) -> AffineStates:
        pending = [state.name for state in self.program.states]
        if not pending:
            return AffineStates((), "it has no state")
        blocks: list[Solve] = []
        while pending:
            block, reason = self.next_block(pending)
            if block is None:
                return AffineStates((), reason)
            blocks.append(block)
            pending = [name for name in pending if name not in block.states]
        return AffineStates(tuple(blocks), "")

    def next_block(self, pending: list[str]) -> tuple[Solve | None, str]:
        """Return a block of pending states that can be solved now, or why no state can be."""
        reasons: list[str] = []
        for size in range(1, LARGEST_BLOCK + 1):
            for group in itertools.combinations(pending, size):
                try:
                    forms = self.forms_of(group)
                except NotAffineError as why:
                    if size == 1:
                        reasons.append(f"{group[0]}: {why}")
                    continue
                self.solve(group)
                a = tuple(tuple(form.of.get(name) for name in group) for form in forms)
                return Solve(group, a, tuple(form.rest for form in forms)), ""
        return None, "; ".join(reasons)

    def solve(self, group: tuple[str, ...]) -> None:
        """Mark what is known once a group of states is solved."""
        self.known.update(f"{name}_prev" for name in group)
        for op in spread(self.program, self.known):
            self.visit(len(op.reads))

    def needed(self, group: tuple[str, ...]) -> list[Op]:
        """Return the operations that lead to a group of states and are not known, in order."""
        found, todo = dict[int, Op](), list(group)
        while todo:
            op = self.source.get(todo.pop())
            if op is not None and id(op) not in found and not self.known.issuperset(outs(op)):
                found[id(op)] = op
                todo += op.reads
                self.visit(len(op.reads))
        return [op for op in self.program.step if id(op) in found]

    # --- forms --------------------------------------------------------------

    def forms_of(self, group: tuple[str, ...]) -> list[Form]:
        """Return the forms of a group's new values in its previous values.

        Raises:
            NotAffineError: one of them is not affine.
        """
        self.open(group)
        return [self.named(name) for name in group]

    def open(self, group: tuple[str, ...]) -> None:
        """Compute the forms, in a group's previous values, of all values that lead to the group."""
        self.forms = {f"{name}_prev": Form({name: Number(1)}, None) for name in group}
        for op in self.needed(group):
            try:
                form: Form | str = self.computed(op)
            except NotAffineError as why:
                form = str(why)
            self.forms.update(dict.fromkeys(outs(op), form))

    def computed(self, op: Op) -> Form:
        """Return the form of an operation's value; it is not too large."""
        if isinstance(op, Apply):
            form = self.form(self.expr(op), owner(op))
        elif isinstance(op, Sum):
            form = self.form_of_sum(op)
        elif isinstance(op, Linear):
            form = self.form_of_map(op)
        elif isinstance(op, Drop):
            form = self.named(op.of)
        elif isinstance(op, Norm):
            raise NotAffineError(f"{owner(op)} is normalised and needs a state")
        else:
            raise NotAffineError(f"{owner(op)} cannot be written as an expression")
        size = form.size()
        self.visit(size)
        if size > _LARGEST_EXPRESSION:
            raise NotAffineError(f"the expanded form of {outs(op)[0]} is too large")
        return form

    def form_of_map(self, op: Linear) -> Form:
        if not op.map.row_wise:
            raise NotAffineError(f"{op.owner} reads {op.text} through a {op.kind} map")
        return self.form(map_expression(op, NotAffineError), op.owner)

    def form_of_sum(self, op: Sum) -> Form:
        # A bias is added to a product first.
        biased = op.parts[-1] in self.program.fixed
        first, *rest = op.parts[-1:] + op.parts[:-1] if biased else op.parts
        form = self.named(first)
        for part in rest:
            form = form.plus(self.named(part))
        return form

    def named(self, name: str) -> Form:
        """Return the form of a name; a pre-activation is written out.

        Raises:
            NotAffineError: it has none.
        """
        op = self.source.get(name)
        if isinstance(op, Sum):
            return self.form_of_sum(op)
        if name in self.known:
            return Form({}, Name(name))
        form = self.forms.get(name, f"it needs {name}, which is not known for all steps at once")
        if isinstance(form, str):
            raise NotAffineError(form)
        return form

    def form(self, expr: Expr, where: str) -> Form:
        """Return the form of an expression.

        Raises:
            NotAffineError: it is not affine in the group's previous values.
        """
        self.visit()
        if isinstance(expr, Number):
            return Form({}, expr)
        if isinstance(expr, Name):
            return self.named(expr.name)
        if isinstance(expr, Neg):
            return self.form(expr.operand, where).negated()
        if isinstance(expr, Call):
            inner = [self.form(arg, where) for arg in expr.args]
            if any(form.of for form in inner):
                raise NotAffineError(
                    f"{where} needs {first_of(inner)}_prev within {expr.function}(...)"
                )
            return Form({}, Call(expr.function, tuple(form.known for form in inner)))
        assert isinstance(expr, Binary)
        left, right = self.form(expr.left, where), self.form(expr.right, where)
        return combine(expr.op, left, right, where)


def owner(op: Op) -> str:
    """Return the signal or the operand that an operation belongs to, for messages."""
    return outs(op)[0].partition(":")[0].strip("[]")


def map_expression(op: Linear, error: type[Exception]) -> Expr:
    """Return a linear map, row by row, as an expression of its operand and its weights.

    Raises:
        error: the map cannot be written as an expression.
    """
    weights = {suffix: Name(name) for suffix, name in op.weights.items()}
    try:
        return lift(op.map.apply(Name(op.of), weights))
    except Exception:
        why = f"the map {op.kind} of {op.owner} cannot be written as an expression"
        raise error(why) from None

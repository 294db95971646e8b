"""The Newton analysis: which states a step couples only unit by unit, where Newton is cheap.

A step maps the previous states to the new ones, $s_t = f_t(s_{t-1})$. If unit i of each new state
depends only on unit i of the previous states, the Jacobian of f has a k x k block for each unit,
and a linear recurrence with it is cheap. States that an earlier block has solved are known for all
steps, so a dependence on them, through any map, does not count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gatekit.cell.analysis.affine import Analysis, TooLargeError, map_expression, owner
from gatekit.cell.errors import CellError
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Binary, Call, Expr, Name, Neg, Number
from gatekit.cell.language.shape import infer
from gatekit.cell.program import Apply, Drop, Linear, Newton, Norm, Op, Sum, lower, outs
from gatekit.faults import Place

LARGEST_BLOCK = 4
"""The most states that are solved together: with k states, a step of a scan costs k^3 products."""

_RESHAPES = ("split", "flat")


@dataclass(frozen=True)
class UnitJacobian:
    """The result of the analysis.

    Attributes:
        blocks: the blocks in the order in which they are solved; empty if there is a reason.
        reason: why Newton's method does not fit this cell; empty if it does.
    """

    blocks: tuple[Newton, ...]
    reason: str

    @property
    def size(self) -> int:
        """The number of states of the largest block; 1 if the Jacobian is diagonal."""
        return max((len(block.states) for block in self.blocks), default=0)

    def sentence(self) -> str:
        """Return the form of the Jacobian in a sentence."""
        parts = []
        for block in self.blocks:
            k, states = len(block.states), " and ".join(block.states)
            form = "a diagonal Jacobian" if k == 1 else f"a Jacobian of {k} x {k} per unit"
            parts.append(f"{states} {'has' if k == 1 else 'have'} {form}")
        return "; then ".join(parts)


class _MixesError(Exception):
    """A value is not computed unit by unit from the previous states; the message is the reason."""


def analyse(cell: Cell) -> UnitJacobian:
    """Return the blocks of states whose Jacobian is small for each unit, or why there are none.

    Args:
        cell: the built cell.
    """
    try:
        return _Units(lower(cell)).blocks()
    except TooLargeError:
        return UnitJacobian((), "it is too large to be analysed")


class _Units(Analysis):
    """The analysis of one cell; it tracks known values as the affine analysis does."""

    def blocks(self) -> UnitJacobian:
        pending = [state.name for state in self.program.states]
        if not pending:
            return UnitJacobian((), "it has no state")
        blocks: list[Newton] = []
        while pending:
            group = self.first_group(pending)
            try:
                inside = self.checked(group)
            except _MixesError as why:
                return UnitJacobian((), str(why))
            blocks.append(Newton(group, inside))
            self.solve(group)
            pending = [name for name in pending if name not in group]
        return UnitJacobian(tuple(blocks), "")

    def first_group(self, pending: list[str]) -> tuple[str, ...]:
        """Return pending states that depend on each other and on no other pending state."""
        past = {name: {key for op in self.needed((name,)) for key in op.reads} for name in pending}
        direct = {name: [p for p in pending if f"{p}_prev" in past[name]] for name in pending}

        def reach(name: str) -> set[str]:
            seen, todo = {name}, [name]
            while todo:
                more = [other for other in direct[todo.pop()] if other not in seen]
                seen.update(more)
                todo += more
            return seen

        reached = {name: reach(name) for name in pending}
        # The state that depends on the fewest: all states that it depends on depend on it, too.
        least = min(pending, key=lambda name: len(reached[name]))
        return tuple(name for name in pending if name in reached[least])

    # --- unit by unit -------------------------------------------------------

    def checked(self, group: tuple[str, ...]) -> tuple[Op, ...]:
        """Return the operations between the previous and the new states of a group, in order.

        Raises:
            _MixesError: the group is too large, or an operation mixes units.
        """
        inside = self.needed(group)
        for op in inside:
            if isinstance(op, Norm):
                raise _MixesError(f"{owner(op)} is normalised over its units, and reads a state")
        self.opened = {f"{name}_prev" for name in group}
        for op in inside:
            if not self.opened.isdisjoint(op.reads) and self.opens(op):
                self.opened.update(outs(op))
        if len(group) > LARGEST_BLOCK:
            raise _MixesError(
                f"{', '.join(group)} depend on each other, and at most {LARGEST_BLOCK} states are "
                "solved together"
            )
        return tuple(inside)

    def opens(self, op: Op) -> bool:
        """Return whether a value depends on the group's previous states, unit by unit."""
        if isinstance(op, Apply):
            return self.unit(op.expr, owner(op))
        if isinstance(op, (Sum, Drop)):
            return True
        if isinstance(op, Linear) and op.map.row_wise:
            return self.unit(map_expression(op, _MixesError), op.owner)
        if isinstance(op, Linear):
            raise _MixesError(
                f"{op.owner} reads {op.text} through a {op.kind} map, so each unit depends on "
                f"others (in a cell with `reads: {{{op.text}: diagonal}}` it does not)"
            )
        raise _MixesError(f"{owner(op)} cannot be written as an expression")

    def unit(self, expr: Expr, where: str) -> bool:
        """Return whether an expression depends on the group, element by element.

        Raises:
            _MixesError: an element depends on other elements, or one is repeated.
        """
        self.visit()
        if isinstance(expr, Number):
            return False
        if isinstance(expr, Name):
            return expr.name in self.opened
        if isinstance(expr, Neg):
            return self.unit(expr.operand, where)
        inner = (expr.left, expr.right) if isinstance(expr, Binary) else ()
        if isinstance(expr, Call):
            function = self.program.functions[expr.function]
            if function.compose is not None:
                return self.composed(expr, where)
            inner = expr.args  # type: ignore[assignment]
        parts = [part for part in inner if self.unit(part, where)]
        if not parts:
            return False
        if isinstance(expr, Call) and expr.function == "stop":
            raise _MixesError(
                f"{where} stops the gradient of a previous state, which Newton's method needs"
            )
        if isinstance(expr, Call) and not self.by_element(expr):
            raise _MixesError(f"{where} mixes units of a previous state in {expr.function}(...)")
        whole = self.elements(expr, where)
        if any(self.elements(part, where) != whole for part in parts):
            raise _MixesError(f"in {where} many units depend on one unit of a previous state")
        return True

    def by_element(self, expr: Call) -> bool:
        """Return whether a function computes each element from one element of each argument."""
        kind = self.program.functions[expr.function].kind
        return kind == "elementwise" or expr.function in _RESHAPES

    def composed(self, expr: Call, where: str) -> bool:
        """Return the result of `unit` for a plugin's function that consists of other functions."""
        function = self.program.functions[expr.function]
        composed = function.composed(expr.args)
        if composed is None:
            inner = [self.unit(arg, where) for arg in expr.args]
            if not any(inner):
                return False
            raise _MixesError(
                f"the function {expr.function} of {where} cannot be written as an expression"
            )
        return self.unit(composed, where)

    def elements(self, expr: Expr, where: str) -> int:
        program = self.program
        try:
            whole = program.constant_free(expr)
            shape = infer(whole, program.shapes, program.functions, Place((where,)))
        except (CellError, KeyError):
            raise _MixesError(f"the width of a part of {where} is not known") from None
        return math.prod(shape or ())

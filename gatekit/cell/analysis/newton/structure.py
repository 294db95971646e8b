"""The Newton analysis: which states a step couples only unit by unit, where Newton is cheap.

A step maps the previous states to the new ones, $s_t = f_t(s_{t-1})$. If unit i of each new state
depends only on unit i of the previous states, the Jacobian of f has a k x k block for each unit,
and a linear recurrence with it is cheap. States that an earlier block has solved are known for all
steps, so a dependence on them, through any map, does not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gatekit.cell.analysis.affine import Analysis, TooLargeError, map_expression
from gatekit.cell.errors import CellError
from gatekit.cell.graph import BuiltRead, Cell, Node, shared_reads
from gatekit.cell.language.expression import Binary, Call, Expr, Name, Neg, Number, names
from gatekit.cell.language.shape import Shape, infer

LARGEST_BLOCK = 4
"""The most states that are solved together: with k states, a step of a scan costs k^3 products."""

_RESHAPES = ("split", "flat")


@dataclass(frozen=True)
class NewtonBlock:
    """States that are solved together.

    Attributes:
        states: the keys of at most four states of the same width.
        inside: the signals between the previous and the new states, in order.
        nodes: the signals that can be computed for all steps once the block is solved, in order.
    """

    states: tuple[str, ...]
    inside: tuple[str, ...]
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class UnitJacobian:
    """The result of the analysis.

    Attributes:
        blocks: the blocks in the order in which they are solved; empty if there is a reason.
        reason: why Newton's method does not fit this cell; empty if it does.
    """

    blocks: tuple[NewtonBlock, ...]
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
    """A signal is not computed unit by unit from the previous states; the message is the reason."""


def analyse(cell: Cell) -> UnitJacobian:
    """Return the blocks of states whose Jacobian is small for each unit, or why there are none.

    Args:
        cell: the built cell.
    """
    try:
        return _Units(cell).blocks()
    except TooLargeError:
        return UnitJacobian((), "it is too large to be analysed")


class _Units(Analysis):
    """The analysis of one cell; it tracks known signals as the affine analysis does."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        self.width = {state.name: state.width for state in cell.states}
        self.sizes: dict[str, Shape] = dict.fromkeys(cell.constants, ())
        self.sizes.update({weight.name: weight.shape for weight in cell.weights})
        for name, width in {**cell.inputs, **cell.widths, "t": 1}.items():
            self.sizes[name] = self.sizes[f"{name}_prev"] = (width,)

    def blocks(self) -> UnitJacobian:
        pending = [state.name for state in self.cell.states]
        if not pending:
            return UnitJacobian((), "it has no state")
        blocks: list[NewtonBlock] = []
        while pending:
            group = self.first_group(pending)
            try:
                inside = self.checked(group)
            except _MixesError as why:
                return UnitJacobian((), str(why))
            self.known.update(f"{name}_prev" for name in group)
            blocks.append(NewtonBlock(tuple(group), inside, tuple(self.spread())))
            pending = [name for name in pending if name not in group]
        return UnitJacobian(tuple(blocks), "")

    def first_group(self, pending: list[str]) -> list[str]:
        """Return pending states that depend on each other and on no other pending state."""
        direct = {name: [p for p in pending if f"{p}_prev" in self.past(name)] for name in pending}

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
        return [name for name in pending if name in reached[least]]

    def past(self, state: str) -> set[str]:
        """Return the keys that are read by the unknown signals that lead to a state."""
        read = set[str]()
        for node in self.between(state):
            read.update(self.read_by(node))
        return read

    def between(self, state: str) -> Iterator[Node]:
        """Yield the signals that lead to a state and are not known yet, in order."""
        needed = self.needed(state)
        for node in self.cell.nodes:
            keys = {node.name, *(key for _, key in node.own_states)}
            if keys & needed and node.name not in self.known:
                yield node

    # --- unit by unit -------------------------------------------------------

    def checked(self, group: list[str]) -> tuple[str, ...]:
        """Return the signals between the previous and the new states of a group, in order.

        Raises:
            _MixesError: the group is too large, or one of the signals mixes units.
        """
        every = {node.name for name in group for node in self.between(name)}
        inside = [node for node in self.cell.nodes if node.name in every]
        self.open = {f"{name}_prev" for name in group}
        for node in inside:
            if self.signal(node):
                self.open.update([node.name, *(key for _, key in node.own_states)])
        if len(group) > LARGEST_BLOCK:
            raise _MixesError(
                f"{', '.join(group)} depend on each other, and at most {LARGEST_BLOCK} states are "
                "solved together"
            )
        return tuple(node.name for node in inside)

    def signal(self, node: Node) -> bool:
        """Return whether a signal depends on the group's previous states, unit by unit."""
        depends = any(key in self.open for key in self.read_by(node))
        if not depends:
            return False
        if node.kind == "equation":
            assert node.expr is not None
            return self.unit(node.expr, self.sizes, node.name)
        if node.kind == "norm":
            raise _MixesError(f"{node.name} is a normalised state, so its units mix")
        if node.kind == "output":
            raise _MixesError("the output unit feeds back")
        expressions = self.cell.gate_expressions[node.name]
        if expressions is None:
            raise _MixesError(f"the gate {node.name} cannot be written as an expression")
        local = {**self.sizes, "pre": (node.width,)}
        self.open.discard("pre")
        if node.norm is not None and any(
            self.reads_open(r) for _, r in shared_reads(self.node, node)
        ):
            raise _MixesError(f"{node.name} is normalised over its units, and reads a state")
        # A list, not a generator: every read has to be checked.
        through = [self.opened(node, read) for read in node.reads]
        if any(through):
            self.open.add("pre")
        value, states = expressions
        depends_by_part = [self.unit(expr, local, node.name) for expr in (value, *states.values())]
        self.open.discard("pre")
        return any(depends_by_part)

    def reads_open(self, read: BuiltRead) -> bool:
        return any(name in self.open for name in names(read.expr))

    def opened(self, node: Node, read: BuiltRead) -> bool:
        """Return whether a linear read depends on the group, unit by unit."""
        if not self.reads_open(read):
            return False
        own = [n for n in names(read.expr) if n in self.open and n[: -len("_prev")] in self.owner]
        if own and not read.map.row_wise:
            state = own[0].removesuffix("_prev")
            raise _MixesError(
                f"{node.name} reads {own[0]} through a {read.map_kind} map, and {state} is "
                f"computed together with its gate {self.owner[state].name}"
            )
        if not read.map.row_wise:
            raise _MixesError(
                f"{node.name} reads {read.text} through a {read.map_kind} map, so each unit "
                f"depends on others (in a cell with `reads: {{{read.text}: diagonal}}` it does not)"
            )
        return self.unit(map_expression(node, read, _MixesError), self.sizes, node.name)

    def unit(self, expr: Expr, sizes: Mapping[str, Shape], where: str) -> bool:
        """Return whether an expression depends on the group, element by element.

        Raises:
            _MixesError: an element depends on other elements, or one is repeated.
        """
        self.visit()
        if isinstance(expr, Number):
            return False
        if isinstance(expr, Name):
            return expr.name in self.open
        if isinstance(expr, Neg):
            return self.unit(expr.operand, sizes, where)
        inner = (expr.left, expr.right) if isinstance(expr, Binary) else ()
        if isinstance(expr, Call):
            function = self.cell.spec.functions[expr.function]
            if function.compose is not None:
                return self.composed(expr, sizes, where)
            inner = expr.args  # type: ignore[assignment]
        parts = [part for part in inner if self.unit(part, sizes, where)]
        if not parts:
            return False
        if isinstance(expr, Call) and expr.function == "stop":
            raise _MixesError(
                f"{where} stops the gradient of a previous state, which Newton's method needs"
            )
        if isinstance(expr, Call) and not self.by_element(expr):
            raise _MixesError(f"{where} mixes units of a previous state in {expr.function}(...)")
        whole = self.elements(expr, sizes, where)
        if any(self.elements(part, sizes, where) != whole for part in parts):
            raise _MixesError(f"in {where} many units depend on one unit of a previous state")
        return True

    def by_element(self, expr: Call) -> bool:
        """Return whether a function computes each element from one element of each argument."""
        kind = self.cell.spec.functions[expr.function].kind
        return kind == "elementwise" or expr.function in _RESHAPES

    def composed(self, expr: Call, sizes: Mapping[str, Shape], where: str) -> bool:
        """Return the result of `unit` for a plugin's function that consists of other functions."""
        function = self.cell.spec.functions[expr.function]
        composed = function.composed(expr.args)
        if composed is None:
            inner = [self.unit(arg, sizes, where) for arg in expr.args]
            if not any(inner):
                return False
            raise _MixesError(
                f"the function {expr.function} of {where} cannot be written as an expression"
            )
        return self.unit(composed, sizes, where)

    def elements(self, expr: Expr, sizes: Mapping[str, Shape], where: str) -> int:
        try:
            whole = self.cell.constant_free(expr)
            shape = infer(whole, sizes, self.cell.spec.functions, where)
        except (CellError, KeyError):
            raise _MixesError(f"the width of a part of {where} is not known") from None
        return math.prod(shape or ())

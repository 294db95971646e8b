"""The cost of one step of a cell: floating-point operations, computed elements, state size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from gatekit.cell.errors import GatekitError
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Call, Expr, Name, walk
from gatekit.cell.language.ops import Function
from gatekit.cell.language.shape import Shape, infer
from gatekit.cell.program import Apply, Linear, Norm, Op, Opaque, Program, Sum, lower
from gatekit.faults import Place

_NORM = 5

COSTS = {
    "parameters": "parameters",
    "state": "numbers of state",
    "flops": "FLOPs per token",
}
"""What a cell costs, by its name in plain data, in words."""


def flops(cell: Cell) -> int:
    r"""Return the floating-point operations of one step of one sequence, forward.

    A matrix product of $m$ inputs and $n$ outputs counts $2 m n$. A sum, a product, a function
    such as ``tanh`` and a comparison count 1 for each element; ``softmax`` 5, ``var`` 4 and layer
    normalisation 5 for each element that they read. Computations once per sequence, such as the
    matrix of a skew-symmetric map, and operations that only move numbers are not counted. A gate
    or output unit that cannot be written as an expression counts 1 for each unit.

    Args:
        cell: the built cell, with its output unit.
    """
    program = lower(cell)
    return sum(_flops(program, op) for op in (*program.step, *program.after))


def costs(cell: Cell) -> dict[str, int]:
    """Return ``parameters``, ``state`` and ``flops`` of a cell: its weights, `state_size`, `flops`.

    Args:
        cell: the built cell.
    """
    return {"parameters": cell.count(), "state": state_size(cell), "flops": flops(cell)}


def added(
    variant: Mapping[str, int | None], plain: Mapping[str, int | None]
) -> dict[str, int] | None:
    """Return what a variant costs more than another model; None if a number is unknown.

    Args:
        variant: ``parameters``, ``state`` and ``flops``, as from `costs`.
        plain: those of the other model.
    """
    more = {}
    for name in COSTS:
        one, other = variant.get(name), plain.get(name)
        if one is None or other is None:
            return None
        more[name] = one - other
    return more


def added_text(more: Mapping[str, int]) -> str:
    """Return the result of `added` in words: ``+64 parameters, +64 numbers of state, ...``."""
    return ", ".join(f"{more[name]:+,} {words}" for name, words in COSTS.items())


def state_size(cell: Cell) -> int:
    """Return how many numbers a cell carries from step to step, for one sequence.

    Previous inputs and the history of an output unit are counted, too. The step number is not,
    because all sequences share it.

    Args:
        cell: the built cell.
    """
    carried = sum(state.width for state in cell.states)
    carried += sum(cell.inputs[name] for name in cell.shifted)
    return carried + sum((steps - 1) * cell.widths[name] for name, steps in cell.output.histories)


def step_cost(cell: Cell) -> int:
    """Return the number of elements that one step computes in equations, gates and reads.

    A running sum counts as the square of its width.

    Args:
        cell: the built cell.
    """
    program = lower(cell)
    applied = [op for op in program.step if isinstance(op, Apply)]
    return sum(_over_parts(program, op, _elements) for op in applied)


_Shapes = Mapping[str, Shape]
_Functions = Mapping[str, Function]


def _over_parts(
    program: Program, op: Apply, count: Callable[[_Functions, Expr, _Shapes], int]
) -> int:
    """Return the sum of a count over the parts of an operation's expression."""
    parts = [p for p in walk(program.constant_free(op.expr)) if not isinstance(p, Name)]
    try:
        return sum(count(program.functions, part, program.shapes) for part in parts)
    except GatekitError:
        # An output unit may combine a history with vectors, which an equation may not.
        return len(parts) * math.prod(program.shapes[op.out])


def _elements(functions: _Functions, part: Expr, shapes: _Shapes) -> int:
    shape = infer(part, shapes, functions, Place(("cell",))) or (1,)
    window = shape[-1] if isinstance(part, Call) and functions[part.function].facts.window else 1
    return math.prod(shape) * window


def _flops(program: Program, op: Op) -> int:
    shapes = program.shapes
    if isinstance(op, Linear):
        if op.map.has_matrix():
            return 2 * shapes[op.of][-1] * shapes[op.out][-1]
        own = [shapes[name] for name in op.weights.values()]
        # A vector scales; a matrix also sums.
        return sum((1 if len(shape) == 1 else 2) * math.prod(shape) for shape in own)
    if isinstance(op, Sum):
        return (len(op.parts) - 1) * math.prod(shapes[op.out])
    if isinstance(op, Norm):
        return _NORM * sum(math.prod(shapes[name]) for name in op.of)
    if isinstance(op, Opaque):
        return math.prod(shapes[op.outs[0]])
    if isinstance(op, Apply):
        return _over_parts(program, op, _operations)
    return 0


def _operations(functions: _Functions, part: Expr, shapes: _Shapes) -> int:
    """Return the operations of one part of an expression, excluding its arguments."""
    shape = infer(part, shapes, functions, Place(("cell",)))
    if not shape or isinstance(part, Name):
        return 0  # a plain number is computed when the cell is traced
    if isinstance(part, Call):
        function = functions[part.function]
        inner = [infer(arg, shapes, functions, Place(("cell",))) or () for arg in part.args]
        composed = function.of_places(part.args)
        if composed is not None:
            known = {f"argument {place}": shape for place, shape in enumerate(inner)}
            return sum(_operations(functions, each, known) for each in walk(composed))
        facts = function.facts
        if facts.moves:
            return 0
        if facts.summed is not None:
            return 2 * math.prod(shape) * inner[facts.summed][-1]
        if facts.flops is not None:
            return facts.flops * max(map(math.prod, inner))
    return math.prod(shape)

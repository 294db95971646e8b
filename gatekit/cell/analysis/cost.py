"""The cost of one step of a cell: floating-point operations, computed elements, state size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from gatekit.cell.errors import GatekitError
from gatekit.cell.graph import BuiltRead, Cell, Node
from gatekit.cell.language.expression import Binary, Call, Expr, Name, Neg, lift, walk
from gatekit.cell.language.shape import Shape, infer

# XLA computes each element of these as a window over the whole width.
_WINDOWS = ("cumsum", "cumax")
# Operations for each element of the argument; moving numbers is free.
_REDUCTIONS = {"dot": 2, "softmax": 5, "cumsum": 1, "cumax": 6, "sum": 1, "mean": 1, "var": 4}
# The position of the vector among the arguments of a product.
_VECTOR = {"matvec": 1, "vecmat": 0}
_FREE = ("stop", "repeat", "transpose", "split", "flat", "column", "row")
_NORM = 5

COSTS = {
    "parameters": "parameters",
    "state": "numbers of state",
    "flops": "FLOPs per token",
}
"""What a cell costs, by its name in plain data, in words."""

_Shapes = dict[str, Shape | None]


def flops(cell: Cell) -> int:
    r"""Return the floating-point operations of one step of one sequence, forward.

    A matrix product of $m$ inputs and $n$ outputs counts $2 m n$. A sum, a product, a function
    such as ``tanh`` and a comparison count 1 for each element; ``softmax`` 5, ``var`` 4 and layer
    normalisation 5 for each element that they read. Computations once per sequence, such as the
    matrix of a skew-symmetric map, and operations that only move numbers are not counted. A gate
    that cannot be written as an expression counts 1 for each unit.

    Args:
        cell: the built cell, with its output unit.
    """
    shapes = _shapes(cell)
    total = 0
    for node in cell.all_nodes:
        total += _pre_activation(cell, node.reads, node.bias is not None, node.width, shapes)
        if node.norm is not None:
            normalised = len(node.reads) if node.norm.of == "read" else 1
            total += (_NORM + 1) * normalised * node.width
        if node.kind == "norm":
            total += (_NORM + 2) * node.width
        elif node.kind == "output":
            total += _sum(cell, _emitted(cell), {**shapes, "pre": (node.width,)}) or node.width
        else:
            known = {**shapes, "pre": (node.width,)}
            total += sum(_sum(cell, expr, known) for expr in _values(cell, node))
            if node.kind == "gate" and cell.gate_expressions.get(node.name) is None:
                total += node.width
    output = cell.output
    if not output.unit.feeds_back:
        total += _pre_activation(
            cell, output.reads, output.bias is not None, output.width, shapes
        ) + _sum(cell, _emitted(cell), {**shapes, "pre": (output.width,)})
    return total


def training_flops(
    cells: Iterable[Cell | int], sequences: float, length: float, head: int, every: bool
) -> float:
    r"""Return the floating-point operations of a training step, backward included.

    $3 B (L \sum_k f_k + 2 w)$ with $B$ sequences of $L$ valid steps, the cells' `flops` $f_k$, and
    the $w$ weights of the head's matrix, which counts $L$ times if every step has a target. The
    backward pass counts twice the forward pass. Embeddings, the loss, the optimizer and evaluations
    are not counted.

    Args:
        cells: the cell of each recurrent layer and direction, or a number of operations.
        sequences: sequences of a training step, on average.
        length: valid steps of a sequence, on average.
        head: weights of the head's matrix.
        every: whether every step has a target.

    Reference: Kaplan et al., "Scaling laws for neural language models" (2020), arXiv:2001.08361
    """
    each = (cell if isinstance(cell, int) else flops(cell) for cell in cells)
    forward = length * sum(each) + (length if every else 1) * 2 * head
    return 3 * sequences * forward


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
    known = _shapes(cell)
    total = 0
    for node in cell.nodes:
        shapes = {**known, "pre": (cell.widths.get(node.name, cell.output.width),)}
        reads = [cell.constant_free(read.expr) for read in node.reads]
        for expr in (*_values(cell, node), *reads):
            total += sum(_elements(cell, part, shapes) for part in walk(expr))
    return total


def _shapes(cell: Cell) -> _Shapes:
    known: _Shapes = {"t": (1,), **dict.fromkeys(cell.constants, ())}
    for name, shape in cell.shapes.items():
        known[name] = known[f"{name}_prev"] = shape
    known.update({weight.name: weight.shape for weight in cell.weights})
    return known


def _values(cell: Cell, node: Node) -> Iterator[Expr]:
    """Yield the expressions that a node computes from its pre-activation and other signals."""
    if node.kind == "equation":
        yield cell.constant_free(cell.equation(node.name))
    expressions = cell.gate_expressions.get(node.name)
    for expr in () if expressions is None else (expressions[0], *expressions[1].values()):
        yield cell.constant_free(expr)


def _elements(cell: Cell, part: Expr, shapes: _Shapes) -> int:
    if isinstance(part, Name):
        return 0
    shape = infer(part, shapes, cell.spec.functions, "cell") or (1,)
    window = shape[-1] if isinstance(part, Call) and part.function in _WINDOWS else 1
    return math.prod(shape) * window


def _pre_activation(
    cell: Cell, reads: Iterable[BuiltRead], bias: bool, width: int, shapes: _Shapes
) -> int:
    reads = tuple(reads)
    sums = max(0, len(reads) + bias - 1) * width
    mapped = sum(_map(cell, read) + _sum(cell, read.expr, shapes) for read in reads)
    return sums + mapped


def _map(cell: Cell, read: BuiltRead) -> int:
    if read.map.has_matrix():
        return 2 * read.width_in * read.width_out
    known = {weight.name: weight.shape for weight in cell.weights}
    shapes = [known[name] for name in read.weights.values()]
    # A vector scales; a matrix also sums.
    return sum((1 if len(shape) == 1 else 2) * math.prod(shape) for shape in shapes)


def _emitted(cell: Cell) -> Expr:
    """Return the output unit's result as an expression; a number if it cannot be written as one."""
    unit = cell.output
    values = {
        argument: Name("pre" if key.startswith("pre:") else key) for argument, key in unit.arguments
    }
    try:
        result = unit.unit.compute(values)
    except Exception:
        return lift(0)
    value = result[0] if isinstance(result, tuple) else result
    return value if isinstance(value, Expr) else lift(0)


def _sum(cell: Cell, expr: Expr, shapes: _Shapes) -> int:
    total = 0
    for part in walk(cell.constant_free(expr)):
        if isinstance(part, Neg | Binary | Call):
            try:
                total += _operations(cell, part, shapes)
            except (GatekitError, KeyError):
                # A history has one more axis than the shapes of signals.
                total += cell.output.width
    return total


def _operations(cell: Cell, part: Neg | Binary | Call, shapes: _Shapes) -> int:
    """Return the operations of one part of an expression, excluding its arguments."""
    functions = cell.spec.functions
    shape = infer(part, shapes, functions, "cell")
    if not shape:
        return 0  # a plain number, computed when the cell is traced
    if isinstance(part, Call):
        function = functions[part.function]
        if function.compose is not None:
            names = [f"argument_{place}" for place in range(len(part.args))]
            inner = [infer(arg, shapes, functions, "cell") for arg in part.args]
            composed = function.compose(*map(Name, names))
            return _sum(cell, lift(composed), dict(zip(names, inner, strict=True)))
        if part.function in _FREE:
            return 0
        read = [infer(arg, shapes, functions, "cell") or (1,) for arg in part.args]
        if part.function in _VECTOR:
            return 2 * math.prod(shape) * read[_VECTOR[part.function]][-1]
        if part.function in _REDUCTIONS:
            return _REDUCTIONS[part.function] * max(map(math.prod, read))
    return math.prod(shape)

"""Expressions and names of values that are known for all steps.

`blocks_of` decides which blocks of a cell are written as code.
"""

from __future__ import annotations

from collections.abc import Mapping

from gatekit.cell.analysis import affine, chunk
from gatekit.cell.analysis.affine import AffineBlock
from gatekit.cell.analysis.chunk import Largest, Memories, Memory
from gatekit.cell.errors import CellError
from gatekit.cell.graph import BuiltRead, Cell
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Neg,
    Number,
    children,
    names,
    substitute,
    with_children,
)
from gatekit.cell.language.shape import infer
from gatekit.cell.program import Linear
from gatekit.code.emit import Emitter
from gatekit.code.identifiers import wrapped
from gatekit.code.printing import SIZES

SolvedBlock = AffineBlock | Largest | Memories


class UnwrittenError(Exception):
    """The cell has no parallel form that can be written as code."""


def blocks_of(
    cell: Cell,
) -> tuple[tuple[SolvedBlock, ...], Mapping[str, str], tuple[str, ...]]:
    """Return the blocks of a cell, with the reads and gates that their formulas refer to.

    A read is given as the name of the linear operation by its name in formulas.

    Raises:
        UnwrittenError: there are none, or they cannot be written as code.
    """
    spec = cell.spec
    noise = (spec.dropout, spec.recurrent_dropout, *(state.zoneout for state in cell.states))
    if any(noise) or cell.output.histories or cell.output.unit.feeds_back:
        raise UnwrittenError("noise, or an output unit that reads earlier steps")
    chunks = chunk.analyse(cell)
    if not chunks.reason and all(map(_is_written, chunks.memories)):
        return chunks.blocks, _operations(chunks.reads), chunks.pre_activations
    states = affine.analyse(cell)
    if not states.affine:
        raise UnwrittenError(states.reason)
    return states.blocks, _operations(states.reads), ()


def _operations(reads: Mapping[str, tuple[str, BuiltRead]]) -> Mapping[str, str]:
    return {key: f"{gate}:{read.text}" for key, (gate, read) in reads.items()}


def _is_written(memory: Memory) -> bool:
    plain = not memory.partner and memory.sign is None and memory.row is None
    if not plain or len(memory.reads) != 1:
        return False
    # Several terms can only be written if they correct the memory and it is read afterwards.
    return len(memory.terms) == 1 or (memory.corrects and memory.reads[0].after)


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


class KnownLines(Emitter):
    """Writes values that are known for all steps; signals are ``batch x time x ...``.

    Attributes:
        reads: the linear operations that formulas of the analysis refer to, by their names there.
        last: the code of each state after the last step.
    """

    reads: Mapping[str, str]
    last: dict[str, str]

    def call(self, function: str, like: str, *arguments: str) -> str:
        """Write a call of a helper function, and return the name of its value."""
        self.printer.need([function])
        name = self.local.new(like)
        self.lines += wrapped(f"{name} = {function}({', '.join(arguments)})", self.room)
        return name

    def shape_of(self, expr: Expr) -> tuple[int, ...] | None:
        """Return the shape of an expression, without batch and time."""
        try:
            shapes = {name: self.program.shapes[name] for name in names(expr)}
            return infer(expr, shapes, self.program.functions, "parallel")
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
        """Return an expression of the analysis rewritten for this file.

        In the analysis, matrices are split vectors, and sizes are numbers.
        """
        numbers = {float(self.program.constants[name]): name for name in SIZES}

        def rewritten(part: Expr) -> Expr:
            splits, inner = 0, part
            while isinstance(inner, Call) and inner.function == "split":
                splits, inner = splits + 1, inner.args[0]
            if isinstance(inner, Name) and splits:
                shape = self.program.shapes.get(inner.name, ())
                if len(shape) == splits + 1:
                    return inner
            if isinstance(part, Number) and float(part.value) in numbers:
                return Name(numbers[float(part.value)])
            return with_children(part, tuple(rewritten(child) for child in children(part)))

        result = rewritten(expr)
        for name in names(result):
            if name in self.reads:
                result = substitute(result, self.read_of(name))
            elif name.startswith("pre:"):
                result = substitute(result, {name: Name(f"{name[4:]}:pre")})
        missing = [
            n for n in names(result) if n not in self.env and n not in self.program.constants
        ]
        if missing:
            raise UnwrittenError(f"{missing[0]} is not known")
        return result

    def read_of(self, key: str) -> Mapping[str, Expr]:
        """Return replacements for a linear read; a shared product and its bias are used once."""
        op = self.program.source[self.reads[key]]
        assert isinstance(op, Linear)
        values: dict[str, Expr] = {key: self.value(op.out)}
        if op.out in self.columns:
            columns, place = self.columns[op.out]
            if op not in columns.terms[0]:
                values[key] = Number(0)
            if columns.bias is not None:
                values[columns.bias.weights[place]] = Number(0)
        return values

"""The equations of a program: operations without a name of the cell are written in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from gatekit.cell.language.expression import Call, Expr, Name, render, substitute, total, walk
from gatekit.cell.learned import LinearMap
from gatekit.cell.schema import EPSILON, OUTPUT_UNIT

from .ops import Apply, Drop, Linear, Norm, Op, Opaque, Program, Sum, outs

LAYER_NORM = "layer_norm"
_MOST_REPEATED = 10


@dataclass(frozen=True)
class Equation:
    """One equation: ``name = expr``.

    ``name`` is a signal, a gate's own state (``forget.k``), a pre-activation (``forget.pre``) or
    ``y``, the output; ``opaque`` is true if a plugin's function cannot be written as an expression;
    ``expr`` then only lists its arguments.
    """

    name: str
    expr: Expr
    opaque: bool = False


class Equations:
    """The equations of a program in the order of computation.

    In the equations, each linear operation and each bias is a name; `read` returns what a linear
    operation reads, and `text` writes both out. A pre-activation is written in place if it is short
    or used once; otherwise it has its own line.

    Args:
        program: the program of a cell.

    Attributes:
        linear: the linear operations by name.
        biases: the gate or output unit of each bias, by the bias.
        repeated: the name of the line of a pre-activation that has one, by its value.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        ops = (*program.step, *program.after)
        self.source = {name: op for op in ops for name in outs(op)}
        self.plain = {hold.out: hold.new for hold in program.holds}
        self.named = {*program.signals, program.result} - {*self.plain}
        self.linear = {op.out: op for op in ops if isinstance(op, Linear)}
        self.biases = {w.name: w.owner for w in program.weights if w.kind == "bias"}
        used = Counter(name for op in ops for name in _uses(op))
        self.repeated: dict[str, str] = {}
        for op in ops:
            owner, _, what = outs(op)[0].rpartition(":")
            if (
                isinstance(op, Sum)
                and what == "pre"
                and used[op.out] > 1
                and not self._is_short(op)
            ):
                self.repeated[op.out] = f"{'y' if owner == OUTPUT_UNIT else owner}.pre"

    @cached_property
    def lines(self) -> tuple[Equation, ...]:
        """The equations."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[Equation]:
        for op in (*self.program.step, *self.program.after):
            name = outs(op)[0]
            if isinstance(op, Sum) and name in self.repeated:
                yield Equation(self.repeated[name], self._sum(op))
            elif name in self.named:
                shown = "y" if name == self.program.result else name
                yield Equation(shown, self._right_side(op, name), isinstance(op, Opaque))

    def read(self, op: Linear) -> Expr:
        """Return what a linear operation reads."""
        source = self.source.get(op.of)
        return self.written(source.of if isinstance(source, Drop) else op.of)

    def written(self, name: str) -> Expr:
        """Return a value as an expression of what has a line, linear operations and biases."""
        op = self.source.get(name)
        if name in self.repeated:
            return Name(self.repeated[name])
        if op is None or name in self.named or isinstance(op, Linear):
            return Name(self.plain.get(name, name))
        return self._right_side(op, name)

    def _right_side(self, op: Op, name: str) -> Expr:
        if isinstance(op, Apply):
            read = {name: self.written(name) for name in op.reads}
            return substitute(op.expr, read)
        if isinstance(op, Sum):
            return self._sum(op)
        if isinstance(op, Norm):
            part = self.written(op.of[op.outs.index(name)])
            return Call(_norm_name(op), (part,))
        if isinstance(op, Opaque):
            return Call(op.kind, tuple(self.written(key) for key in op.reads))
        return Name(name)

    def _sum(self, op: Sum) -> Expr:
        whole = total([self.written(part) for part in op.parts])
        assert whole is not None
        return whole

    def _is_short(self, op: Sum) -> bool:
        """Return whether a sum is short enough to be written more than once."""
        [first, *more] = op.parts
        if more or first not in self.linear:
            return not more and first in self.biases
        return sum(1 for _ in walk(self.read(self.linear[first]))) <= _MOST_REPEATED

    @cached_property
    def scales(self) -> Mapping[str, Linear]:
        """The linear operation whose normalised value a weight scales, by the weight."""
        found: dict[str, Linear] = {}
        for op in self.source.values():
            if isinstance(op, Apply) and len(op.reads) == 2:
                scale, normed = op.reads
                norm = self.source.get(normed)
                if isinstance(norm, Norm) and norm.of[norm.outs.index(normed)] in self.linear:
                    found[scale] = self.linear[norm.of[norm.outs.index(normed)]]
        return found

    def text(self, line: Equation) -> str:
        """Return a line with reads as linear maps: ``forget = sigmoid(dense(x) + bias)``."""
        return f"{line.name} = {render(substitute(line.expr, self._maps), ' ')}"

    @cached_property
    def _maps(self) -> Mapping[str, Expr]:
        found: dict[str, Expr] = dict.fromkeys(self.biases, Name("bias"))
        for name, op in self.linear.items():
            read = self.read(op)
            found[name] = (
                read if op.kind == "identity" else Call(map_text(op.map, op.kind), (read,))
            )
        return found


def texts(program: Program) -> list[str]:
    """Return the equations of a program as plain text."""
    equations = Equations(program)
    return [equations.text(line) for line in equations.lines]


def map_text(linear_map: LinearMap, kind: str) -> str:
    """Return the kind of a linear map with its changed options: ``block[blocks=2]``."""
    options = ", ".join(f"{key}={value}" for key, value in linear_map.options().items())
    return f"{kind}[{options}]" if options else kind


def _uses(op: Op) -> Iterator[str]:
    """Yield the name of each value that an operation reads, as often as it is written."""
    if isinstance(op, Apply):
        yield from (part.name for part in walk(op.expr) if isinstance(part, Name))
    else:
        yield from op.reads


def _norm_name(op: Norm) -> str:
    """Return the name of a norm: ``layer_norm[reset, update, epsilon=0.001]``.

    It shows the gates that share the statistics, and the number that is added to the variance
    unless it is the default.
    """
    sharing = [name.partition(":")[0] for name in op.outs] if len(op.outs) > 1 else []
    options = [*sharing, *([] if op.epsilon == EPSILON else [f"epsilon={op.epsilon!r}"])]
    return f"{LAYER_NORM}[{', '.join(options)}]" if options else LAYER_NORM

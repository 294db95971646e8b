"""The eight kinds of operation, and a cell as a list of them.

Each value has a name, and one operation computes it. A value that the cell names has that name. The
others contain ``:`` or ``[``, which no name of a cell can: ``forget:x``, ``[reset*h_prev]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gatekit.cell.graph import State, Weight
from gatekit.cell.language.expression import Expr, divided, lift, names, substitute
from gatekit.cell.language.ops import Function
from gatekit.cell.learned import LinearMap
from gatekit.cell.row_wise import RowWise

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Linear:
    """``out = map(of)``, a read of a gate; the only operation that can multiply by a matrix.

    Attributes:
        of: the value that is read, after dropout.
        map: the linear map; ``kind`` is its registered name.
        weights: the names of its weights by suffix.
        owner: the gate, projection or output unit; ``text`` is the read as written. They name
            weights and messages.
    """

    out: str
    of: str
    map: LinearMap
    kind: str
    weights: Mapping[str, str]
    owner: str
    text: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the operation reads."""
        return (self.of, *self.weights.values())


@dataclass(frozen=True)
class Sum:
    """``out = parts[0] + parts[1] + ...``, from left to right; the last part may be a bias."""

    out: str
    parts: tuple[str, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the operation reads."""
        return self.parts


@dataclass(frozen=True)
class Norm:
    """Values normalised by their common mean and variance, one for each value in ``of``."""

    outs: tuple[str, ...]
    of: tuple[str, ...]
    epsilon: float

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the operation reads."""
        return self.of


@dataclass(frozen=True)
class Apply:
    """``out = expr``, row by row; the expression is of matrices, where values are matrices."""

    out: str
    expr: Expr

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the operation reads."""
        return names(self.expr)


@dataclass(frozen=True)
class Opaque:
    """The function of a gate or output unit that cannot be written as an expression.

    Attributes:
        outs: the value, then the gate's new states.
        unit: the gate or output unit; ``kind`` is its registered name.
        arguments: the value that each argument of the function gets.
        states: the names under which the function returns the new states.
    """

    outs: tuple[str, ...]
    unit: RowWise
    kind: str
    arguments: tuple[tuple[str, str], ...]
    states: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the operation reads."""
        return tuple(key for _, key in self.arguments)


@dataclass(frozen=True)
class Drop:
    """``out = of * mask``, recurrent dropout; ``text`` is the key of the mask of a sequence."""

    out: str
    of: str
    text: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the operation reads."""
        return (self.of,)


@dataclass(frozen=True)
class Hold:
    """A state after zoneout and mask; ``place`` selects the draws of zoneout with that rate."""

    out: str
    new: str
    old: str
    rate: float
    place: int

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the operation reads."""
        return (self.new, self.old)


@dataclass(frozen=True)
class Window:
    """``out`` is the last ``length`` valid values of a signal, ``... x length x width``."""

    out: str
    of: str
    length: int

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the operation reads."""
        return (self.of,)


Op = Linear | Sum | Norm | Apply | Opaque | Drop | Hold | Window


def outs(op: Op) -> tuple[str, ...]:
    """Return the names of the values that an operation computes."""
    return op.outs if isinstance(op, (Norm, Opaque)) else (op.out,)


@dataclass(frozen=True)
class Program:
    """A built cell as operations; `step`, `holds` and `after` are in the order of computation.

    Attributes:
        name: the cell's name.
        inputs: the width of each input by name.
        states: the cell's states.
        weights: the cell's weights. Where a map applies to one, ``raw:NAME`` is the stored weight.
        constants: the constants by name.
        functions: the functions that expressions call, by name.
        shapes: the shape of every value, without batch and time.
        setup: the maps of parameters, once per call.
        step: the operations of a step.
        holds: the states after the step, in the order of ``states``.
        after: the output unit, which reads states after the step; for all steps at once.
        result: the value that the layer returns.
        carried: the values that become ``NAME_prev`` in the next step, by that name.
        counts: whether ``t``, the number of the step, is read.
        noises: the distribution of each noise that is drawn for a step, by name.
        signals: the names of the cell's signals, gates' own states included, in order.
    """

    name: str
    inputs: Mapping[str, int]
    states: tuple[State, ...]
    weights: tuple[Weight, ...]
    constants: Mapping[str, float]
    functions: Mapping[str, Function] = field(repr=False)
    shapes: Mapping[str, Shape] = field(repr=False)
    setup: tuple[Apply, ...]
    step: tuple[Op, ...]
    holds: tuple[Hold, ...]
    after: tuple[Op, ...]
    result: str
    carried: Mapping[str, str]
    counts: bool
    noises: Mapping[str, str]
    signals: tuple[str, ...]

    @cached_property
    def all(self) -> tuple[Op, ...]:
        """Every operation, in order."""
        return (*self.setup, *self.step, *self.holds, *self.after)

    @cached_property
    def source(self) -> Mapping[str, Op]:
        """The operation that computes each value."""
        return {name: op for op in self.all for name in outs(op)}

    @cached_property
    def fixed(self) -> frozenset[str]:
        """The values that are the same in every step: weights and constants."""
        raw = [name for op in self.setup for name in op.reads]
        return frozenset([*self.constants, *(weight.name for weight in self.weights), *raw])

    @cached_property
    def timeless(self) -> frozenset[str]:
        """The values that can be computed before the loop: none is a state or depends on one."""
        known = {*self.fixed, *self.inputs, *(f"{name}_prev" for name in self.inputs), "t"}
        known.update(self.noises)
        states = {state.name for state in self.states}
        for op in self.step:
            if known.issuperset(op.reads) and states.isdisjoint(outs(op)):
                known.update(outs(op))
        return frozenset(known)

    def constant_free(self, expr: Expr) -> Expr:
        """Return an expression with numbers in place of constants."""
        values = {name: lift(value) for name, value in self.constants.items()}
        return divided(substitute(expr, values))

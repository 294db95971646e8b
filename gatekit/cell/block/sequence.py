"""Operations over sequences: the parts of blocks and of stacks, with what a model has around."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from gatekit.cell.language.expression import Expr, Name
from gatekit.cell.language.ops import Function

X = Name("x")
"""What an operation reads, in its equation."""
EPSILON = 1e-6
"""The number that norms add to the mean square or the variance."""


@dataclass(frozen=True)
class PartWeight:
    """A weight of an operation: ``name`` in saved models, ``written`` in generated files.

    ``uniform`` initial values are between -1 / sqrt(n) and 1 / sqrt(n), with n the product of fan,
    or between -bound and bound. Those of ``normal`` have the standard deviation sqrt(2 / n).
    """

    name: str
    written: str
    shape: tuple[int, ...]
    first: Literal["glorot", "uniform", "normal", "ones", "zeros"]
    fan: tuple[int, ...] = ()
    bound: float = 0.0

    @property
    def limit(self) -> float:
        """The largest initial value or the standard deviation; 0 if none is drawn."""
        if self.first == "glorot":
            return math.sqrt(6 / sum(self.shape))
        bound = self.bound or (1 / math.sqrt(math.prod(self.fan)) if self.fan else 0.0)
        return math.sqrt(2) * bound if self.first == "normal" else bound


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation over all steps of a sequence; its weights and its equation suffice to run it.

    Attributes:
        name: unique in its block; ``kind`` is its name in descriptions.
        of: its input, ``fed`` wide; its output is ``width`` wide.
        weights: the trained weights; ``count`` is their number.
        equation: the value of a step, in terms of ``x`` and the weights.
        flops: the floating-point operations of one step of a sequence.
        carried: the state size: the numbers that are carried between steps, per sequence.
        summary: the computation in a few words, for its box with this ``look``.
        text: the computation, with ``{0}`` for what it reads, or ``{1}`` for it in parentheses.
        arrow: ``dense`` for a matrix, ``diagonal`` for a number for each channel, or ``thin``.
    """

    name: str
    of: Expr
    fed: int
    width: int
    weights: tuple[PartWeight, ...] = ()
    equation: Expr = X
    count: int = 0
    flops: int = 0
    carried: int = 0
    summary: str
    text: str
    arrow: str = "thin"
    kind: ClassVar[str] = "part"
    look: ClassVar[str] = "equation"


@dataclass(frozen=True, kw_only=True)
class Normal(Operation):
    """``rms`` or ``layer`` normalisation of each of ``groups`` parts, which share their gains."""

    norm: str
    groups: int
    kind = "norm"


@dataclass(frozen=True, kw_only=True)
class Linear(Operation):
    """A matrix product of each step, and a bias."""

    arrow: str = "dense"
    kind, look = "dense", "gate"


@dataclass(frozen=True, kw_only=True)
class Embed(Operation):
    """A vector of a table for each of ``tokens``."""

    tokens: int
    kind = "embedding"


@dataclass(frozen=True, kw_only=True)
class Convolve(Operation):
    """A causal convolution over valid steps, with a matrix for each of them if ``full``."""

    kernel: int
    full: bool
    kind, look = "convolution", "gate"


@dataclass(frozen=True, kw_only=True)
class Drop(Operation):
    """Dropout of each number, in training."""

    rate: float
    kind = "dropout"


@dataclass(frozen=True, kw_only=True)
class Own(Operation):
    """A Keras layer of the author's, which ``make`` returns."""

    make: Callable[[], Any]
    arrow: str = "dense"
    kind, look = "layer", "gate"


@dataclass(frozen=True, kw_only=True)
class Recur(Operation):
    """The recurrent layer: the program of a cell over all steps; in a stack also a whole block."""

    cell: Any  # a built cell; cells know the catalogue, and the catalogue knows blocks
    backwards: bool = False
    arrow: str = "dense"
    kind, look = "mixer", "output"


@dataclass(frozen=True)
class SequenceProgram:
    """The computation of one method of a block, or of a part of a model.

    Attributes:
        ops: the operations in the order of computation.
        value: the result, ``width`` wide, in terms of operations and inputs.
        flops: the floating-point operations of one step that belong to no operation.
        functions: the functions that expressions call, by name.
    """

    ops: tuple[Operation, ...]
    value: Expr
    width: int
    flops: int
    functions: Mapping[str, Function] = field(repr=False)

"""Operations over sequences: the parts of blocks, and of what a model has around its layers.

An operation declares its weights, its value and its cost once. Counts, text, drawings, Keras layers
and generated code follow from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gatekit.cell.language.expression import Call, Expr, Number

if TYPE_CHECKING:  # cells know the catalogue, and the catalogue knows blocks
    from gatekit.cell.graph import Cell

EPSILON = 1e-6
"""The number that norms add to the mean square or the variance."""
_NORM_FLOPS = 5


@dataclass(frozen=True)
class PartWeight:
    """A weight of an operation.

    Attributes:
        name: its name in saved models.
        written: its name in generated files.
        shape: its shape.
        first: how its initial value is drawn.
        fan: for ``uniform``, the bound is 1 / sqrt of the product of these numbers.
    """

    name: str
    written: str
    shape: tuple[int, ...]
    first: Literal["glorot", "uniform", "ones", "zeros"]
    fan: tuple[int, ...] = ()


@dataclass(frozen=True)
class Operation:
    """An operation over all steps of a sequence; most compute each step by itself.

    A subclass declares `weights` and `value`, which suffice to train it, to write it as code in
    every framework, and to count and draw it. `gatekit.recurrence.blocks.keras_parts` and
    `gatekit.code.blocks.emit` have the few operations that are more than an equation.

    Attributes:
        name: unique in its block.
        of: what it reads, in terms of the operations before it.
        fed: the width of its input.
        width: the width of its output.
    """

    name: str
    of: Expr
    fed: int
    width: int

    kind: ClassVar[str] = "part"
    look: ClassVar[str] = "equation"

    @property
    def weights(self) -> tuple[PartWeight, ...]:
        """The trained weights."""
        return ()

    def value(self, x: Expr, weights: Mapping[str, Expr]) -> Expr:
        """Return the value of a step.

        Args:
            x: the input.
            weights: the weights by name.
        """
        raise NotImplementedError

    @property
    def count(self) -> int:
        """The number of trained weights."""
        return sum(math.prod(weight.shape) for weight in self.weights)

    @property
    def flops(self) -> int:
        """The floating-point operations of one step of a sequence."""
        return 2 * self.count

    @property
    def carried(self) -> int:
        """The state size: the numbers that are carried between steps, per sequence."""
        return 0

    @property
    def summary(self) -> str:
        """The computation in a few words, for a drawing."""
        return self.kind

    @property
    def arrow(self) -> str:
        """The style of the arrow that leads to it: ``dense`` for a matrix, ``diagonal``, ``thin``.

        ``diagonal`` treats each channel separately.
        """
        return "thin"

    def text(self, read: str) -> str:
        """Return the right side of its equation.

        Args:
            read: the text of what it reads.
        """
        return f"{self.summary.replace(' ', '_')}({read})"


@dataclass(frozen=True)
class Normal(Operation):
    """``rms`` or ``layer`` normalisation of each of ``groups`` parts, which share their gains."""

    norm: str
    groups: int
    kind = "norm"

    @property
    def weights(self) -> tuple[PartWeight, ...]:
        """The gains, and the offsets of layer normalisation."""
        shape = (self.width // self.groups,)
        if self.norm == "rms":
            return (PartWeight("scale", "scale", shape, "ones"),)
        offset = PartWeight("beta", "offset", shape, "zeros")
        return PartWeight("gamma", "scale", shape, "ones"), offset

    def value(self, x: Expr, weights: Mapping[str, Expr]) -> Expr:
        """Return the normalised value; several groups are an axis of ``x``."""
        gain, *offset = weights.values()
        result = Call(f"{self.norm}_norm", (x, Number(EPSILON))) * gain
        return result + offset[0] if offset else result

    @property
    def flops(self) -> int:
        """The floating-point operations of one step of a sequence."""
        return (_NORM_FLOPS + len(self.weights)) * self.width

    @property
    def summary(self) -> str:
        """The kind of norm."""
        return f"{self.norm}_norm{f' of {self.groups} heads' if self.groups > 1 else ''}"


@dataclass(frozen=True)
class Linear(Operation):
    """A matrix product of each step, and a bias."""

    bias: bool
    kind = "dense"
    look = "gate"
    arrow = "dense"

    @property
    def weights(self) -> tuple[PartWeight, ...]:
        """The matrix, and the bias."""
        matrix = PartWeight("kernel", "weight", (self.fed, self.width), "glorot")
        return matrix, *_bias(self.width, self.bias)

    def value(self, x: Expr, weights: Mapping[str, Expr]) -> Expr:
        """Return the product, with the bias added."""
        matrix, *bias = weights.values()
        product = Call("matmul", (x, matrix))
        return product + bias[0] if bias else product

    @property
    def flops(self) -> int:
        """The floating-point operations of one step of a sequence."""
        return 2 * self.fed * self.width + self.bias * self.width

    @property
    def summary(self) -> str:
        """The size of the matrix."""
        return f"{self.fed} x {self.width}"

    def text(self, read: str) -> str:
        """Return the right side of its equation."""
        read = read if read.isidentifier() else f"({read})"
        bias = f" + b_{self.name}" if self.bias else ""
        return f"W_{self.name} {read}{bias}  # {self.summary}"


@dataclass(frozen=True)
class Convolve(Operation):
    """A causal convolution over the last valid steps, with a matrix for each step if ``full``."""

    kernel: int
    full: bool
    bias: bool
    kind = "convolution"
    look = "gate"

    @property
    def weights(self) -> tuple[PartWeight, ...]:
        """The kernel, and the bias."""
        size, fed = self.kernel, self.fed
        shape, fan = ((size, fed, self.width), (size, fed)) if self.full else ((size, fed), (size,))
        kernel = PartWeight("kernel", "kernel", shape, "uniform", fan)
        return kernel, *_bias(self.width, self.bias)

    @property
    def flops(self) -> int:
        """The floating-point operations of one step of a sequence."""
        return math.prod(self.weights[0].shape) + self.count

    @property
    def carried(self) -> int:
        """The numbers of the last inputs."""
        return (self.kernel - 1) * self.fed

    @property
    def arrow(self) -> str:
        """``dense`` if it has matrices."""
        return "dense" if self.full else "diagonal"

    @property
    def _matrix(self) -> str:
        return f", {self.fed} x {self.width}" if self.full else ""

    @property
    def summary(self) -> str:
        """The number of steps, and the size of the matrices."""
        steps = "1 step" if self.kernel == 1 else f"{self.kernel} steps"
        return f"convolution of {steps}{self._matrix}"

    def text(self, read: str) -> str:
        """Return the right side of its equation."""
        steps = "each step" if self.kernel == 1 else f"the last {self.kernel} valid steps"
        return f"convolution({read})  # {steps}{self._matrix}"


@dataclass(frozen=True)
class Drop(Operation):
    """Dropout of each number, in training."""

    rate: float
    kind = "dropout"


@dataclass(frozen=True)
class Own(Operation):
    """A Keras layer of the author's, which ``make`` returns, with its number of weights."""

    make: Callable[[], Any]
    declared: int
    kind = "layer"
    look = "gate"
    arrow = "dense"

    @property
    def count(self) -> int:
        """The number of trained weights."""
        return self.declared


@dataclass(frozen=True)
class Recur(Operation):
    """The recurrent layer: the program of a cell over all steps, with the cell's `costs`."""

    cell: Cell
    costs: Mapping[str, int]
    kind = "mixer"
    look = "output"
    arrow = "dense"

    @property
    def count(self) -> int:
        """The number of trained weights of the cell."""
        return self.costs["parameters"]

    @property
    def flops(self) -> int:
        """The floating-point operations of one step of the cell."""
        return self.costs["flops"]

    @property
    def carried(self) -> int:
        """The state size of the cell."""
        return self.costs["state"]

    @property
    def summary(self) -> str:
        """The width of its output."""
        return f"{self.width} wide"

    def text(self, read: str) -> str:
        """Return the right side of its equation."""
        return f"{self.cell.spec.name}({read})  # the recurrent layer"


def _bias(width: int, has: bool) -> tuple[PartWeight, ...]:
    return (PartWeight("bias", "bias", (width,), "zeros"),) if has else ()


@dataclass(frozen=True)
class SequenceProgram:
    """The computation of one method of a block, or of a part of a model.

    Attributes:
        ops: the operations in the order of computation.
        value: the result, in terms of operations and inputs.
        width: the width of the result.
        flops: the floating-point operations of one step that belong to no operation.
    """

    ops: tuple[Operation, ...]
    value: Expr
    width: int
    flops: int = 0

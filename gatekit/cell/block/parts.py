"""Records the operations of a block while its methods are called with expressions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gatekit.cell.calls import checked_call, no_attribute
from gatekit.cell.errors import CellError, ConfigError, nearest, wrong_option
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    Neg,
    Number,
    lift,
    names,
    walk,
)
from gatekit.cell.language.ops import FUNCTIONS, Function, gelu, silu
from gatekit.cell.language.shape import infer
from gatekit.faults import Place

from .sequence import (
    EPSILON,
    Convolve,
    Drop,
    Linear,
    Normal,
    Operation,
    Own,
    PartWeight,
    Recur,
    SequenceProgram,
    X,
)

_NORM_FLOPS = 5
NORMS = ("rms", "layer", "none")
MLPS = ("swiglu", "geglu", "gelu", "none")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_MOST_STEPS = 1024
"""The most steps that a convolution reads: each is an operation of the graph."""
_MOST_FACTOR = 1000


class Parts:
    """Makes the parts of a block; a method that makes a part returns an expression.

    Args:
        where: the block and its method, for messages.
        width: the model's width.
        units: the cell's units.
        inputs: the width of each input.
        mixer: builds the cell, with its costs, for a width of its input; None outside ``mix``.
        dropout: the run's dropout rate.
        taken: the names of parts that the block already has.
        functions: the functions of equations, by name.
    """

    def __init__(
        self,
        where: str,
        width: int,
        units: int,
        inputs: Mapping[str, int],
        mixer: Callable[[int], tuple[Any, tuple[int, int, int]]] | None,
        dropout: float = 0.0,
        taken: tuple[str, ...] = (),
        functions: Mapping[str, Function] = FUNCTIONS,
    ) -> None:
        self.width, self.units = width, units
        self._where, self._mixer, self._dropout = where, mixer, dropout
        self._widths = {name: (size,) for name, size in inputs.items()}
        self._taken = {*taken, *inputs, "rnn"}
        self._parts: list[Operation] = []
        self._functions = functions

    if not TYPE_CHECKING:  # otherwise a type checker would allow every attribute
        __getattr__ = no_attribute

    @checked_call()
    def norm(self, name: str, value: Any, kind: str = "rms", groups: int = 1) -> Expr:
        r"""Normalise each step: $x / \mathrm{rms}(x) \cdot g$, or layer normalisation.

        Args:
            name: the part's name.
            value: the expression to normalise.
            kind: ``rms``, ``layer``, or ``none``, which returns the value.
            groups: how many equal parts of the width are normalised separately, with shared gains.
        """
        self._one_of(name, kind, NORMS)
        if kind == "none":
            return lift(value)
        size = self._size(value)
        if groups < 1 or size % groups:
            expected = f"an integer from 1 that divides the {size} units"
            raise wrong_option(self._where, f"{name}.groups", groups, expected)
        gain, shape = "scale" if kind == "rms" else "gamma", (size // groups,)
        weights = [PartWeight(gain, "scale", shape, "ones")]
        equation: Expr = Call(f"{kind}_norm", (X, Number(EPSILON))) * Name(gain)
        if kind == "layer":
            weights.append(PartWeight("beta", "offset", shape, "zeros"))
            equation = equation + Name("beta")
        heads = f" of {groups} heads" if groups > 1 else ""
        facts = {"flops": (_NORM_FLOPS + len(weights)) * size, "summary": f"{kind}_norm{heads}"}
        options = {"norm": kind, "groups": groups, **facts}
        return self._add(Normal, name, value, size, weights, equation, **options)

    @checked_call()
    def dense(self, name: str, value: object, width: int, bias: bool = False) -> Expr:
        r"""Map each step linearly: $W x + b$.

        Args:
            name: the part's name.
            value: the expression to map.
            width: the width of the result.
            bias: whether a bias is added.
        """
        size = self._size(value)
        self._at_least(name, "width", width, 1)
        weights = [PartWeight("kernel", "weight", (size, width), "glorot"), *_bias(width, bias)]
        product, sizes = Call("matmul", (X, Name("kernel"))), f"{size} x {width}"
        equation = product + Name("bias") if bias else product
        text = f"W_{name} {{1}}{f' + b_{name}' if bias else ''}  # {sizes}"
        facts = {"flops": 2 * size * width + bias * width, "summary": sizes, "text": text}
        return self._add(Linear, name, value, width, weights, equation, **facts)

    @checked_call()
    def fitted(self, name: str, value: object) -> Expr:
        """Map to the model's width with `dense`; a value of this width is returned unchanged.

        Args:
            name: the part's name.
            value: the expression to map.
        """
        fits = self._size(value) == self.width
        return lift(value) if fits else self.dense(name, value, self.width)

    @checked_call()
    def convolution(
        self, name: str, value: Any, kernel: int = 4, width: int | None = None, bias: bool = True
    ) -> Expr:
        r"""Convolve over the last ``kernel`` valid steps: $\sum_k w_k \odot x_{t-k} + b$.

        Masked steps are skipped, and steps before a reset count as zero. The last ``kernel - 1``
        inputs are part of the states that a layer returns.

        Args:
            name: the part's name.
            value: the expression to convolve.
            kernel: the number of steps; 0 returns the value, and 1 reads only the step itself.
            width: the width of the result, with a matrix $W_k$ for each step; None convolves each
                channel separately.
            bias: whether a bias is added.
        """
        self._at_least(name, "kernel", kernel, 0)
        if kernel > _MOST_STEPS:
            expected = f"at most {_MOST_STEPS:,} steps"
            raise wrong_option(self._where, f"{name}.kernel", kernel, expected)
        if kernel == 0:
            return lift(value)
        if kernel > 1 and self._mixer is None:
            raise CellError(
                f"{self._where}: the convolution {name!r} reads {kernel} steps, but only `mix` may "
                "read other steps"
            )
        size = self._size(value)
        if width is not None:
            self._at_least(name, "width", width, 1)
        full, out = width is not None, size if width is None else width
        shape = (kernel, size, out) if full else (kernel, size)
        fan = (kernel, size) if full else (kernel,)
        matrix = f", {size} x {out}" if full else ""
        steps = "each step" if kernel == 1 else f"the last {kernel} valid steps"
        facts: dict[str, Any] = {
            "flops": 2 * math.prod(shape) + bias * out,
            "carried": (kernel - 1) * size,
            "summary": f"convolution of {kernel} step{'s' if kernel > 1 else ''}{matrix}",
            "text": f"convolution({{0}})  # {steps}{matrix}",
            "arrow": "dense" if full else "diagonal",
        }
        weights = [PartWeight("kernel", "kernel", shape, "uniform", fan), *_bias(out, bias)]
        return self._add(Convolve, name, value, out, weights, kernel=kernel, full=full, **facts)

    @checked_call()
    def dropout(self, name: str, value: Any) -> Expr:
        """Apply the run's dropout in training; without dropout the value is returned unchanged.

        Args:
            name: the part's name.
            value: the expression to apply it to.
        """
        if not self._dropout:
            return lift(value)
        return self._add(Drop, name, value, self._size(value), rate=self._dropout)

    @checked_call()
    def layer(
        self, name: str, value: Any, make: Callable[[], Any], width: int, count: int = 0
    ) -> Expr:
        """Apply your own Keras layer to ``batch x time x width``; it must treat steps separately.

        Args:
            name: the part's name.
            value: the input of the layer.
            make: returns the layer; import Keras inside it.
            width: the width of the layer's output.
            count: the number of the layer's trained weights, for `gatekit plan`.
        """
        self._at_least(name, "width", width, 1)
        return self._add(Own, name, value, width, make=make, count=count, flops=2 * count)

    @checked_call()
    def mixer(self, value: object) -> Expr:
        """Apply the recurrent layer; only `Block.mix` may call this, and exactly once.

        Args:
            value: the expression that the cell reads as x.
        """
        if self._mixer is None:
            raise CellError(f"{self._where} calls parts.mixer, which only `mix` has")
        if any(isinstance(part, Recur) for part in self._parts):
            raise CellError(f"{self._where} calls parts.mixer twice, and a block has one mixer")
        cell, costs = self._mixer(self._size(value))
        self._taken.discard("rnn")
        facts: dict[str, Any] = {
            **dict(zip(("count", "flops", "carried"), costs, strict=True)),
            "summary": f"{cell.output.width} wide",
            "text": f"{cell.spec.name}({{0}})  # the recurrent layer",
        }
        return self._add(Recur, "rnn", value, cell.output.width, cell=cell, **facts)

    @checked_call()
    def mlp(self, name: str, value: object, kind: str = "swiglu", ratio: float = 8 / 3) -> Expr:
        r"""Apply a multilayer perceptron to each step; the result is as wide as the model.

        ``swiglu``: $W_3(\mathrm{silu}(W_1 x) \odot W_2 x)$; ``geglu``: with gelu in place of silu;
        ``gelu``: $W_3\,\mathrm{gelu}(W_1 x + b_1) + b_3$.

        Args:
            name: the beginning of the parts' names.
            value: the input.
            kind: ``swiglu``, ``geglu`` or ``gelu``.
            ratio: hidden units as a multiple of the model's width.
        """
        self._one_of(name, kind, MLPS[:-1])
        factor("ratio", ratio)
        hidden = max(1, round(self.width * ratio))
        first = self.dense(f"{name}_in", value, hidden, bias=kind == "gelu")
        if kind == "gelu":
            return self.dense(f"{name}_out", gelu(first), self.width, bias=True)
        gate = silu(first) if kind == "swiglu" else gelu(first)
        other = self.dense(f"{name}_up", value, hidden)
        return self.dense(f"{name}_out", gate * other, self.width)

    @checked_call()
    def width_of(self, value: object) -> int:
        """Return the width of an expression.

        Args:
            value: the expression.
        """
        return self._size(value)

    def program(self, value: Any) -> SequenceProgram:
        """Return the recorded operations with the result of a block's method.

        Args:
            value: the result of the method.
        """
        if self._mixer is not None and not any(isinstance(part, Recur) for part in self._parts):
            raise CellError(
                f"{self._where} does not call parts.mixer, so the block has no recurrent layer"
            )
        if value is None:
            raise CellError(f"{self._where} returns None")
        width, result = self._size(value), lift(value)
        used = {name for part in self._parts for name in names(part.of)} | {*names(result)}
        for part in self._parts:
            if part.name not in used:
                raise CellError(f"{self._where}: nothing reads the part {part.name!r}")
        # An expression that is used twice is computed once.
        read = [part.of for part in self._parts] + [result]
        distinct = {inner for expr in read for inner in walk(expr)}
        computed = [inner for inner in distinct if isinstance(inner, Neg | Binary | Call)]
        shapes = [
            infer(expr, self._widths, self._functions, Place((self._where,))) for expr in computed
        ]
        flops = sum(math.prod(shape or ()) for shape in shapes)
        return SequenceProgram(tuple(self._parts), result, width, flops, self._functions)

    def _size(self, value: object) -> int:
        """Return the width of an expression; refuse one with unknown names."""
        try:
            expr = lift(value)
        except TypeError:
            raise CellError(
                f"{self._where} computes with {type(value).__name__}, and not with results of "
                "parts and of gatekit.ops, and numbers"
            ) from None
        for part in walk(expr):
            if isinstance(part, Name) and part.name not in self._widths:
                raise CellError(
                    f"{self._where} reads {part.name!r}, which is none of "
                    f"{', '.join(self._widths)}{nearest(part.name, self._widths)}"
                )
            if isinstance(part, Call) and part.function not in self._functions:
                raise CellError(
                    f"{self._where} uses the function {part.function!r}, which is not registered"
                )
        shape = infer(expr, self._widths, self._functions, Place((self._where,)))
        if shape is None or len(shape) != 1:
            raise CellError(f"{self._where}: {expr} has the shape {shape}, not that of a vector")
        return shape[0]

    def _add(
        self,
        operation: type[Operation],
        name: str,
        value: object,
        width: int,
        weights: Sequence[PartWeight] = (),
        equation: Expr = X,
        **facts: Any,
    ) -> Expr:
        if not isinstance(name, str) or not _NAME.match(name) or name in self._taken:
            why = "is taken" if name in self._taken else "is not a lower-case name"
            raise CellError(f"{self._where}: {name!r} {why}")
        size = self._size(value)
        sizes = {"fed": size, "width": width, "count": sum(math.prod(w.shape) for w in weights)}
        summary = facts.setdefault("summary", operation.kind)
        facts = {"text": f"{summary.replace(' ', '_')}({{0}})", **sizes, **facts}
        made = operation(
            name=name, of=lift(value), weights=tuple(weights), equation=equation, **facts
        )
        self._taken.add(name)
        self._widths[name] = (width,)
        self._parts.append(made)
        return Name(name)

    def _one_of(self, name: str, kind: str, allowed: tuple[str, ...]) -> None:
        if kind not in allowed:
            expected = f"one of {', '.join(allowed)}"
            raise wrong_option(self._where, f"{name}.kind", kind, expected)

    def _at_least(self, name: str, what: str, value: object, least: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            expected = f"an integer from {least}"
            raise wrong_option(self._where, f"{name}.{what}", value, expected)


def _bias(width: int, has: bool) -> tuple[PartWeight, ...]:
    return (PartWeight("bias", "bias", (width,), "zeros"),) if has else ()


def factor(name: str, value: float) -> None:
    """Refuse a multiple of the width that is out of range.

    Args:
        name: the name of the option.
        value: its value.

    Raises:
        ConfigError: the value is not above 0, or is above 1,000.
    """
    if not 0 < value <= _MOST_FACTOR:
        raise ConfigError(
            f"block.{name}={value}: a multiple of the width is expected, a number above 0 and at "
            f"most {_MOST_FACTOR:,}, such as block.{name}=2."
        )

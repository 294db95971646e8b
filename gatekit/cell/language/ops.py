"""The functions of the equation language, for expressions, NumPy arrays and tensors alike.

A function is called as ``ops.sigmoid(x)``. Given an expression, it returns a larger expression;
given an array or a tensor, it computes the result with the backend for that type.
``gatekit.recurrence`` adds the TensorFlow backend; this module needs only NumPy.
"""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.calls import constructed
from gatekit.cell.errors import listed, nearest

from .expression import Call, Expr, lift
from .foreign import in_ops

Kind = Literal["elementwise", "units", "tensor"]
Interval = tuple[float, float]
_BACKENDS: list[tuple[Callable[[Any], bool], Mapping[str, Callable[..., Any]]]] = []
FUNCTIONS: dict[str, Function] = {}


@constructed("gatekit.Function('swish', 1, compose=lambda x: x * ops.sigmoid(x))")
@dataclass(frozen=True)
class Function:
    """A function of the equation language.

    Attributes:
        name: the name in equations.
        arity: the number of arguments.
        kind: ``elementwise`` (each element alone), ``units`` (over the last axis) or ``tensor``.
        latex: a template for LaTeX, with ``{0}``, ``{1}`` for the arguments.
        compose: the function in terms of other functions of ``ops``, as plugins define theirs.
        static: positions of arguments that must be whole numbers known when the cell is built.
        summary: one line for listings.
        numpy: the function of NumPy arrays; None if ``compose`` defines it.
        range: an interval that contains its values for any arguments; None if none is known.
    """

    name: str
    arity: int
    kind: Kind = "elementwise"
    latex: str = ""
    compose: Callable[..., Any] | None = field(default=None, compare=False)
    static: tuple[int, ...] = ()
    summary: str = ""
    numpy: Callable[..., Any] | None = field(default=None, compare=False)
    range: Interval | None = field(default=None, compare=False)

    @property
    def typed(self) -> str:
        """A call as it is typed, such as ``clip(x, low, high)``."""
        arguments = {1: ["x"], 2: ["a", "b"]}.get(self.arity, [])
        with contextlib.suppress(TypeError, ValueError):  # functions of NumPy have no signature
            parameters = [*inspect.signature(self.compose or self.numpy or self).parameters]
            arguments = parameters if len(parameters) == self.arity else arguments
        return f"{self.name}({', '.join(arguments)})"

    def wrong_number(self, given: int, prefix: str = "") -> str:
        """Return the message for a wrong number of arguments, with the correct call.

        Args:
            given: the number of arguments.
            prefix: the module in front of the name, such as ``ops.``.
        """
        takes = "1 argument" if self.arity == 1 else f"{self.arity} arguments"
        return f"{self.name} takes {takes}, not {given}; write {prefix}{self.typed}"

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Apply the function to expressions, arrays ``... x width`` or tensors ``... x width``.

        Functions over units take ``axis=-2``, too: they are then over the rows of a matrix, such as
        the steps of a history, ``... x steps x width``. A sum, mean or variance over rows has the
        shape ``... x width``.

        Raises:
            TypeError: the number of arguments is wrong, there is no such axis, or no backend knows
                the type of the arguments.
        """
        if keywords:
            if self._has_axis and keywords in ({"axis": -1}, {"axis": -2}):
                return self._over_rows(*args) if keywords["axis"] == -2 else self(*args)
            given = ", ".join(f"{name}={value!r}" for name, value in keywords.items())
            axis = f", or ops.{self.name}(x, axis=-2) for the rows of a history"
            raise TypeError(
                f"{self.name} takes {self.arity} argument(s) by position, not {given}; write "
                f"ops.{self.typed}{axis if self._has_axis else ''}"
            )
        if len(args) != self.arity:
            raise TypeError(self.wrong_number(len(args), "ops."))
        if any(isinstance(arg, Expr) for arg in args):
            return Call(self.name, tuple(lift(arg) for arg in args))
        if self.compose is not None:
            return self.compose(*args)
        for owns, table in _BACKENDS:
            if any(owns(arg) for arg in args):
                value = table[self.name](*args)
                # A plain number stays plain, so it takes the type of the other operand.
                return value.item() if isinstance(value, np.generic) else value
        raise TypeError(f"{self.name} does not support {type(args[0]).__name__}")

    @property
    def _has_axis(self) -> bool:
        return self.kind == "units" and self.arity == 1 and self.compose is None

    def _over_rows(self, matrix: Any) -> Any:
        value = self(transpose(matrix))
        return flat(value) if self.name in _REDUCING else transpose(value)


def add_backend(owns: Callable[[Any], bool], table: Mapping[str, Callable[..., Any]]) -> None:
    """Let ``table`` compute the functions for values that ``owns`` recognises.

    Raises:
        ValueError: the table lacks a function.
    """
    missing = [n for n, f in FUNCTIONS.items() if f.compose is None and n not in table]
    if missing:
        raise ValueError(f"the backend lacks {missing}")
    _BACKENDS.insert(0, (owns, table))


def _function(
    kind: Kind,
    name: str,
    summary: str,
    numpy: Callable[..., Any],
    latex: str = "",
    interval: Interval | None = None,
    arity: int = 1,
    static: tuple[int, ...] = (),
) -> Function:
    holes = ", ".join(f"{{{place}}}" for place in range(arity))
    latex = latex or r"\operatorname{{" + name + r"}}\left(" + holes + r"\right)"
    FUNCTIONS[name] = Function(name, arity, kind, latex, None, static, summary, numpy, interval)
    return FUNCTIONS[name]


def _np_block_product(u: NDArray[Any], blocks: NDArray[Any]) -> Any:
    parts = u.reshape(*u.shape[:-1], *blocks.shape[:2])
    return np.einsum("...kn,knm->...km", parts, blocks).reshape(*u.shape[:-1], -1)


def _share(width: int, parts: int) -> int:
    if width % parts:
        raise ValueError(f"a width of {width} cannot be cut into {parts} equal rows")
    return width // parts


def _np_sigmoid(x: NDArray[Any]) -> Any:
    return np.exp(-np.logaddexp(0.0, -x))


def _np_softmax(x: NDArray[Any]) -> Any:
    shifted = np.exp(x - x.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def _np_where(x: Any, a: Any, b: Any) -> Any:
    chosen: NDArray[Any] = np.where(np.asarray(x) > 0, a, b)
    return chosen[()]


# The scale and slope that keep mean 0 and variance 1 (Klambauer et al. 2017, arXiv:1706.02515).
_SELU, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

_REDUCING = ("sum", "mean", "var")
"""Functions over units that return a width of 1."""
_UNIT, _POSITIVE = (0.0, 1.0), (0.0, math.inf)
_elementwise = partial(_function, "elementwise")
_over_units = partial(_function, "units")
_of_matrices = partial(_function, "tensor")
sigmoid = _elementwise(
    "sigmoid", "1 / (1 + exp(-x))", _np_sigmoid, r"\sigma\left({0}\right)", _UNIT
)
tanh = _elementwise("tanh", "hyperbolic tangent", np.tanh, r"\tanh\left({0}\right)", (-1.0, 1.0))
relu = _elementwise("relu", "max(x, 0)", lambda x: np.maximum(x, 0.0), interval=_POSITIVE)
softplus = _elementwise(
    "softplus", "log(1 + exp(x))", lambda x: np.logaddexp(0.0, x), interval=_POSITIVE
)
exp = _elementwise("exp", "exponential", np.exp, r"\exp\left({0}\right)", _POSITIVE)
log = _elementwise("log", "natural logarithm", np.log, r"\log\left({0}\right)")
sqrt = _elementwise("sqrt", "square root", np.sqrt, r"\sqrt{{{0}}}", _POSITIVE)
abs = _elementwise("abs", "absolute value", np.abs, r"\left|{0}\right|", _POSITIVE)
square = _elementwise("square", "x * x", np.square, r"\left({0}\right)^2", _POSITIVE)
sin = _elementwise("sin", "sine", np.sin, r"\sin\left({0}\right)", (-1.0, 1.0))
cos = _elementwise("cos", "cosine", np.cos, r"\cos\left({0}\right)", (-1.0, 1.0))
hard_sigmoid = _elementwise(
    "hard_sigmoid",
    "clip(x / 6 + 1/2, 0, 1)",
    lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    r"\operatorname{{hardsigmoid}}\left({0}\right)",
    _UNIT,
)
silu = _elementwise("silu", "x * sigmoid(x)", lambda x: x * _np_sigmoid(x))
log_sigmoid = _elementwise(
    "log_sigmoid",
    "log(sigmoid(x))",
    lambda x: -np.logaddexp(0.0, -x),
    r"\log\sigma\left({0}\right)",
    (-math.inf, 0.0),
)
elu = _elementwise(
    "elu",
    "x if x > 0, otherwise exp(x) - 1",
    lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
)
selu = _elementwise(
    "selu",
    "1.0507 x if x > 0, otherwise 1.7581 (exp(x) - 1)",
    lambda x: _SELU * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0.0))),
)
gelu = _elementwise(
    "gelu",
    "x times the normal distribution's cdf of x",
    lambda x: x * (0.5 + 0.5 * np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2.0))),
)
softsign = _elementwise(
    "softsign", "x / (1 + abs(x))", lambda x: x / (1.0 + np.abs(x)), interval=(-1.0, 1.0)
)
modrelu = _elementwise(
    "modrelu",
    "sign(x) * relu(abs(x) + b)",
    lambda x, b: np.sign(x) * np.maximum(np.abs(x) + b, 0.0),
    arity=2,
)
expm1 = _elementwise("expm1", "exp(x) - 1, accurate near 0", np.expm1, interval=(-1.0, math.inf))
log1p = _elementwise("log1p", "log(1 + x), accurate near 0", np.log1p)
sign = _elementwise("sign", "-1, 0 or 1", np.sign, interval=(-1.0, 1.0))
minimum = _elementwise(
    "minimum", "the smaller of two", np.minimum, r"\min\left({0}, {1}\right)", arity=2
)
maximum = _elementwise(
    "maximum", "the larger of two", np.maximum, r"\max\left({0}, {1}\right)", arity=2
)
clip = _elementwise(
    "clip",
    "x between low and high",
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    arity=3,
)
where = _elementwise(
    "where",
    "a if x > 0, otherwise b",
    _np_where,
    r"\operatorname{{where}}\left({0} > 0, {1}, {2}\right)",
    arity=3,
)
stop = _elementwise("stop", "x, with a gradient of zero", lambda x: x)
softmax = _over_units("softmax", "softmax over units", _np_softmax, interval=_UNIT)
cumsum = _over_units("cumsum", "running sum over units", lambda x: np.cumsum(x, -1))
cumax = _over_units(
    "cumax",
    "running sum of the softmax over units",
    lambda x: np.cumsum(_np_softmax(x), -1),
    interval=_UNIT,
)
sum = _over_units(
    "sum",
    "sum over units, width 1",
    lambda x: np.sum(x, -1, keepdims=True),
    r"\sum\left({0}\right)",
)
mean = _over_units("mean", "mean over units, width 1", lambda x: np.mean(x, -1, keepdims=True))
var = _over_units(
    "var", "variance over units, width 1", lambda x: np.var(x, -1, keepdims=True), "", _POSITIVE
)
repeat = _over_units(
    "repeat",
    "each unit n times",
    lambda x, n: np.repeat(x, int(n), -1),
    r"\operatorname{{repeat}}_{{{1}}}\left({0}\right)",
    arity=2,
    static=(1,),
)
outer = _of_matrices(
    "outer",
    "outer product, width n x m",
    lambda a, b: a[..., :, None] * b[..., None, :],
    r"{0}\,{1}^{{\top}}",
    arity=2,
)
matvec = _of_matrices(
    "matvec",
    "matrix n x m times vector m",
    lambda m, v: np.squeeze(m @ v[..., None], -1),
    r"{0}\,{1}",
    arity=2,
)
vecmat = _of_matrices(
    "vecmat",
    "vector n times matrix n x m",
    lambda v, m: np.sum(v[..., :, None] * m, -2),
    r"{0}^{{\top}}{1}",
    arity=2,
)
dot = _of_matrices(
    "dot",
    "inner product, width 1",
    lambda a, b: np.sum(a * b, -1, keepdims=True),
    r"\left\langle {0}, {1} \right\rangle",
    arity=2,
)
transpose = _of_matrices(
    "transpose", "matrix n x m as m x n", lambda m: np.swapaxes(m, -1, -2), r"{0}^{{\top}}"
)
split = _of_matrices(
    "split",
    "cut into n rows",
    lambda x, n: x.reshape(*x.shape[:-1], int(n), _share(x.shape[-1], int(n))),
    r"\operatorname{{split}}_{{{1}}}\left({0}\right)",
    arity=2,
    static=(1,),
)
flat = _of_matrices(
    "flat",
    "the rows of a matrix side by side, width n m",
    lambda m: m.reshape(*m.shape[:-2], m.shape[-2] * m.shape[-1]),
)
column = _of_matrices(
    "column", "n x 1, repeated over columns", lambda v: v[..., None], r"{0}\,\mathbf{{1}}^{{\top}}"
)
row = _of_matrices(
    "row", "1 x n, repeated over rows", lambda v: v[..., None, :], r"\mathbf{{1}}\,{0}^{{\top}}"
)

# For linear maps only; not part of the equation language.
eye_like = Function("eye_like", 1, "tensor", numpy=lambda m: np.eye(m.shape[-1], dtype=m.dtype))
"""The identity of a square matrix's size and type."""
block_product = Function("block_product", 2, "tensor", numpy=_np_block_product)
"""The product of u, ``... x k n``, with k blocks ``n x m``."""


add_backend(
    lambda value: isinstance(value, (np.ndarray, np.generic, int, float)),
    {f.name: f.numpy for f in (*FUNCTIONS.values(), eye_like, block_product) if f.numpy},
)

__all__ = [*sorted(FUNCTIONS), "Function", "block_product", "eye_like"]


class UnknownFunctionError(AttributeError):
    """`gatekit.ops` has no such function."""


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'gatekit.ops' has no attribute {name!r}")
    typed = in_ops(name)
    hint = f"; type {typed}." if typed else nearest(name, FUNCTIONS) or "."
    raise UnknownFunctionError(
        f"gatekit.ops has no {name!r}{hint} Functions: {listed(FUNCTIONS, 60)}."
    )


def __dir__() -> list[str]:
    return sorted(__all__)

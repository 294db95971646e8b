"""The functions of the equation language, for expressions, NumPy arrays and tensors alike.

A function is called as ``ops.sigmoid(x)``. Given an expression it returns a larger expression;
given an array or a tensor it computes, by the backend of the value's type. The TensorFlow
backend is added by ``gatekit.recurrence``; this module needs NumPy only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .expression import Call, Expr, lift

Kind = Literal["elementwise", "units", "tensor"]
_BACKENDS: list[tuple[Callable[[Any], bool], Mapping[str, Callable[..., Any]]]] = []
FUNCTIONS: dict[str, Function] = {}


@dataclass(frozen=True)
class Function:
    """A function of the equation language.

    Args:
        name: the name in equations.
        arity: the number of arguments.
        kind: ``elementwise`` (each element alone), ``units`` (over the last axis) or ``tensor``.
        latex: a template for LaTeX, with ``{0}``, ``{1}`` for the arguments.
        compose: the function in terms of other functions of ``ops``, as plugins define theirs.
        static: positions of arguments that must be whole numbers known when the cell is built.
        summary: one line for listings.
    """

    name: str
    arity: int
    kind: Kind = "elementwise"
    latex: str = ""
    compose: Callable[..., Any] | None = field(default=None, compare=False)
    static: tuple[int, ...] = ()
    summary: str = ""

    def __call__(self, *args: Any) -> Any:
        """Apply the function to expressions, arrays ``... x width`` or tensors ``... x width``.

        Raises:
            TypeError: the number of arguments is wrong, or no backend knows their type.
        """
        if len(args) != self.arity:
            raise TypeError(f"{self.name} takes {self.arity} argument(s), not {len(args)}")
        if any(isinstance(arg, Expr) for arg in args):
            return Call(self.name, tuple(lift(arg) for arg in args))
        if self.compose is not None:
            return self.compose(*args)
        for owns, table in _BACKENDS:
            if any(owns(arg) for arg in args):
                value = table[self.name](*args)
                # A plain number stays one, so that it takes the type of the other operand.
                return value.item() if isinstance(value, np.generic) else value
        raise TypeError(f"{self.name} does not support {type(args[0]).__name__}")


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
    name: str, arity: int, kind: Kind, latex: str, summary: str, static: tuple[int, ...] = ()
) -> Function:
    function = Function(name, arity, kind, latex, None, static, summary)
    FUNCTIONS[name] = function
    return function


def _named(name: str) -> str:
    return r"\operatorname{{" + name + r"}}\left({0}\right)"


_E: Kind = "elementwise"
sigmoid = _function("sigmoid", 1, _E, r"\sigma\left({0}\right)", "1 / (1 + exp(-x))")
tanh = _function("tanh", 1, _E, r"\tanh\left({0}\right)", "hyperbolic tangent")
relu = _function("relu", 1, _E, _named("relu"), "max(x, 0)")
softplus = _function("softplus", 1, _E, _named("softplus"), "log(1 + exp(x))")
exp = _function("exp", 1, _E, r"\exp\left({0}\right)", "exponential")
log = _function("log", 1, _E, r"\log\left({0}\right)", "natural logarithm")
sqrt = _function("sqrt", 1, _E, r"\sqrt{{{0}}}", "square root")
abs = _function("abs", 1, _E, r"\left|{0}\right|", "absolute value")
square = _function("square", 1, _E, r"\left({0}\right)^2", "x * x")
sin = _function("sin", 1, _E, r"\sin\left({0}\right)", "sine")
cos = _function("cos", 1, _E, r"\cos\left({0}\right)", "cosine")
hard_sigmoid = _function("hard_sigmoid", 1, _E, _named("hardsigmoid"), "clip(x / 6 + 1/2, 0, 1)")
silu = _function("silu", 1, _E, _named("silu"), "x * sigmoid(x)")
log_sigmoid = _function("log_sigmoid", 1, _E, r"\log\sigma\left({0}\right)", "log(sigmoid(x))")
elu = _function("elu", 1, _E, _named("elu"), "x where x > 0, else exp(x) - 1")
selu = _function("selu", 1, _E, _named("selu"), "1.0507 x where x > 0, else 1.7581 (exp(x) - 1)")
gelu = _function("gelu", 1, _E, _named("gelu"), "x times the normal distribution's cdf of x")
softsign = _function("softsign", 1, _E, _named("softsign"), "x / (1 + abs(x))")
modrelu = _function(
    "modrelu", 2, _E, r"\operatorname{{modrelu}}\left({0}, {1}\right)", "sign(x) * relu(abs(x) + b)"
)
minimum = _function("minimum", 2, _E, r"\min\left({0}, {1}\right)", "the smaller of two")
maximum = _function("maximum", 2, _E, r"\max\left({0}, {1}\right)", "the larger of two")
_U: Kind = "units"
softmax = _function("softmax", 1, _U, _named("softmax"), "softmax over units")
cumsum = _function("cumsum", 1, _U, _named("cumsum"), "running sum over units")
cumax = _function("cumax", 1, _U, _named("cumax"), "running sum of the softmax over units")
sum = _function("sum", 1, _U, r"\sum\left({0}\right)", "sum over units, width 1")
mean = _function("mean", 1, _U, _named("mean"), "mean over units, width 1")
repeat = _function(
    "repeat", 2, _U, r"\operatorname{{repeat}}_{{{1}}}\left({0}\right)", "each unit n times", (1,)
)
_T: Kind = "tensor"
outer = _function("outer", 2, _T, r"{0}\,{1}^{{\top}}", "outer product, width n x m")
matvec = _function("matvec", 2, _T, r"{0}\,{1}", "matrix n x m times vector m")
vecmat = _function("vecmat", 2, _T, r"{0}^{{\top}}{1}", "vector n times matrix n x m")
dot = _function("dot", 2, _T, r"\left\langle {0}, {1} \right\rangle", "inner product, width 1")
transpose = _function("transpose", 1, _T, r"{0}^{{\top}}", "matrix n x m as m x n")
split = _function(
    "split", 2, _T, r"\operatorname{{split}}_{{{1}}}\left({0}\right)", "cut into n rows", (1,)
)
flat = _function("flat", 1, _T, _named("flat"), "the rows of a matrix side by side, width n m")
column = _function("column", 1, _T, r"{0}\,\mathbf{{1}}^{{\top}}", "n x 1, for every column alike")
row = _function("row", 1, _T, r"\mathbf{{1}}\,{0}^{{\top}}", "1 x n, for every row alike")


# For linear maps only; not part of the equation language.
eye_like = Function("eye_like", 1, "tensor", summary="identity of a square matrix's size and type")
block_product = Function("block_product", 2, "tensor", summary="u (... x k n) times k blocks n x m")


def _np_block_product(u: NDArray[Any], blocks: NDArray[Any]) -> Any:
    count, width = blocks.shape[0], blocks.shape[1]
    parts = u.reshape(*u.shape[:-1], count, width)
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


# The scale and slope that keep mean 0 and variance 1 (Klambauer et al. 2017, arXiv:1706.02515).
_SELU, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

_NUMPY: dict[str, Callable[..., Any]] = {
    "sigmoid": _np_sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "square": np.square,
    "sin": np.sin,
    "cos": np.cos,
    "hard_sigmoid": lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "silu": lambda x: x * _np_sigmoid(x),
    "log_sigmoid": lambda x: -np.logaddexp(0.0, -x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    "selu": lambda x: _SELU * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0.0))),
    "gelu": lambda x: x * (0.5 + 0.5 * np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2.0))),
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "modrelu": lambda x, b: np.sign(x) * np.maximum(np.abs(x) + b, 0.0),
    "minimum": np.minimum,
    "maximum": np.maximum,
    "softmax": _np_softmax,
    "cumsum": lambda x: np.cumsum(x, -1),
    "cumax": lambda x: np.cumsum(_np_softmax(x), -1),
    "sum": lambda x: np.sum(x, -1, keepdims=True),
    "mean": lambda x: np.mean(x, -1, keepdims=True),
    "repeat": lambda x, n: np.repeat(x, int(n), -1),
    "outer": lambda a, b: a[..., :, None] * b[..., None, :],
    "matvec": lambda m, v: np.squeeze(m @ v[..., None], -1),
    "vecmat": lambda v, m: np.sum(v[..., :, None] * m, -2),
    "dot": lambda a, b: np.sum(a * b, -1, keepdims=True),
    "transpose": lambda m: np.swapaxes(m, -1, -2),
    "split": lambda x, n: x.reshape(*x.shape[:-1], int(n), _share(x.shape[-1], int(n))),
    "flat": lambda m: m.reshape(*m.shape[:-2], m.shape[-2] * m.shape[-1]),
    "column": lambda v: v[..., :, None],
    "row": lambda v: v[..., None, :],
    "eye_like": lambda m: np.eye(m.shape[-1], dtype=m.dtype),
    "block_product": _np_block_product,
}


def _is_numpy(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, int, float))


add_backend(_is_numpy, _NUMPY)

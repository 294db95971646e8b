"""The functions of the equation language, for expressions, NumPy arrays and tensors alike.

A function is called as ``ops.sigmoid(x)``. Given an expression, it returns a larger expression;
given an array or a tensor, it computes the result with the backend for that type.
``gatekit.recurrence`` adds the TensorFlow backend; this module needs only NumPy.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.calls import constructed
from gatekit.cell.errors import CellError, accepted, listed, nearest
from gatekit.faults import OneOf, Place

from .expression import Call, Expr, Name, Number, lift

Kind = Literal["elementwise", "units", "tensor"]
Interval = tuple[float, float]
Shape = tuple[int, ...]
_BACKENDS: list[tuple[Callable[[Any], bool], Mapping[str, Callable[..., Any]]]] = []
FUNCTIONS: dict[str, Function] = {}


@dataclass(frozen=True)
class Facts:
    """What analyses and generated code have to know of a function of gatekit's own.

    A function of a plugin consists of such functions, so that it needs none of its own.

    Attributes:
        shape: its shape, from those of two arguments and the number in its static argument; None
            for functions of elements, whose arguments have a common shape.
        moves: whether it only moves elements: no arithmetic, and its logarithm is
            the function of the logarithm. ``stop`` acts on gradients only.
        flops: operations for each element of the largest argument; by default one for each element
            of the result.
        summed: the argument whose last axis a product sums over.
        window: whether XLA computes each element as a window over the whole width.
        power: p, if its logarithm is p times that of its argument.
        log: its logarithm, from its argument.
        log_of_rest: the logarithm of 1 minus its value.
        code: a template by framework; ``arrays`` for JAX and Keras, ``any`` for all, with
            ``{m}`` for the module; ``number`` for plain numbers. Where a framework has none, the
            file contains a function of that name from `gatekit.code.runtime`.
        plain: the arguments that may be plain numbers in code, beside one that is none.
    """

    shape: Callable[[Shape, Shape, int], Shape] | None = None
    moves: bool = False
    flops: int | None = None
    summed: int | None = None
    window: bool = False
    power: float | None = None
    log: Callable[[Expr], Expr] | None = None
    log_of_rest: Callable[[Expr], Expr] | None = None
    code: Mapping[str, str] = field(default_factory=dict)
    plain: tuple[int, ...] = ()


@constructed
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
        facts: what else is known of a function of gatekit's own.
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
    facts: Facts = field(default=Facts(), compare=False, repr=False)

    def __post_init__(self) -> None:
        accepted(self.kind, OneOf(get_args(Kind)), Place(("kind",)))

    def composed(self, args: Sequence[Expr]) -> Expr | None:
        """Return the expression that ``compose`` makes of its arguments.

        Args:
            args: the arguments; those in static places are numbers.

        Returns:
            None for a function of gatekit's own, and if ``compose`` does more than build an
            expression.
        """
        if self.compose is None:
            return None
        values = [
            arg.value if isinstance(arg, Number) and place in self.static else arg
            for place, arg in enumerate(args)
        ]
        try:
            return lift(self.compose(*values))
        except Exception:
            return None

    def of_places(self, args: Sequence[Expr]) -> Expr | None:
        """Return `composed` of the names ``argument 0``, ``argument 1``, ...

        Args:
            args: the arguments, of which those in static places are kept.
        """
        return self.composed(
            [
                arg if place in self.static else Name(f"argument {place}")
                for place, arg in enumerate(args)
            ]
        )

    def wrong_number(self, given: int) -> str:
        """Return the message for a wrong number of arguments."""
        takes = "1 argument" if self.arity == 1 else f"{self.arity} arguments"
        return f"{self.name} takes {takes}, not {given}"

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
            axis = ", and axis=-2" if self._has_axis else ""
            raise TypeError(
                f"{self.name} takes {self.arity} argument(s) by position{axis}, not {given}"
            )
        if len(args) != self.arity:
            raise TypeError(self.wrong_number(len(args)))
        if any(isinstance(arg, Expr) for arg in args):
            return Call(self.name, tuple(lift(arg) for arg in args))
        if self.compose is not None:
            return self.compose(*args)
        for owns, table in _BACKENDS:
            if any(owns(arg) for arg in args):
                value = table[self.name](*args)
                # A plain number stays plain, so it takes the type of the other operand.
                number = isinstance(value, np.generic | np.ndarray) and not value.ndim
                return value.item() if number else value
        raise TypeError(f"{self.name} does not support {type(args[0]).__name__}")

    @property
    def _has_axis(self) -> bool:
        return self.kind == "units" and self.arity == 1 and self.compose is None

    def _over_rows(self, matrix: Any) -> Any:
        value = self(transpose(matrix))
        return flat(value) if self.facts.shape is _to_one else transpose(value)


def add_backend(owns: Callable[[Any], bool], table: Mapping[str, Callable[..., Any]]) -> None:
    """Let ``table`` compute the functions for values that ``owns`` recognises.

    Raises:
        ValueError: the table lacks a function.
    """
    missing = [n for n, f in FUNCTIONS.items() if f.compose is None and n not in table]
    if missing:
        raise ValueError(f"the backend lacks {missing}")
    _BACKENDS.insert(0, (owns, table))


class MisfitError(CellError):
    """Shapes do not fit; the caller knows the expression and its place."""


def _matrix(shape: Shape) -> None:
    if len(shape) < 2:
        raise MisfitError("it takes a matrix")


def _common(one: Shape, other: Shape) -> Shape:
    if len(one) != len(other) or any(
        a != b and 1 not in (a, b) for a, b in zip(one, other, strict=True)
    ):
        raise MisfitError("their rows do not match")
    return tuple(max(pair) for pair in zip(one, other, strict=True))


def _as_it_is(one: Shape, _: Shape, __: int) -> Shape:
    return one


def _to_one(one: Shape, _: Shape, __: int) -> Shape:
    return (*one[:-1], 1)


def _outer(one: Shape, other: Shape, _: int) -> Shape:
    return (*_common(one[:-1], other[:-1]), one[-1], other[-1])


def _matvec(one: Shape, other: Shape, _: int) -> Shape:
    _matrix(one)
    if one[-1] != other[-1]:
        raise MisfitError("a matrix n x m takes a vector of width m")
    return (*_common(one[:-2], other[:-1]), one[-2])


def _vecmat(one: Shape, other: Shape, _: int) -> Shape:
    _matrix(other)
    return (*_common(one, other[:-1])[:-1], other[-1])


def _dot(one: Shape, other: Shape, _: int) -> Shape:
    return (*_common(one, other)[:-1], 1)


def _transpose(one: Shape, _: Shape, __: int) -> Shape:
    _matrix(one)
    return (*one[:-2], one[-1], one[-2])


def _split(one: Shape, _: Shape, count: int) -> Shape:
    if one[-1] % count:
        raise MisfitError(f"a width of {one[-1]} cannot be cut into {count} equal rows")
    return (*one[:-1], count, one[-1] // count)


def _flat(one: Shape, _: Shape, __: int) -> Shape:
    _matrix(one)
    return (*one[:-2], one[-2] * one[-1])


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


# The scale and slope that keep mean 0 and variance 1 (Klambauer et al. 2017, arXiv:1706.02515).
_SELU, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

_SIGN = "(({0:1} > 0) - ({0:1} < 0))"
"""The sign of a plain number in code."""

_UNIT, _POSITIVE = (0.0, 1.0), (0.0, math.inf)


def _row(
    name: str,
    summary: str,
    numpy: Callable[..., Any],
    kind: Kind = "elementwise",
    arity: int = 1,
    latex: str = "",
    range: Interval | None = None,
    static: tuple[int, ...] = (),
    **facts: Any,
) -> Function:
    holes = ", ".join(f"{{{place}}}" for place in builtins.range(arity))
    latex = latex or r"\operatorname{{" + name + r"}}\left(" + holes + r"\right)"
    known = Facts(**facts)
    FUNCTIONS[name] = Function(
        name, arity, kind, latex, None, static, summary, numpy, range, facts=known
    )
    return FUNCTIONS[name]


def _alike(name: str, number: str = "") -> dict[str, str]:
    """Return the forms of a function that has one name in every framework and in ``math``."""
    return {"any": f"{{m}}.{name}({{0}})", "number": number or f"math.{name}({{0}})"}


def _nn(name: str, **others: str) -> dict[str, str]:
    """Return the forms of an activation that torch, JAX and Keras have under one name."""
    forms = {"torch": f"F.{name}({{0}})", "jax": f"jax.nn.{name}({{0}})"}
    return forms | {"keras": f"ops.{name}({{0}})"} | others


# One row for each function. `gatekit.recurrence.tensor_ops` has its kernel in TensorFlow; nothing
# else has to know a new function.
_over_units = partial(_row, kind="units")
_of_matrices = partial(_row, kind="tensor")
_moving = partial(_row, kind="tensor", moves=True)
sigmoid = _row(
    "sigmoid",
    "1 / (1 + exp(-x))",
    _np_sigmoid,
    latex=r"\sigma\left({0}\right)",
    range=_UNIT,
    code=_nn(
        "sigmoid",
        torch="torch.sigmoid({0})",
        number="float(np.exp(-np.logaddexp(0.0, -{0:4})))",
    ),
    log=lambda x: Call("log_sigmoid", (x,)),
    log_of_rest=lambda x: Call("log_sigmoid", (-x,)),
)
tanh = _row(
    "tanh",
    "hyperbolic tangent",
    np.tanh,
    latex=r"\tanh\left({0}\right)",
    range=(-1.0, 1.0),
    code=_alike("tanh"),
)
relu = _row(
    "relu",
    "max(x, 0)",
    lambda x: np.maximum(x, 0.0),
    range=_POSITIVE,
    code=_nn(
        "relu", torch="torch.relu({0})", arrays="{m}.maximum({0}, 0.0)", number="max({0}, 0.0)"
    ),
)
softplus = _row(
    "softplus",
    "log(1 + exp(x))",
    lambda x: np.logaddexp(0.0, x),
    range=_POSITIVE,
    code=_nn("softplus", number="float(np.logaddexp(0.0, {0}))"),
)
exp = _row(
    "exp",
    "exponential",
    np.exp,
    latex=r"\exp\left({0}\right)",
    range=_POSITIVE,
    code=_alike("exp"),
    log=lambda x: x,
)
log = _row("log", "natural logarithm", np.log, latex=r"\log\left({0}\right)", code=_alike("log"))
sqrt = _row(
    "sqrt",
    "square root",
    np.sqrt,
    latex=r"\sqrt{{{0}}}",
    range=_POSITIVE,
    code=_alike("sqrt"),
    power=0.5,
)
abs = _row(
    "abs",
    "absolute value",
    np.abs,
    latex=r"\left|{0}\right|",
    range=_POSITIVE,
    code={"any": "{m}.abs({0})", "number": "abs({0})"},
)
square = _row(
    "square",
    "x * x",
    np.square,
    latex=r"\left({0}\right)^2",
    range=_POSITIVE,
    code={"any": "{m}.square({0})", "number": "pow({0}, 2)"},
    power=2,
)
sin = _row(
    "sin", "sine", np.sin, latex=r"\sin\left({0}\right)", range=(-1.0, 1.0), code=_alike("sin")
)
cos = _row(
    "cos", "cosine", np.cos, latex=r"\cos\left({0}\right)", range=(-1.0, 1.0), code=_alike("cos")
)
hard_sigmoid = _row(
    "hard_sigmoid",
    "clip(x / 6 + 1/2, 0, 1)",
    lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    latex=r"\operatorname{{hardsigmoid}}\left({0}\right)",
    range=_UNIT,
    code={
        # The gradient of F.hardsigmoid has single precision.
        "torch": "torch.clamp({0:2} / 6 + 0.5, 0.0, 1.0)",
        "arrays": "{m}.clip({0:2} / 6 + 0.5, 0.0, 1.0)",
        "jax": "jax.nn.hard_sigmoid({0})",
        "number": "min(max({0:2} / 6 + 0.5, 0.0), 1.0)",
    },
)
silu = _row(
    "silu",
    "x * sigmoid(x)",
    lambda x: x * _np_sigmoid(x),
    code=_nn("silu", number="float({0:2} * np.exp(-np.logaddexp(0.0, -{0:4})))"),
)
log_sigmoid = _row(
    "log_sigmoid",
    "log(sigmoid(x))",
    lambda x: -np.logaddexp(0.0, -x),
    latex=r"\log\sigma\left({0}\right)",
    range=(-math.inf, 0.0),
    code=_nn("log_sigmoid", torch="F.logsigmoid({0})", number="float(-np.logaddexp(0.0, -{0:4}))"),
)
elu = _row(
    "elu",
    "x if x > 0, otherwise exp(x) - 1",
    lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    code=_nn("elu", number="max({0}, math.expm1(min({0}, 0.0)))"),
)
selu = _row(
    "selu",
    "1.0507 x if x > 0, otherwise 1.7581 (exp(x) - 1)",
    lambda x: _SELU * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0.0))),
    code=_nn(
        "selu",
        number=f"({_SELU} * (max({{0}}, 0.0) + {_SELU_ALPHA} * math.expm1(min({{0}}, 0.0))))",
    ),
)
gelu = _row(
    "gelu",
    "x times the normal distribution's cdf of x",
    lambda x: x * (0.5 + 0.5 * np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2.0))),
    code={
        "torch": "F.gelu({0})",
        "jax": "jax.nn.gelu({0}, approximate=False)",
        "number": "({0:2} * (0.5 + 0.5 * math.erf({0:2} / math.sqrt(2.0))))",
    },
)
softsign = _row(
    "softsign",
    "x / (1 + abs(x))",
    lambda x: x / (1.0 + np.abs(x)),
    range=(-1.0, 1.0),
    code=_nn("soft_sign", torch="F.softsign({0})", number="({0:2} / (1 + abs({0})))"),
)
modrelu = _row(
    "modrelu",
    "sign(x) * relu(abs(x) + b)",
    lambda x, b: np.sign(x) * np.maximum(np.abs(x) + b, 0.0),
    arity=2,
    code={"number": f"({_SIGN} * max(abs({{0}}) + {{1}}, 0.0))"},
    plain=(1,),
)
expm1 = _row(
    "expm1",
    "exp(x) - 1, accurate near 0",
    np.expm1,
    range=(-1.0, math.inf),
    code=_alike("expm1"),
)
log1p = _row("log1p", "log(1 + x), accurate near 0", np.log1p, code=_alike("log1p"))
sign = _row("sign", "-1, 0 or 1", np.sign, range=(-1.0, 1.0), code=_alike("sign", _SIGN))
minimum = _row(
    "minimum",
    "the smaller of two",
    np.minimum,
    latex=r"\min\left({0}, {1}\right)",
    arity=2,
    code={"any": "{m}.minimum({0}, {1})", "number": "min({0}, {1})"},
    plain=(0, 1),
)
maximum = _row(
    "maximum",
    "the larger of two",
    np.maximum,
    latex=r"\max\left({0}, {1}\right)",
    arity=2,
    code={"any": "{m}.maximum({0}, {1})", "number": "max({0}, {1})"},
    plain=(0, 1),
)
clip = _row(
    "clip",
    "x between low and high",
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    arity=3,
    code={
        "torch": "torch.clamp({0}, {1}, {2})",
        "arrays": "{m}.minimum({m}.maximum({0}, {1}), {2})",
        "number": "min(max({0}, {1}), {2})",
    },
    plain=(1, 2),
)
where = _row(
    "where",
    "a if x > 0, otherwise b",
    lambda x, a, b: np.where(np.asarray(x) > 0, a, b),
    latex=r"\operatorname{{where}}\left({0} > 0, {1}, {2}\right)",
    arity=3,
    code={
        "any": "{m}.where({0:1} > 0, {1}, {2})",
        "number": "({1} if {0:1} > 0 else {2})",
    },
    # Two numbers would not have the type of the signal.
    plain=(2,),
)
stop = _row(
    "stop",
    "x, with a gradient of zero",
    lambda x: x,
    moves=True,
    code={
        "torch": "{0:5}.detach()",
        "jax": "jax.lax.stop_gradient({0})",
        "keras": "ops.stop_gradient({0})",
        "number": "{0:5}",
    },
)
softmax = _over_units(
    "softmax",
    "softmax over units",
    _np_softmax,
    range=_UNIT,
    shape=_as_it_is,
    flops=5,
    code={
        "torch": "torch.softmax({0}, dim=-1)",
        "jax": "jax.nn.softmax({0}, axis=-1)",
        "keras": "ops.softmax({0}, axis=-1)",
    },
)
cumsum = _over_units(
    "cumsum",
    "running sum over units",
    lambda x: np.cumsum(x, -1),
    shape=_as_it_is,
    flops=1,
    window=True,
    code={"torch": "torch.cumsum({0}, dim=-1)", "arrays": "{m}.cumsum({0}, axis=-1)"},
)
cumax = _over_units(
    "cumax",
    "running sum of the softmax over units",
    lambda x: np.cumsum(_np_softmax(x), -1),
    range=_UNIT,
    shape=_as_it_is,
    flops=6,
    window=True,
    code={
        "torch": "torch.cumsum(torch.softmax({0}, dim=-1), dim=-1)",
        "jax": "jnp.cumsum(jax.nn.softmax({0}, axis=-1), axis=-1)",
        "keras": "ops.cumsum(ops.softmax({0}, axis=-1), axis=-1)",
    },
)
sum = _over_units(
    "sum",
    "sum over units, width 1",
    lambda x: np.sum(x, -1, keepdims=True),
    latex=r"\sum\left({0}\right)",
    shape=_to_one,
    flops=1,
    code={
        "torch": "{0:5}.sum(-1, keepdim=True)",
        "arrays": "{m}.sum({0}, axis=-1, keepdims=True)",
    },
)
mean = _over_units(
    "mean",
    "mean over units, width 1",
    lambda x: np.mean(x, -1, keepdims=True),
    shape=_to_one,
    flops=1,
    code={
        "torch": "{0:5}.mean(-1, keepdim=True)",
        "arrays": "{m}.mean({0}, axis=-1, keepdims=True)",
    },
)
var = _over_units(
    "var",
    "variance over units, width 1",
    lambda x: np.var(x, -1, keepdims=True),
    range=_POSITIVE,
    shape=_to_one,
    flops=4,
    code={
        "torch": "{0:5}.var(-1, correction=0, keepdim=True)",
        "arrays": "{m}.var({0}, axis=-1, keepdims=True)",
    },
)
repeat = _over_units(
    "repeat",
    "each unit n times",
    lambda x, n: np.repeat(x, int(n), -1),
    latex=r"\operatorname{{repeat}}_{{{1}}}\left({0}\right)",
    arity=2,
    static=(1,),
    shape=lambda one, _, count: (*one[:-1], one[-1] * count),
    moves=True,
    code={
        "torch": "torch.repeat_interleave({0}, {1}, dim=-1)",
        "arrays": "{m}.repeat({0}, {1}, axis=-1)",
    },
)
outer = _of_matrices(
    "outer",
    "outer product, width n x m",
    lambda a, b: a[..., :, None] * b[..., None, :],
    latex=r"{0}\,{1}^{{\top}}",
    arity=2,
    shape=_outer,
    code={"any": '{m}.einsum("...i,...j->...ij", {0}, {1})'},
)
matvec = _of_matrices(
    "matvec",
    "matrix n x m times vector m",
    lambda m, v: np.squeeze(m @ v[..., None], -1),
    latex=r"{0}\,{1}",
    arity=2,
    shape=_matvec,
    summed=1,
    code={"any": '{m}.einsum("...ij,...j->...i", {0}, {1})'},
)
vecmat = _of_matrices(
    "vecmat",
    "vector n times matrix n x m",
    lambda v, m: np.sum(v[..., :, None] * m, -2),
    latex=r"{0}^{{\top}}{1}",
    arity=2,
    shape=_vecmat,
    summed=0,
    code={"any": '{m}.einsum("...i,...ij->...j", {0}, {1})'},
)
dot = _of_matrices(
    "dot",
    "inner product, width 1",
    lambda a, b: np.sum(a * b, -1, keepdims=True),
    latex=r"\left\langle {0}, {1} \right\rangle",
    arity=2,
    shape=_dot,
    flops=2,
    code={
        "torch": "({0:2} * {1:3}).sum(-1, keepdim=True)",
        "arrays": "{m}.sum({0:2} * {1:3}, axis=-1, keepdims=True)",
    },
)
transpose = _moving(
    "transpose",
    "matrix n x m as m x n",
    lambda m: np.swapaxes(m, -1, -2),
    latex=r"{0}^{{\top}}",
    shape=_transpose,
    code={"torch": "{0:5}.mT", "arrays": "{m}.swapaxes({0}, -1, -2)"},
)
split = _moving(
    "split",
    "cut into n rows",
    lambda x, n: x.reshape(*x.shape[:-1], int(n), _share(x.shape[-1], int(n))),
    latex=r"\operatorname{{split}}_{{{1}}}\left({0}\right)",
    arity=2,
    static=(1,),
    shape=_split,
    code={"torch": "{0:5}.unflatten(-1, ({1}, -1))"},
)
flat = _moving(
    "flat",
    "the rows of a matrix side by side, width n m",
    lambda m: m.reshape(*m.shape[:-2], m.shape[-2] * m.shape[-1]),
    shape=_flat,
    code={"torch": "{0:5}.flatten(-2)"},
)
column = _moving(
    "column",
    "n x 1, repeated over columns",
    lambda v: v[..., None],
    latex=r"{0}\,\mathbf{{1}}^{{\top}}",
    shape=lambda one, _, __: (*one, 1),
    code={"any": "{0:5}[..., None]"},
)
row = _moving(
    "row",
    "1 x n, repeated over rows",
    lambda v: v[..., None, :],
    latex=r"\mathbf{{1}}\,{0}^{{\top}}",
    shape=lambda one, _, __: (*one[:-1], 1, one[-1]),
    code={"any": "{0:5}[..., None, :]"},
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


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'gatekit.ops' has no attribute {name!r}")
    near = nearest(name, FUNCTIONS) or f"; the functions are {listed(FUNCTIONS, 60)}"
    raise AttributeError(f"gatekit.ops has no {name!r}{near}")


def __dir__() -> list[str]:
    return sorted(__all__)

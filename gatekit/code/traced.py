"""Turns a linear map into an expression by running its Python on names instead of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import BuiltRead
from gatekit.cell.language import ops
from gatekit.cell.language.expression import Call, Expr, Name, lift


def _operator(name: str) -> Callable[[Traced, object], Traced]:
    return lambda self, other: Traced(getattr(self.expr, name)(_expr(other)))


class Traced:
    """A value that is only an expression; unlike `Expr` itself, it also has a matrix product."""

    __array_ufunc__ = None

    def __init__(self, expr: Expr) -> None:
        self.expr = expr

    __add__, __radd__ = _operator("__add__"), _operator("__radd__")
    __sub__, __rsub__ = _operator("__sub__"), _operator("__rsub__")
    __mul__, __rmul__ = _operator("__mul__"), _operator("__rmul__")
    __truediv__, __rtruediv__ = _operator("__truediv__"), _operator("__rtruediv__")
    __pow__ = _operator("__pow__")

    def __neg__(self) -> Traced:
        return Traced(-self.expr)

    def __matmul__(self, other: object) -> Traced:
        return Traced(Call("matmul", (self.expr, _expr(other))))


def _expr(value: object) -> Expr:
    return value.expr if isinstance(value, Traced) else lift(value)


def _call(name: str) -> Callable[..., Traced]:
    return lambda *args: Traced(Call(name, tuple(_expr(arg) for arg in args)))


ops.add_backend(
    lambda value: isinstance(value, Traced),
    {name: _call(name) for name in (*ops.FUNCTIONS, "eye_like", "block_product")},
)


def matrix_of(read: BuiltRead) -> Expr | None:
    """Return the matrix of a read in terms of its weights, or None if the map has no matrix.

    Raises:
        ConfigError: the map cannot be written as an expression.
    """
    if not read.map.has_matrix():
        return None
    return _traced(read, lambda weights: read.map.matrix(weights))


def apply_map(read: BuiltRead, u: Expr) -> Expr:
    """Return the map applied to ``u``, in terms of the map's weights.

    Raises:
        ConfigError: the map cannot be written as an expression.
    """
    return _traced(read, lambda weights: read.map.apply(Traced(u), weights))


def _traced(read: BuiltRead, function: Callable[[dict[str, Any]], Any]) -> Expr:
    weights = {suffix: Traced(Name(name)) for suffix, name in read.weights.items()}
    try:
        return _expr(function(weights))
    except Exception:
        raise ConfigError(
            f"the linear map {read.map_kind!r} of the read {read.text} cannot be written as code: "
            "it is more than gatekit.ops, operators and matrix products. Choose another one, such "
            "as dense."
        ) from None

"""Turns a linear map into an expression by running its Python on names instead of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gatekit.cell.errors import ConfigError
from gatekit.cell.language import ops
from gatekit.cell.language.expression import Call, Expr, Name, lift
from gatekit.cell.program import Linear


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


def is_plain(op: Linear) -> bool:
    """Return whether a map is a product with a matrix that is simply its weight."""
    return op.map.has_matrix() and matrix_of(op) == Name(op.weights.get("", ""))


def matrix_of(op: Linear) -> Expr:
    """Return the matrix of an operation, in terms of its weights.

    Raises:
        ConfigError: the map cannot be written as an expression.
    """
    if op.kind == "orthogonal":
        # Frameworks have the exponential of a matrix; the map itself writes its series out.
        weight = Name(op.weights[""])
        return Call("rotation", (weight - Call("transpose", (weight,)),))
    return _traced(op, op.map.matrix)


def apply_map(op: Linear, u: Expr) -> Expr:
    """Return the map of an operation applied to ``u``, in terms of the map's weights.

    Raises:
        ConfigError: the map cannot be written as an expression.
    """
    return _traced(op, lambda weights: op.map.apply(Traced(u), weights))


def _traced(op: Linear, function: Callable[[dict[str, Any]], Any]) -> Expr:
    weights = {suffix: Traced(Name(name)) for suffix, name in op.weights.items()}
    try:
        return _expr(function(weights))
    except Exception:
        raise ConfigError(
            f"the linear map {op.kind!r} of the read {op.text} cannot be written as code: "
            "it is more than gatekit.ops, operators and matrix products. Choose another one, such "
            "as dense."
        ) from None

"""An initializer as a formula: its own `draw` runs with a generator that records what is asked.

What a draw returns stands for the numbers. NumPy applies its functions to it, and thereby builds an
expression: ``np.log(rng.uniform(1.0, t_max - 1.0, shape))`` becomes ``log(draw_1)``. An initializer
that does something else with its draws, such as a decomposition, has no formula.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatekit.cell.errors import GatekitError
from gatekit.cell.language import ops
from gatekit.cell.language.expression import Call, Expr, Name, evaluate, lift
from gatekit.cell.learned import DrawContext, Initializer

from .sizes import Dim

_OPERATORS: dict[Any, Callable[..., Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.power: operator.pow,
    np.negative: operator.neg,
}
_CALLS = {f.numpy: f.name for f in ops.FUNCTIONS.values() if isinstance(f.numpy, np.ufunc)}
_CALLS[np.floor] = "floor"


@dataclass(frozen=True)
class Drawn:
    """A draw of independent numbers: ``uniform`` (low, high), ``normal`` (mean, deviation) or
    ``gamma`` (its shape); ``name`` is its name in the formula.
    """

    kind: str
    numbers: tuple[float, ...]
    name: str


class _Value(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for an array that is a formula of draws."""

    def __init__(self, expr: Expr) -> None:
        self.expr = expr

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        parts = [g.expr if isinstance(g, _Value) else lift(_number(g)) for g in given]
        if ufunc in (np.multiply, np.divide) and parts[1] == lift(1.0):
            return _Value(parts[0])
        if ufunc in _OPERATORS:
            return _Value(_OPERATORS[ufunc](*parts))
        return _Value(Call(_CALLS[ufunc], tuple(parts))) if ufunc in _CALLS else NotImplemented


def _number(value: Any) -> float:
    """Return a number of Python; a size keeps its formula."""
    return value if isinstance(value, Dim) else float(value)


class _Recorder:
    """In place of `numpy.random.Generator`."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.draws: list[Drawn] = []

    def _drawn(self, kind: str, size: Any, *numbers: float) -> _Value:
        if tuple(np.atleast_1d(size)) != self.shape:
            raise TypeError("a draw of another shape")
        self.draws.append(Drawn(kind, tuple(map(_number, numbers)), f"draw_{len(self.draws) + 1}"))
        return _Value(Name(self.draws[-1].name))

    def uniform(self, low: float = 0.0, high: float = 1.0, size: Any = None) -> _Value:
        return self._drawn("uniform", size, low, high)

    def random(self, size: Any = None) -> _Value:
        return self._drawn("uniform", size, 0.0, 1.0)

    def normal(self, loc: float = 0.0, scale: float = 1.0, size: Any = None) -> _Value:
        return self._drawn("normal", size, loc, scale)

    def standard_normal(self, size: Any = None) -> _Value:
        return self._drawn("normal", size, 0.0, 1.0)

    def gamma(self, shape: float, scale: float = 1.0, size: Any = None) -> Any:
        drawn = self._drawn("gamma", size, shape)
        return drawn if scale == 1.0 else drawn * scale


def formula(
    initializer: Initializer, shape: tuple[int, ...], context: DrawContext
) -> tuple[list[Drawn], Expr] | None:
    """Return the draws of an initializer, and its value as a formula of them; None if it is none.

    Args:
        initializer: the initializer.
        shape: the weight's shape.
        context: the sizes of gate and layer.

    Raises:
        GatekitError: the initializer refuses its options or the shape.
    """
    recorder = _Recorder(shape)
    try:
        value = initializer.draw(recorder, shape, context)  # type: ignore[arg-type]
        if not isinstance(value, _Value):
            return None
        # The plugin may have decided by something else than its arguments: compare real draws.
        expected = initializer.draw(np.random.default_rng(0), shape, context)
        rng = np.random.default_rng(0)
        env = {d.name: getattr(rng, d.kind)(*d.numbers, size=shape) for d in recorder.draws}
        found = evaluate(value.expr, env, ops.FUNCTIONS)
    except GatekitError:
        raise
    except Exception:  # it is the code of a plugin, which expects arrays
        return None
    same = np.allclose(found, expected, rtol=1e-12, atol=1e-12, equal_nan=True)
    return (recorder.draws, value.expr) if same else None

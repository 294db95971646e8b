"""A learned quantity that an equation or a gate reads by name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .calls import constructed
from .errors import CellError, described, excerpt, listed, nearest_name
from .language import ops
from .language.ops import Function

LARGEST = 1e300


def _as_shape(shape: Any) -> str:
    """Return the size that an array's shape stands for; an array of weights is of no parameter."""
    sizes = [*shape] if isinstance(shape, (list, tuple)) else [shape]
    if all(size in (1, "1") for size in sizes):  # the empty shape too
        return "scalar"
    named = [size for size in sizes if isinstance(size, str)]
    return named[0] if len(named) == 1 and named[0] in ("units", "features") else "units"


@dataclass(frozen=True)
class ParameterMap:
    """How a raw weight becomes the value that the equations see.

    Attributes:
        function: the map, for numbers, arrays and tensors; it knows its range and its LaTeX.
        inverse: returns the raw weight of a value, because ``init`` is what equations read.
    """

    function: Function
    inverse: Callable[[float], float]


MAPS = {
    "sigmoid": ParameterMap(ops.sigmoid, lambda v: math.log(v / (1.0 - v))),
    "tanh": ParameterMap(ops.tanh, math.atanh),
    "softplus": ParameterMap(ops.softplus, lambda v: math.log(math.expm1(v))),
    "exp": ParameterMap(ops.exp, math.log),
}


_RANGES = {
    "sigmoid": (0, 1, 0.9),
    "tanh": (-1, 1, 0.5),
    "softplus": (0, None, 1.0),
    "exp": (0, None, 1.0),
}
"""Bounds of what a map gives, and a value between them."""
_MEANT = dict.fromkeys(("relu", "abs", "square", "elu", "positive", "softmax"), "softplus")
_MEANT |= {"hard_sigmoid": "sigmoid", "clip": "sigmoid", "log": "exp"}
_PRODUCT = re.compile(r"\w\s+x\s+\w|,")
KINDS = ("glorot_uniform", "glorot_normal", "orthogonal", "uniform", "normal", "zeros", "ones")


@constructed("gatekit.Parameter('units', init=0.5)")
@dataclass(frozen=True)
class Parameter:
    """A learned scalar or vector; equations read it through an optional map, ``value = map(raw)``.

    Attributes:
        shape: ``"scalar"``, ``"units"``, ``"features"``, a number, or arithmetic on sizes.
        init: the initial value that equations read (after the map), or an initializer as a mapping
            ``{kind: ...}`` that draws the raw weight.
        map: ``sigmoid``, ``tanh``, ``softplus``, ``exp``, or None for the identity.
        trainable: False for a constant that is stored with the weights.

    Raises:
        CellError: a value has another type, the map is unknown, or init is outside its range.
    """

    shape: str | int = "units"
    init: float | Mapping[str, Any] = 0.0
    map: str | None = None
    trainable: bool = True

    def __post_init__(self) -> None:
        named = isinstance(self.shape, str) and not _PRODUCT.search(self.shape)
        whole = isinstance(self.shape, int) and not isinstance(self.shape, bool)
        if not named and not (whole and int(self.shape) > 0):
            several = isinstance(self.shape, str)
            several = several or (isinstance(self.shape, (list, tuple)) and len(self.shape) > 1)
            matrix = "; a learned matrix is a read of the gate, reads = ('x', 'h_prev')"
            raise CellError(
                f"a parameter's shape is a size such as 'units' or 'scalar', not {self.shape!r}"
                f"{matrix if several else ''}; write {self._written()}"
            )
        if self.map is not None and not (isinstance(self.map, str) and self.map in MAPS):
            came = getattr(self.map, "name", getattr(self.map, "__name__", str(self.map)))
            near = came if came in MAPS else nearest_name(came, MAPS) or _MEANT.get(came, "")
            positive = ", which keeps it above 0" if near in ("softplus", "exp") else ""
            raise CellError(
                f"there is no map {excerpt(repr(came), 40)}; maps are {listed(MAPS)}"
                + (f"; write {self._written(map=near)}{positive}" if near else "")
            )
        if isinstance(self.init, bool) or not isinstance(self.init, (int, float, Mapping)):
            kind = "uniform"
            if isinstance(self.init, str):
                kind = nearest_name(self.init, KINDS) or self.init
            came = described(self.init)
            raise CellError(
                f"a parameter's init is a number or {{'kind': ...}}, not {came}; write "
                f"init={{'kind': {kind!r}}}"
            )
        if not isinstance(self.init, Mapping) and not abs(self.init) <= LARGEST:
            raise CellError(f"a parameter's init is finite and at most {LARGEST:g}")
        if not isinstance(self.trainable, bool):
            raise CellError(
                f"a parameter's trainable is True or False, not {self.trainable!r}; write "
                f"trainable={bool(self.trainable)}"
            )
        self.raw_init()

    def raw_init(self) -> float | Mapping[str, Any]:
        """Return the initial value of the raw weight, or its initializer."""
        if isinstance(self.init, Mapping) or self.map is None:
            return self.init
        try:
            return MAPS[self.map].inverse(float(self.init))
        except (ValueError, ZeroDivisionError, OverflowError):
            low, high, such = _RANGES[self.map]
            allowed = f"between {low} and {high}" if high else f"above {low}"
            raise CellError(
                f"init={self.init} is outside the range of map={self.map!r}: init is the value "
                f"after the map, {allowed}, without the bounds; write for example init={such}"
            ) from None

    def _written(self, **changed: str) -> str:
        """Return the parameter as it is written, with another shape or map."""
        kept = {"init": 0.0, "map": None, "trainable": True}
        given = {name: getattr(self, name) for name in kept if getattr(self, name) != kept[name]}
        shape = repr(_as_shape(self.shape))
        if isinstance(self.shape, float):  # it was meant as the first value
            shape, given = "'units'", {"init": self.shape, **given}
        others = [f"{name}={value!r}" for name, value in {**given, **changed}.items()]
        return f"Parameter({', '.join([shape, *others])})"

    def canonical(self) -> dict[str, Any]:
        """Return the parameter as plain data."""
        init = dict(self.init) if isinstance(self.init, Mapping) else self.init
        data: dict[str, Any] = {"shape": self.shape, "init": init}
        if self.map is not None:
            data["map"] = self.map
        if not self.trainable:
            data["trainable"] = False
        return data

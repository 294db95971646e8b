"""The learned parts of a cell: parameters, the weights of linear maps, and initial values.

An equation or a gate reads a `Parameter` by name. A read goes through a `LinearMap`, which declares
its weights. An `Initializer` draws the initial values of a weight.
"""

from __future__ import annotations

import contextlib
import copy
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from gatekit.faults import Fault, Kind, Place

from .calls import constructed, no_attribute
from .declare import Declared
from .errors import CellError, ExpressionError, amount_of, as_plain
from .language import ops
from .language.expression import Number
from .language.ops import Function
from .language.parse import parse

LARGEST = 1e300


@dataclass(frozen=True)
class ParameterMap:
    """How a raw weight becomes the value that the equations see.

    Attributes:
        function: the map, for numbers, arrays and tensors, with its range and its LaTeX.
        inverse: returns the raw weight for a value; ``init`` is the value that equations read.
        values: the range, in words.
    """

    function: Function
    inverse: Callable[[float], float]
    values: str


MAPS = {
    "sigmoid": ParameterMap(
        ops.sigmoid, lambda v: math.log(v / (1.0 - v)), "between 0 and 1, both excluded"
    ),
    "tanh": ParameterMap(ops.tanh, math.atanh, "between -1 and 1, both excluded"),
    "softplus": ParameterMap(ops.softplus, lambda v: math.log(math.expm1(v)), "greater than 0"),
    "exp": ParameterMap(ops.exp, math.log, "greater than 0"),
}
_PRODUCT = re.compile(r"\w\s+x\s+\w|,")


@constructed
@dataclass(frozen=True)
class Parameter:
    """A learned scalar or vector; equations read it through an optional map, ``value = map(raw)``.

    Attributes:
        shape: ``"scalar"``, or a size as in `State`.
        init: the initial value that equations read (after the map), or an initializer, a name or
            ``{kind: ...}``, that draws the raw weight.
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
        check_size("shape", self.shape)
        if self.map is not None and not (isinstance(self.map, str) and self.map in MAPS):
            maps = (f"{name} ({MAPS[name].values})" for name in sorted(MAPS))
            raise _wrong("map", self.map, f"one of {', '.join(maps)}, or null for no map")
        if isinstance(self.init, str) and amount_of(self.init) is None:
            object.__setattr__(self, "init", {"kind": self.init})
        if isinstance(self.init, bool) or not isinstance(self.init, (int, float, Mapping)):
            raise _wrong("init", self.init, "a number or an initializer")
        if not isinstance(self.init, Mapping) and not abs(self.init) <= LARGEST:
            raise _wrong("init", self.init, f"finite and at most {LARGEST:g}")
        if not isinstance(self.trainable, bool):
            raise _wrong("trainable", self.trainable, "true or false")
        self.raw_init()

    def raw_init(self) -> float | Mapping[str, Any]:
        """Return the initial value of the raw weight, or its initializer."""
        if isinstance(self.init, Mapping) or self.map is None:
            return self.init
        try:
            return MAPS[self.map].inverse(float(self.init))
        except (ValueError, ZeroDivisionError, OverflowError):
            expected = f"{MAPS[self.map].values}: it is the value after the map {self.map}"
            raise _wrong("init", self.init, expected) from None

    def canonical(self) -> dict[str, Any]:
        """Return the parameter as plain data."""
        init = dict(self.init) if isinstance(self.init, Mapping) else self.init
        data: dict[str, Any] = {"shape": self.shape, "init": init}
        if self.map is not None:
            data["map"] = self.map
        if not self.trainable:
            data["trainable"] = False
        return data


def check_size(name: str, value: object) -> None:
    """Refuse a value that is neither a whole number from 1 nor a name or arithmetic.

    Raises:
        CellError: the value is neither.
    """
    is_text = isinstance(value, str) and value and not _PRODUCT.search(value)
    if not is_text and not (isinstance(value, int) and value > 0 and value is not True):
        raise _wrong(name, value, "a size such as units, scalar or 8")


def _wrong(name: str, value: object, expected: str) -> CellError:
    return CellError(Fault(Kind.WRONG, Place((name,)), as_plain(value), expected))


class LinearMap(Declared):
    """A linear map ``z = A(u)`` with declared weights.

    A subclass declares ``shapes`` and either ``matrix`` (the map is ``u @ matrix``; gatekit
    fuses such maps with others that read the same signal) or ``apply`` (any other map that is
    linear in ``u``, row by row).
    """

    trainable: ClassVar[bool] = True
    row_wise: ClassVar[bool] = False
    # One initializer for all weights, or a mapping by suffix; other suffixes have the usual one.
    initializer: ClassVar[str | Mapping[str, str] | None] = None

    _written: Mapping[str, str] = {}

    @classmethod
    def _checked_option(cls, name: str, value: Any) -> Any:
        """Return the value of an option; a whole number may be given as a size."""
        if isinstance(value, str) and cls._option_types.get(name) is int:
            with contextlib.suppress(ExpressionError):
                if not isinstance(parse(value, {}, sizes=True), Number):
                    return value
        return super()._checked_option(name, value)

    def options(self) -> dict[str, Any]:
        """Return the options that differ from their defaults; a formula is as it was written."""
        return {**super().options(), **self._written}

    def sizes(self) -> dict[str, str]:
        """Return the options that are sizes to be found, by name."""
        whole = [name for name, kind in type(self)._option_types.items() if kind is int]
        values = {name: getattr(self, name, None) for name in whole}
        return {name: value for name, value in values.items() if isinstance(value, str)}

    def at(self, sizes: Mapping[str, int]) -> Self:
        """Return the map with numbers for its sizes; those with formulas are shown as written."""
        if not sizes:
            return self
        made, written = copy.copy(self), self.sizes()
        formulas = {name: written[name] for name, size in sizes.items() if type(size) is not int}
        vars(made).update(sizes, _written=formulas)
        return made

    def shapes(self, width_in: int, width_out: int) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the weights by suffix; the empty suffix is the main weight.

        Args:
            width_in: the width of the signal that is read.
            width_out: the units of the gate.

        Raises:
            CellError: the map cannot connect these widths.
        """
        raise NotImplementedError

    def matrix(self, weights: Mapping[str, Any]) -> Any:
        """Return the map's matrix ``width_in x width_out`` made from its weights."""
        raise NotImplementedError

    def apply(self, u: Any, weights: Mapping[str, Any]) -> Any:
        """Return ``z`` (``... x width_out``) for ``u`` (``... x width_in``)."""
        raise NotImplementedError

    @classmethod
    def has_matrix(cls) -> bool:
        """Return whether the map is declared by its matrix."""
        return cls.matrix is not LinearMap.matrix


@dataclass(frozen=True)
class DrawContext:
    """The sizes that an initializer may use: units of the gate, units and features of the layer."""

    gate_units: int
    units: int
    features: int

    if not TYPE_CHECKING:  # otherwise a type checker would allow every attribute
        __getattr__ = no_attribute


class Initializer(Declared):
    """Draws the initial values of a weight, which depend only on generator, shape and context."""

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], context: DrawContext
    ) -> NDArray[Any]:
        """Return the initial values in float64.

        Args:
            rng: the generator of this weight.
            shape: the weight's shape.
            context: the sizes of gate and layer.
        """
        raise NotImplementedError

"""Linear maps: how a read turns a signal into part of a pre-activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .declare import Declared


class LinearMap(Declared):
    """A linear map ``z = A(u)`` with declared weights.

    A subclass declares ``shapes`` and either ``matrix`` (the map is ``u @ matrix``; the framework
    fuses such maps with others that read the same signal) or ``apply`` (any other map that is
    linear in ``u``, row by row).
    """

    trainable: ClassVar[bool] = True
    row_wise: ClassVar[bool] = False
    # One for all weights, or one for each suffix that needs its own.
    initializer: ClassVar[str | Mapping[str, str] | None] = None

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

r"""The kinds of value that an equation can have before the memories are solved.

A value is known for all steps; a memory $a \circ S_{prev} + \sum_j k_j r_j^\top$; or a vector that
is read from memories, linear in their content or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gatekit.cell.analysis.affine_form import plus, times
from gatekit.cell.language.expression import Expr


@dataclass(frozen=True)
class Known:
    """A value that is known for all steps."""

    expr: Expr


@dataclass(frozen=True)
class Linear:
    """``rest + sum_i coefficient_i * v_i``: each v is a read of a previous memory."""

    rest: Expr | None
    reads: tuple[tuple[Expr, Expr], ...] = ()

    @property
    def known(self) -> bool:
        """Whether the value does not depend on a memory."""
        return not self.reads

    def scaled(self, factor: Expr) -> Linear:
        """Return the linear form times a known factor."""
        return Linear(
            None if self.rest is None else times(self.rest, factor),
            tuple((times(c, factor), query) for c, query in self.reads),
        )

    def plus(self, other: Linear) -> Linear:
        """Return the sum."""
        return Linear(plus(self.rest, other.rest), self.reads + other.reads)


@dataclass(frozen=True)
class Vector:
    """A vector that is read from memories.

    Attributes:
        after: the expression that computes it once the memories are solved.
        linear: its linear form; None if it is not linear.
        state: the memory that the linear form reads.
    """

    after: Expr
    linear: Linear | None = None
    state: str = ""


@dataclass(frozen=True)
class Outer:
    """An outer product in a memory: a key, its value's index in the ledger, and a factor."""

    key: Expr
    place: int
    factor: Expr


@dataclass(frozen=True)
class Matrix:
    """A memory: ``decay * S_prev + sum of outer products``; ``state`` may still be empty."""

    state: str
    decay: Expr | None
    outers: tuple[Outer, ...]
    updated: bool = False


Value = Known | Vector | Matrix


@dataclass
class Ledger:
    """The values of the terms and the reads that the evaluation has found for one memory."""

    values: list[Linear] = field(default_factory=list)
    reads: dict[tuple[Expr, bool], str] = field(default_factory=dict)

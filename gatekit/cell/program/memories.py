"""The normal form of a memory: a matrix state that decays and gains outer products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatekit.cell.language.expression import Expr, names, render

from .ops import Op


@dataclass(frozen=True)
class MemoryTerm:
    r"""One outer product of a memory, $k_j r_j^\top$, with
    $r_j = v_j - S_{prev}^\top u_j - \sum_{i<j} d_{ji} r_i$.

    Attributes:
        key: $k_j$; None if the memory does not gain the term.
        value: $v_j$; None stands for zero.
        erase: $u_j$; None stands for zero.
        earlier: $d_{ji}$ for each earlier term, by its index i.
        name: the name of $r_j$ in the rewritten equations.
        partner: the key with which the imaginary part gains the value; None if it does not.
    """

    key: Expr | None
    value: Expr | None
    erase: Expr | None
    earlier: Mapping[int, Expr]
    name: str
    partner: Expr | None = None


@dataclass(frozen=True)
class MemoryRead:
    r"""A vector that is read from a memory, $S^\top q$.

    Attributes:
        name: its name in the rewritten equations.
        query: q.
        after: whether the memory is read after its update instead of before.
        partner: whether the imaginary part is read.
    """

    name: str
    query: Expr
    after: bool
    partner: bool = False


@dataclass(frozen=True)
class Memory:
    r"""A state $S = a \circ S_{prev} + \sum_j k_j r_j^\top$, with
    $\log a = h\, 1 1^\top + c\, 1^\top + 1\, r^\top$, in each head.

    Attributes:
        state: its key.
        shape: rows (of keys) and columns (of values), after the axes of heads.
        transposed: whether the memory is the transpose of the state.
        head: h, the logarithm of the decay of all elements; None stands for zero.
        column: c, the logarithm of the decay of each row; None stands for zero.
        row: r, the logarithm of the decay of each column; None stands for zero.
        terms: the outer products.
        reads: the reads.
        partner: the state that is the imaginary part of a complex memory; empty if there is none.
        angle: the angle by which each row of a complex memory turns in a step.
        sign: an expression with the sign of the decay; None if the decay is positive.
    """

    state: str
    shape: tuple[int, ...]
    transposed: bool
    head: Expr | None
    column: Expr | None
    row: Expr | None
    terms: tuple[MemoryTerm, ...]
    reads: tuple[MemoryRead, ...]
    partner: str = ""
    angle: Expr | None = None
    sign: Expr | None = None

    @property
    def states(self) -> tuple[str, ...]:
        """The keys of the state and of its partner."""
        return (self.state, self.partner) if self.partner else (self.state,)

    @property
    def decays(self) -> bool:
        """Whether a step forgets a part of the memory."""
        return any(each is not None for each in (self.head, self.column, self.row))

    @property
    def corrects(self) -> bool:
        """Whether a term depends on the content of the memory: the delta rule."""
        return any(term.erase is not None or term.earlier for term in self.terms)

    def expressions(self) -> tuple[Expr, ...]:
        """Return every expression that is computed for all steps before the memory is solved."""
        parts = [self.head, self.column, self.row, self.angle, self.sign]
        for term in self.terms:
            parts += [term.key, term.partner, term.value, term.erase, *term.earlier.values()]
        parts += [read.query for read in self.reads]
        return tuple(expr for expr in parts if expr is not None)

    def sentence(self) -> str:
        """Return the form in a sentence."""
        logs = (("all elements", self.head), ("each row", self.column), ("each column", self.row))
        if self.transposed:
            logs = (logs[0], ("each column", self.column), ("each row", self.row))
        decays = [
            f"a decay of {what} whose logarithm is {render(expr, ' ')}"
            for what, expr in logs
            if expr is not None
        ]
        if self.angle is not None:
            decays.append(f"a rotation of each row by {render(self.angle, ' ')}")
        count = sum(term.key is not None or term.partner is not None for term in self.terms)
        gains = f"{count} outer product{'s' if count > 1 else ''} per step"
        delta = ", corrected by the content of the memory (delta rule)" if self.corrects else ""
        name = f"{self.state} + i {self.partner}" if self.partner else self.state
        return f"{name} has {' and '.join(decays) or 'no decay'}, and gains {gains}{delta}"


@dataclass(frozen=True)
class Memories:
    """Memories that are solved together; their values are known only between chunks of steps.

    Attributes:
        memories: the memories.
        ops: the operations of a step that can be computed for all steps once the memories are
            solved, in order; they use the results of the memories' reads.
    """

    memories: tuple[Memory, ...]
    ops: tuple[Op, ...]

    @property
    def states(self) -> tuple[str, ...]:
        """The keys of the states."""
        return tuple(state for memory in self.memories for state in memory.states)

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the memories are solved with."""
        parts = (part for memory in self.memories for part in memory.expressions())
        return tuple(dict.fromkeys(name for part in parts for name in names(part)))

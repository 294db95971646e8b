"""The normal form of a memory: a matrix state that decays and gains outer products."""

from __future__ import annotations

from dataclasses import dataclass

from gatekit.cell.language.expression import Expr, names, render

from .ops import Op


@dataclass(frozen=True)
class MemoryTerm:
    r"""One outer product of a memory, $k_j r_j^\top$, with $r_j = v_j - S_{prev}^\top u_j$.

    Attributes:
        key: $k_j$.
        value: $v_j$; None stands for zero.
        erase: $u_j$; None stands for zero.
    """

    key: Expr
    value: Expr | None
    erase: Expr | None


@dataclass(frozen=True)
class MemoryRead:
    r"""A vector that is read from a memory, $S^\top q$.

    Attributes:
        name: its name in the rewritten equations.
        query: q.
        after: whether the memory is read after its update instead of before.
    """

    name: str
    query: Expr
    after: bool


@dataclass(frozen=True)
class Memory:
    r"""A state $S = a \circ S_{prev} + \sum_j k_j r_j^\top$, with
    $\log a = h\, 1 1^\top + c\, 1^\top$, in each head.

    Attributes:
        state: its key.
        shape: rows (of keys) and columns (of values), after the axes of heads.
        transposed: whether the memory is the transpose of the state.
        head: h, the logarithm of the decay of all elements; None stands for zero.
        column: c, the logarithm of the decay of each row; None stands for zero.
        terms: the outer products.
        reads: the reads.
    """

    state: str
    shape: tuple[int, ...]
    transposed: bool
    head: Expr | None
    column: Expr | None
    terms: tuple[MemoryTerm, ...]
    reads: tuple[MemoryRead, ...]

    @property
    def decays(self) -> bool:
        """Whether a step forgets a part of the memory."""
        return self.head is not None or self.column is not None

    @property
    def corrects(self) -> bool:
        """Whether a term depends on the content of the memory: the delta rule."""
        return any(term.erase is not None for term in self.terms)

    def expressions(self) -> tuple[Expr, ...]:
        """Return every expression that is computed for all steps before the memory is solved."""
        parts = [self.head, self.column]
        for term in self.terms:
            parts += [term.key, term.value, term.erase]
        parts += [read.query for read in self.reads]
        return tuple(expr for expr in parts if expr is not None)

    def sentence(self) -> str:
        """Return the form in a sentence."""
        side = "each column" if self.transposed else "each row"
        decays = [
            f"a decay of {what} whose logarithm is {render(expr, ' ')}"
            for what, expr in (("all elements", self.head), (side, self.column))
            if expr is not None
        ]
        count = len(self.terms)
        gains = f"{count} outer product{'s' if count > 1 else ''} per step"
        delta = ", corrected by the content of the memory (delta rule)" if self.corrects else ""
        return f"{self.state} has {' and '.join(decays) or 'no decay'}, and gains {gains}{delta}"


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
        return tuple(memory.state for memory in self.memories)

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the memories are solved with."""
        parts = (part for memory in self.memories for part in memory.expressions())
        return tuple(dict.fromkeys(name for part in parts for name in names(part)))

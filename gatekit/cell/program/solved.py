"""A program without its loop: operations over all steps, with one for each block of states.

The analyses find the blocks. `blockwise` evaluates the list, and the code export prints it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gatekit.cell.language.expression import Expr, Name, names

from .memories import Memories
from .ops import Apply, Op, Program, outs


@dataclass(frozen=True)
class Solve:
    r"""States that are affine in their own past: $s_i = \sum_j a_{ij}\, s_{j,prev} + b_i$.

    Attributes:
        states: the key of one state, or the keys of two coupled states.
        a: the coefficients, row by row; None stands for zero. If the states are matrices, so are
            the coefficients.
        b: the rest of each state; None stands for zero.
    """

    states: tuple[str, ...]
    a: tuple[tuple[Expr | None, ...], ...]
    b: tuple[Expr | None, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the coefficients read."""
        entries = (entry for entry in (*itertools.chain(*self.a), *self.b) if entry is not None)
        return tuple(dict.fromkeys(name for entry in entries for name in names(entry)))


@dataclass(frozen=True)
class Largest:
    """A state that is a running maximum, ``m = maximum(m_prev + shift, new)``.

    Attributes:
        state: its key.
        shift: the expression that is added to the previous value.
        new: the other argument.
        first: whether the previous value is the first argument, which receives the gradient of
            ties.
    """

    state: str
    shift: Expr
    new: Expr
    first: bool

    @property
    def states(self) -> tuple[str, ...]:
        """The key of the state."""
        return (self.state,)

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that the arguments read."""
        return tuple(dict.fromkeys((*names(self.shift), *names(self.new))))


Block = Solve | Largest | Memories
"""An operation that solves states for all steps: it computes ``NAME:held`` of each."""


@dataclass(frozen=True)
class Before:
    """The value of a state before each step."""

    out: str
    of: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The value that the operation reads."""
        return (self.of,)


def solved(program: Program, blocks: Sequence[Block]) -> tuple[Op | Block | Before, ...]:
    """Return the operations that compute all steps.

    A state that is not held by zoneout is computed once, as the solution of its block.

    Args:
        program: the program.
        blocks: the blocks that solve its states, in order.
    """
    holds = {hold.new: hold for hold in program.holds}
    known = set(program.timeless)
    ops: list[Op | Block | Before] = [op for op in program.step if known.issuperset(outs(op))]
    for block in blocks:
        ops.append(block)
        if isinstance(block, Memories):
            ops += block.ops
            known.update(name for op in block.ops for name in outs(op))
            continue
        ops += [Before(f"{name}_prev", holds[name].out) for name in block.states]
        known.update(f"{name}_prev" for name in block.states)
        for op in spread(program, known):
            name = op.out if isinstance(op, Apply) else ""
            # A gate computes its own states together with its value.
            alone = name in block.states and "." not in name
            if alone and not holds[name].rate:
                ops.append(Apply(name, Name(holds[name].out)))
            else:
                ops.append(op)
    return tuple(ops)


def spread(program: Program, known: set[str]) -> Iterator[Op]:
    """Yield the operations that read only known values, in order; their values become known."""
    for op in program.step:
        if not known.issuperset(outs(op)) and known.issuperset(op.reads):
            known.update(outs(op))
            yield op

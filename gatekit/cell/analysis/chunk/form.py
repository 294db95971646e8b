"""The result of the chunk analysis: the blocks of a cell in the order in which they are solved."""

from __future__ import annotations

from dataclasses import dataclass

from gatekit.cell.language.expression import Number
from gatekit.cell.program import Largest, Memories, Memory, Solve


@dataclass(frozen=True)
class Parallel:
    """The result of the analysis.

    Attributes:
        blocks: the blocks in the order in which they are solved; empty if there is a reason.
        reason: why chunks cannot solve the cell; empty if they can.
    """

    blocks: tuple[Solve | Largest | Memories, ...]
    reason: str

    @property
    def memories(self) -> tuple[Memory, ...]:
        """All memories."""
        groups = [block.memories for block in self.blocks if isinstance(block, Memories)]
        return tuple(memory for group in groups for memory in group)

    @property
    def version(self) -> int:
        """The version of the numbers that chunks give for this cell; it is part of a run's name.

        In version 3, few values of a plain sum were padded to 32. In version 4, chunks of several
        keys a step had as many steps as those of one.
        """
        if any(len(each.terms) > 1 for each in self.memories):
            return 5
        sums = any(isinstance(block, Solve) and block.a[0][0] == Number(1) for block in self.blocks)
        return 4 if sums or not all(each.decays or each.corrects for each in self.memories) else 2

    def sentence(self) -> str:
        """Return the form of the cell in a sentence, or the reason why it has none."""
        if self.reason:
            return self.reason
        parts = [memory.sentence() for memory in self.memories]
        others = [s for block in self.blocks if isinstance(block, Solve) for s in block.states]
        parts += [f"{', '.join(others)} affine"] if others else []
        largest = [block.state for block in self.blocks if isinstance(block, Largest)]
        parts += [f"{', '.join(largest)} a running maximum"] if largest else []
        return "; ".join(parts)

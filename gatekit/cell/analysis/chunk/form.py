"""The result of the chunk analysis: the blocks of a cell in the order in which they are solved."""

from __future__ import annotations

from dataclasses import dataclass

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

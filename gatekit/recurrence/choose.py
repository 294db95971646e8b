"""Which executor runs a cell: a pure function of the cell and what the user asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ..cell.errors import ConfigError, nearest
from ..cell.graph import Cell

EXECUTORS = ("auto", "reference", "fused")


@dataclass(frozen=True)
class Choice:
    """The executor's name and why it runs."""

    executor: str
    reason: str


def choose(executor: str, cell: Cell) -> Choice:
    """Return the executor that runs.

    Args:
        executor: what was asked for, ``auto`` included.
        cell: the built cell.

    Raises:
        ConfigError: there is no such executor.
    """
    if executor not in EXECUTORS:
        raise ConfigError(
            f"executor={executor!r} does not exist{nearest(str(executor), EXECUTORS)} "
            f"Executors: {', '.join(EXECUTORS)}."
        )
    if executor != "auto":
        return Choice(executor, f"executor={executor!r} was asked for")
    if not cell.states:
        return Choice(
            "reference", f"{cell.spec.name} has no state, so there is no recurrence to fuse"
        )
    return Choice("fused", "auto: fused runs every cell, with one product per recurrent read")

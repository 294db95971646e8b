"""Who is timed: every library that has a cell, in every mode that it offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from .size import Size


@dataclass(frozen=True)
class Started:
    """A training step, ready to be called, and a remark on what runs inside."""

    step: Callable[[], float]
    note: str = ""


class Maker(Protocol):
    """The function ``make`` of a library's module."""

    def __call__(self, cell: str, mode: str, size: Size, every_step: bool) -> Started:
        """Return the training step of a layer with this cell."""


@dataclass(frozen=True)
class Library:
    """A library that is timed.

    Args:
        name: its name in tables.
        module: the module here whose ``make`` builds its training step.
        packages: what must be installed for it.
        modes: the ways in which it can run.
        cells: the cells that it has; None for every cell.
        own: whether it is gatekit itself, which the others are compared with.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    modes: tuple[str, ...]
    cells: frozenset[str] | None = None
    own: bool = False

    def missing(self) -> list[str]:
        """Return the packages that are not installed."""
        return [name for name in self.packages if find_spec(name) is None]


@dataclass(frozen=True)
class Contender:
    """One library's cell in one mode."""

    library: Library
    cell: str
    mode: str

    def __str__(self) -> str:
        return f"{self.library.name} {self.mode}"


LIBRARIES = (
    Library(
        name="gatekit",
        module="experiments.speed.gatekit_step",
        packages=("gatekit", "tensorflow", "keras"),
        modes=("graph", "xla"),
        own=True,
    ),
    Library(
        name="keras",
        module="experiments.speed.keras_step",
        packages=("tensorflow", "keras"),
        modes=("graph", "xla", "unrolled"),
        cells=frozenset({"lstm", "gru", "gru_reset_after", "peephole"}),
    ),
)
CELLS = ("lstm", "peephole", "gru", "gru_reset_after")


def contenders(cell: str) -> list[Contender]:
    """Return everybody who has this cell and is installed, gatekit first."""
    return [
        Contender(library, cell, mode)
        for library in LIBRARIES
        if (library.cells is None or cell in library.cells) and not library.missing()
        for mode in library.modes
    ]

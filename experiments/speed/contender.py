"""Who is timed: every library that has a cell, in every mode that it offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

from .size import Size

CELLS = (
    "lstm",
    "gru",
    "gru_reset_after",
    "peephole",
    "cifg",
    "ur_lstm",
    "mgu",
    "on_lstm",
    "layer_norm_lstm",
    "slstm",
    "mingru",
    "minlstm",
    "sru_v1",
)
AFFINE = frozenset({"mingru", "minlstm", "sru_v1"})
"""Cells whose gates read x only, which gatekit solves for all steps at once."""
MEMORIES = (
    "linear_attention",
    "retnet",
    "gla",
    "hgrn2",
    "mamba2",
    "mlstm",
    "rwkv6",
    "delta_net",
    "gated_delta_net",
    "rwkv7",
    "kda",
    "para_gru",
    "para_lstm",
)
"""Further cells, most with a matrix as state: gatekit's executors are timed against each other, and
against layers by hand for those in `HAND_CHUNKS`."""
HAND_CHUNKS = frozenset({"linear_attention", "gla", "delta_net"})


@dataclass(frozen=True)
class Started:
    """A layer's steps, ready to be called.

    Args:
        train: runs one training step and returns the loss.
        forward: returns the outputs, without gradients.
        note: a remark on what runs inside.
        parameters: the layer's parameters, without those of the head on it.
    """

    train: Callable[[], float]
    forward: Callable[[], Any]
    note: str = ""
    parameters: int = 0


class Maker(Protocol):
    """The function ``make`` of a library's module."""

    def __call__(self, cell: str, mode: str, size: Size, every_step: bool) -> Started:
        """Return the steps of a layer with this cell."""


@dataclass(frozen=True)
class Library:
    """A library that is timed.

    Args:
        name: its name in tables.
        module: the module here whose ``make`` builds its steps.
        packages: what must be installed for it.
        modes: the ways in which it can run; the fastest is its best.
        cells: the cells that it has.
        apart: further modes, which compute in other types or trade time for memory: never its best.
        asked: further modes that run only if they are chosen by name.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    modes: tuple[str, ...]
    cells: frozenset[str] = frozenset(CELLS)
    apart: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

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

    @property
    def key(self) -> str:
        """What is typed to choose it."""
        return f"{self.library.name}.{self.mode}"


OWN = "gatekit"
FLOOR = "floor"
LIBRARIES = (
    Library(
        name=OWN,
        module="experiments.speed.gatekit_step",
        packages=("gatekit", "tensorflow", "keras"),
        modes=("graph", "xla"),
        cells=frozenset((*CELLS, *MEMORIES)),
        apart=("reference-graph", "bfloat16-graph"),
        asked=(
            "stacked-graph",
            "stacked-xla",
            "affine-graph",
            "affine-xla",
            "scan-graph",
            "scan-xla",
            "chunk-graph",
            "chunk-xla",
            "unroll-graph",
            "bfloat16-xla",
            "shards-graph",
            "shards-xla",
        ),
    ),
    Library(
        name="keras",
        module="experiments.speed.keras_step",
        packages=("tensorflow", "keras"),
        modes=("graph", "xla", "unrolled"),
        cells=frozenset({"lstm", "gru", "gru_reset_after"}),
    ),
    Library(
        name="keras-cell",
        module="experiments.speed.keras_cell",
        packages=("tensorflow", "keras"),
        modes=("graph", "xla", "unrolled"),
    ),
    Library(
        name="keras-chunk",
        module="experiments.speed.keras_chunk",
        packages=("tensorflow", "keras"),
        modes=("graph", "xla"),
        cells=HAND_CHUNKS,
    ),
    Library(
        name="torch-chunk",
        module="experiments.speed.torch_chunk",
        packages=("torch",),
        modes=("eager",),
        cells=HAND_CHUNKS,
    ),
    Library(
        name="torch",
        module="experiments.speed.torch_step",
        packages=("torch",),
        modes=("eager",),
        cells=frozenset({"lstm", "gru_reset_after"}),
    ),
    Library(
        name="torchrecurrent",
        module="experiments.speed.torchrecurrent_step",
        packages=("torch", "torchrecurrent"),
        modes=("eager",),
        cells=frozenset({"peephole", "mgu"}),
    ),
    Library(
        name="jax",
        module="experiments.speed.jax_step",
        packages=("jax",),
        modes=("scan", "hoisted"),
    ),
    Library(
        name=FLOOR,
        module="experiments.speed.floor_step",
        packages=("numpy",),
        modes=("numpy",),
    ),
    Library(
        name="floor-torch",
        module="experiments.speed.floor_step",
        packages=("torch",),
        modes=("torch",),
    ),
)


def contenders(cell: str, size: Size, chosen: Sequence[str] = ()) -> list[Contender]:
    """Return the contenders that have this cell and are installed, gatekit first.

    Args:
        cell: the cell's name.
        size: the sizes, which decide what is worth running.
        chosen: libraries, or modes such as ``keras.xla``; if none, all that are worth running.
    """
    found = []
    for library in LIBRARIES:
        if cell not in library.cells or library.missing():
            continue
        for mode in (*library.modes, *library.apart, *library.asked):
            contender = Contender(library, cell, mode)
            by_name = contender.key in chosen
            usual = mode not in library.asked and worth_running(contender, size)
            if by_name or (
                usual and (library.name in chosen or (not chosen and needed(contender)))
            ):
                found.append(contender)
    return found


def worth_running(contender: Contender, size: Size) -> bool:
    """Return whether a mode is worth timing for this cell and size."""
    mode = contender.mode
    if mode == "unrolled":  # tracing a thousand steps takes minutes
        return size.time <= 200
    if mode.startswith("bfloat16"):  # small products gain nothing
        return size.units >= 256 and contender.cell in ("lstm", "gru")
    if mode.startswith("reference"):  # where the ratio to it is a target
        return size.time >= 1000 and contender.cell in AFFINE
    return True


def needed(contender: Contender) -> bool:
    """Return whether a contender runs if none is chosen: all but copies of Keras' own cells."""
    (keras,) = [library for library in LIBRARIES if library.name == "keras"]
    return contender.library.name != "keras-cell" or contender.cell not in keras.cells


def known() -> set[str]:
    """Return everything that can be chosen: libraries, and modes of theirs."""
    modes = {
        f"{library.name}.{mode}"
        for library in LIBRARIES
        for mode in (*library.modes, *library.apart, *library.asked)
    }
    return modes | {library.name for library in LIBRARIES}

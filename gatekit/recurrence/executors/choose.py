"""Which executor runs a cell: a pure function, so that numbers never depend on a timing.

`_automatic` is the rule of ``executor=auto``. Its measurements are in experiments/speed/history.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gatekit.cell.analysis import chunk
from gatekit.cell.analysis.affine import analyse
from gatekit.cell.errors import ConfigError, accepted
from gatekit.cell.graph import Cell
from gatekit.cell.program import Memory, Solve
from gatekit.faults import OneOf, Place

_GRAPH_FROM_UNITS = 256
"""Units from which XLA's slower products outweigh its faster row-wise part (CPU, float32)."""

_WIDE, _TIMES = 512, 4
"""A state at least this wide, and this many times wider than units, is a matrix. `affine` writes
and reads its coefficients for all steps, which costs more than it saves."""

_PRODUCTS = 512
"""Elements of a head from which products outweigh a loop of XLA that stores nothing."""

_FEW = 3
"""Gates, projections and equations up to which a step is small."""

_SHORT = 32
"""Steps up to which a sequence is one chunk, and the loop over its steps is short."""


@dataclass(frozen=True)
class Setting:
    """The device and types; a choice depends on them, the cell and its sizes.

    Args:
        device: ``cpu`` or ``gpu``.
        compute: the type of matrix products.
        variables: the type of everything else.
    """

    device: str = "cpu"
    compute: str = "float32"
    variables: str = "float32"


@dataclass(frozen=True)
class ExecutorChoice:
    """The executor that runs, the mode in which it is fastest, and why.

    Args:
        executor: its name.
        mode: ``graph``, or ``xla`` if ``jit_compile=True`` is worth its compile time; advice only.
        reason: why this executor runs.
        inference: the executor of calls outside training that XLA compiles, if it is a different
            one.
        training: the executor of training that XLA compiles, if it is a different one.
    """

    executor: str
    mode: str
    reason: str
    inference: str = ""
    training: str = ""


def choose(
    executor: str,
    cell: Cell,
    setting: Setting | None = None,
    *,
    length: int | None = None,
    chunks: bool = True,
) -> ExecutorChoice:
    """Return the executor that runs.

    Args:
        executor: the requested executor, or ``auto``.
        cell: the built cell.
        setting: device and types; by default, a CPU in float32.
        length: the steps of a sequence; None if they are not known.
        chunks: whether ``auto`` may choose ``chunk``.

    Raises:
        ConfigError: there is no such executor, or it cannot run this cell.
    """
    setting = setting or Setting()
    if check_name(executor) == "auto":
        return _automatic(cell, setting, length, chunks)
    check(executor, cell)
    reason = f"executor={executor!r} was requested"
    return ExecutorChoice(executor, mode(executor, cell, setting), reason)


def _automatic(cell: Cell, setting: Setting, length: int | None, chunks: bool) -> ExecutorChoice:
    """Return what ``auto`` chooses: by the form of the cell, and the device."""
    executor, inference, training = "stacked", "", ""
    affine, why = analyse(cell), "it runs every cell, with one product per value"
    if not cell.states:
        executor, why = "reference", f"{cell.spec.name} has no state, so there is no recurrence"
    elif chunks and chunks_win(cell, setting, length):
        executor, why = "chunk", CHUNKS
        inference = "" if _chunks_win_inference(cell) else "stacked"
        training = "" if chunks_win(cell, setting, length, "xla") else "stacked"
    elif affine.affine and setting.device == "gpu":
        executor, why = "scan", f"{_known(affine.blocks)}; a GPU solves all steps in a few rounds"
    elif affine.affine and not _wide(cell):
        executor, why = "affine", f"{_known(affine.blocks)}; a CPU is fastest step by step"
        # The loop of `stacked` computes the coefficients in the cache, and outside training no step
        # stores anything.
        inference = "stacked"
        training = "stacked" if stacked_wins(cell) else ""
    if training:
        why += "; calls that XLA compiles run stacked"
    elif inference:
        why += "; calls outside training that XLA compiles run stacked"
    return ExecutorChoice(
        executor, mode(executor, cell, setting), f"auto: {why}", inference, training
    )


CHUNKS = "a memory is a matrix, which products update for a chunk of steps at once"
"""The reason of ``auto`` for chunks."""


def _known(blocks: Sequence[Solve]) -> str:
    past = ", ".join(name for block in blocks for name in block.states)
    return f"affine in the past of {past}, with coefficients known for all steps at once"


def chunks_win(cell: Cell, setting: Setting, length: int | None, mode: str = "graph") -> bool:
    """Return whether chunks train faster than every other executor.

    Args:
        cell: the built cell.
        setting: device and types.
        length: the steps of a sequence; None if they are not known.
        mode: ``graph``, or ``xla`` if XLA compiles the step.
    """
    # Never measured on a GPU.
    if setting.device != "cpu" or (length is not None and length <= _SHORT):
        return False
    if not _wide(cell) or (form := chunk.analyse(cell)).reason:
        return False
    return mode == "graph" or not any(
        (_erases_decayed(each) and len(each.terms) > 1)
        or (each.corrects and each.decays and _elements(each) < _PRODUCTS)
        for each in form.memories
    )


def stacked_wins(cell: Cell) -> bool:
    """Return whether ``stacked`` trains an affine cell faster than ``affine`` where XLA compiles.

    Args:
        cell: a built cell that is affine in the past of its states.
    """
    return len(cell.nodes) <= _FEW or any(len(each.states) > 1 for each in analyse(cell).blocks)


def _chunks_win_inference(cell: Cell) -> bool:
    """Return whether chunks are faster outside training where XLA compiles the call."""
    memories = chunk.analyse(cell).memories
    return not any(map(_erases_decayed, memories)) and all(
        _elements(each) >= _PRODUCTS or not (each.decays or each.corrects) for each in memories
    )


def _erases_decayed(memory: Memory) -> bool:
    """Return whether a memory erases what its rows forgot at rates of their own (rwkv7, kda)."""
    return memory.corrects and memory.column is not None


def _elements(memory: Memory) -> int:
    """Return the elements of a head."""
    return math.prod(memory.shape[-2:])


def _wide(cell: Cell) -> bool:
    """Return whether a state is a matrix that a step by itself must form and read as a whole."""
    return any(state.width >= max(_WIDE, _TIMES * cell.units) for state in cell.states)


REFUSES: Mapping[str, Callable[[Cell], str]] = {
    "reference": lambda cell: "",
    "stacked": lambda cell: "",
    "unroll": lambda cell: "",
    "affine": lambda cell: analyse(cell).reason,
    "scan": lambda cell: analyse(cell).reason,
    "chunk": lambda cell: chunk.analyse(cell).reason,
}
"""By executor, the reason why it cannot run a cell, or an empty string."""

EXECUTORS = ("auto", *REFUSES)


def check_name(executor: str) -> str:
    """Return an executor's name.

    Raises:
        ConfigError: there is no such executor.
    """
    accepted(executor, OneOf(EXECUTORS), Place(("executor",)), ConfigError)
    return executor


def check(executor: str, cell: Cell) -> None:
    """Refuse an executor that cannot run a cell.

    Raises:
        ConfigError: the executor cannot run the cell; the message has the reason.
    """
    if executor in REFUSES and (why := REFUSES[executor](cell)):
        raise ConfigError(
            f"executor={executor!r} cannot run the cell {cell.spec.name!r}: {why}. "
            "The executor 'auto' chooses one that can."
        )


def mode(executor: str, cell: Cell, setting: Setting) -> str:
    """Return the mode in which an executor is fastest, ``graph`` or ``xla``."""
    if executor in ("reference", "unroll"):
        return "graph"
    # On a CPU, XLA has no fast products in low precision, and slower ones of large matrices.
    low = setting.compute in ("bfloat16", "float16")
    large = executor == "stacked" and cell.units >= _GRAPH_FROM_UNITS
    return "graph" if setting.device == "cpu" and (low or large) else "xla"

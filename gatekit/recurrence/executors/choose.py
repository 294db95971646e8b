"""Which executor runs a cell: a pure function, so that numbers never depend on a timing.

Earlier versions could measure choices and store them in a file. A study with such a file still
reads it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatekit._version import __version__
from gatekit.cell.analysis import chunk, newton
from gatekit.cell.analysis.affine import AffineStates, analyse
from gatekit.cell.errors import ConfigError, accepted
from gatekit.cell.graph import Cell
from gatekit.cell.program import Memory
from gatekit.faults import OneOf, Place
from gatekit.recurrence.keras_form import keras_form

MODES = ("graph", "xla")

# From this many units, XLA's slower products outweigh its faster row-wise part (CPU, float32).
_GRAPH_FROM_UNITS = 256

# A state at least this wide, and this many times wider than units, is a matrix. `affine` writes and
# reads its coefficients for all steps, which costs more than it saves. Measured in training, time
# of `affine` / `fused`, in graph mode and under XLA: as wide as units (mingru, sru_v1, lru, ffm)
# 0.4 to 0.8 and 0.7 to 1.1; matrices (gla, linear_attention, mamba, retnet) of 256 elements 0.8 to
# 0.9 and 1.3 to 1.4, of 512 to 4096 elements 1.1 to 2.4 and 1.4 to 3.8.
_WIDE, _TIMES = 512, 4


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
    remat: bool = False,
    tuned: Mapping[str, Mapping[str, str]] | None = None,
    length: int | None = None,
    chunks: bool = True,
) -> ExecutorChoice:
    """Return the executor that runs.

    Args:
        executor: the requested executor, or ``auto``.
        cell: the built cell.
        setting: device and types; by default, a CPU in float32.
        remat: whether steps are computed again in the backward pass.
        tuned: measured choices, by `key`.
        length: the steps of a sequence; None if they are not known.
        chunks: whether ``auto`` may choose ``chunk``.

    Raises:
        ConfigError: there is no such executor, or it cannot run this cell on this device.
    """
    setting = setting or Setting()
    if check_name(executor) != "auto":
        check(executor, cell, setting, remat)
        reason = f"executor={executor!r} was requested"
    else:
        measured = (tuned or {}).get(key(cell, setting))
        if measured is not None and not remat:
            check(measured["executor"], cell, setting, remat)
            return ExecutorChoice(
                measured["executor"], measured["mode"], "auto: measured by gatekit tune"
            )
        executor, reason = _automatic(cell, setting, remat)
        if chunks and not remat and chunks_win(cell, setting, length):
            training = "" if chunks_win(cell, setting, length, "xla") else "fused"
            inference = "" if _chunks_win_inference(cell) else "fused"
            others = _FUSED_UNDER_XLA if training else _FUSED_INFERENCE if inference else ""
            reason = f"{CHUNKS}; {others}" if others else CHUNKS
            best = mode("chunk", cell, setting)
            return ExecutorChoice("chunk", best, reason, inference, training)
        if executor == "affine":
            # In inference no residuals are stored, and a loop that computes the coefficients step
            # by step never leaves the cache. Measured on a CPU, eight cells, time of `affine` /
            # `fused`: 1.8 to 9.9 at time 100, 1.1 to 4.5 at time 4096 (64 units); 0.96 to 1.5 at
            # 512 units. In graph mode the ratio is 0.5 to 0.7.
            training = "fused" if fused_wins(cell) else ""
            reason = f"{reason}; {_FUSED_UNDER_XLA if training else _FUSED_INFERENCE}"
            best = mode(executor, cell, setting)
            return ExecutorChoice(executor, best, reason, "fused", training)
    return ExecutorChoice(executor, mode(executor, cell, setting), reason)


CHUNKS = "auto: a memory is a matrix, which products update for a chunk of steps at once"
"""The reason of ``auto`` for chunks."""

_FUSED_INFERENCE = "calls outside training that XLA compiles run fused"
_FUSED_UNDER_XLA = "calls that XLA compiles run fused"

_PRODUCTS = 512
"""Elements of a head from which products outweigh a loop of XLA that stores nothing."""

_FEW = 3
"""Gates, projections and equations up to which a step is small."""

_SHORT = 32
"""Steps up to which a sequence is one chunk, and the loop over its steps is short."""


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


def fused_wins(cell: Cell) -> bool:
    """Return whether ``fused`` trains an affine cell faster than ``affine`` where XLA compiles.

    ``affine`` writes and reads the coefficients of all steps. Time of ``affine`` / ``fused``,
    measured on a CPU: 1.0 to 2.8 in the mean for states whose steps mix two numbers (ffm, s5, lru,
    linoss), 1.0 to 1.1 for two gates and one equation (trnn, gilr, qrnn_f, mingru), 0.6 to 1.0 for
    larger steps (ten cells).

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


def check_name(executor: str) -> str:
    """Return an executor's name.

    Raises:
        ConfigError: there is no such executor.
    """
    accepted(executor, OneOf(EXECUTORS), Place(("executor",)), "auto", ConfigError)
    return executor


def _automatic(cell: Cell, setting: Setting, remat: bool) -> tuple[str, str]:
    if not cell.states:
        return "reference", f"{cell.spec.name} has no state, so there is no recurrence to fuse"
    if remat:
        return "fused", "auto: remat=True computes the fused loop again, chunk by chunk"
    affine = analyse(cell)
    if affine.affine:
        return _of_affine(cell, affine, setting)
    if setting.device == "gpu" and not cudnn_refusal(cell, setting):
        return "cudnn", "auto: the cell equals a Keras layer, and there is a GPU"
    return "fused", "auto: fused runs every cell, with one product per recurrent read"


def _of_affine(cell: Cell, affine: AffineStates, setting: Setting) -> tuple[str, str]:
    states = ", ".join(name for block in affine.blocks for name in block.states)
    fact = f"auto: affine in the past of {states}, with coefficients known for all steps at once"
    if setting.device == "gpu":
        return "scan", f"{fact}; a GPU solves all steps in a few rounds"
    if _wide(cell):
        return "fused", f"{fact}, but so many that a CPU computes them faster step by step"
    return "affine", f"{fact}; a CPU is fastest step by step"


def check(executor: str, cell: Cell, setting: Setting, remat: bool) -> None:
    """Refuse an executor that cannot run a cell.

    Raises:
        ConfigError: the executor cannot run the cell, or has no ``remat``; the message has the
            reason.
    """
    if executor in ROWS and (why := ROWS[executor].refuses(cell, setting)):
        raise ConfigError(
            f"executor={executor!r} cannot run the cell {cell.spec.name!r}: {why}. "
            "The executor 'auto' chooses one that can."
        )
    if remat and executor != "fused":
        raise ConfigError(
            f"remat=True requires the executor fused, but executor={executor!r} was requested: "
            "remove one of them"
        )


def cudnn_refusal(cell: Cell, setting: Setting) -> str:
    """Return the reason why cuDNN cannot run the cell, or an empty string if it can."""
    if setting.device != "gpu":
        return "cuDNN needs a GPU, and TensorFlow finds none"
    if setting.compute != setting.variables:
        return "cuDNN computes in one type, but under a mixed policy states have another"
    if setting.compute not in ("float16", "float32", "float64"):
        return f"cuDNN does not compute in {setting.compute}"
    if cell.spec.recurrent_dropout:
        return "it has recurrent dropout"
    form = keras_form(cell)
    if isinstance(form, str):
        return form
    if form.layer == "rnn":
        return "gatekit runs Keras' LSTM and GRU on cuDNN, but not its SimpleRNN"
    return "" if form.reset_after else "its reset gate acts before the recurrent product"


@dataclass(frozen=True)
class Row:
    """What an executor is, by its name.

    Attributes:
        run: ``MODULE:FUNCTION`` here, which solves a `Problem`; empty if `dispatch` makes it.
        refuses: returns the reason why it cannot run a cell, or an empty string.
        graph: whether it is fastest in graph mode everywhere.
    """

    run: str = ""
    refuses: Callable[[Cell, Setting], str] = lambda cell, setting: ""
    graph: bool = False


ROWS: Mapping[str, Row] = {
    "reference": Row("reference:run", graph=True),
    "fused": Row(),
    "unroll": Row("reference:unrolled", graph=True),
    "affine": Row(refuses=lambda cell, setting: analyse(cell).reason),
    "scan": Row(refuses=lambda cell, setting: analyse(cell).reason),
    "chunk": Row(refuses=lambda cell, setting: chunk.analyse(cell).reason),
    "newton": Row(refuses=lambda cell, setting: newton.analyse(cell).reason),
    "cudnn": Row(refuses=cudnn_refusal, graph=True),
}
EXECUTORS = ("auto", *ROWS)


def mode(executor: str, cell: Cell, setting: Setting) -> str:
    """Return the mode in which an executor is fastest, ``graph`` or ``xla``."""
    if ROWS[executor].graph:
        return "graph"
    if setting.device == "gpu":
        return "xla"
    # On a CPU, XLA has no fast products in low precision.
    if setting.compute in ("bfloat16", "float16"):
        return "graph"
    return "graph" if executor == "fused" and cell.units >= _GRAPH_FROM_UNITS else "xla"


def key(cell: Cell, setting: Setting) -> str:
    """Return the key of a measured choice: a hash of the cell, its sizes, the device, the types."""
    canonical = json.dumps(cell.spec.canonical(), sort_keys=True)
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    sizes = f"{cell.features}x{cell.units}"
    return f"{digest}/{sizes}/{setting.device}/{setting.compute}/{setting.variables}"


TUNE_VARIABLE = "GATEKIT_TUNE"
"""The environment variable that names a file of measured choices."""

Choices = Mapping[str, Mapping[str, str]]


def table_of_environment() -> Choices | None:
    """Return the choices in the file that the variable GATEKIT_TUNE names; None if it is not set.

    Raises:
        ConfigError: the file cannot be used.
    """
    path = os.environ.get(TUNE_VARIABLE)
    if not path:
        return None
    try:
        changed = Path(path).stat().st_mtime_ns
    except OSError as error:
        raise ConfigError(
            f"{TUNE_VARIABLE}={path}: {error.strerror}; unset it: executor=auto no longer needs it"
        ) from None
    return _read(path, changed)


def read_table(path: str | Path) -> Choices:
    """Return the choices of a file that ``gatekit tune`` of an earlier version wrote.

    Raises:
        ConfigError: it is not such a file, or another version of gatekit wrote it.
    """
    again = "delete it: executor=auto no longer needs it"
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        version, choices = content["gatekit"], content["choices"]
        checked = {
            str(key): {"executor": str(c["executor"]), "mode": str(c["mode"])}
            for key, c in choices.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path} is not a table of gatekit tune ({type(error).__name__}: {error}); {again}"
        ) from None
    if version != __version__:
        raise ConfigError(
            f"{path} was measured with gatekit {version}, but this is {__version__}; {again}"
        )
    for key, choice in checked.items():
        if choice["executor"] not in EXECUTORS[1:] or choice["mode"] not in MODES:
            raise ConfigError(f"{path}: {key} has {choice}, which is not a choice; {again}")
    return checked


@functools.lru_cache(maxsize=8)
def _read(path: str, changed: int) -> Choices:
    return read_table(path)

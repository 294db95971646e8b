"""Compose gated recurrent cells from gate plugins and equations, sweep variants, compare them.

Public: the names in `__all__`, and those in `__all__` of `code`, `compare`, `convert`, `registry`,
`tasks` and `testing`. Every other module is gatekit's own and may change.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from gatekit._clone import find_beside
from gatekit._saved import register_with_keras
from gatekit._version import __version__ as __version__
from gatekit.cell.block.contract import Block
from gatekit.cell.calls import border
from gatekit.cell.errors import ConfigError, DataError, GatekitError, RunError, nearest
from gatekit.cell.gate import Gate, OutputUnit
from gatekit.cell.language import ops
from gatekit.cell.language.ops import FUNCTIONS, Function
from gatekit.cell.learned import Initializer, LinearMap, Parameter
from gatekit.cell.owned import Projection, State

if TYPE_CHECKING:
    from gatekit import code, convert, registry, tasks, testing
    from gatekit.cell.schema import MAX_EQUATIONS
    from gatekit.recurrence.blocks.layer import BlockLayer
    from gatekit.recurrence.layers.rnn import RNN
    from gatekit.recurrence.layers.step_cell import Cell
    from gatekit.registry.hooks import hookimpl
    from gatekit.registry.tracker import Tracker
    from gatekit.runs.script import run
    from gatekit.tasks.streamed import StreamedTask
    from gatekit.tasks.task import Batch, Metric, Signature, Task
    from gatekit.tasks.tracking import AutomatonTask, TrackingTask

    from .api import diagram, extend, plan, probe, report, show, train
    from .compare import compare, load
    from .registry import use_plugins

__all__ = [
    "MAX_EQUATIONS",
    "RNN",
    "AutomatonTask",
    "Batch",
    "Block",
    "BlockLayer",
    "Cell",
    "ConfigError",
    "DataError",
    "Function",
    "Gate",
    "GatekitError",
    "Initializer",
    "LinearMap",
    "Metric",
    "OutputUnit",
    "Parameter",
    "Projection",
    "RunError",
    "Signature",
    "State",
    "StreamedTask",
    "Task",
    "Tracker",
    "TrackingTask",
    "code",
    "compare",
    "convert",
    "diagram",
    "extend",
    "hookimpl",
    "load",
    "ops",
    "plan",
    "probe",
    "registry",
    "report",
    "run",
    "show",
    "tasks",
    "testing",
    "train",
    "use_plugins",
]

find_beside()
register_with_keras()
sys.modules[f"{__name__}.ops"] = ops  # for `from gatekit.ops import tanh`


_TENSOR_OPS = f"{__name__}.recurrence.tensor_ops"


def _is_first_tensor(value: object) -> bool:
    return type(value).__module__.startswith("tensorflow.") and _TENSOR_OPS not in sys.modules


def _on_tensors(name: str, *args: Any) -> Any:
    """Load the backend for tensors, which then takes precedence, and apply one of its functions."""
    importlib.import_module(_TENSOR_OPS)
    return FUNCTIONS[name](*args)


ops.add_backend(_is_first_tensor, {name: partial(_on_tensors, name) for name in FUNCTIONS})
# Loaded on first use, so that cells, gates and the command line need no TensorFlow.
_LAZY = {
    "MAX_EQUATIONS": "gatekit.cell.schema",
    "RNN": "gatekit.recurrence.layers.rnn",
    "BlockLayer": "gatekit.recurrence.blocks.layer",
    "Cell": "gatekit.recurrence.layers.step_cell",
    "hookimpl": "gatekit.registry.hooks",
    "load": "gatekit.compare",
    "Tracker": "gatekit.registry.tracker",
    "run": "gatekit.runs.script",
    "use_plugins": "gatekit.registry",
    "Batch": "gatekit.tasks.task",
    "Metric": "gatekit.tasks.task",
    "Signature": "gatekit.tasks.task",
    "StreamedTask": "gatekit.tasks.streamed",
    "Task": "gatekit.tasks.task",
    "AutomatonTask": "gatekit.tasks.tracking",
    "TrackingTask": "gatekit.tasks.tracking",
    **dict.fromkeys(
        ("diagram", "extend", "plan", "probe", "report", "show", "train"), "gatekit.api"
    ),
}
# The packages `code` and `compare` can also be called: see their modules.
_LAZY_MODULES = ("code", "compare", "convert", "registry", "tasks", "testing")


@border
def _loaded(name: str) -> Any:
    if name in _LAZY_MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES or name in _LAZY:
        return _loaded(name)
    hint = "" if name.startswith("_") else nearest(name, __all__)
    if name in ("LSTM", "GRU", "SimpleRNN"):
        cell = {"SimpleRNN": "rnn"}.get(name, name.lower())
        hint = f"; the layer is gatekit.RNN({cell!r}, units)"
    elif name.upper() == "RNN":
        hint = "; did you mean 'RNN'?"
    elif name.islower() and name.replace("_", "-") in _commands():
        command = f"gatekit {name.replace('_', '-')}"
        hint = f"; it is a command: type `{command}` in a terminal, `!{command}` in a notebook"
    # With a name and no object, Python adds no suggestion of its own.
    raise AttributeError(f"module 'gatekit' has no attribute {name!r}{hint}", name=name)


def _commands() -> Mapping[str, object]:
    commands: Mapping[str, object] = importlib.import_module(f"{__name__}.cli.commands").COMMANDS
    return commands


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

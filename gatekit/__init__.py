"""Compose gated recurrent cells from gate plugins and equations, sweep variants, compare them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .cell import ops
from .cell.errors import GatekitError
from .cell.gate import Gate
from .cell.initializer import Initializer
from .cell.linear_map import LinearMap
from .cell.ops import Function
from .cell.output_unit import OutputUnit
from .cell.parameter import Parameter
from .registry.hooks import hookimpl

if TYPE_CHECKING:
    from . import convert
    from .compare import load
    from .recurrence.layer import RNN
    from .recurrence.lengths import pad_time
    from .recurrence.step_cell import Cell
    from .registry import use_plugins
    from .study.record import run
    from .study.streamed import StreamedTask
    from .study.task import Batch, Metric, Signature, Task
    from .study.tracking import AutomatonTask, TrackingTask

__version__ = "0.1.0"
__all__ = [
    "RNN",
    "AutomatonTask",
    "Batch",
    "Cell",
    "Function",
    "Gate",
    "GatekitError",
    "Initializer",
    "LinearMap",
    "Metric",
    "OutputUnit",
    "Parameter",
    "Signature",
    "StreamedTask",
    "Task",
    "TrackingTask",
    "convert",
    "hookimpl",
    "load",
    "ops",
    "pad_time",
    "run",
    "use_plugins",
]

# Loaded on first use, so that cells, gates and the command line need no TensorFlow.
_LAZY = {
    "RNN": "gatekit.recurrence.layer",
    "Cell": "gatekit.recurrence.step_cell",
    "load": "gatekit.compare",
    "pad_time": "gatekit.recurrence.lengths",
    "run": "gatekit.study.record",
    "use_plugins": "gatekit.registry",
    "Batch": "gatekit.study.task",
    "Metric": "gatekit.study.task",
    "Signature": "gatekit.study.task",
    "StreamedTask": "gatekit.study.streamed",
    "Task": "gatekit.study.task",
    "AutomatonTask": "gatekit.study.tracking",
    "TrackingTask": "gatekit.study.tracking",
}
_LAZY_MODULES = ("convert",)


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'gatekit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY, *_LAZY_MODULES])

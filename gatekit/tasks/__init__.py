"""Tasks: their data in splits, the signature that a model needs, and the metric.

A task is a subclass of `Task`, or of `StreamedTask` if it draws its data. Everything that a task
plugin needs is public here: base classes, arrays in files, data inside packages, piano rolls, text,
labelled sequences, files of your own, packed documents. `validate` checks data against the
declaration of the task. Start with `task.py`. TensorFlow is not needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatekit.cell.errors import ConfigError, DataError
    from gatekit.runs.durable import sha256 as file_hash

    from .arrays import read_idx, read_npz, write_npz
    from .fetch import PackageSource, contents, folder_of, located
    from .files import FileTask
    from .labelled import Labelled, every_fifth, majority, read_ts
    from .packing import packed
    from .piano_rolls import KEYS, SPLITS, CanonicalRolls, PianoRolls, Rolls, roll_of
    from .seeds import generator
    from .streamed import SizedTask, StreamedTask
    from .task import Batch, Metric, Signature, Task, recipe_hash
    from .text import CharacterModel, decoded, split_text
    from .tokens import TokenModel
    from .tracking import AutomatonTask, LengthsTask, TrackingTask

__all__ = [
    "KEYS",
    "SPLITS",
    "AutomatonTask",
    "Batch",
    "CanonicalRolls",
    "CharacterModel",
    "ConfigError",
    "DataError",
    "FileTask",
    "Labelled",
    "LengthsTask",
    "Metric",
    "PackageSource",
    "PianoRolls",
    "Rolls",
    "Signature",
    "SizedTask",
    "StreamedTask",
    "Task",
    "TokenModel",
    "TrackingTask",
    "contents",
    "decoded",
    "every_fifth",
    "file_hash",
    "folder_of",
    "generator",
    "located",
    "majority",
    "packed",
    "read_idx",
    "read_npz",
    "read_ts",
    "recipe_hash",
    "roll_of",
    "split_text",
    "write_npz",
]

_HOMES = {
    "gatekit.cell.errors": ("ConfigError", "DataError"),
    "gatekit.tasks.arrays": ("read_idx", "read_npz", "write_npz"),
    "gatekit.tasks.fetch": ("PackageSource", "contents", "folder_of", "located"),
    "gatekit.tasks.files": ("FileTask",),
    "gatekit.tasks.labelled": ("Labelled", "every_fifth", "majority", "read_ts"),
    "gatekit.tasks.packing": ("packed",),
    "gatekit.tasks.piano_rolls": (
        "KEYS",
        "SPLITS",
        "CanonicalRolls",
        "PianoRolls",
        "Rolls",
        "roll_of",
    ),
    "gatekit.tasks.seeds": ("generator",),
    "gatekit.tasks.streamed": ("SizedTask", "StreamedTask"),
    "gatekit.tasks.task": ("Batch", "Metric", "Signature", "Task", "recipe_hash"),
    "gatekit.tasks.text": ("CharacterModel", "decoded", "split_text"),
    "gatekit.tasks.tokens": ("TokenModel",),
    "gatekit.tasks.tracking": ("AutomatonTask", "LengthsTask", "TrackingTask"),
}
_LAZY = {name: (module, name) for module, names in _HOMES.items() for name in names}
_LAZY["file_hash"] = ("gatekit.runs.durable", "sha256")


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _LAZY[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)

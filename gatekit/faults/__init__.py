"""What is wrong, as data: where, what was given, what is allowed, and what to do about it.

Code that finds a mistake raises a `GatekitError` with a `Fault`, and only `speak` writes a sentence
about it, for a shell, a Python call, a layer or a YAML file. Start with `fault`.

No module here is public.
"""

from .fault import (
    NOTHING,
    Both,
    Fault,
    Fix,
    Kind,
    Note,
    Place,
    Remove,
    Rename,
    Run,
    Set,
    Several,
    together,
)
from .names import known_as, nearest_key, nearest_name, note_for
from .speak import Call, Channel, File, Flags, Layer, Shell, Typed, speak
from .types import (
    AnyOf,
    Custom,
    Flag,
    ListOf,
    Mismatch,
    Number,
    OneOf,
    Optional,
    Table,
    Text,
    Type,
    Whole,
    fits,
    guesses,
    unknown_name,
    unknown_option,
    wrong,
)

__all__ = [
    "NOTHING",
    "AnyOf",
    "Both",
    "Call",
    "Channel",
    "Custom",
    "Fault",
    "File",
    "Fix",
    "Flag",
    "Flags",
    "Kind",
    "Layer",
    "ListOf",
    "Mismatch",
    "Note",
    "Number",
    "OneOf",
    "Optional",
    "Place",
    "Remove",
    "Rename",
    "Run",
    "Set",
    "Several",
    "Shell",
    "Table",
    "Text",
    "Type",
    "Typed",
    "Whole",
    "fits",
    "guesses",
    "known_as",
    "nearest_key",
    "nearest_name",
    "note_for",
    "speak",
    "together",
    "unknown_name",
    "unknown_option",
    "wrong",
]

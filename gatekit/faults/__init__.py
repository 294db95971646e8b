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
from .names import nearest_name
from .speak import Call, Channel, Layer, Typed, speak
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
    "Fix",
    "Flag",
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
    "Table",
    "Text",
    "Type",
    "Typed",
    "Whole",
    "fits",
    "nearest_name",
    "speak",
    "together",
    "unknown_name",
    "unknown_option",
    "wrong",
]

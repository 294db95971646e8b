"""What is wrong, as data: where, what was given, and what is allowed.

Code that finds a mistake raises a `GatekitError` with a `Fault`, and only `speak` writes a sentence
about it, for a shell, a Python call, a layer or a YAML file. Start with `fault`.

No module here is public.
"""

from .fault import (
    NOTHING,
    Fault,
    Kind,
    Place,
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
    "Call",
    "Channel",
    "Custom",
    "Fault",
    "Flag",
    "Kind",
    "Layer",
    "ListOf",
    "Mismatch",
    "Number",
    "OneOf",
    "Optional",
    "Place",
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

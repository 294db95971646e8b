"""Checks of a plugin's declarations, without TensorFlow."""

from __future__ import annotations

import json
import keyword
import re

from gatekit.cell.declare import plain
from gatekit.cell.errors import GatekitError, nearest
from gatekit.cell.schema import RESERVED

from .alone import load_alone
from .outcome import CheckError
from .subject import Subject, known_signals

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_REFERENCE = re.compile(r"^\s*References?:\s*\S", re.MULTILINE)
_SOURCE = re.compile(r"doi:\s*10\.|arxiv:\s*\d|https?://|unpublished", re.IGNORECASE)
_EQUATION = re.compile(r"``[^`]*(?:=|[a-z_]+\()[^`]*``", re.DOTALL)


def loads_alone(subject: Subject) -> str | None:
    """The plugin loads alone in a fresh process, and does not change that process."""
    outcome = load_alone(subject.kind, subject.module)
    if outcome["error"]:
        raise CheckError(f"the plugin does not load alone: {outcome['error']}")
    registers = outcome["registers"]
    if registers is not None and subject.name not in registers:
        raise CheckError(f"loaded alone, the plugin registers {registers}, not {subject.name!r}")
    if outcome["changed"]:
        raise CheckError(
            f"loading the plugin changes the process: it {', '.join(outcome['changed'])}"
        )
    return None


def name_valid(subject: Subject) -> str | None:
    """The registered name is valid in a cell, on the command line and in a table."""
    name = subject.name
    if not _NAME.match(name) or len(name) > 40:
        raise CheckError(f"the name {name!r} must have at most 40 lower-case letters, digits and _")
    if keyword.iskeyword(name) or name in RESERVED:
        raise CheckError(f"the name {name!r} is reserved by Python or gatekit")
    return None


def documented(subject: Subject) -> str | None:
    """The docstring has a description, the equation and the source."""
    text = subject.implementation.__doc__ or ""
    what = subject.name
    if not text.strip():
        raise CheckError(f"{what} has no docstring")
    if subject.kind != "tasks" and not _EQUATION.search(text):
        raise CheckError("the docstring has no equation")
    if not _REFERENCE.search(text) or not _SOURCE.search(text):
        raise CheckError("the docstring names no reference")
    return None


def asks_for_known(subject: Subject) -> str | None:
    """Every argument is gatekit's, declared, a signal of a cell, or explained in the docstring."""
    known = known_signals(subject) if subject.asked else ()
    explained = set(re.findall(r"``([A-Za-z_]\w*)``", subject.implementation.__doc__ or ""))
    for name in subject.asked:
        if name not in known and name not in explained:
            words = ("pre", "own_prev", "t", "units", *known)
            if name in getattr(subject.instance, "states", ()):
                words = (f"{name}_prev",)
            raise CheckError(
                f"{subject.instance.definition()} has the argument {name!r}, which no cell has"
                f"{nearest(name, words)}"
            )
    return None


def options_plain(subject: Subject) -> str | None:
    """Options are plain data, and creating the object from them yields an equal object."""
    instance = subject.instance
    for name in type(instance).option_names():
        value = plain(getattr(instance, name))
        try:
            again = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            again = None
            if value is not None:
                raise CheckError(
                    f"the option {name} is {value!r}, which YAML cannot express"
                ) from None
        if again != value:
            raise CheckError(f"the option {name}={value!r} becomes {again!r} when read again")
    try:
        again = type(instance)(**instance.options())
    except GatekitError as error:
        raise CheckError(f"it cannot be created from its own options: {error}") from None
    if again != instance:
        raise CheckError("an object created from its options is not equal to it")
    return None

"""Errors, and helpers for their messages: the value given, what is allowed, and what to type."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from gatekit.faults import (
    Call,
    Channel,
    Fault,
    Kind,
    Place,
    speak,
    together,
)
from gatekit.faults.names import nearest_name as nearest_name
from gatekit.faults.types import Mismatch, Type, wrong
from gatekit.faults.values import SWITCHES as SWITCHES
from gatekit.faults.values import amount_of as amount_of
from gatekit.faults.values import as_plain as as_plain
from gatekit.faults.values import as_typed as as_typed
from gatekit.faults.values import described as described
from gatekit.faults.values import excerpt as excerpt
from gatekit.faults.values import kind_of as kind_of
from gatekit.faults.values import safe_repr as safe_repr

MAX_MESSAGE = 4_000
_T = TypeVar("_T")


class GatekitError(ValueError):
    """Base of all errors that a user can fix; the command line prints them without a traceback.

    Attributes:
        fault: what is wrong, as data; None if the message is a sentence of one place.
        channel: how the person who made the mistake probably writes; see `spoken`.
    """

    # Otherwise Keras wraps the message in its own text, terminal codes and all arguments.
    _keras_call_info_injected = True
    channel: Channel = Channel()
    fault: Fault | None = None

    _spoken = False

    def __init__(self, *args: object) -> None:
        if args and isinstance(args[0], Fault):
            self.fault = args[0]
            typed = self.fault.place.path[:1] in (("swap",), ("output_unit",))  # of no file
            channel = Channel() if typed else self.channel
            super().__init__(_shortened(speak(self.fault, channel)))
            return
        # A message quotes its input, and strings in an untrusted file may be long.
        super().__init__(*(_shortened(a) if isinstance(a, str) else a for a in args))

    def spoken(self, channel: Channel, *moves: tuple[Place, Place], again: bool = False) -> Self:
        """Spell the fault for the person who wrote the value; only the first call counts.

        Args:
            channel: how that person writes.
            moves: pairs of places; what is below the first is below the second.
            again: whether a later call counts as well.

        Returns:
            The error itself; one without a fault is unchanged.
        """
        if self.fault is not None and not self._spoken:
            self._spoken = not again
            for old, new in moves:
                self.fault = self.fault.moved(old, new)
            self.args = (_shortened(speak(self.fault, channel)),)
        return self

    def below(self, outer: Place) -> Self:
        """Return the error of the same fault, below another place."""
        return self if self.fault is None else type(self)(self.fault.below(outer))


def all_read(reads: Iterable[Callable[[], _T]]) -> list[_T]:
    """Return what each function returns; the mistakes of several are one error.

    Args:
        reads: functions that read one part each.

    Raises:
        GatekitError: parts have mistakes; those that are plain sentences are raised one at a time.
    """
    values: list[_T] = []
    errors: list[GatekitError] = []
    for read in reads:
        try:
            values.append(read())
        except GatekitError as error:
            if error.fault is not None and not error._spoken:
                errors.append(error)
            elif not errors:
                raise
    if not errors:
        return values
    if len(errors) == 1:
        raise errors[0]
    faults = together(error.fault for error in errors if error.fault is not None)
    raise type(errors[0])(faults) from errors[0].__cause__


class ExpressionError(GatekitError):
    """A string is not in the equation language; the message marks the position."""

    channel = Channel()


class CellError(GatekitError):
    """A cell, gate or output unit violates its contract."""

    channel = Channel()


class PluginError(GatekitError):
    """A plugin is broken, missing, or conflicts with another one.

    Args:
        message: what is wrong.
        line: the line of the plugin to change, which the message then names.
    """

    def __init__(self, message: object = "", line: object = None) -> None:
        super().__init__(f"{message} ({line})" if line else message)
        self.line = line


class ConfigError(GatekitError):
    """A configuration key or value is not allowed."""


class OptionError(ConfigError):
    """An option of a gate, task or block is not allowed, or is missing.

    The message is for a call of the class.

    Args:
        owner: the class, or what else has the option.
        option: the fault; its place is the option.
    """

    def __init__(self, owner: str, option: Fault) -> None:
        super().__init__(f"{owner}: {speak(option, Call())}")
        self.owner, self.option = owner, option

    def __reduce__(self) -> tuple[type, tuple[str, Fault]]:
        return OptionError, (self.owner, self.option)


def wrong_option(owner: str, option: str, value: object, expected: str) -> OptionError:
    """Return the error of an option's value.

    Args:
        owner: the class of the gate, task or block.
        option: the option's name.
        value: the value given.
        expected: what is allowed, in words.
    """
    return OptionError(owner, Fault(Kind.WRONG, Place((option,)), as_plain(value), expected))


def refused(place: Place, why: str) -> CellError:
    """Return the error of a place in a cell, for which there is a sentence of its own."""
    return CellError(Fault(Kind.REFUSED, place, why=why))


def accepted(value: Any, type_: Type, place: Place, error: type[GatekitError] = CellError) -> Any:
    """Return a value of a type.

    Raises:
        GatekitError: the value is not of the type; the class is that of ``error``.
    """
    try:
        return type_.accept(value)
    except Mismatch:
        raise error(wrong(place, value, type_)) from None


def at_most(most: int, count: int, what: str, place: Place) -> None:
    """Refuse a place in a cell that has more of something than is allowed."""
    if count > most:
        raise refused(place, f"{count:,} {what}; at most {most:,} are allowed")


class DataError(GatekitError):
    """A data set is missing, damaged, or does not have the expected form."""


class RunError(GatekitError):
    """A run folder cannot be used as requested."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'units'?"`` for the nearest known name, or an empty string."""
    near = nearest_name(name, known)
    return f"; did you mean {near!r}?" if near else ""


def listed(names: Iterable[str], most: int = 24) -> str:
    """Return the names sorted and comma separated, at most ``most`` of them."""
    ordered = sorted(str(name) for name in names)
    if not ordered:
        return "(none)"
    more = f", and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more


def shown(path: Path | str) -> str:
    """Return a path as a string, relative to the working folder if the path is inside it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def quoted(value: object) -> str:
    """Return a value as a message quotes it, whatever file it is from: at most 60 characters."""
    return excerpt(safe_repr(value))


def refuse_non_finite(value: object, where: str) -> None:
    """Refuse NaN and infinities anywhere in plain data.

    Args:
        value: plain data.
        where: the key of the value, for the message.

    Raises:
        ConfigError: a number is not finite.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            refuse_non_finite(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            refuse_non_finite(inner, f"{where}.{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where}={value}: a finite number is expected")


def one_line(error: Exception) -> str:
    """Return an error's message without its line breaks."""
    return " ".join(str(error).split())


def _shortened(message: str) -> str:
    if len(message) <= MAX_MESSAGE:
        return message
    return f"{message[: MAX_MESSAGE - 1_000]} ... {message[-900:]}"

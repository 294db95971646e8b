"""Errors, and helpers for their messages: the value given, what is allowed, and what to type."""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from gatekit.faults import Channel, Fault, File, Fix, Kind, Note, Place, Set, Shell, speak
from gatekit.faults.names import MAX_CANDIDATES, MAX_NEAREST
from gatekit.faults.names import nearest_name as nearest_name
from gatekit.faults.values import SWITCHES as SWITCHES
from gatekit.faults.values import amount_of as amount_of
from gatekit.faults.values import as_typed as as_typed
from gatekit.faults.values import excerpt as excerpt
from gatekit.faults.values import kind_of as kind_of
from gatekit.faults.values import safe_repr as safe_repr

MAX_MESSAGE = 4_000


class GatekitError(ValueError):
    """Base of all errors that a user can fix; the command line prints them without a traceback.

    Attributes:
        fault: what is wrong, as data; None if the message is a sentence of one place.
        channel: how the person who made the mistake probably writes; see `spoken`.
    """

    # Otherwise Keras wraps the message in its own text, terminal codes and all arguments.
    _keras_call_info_injected = True
    channel: Channel = Shell()
    fault: Fault | None = None

    _spoken = False

    def __init__(self, *args: object) -> None:
        if args and isinstance(args[0], Fault):
            self.fault = args[0]
            super().__init__(_shortened(speak(self.fault, self.channel)))
            return
        # A message quotes its input, and strings in an untrusted file may be long.
        super().__init__(*(_shortened(_punctuated(a)) if isinstance(a, str) else a for a in args))

    def spoken(self, channel: Channel, *moves: tuple[Place, Place]) -> Self:
        """Spell the fault for the person who wrote the value; only the first call counts.

        Args:
            channel: how that person writes.
            moves: pairs of places; what is below the first is below the second.

        Returns:
            The error itself; one without a fault is unchanged.
        """
        if self.fault is not None and not self._spoken:
            self._spoken = True
            for old, new in moves:
                self.fault = self.fault.moved(old, new)
            self.args = (_shortened(speak(self.fault, channel)),)
        return self


class ExpressionError(GatekitError):
    """A string is not in the equation language; the message marks the position."""

    channel = File()


class CellError(GatekitError):
    """A cell, gate or output unit violates its contract."""

    channel = File()


class PluginError(GatekitError):
    """A plugin is broken, missing, or conflicts with another one."""


class ConfigError(GatekitError):
    """A configuration key or value is not allowed."""


NO_EXAMPLE: object = object()


class OptionError(ConfigError):
    """A value of an option is not allowed; the fault's place is the option.

    Args:
        owner: the class of the gate, task or block.
        option: the option's name.
        value: the value given.
        expected: what is allowed, in words.
        example: a value that is allowed; `NO_EXAMPLE` if there is none to show.
        remedy: a sentence, with a space before it, that replaces the example.
        instead: what the value is, in words after what is allowed.
    """

    def __init__(
        self,
        owner: str,
        option: str,
        value: object,
        expected: str,
        example: object,
        remedy: str = "",
        instead: str = "",
    ) -> None:
        amount = amount_of(value)
        if amount is not None and type(amount) is type(example):
            example = amount
        such = "" if example is NO_EXAMPLE or remedy else f" Write {option}={example!r}."
        came = excerpt(safe_repr(value))
        super().__init__(
            f"{owner}: option {option}={came} should be {expected}{instead}.{remedy or such}"
        )
        fix: tuple[Fix, ...] = () if example is NO_EXAMPLE else (Set(Place((option,)), example),)
        fixes = (Note((remedy.strip(),)),) if remedy else fix
        self.option = Fault(Kind.WRONG, Place((option,)), value, expected, fixes=fixes)

    def below(self, group: str) -> ConfigError:
        """Return the error of the option as a key of a group, such as ``task``."""
        return ConfigError(self.option.below(Place((group,))))


class DataError(GatekitError):
    """A data set is missing, damaged, or does not have the expected form."""


class RunError(GatekitError):
    """A run folder cannot be used as requested."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'units'?"`` for the nearest known name, or an empty string."""
    near = nearest_name(name, known)
    return f"; did you mean {near!r}?" if near else ""


def alternatives(
    name: str, known: Iterable[str], what: str, command: str = "", most: int = 16
) -> str:
    """Return the end of a sentence about an unknown name: the nearest name, and the known names.

    ``"; did you mean 'adam'? Optimizers: adam, rmsprop, sgd."`` A long list is cut to the nearest
    names: ``"; did you mean 'gru'? Similar: gru1, mgru. `gatekit cells` lists all 139 cells."``

    Args:
        name: the unknown name.
        known: the known names.
        what: the kind of the names in the plural, such as ``cells``.
        command: the command that lists all of them.
        most: the number of names up to which all are listed.
    """
    names = sorted({str(k) for k in known})
    start = nearest(name, names) or "."
    if len(names) <= most:
        return f"{start} {what[:1].upper()}{what[1:]}: {listed(names)}."
    short = [k for k in names if len(k) <= MAX_NEAREST][:MAX_CANDIDATES]
    near = difflib.get_close_matches(name[:MAX_NEAREST], short, n=5, cutoff=0.55)[1:]
    near += [
        k
        for k in short
        if len(name) > 2 and name in k and k not in (*near, nearest_name(name, names))
    ]
    beside = f" Similar: {', '.join(near[:6])}." if near and start != "." else ""
    where = f"`{command}` lists all {len(names)} {what}." if command else ""
    return f"{start}{beside} {where or f'There are {len(names)} {what}.'}"


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


def described(value: object) -> str:
    """Return an object's description for messages: ``the function tanh``, ``the class Dense``."""
    name = getattr(value, "__name__", "") or getattr(value, "name", "")
    if isinstance(value, type):
        return f"the class {name}"
    if name == "<lambda>":
        return "a lambda"
    if callable(value) and (hasattr(value, "__code__") or type(value).__name__ in _FUNCTIONS):
        return f"the function {name}"
    plain = value is None or isinstance(value, (str, int, float, list, tuple, dict))
    return excerpt(safe_repr(value), 60) if plain else f"an object of {type(value).__name__}"


_FUNCTIONS = ("ufunc", "Function", "builtin_function_or_method", "GenericFunction")


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
        raise ConfigError(f"{where}={value}: write a finite number, such as 0.5 or 1e-3.")


def one_line(error: Exception) -> str:
    """Return an error's message without its line breaks."""
    return " ".join(str(error).split())


def _punctuated(message: str) -> str:
    """Return a message that begins a new sentence after the question of `nearest`."""
    message = re.sub(r"(did you mean '[^']*'\?)\.", r"\1", message)
    head, question, rest = message.partition("'?; ")
    if not question or "did you mean '" not in head:
        return message
    return f"{head}'? {rest[:1].upper()}{rest[1:]}"


def _shortened(message: str) -> str:
    if len(message) <= MAX_MESSAGE:
        return message
    return f"{message[: MAX_MESSAGE - 1_000]} ... {message[-900:]}"

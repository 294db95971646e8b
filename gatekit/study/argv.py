"""Reads the words of a command with argparse; a mistake is a `ConfigError`."""

from __future__ import annotations

import argparse
from argparse import Action, Namespace
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError
from gatekit.faults import Channel, Fault, Kind, Mismatch, Optional, Place, Type, Typed
from gatekit.faults.types import Number, Whole


class Reader(argparse.ArgumentParser):
    """A parser that raises `ConfigError` in place of ending the process.

    An option may be declared with a `Type`, which converts its value.

    Args:
        program: the command, such as ``gatekit show``.
        typed: the words after the command's name.
        more: arguments of argparse.
    """

    def __init__(self, program: str, typed: Sequence[str], **more: Any) -> None:
        super().__init__(prog=program, allow_abbrev=False, exit_on_error=False, **more)
        self.command, self.typed = program.removeprefix("gatekit "), list(typed)
        self.needed: list[Action] = []

    def add_argument(self, *names: Any, **more: Any) -> Action:
        """Declare an argument."""
        if isinstance(more.get("type"), Type):
            more["type"] = _reader(more["type"])
        action = super().add_argument(*names, **more)
        if action.required and action.nargs != "*":
            action.required = False  # `read` refuses what is missing
            self.needed.append(action)
        return action

    def channel(self, rest: Channel) -> Typed:
        """Return how to spell what was typed; the rest is spelled by another channel."""
        keys = (word.partition("=")[0] for word in self.typed if word[:1] != "-")
        return Typed(tuple(key.lstrip("+~") for key in keys), rest)

    def read(self) -> Namespace:
        """Return the arguments that were typed.

        Raises:
            ConfigError: an argument is missing, unknown or of the wrong type.
        """
        try:
            found, surplus = self.parse_known_intermixed_args(self.typed)
        except argparse.ArgumentError as error:
            name = (error.argument_name or "").rpartition("/")[2]
            refuse(Fault(Kind.REFUSED, Place((name,)), why=error.message))
        if surplus:
            self._refuse_surplus(surplus[0])
        for action in self.needed:
            if not getattr(found, action.dest):
                refuse(Fault(Kind.MISSING, Place((_shown(action),))))
        return found

    def _refuse_surplus(self, word: str) -> NoReturn:
        if word[:1] != "-":
            refuse(Fault(Kind.REFUSED, Place((word,)), why=f"{self.prog} has no such argument"))
        name = word.partition("=")[0]
        options = tuple(self._option_string_actions)
        refuse(Fault(Kind.UNKNOWN, Place((name,)), what="options", known=options))

    def error(self, message: str) -> NoReturn:
        """Refuse a command line.

        Raises:
            ConfigError: always.
        """
        refuse(Fault(Kind.REFUSED, Place(("arguments",)), why=message))


def refuse(fault: Fault) -> NoReturn:
    """Refuse a command line."""
    raise ConfigError(fault)


def _shown(action: Action) -> str:
    """Return an argument's name as the help shows it."""
    return str(action.metavar or action.dest.upper())


def _reader(type_: Type) -> Callable[[str], Any]:
    """Return the function with which argparse converts the text of an option."""
    inner = type_.inner if isinstance(type_, Optional) else type_

    def read(text: str) -> Any:
        value: Any = text
        for kind in (int, float) if isinstance(inner, (Whole, Number)) else ():
            try:
                value = kind(text)
                break
            except ValueError:
                continue
        try:
            return type_.accept(value)
        except Mismatch as mismatch:
            raise argparse.ArgumentTypeError(f"{text!r} is not {mismatch}") from None

    return read

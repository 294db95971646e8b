"""The parser that every command receives; its errors show what to type instead."""

from __future__ import annotations

import argparse
import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from gatekit.cell.errors import ConfigError, listed

from .options import CommandLine, known_studies


class Parser(CommandLine):
    """A parser that raises `ConfigError` instead of exiting, and suggests the nearest option.

    A command is a function ``run(parser) -> int``: it adds its arguments, reads them, and returns
    the exit code.
    """

    def error(self, message: str) -> NoReturn:
        """Reject the arguments.

        Raises:
            ConfigError: always.
        """
        from gatekit.study.typed import refusal

        raise ConfigError(refusal(self, message, self.typed, self._example))

    def read(self) -> Namespace:
        """Return the arguments that were typed.

        Raises:
            ConfigError: an argument is missing, unknown or of the wrong type.
        """
        known, unknown = self.parse_known_intermixed_args(self.typed)
        for argument in unknown:
            options = [o for action in self._actions for o in action.option_strings]
            what = "option" if argument.startswith("-") else "argument"
            from .hints import hint

            such = hint(self, argument, options) or self._listed(options)
            raise ConfigError(f"{self.prog} has no {what} {argument!r}{such}")
        for word in getattr(known, "overrides", ()):
            if typed := self._as_option(word):
                raise ConfigError(f"in {self.prog}, {word} is an option; type {shlex.join(typed)}.")
        for action in self._actions:
            word = getattr(known, action.dest, None)
            if action.dest in ("study", "run") and (typed := self._as_option(word)):
                from gatekit.study.typed import line

                others = [other for other in self.typed if other != word]
                missing = action.metavar or action.dest.upper()
                needed = [*others, self._example(action) or str(missing), *typed]
                raise ConfigError(
                    f"in {self.prog}, {word} is an option, and {missing} is missing; type "
                    f"{line(self.prog, needed)}."
                )
        return known

    def _as_option(self, word: object) -> list[str]:
        """Return ``key=value`` as words with ``--key``; empty if there is no such option."""
        key, equals, value = str(word).partition("=")
        action = self._option_string_actions.get(f"--{key}") if equals else None
        if action is None:
            return []
        return [f"--{key}"] if action.nargs == 0 else [f"--{key}", value]

    def _listed(self, options: Sequence[str]) -> str:
        """Return the end of a sentence that lists the command's options."""
        from gatekit.study.typed import MOST_LISTED

        shown = [option for option in options if option not in ("-h", "--debug", "--help")]
        if len(shown) > MOST_LISTED:
            return f"; `{self.prog} --help` lists its {len(shown)} options."
        return f". Options: {listed(shown)}. `{self.prog} --help` explains them."

    def _example(self, action: argparse.Action) -> str:
        """Return an example value for an argument, from existing studies if it can be one.

        The string is empty if there is no example.
        """
        known = known_studies()
        if action.dest == "study":
            return next(iter(known), "")
        runs = sorted(Path("experiments").glob("*/runs/????????????????"))
        if action.dest == "run" and runs:
            return runs[0].name[:8]
        if action.metavar in ("A", "B") and known:
            return f"{known[0]}/{'lstm' if action.metavar == 'A' else 'gru'}"
        return _FIRST.get(action.dest, "")


_FIRST = {
    "file": "study.zip",
    "shell": "bash",
    "action": "list",
    "kind": "gate",
    "name": "my_gate",
}
"""Example values for missing arguments."""

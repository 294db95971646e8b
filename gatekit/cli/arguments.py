"""An argument parser whose errors show what to type."""

from __future__ import annotations

import argparse
import os
import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError, listed

from .line import Line, known_studies, studies

COMPLETING = "_ARGCOMPLETE"
"""The variable that argcomplete's shell function sets if gatekit is to complete a line."""


class Parser(Line):
    """A parser that raises `ConfigError` instead of exiting, and suggests the nearest option.

    Args:
        command: the command's name, ``show`` in ``gatekit show``.
        summary: what the command does, for its help.
    """

    def __init__(self, command: str, summary: str) -> None:
        super().__init__(
            prog=f"gatekit {command}",
            description=summary,
            allow_abbrev=False,
        )
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def error(self, message: str) -> NoReturn:
        """Reject the arguments.

        Raises:
            ConfigError: always.
        """
        from gatekit.study.typed import refusal

        raise ConfigError(refusal(self, message, self.typed, self._example))

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Return the parsed arguments.

        Raises:
            ConfigError: an argument is missing, unknown or of the wrong type.
        """
        if COMPLETING in os.environ:
            offer(self)
        self.typed = list(argv)
        known, unknown = self.parse_known_intermixed_args(self.typed)
        for argument in unknown:
            options = [o for action in self._actions for o in action.option_strings]
            what = "option" if argument.startswith("-") else "argument"
            from .hints import hint

            such = hint(self, argument, options) or self._listed(options)
            raise ConfigError(f"{self.prog} has no {what} {argument!r}{such}")
        for word in getattr(known, "overrides", ()):
            key, _, value = str(word).partition("=")
            if action := self._option_string_actions.get(f"--{key}"):
                typed = f"--{key}" if action.nargs == 0 else f"--{key} {shlex.quote(value)}"
                raise ConfigError(f"{word}: {self.prog} takes it as an option; type {typed}")
        return known

    def _listed(self, options: Sequence[str]) -> str:
        """Return which options there are, as the end of a sentence."""
        from gatekit.study.typed import MOST_LISTED

        shown = [option for option in options if option not in ("-h", "--debug", "--help")]
        if len(shown) > MOST_LISTED:
            return f"; `{self.prog} --help` lists its {len(shown)} options."
        return f". Options: {listed(shown)}. `{self.prog} --help` explains them."

    def _example(self, action: argparse.Action) -> str:
        """Return a value of an argument from what is there, or an empty string."""
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
    "sql": "select * from runs",
    "file": "study.zip",
    "shell": "bash",
    "action": "list",
    "kind": "gate",
    "name": "my_gate",
}
"""A value of arguments that are missing."""


def offer(parser: argparse.ArgumentParser) -> None:
    """Complete the line by the options and arguments of a parser; the process ends here."""
    import argcomplete

    completers = {"study": studies, "studies": studies, "overrides": keys}
    for action in parser._actions:
        if action.dest in completers:
            action.completer = completers[action.dest]  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def keys(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    """Return the keys and values that Hydra knows after the words before."""
    from gatekit.study.hydra.composing import candidates

    return candidates(getattr(parsed_args, "overrides", None) or [], prefix)

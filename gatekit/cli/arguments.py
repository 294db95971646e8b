"""An argument parser whose errors show what to type."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from gatekit.cell.errors import ConfigError, listed, nearest


class Parser(argparse.ArgumentParser):
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
        raise ConfigError(f"{self.prog}: {message}; type `{self.prog} --help`.")

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Return the parsed arguments.

        Raises:
            ConfigError: an argument is missing, unknown or of the wrong type.
        """
        known, unknown = self.parse_known_intermixed_args(list(argv))
        for argument in unknown:
            options = [o for action in self._actions for o in action.option_strings]
            what = "option" if argument.startswith("-") else "argument"
            hint = nearest(argument.split("=")[0], options) if what == "option" else ""
            raise ConfigError(
                f"{self.prog} has no {what} {argument!r}{hint or '.'} Options: {listed(options)}."
            )
        return known

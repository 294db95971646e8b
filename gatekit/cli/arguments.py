"""An argument parser whose errors show what to type."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from argparse import Namespace
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError, listed, nearest

COMPLETING = "_ARGCOMPLETE"
"""The variable that argcomplete's shell function sets if gatekit is to complete a line."""

_PLUGINS = re.compile(r"\+{0,2}plugins=(.*)", re.DOTALL)
_OPENS = re.compile(r"[+~]*[A-Za-z_][\w./]*=['\"]?[\[{]")
_EXPANDED = re.compile(r"([+~]*[A-Za-z_][\w./]*)=([A-Za-z_]\w*:\S*)")


def plugin_files(word: str) -> list[str] | None:
    """Return the files that ``plugins=[FILE.py,FILE.py]`` names; None for any other word."""
    match = _PLUGINS.fullmatch(word)
    if match is None:
        return None
    names = (name.strip(" '\"") for name in match[1].strip().strip("[]").split(","))
    return [name for name in names if name]


def plugin_key(argv: Sequence[str]) -> list[str]:
    """Return the words of a command in Hydra's grammar, with ``--plugin FILE`` as a key.

    Raises:
        ConfigError: the option has no file.
    """
    words: list[str] = []
    files: list[str] = []
    rest = iter(argv)
    for word in rest:
        named = plugin_files(word)
        if word == "--plugin" or word.startswith("--plugin="):
            file = word.partition("=")[2] or next(rest, "")
            if not file:
                raise ConfigError("--plugin needs a file; type --plugin FILE.py")
            named = [file]
        if named is None:
            words.append(word)
        else:
            files += named
    # in front, because Hydra takes no override after an option such as --cfg job
    return [f"plugins=[{','.join(files)}]", *words] if files else words


def refuse_split(words: Sequence[str]) -> None:
    """Refuse a value that the shell has split, because it was typed without quotes.

    Raises:
        ConfigError: the shell split a value at a space, or expanded its braces.
    """
    for position, word in enumerate(words):
        if _OPENS.match(word) and _depth(word) > 0:
            whole, rest = word, list(words[position + 1 :])
            while rest and _depth(whole) > 0:
                whole = f"{whole} {rest.pop(0)}"
            if whole != word and _depth(whole) == 0:
                raise ConfigError(f"the shell split a value at a space; quote it: '{whole}'")
    for first, second in pairwise(words):
        one, two = _EXPANDED.fullmatch(first), _EXPANDED.fullmatch(second)
        if one and two and one[1] == two[1]:
            values = [m[2] for m in map(_EXPANDED.fullmatch, words) if m and m[1] == one[1]]
            raise ConfigError(
                f"the shell expanded the braces of a value; quote it: "
                f"'{one[1]}={{{','.join(values)}}}'"
            )


def _depth(text: str) -> int:
    return sum(text.count(opening) for opening in "[{") - sum(text.count(end) for end in "]}")


def _plugin_options(word: str) -> list[str]:
    files = plugin_files(word)
    return [word] if files is None else [w for file in files for w in ("--plugin", file)]


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
        if COMPLETING in os.environ:
            offer(self)
        words = list(argv)
        if "--plugin" in self._option_string_actions:
            words = [w for word in words for w in _plugin_options(word)]
        known, unknown = self.parse_known_intermixed_args(words)
        for argument in unknown:
            options = [o for action in self._actions for o in action.option_strings]
            what = "option" if argument.startswith("-") else "argument"
            hint = nearest(argument.split("=")[0], options) if what == "option" else ""
            raise ConfigError(
                f"{self.prog} has no {what} {argument!r}{hint or '.'} Options: {listed(options)}."
            )
        return known


def offer(parser: argparse.ArgumentParser) -> None:
    """Complete the line by the options and arguments of a parser; the process ends here."""
    import argcomplete

    completers = {"study": studies, "studies": studies, "overrides": keys}
    for action in parser._actions:
        if action.dest in completers:
            action.completer = completers[action.dest]  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def studies(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    """Return the names of the studies in ``--root``."""
    root = Path(getattr(parsed_args, "root", None) or "experiments")
    with contextlib.suppress(OSError):
        return [folder.name for folder in root.iterdir() if (folder / "runs").is_dir()]
    return []


def keys(prefix: str, parsed_args: Namespace, **_: Any) -> list[str]:
    """Return the keys and values that Hydra knows after the words before."""
    from gatekit.study.hydra.composing import candidates

    return candidates(getattr(parsed_args, "overrides", None) or [], prefix)

"""Completion of commands, options, studies and keys in the shell, by argcomplete.

The shell runs ``gatekit`` with the line that is being typed in its environment. argcomplete reads
the line, asks the parser of the command, writes what fits, and ends the process.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .arguments import Parser
from .commands import COMMANDS
from .output import write

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_ARGCOMPLETE"
"""Set by argcomplete's shell function if gatekit is to complete a line."""


def run(name: str, argv: Sequence[str]) -> int:
    """Print the script that turns completion on.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0.
    """
    from argcomplete.shell_integration import shellcode

    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument("shell", choices=SHELLS, help='type eval "$(gatekit completion bash)"')
    options = parser.read(argv)
    write(str(shellcode(["gatekit"], shell=options.shell)).rstrip())
    return 0


def complete() -> None:
    """Complete the line that the shell passes in the environment; the process ends here."""
    line = os.environ["COMP_LINE"]
    typed = line.encode()[: int(os.environ.get("COMP_POINT", len(line.encode())))].decode()
    words = typed.split()
    named = words[1] if len(words) > 2 or (len(words) == 2 and typed[-1].isspace()) else ""
    if named not in COMMANDS:
        parser = argparse.ArgumentParser("gatekit")
        parser.add_argument("command", choices=sorted(COMMANDS))
        parser.add_argument("--version", action="store_true")
        offer(parser)
    # The words before this number are the program; the others are the command's arguments.
    os.environ[VARIABLE] = "2"
    if named in ("train", "plan"):
        from gatekit.study.command import parser as train_parser

        offer(train_parser())
    else:
        importlib.import_module(f".{COMMANDS[named].module}", __package__).run(named, [])


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

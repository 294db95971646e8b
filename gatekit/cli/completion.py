"""Completion of commands, options, studies and keys in the shell, by argcomplete.

The shell runs ``gatekit`` with the line that is being typed in its environment. argcomplete reads
the line, asks the parser of the command, writes what fits, and ends the process.
"""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Sequence

from .arguments import COMPLETING, Parser, offer
from .commands import COMMANDS
from .output import write

SHELLS = ("bash", "zsh", "fish")


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
    os.environ[COMPLETING] = "2"
    if named in ("train", "plan"):
        from gatekit.study.command import parser as train_parser

        offer(train_parser())
    else:
        importlib.import_module(f".{COMMANDS[named].module}", __package__).run(named, [])

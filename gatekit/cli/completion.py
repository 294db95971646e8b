"""Completion of commands, options, studies and keys in the shell, by argcomplete.

The shell runs ``gatekit`` with the line that is being typed in its environment. argcomplete reads
the line, consults the command's parser, writes the candidates, and ends the process.
"""

from __future__ import annotations

import argparse
import os
from argparse import Namespace

from .commands import COMMANDS
from .options import Parser, studies
from .output import print_text

SHELLS = ("bash", "zsh", "fish")


def run(parser: Parser) -> int:
    """Print the script that enables completion."""
    from argcomplete.shell_integration import shellcode

    parser.add_argument("shell", choices=SHELLS, help='type eval "$(gatekit completion bash)"')
    print_text(str(shellcode(["gatekit"], shell=parser.read().shell)).rstrip())
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
        _offer(parser)
    # The words before this position are the program; the rest are the command's arguments.
    os.environ["_ARGCOMPLETE"] = "2"
    if named in ("train", "plan"):
        from gatekit.study.command import parser as train_parser

        _offer(train_parser())
    else:
        COMMANDS[named].function()(_Offering(named, "", ()))


class _Offering(Parser):
    """A parser that completes the line, instead of parsing it, once it has all its arguments."""

    def read(self) -> Namespace:
        """Complete the line; the process ends here."""
        _offer(self)
        return Namespace()


def _offer(parser: argparse.ArgumentParser) -> None:
    """Complete the line from a parser's options and arguments; the process ends here."""
    import argcomplete

    completers = {"study": studies, "studies": studies, "overrides": _keys}
    for action in parser._actions:
        if action.dest in completers:
            action.completer = completers[action.dest]  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def _keys(prefix: str, parsed_args: Namespace, **_: object) -> list[str]:
    """Return the keys and values that can follow the words typed so far."""
    from gatekit.study.hydra.composing import candidates

    return candidates(getattr(parsed_args, "overrides", None) or [], prefix)

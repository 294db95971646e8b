"""Every option of every command: it is declared with a type, and a mistake in it is a fault."""

from __future__ import annotations

from argparse import Action, Namespace
from pathlib import Path

import pytest
from seams import COMMANDS, Parser, Reader
from seams import faults_Number as Number


class ReadError(Exception):
    """A command has read its arguments."""


class Reading(Parser):
    """A parser that ends the command when its arguments are read."""

    found: Namespace | None = None

    def read(self) -> Namespace:
        self.found = super().read()
        raise ReadError


def read(command: str, words: list[str]) -> Reading:
    parser = Reading(command, "", words)
    with pytest.raises(ReadError):
        COMMANDS[command].function()(parser)
    return parser


READ = [name for name in COMMANDS if name not in ("train", "plan")]


def positional(command: str) -> list[str]:
    """Return words that a command needs."""
    words = {"why": ["a", "b"], "new": ["gate", "b"], "data": ["list"], "completion": ["bash"]}
    try:
        read(command, words.get(command, []))
    except BaseException:
        return ["a"]
    return words.get(command, [])


def options(command: str) -> list[Action]:
    actions = read(command, positional(command))._actions
    return [each for each in actions if each.option_strings and each.dest != "help"]


def reader(*words: str) -> Reader:
    """Return a parser of one option of each kind."""
    found = Reader("gatekit compare", words)
    found.add_argument("study")
    found.add_argument("more", nargs="*")
    found.add_argument("--level", type=Number(0, 1), default=0.5)
    found.add_argument("--task", action="append", default=[])
    found.add_argument("--info", nargs="?", choices=("all", "one"), const="all")
    found.add_argument("-o", "--output", type=Path)
    form = found.add_mutually_exclusive_group()
    for name in ("json", "csv"):
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name)
    return found


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("a --level 0.25", "level", 0.25),
        ("a --level=.25 --level 1", "level", 1.0),
        ("--task b a --task c d", "task", ["b", "c"]),
        ("--task b a --task c d", "more", ["d"]),
        ("a --info one", "info", "one"),
        ("a -o x.py", "output", Path("x.py")),
        ("--json a", "form", "json"),
        ("a", "form", None),
        ("a -1 -- --json", "more", ["-1", "--json"]),
    ],
)
def test_words_are_read(words: str, name: str, value: object) -> None:
    assert getattr(reader(*words.split()).read(), name) == value

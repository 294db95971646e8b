"""Every option of every command: it is declared with a type, and a mistake in it is a fault."""

from __future__ import annotations

import shlex
from argparse import Action, Namespace
from pathlib import Path

import pytest
from refused import fault_of, typed
from seams import COMMANDS, Kind, Parser, Place, Reader, Remove, Rename, Set, Whole, fits
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


@pytest.mark.parametrize("command", READ)
def test_the_first_fix_of_an_option_is_accepted(command: str) -> None:
    words, known = positional(command), options(command)

    def again(*wrong: str) -> list[str]:
        return shlex.split(typed(lambda: read(command, [*words, *wrong])))

    for action in known:
        option = action.option_strings[-1]
        meant = again(f"{option}x", *(() if action.nargs == 0 else ("3",)))
        keys = "=" in meant[0]  # the nearest name may be that of a key
        assert keys or any(meant[0] in each.option_strings for each in known)
        if isinstance(action.type, (Whole, Number)):
            read(command, [*words, *again(option, "1k" if fits(1000, action.type) else "50%")])
        if action.nargs is None:
            assert [option] == again(option)[:-1]


def reader(*words: str) -> Reader:
    """Return a parser of one option of each kind."""
    found = Reader("gatekit compare", words)
    found.add_argument("study")
    found.add_argument("more", nargs="*")
    found.add_argument("--level", type=Number(0, 1), default=0.5, example=0.9)
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
        ("a --info b", "info", "all"),
        ("a -o x.py", "output", Path("x.py")),
        ("--json a", "form", "json"),
        ("a", "form", None),
        ("a -1 -- --json", "more", ["-1", "--json"]),
    ],
)
def test_words_are_read(words: str, name: str, value: object) -> None:
    assert getattr(reader(*words.split()).read(), name) == value


@pytest.mark.parametrize(
    ("words", "kind", "place", "fix"),
    [
        ("a --level 95%", Kind.WRONG, "--level", Set(Place(("--level",)), 0.95)),
        ("a --level", Kind.MISSING, "--level", Set(Place(("--level",)), 0.9)),
        ("a --json=1", Kind.WRONG, "--json", Set(Place(("--json",)), True)),
        ("a --json --csv", Kind.CONFLICT, "--csv", Remove(Place(("--json",)))),
        ("a --jsn", Kind.UNKNOWN, "--jsn", Set(Place(("--json",)), True)),
        ("a level=1", Kind.UNKNOWN, "level=1", Set(Place(("--level",)), "1")),
    ],
)
def test_a_mistake_is_a_fault(words: str, kind: Kind, place: str, fix: object) -> None:
    fault = fault_of(reader(*words.split()).read)
    assert (fault.kind, fault.place.last, fault.fixes[0]) == (kind, place, fix)


def test_all_unknown_options_are_answered_at_once() -> None:
    fault = fault_of(reader("--jsn", "--levl", "0.9", "--json", "a", "--", "--word").read)
    assert [each.place.last for each in (fault, *fault.others)] == ["--jsn", "--levl"]
    assert fault.others[0].fixes[0] == Rename(Place(("--levl",)), Place(("--level",)))

"""Every argument of the Python API and of every command arrives where it is used.

Functions, commands and arguments are read from signatures and parsers, so new ones are covered
without a change here, or a test fails and names the table to add them to. Each argument is given a
value that is not its default, and the function that uses it must receive this value.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from compare.synthetic import configuration, write_run, write_study

import gatekit
from gatekit.cell.notebook import Drawing
from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.main import main
from gatekit.cli.sweep.plan import HELP
from gatekit.faults import Number, Whole
from gatekit.runs.used import Used

from . import spies
from .ways import (
    COMMAND_WAYS,
    FUNCTION_WAYS,
    NAMES,
    RUN,
    RUN_2,
    VALUES,
    WITHOUT_EFFECT,
    Way,
)

PLUGIN = """import gatekit


@gatekit.hookimpl
def gatekit_functions():
    return {}
"""


class ListedError(Exception):
    """The arguments of a command are known."""


class Listing(Parser):
    def read(self) -> argparse.Namespace:
        raise ListedError


def actions(command: str) -> list[argparse.Action]:
    """Return the arguments and options of a command."""
    if command in ("train", "plan"):
        parser: Any = importlib.import_module("gatekit.study.command").parser()
        for option in re.findall(r"^  (--\w+)", HELP, re.M) if command == "plan" else ():
            parser.add_argument(option, action="store_true")
    else:
        parser = Listing(command, "", ())
        with contextlib.suppress(ListedError):
            COMMANDS[command].function()(parser)
    return [action for action in parser._actions if action.dest != "help" or command == "train"]


def other_words(command: str, action: argparse.Action) -> list[str]:
    """Return the words that set an argument of a command to another value than its default."""
    option = action.option_strings[-1:]
    if action.nargs == 0:
        return option
    for key in (f"{command} {action.dest}", action.dest):
        if key in VALUES:
            return [*option, str(VALUES[key])]
    if action.choices:
        return [*option, next(str(c) for c in action.choices if c != action.default)]
    example = getattr(action, "example", None)
    if example not in (None, action.default):
        return [*option, str(example)]
    if isinstance(action.type, (Whole, Number)):
        return [*option, str((action.default or 0) + 3)]
    if action.type is Path and "." in str(action.metavar):
        return [*option, f"other.{str(action.metavar).partition('.')[2]}"]
    pytest.fail(
        f"gatekit {command} {' '.join(option) or action.dest}: add a value other than the default "
        f"as {action.dest!r} to VALUES in tests/api/ways.py"
    )


COMMAND_CASES = [
    pytest.param(command, action, id=f"{command} {(action.option_strings or [action.dest])[-1]}")
    for command in COMMANDS
    for action in actions(command)
    if f"{command} {action.dest}" not in WITHOUT_EFFECT
]


def ways_of(name: str, ways: Mapping[str, list[Way]], argument: str) -> list[tuple[Way, bool]]:
    """Return how an argument is tested, and whether it suffices that something else is received."""
    known = ways.get(name, ())
    chosen = [
        (way, argument not in way.arguments)
        for way in known
        if {argument, f"~{argument}"} & {*way.arguments}
    ] or [(way, False) for way in known if not way.arguments]
    if not chosen:
        pytest.fail(
            f"{name}: add {argument!r}, and the function that receives it, to tests/api/ways.py"
        )
    return chosen


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the studies demo and other below two roots, a plugin and a folder."""
    place = tmp_path_factory.mktemp("project")
    for root in ("experiments", "elsewhere"):
        for study in ("demo", "other"):
            for units, shift in ((8, 0.0), (16, 0.3)):
                values = {
                    cell: [best + shift + seed * step for seed in range(3)]
                    for cell, best, step in (("lstm", 8.6, 0.01), ("gru", 8.1, 0.02))
                }
                write_study(place / root, values, study, units=units)
    runs = place / "experiments/demo/runs"
    for name, seed in ((RUN, 0), (RUN_2, 1)):
        folder = write_run(runs, configuration("rnn", seed, units=8), 9.0 + seed / 10, name=name)
        (folder / "log.txt").write_text("one\ntwo\nthree\nfour\nfive\n")
        for attempt in ("2", "3"):
            (folder / "attempts" / attempt).mkdir(parents=True)
            (folder / "attempts" / attempt / "log.txt").write_text(f"attempt {attempt}\n")
    write_run(runs, configuration("rnn", 2, units=8), state="FAILED", reason="it broke")
    (place / "mine.py").write_text(PLUGIN)
    (place / "other").mkdir()
    return place


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return project


def replace(monkeypatch: pytest.MonkeyPatch, returns: Mapping[str, object]) -> None:
    for place, value in returns.items():
        module, _, name = place.partition(":")
        owner, _, last = name.rpartition(".")
        target = importlib.import_module(module)
        target = getattr(target, owner) if owner else target
        monkeypatch.setattr(target, last, _returning(value))


def _returning(value: object) -> Callable[..., object]:
    return lambda *_, **__: value() if callable(value) else value


@pytest.mark.parametrize(("command", "action"), COMMAND_CASES)
def test_an_argument_of_a_command_arrives(
    command: str,
    action: argparse.Action,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed = other_words(command, action)
    for way, any_change in ways_of(command, COMMAND_WAYS, action.dest):
        base = way.base
        if action.option_strings or action.dest == "overrides":
            words = [*base, *typed]
        else:  # a positional argument replaces that of the base
            at = [a.dest for a in actions(command) if not a.option_strings].index(action.dest)
            words = [*base[:at], *typed, *base[at + 1 :]]
        key = (command, *base, way.places, *way.returns)
        with monkeypatch.context() as patch:
            replace(patch, way.returns)
            if key not in KNOWN:
                KNOWN[key] = spies.received(way.places, lambda base=base: main([command, *base]))[0]
            after, why = spies.received(way.places, lambda words=words: main([command, *words]))
        name = NAMES.get(action.dest, action.dest)
        value = True if action.nargs == 0 else typed[-1]
        check(way, any_change, name, value, KNOWN[key], after, f"{why} {capsys.readouterr().err}")


@pytest.mark.parametrize(
    "option", ["-c", "-p", "--resolve", "-i", "--hydra-help", "--version", "-sc"]
)
def test_plan_refuses_options_of_train_that_show_something(option: str, here: Path) -> None:
    words = [option, *{"-c": ["job"], "-p": ["other", "--cfg", "job"]}.get(option, [])]
    assert main(["plan", "cell=lstm", *words]) == 2


KNOWN: dict[tuple[object, ...], spies.Leaves] = {}
"""What was received from the base of a way."""


def check(
    way: Way,
    any_change: bool,
    name: str,
    value: object,
    before: spies.Leaves,
    after: spies.Leaves,
    why: str,
) -> None:
    """Check that a value has arrived; the message has the error with which the call ended."""
    if any_change:
        place = (*way.places, "result")[0]
        assert any(path[0] == place for path in after), f"{place} is not called: {why}"
        assert after != before, f"{name}={value!r} changes nothing in {way.places}"
    else:
        missing = spies.lost(value, name, before, after)
        assert not missing, f"{name}={value!r}: {missing}; {why}"


def parameters(function: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """Yield the parameters of a function; those of a comparison in place of ``**grouping``."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name != "grouping":
            yield parameter
            continue
        theirs = inspect.signature(gatekit.compare).parameters
        options = importlib.import_module("gatekit.compare.options")
        fixed = (*options.FAMILY, *options.CHOICE)
        own = inspect.signature(function).parameters
        names = fixed if function.__name__ == "extend" else theirs
        yield from (theirs[name] for name in names if name not in own)


def functions() -> dict[str, Callable[..., Any]]:
    """Return the functions of the Python API, and the methods of the objects that they return."""
    found = {name: getattr(gatekit, name) for name in gatekit.__all__ if name not in MODULES}
    found |= {f"convert.{name}": getattr(gatekit.convert, name) for name in gatekit.convert.__all__}
    plain = {
        name: value
        for name, value in found.items()
        if inspect.isroutine(value) or (inspect.ismodule(value) and callable(value))
    }
    for kind, place in OBJECTS.items():
        owner = getattr(importlib.import_module(place), kind)
        plain |= {
            f"{kind}.{name}": method
            for name, method in inspect.getmembers(owner, inspect.isfunction)
            if not name.startswith("_") and method.__module__.startswith("gatekit")
        }
    return plain


MODULES = ("ops", "registry", "tasks", "testing")
"""Modules whose functions do the work themselves; their own tests call them."""

OBJECTS = {
    "Comparison": "gatekit.compare.compared",
    "Drawing": "gatekit.cell.notebook",
    "Planned": "gatekit.api",
    "Run": "gatekit.runs.script",
    "Shown": "gatekit.api",
    "Study": "gatekit.compare.loaded",
}
"""Classes of what functions return, and their modules."""

API_CASES = [
    pytest.param(name, parameter, id=f"{name} {parameter.name}")
    for name, function in functions().items()
    for parameter in parameters(function)
    if parameter.name != "self" and f"{name} {parameter.name}" not in WITHOUT_EFFECT
]


@pytest.mark.parametrize(("name", "parameter"), API_CASES)
def test_an_argument_of_a_function_arrives(
    name: str, parameter: inspect.Parameter, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argument = parameter.name
    value = other_value(name, parameter)
    for way, any_change in ways_of(name, FUNCTION_WAYS, argument):
        with monkeypatch.context() as patch:
            replace(patch, way.returns)
            before, _ = spies.received(way.places, lambda way=way: called(name, way.base))
            asked = {**way.base, argument: value}
            after, why = spies.received(way.places, lambda asked=asked: called(name, asked))
        check(way, any_change, NAMES.get(argument, argument), value, before, after, why)


def other_value(name: str, parameter: inspect.Parameter) -> Any:
    """Return a value of a function's argument that is not its default."""
    for key in (f"{name} {parameter.name}", parameter.name):
        if key in VALUES:
            return VALUES[key]
    if isinstance(parameter.default, bool):
        return not parameter.default
    if isinstance(parameter.default, int):
        return parameter.default + 3
    return pytest.fail(
        f"gatekit.{name}({parameter.name}=...): add a value other than the default as "
        f"{parameter.name!r} to VALUES in tests/api/ways.py"
    )


def called(name: str, arguments: Mapping[str, Any]) -> object:
    """Call a function of the API, and return its result and what it set."""
    function = functions()[name]
    owner = OWNERS[name.partition(".")[0]]() if name.partition(".")[0] in OWNERS else None
    places: list[Any] = [] if owner is None else [owner]
    named: dict[str, Any] = {}
    kinds = {p.name: p.kind for p in inspect.signature(function).parameters.values()}
    for argument, value in arguments.items():
        kind = kinds.get(argument, inspect.Parameter.KEYWORD_ONLY)
        if kind is inspect.Parameter.POSITIONAL_ONLY:
            places.append(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            places += [value] if isinstance(value, str) else value
        elif kind is inspect.Parameter.VAR_KEYWORD:
            named |= value
        else:
            named[argument] = value
    return [function(*places, **named), getattr(owner, "count", None)]


def open_run() -> Any:
    """Return a run that takes numbers, and whose folder is never written."""
    run = gatekit.run("own", {"rate": 0.1}, 0)
    run.began, run.used = 0.0, Used()
    return run


OWNERS: dict[str, Callable[[], Any]] = {
    "Comparison": lambda: gatekit.compare("demo"),
    "Drawing": lambda: Drawing("<svg/>"),
    "Run": open_run,
}


def test_the_tables_have_no_entry_that_is_not_used() -> None:
    every = {f"{command} {action.dest}" for command in COMMANDS for action in actions(command)}
    every |= {f"{name} {p.name}" for name, f in functions().items() for p in parameters(f)}
    named = {name.partition(" ")[2] for name in every}
    assert {*WITHOUT_EFFECT} <= every
    assert {*VALUES} <= every | named
    ways = [
        (name, way)
        for known in (COMMAND_WAYS, FUNCTION_WAYS)
        for name in known
        for way in known[name]
    ]
    assert {f"{name} {a.lstrip('~')}" for name, way in ways for a in way.arguments} <= every


def test_a_new_argument_that_no_table_has_is_refused() -> None:
    def call(fresh: str | None = None) -> None:
        """Have an argument for which no value is known."""

    (parameter,) = parameters(call)
    with pytest.raises(pytest.fail.Exception, match="as 'fresh' to VALUES"):
        other_value("call", parameter)
    option = argparse.ArgumentParser().add_argument("--fresh")
    with pytest.raises(pytest.fail.Exception, match="as 'fresh' to VALUES"):
        other_words("compare", option)
    with pytest.raises(pytest.fail.Exception, match="add 'fresh', and the function"):
        ways_of("call", FUNCTION_WAYS, "fresh")

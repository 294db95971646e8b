"""Every argument of the Python API and of every command arrives where it is used.

Functions, commands and arguments are read from signatures and parsers, so new ones are covered
without a change here, or a test fails and names the table to add them to. Each argument is given a
value that is not its default, and the function that uses it must receive this value.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import importlib
import inspect
import re
import shlex
import types
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
from gatekit.cli.overrides import Overrides, read_overrides
from gatekit.cli.sweep.plan import HELP

from . import spies

RUN, RUN_2 = "0123456789abcdef", "1123456789abcdef"


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to call a function or a command, and the functions that then receive its arguments.

    Args:
        base: the words of the command line, or the arguments of the function.
        places: functions as ``package.module:name``; the call ends at the last one. None: the
            result is looked at.
        arguments: the arguments that are tested this way; empty for all that no other way names.
            With a ``~``, it suffices that the functions receive something else, or are called.
        returns: functions that are not called, and what they return instead; a function of no
            arguments returns it.
    """

    base: Any
    places: tuple[str, ...]
    arguments: str = ""
    returns: Mapping[str, object] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Repeated:
    """A repeated run, as far as ``gatekit rerun`` shows it."""

    verdict: str = "bitwise"
    run: str = RUN
    metric: str = "nll"
    before: Mapping[str, float] = dataclasses.field(default_factory=dict)
    changes: tuple[str, ...] = ()


@functools.cache
def lstm() -> Overrides:
    """Return what ``cell=lstm`` describes; composing it takes longest."""
    return read_overrides(["cell=lstm"])


def in_(module: str, *names: str) -> tuple[str, ...]:
    return tuple(f"gatekit.{module}:{name}" for name in names)


JSON = in_("cli.output", "write_json")
WRITE = in_("cli.output", "write")
FILE = in_("cli.output", "write_file")
FOLDER = in_("runs.studies.survey", "study_folder")
FIND = in_("runs.studies.survey", "find")
LOAD = in_("compare.study", "load")
WHERE = in_("compare.grouping.choose", "where")
READ = in_("cli.overrides", "read_overrides")
COMPARE = in_("compare.comparison", "compare")
QUOTED = in_("compare.recipe", "arguments")
SHEET = in_("compare.report.context", "sheet")
COMPOSED = in_("study.hydra.composing", "opened", "composed")
COMPOSITION = in_("study.command", "_composition")
SHOWN = (*in_("study.hydra.composing", "show"), *COMPOSITION)
SELECT = in_("compare.grouping.select", "select")
LOOK = "gatekit.compare.take_look"
BUILT = in_("code.given", "built_cell")
SCAFFOLD = "testing.scaffold"
PAGE = (*COMPARE, *QUOTED, *SHEET, *in_("compare.report.write", "write_report"))

_LISTING = "cli.write.listing"
_NONE: dict[str, object] = {
    f"gatekit.{_LISTING}:{name}": []
    for name in ("entries", "plugin_entries", "write_broken", "write_table")
}
_LIST = [
    Way("", in_(_LISTING, "entries")),
    Way("", JSON, "~json", _NONE),
    Way("", in_(_LISTING, "requirements"), "~requirements", _NONE),
]
_TRAIN = "cell=lstm units=8"
_SHOWN = {"gatekit.cli.write.show:read_overrides": lstm}
_MEASURED = {**_SHOWN, "gatekit.cell.show.parallel:measure": {}}
_TUNED = {"gatekit.cli.write.tuning:read_overrides": lstm}
_CODE = {"gatekit.cli.overrides:read_overrides": lstm}
_TIMED = {
    **_TUNED,
    "gatekit.recurrence.executors.timing:setting_here": None,
    "gatekit.recurrence.executors.choose:key": "key",
    "gatekit.recurrence.executors.timing:measure": {"fused/graph": 1.0},
}
_GATES = {
    "gatekit.compare.gates.behaviour:gates_report": None,
    "gatekit.compare.gates.text:to_data": {},
    "gatekit.cli.compare.gates:_print": None,
}
_BEST = {
    "gatekit.study.search.confirm:best": (
        [types.SimpleNamespace(trials=2, by={"cell": "lstm"}, words=(), validation=1.0)],
        5,
    )
}
_ROWS = [
    {"name": "a", "year": 2014, "tier": "own", "states": ["h"], "scannable": False},
    {"name": "b", "year": 2020, "tier": "certified", "states": list("abc"), "scannable": True},
]
_ROWS = [{**row, "summary": "", "reference": "", "origin": "gatekit"} for row in _ROWS]
_CELLS = {"gatekit.cli.write.cells:entries": _ROWS}
_SUITE = ("gate a", ["one", "two"], lambda names: [], lambda outcomes: None)
_SUITES = {"gatekit.cli.write.check:_suites": [_SUITE]}
_WRITTEN = types.SimpleNamespace(prompt="", text="text")

WAYS: dict[str, list[Way]] = {
    "new": [
        Way("gate leaky", in_(SCAFFOLD, "plugin")),
        Way(
            "gate leaky",
            in_(SCAFFOLD, "package"),
            "~package",
            {"gatekit.cli.write.new:_write": None},
        ),
    ],
    "check": [
        Way("leaky", in_("cli.write.check", "_suites")),
        Way("leaky", in_("cli.write.check", "_chosen"), "only", _SUITES),
        Way("leaky", JSON, "~json", _SUITES),
    ],
    "show": [
        Way("cell=lstm", READ),
        Way("cell=lstm", JSON, "~json", _MEASURED),
        Way("cell=lstm", WRITE, "~latex", _SHOWN),
        Way("cell=lstm", in_("cell.show.parallel", "text"), "~parallel", _MEASURED),
        Way("cell=lstm", FILE, "diagram", _SHOWN),
    ],
    "cells": [
        Way("", in_("cli.write.cells", "entries")),
        Way("", in_("cli.output", "write_table"), "~scannable ~states ~year ~tier", _CELLS),
        Way("", FILE, "html", _CELLS),
        Way("", JSON, "~json", _CELLS),
    ],
    **dict.fromkeys(("gates", "output-units", "blocks", "functions", "tasks"), _LIST),
    "plugins": [Way("", in_(_LISTING, "plugin_entries")), *_LIST[1:]],
    "tune": [
        Way("cell=lstm", READ, "overrides"),
        Way(
            "cell=lstm",
            in_("recurrence.executors.timing", "measure"),
            "batch time rounds mode",
            _TUNED,
        ),
        Way("cell=lstm", in_("recurrence.executors.timing", "setting_here"), "precision", _TUNED),
        Way("cell=lstm --study demo", in_("runs.names", "table_of"), "study root", _TUNED),
        Way("cell=lstm", FILE, "to", _TIMED),
        Way("cell=lstm", JSON, "~json", _TIMED),
    ],
    "train": [
        Way(_TRAIN, COMPOSED, "overrides multirun trust_config"),
        Way(f"{_TRAIN} --trust-config", COMPOSED, "config_dir"),
        Way(_TRAIN, SHOWN, "~cfg ~info ~hydra_help"),
        Way(f"{_TRAIN} --cfg job", SHOWN, "package ~resolve"),
        Way(_TRAIN, (*in_("study.help", "help_text"), *COMPOSITION), "~help"),
        Way(_TRAIN, in_("study.command", "_write", "_composition"), "~version"),
        Way(
            "install=bash",
            in_("study.command", "completion", "_composition"),
            "~shell_completion",
        ),
    ],
    "plan": [
        Way(_TRAIN, COMPOSED, "overrides multirun trust_config"),
        Way(f"{_TRAIN} --trust-config", COMPOSED, "config_dir"),
        Way(_TRAIN, in_("study.dry_run", "preview"), "~list"),
        Way(f"{_TRAIN} --list", JSON, "~json"),
    ],
    "confirm": [
        Way("demo", (*FOLDER, *in_("study.search.confirm", "best")), "study by"),
        Way("demo", in_("study.command", "compose"), "overrides into root", _BEST),
        Way("demo", in_("study.search.confirm", "confirming"), "~seeds", _BEST),
    ],
    "extend": [
        Way(
            "demo --seeds 12",
            (f"{LOOK}:add_seeds", "gatekit.study.extend:extension"),
            "study root overrides seeds trust_config",
        ),
        Way(
            "demo --until-decided --most 20",
            (f"{LOOK}:until_decided", "gatekit.study.extend:extension"),
        ),
        Way("demo --seeds 12", JSON, "~json", {f"{LOOK}:add_seeds": 0}),
        Way("demo --most 20", (f"{LOOK}:until_decided",), "~until_decided"),
    ],
    "status": [
        Way("demo", FOLDER),
        Way("demo", in_("runs.studies.survey", "survey"), "verify"),
        Way("demo", in_("cli.sweep.status", "_table"), "~runs"),
        Way("demo", JSON, "~json"),
    ],
    "serve": [
        Way("--port 0", in_("compare.live.server", "Server.__init__")),
        Way(
            "--port 0",
            JSON,
            "~json",
            {"gatekit.compare.live.server:Server.serve_forever": None},
        ),
    ],
    "logs": [
        Way(RUN, FIND),
        Way(RUN, WRITE, "~lines ~attempt"),
        Way(RUN, JSON, "~json"),
    ],
    "failures": [
        Way("demo", FOLDER),
        Way("demo", in_("cli.sweep.failures", "_entry"), "lines"),
        Way("demo", JSON, "~json"),
    ],
    "sample": [
        Way(RUN, FIND, "run root"),
        Way(RUN, in_("training.writing", "write_text")),
        Way(RUN, JSON, "~json", {"gatekit.training.writing:write_text": _WRITTEN}),
    ],
    "prune": [
        Way("demo", (*FOLDER, *in_("runs.studies.prune", "removable"))),
        Way("demo --failed", in_("runs.studies.prune", "remove"), "~yes"),
        Way("demo", in_("cli.sweep.prune", "_withdraw"), "~planned"),
        Way("demo --planned", WHERE, "where task"),
        Way("demo", JSON, "~json"),
    ],
    "data": [
        Way("get fashion_mnist", in_("study.data", "get"), "name archive"),
        Way("get fashion_mnist", in_("study.data", "verify"), "~action"),
        Way("verify fashion_mnist", in_("study.data", "verify"), "path"),
        Way("list", JSON, "~json"),
    ],
    "studies": [Way("", in_("compare.overview", "overviews")), Way("", JSON, "~json")],
    "compare": [
        Way(
            "demo --figure plot.svg",
            (*COMPARE, *QUOTED, *in_("compare.figures.kinds", "draw")),
        ),
        Way("demo --at steps=100 --figure plot.svg", (*COMPARE, *QUOTED), "area"),
        Way("demo", in_("compare.budget.reach", "reach"), "reach"),
        Way("demo", in_("compare.importance", "importance"), "~importance"),
        Way("demo --best-of units", in_("compare.budget.trials", "best_of_k"), "~best_of_k"),
        Way("demo", in_("cli.compare.compare", "_report"), "~form"),
    ],
    "report": [
        Way("demo", PAGE),
        Way("demo --at steps=100", PAGE, "area"),
        Way("demo", in_("compare.report.write", "watch"), "~watch"),
        Way("demo --watch", in_("compare.report.write", "watch"), "seconds"),
    ],
    "gates-report": [
        Way("demo", LOAD, "study root"),
        Way("demo", (*WHERE, *in_("compare.gates.behaviour", "gates_report"))),
        Way("demo --json", in_("compare.figures.gates", "draw_gates"), "figure", _GATES),
        Way(
            "demo --json --figure plot.svg",
            in_("compare.figures.gates", "draw_gates"),
            "layer",
            _GATES,
        ),
        Way(
            "demo --json --figure plot.svg",
            in_("compare.figures.activations", "draw_activations"),
            "run",
            _GATES | {"gatekit.compare.figures.gates:draw_gates": []},
        ),
        Way("demo", JSON, "~json", _GATES),
    ],
    "why": [
        Way(f"{RUN} {RUN_2}", (*SELECT, *in_("compare.why", "why"))),
        Way(f"{RUN} {RUN_2}", JSON, "~json"),
    ],
    "query": [
        Way("'select 1'", (*LOAD, *in_("compare.output.query", "query"))),
        Way("'select 1'", in_("compare.grouping.choose", "where_any"), "where task"),
        Way("'select 1'", JSON, "~json"),
        Way("'select 1'", in_("compare.output.export", "csv_text"), "~csv"),
    ],
    "bundle": [Way("demo", (*LOAD, *in_("compare.share.bundle", "write_bundle")))],
    "import": [Way("demo.zip", in_("compare.share.unbundle", "import_bundle"))],
    "rerun": [
        Way("demo.zip", in_("compare.share.rerun", "rerun")),
        Way("demo.zip", JSON, "~json", {"gatekit.compare.share.rerun:rerun": Repeated()}),
    ],
    "export": [
        Way("demo", LOAD),
        Way("demo", in_("compare.output.to_tensorboard", "export_tensorboard"), "tensorboard"),
        Way("demo", in_("compare.output.to_mlflow", "export_mlflow"), "mlflow"),
    ],
    "code": [
        Way("cell=lstm", READ, "overrides"),
        Way("cell=lstm", in_("code.generate", "generate"), "to", _CODE),
        Way("cell=lstm", FILE, "output", _CODE),
        Way("-o made.py", FIND, "with_weights"),
        Way(f"--with-weights {RUN} -o made.py", FIND, "root"),
        Way(
            f"--with-weights {RUN} -o made.py",
            in_("code.from_run", "read_trained"),
            "layer",
        ),
        Way("cell=lstm -o made.py", in_("code.beside", "test_text"), "~test", _CODE),
        Way("cell=lstm", JSON, "~json", _CODE),
    ],
    "cite": [Way("cell=lstm", READ), Way("cell=lstm", JSON, "~json", _CODE)],
    "completion": [Way("fish", ("argcomplete.shell_integration:shellcode",))],
}

_GROUPING = "by within together where tasks baseline split margin"
_LOOKED = {f"{LOOK}:until_decided": 0}
_CELL = {"cell": "lstm"}
_BLOCK = {"cell": "lstm", "block": "modern"}
LOGGED = in_("runs.folder", "RunFolder.log")
BIBLIOGRAPHY = in_("registry.cells.places", "bibliography")
API: dict[str, list[Way]] = {
    "train": [Way({}, in_("study.command", "composition"))],
    "plan": [
        Way({}, in_("study.command", "compose"), "overrides keys"),
        Way({"keys": {"cell": "lstm"}}, in_("study.dry_run", "preview"), "try_out"),
    ],
    "extend": [
        Way({"study": "demo", "seeds": 12}, (f"{LOOK}:add_seeds",), "study root seeds launch"),
        Way(
            {"study": "demo", "most": 20},
            (f"{LOOK}:until_decided",),
            f"study root most step launch {_GROUPING}",
        ),
        Way({"study": "demo", "most": 20}, COMPARE, f"study root {_GROUPING}", _LOOKED),
    ],
    "report": [
        Way({"study": "demo"}, PAGE),
        Way({"study": "demo", "at": "steps=100"}, PAGE, "area"),
    ],
    "compare": [Way({"study": "demo"}, COMPARE)],
    "load": [Way({"study": "demo"}, LOAD)],
    "show": [
        Way(_CELL, BUILT, "cell units features output_unit swap plugins"),
        Way(_CELL, BIBLIOGRAPHY, "plugins"),
    ],
    "diagram": [
        Way(_CELL, BUILT, "cell units features output_unit swap plugins"),
        Way(_CELL, BIBLIOGRAPHY, "plugins"),
        Way(_CELL, in_("cell.block.reading", "read_block"), "block"),
        Way(_BLOCK, in_("cell.block.built", "build_block"), "units ~features"),
    ],
    "code": [
        Way(_CELL, BUILT, "cell units features output_unit swap plugins"),
        Way(_CELL, BIBLIOGRAPHY, "plugins"),
        Way(_CELL, in_("code.generate", "generate"), "to"),
        Way(_CELL, in_("cell.block.reading", "read_block"), "block"),
        Way(_BLOCK, in_("cell.block.built", "build_block"), "units width"),
        Way(
            {**_BLOCK, "layers": 2},
            in_("code.stacks.built", "build_stack"),
            "units features width ~layers",
        ),
    ],
    "convert.from_keras": [Way({"layer": "layer"}, in_("convert.keras", "_one"))],
    "convert.to_keras": [Way({"layer": "layer"}, in_("convert.keras", "_to_one"))],
    "convert.from_torch": [
        Way({"source": {}}, in_("convert.torch", "_arrays"), "source prefix"),
        Way(
            {"source": {}},
            in_("convert.torch", "_one"),
            "executor",
            {"gatekit.convert.torch:_arrays": {}, "gatekit.convert.torch:_count": 1},
        ),
    ],
    "convert.to_torch": [
        Way({"layers": ["layer"]}, in_("convert.torch", "_stacked"), "layers"),
        Way(
            {"layers": ["layer"]},
            in_("convert.torch", "_load"),
            "module",
            {"gatekit.convert.torch:_stacked": None, "gatekit.convert.torch:_check_stack": None},
        ),
    ],
    "pad_time": [Way({"x": [[[1.0], [2.0]]]}, (), "~x ~mask")],
    "run": [Way({"study": "demo", "config": {}, "seed": 0}, in_("runs.script", "Run.__init__"))],
    "use_plugins": [Way({}, in_("registry.loading", "registry"))],
    "Comparison.figure": [Way({}, in_("compare.figures.kinds", "figure"))],
    "Drawing.save": [Way({"path": "drawing.svg"}, ())],
    "Run.log": [
        Way({"epoch": 1}, LOGGED, "train val test further"),
        Way({"epoch": 1, "val": 0.5}, LOGGED, "epoch step"),
        Way(
            {"epoch": 1, "val": 0.5},
            in_("runs.script", "Run._score"),
            "epoch step train val test",
            {"gatekit.runs.folder:RunFolder.log": None},
        ),
    ],
    "Run.note": [Way({"text": "a"}, in_("runs.durable", "append"))],
    "Run.parameters": [Way({"total": 100}, ())],
}

# Values of arguments whose type does not give one, by the name of the argument or, where another
# is needed, by command and argument.
VALUES: dict[str, Any] = {
    "Comparison.figure kind": "forest",
    "Drawing.save path": "other.svg",
    "Run.log epoch": 3,
    "block": "modern",
    "cell": "gru",
    "code to": "jax",
    "config": {"rate": "other"},
    "direction": "max",
    "executor": "fused",
    "extend seeds": 15,
    "further": {"val_f1": 0.125},
    "keys": {"units": 9},
    "labels": "gru=GRU",
    "launch": ["n_jobs=3"],
    "layers": ["other"],
    "code layers": 3,
    "code layer": "lower",
    "mask": [[True, False]],
    "metric": "other",
    "module": "other",
    "most": 23,
    "output_unit": "other",
    "plugins": ["mine.py"],
    "prefix": "other.",
    "reach": 9.5,
    "recurrent": 77,
    "report to": "other.html",
    "seed": 3,
    "source": {"other": "array"},
    "step": 3,
    "swap": {"forget": "power_law"},
    "tasks": "jsb_music21",
    "test": 0.125,
    "text": "other",
    "total": 222,
    "train": 0.125,
    "unit": "nats",
    "val": 0.125,
    "width": 48,
    "x": "units",
    "pad_time x": [[[1.0], [3.0]]],
    "at": "steps=50",
    "attempt": "2",
    "baseline": "gru units=8",
    "best_of": "units",
    "by": "units",
    "config_dir": "elsewhere",
    "draw": "forest",
    "figure": "other",
    "first": RUN_2,
    "into": "other",
    "label": "gru=GRU",
    "layer": "other",
    "level": 0.9,
    "margin": "0.5",
    "mode": "xla",
    "mlflow": "sqlite:///other.db",
    "name": "other",
    "only": "two",
    "origin": "other",
    "over": "steps",
    "overrides": "units=9",
    "package": "other",
    "path": "other",
    "plugin": "mine.py",
    "precision": "float64",
    "prompt": "Once",
    "root": "elsewhere",
    "run": RUN_2,
    "second": RUN,
    "split": "validation",
    "sql": "OTHER",
    "states": "3",
    "study": "other",
    "task": "jsb_music21",
    "tensorboard": "other",
    "together": "units",
    "what": "other",
    "where": "cell=lstm,gru",
    "with_weights": RUN_2,
    "within": "units",
    "year": "2020",
    "archive": "other.zip",
    "file": "other.zip",
    "output": "other.py",
    "bundle output": "other.zip",
    "confirm overrides": "n_jobs=3",
    "data action": "verify",
    "data name": "mnist",
    "extend overrides": "n_jobs=3",
    "new kind": "block",
    "train shell_completion": "",
}
NAMES = {
    "task": "tasks",
    "label": "labels",
    "plugin": "plugins",
    "trust_config": "trusted",
    "launch": "words",
}
"""The names under which functions take options."""

WITHOUT_EFFECT = {
    "train run": "trains one run, as without -m",
    "plan run": "as for train",
    "rerun one": "the default",
    "train others": "are refused",
    "Study.awaits run": "the method does the work itself",
    **{f"{name} debug": "of every command: see tests/cli/test_main.py" for name in COMMANDS},
    **{
        f"plan {option}": "gatekit plan refuses it"
        for option in (
            *("cfg", "package", "resolve", "info", "help", "hydra_help", "version"),
            "shell_completion",
        )
    },
}
"""Options that pass nothing on, and why."""


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
    if action.type in (int, float):
        return [*option, str(action.type(action.default or 0) + 3)]
    if action.type is Path and "." in str(action.metavar):
        return [*option, f"other.{str(action.metavar).partition('.')[2]}"]
    pytest.fail(
        f"gatekit {command} {' '.join(option) or action.dest}: add a value other than the default "
        f"as {action.dest!r} to VALUES in {__file__}"
    )


COMMAND_CASES = [
    pytest.param(command, action, id=f"{command} {(action.option_strings or [action.dest])[-1]}")
    for command in COMMANDS
    for action in actions(command)
]


def ways_of(name: str, ways: Mapping[str, list[Way]], argument: str) -> list[tuple[Way, bool]]:
    """Return how an argument is tested, and whether it suffices that something else is received."""
    known = [(way, way.arguments.split()) for way in ways.get(name, ())]
    chosen = [
        (way, argument not in words)
        for way, words in known
        if {argument, f"~{argument}"} & {*words}
    ] or [(way, False) for way, words in known if not words]
    if not chosen:
        pytest.fail(f"{name}: add {argument!r}, and the function that receives it, to {__file__}")
    return chosen


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the studies demo and other, a damaged run, a plugin and a folder of configurations."""
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
    if f"{command} {action.dest}" in WITHOUT_EFFECT:
        return
    typed = other_words(command, action)
    for way, any_change in ways_of(command, WAYS, action.dest):
        base = shlex.split(way.base)
        if action.option_strings or action.dest == "overrides":
            words = [*base, *typed]
        else:  # a positional argument replaces that of the base
            at = [a.dest for a in actions(command) if not a.option_strings].index(action.dest)
            words = [*base[:at], *typed, *base[at + 1 :]]
        key = (command, way.base, way.places, *way.returns)
        with monkeypatch.context() as patch:
            replace(patch, way.returns)
            if key not in KNOWN:
                KNOWN[key] = spies.received(way.places, lambda base=base: main([command, *base]))[0]
            after, why = spies.received(way.places, lambda words=words: main([command, *words]))
        name = NAMES.get(action.dest, action.dest)
        value = True if action.nargs == 0 else typed[-1]
        check(way, any_change, name, value, KNOWN[key], after, f"{why} {capsys.readouterr().err}")


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
        fixed = importlib.import_module(LOOK).FAMILY
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
    if parameter.name != "self"
]


@pytest.mark.parametrize(("name", "parameter"), API_CASES)
def test_an_argument_of_a_function_arrives(
    name: str, parameter: inspect.Parameter, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argument = parameter.name
    if f"{name} {argument}" in WITHOUT_EFFECT:
        return
    value = other_value(name, parameter)
    for way, any_change in ways_of(name, API, argument):
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
        f"{parameter.name!r} to VALUES in {__file__}"
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
            places += value
        elif kind is inspect.Parameter.VAR_KEYWORD:
            named |= value
        else:
            named[argument] = value
    return [function(*places, **named), getattr(owner, "count", None)]


def open_run() -> Any:
    """Return a run that takes numbers, and whose folder is never written."""
    run = gatekit.run("own", {"rate": 0.1}, 0)
    run.began = 0.0
    return run


OWNERS: dict[str, Callable[[], Any]] = {
    "Comparison": lambda: gatekit.compare("demo"),
    "Drawing": lambda: Drawing("<svg/>"),
    "Run": open_run,
}

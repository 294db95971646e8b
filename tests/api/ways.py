"""How each argument of the Python API and of each command is tested, and with which value.

A line of a table has the function or command, the base of the call, the functions that then
receive its arguments (the call ends at the last; without any, the result is looked at), the
arguments that are tested this way (none: those that no other line names), and the functions that
are replaced, as a name of `REPLACED`. With a ``~``, it suffices that the first function receives
something else, or is called.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import shlex
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatekit.cell.graph import build
from gatekit.cli.commands import COMMANDS
from gatekit.cli.overrides import Overrides, read_overrides

RUN, RUN_2 = "0123456789abcdef", "1123456789abcdef"

SHORT = {
    "ADDED": "compare.more_seeds:add_seeds",
    "BLOCK": "cell.block.built_block:build_block",
    "BUILT": "code.entry:built_cell",
    "CITED": "registry.cells.places:bibliography",
    "COMPARE": "compare.comparison:compare",
    "COMPOSED": "study.hydra.composing:opened study.hydra.composing:composed",
    "COMPOSITION": "study.command:_composition",
    "DECIDED": "compare.more_seeds:until_decided",
    "DRAWN_RUN": "compare.render.activations:draw_activations",
    "EXTENSION": "study.extend:extension",
    "FILE": "cli.output:write_file",
    "FIND": "runs.studies.survey:find",
    "FOLDER": "runs.studies.survey:study_folder",
    "GROUPING": "by within together where tasks baseline split margin",
    "JSON": "cli.output:write_json",
    "LOAD": "compare.study:load",
    "PAGE": "compare.comparison:compare compare.recipe:arguments compare.report.context:sheet "
    "compare.report.save:write_report",
    "QUOTED": "compare.recipe:arguments",
    "READ": "cli.overrides:read_overrides",
    "RUN": RUN,
    "RUN_2": RUN_2,
    "SHOWN": "study.hydra.composing:show study.command:_composition",
    "STACK": "cell.block.stack:build_stack",
    "WHERE": "compare.grouping.choose:where",
    "WRITE": "cli.output:print_text",
}
"""Words of the tables, and what they mean."""

ON_COMMAND_LINE = """
new | gate leaky | testing.scaffold:plugin
new | gate leaky | testing.scaffold:package | ~package | new
check | leaky | cli.write.check:_suites
check | leaky | cli.write.check:_chosen | only | suites
check | leaky | JSON | ~json | suites
show | cell=lstm | READ
show | cell=lstm | JSON | ~json | measured
show | cell=lstm | WRITE | ~latex | shown
show | cell=lstm | cell.show.parallel:text | ~parallel | measured
show | cell=lstm | cell.show.program:text | ~program | shown
show | cell=lstm | recurrence.decoding:tokens_per_second | ~decoding | shown
show | cell=lstm | FILE | diagram | shown
cells | | cli.write.cells:entries
cells | | cli.output:write_list | ~scannable ~states ~year ~tier | cells
cells | | JSON | ~json | cells
gates | | cli.write.listing:entries
gates | | JSON | ~json | none
gates | | cli.write.listing:requirements | ~requirements | none
tasks | adding | tasks.describe:describe | name
plugins | | cli.write.listing:plugin_entries
plugins | | JSON | ~json | none
plugins | | cli.write.listing:requirements | ~requirements | none
train | cell=lstm units=8 | COMPOSED | overrides multirun trust_config
train | cell=lstm units=8 --trust-config | COMPOSED | config_dir
train | cell=lstm units=8 | SHOWN | ~cfg ~info ~hydra_help
train | cell=lstm units=8 --cfg job | SHOWN | package ~resolve
train | cell=lstm units=8 | study.help:help_text COMPOSITION | ~help
train | cell=lstm units=8 | study.command:_print COMPOSITION | ~version
train | install=bash | study.command:completion COMPOSITION | ~shell_completion
plan | cell=lstm units=8 | COMPOSED | overrides multirun trust_config
plan | cell=lstm units=8 --trust-config | COMPOSED | config_dir
plan | cell=lstm units=8 | study.dry_run:preview | ~list
plan | cell=lstm units=8 --list | JSON | ~json
confirm | demo | FOLDER study.search.confirm:best | study by
confirm | demo | study.command:compose | overrides into root | best
confirm | demo | study.search.confirm:confirming | ~seeds | best
extend | demo --seeds 12 | ADDED EXTENSION | study root overrides seeds trust_config
extend | demo --until-decided --most 20 | DECIDED EXTENSION
extend | demo --seeds 12 | JSON | ~json | added
extend | demo --most 20 | DECIDED | ~until_decided
status | demo | FOLDER
status | demo | runs.studies.survey:survey | verify
status | demo | cli.sweep.status:_table | ~runs
status | demo | JSON | ~json
serve | --port 0 | compare.live.server:Server.__init__
serve | --port 0 | JSON WRITE | ~json
logs | RUN | FIND
logs | RUN | WRITE | ~lines ~attempt
logs | RUN | JSON | ~json
failures | demo | FOLDER
failures | demo | cli.sweep.failures:_entry | lines
failures | demo | JSON | ~json
sample | RUN | FIND | run root
sample | RUN | training.writing:write_text
sample | RUN | JSON | ~json | written
sample | RUN | convert:from_code | ~weights
prune | demo | FOLDER runs.studies.prune:removable
prune | demo --failed | runs.studies.prune:remove | ~yes
prune | demo | cli.sweep.prune:_withdraw | ~planned
prune | demo --planned | WHERE | where task
prune | demo | JSON | ~json
data | get fashion_mnist | study.data:get | name archive
data | get fashion_mnist | study.data:verify | ~action
data | verify fashion_mnist | study.data:verify | path
data | list | JSON | ~json
studies | | compare.overview:overviews
studies | | JSON | ~json
compare | demo --figure plot.svg | COMPARE QUOTED compare.figures:draw
compare | demo --at steps=100 --figure plot.svg | COMPARE QUOTED | area
compare | demo | compare.budget.reach:reach | reach
compare | demo | compare.importance:importance | ~importance
compare | demo | compare.used:used_table | ~used
compare | demo --best-of units | compare.budget.trials:best_of_k | ~best_of_k
compare | demo | cli.compare.compare:_report | ~form
report | demo | PAGE
report | demo --at steps=100 | PAGE | area
report | demo | compare.report.save:watch | ~watch
report | demo --watch | compare.report.save:watch | seconds
gates-report | demo | LOAD | study root
gates-report | demo | WHERE compare.gates.behaviour:gates_report
gates-report | demo --json | compare.figures:draw_gates | figure | report
gates-report | demo --json --figure plot.svg | compare.figures:draw_gates | layer | report
gates-report | demo --json --figure plot.svg | DRAWN_RUN | run | gates
gates-report | demo | JSON | ~json | gates
why | RUN RUN_2 | compare.grouping.select:select compare.why:why
why | RUN RUN_2 | JSON | ~json
bundle | demo | LOAD compare.share.bundle:write_bundle
import | demo.zip | compare.share.unbundle:import_bundle
rerun | demo.zip | compare.share.rerun:rerun
rerun | demo.zip | JSON | ~json | repeated
code | cell=lstm | READ | overrides
code | cell=lstm | code.generate:generate | to | code
code | cell=lstm | FILE | output | code
code | -o made.py | FIND | with_weights
code | --with-weights RUN -o made.py | FIND | root
code | --with-weights RUN -o made.py | code.from_run:read_trained | layer
code | cell=lstm -o made.py | code.loader_and_test:test_text | ~test | code
code | RUN -o made | code.folder:files | ~no_weights ~no_test | model
code | cell=lstm | JSON | ~json | code
cite | cell=lstm | READ
cite | cell=lstm | JSON | ~json | code
completion | fish | argcomplete.shell_integration:shellcode
"""

IN_PYTHON = """
train | {} | study.command:composition
plan | {} | study.command:compose | overrides keys
plan | {"keys": {"cell": "lstm"}} | study.dry_run:preview | try_out
extend | {"study": "demo", "seeds": 12} | ADDED | study root seeds launch
extend | {"study": "demo", "most": 20} | DECIDED | study root most step launch GROUPING
extend | {"study": "demo", "most": 20} | COMPARE | study root GROUPING | decided
report | {"study": "demo"} | PAGE
report | {"study": "demo", "at": "steps=100"} | PAGE | area
compare | {"study": "demo"} | COMPARE
load | {"study": "demo"} | LOAD
show | {"cell": "lstm"} | BUILT
show | {"cell": "lstm"} | BUILT | plugins
show | {"cell": "lstm"} | CITED | plugins
diagram | {"cell": "lstm"} | BUILT
diagram | {"cell": "lstm"} | BUILT | plugins
diagram | {"cell": "lstm"} | CITED | plugins
diagram | {"cell": "lstm"} | cell.block.reading:read_block | block
diagram | {"cell": "lstm", "block": "modern"} | BLOCK | ~features
code | {"cell": "lstm"} | BUILT | cell units features output_unit swap plugins
code | {"cell": "lstm"} | CITED | plugins
code | {"cell": "lstm"} | code.generate:generate | to
code | {"cell": "lstm"} | cell.block.reading:read_block | block
code | {"cell": "lstm", "block": "modern"} | BLOCK | units width
code | {"cell": "lstm", "block": "modern", "layers": 2} | STACK | units features width ~layers
probe | {"run": "RUN"} | FIND | run root
probe | {"run": "RUN"} | code.from_run:read_model | plugins | found
probe | {"run": "RUN", "weights": {}} | training.exported:probed | weights | model
convert.from_code | {"source": {}, "run": "RUN"} | FIND | run root
convert.from_code | {"source": {}, "run": "RUN"} | convert.code:read_model | plugins | found
convert.from_code | {"source": {}, "run": "RUN"} | convert.code:_flat | source | converted
convert.from_keras | {"layer": "layer"} | convert.keras:_one
convert.to_keras | {"layer": "layer"} | convert.keras:_to_one
convert.from_torch | {"source": {}} | convert.torch:_arrays | source prefix
convert.from_torch | {"source": {}} | convert.torch:_one | executor | arrays
convert.to_torch | {"layers": ["layer"]} | convert.torch:_stacked | layers
convert.to_torch | {"layers": ["layer"]} | convert.torch:_load | module | stacked
pad_time | {"x": [[[1.0], [2.0]]]} | | ~x ~mask
run | {"study": "demo", "config": {}, "seed": 0} | runs.script:Run.__init__
use_plugins | {} | registry.loading:registry
Comparison.figure | {} | compare.figures:figure
Drawing.save | {"path": "drawing.svg"} |
Run.log | {"epoch": 1} | runs.folder:RunFolder.log | train val test further
Run.log | {"epoch": 1, "val": 0.5} | runs.folder:RunFolder.log | epoch step
Run.log | {"epoch": 1, "val": 0.5} | runs.script:Run._score | epoch step train val test | logged
Run.note | {"text": "a"} | runs.durable:append
Run.parameters | {"total": 100} |
"""


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


def _model() -> object:
    built = build(lstm().cell, 2, 3, lstm().output_unit)
    return types.SimpleNamespace(built=built, config={}, task=_TASK)


_RESULT = types.SimpleNamespace(result=lambda: {"data_hash": "a", "best": None})
_FOUND = types.SimpleNamespace(path=Path(RUN), id=RUN, folder=lambda: _RESULT)
_TASK = types.SimpleNamespace(data_hash=lambda: "a")
_SUITE = ("gate a", ["one", "two"], lambda names: [], lambda outcomes: None)
_BEST = types.SimpleNamespace(trials=2, by={"cell": "lstm"}, words=(), validation=1.0)
_ROW = {"name": "a", "summary": "", "reference": "", "origin": "gatekit"}
_ROWS = [
    {**_ROW, "year": 2014, "tier": "own", "states": ["h"], "scannable": False},
    {**_ROW, "year": 2020, "tier": "certified", "states": ["h", "c", "n"], "scannable": True},
]
_SHOWN = {"cli.write.show:read_overrides": lstm}
_LISTS = ("entries", "plugin_entries", "write_broken", "write_list", "write_table")

REPLACED: dict[str, dict[str, object]] = {
    "added": {"compare.more_seeds:add_seeds": 0},
    "arrays": {"convert.torch:_arrays": {}, "convert.torch:_count": 1},
    "best": {"study.search.confirm:best": ([_BEST], 5)},
    "cells": {"cli.write.cells:entries": _ROWS},
    "code": {"cli.overrides:read_overrides": lstm},
    "converted": {"convert.code:find": _FOUND, "convert.code:read_model": _model},
    "decided": {"compare.more_seeds:until_decided": 0},
    "found": {"runs.studies.survey:find": _FOUND, "convert.code:find": _FOUND},
    "gates": {
        "compare.gates.behaviour:gates_report": None,
        "compare.gates.text:to_data": {},
        "compare.figures:draw_gates": [],
        "cli.compare.gates:_print": None,
    },
    "logged": {"runs.folder:RunFolder.log": None},
    "model": {
        "runs.studies.survey:find": _FOUND,
        "code.from_run:read_model": _model,
        "training.exported:test_sets": {},
    },
    "measured": {**_SHOWN, "cell.show.parallel:measure": {}},
    "new": {"cli.write.new:_write_files": None},
    "none": {f"cli.write.listing:{name}": [] for name in _LISTS},
    "repeated": {"compare.share.rerun:rerun": Repeated()},
    "report": {
        "compare.gates.behaviour:gates_report": None,
        "compare.gates.text:to_data": {},
        "cli.compare.gates:_print": None,
    },
    "shown": _SHOWN,
    "stacked": {"convert.torch:_stacked": None, "convert.torch:_check_stack": None},
    "suites": {"cli.write.check:_suites": [_SUITE]},
    "written": {"training.writing:write_text": types.SimpleNamespace(prompt="", text="text")},
}
"""Functions that are replaced, and what they return then; a function returns its own result."""

_WORDS = """
archive=other.zip at=steps=50 attempt=2 best_of=units block=modern by=units cell=gru
config_dir=elsewhere direction=max draw=forest executor=fused figure=other file=other.zip
first=RUN_2 into=other label=gru=GRU labels=gru=GRU layer=other margin=0.5 metric=other
module=other name=other only=two origin=other output=other.py
output_unit=other over=steps overrides=units=9 package=other path=other plugin=mine.py
prefix=other. prompt=Once root=elsewhere run=RUN_2 second=RUN split=validation
states=3 study=other task=jsb_music21 tasks=jsb_music21  text=other
together=units unit=nats what=other where=cell=lstm,gru with_weights=RUN_2 within=units x=units
year=2020
"""
VALUES: dict[str, Any] = {
    name: SHORT.get(value, value)
    for name, _, value in (word.partition("=") for word in _WORDS.split())
} | {
    "Comparison.figure kind": "forest",
    "Drawing.save path": "other.svg",
    "Run.log epoch": 3,
    "baseline": "gru units=8",
    "bundle output": "other.zip",
    "code layers": 3,
    "code to": "jax",
    "config": {"rate": "other"},
    "confirm overrides": "n_jobs=3",
    "data action": "verify",
    "data name": "mnist",
    "extend overrides": "n_jobs=3",
    "extend seeds": 15,
    "further": {"val_f1": 0.125},
    "keys": {"units": 9},
    "launch": ["n_jobs=3"],
    "layers": ["other"],
    "level": 0.9,
    "mask": [[True, False]],
    "most": 23,
    "new kind": "block",
    "pad_time x": [[[1.0], [3.0]]],
    "plugins": ["mine.py"],
    "reach": 9.5,
    "recurrent": 77,
    "report to": "other.html",
    "seed": 3,
    "source": {"other": "array"},
    "step": 3,
    "tasks name": "copy",
    "swap": {"forget": "power_law"},
    **dict.fromkeys(("train", "val", "test"), 0.125),
    "total": 222,
    "weights": {"other": "array"},
    "width": 48,
}
"""Values other than the default, for arguments whose type does not give one, by the argument's
name, or after that of its function or command."""

NAMES = {
    "label": "labels",
    "launch": "words",
    "plugin": "plugins",
    "task": "tasks",
    "trust_config": "trusted",
}
"""The names under which functions take arguments."""

_REFUSED = ("cfg", "package", "resolve", "info", "hydra_help", "version")
WITHOUT_EFFECT = {
    "Study.awaits run": "the method does the work itself",
    "plan run": "as for train",
    "rerun one": "the default",
    "train run": "trains one run, as without -m",
    **{f"plan {option}": "refused" for option in (*_REFUSED, "shell_completion")},
    **{f"{name} debug": "of every command: see tests/cli/test_main.py" for name in COMMANDS},
}
"""Arguments that no function receives, and why."""


@dataclasses.dataclass(frozen=True)
class Way:
    """A line of a table.

    Args:
        base: the words of the command line, or the arguments of the function.
        places: functions as ``package.module:name``.
        arguments: the arguments that are tested this way.
        returns: functions that are replaced, and what they return.
    """

    base: Any
    places: tuple[str, ...]
    arguments: tuple[str, ...]
    returns: Mapping[str, object]


def _read(table: str) -> dict[str, list[Way]]:
    ways: dict[str, list[Way]] = {}
    for line in table.strip().splitlines():
        columns = [column.strip() for column in line.split("|")]
        name, base, places, arguments, returns = [*columns, "", ""][:5]
        words = [SHORT.get(word, word) for word in shlex.split(base)]
        way = Way(
            ast.literal_eval(base) if base[:1] == "{" else words,
            tuple(_full(place) for place in _words(places)),
            tuple(_words(arguments)),
            {_full(k): v for k, v in REPLACED.get(returns, {}).items()},
        )
        ways.setdefault(name, []).append(way)
    return ways


def _words(text: str) -> list[str]:
    return [part for word in text.split() for part in SHORT.get(word, word).split()]


def _full(place: str) -> str:
    return place if place.startswith("argcomplete.") else f"gatekit.{place}"


COMMAND_WAYS = _read(ON_COMMAND_LINE)
_LISTING = ("output-units", "blocks", "functions", "tasks")
COMMAND_WAYS |= {n: [*COMMAND_WAYS["gates"], *COMMAND_WAYS.get(n, [])] for n in _LISTING}
FUNCTION_WAYS = _read(IN_PYTHON)

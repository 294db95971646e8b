"""The table of commands; a command's module is imported only when the command runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        place: the command's module, a colon, and its function ``f(parser) -> int``.
        summary: one line of help.
        plugins: how the command takes plugin files: as the key ``plugins=[FILE.py]``, as the
            option ``--plugin FILE.py``, or not at all. `main` translates one into the other.
    """

    place: str
    summary: str
    plugins: Literal["key", "option"] | None = None

    def function(self) -> Callable[..., int]:
        """Return the function."""
        module, _, name = self.place.partition(":")
        function: Callable[..., int] = getattr(
            importlib.import_module(f".{module}", __package__), name
        )
        return function


GROUPS = {
    "write gates and cells": {
        "new": Command(
            "plugins:new", "create a project, gate, output unit, block, task or function"
        ),
        "check": Command(
            "plugins:check", "check a plugin for conformance, or a cell in a file", "option"
        ),
        "show": Command("show:show", "show a cell: equations, states, weights, reference", "key"),
        "cells": Command(
            "listing:cells",
            "list the cells, optionally by year, tier or number of states",
            "option",
        ),
        "gates": Command("listing:objects", "list the gates", "option"),
        "output-units": Command("listing:objects", "list the output units", "option"),
        "blocks": Command(
            "listing:objects", "list the blocks that go around recurrent layers", "option"
        ),
        "functions": Command(
            "listing:objects", "list the functions of the equation language", "option"
        ),
        "tasks": Command("listing:objects", "list the tasks, or show one of them", "option"),
        "plugins": Command(
            "listing:plugins", "list the plugins, and the errors of broken plugins", "option"
        ),
    },
    "train and sweep": {
        "train": Command("", "train a model, or all combinations of a sweep with -m", "key"),
        "plan": Command(
            "training:show_plan",
            "show what train would do, and try each variant for three steps",
            "key",
        ),
        "confirm": Command("training:confirm", "repeat each variant's best trial on fresh seeds"),
        "extend": Command(
            "training:extend",
            "add seeds to a study, by number or until every difference is decided",
        ),
        "status": Command("runs:status", "show the state of each run of a study"),
        "serve": Command("runs:serve", "show all studies on a local page while their runs train"),
        "logs": Command("runs:logs", "show the log of a run"),
        "failures": Command("runs:failures", "show why runs failed, and how to repeat one"),
        "prune": Command(
            "runs:prune", "list files that a study no longer needs; remove them with --yes"
        ),
        "data": Command("share:data", "get, list, locate and verify data sets"),
    },
    "compare the variants": {
        "studies": Command(
            "compare.studies:run", "list all studies: their runs, variants and tasks"
        ),
        "compare": Command("compare.compare:run", "compare the variants of a study"),
        "report": Command("compare.report:run", "write a study as one HTML page", "option"),
        "gates-report": Command("compare.gates:run", "show the behaviour of gates in probed runs"),
        "why": Command("compare.why:run", "show why two runs or groups differ"),
    },
    "share and export": {
        "bundle": Command("share:bundle", "write a study to one file to share"),
        "import": Command(
            "share:import_runs", "import a bundle's runs next to your own, as another origin"
        ),
        "code": Command("code:code", "write a cell as code for torch, JAX or Keras"),
        "cite": Command("code:cite", "print the references of a cell as BibTeX", "key"),
    },
    "shell completion": {
        "completion": Command("completion:run", "print the completion script for your shell"),
    },
}
"""The commands by the headings of ``gatekit --help``."""

COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


def usage() -> str:
    """Return the text of ``gatekit --help``."""
    width = max(len(name) for name in COMMANDS)
    lines = [
        "usage: gatekit COMMAND ...",
        "",
        "Compose gated recurrent cells, sweep their variants, compare them.",
    ]
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [f"  {name:<{width}}  {command.summary}" for name, command in commands.items()]
    lines += [
        "",
        "options:",
        "  --help     show this text; `gatekit COMMAND --help` describes a command",
        "  --version  show the version of gatekit",
        "  --debug    with any command: show the traceback of an error",
    ]
    return "\n".join(lines)

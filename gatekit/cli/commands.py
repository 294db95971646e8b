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
        place: the command's module, then a colon and its function unless that is ``run``. The
            module's package is the command's group in ``gatekit --help``.
        summary: one line of help.
        plugins: how the command takes plugin files: as the key ``plugins=[FILE.py]``, as the
            option ``--plugin FILE.py``, or not at all. `main` translates one into the other.
    """

    place: str
    summary: str
    plugins: Literal["key", "option"] | None = None

    @property
    def group(self) -> str:
        """Return ``write``, ``sweep``, ``compare``, ``share`` or ``completion``."""
        return self.place.partition(".")[0]

    def function(self) -> Callable[..., int]:
        """Return the function ``run(parser) -> int``."""
        module, _, name = self.place.partition(":")
        function: Callable[..., int] = getattr(
            importlib.import_module(f".{module}", __package__), name or "run"
        )
        return function


GROUPS = {
    "write": "write gates and cells",
    "sweep": "train and sweep",
    "compare": "compare the variants",
    "share": "share and export",
    "completion": "shell completion",
}

COMMANDS = {
    "new": Command("write.new", "create a project, gate, output unit, block, task or function"),
    "check": Command(
        "write.check", "check a plugin for conformance, or a cell in a file", "option"
    ),
    "show": Command("write.show", "show a cell: equations, states, weights, reference", "key"),
    "cells": Command(
        "write.cells",
        "list the cells, optionally by year, tier or number of states",
        "option",
    ),
    "gates": Command("write.listing", "list the gates", "option"),
    "output-units": Command("write.listing", "list the output units", "option"),
    "blocks": Command("write.listing", "list the blocks that go around recurrent layers", "option"),
    "functions": Command("write.listing", "list the functions of the equation language", "option"),
    "tasks": Command("write.listing", "list the tasks, or show one of them", "option"),
    "plugins": Command(
        "write.listing:plugins", "list the plugins, and the errors of broken plugins", "option"
    ),
    "train": Command("sweep", "train a model, or all combinations of a sweep with -m", "key"),
    "plan": Command(
        "sweep.plan", "show what train would do, and try each variant for three steps", "key"
    ),
    "confirm": Command("sweep.confirm", "repeat each variant's best trial on fresh seeds"),
    "extend": Command(
        "sweep.extend", "add seeds to a study, by number or until every difference is decided"
    ),
    "status": Command("sweep.status", "show the state of each run of a study"),
    "serve": Command(
        "sweep.status:serve", "show all studies on a local page while their runs train"
    ),
    "logs": Command("sweep.logs", "show the log of a run"),
    "failures": Command("sweep.failures", "show why runs failed, and how to repeat one"),
    "prune": Command(
        "sweep.prune", "list files that a study no longer needs; remove them with --yes"
    ),
    "data": Command("sweep.data", "get, list, locate and verify data sets"),
    "studies": Command("compare.studies", "list all studies: their runs, variants and tasks"),
    "compare": Command("compare.compare", "compare the variants of a study"),
    "report": Command(
        "compare.report",
        "write a study as one HTML page",
        "option",
    ),
    "gates-report": Command("compare.gates", "show the behaviour of gates in probed runs"),
    "why": Command("compare.why", "show why two runs or groups differ"),
    "bundle": Command("share.study:bundle", "write a study to one file to share"),
    "import": Command(
        "share.study:import_runs", "import a bundle's runs next to your own, as another origin"
    ),
    "code": Command("share.code", "write a cell as code for torch, JAX or Keras"),
    "cite": Command("share.code:cite", "print the references of a cell as BibTeX", "key"),
    "completion": Command("completion", "print the completion script for your shell"),
}


def usage() -> str:
    """Return the text of ``gatekit --help``."""
    width = max(len(name) for name in COMMANDS)
    lines = [
        "usage: gatekit COMMAND ...",
        "",
        "Compose gated recurrent cells, sweep their variants, compare them.",
    ]
    for group, title in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [
            f"  {name:<{width}}  {command.summary}"
            for name, command in COMMANDS.items()
            if command.group == group
        ]
    lines += [
        "",
        "options:",
        "  --help     show this text; `gatekit COMMAND --help` describes a command",
        "  --version  show the version of gatekit",
        "  --debug    with any command: show the traceback of an error",
    ]
    return "\n".join(lines)

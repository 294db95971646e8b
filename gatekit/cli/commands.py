"""The commands, each with the module that runs it, imported only when its command is typed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command: the module that has ``run(name, argv) -> int``, and one line of help.

    The module's package is the command's group in ``gatekit --help``.
    """

    module: str
    summary: str

    @property
    def group(self) -> str:
        """Return ``write``, ``sweep``, ``compare`` or ``share``."""
        return self.module.partition(".")[0]


GROUPS = {
    "write": "write gates and cells",
    "sweep": "train and sweep",
    "compare": "compare the variants",
    "share": "share and export",
}

COMMANDS = {
    "new": Command("write.new", "create a project, a gate, output unit, task or function"),
    "check": Command("write.check", "check a plugin for conformance, or a cell in a file"),
    "show": Command("write.show", "show a cell: equations, states, weights, reference"),
    "cells": Command("write.cells", "list the cells, or find some by year, states, tier"),
    "gates": Command("write.listing", "list the gates"),
    "output-units": Command("write.listing", "list the output units"),
    "functions": Command("write.listing", "list the functions of the equation language"),
    "tasks": Command("write.listing", "list the tasks"),
    "plugins": Command("write.plugins", "list the plugins, and the errors of broken ones"),
    "tune": Command("write.tuning", "time a cell's executors on this machine, for executor=auto"),
    "train": Command("sweep.train", "train a model, or with -m every combination of a sweep"),
    "plan": Command("sweep.plan", "show what train would do; try every variant for three steps"),
    "confirm": Command("sweep.confirm", "run each variant's best trial again on fresh seeds"),
    "status": Command("sweep.status", "show the state of each run of a study"),
    "logs": Command("sweep.logs", "show what a run wrote"),
    "failures": Command("sweep.failures", "show why runs failed, and how to run one again"),
    "prune": Command("sweep.prune", "list what a study does not need; with --yes remove it"),
    "data": Command("sweep.data", "get, list, find and verify data sets"),
    "compare": Command("compare.compare", "compare the variants of a study"),
    "report": Command("compare.report", "write a study as one HTML page; --watch while it runs"),
    "gates-report": Command("compare.gates", "show what the gates of probed runs did"),
    "why": Command("compare.why", "show why two runs or groups differ"),
    "query": Command("compare.query", "query the runs and metrics of all studies in SQL"),
    "bundle": Command("share.bundle", "write a study into one file to share"),
    "import": Command("share.bundle", "add a bundle's runs to your own, as another origin"),
    "rerun": Command("share.bundle", "run a bundled run again and report whether it repeats"),
    "export": Command("share.export", "write a study for TensorBoard or MLflow"),
    "cite": Command("share.cite", "write what to cite for a cell, as BibTeX"),
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
        "  --help     show this text; `gatekit COMMAND --help` shows that of a command",
        "  --version  show the version of gatekit",
        "  --debug    with any command: show the traceback of an error",
    ]
    return "\n".join(lines)

"""The table of commands; a command's module is imported only when the command runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command: the module with ``run(name, argv) -> int``, and one line of help.

    The module's package is the command's group in ``gatekit --help``.
    """

    module: str
    summary: str

    @property
    def group(self) -> str:
        """Return ``write``, ``sweep``, ``compare``, ``share`` or ``completion``."""
        return self.module.partition(".")[0]


GROUPS = {
    "write": "write gates and cells",
    "sweep": "train and sweep",
    "compare": "compare the variants",
    "share": "share and export",
    "completion": "complete words in the shell",
}

COMMANDS = {
    "new": Command("write.new", "create a project, a gate, output unit, block, task or function"),
    "check": Command("write.check", "check a plugin for conformance, or a cell in a file"),
    "show": Command("write.show", "show a cell: equations, states, weights, reference"),
    "cells": Command(
        "write.cells", "list the cells, or only those of a year, tier or number of states"
    ),
    "gates": Command("write.listing", "list the gates"),
    "output-units": Command("write.listing", "list the output units"),
    "blocks": Command("write.listing", "list the blocks, which are around recurrent layers"),
    "functions": Command("write.listing", "list the functions of the equation language"),
    "tasks": Command("write.listing", "list the tasks"),
    "plugins": Command("write.plugins", "list the plugins, and the errors of broken plugins"),
    "tune": Command("write.tuning", "time a cell's executors on this machine, for executor=auto"),
    "train": Command("sweep.train", "train a model, or all combinations of a sweep with -m"),
    "plan": Command("sweep.plan", "show what train would do, and try each variant for three steps"),
    "confirm": Command("sweep.confirm", "repeat each variant's best trial on fresh seeds"),
    "extend": Command("sweep.extend", "add seeds to a study, until every difference is decided"),
    "status": Command("sweep.status", "show the state of each run of a study"),
    "serve": Command("sweep.serve", "show all studies on a local page while their runs train"),
    "logs": Command("sweep.logs", "show the log of a run"),
    "failures": Command("sweep.failures", "show why runs failed, and how to repeat one"),
    "sample": Command("sweep.sample", "let a trained character model write text"),
    "prune": Command(
        "sweep.prune", "list files that a study no longer needs; remove them with --yes"
    ),
    "data": Command("sweep.data", "get, list, locate and verify data sets"),
    "studies": Command("compare.studies", "list all studies: their runs, variants and tasks"),
    "compare": Command("compare.compare", "compare the variants of a study"),
    "report": Command(
        "compare.report", "write a study as one HTML page; --watch updates it during a sweep"
    ),
    "gates-report": Command("compare.gates", "show the behaviour of gates in probed runs"),
    "why": Command("compare.why", "show why two runs or groups differ"),
    "query": Command("compare.query", "query the runs and metrics of all studies with SQL"),
    "bundle": Command("share.bundle", "write a study to one file to share"),
    "import": Command("share.bundle", "import a bundle's runs beside your own, as another origin"),
    "rerun": Command("share.bundle", "repeat a bundled run and compare the numbers"),
    "export": Command("share.export", "export a study to TensorBoard or MLflow"),
    "code": Command("share.code", "write a cell as code for torch, JAX, Keras or NumPy"),
    "cite": Command("share.cite", "print the references of a cell as BibTeX"),
    "completion": Command("completion", "print the script that completes commands in your shell"),
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

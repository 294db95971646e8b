"""The commands, each with the module that runs it, imported only when its command is typed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command: the module that has ``run(name, argv) -> int``, and one line of help."""

    module: str
    summary: str


COMMANDS = {
    "train": Command("train", "train a model, or with -m every combination of a sweep"),
    "plan": Command("plan", "show what train would do, and try every variant for three steps"),
    "confirm": Command("confirm", "make each variant's best trial again on fresh seeds"),
    "status": Command("status", "tell where the runs of a study stand"),
    "failures": Command("failures", "tell why runs of a study failed, and how to make one again"),
    "logs": Command("logs", "show what a run wrote"),
    "prune": Command("prune", "show what a study does not need, and with --yes remove it"),
    "compare": Command("compare", "compare the variants of a study"),
    "report": Command("report", "write a study as one HTML page, with --watch while it runs"),
    "gates-report": Command("gates", "tell what the gates of probed runs did"),
    "export": Command("export", "write a study for TensorBoard or MLflow"),
    "bundle": Command("bundle", "write a study into one file to share"),
    "import": Command("bundle", "put a bundle's runs beside one's own, as another origin"),
    "rerun": Command("bundle", "make a bundled run again and say whether it repeats"),
    "why": Command("why", "tell why two runs or groups differ"),
    "query": Command("query", "ask the runs and metrics of all studies in SQL"),
    "show": Command("show", "show a cell: equations, states, weights, reference"),
    "tune": Command("tuning", "time a cell's executors on this machine, for executor=auto"),
    "cite": Command("cite", "write what to cite for a cell, as BibTeX"),
    "cells": Command("cells", "list the cells, or find some by year, states, tier"),
    "gates": Command("listing", "list the gates"),
    "output-units": Command("listing", "list the output units"),
    "tasks": Command("listing", "list the tasks"),
    "functions": Command("listing", "list the functions of the equation language"),
    "new": Command("new", "begin a project, a gate, output unit, task or function"),
    "check": Command("check", "check a plugin by the conformance suite, or a cell in a file"),
    "plugins": Command("plugins", "list the plugins, the broken ones with their error"),
    "data": Command("data", "get, list, find and verify data sets"),
}


def usage() -> str:
    """Return the text of ``gatekit --help``."""
    width = max(len(name) for name in COMMANDS)
    lines = [
        "usage: gatekit COMMAND ...",
        "",
        "Compose gated recurrent cells, sweep their variants, compare them.",
        "",
        "commands:",
        *(f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()),
        "",
        "options:",
        "  --help     this text; `gatekit COMMAND --help` tells a command's own",
        "  --version  the version of gatekit",
        "  --debug    with any command: show the traceback of an error",
    ]
    return "\n".join(lines)

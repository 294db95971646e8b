"""``gatekit bundle``, ``import`` and ``rerun``: share a study as one file."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.options import add_root, check_ending
from gatekit.cli.output import write, write_json


def run(name: str, argv: Sequence[str]) -> int:
    """Write, import or rerun a bundle.

    Args:
        name: ``bundle``, ``import`` or ``rerun``.
        argv: its arguments.

    Returns:
        0, or 1 if a run does not repeat.
    """
    return {"bundle": _bundle, "import": _import, "rerun": _rerun}[name](name, argv)


def _bundle(name: str, argv: Sequence[str]) -> int:
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument("study", help="the study's name")
    add_root(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the file to write (default: STUDY.zip)"
    )
    parser.add_argument("--weights", action="store_true", help="include the best weights")
    options = parser.read(argv)
    check_ending("--output", options.output, ".zip")

    from gatekit.compare.share.bundle import contents, write_bundle
    from gatekit.compare.study import load

    path = options.output or Path(f"{options.study}.zip")
    for note in write_bundle(load(options.study, options.root), path, options.weights):
        sys.stderr.write(f"note: {note}\n")
    write(str(path))
    for line in contents(path):
        sys.stderr.write(f"  {line}\n")
    return 0


def _import(name: str, argv: Sequence[str]) -> int:
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument("file", type=Path, help="the bundle")
    add_root(parser)
    parser.add_argument(
        "--as", dest="origin", metavar="NAME", help="name of the origin (default: the file's name)"
    )
    options = parser.read(argv)

    from gatekit.compare.share.unbundle import import_bundle, read_manifest

    place = import_bundle(options.file, options.root, options.origin)
    study = read_manifest(options.file).study
    root = "" if options.root == "experiments" else f" --root {options.root}"
    write(f"{place}\nNow type: gatekit compare {study}{root}")
    return 0


def _rerun(name: str, argv: Sequence[str]) -> int:
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument("file", type=Path, help="the bundle")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--one", action="store_true", help="repeat the fastest run")
    which.add_argument("--run", metavar="ID", help="repeat this run")
    parser.add_argument("--json", action="store_true", help="write JSON")
    options = parser.read(argv)

    from gatekit.compare.share.rerun import rerun

    repeat = rerun(options.file, options.run)
    if options.json:
        write_json(dataclasses.asdict(repeat))
        return int(repeat.verdict == "different")
    results = {
        "bitwise": "bitwise identical",
        "close": "equal to five digits",
        "different": "different",
    }
    write(f"run {repeat.run}, repeated here: {results[repeat.verdict]}")
    for key, value in repeat.before.items():
        write(f"  {key} {repeat.metric}: {value} -> {repeat.after.get(key)}")
    for change in repeat.changes:
        write(f"  {change.key}: {change.first} -> {change.second}")
    return int(repeat.verdict == "different")

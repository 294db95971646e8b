"""Share a study: ``gatekit bundle``, ``import`` and ``rerun``."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from gatekit.cli.arguments import Parser
from gatekit.cli.options import check_ending, refuse_no_study
from gatekit.cli.output import print_text, write_json
from gatekit.runs.names import as_root


def bundle(parser: Parser) -> int:
    """Write a study to one file."""
    parser.add_study()
    parser.add_root()
    parser.add_argument(
        "--output", type=Path, metavar="FILE.zip", help="the file to write (default: STUDY.zip)"
    )
    parser.add_argument("--weights", action="store_true", help="include the best weights")
    options = parser.read()
    check_ending("--output", options.output, ".zip")
    refuse_no_study(options, parser.command)

    from gatekit.compare.share.bundle import contents, write_bundle
    from gatekit.compare.study import load

    path = options.output or Path(f"{options.study}.zip")
    for note in write_bundle(load(options.study, options.root), path, options.weights):
        sys.stderr.write(f"note: {note}\n")
    print_text(str(path))
    for line in contents(path):
        sys.stderr.write(f"  {line}\n")
    return 0


def import_runs(parser: Parser) -> int:
    """Import the runs of a bundle."""
    parser.add_argument("file", type=Path, help="the bundle")
    parser.add_root()
    parser.add_argument(
        "--as", dest="origin", metavar="NAME", help="name of the origin (default: the file's name)"
    )
    options = parser.read()

    from gatekit.compare.share.unbundle import import_bundle, read_manifest

    place = import_bundle(options.file, options.root, options.origin)
    study = read_manifest(options.file).study
    print_text(f"{place}\nNow type: gatekit compare {study}{as_root(options.root)}")
    return 0


def rerun(parser: Parser) -> int:
    """Repeat a run of a bundle.

    Returns:
        0, or 1 if the repeated run has different numbers.
    """
    parser.add_argument("file", type=Path, help="the bundle")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--one", action="store_true", help="repeat the fastest run (default)")
    which.add_argument("--run", metavar="ID", help="repeat this run")
    parser.add_json()
    options = parser.read()

    from gatekit.compare.share.rerun import rerun as repeated

    repeat = repeated(options.file, options.run)
    code = int(repeat.verdict == "different")
    if options.json:
        write_json(dataclasses.asdict(repeat))
        return code
    results = {
        "bitwise": "bitwise identical",
        "close": "equal to five digits",
        "different": "different",
    }
    print_text(f"run {repeat.run}, repeated here: {results[repeat.verdict]}")
    for key, value in repeat.before.items():
        print_text(f"  {key} {repeat.metric}: {value} -> {repeat.after.get(key)}")
    for change in repeat.changes:
        print_text(f"  {change.key}: {change.first} -> {change.second}")
    return code

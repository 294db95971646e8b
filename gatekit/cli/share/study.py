"""Share a study: ``gatekit bundle`` and ``gatekit import``."""

from __future__ import annotations

import sys
from pathlib import Path

from gatekit.cli.arguments import Parser
from gatekit.cli.options import check_ending, refuse_no_study
from gatekit.cli.output import print_text
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

    from gatekit.compare.share.bundle import write_bundle
    from gatekit.compare.study import load

    path = options.output or Path(f"{options.study}.zip")
    for note in write_bundle(load(options.study, options.root), path, options.weights):
        sys.stderr.write(f"note: {note}\n")
    print_text(str(path))
    return 0


def import_runs(parser: Parser) -> int:
    """Import the runs of a bundle."""
    parser.add_argument("file", type=Path, help="the bundle")
    parser.add_root()
    parser.add_argument(
        "--as", dest="origin", metavar="NAME", help="name of the origin (default: the file's name)"
    )
    options = parser.read()

    from gatekit.compare.share.unbundle import import_bundle

    place = import_bundle(options.file, options.root, options.origin)
    study = place.parents[1]
    print_text(f"{place}\nNow type: gatekit compare {study.name}{as_root(options.root)}")
    return 0

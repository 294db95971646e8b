"""Commands about files from elsewhere: bundle, import and data."""

from __future__ import annotations

import sys
from pathlib import Path

from gatekit.cell.errors import ConfigError
from gatekit.cli.options import Parser, check_ending, refuse_no_study
from gatekit.cli.output import print_text, write_json, write_table
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


ACTIONS = ("get", "list", "path", "verify")


def data(parser: Parser) -> int:
    """Run one action on a data set."""
    parser.add_argument(
        "action",
        metavar="ACTION",
        choices=ACTIONS,
        help="get: fetch the data set if it is missing; list: list all data sets; path: print its"
        " folder; verify: check the hashes of its files",
    )
    parser.add_argument("name", nargs="?", help="a data set from `gatekit data list`")
    parser.add_json("with list: write JSON")
    parser.add_argument(
        "--archive",
        type=Path,
        metavar="FILE",
        help="with get: read the package from this file; nothing is downloaded",
    )
    parser.add_argument(
        "--path",
        type=Path,
        metavar="PATH",
        help="with verify: check your own file or folder, as in task.path",
    )
    options = parser.read()
    if options.action == "list" and options.name:
        raise ConfigError(f"data list takes no name: {options.name!r}")
    if options.action == "list":
        _list_data(options.json)
        return 0
    if options.name is None:
        raise ConfigError(f"data {options.action}: the name of a data set is missing")
    print_text(_data_folder(options.action, options.name, options.archive, options.path))
    return 0


def _list_data(as_json: bool) -> None:
    from gatekit.study import data as sets

    rows = sets.listing()
    if as_json:
        write_json(rows)
    else:
        write_table(rows, ("name", "package", "version", "state"))


def _data_folder(action: str, name: str, archive: Path | None, own: Path | None) -> str:
    from gatekit.study import data as sets

    if action == "get":
        return str(sets.get(name, archive=archive))
    return str(sets.path(name) if action == "path" else sets.verify(name, own=own))

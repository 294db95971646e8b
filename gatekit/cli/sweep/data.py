"""``gatekit data``: fetch, list, locate and verify data sets."""

from __future__ import annotations

from pathlib import Path

from gatekit.cell.errors import ConfigError
from gatekit.cli.arguments import Parser
from gatekit.cli.output import print_text, write_json, write_table

ACTIONS = ("get", "list", "path", "verify")


def run(parser: Parser) -> int:
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
        raise ConfigError(
            f"gatekit data list takes no name; `gatekit data path {options.name}` prints the "
            "folder of this data set."
        )
    if options.action == "list":
        _list(options.json)
        return 0
    if options.name is None:
        raise ConfigError(
            f"gatekit data {options.action} needs a data set; type for example gatekit data "
            f"{options.action} fashion_mnist. `gatekit data list` lists them."
        )
    print_text(_folder(options.action, options.name, options.archive, options.path))
    return 0


def _list(as_json: bool) -> None:
    from gatekit.study import data

    rows = data.listing()
    if as_json:
        write_json(rows)
    else:
        write_table(rows, ("name", "package", "version", "state"))


def _folder(action: str, name: str, archive: Path | None, own: Path | None) -> str:
    from gatekit.study import data

    if action == "get":
        return str(data.get(name, archive=archive))
    return str(data.path(name) if action == "path" else data.verify(name, own=own))

"""``gatekit cite``: print the references of a cell as BibTeX."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.errors import ConfigError
from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.output import write, write_json


def run(name: str, argv: Sequence[str]) -> int:
    """Print the references of a cell.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0.

    Raises:
        ConfigError: no cell is named, or the cell has no references.
    """
    from gatekit.cell.declare import plain
    from gatekit.cell.show.bibtex import bibtex
    from gatekit.cli.overrides import read_overrides
    from gatekit.registry import catalogue, load_cell

    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="cell=NAME plugins=[FILE.py]"
    )
    parser.add_argument("--json", action="store_true", help="write a JSON list of works")
    options = parser.read(argv)
    asked = read_overrides(options.overrides)
    plugins = tuple(asked.plugins)
    about = dict(load_cell(asked.cell, catalogue(plugins), plugins).about)
    works = plain(about.get("cite", []))
    if not works and not options.json:
        raise ConfigError(
            f"cell={asked.cell} has no key cite; its reference: "
            f"{about.get('reference', 'nothing')}. The key is described in docs/cells.md."
        )
    if options.json:
        write_json(works)
    else:
        write(bibtex(works))
    return 0

"""``gatekit cite``: the works that a cell comes from, as BibTeX."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.errors import ConfigError
from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.output import write, write_json


def run(name: str, argv: Sequence[str]) -> int:
    """Print the works that a cell cites.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0.

    Raises:
        ConfigError: no cell is named, it cites no work, or a references.bib cannot be read.
    """
    from gatekit.cell.show.works import bibtex, cited
    from gatekit.cli.overrides import read_overrides
    from gatekit.registry import bibliography, catalogue, load_cell

    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="cell=NAME plugins=[FILE.py]"
    )
    parser.add_argument("--json", action="store_true", help="write a JSON list of works")
    options = parser.read(argv)
    asked = read_overrides(options.overrides)
    plugins = tuple(asked.plugins)
    about = dict(load_cell(asked.cell, catalogue(plugins), plugins).about)
    works = cited(about, bibliography(plugins))
    if not works and not options.json:
        raise ConfigError(
            f"cell={asked.cell} cites no work. Its reference: {about.get('reference', 'none')}. "
            "docs/cells.md describes the key cite."
        )
    if options.json:
        write_json([work.data() for work in works])
    else:
        write(bibtex(works))
    return 0

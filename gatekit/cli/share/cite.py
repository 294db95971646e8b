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
    from gatekit.registry import bibliography

    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="cell=NAME plugins=[FILE.py]"
    )
    parser.add_argument("--json", action="store_true", help="write a JSON list of works")
    options = parser.read(argv)
    asked = read_overrides(options.overrides, name)
    about, known = dict(asked.cell.about), bibliography(asked.plugins)
    works = cited(about, known)
    starts = {n: cited({"cite": c}, known) for n, c in about.get("starts_from", {}).items()}
    if not works and not any(starts.values()) and not options.json:
        raise ConfigError(
            f"cell={asked.name} cites no work. Its reference: {about.get('reference', 'none')}. "
            "docs/cells.md describes the key cite."
        )
    if options.json:
        write_json([work.data() for work in works])
    else:
        parts = [bibtex(works)] if works else [f"% {asked.name} itself cites no work."]
        for parent, its in starts.items():
            if its:
                parts.append(f"% {asked.name} starts from {parent}, which cites:\n\n{bibtex(its)}")
        write("\n\n".join(parts))
    return 0

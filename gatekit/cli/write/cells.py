"""``gatekit cells``: list all cells, or those that match filters."""

from __future__ import annotations

import re
import sys
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError, GatekitError, one_line
from gatekit.cli.arguments import Parser
from gatekit.cli.output import WIDTH, write_json, write_list
from gatekit.faults import Whole

from .listing import file_place

if TYPE_CHECKING:
    from gatekit.cell.catalogue import Catalogue
    from gatekit.cell.graph import Cell
    from gatekit.cell.schema import CellSpec

CERTIFIED, SECOND_HAND, UNVERIFIED, OWN = "certified", "second hand", "unverified", "own"
TIERS = (CERTIFIED, SECOND_HAND, UNVERIFIED, OWN)
_YEARS = re.compile(r"(\d{4})(?:-(\d{4}))?\Z")
_UNITS, _FEATURES = 8, 4
_LONGEST = 14
"""The most characters of the names of a cell's states; more states are counted."""


def run(parser: Parser) -> int:
    """List the cells that match the filters.

    Raises:
        ConfigError: a filter is invalid.
    """
    parser.add_json("write a JSON list of objects")
    parser.add_argument(
        "--scannable",
        action="store_true",
        help="only cells whose steps can be computed in parallel (linear in the state)",
    )
    parser.add_argument("--states", type=Whole(0), metavar="N", help="only cells with N states")
    parser.add_argument(
        "--year", metavar="Y", help="only cells of a year, 2014, or of several years, 2014-2017"
    )
    parser.add_argument(
        "--tier",
        choices=TIERS,
        help="only cells of this tier: gatekit's tests compare the cell with its paper or the"
        " authors' code (certified), or with another source ('second hand'); its equations were"
        " not checked (unverified); or it is not part of gatekit (own)",
    )
    parser.add_plugins()
    options = parser.read()
    first, last = _years(options.year)
    broken: dict[str, str] = {}
    every = entries(tuple(options.plugin), broken)
    rows = [
        row
        for row in every
        if (not options.scannable or row["scannable"])
        and (options.states is None or len(row["states"] or ()) == options.states)
        and (options.year is None or first <= (row["year"] or 0) <= last)
        and options.tier in (None, row["tier"])
    ]
    if options.json:
        write_json(rows)
    elif rows or broken:
        more = "`gatekit show cell=NAME` shows a cell; --json has all."
        write_list([_shown(row) for row in rows], _columns(rows), "reference", more)
        sys.stdout.write(f"\n{_counted(rows)}\n")
    else:
        raise ConfigError(_none(every))
    for name, why in broken.items():
        text = f"left out: {name}: {why}"
        sys.stderr.write(f"{textwrap.fill(text, WIDTH, subsequent_indent='  ')}\n")
    return 0


def _none(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a message that no cell matches, with the values to choose from."""
    years = [row["year"] for row in rows if row["year"]]
    states = sorted({len(row["states"] or ()) for row in rows})
    return (
        f"no cell matches; years are {min(years)} to {max(years)}, numbers of states "
        f"{', '.join(map(str, states))}. Remove an option: `gatekit cells` lists all {len(rows)}."
    )


def entries(
    plugins: Sequence[str] = (), broken: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the cells, sorted by name.

    Args:
        plugins: files of additional plugins.
        broken: receives the error of each cell that cannot be read, by name, and the cell is left
            out; without it, the error is raised.

    Returns:
        Objects with ``name``, ``year``, ``tier``, ``states`` and ``scannable`` (both None if the
        cell cannot be built with 8 units), ``summary``, ``reference`` and ``origin``.
    """
    from gatekit.cell.show.works import provenance
    from gatekit.registry import bibliography, catalogue, cell_names, load_cell

    known, works = catalogue(plugins), bibliography(plugins)
    rows = []
    for name, path in cell_names(plugins).items():
        try:
            spec = load_cell(name, known, plugins)
        except GatekitError as error:
            if broken is None:
                raise
            broken[name] = one_line(error)
            continue
        about, origin = provenance(dict(spec.about), works), file_place(path)
        cell = _build_cell(spec, known)
        rows.append(
            {
                "name": name,
                "year": about["year"],
                "tier": about["tier"] or CERTIFIED if origin == "gatekit" else OWN,
                "states": None if cell is None else [state.name for state in cell.states],
                "scannable": None if cell is None else _scannable(cell),
                "summary": about["notes"] or "",
                "reference": about["reference"] or "",
                "origin": origin,
            }
        )
    return rows


def _build_cell(spec: CellSpec, known: Catalogue) -> Cell | None:
    from gatekit.cell.graph import build
    from gatekit.cell.schema import read_output_unit

    try:
        return build(spec, _UNITS, _FEATURES, read_output_unit("hidden", known))
    except GatekitError:
        # The cell may need another number of units.
        return None


def _scannable(cell: Cell) -> bool:
    from gatekit.cell.analysis.affine import analyse

    return analyse(cell).affine


def _years(text: str | None) -> tuple[int, int]:
    match = _YEARS.match(text or "0000")
    if match is None:
        years = re.findall(r"\d{4}", text or "")
        meant = f"--year {'-'.join(years)}" if 1 <= len(years) <= 2 else "--year 2014-2017"
        raise ConfigError(
            f"--year {text}: a year or a range of years is expected; type for example {meant}"
        )
    return int(match[1]), int(match[2] or match[1])


def _counted(rows: Sequence[Mapping[str, object]]) -> str:
    tiers = Counter(row["tier"] for row in rows)
    return ", ".join(f"{tiers[t]} {t}" for t in TIERS if tiers[t])


def _shown(row: Mapping[str, Any]) -> dict[str, str]:
    names = ["?"] if row["states"] is None else row["states"]
    states = ", ".join(names)
    if len(states) > _LONGEST:
        states = f"{len(names)} states"
    tier = "" if row["tier"] == CERTIFIED else row["tier"]
    return {**row, "year": str(row["year"] or ""), "states": states, "tier": tier}


def _columns(rows: Sequence[Mapping[str, object]]) -> list[str]:
    columns = ["name", "year", "states", "tier", "reference"]
    if all(row["tier"] == CERTIFIED for row in rows):
        columns.remove("tier")
    return columns if all(row["origin"] == "gatekit" for row in rows) else [*columns, "origin"]

"""The cells of a study: typeset equations, a diagram of the graph, and the reference."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatekit import registry
from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, GatekitError
from gatekit.cell.graph import Cell, build
from gatekit.cell.schema import check_options, read_about, read_cell, read_output_unit
from gatekit.cell.show.diagram.drawing import diagram
from gatekit.cell.show.equations import aligned, equations
from gatekit.cell.show.mathml import mathml
from gatekit.cell.show.works import Work, provenance
from gatekit.compare.comparison import Row
from gatekit.compare.grouping.label import printable, value_text
from gatekit.compare.scrub import scrub
from gatekit.runs.config import flatten
from gatekit.runs.record import Run
from gatekit.runs.result import short_hash

from .context import Section, Sheet
from .groups import looks, swatch
from .markup import Markup, join, table, tag

_MOST_CELLS = 40
_MOST_CHARACTERS = 150_000
_MOST_OPEN = 4
_MOST_NAMED = 12


@dataclass(frozen=True)
class _Used:
    """A cell with its output unit, the length of its source, and the indices of its groups."""

    run: Run
    characters: int
    groups: list[int]


def cells(sheet: Sheet) -> Section | None:
    """Return each distinct cell once: its equations, its graph, the groups that use it.

    Cells are built from the plugins registered here; no code from the run folders is executed. If a
    cell cannot be built, the section shows its configuration instead.
    """
    used = _distinct(sheet.rows)
    if not used:
        return None
    known, trouble = _catalogue(sheet.plugins)
    works = _bibliography(sheet.plugins)
    parts, characters = [], 0
    for place, one in enumerate(used[:_MOST_CELLS]):
        characters += one.characters
        if characters > _MOST_CHARACTERS and known is not None:
            known = None
            trouble = f"a page typesets at most {_MOST_CHARACTERS:,} characters of cells"
        parts.append(_cell(one, sheet, known, works, trouble, place))
    if len(used) > _MOST_CELLS:
        parts.append(
            tag("p", f"and {len(used) - _MOST_CELLS} more; type `gatekit show` to see one.")
        )
    return Section("cells", "Cells", join(parts))


def _distinct(rows: Sequence[Row]) -> list[_Used]:
    found: dict[str, _Used] = {}
    for place, row in enumerate(rows):
        run = next((r for r in (*row.group.runs, *row.group.missing) if r.config), None)
        if run is None or run.config is None or not isinstance(run.config.get("cell"), Mapping):
            continue
        parts = [run.config["cell"], run.config.get("output_unit")]
        key = json.dumps(parts, sort_keys=True, default=str)
        found.setdefault(key, _Used(run, len(key), [])).groups.append(place)
    return list(found.values())


def _catalogue(plugins: tuple[str, ...]) -> tuple[Catalogue | None, str]:
    try:
        return registry.catalogue(plugins), ""
    except GatekitError as error:
        return None, str(error)


def _bibliography(plugins: tuple[str, ...]) -> Mapping[str, Work]:
    try:
        return registry.bibliography(plugins)
    except GatekitError:
        # Without it keys are shown as they are.
        return {}


def _reference(cell: Mapping[str, Any], works: Mapping[str, Work]) -> str:
    try:
        return provenance(dict(read_about(cell)), works)["reference"] or ""
    except CellError:
        return ""


def _cell(
    used: _Used,
    sheet: Sheet,
    known: Catalogue | None,
    works: Mapping[str, Work],
    trouble: str,
    place: int,
) -> Markup:
    config = used.run.config or {}
    built: Cell | None = None
    if known is not None:
        try:
            built = _built(config, known, used.run.origin is not None)
        except (GatekitError, ValueError, TypeError, KeyError, ArithmeticError) as error:
            trouble = str(error)
    name = printable(value_text(config["cell"].get("name", "unnamed cell")))
    styles = looks(sheet.rows)
    labels = [
        tag("span", swatch(styles[i]), printable(sheet.rows[i].group.label), class_="label")
        for i in used.groups[:_MOST_NAMED]
    ]
    if len(used.groups) > _MOST_NAMED:
        labels.append(tag("span", f"and {len(used.groups) - _MOST_NAMED} more groups"))
    reference = printable(_reference(config["cell"], works))
    body = [
        tag("p", *labels, class_="labels"),
        tag("p", reference, class_="reference") if reference else None,
    ]
    if built is None:
        # The page may be shared, so it must not contain paths of this machine.
        said = f"This cell cannot be built with what is installed here: {scrub(trouble)}"
        text = flatten({key: config["cell"].get(key) for key in ("gates", "equations", "emits")})
        rows = [[key, printable(value_text(value))] for key, value in text.items()]
        body += [tag("p", said, class_="warning"), table(["key", "value"], rows, "plain")]
    else:
        body += [_changed(used.run, built, sheet), _shown(built, place)]
    heading = tag("summary", tag("h3", name))
    return tag("details", heading, *body, class_="cell", open=place < _MOST_OPEN)


def _built(config: Mapping[str, Any], known: Catalogue, imported: bool) -> Cell:
    # The equations do not depend on the input's width, and reading it may need the task's data.
    units = config.get("units")
    units = units if isinstance(units, int) and units else 1
    if imported:
        check_options(config["cell"])
    unit = read_output_unit(config.get("output_unit") or "hidden", known)
    return build(read_cell(config["cell"], known), units, units, unit)


def _changed(run: Run, built: Cell, sheet: Sheet) -> Markup | None:
    """Return a warning if the source of a plugin of the cell has changed since the run."""
    if run.result is None or not run.result.plugins:
        return None
    here = registry.plugin_hashes(built.spec, None, None, sheet.plugins)
    made = run.result.plugins
    changed = [n for n in here if n in made and short_hash(made[n]) != short_hash(here[n])]
    if not changed:
        return None
    said = f"Shown with the plugins installed here: {', '.join(changed)} changed since the run."
    return tag("p", said, class_="warning")


def _shown(built: Cell, place: int) -> Markup:
    lines = equations(built)
    try:
        drawn = diagram(built, headed=False)
    except CellError:
        drawn = ""
    # All drawings use the same ids for arrow heads; on one page they must differ.
    drawn = drawn.replace('marker id="', f'marker id="cell{place}-')
    drawn = drawn.replace('marker-end="url(#', f'marker-end="url(#cell{place}-')
    source = tag("details", tag("summary", "LaTeX"), tag("pre", aligned(built)))
    return join(
        [
            tag("div", Markup(mathml(lines)), class_="scroll equations"),
            source,
            tag("div", Markup(drawn), class_="scroll diagram")
            if drawn
            else tag("p", "The graph of this cell is too large to draw.", class_="warning"),
        ]
    )

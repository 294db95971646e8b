"""The cells of a study: typeset equations, a diagram of the graph, and the reference."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gatekit import registry
from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, GatekitError
from gatekit.cell.graph import Cell, build
from gatekit.cell.schema import check_options, read_about, read_cell, read_output_unit
from gatekit.cell.show.diagram.drawing import diagram
from gatekit.cell.show.equations import aligned, equations
from gatekit.cell.show.mathml import mathml
from gatekit.cell.show.works import Work, provenance
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.keys import differing
from gatekit.compare.grouping.label import group_label, printable, value_text
from gatekit.compare.scrub import scrub
from gatekit.runs.config import flatten
from gatekit.runs.record import RunRecord
from gatekit.runs.result import short_hash

from .context import Section, Sheet, css
from .markup import html

_MOST_CELLS = 40
_MOST_CHARACTERS = 150_000
_MOST_OPEN = 4
_MOST_NAMED = 12
_LONGEST = 60


@dataclass(frozen=True)
class _Used:
    """A cell with its output unit, the length of its source, and the groups that use it."""

    run: RunRecord
    characters: int
    rows: list[Row]


def cells(sheet: Sheet) -> Section | None:
    """Return each distinct cell once: its equations, its graph, the groups that use it.

    Cells are built from gatekit's own plugins and those that were named; no other code is executed.
    If a cell cannot be built, the section shows its configuration instead.
    """
    used = _distinct(sheet.rows)
    if not used:
        return None
    known, trouble = _catalogue(sheet.plugins)
    works = _bibliography(sheet.plugins)
    shown, characters, names = [], 0, _names(used)
    for place, one in enumerate(used[:_MOST_CELLS]):
        characters += one.characters
        if characters > _MOST_CHARACTERS and known is not None:
            known = None
            trouble = f"a page typesets at most {_MOST_CHARACTERS:,} characters of cells"
        cell = (one.run.config or {})["cell"]
        groups = [(row.group.label, css(row)) for row in one.rows]
        shown.append(
            {
                "name": names[place],
                "groups": groups,
                "reference": _reference(cell, works),
                **_equations(one.run, sheet, known, trouble, place),
            }
        )
    body = html(
        "cells.html",
        cells=shown,
        more=len(used) - _MOST_CELLS,
        most_open=_MOST_OPEN,
        most_named=_MOST_NAMED,
    )
    return Section("cells", "Cells", body)


def _distinct(rows: Sequence[Row]) -> list[_Used]:
    cells: dict[str, _Used] = {}
    for row in rows:
        run = next((r for r in (*row.group.runs, *row.group.missing) if r.config), None)
        if run is None or run.config is None or not isinstance(run.config.get("cell"), Mapping):
            continue
        for cell in run.config.get("mixers") or [run.config["cell"]]:
            key = json.dumps([cell, run.config.get("output_unit")], sort_keys=True, default=str)
            alone = dataclasses.replace(run, config={**run.config, "cell": cell, "mixers": None})
            users = cells.setdefault(key, _Used(alone, len(key), [])).rows
            users += [] if any(row is other for other in users) else [row]
    return list(cells.values())


def _names(used: Sequence[_Used]) -> list[str]:
    """Return the title of each cell: its name, with the settings that differ between namesakes."""
    cells = [flatten({"cell": (one.run.config or {})["cell"]}) for one in used]
    units = [flatten({"output_unit": (one.run.config or {}).get("output_unit")}) for one in used]
    names = [value_text(cell.pop("cell.name", None) or "unnamed cell") for cell in cells]
    titles = []
    for name, one in zip(names, used, strict=True):
        alike = [i for i, other in enumerate(names) if other == name]
        settings = [{**cells[i], **units[i]} for i in alike]
        own = settings[next(at for at, i in enumerate(alike) if used[i] is one)]
        differ = {key: own[key] for key in differing(settings) if key in own}
        label = group_label({"cell": name, **differ}, name)
        # Options that only namesakes have, or long equations, do not make a title.
        titles.append(label if len(label) <= _LONGEST else f"{name} ({one.rows[0].group.label})")
    return [
        title if titles.count(title) == 1 else f"{title} ({one.rows[0].group.label})"
        for title, one in zip(titles, used, strict=True)
    ]


def _catalogue(plugins: tuple[str, ...]) -> tuple[Catalogue | None, str]:
    try:
        return registry.catalogue(plugins), ""
    except GatekitError as error:
        return None, str(error)


def _bibliography(plugins: tuple[str, ...]) -> Mapping[str, Work]:
    try:
        return registry.bibliography(plugins)
    except GatekitError:
        # Without a bibliography, citation keys are shown unchanged.
        return {}


def _reference(cell: Mapping[str, object], works: Mapping[str, Work]) -> str:
    try:
        return provenance(dict(read_about(cell)), works)["reference"] or ""
    except CellError:
        return ""


def _equations(
    run: RunRecord, sheet: Sheet, known: Catalogue | None, trouble: str, place: int
) -> dict[str, object]:
    """Return the typeset cell, or its configuration and why it cannot be built."""
    config = run.config or {}
    if known is not None:
        try:
            built = _build_cell(config, known, run.origin is not None)
            return _typeset(built, place, _changed(run, built, sheet))
        except (GatekitError, ValueError, TypeError, KeyError, ArithmeticError) as error:
            trouble = str(error)
    text = flatten({key: config["cell"].get(key) for key in ("gates", "equations", "emits")})
    return {
        "latex": "",
        # The page may be shared, so it must not contain paths of this machine.
        "trouble": scrub(trouble),
        "text": [[key, printable(value_text(value))] for key, value in text.items()],
    }


def _build_cell(config: Mapping[str, Any], known: Catalogue, imported: bool) -> Cell:
    # The equations do not depend on the input's width, and reading it may need the task's data.
    units = config.get("units")
    units = units if isinstance(units, int) and units else 1
    if imported:
        check_options(config["cell"])
    unit = read_output_unit(config.get("output_unit") or "hidden", known)
    return build(read_cell(config["cell"], known), units, units, unit)


def _changed(run: RunRecord, built: Cell, sheet: Sheet) -> list[str]:
    """Return the plugins of the cell whose source has changed since the run."""
    if run.result is None or not run.result.plugins:
        return []
    here = registry.plugin_hashes(built.spec, None, None, sheet.plugins)
    then = run.result.plugins
    return [n for n in here if n in then and short_hash(then[n]) != short_hash(here[n])]


def _typeset(built: Cell, place: int, changed: Sequence[str]) -> dict[str, object]:
    try:
        drawing = diagram(built, headed=False)
    except CellError:
        drawing = ""
    # All drawings use the same ids for arrow heads; on one page they must differ.
    drawing = drawing.replace('marker id="', f'marker id="cell{place}-')
    drawing = drawing.replace('marker-end="url(#', f'marker-end="url(#cell{place}-')
    return {
        "latex": aligned(built),
        "mathml": Markup(mathml(equations(built))),
        "diagram": Markup(drawing),
        "changed": changed,
    }

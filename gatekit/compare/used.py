"""What the runs of each group used of their machine, ``--used``: as a table, and as plain data."""

from __future__ import annotations

from statistics import median

from .comparison import Comparison
from .deciding.row import Row
from .grouping.label import printable
from .numbers import number
from .views.table import Table

_COLUMNS = {
    "processor_seconds": ("processor s", 1.0),
    "peak_bytes": ("peak MiB", 2.0**-20),
    "processor_joules": ("processor kJ", 1e-3),
    "gpu_joules": ("GPU kJ", 1e-3),
}


def used(row: Row) -> dict[str, float | None]:
    """Return the median of each amount over the completed runs of a group that recorded it."""
    found: dict[str, float | None] = {}
    results = [result for result in row.group.results if result.state == "COMPLETED"]
    for name in _COLUMNS:
        known = [each for result in results if (each := getattr(result, name)) is not None]
        found[name] = median(known) if known else None
    return found


def _cell(name: str, amount: float | None) -> str:
    _, unit = _COLUMNS[name]
    return "" if amount is None else number(amount * unit)


def used_table(comparison: Comparison) -> Table:
    """Return a row for each group, without amounts that no run recorded."""
    rows = [(printable(row.group.label), used(row)) for row in comparison.rows]
    shown = [name for name in _COLUMNS if any(of[name] is not None for _, of in rows)]
    cells = tuple((label, *(_cell(name, of[name]) for name in shown)) for label, of in rows)
    return Table(
        "what a run used, median over runs",
        ("group", *(_COLUMNS[name][0] for name in shown)),
        cells,
        notes=("energy is that of whole processors and GPUs, with all that runs on them",)
        if {"processor_joules", "gpu_joules"} & {*shown}
        else (),
    )

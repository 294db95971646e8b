"""A cell as a page of Markdown, and the list of all pages."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gatekit.cell.schema import SECOND_HAND, UNVERIFIED
from gatekit.cell.show.works import Work, bibtex

TIERS = {
    UNVERIFIED: "**Unverified:** these equations were not checked in the paper or in its authors'"
    " code.",
    SECOND_HAND: "**Second hand:** these equations come from what the note names, not from the"
    " paper or from code that is known to be its authors'.",
}
_COLUMNS = ("cell", "year", "states", "parameters", "scans", "reference")

_wrapped = partial(textwrap.fill, width=100, break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True)
class CellPage:
    """The content of a cell's page.

    Attributes:
        name: the cell's name.
        description: the result of `gatekit.cell.show.describe.describe`.
        executor: the executor that ``auto`` chooses on a CPU.
        reason: why a scan cannot compute all steps at once; empty if it can.
        witness: the file with the independent recurrence that checks the cell, or None.
        works: the works that the cell cites.
        peers: the other libraries that have the cell and are compared with it.
        first: the weights with unusual initial values, each with these values and their source.
    """

    name: str
    description: Mapping[str, Any]
    executor: str
    reason: str
    witness: str | None
    works: Sequence[Work]
    peers: Sequence[str] = ()
    first: Sequence[tuple[str, str, str]] = ()


def page(entry: CellPage) -> str:
    """Return a cell's page; its drawing is ``NAME.svg`` in the same folder."""
    d = entry.description
    head = [f"# {entry.name}", _wrapped(d["reference"] or "")]
    head += [TIERS[d["tier"]]] if d["tier"] else []
    head += [_wrapped(f"Note: {d['notes']}")] if d["notes"] else []
    facts = [
        f"- states: {_states(d)}",
        f"- parameters: {d['parameters']:,} ({d['units']} units, {d['features']} features, output "
        "unit `hidden`)",
        f"- all steps at once: {_scans(entry)}",
        f"- executor: {entry.executor}",
        f"- independent recurrence in NumPy: {f'`{entry.witness}`' if entry.witness else 'none'}",
        *([f"- compared with: {', '.join(entry.peers)}"] if entry.peers else []),
    ]
    parts = [*head, f"```math\n{d['latex']}\n```", f"![{entry.name}]({entry.name}.svg)"]
    parts += ["\n".join(_wrapped(fact, subsequent_indent="  ") for fact in facts), _first(entry)]
    if entry.works:
        parts.append(f"```bibtex\n{bibtex(entry.works)}\n```")
    return "\n\n".join(part for part in parts if part) + "\n"


def _first(entry: CellPage) -> str:
    if not entry.first:
        return "All weights have the usual [initial values](../cells.md#initializers)."
    rows = [f"| `{name}` | {law} | {source} |" for name, law, source in entry.first]
    return "\n".join(
        [
            "Initial values; other weights start [as usual](../cells.md#initializers):",
            "",
            "| weight or state | initial value | source |",
            "|---|---|---|",
            *rows,
        ]
    )


def index(entries: Sequence[CellPage], folder: str) -> str:
    """Return the table of all cells, oldest first, with links to their files in a folder."""
    rows = ["| " + " | ".join(_COLUMNS) + " |", "|---" * len(_COLUMNS) + "|"]
    for entry in sorted(entries, key=lambda e: (e.description["year"] or 0, e.name)):
        d = entry.description
        mark = f" ({d['tier']})" if d["tier"] else ""
        cells = (
            f"[`{entry.name}`]({folder}/{entry.name}.yaml){mark}",
            str(d["year"] or ""),
            _states(d),
            f"{d['parameters']:,}",
            "" if entry.reason else "yes",
            str(d["reference"] or "").replace("|", r"\|"),
        )
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _states(description: Mapping[str, Any]) -> str:
    states = []
    for state in description["states"]:
        matrix = "" if len(state["shape"]) == 1 else " (matrix)"
        states.append(state["name"] + matrix)
    return ", ".join(states) or "none"


def _scans(entry: CellPage) -> str:
    return f"no ({entry.reason})" if entry.reason else "yes"

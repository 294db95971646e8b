"""What commands have asked for: one file per set of runs, beside the runs; and what it outdates."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gatekit.runs import durable

_ID = re.compile(r"[0-9a-f]{16}\Z")


@dataclass(frozen=True)
class Planned:
    """A run as a command asked for it.

    Attributes:
        words: what to type after ``gatekit train`` to make it alone.
        origin: what stays the same when the source of a plugin or the data change.
    """

    id: str
    label: str
    words: tuple[str, ...]
    origin: str


def read(study: Path) -> dict[str, Planned]:
    """Return the runs that commands have asked for in a study, by id; a damaged file is no plan."""
    found: dict[str, Planned] = {}
    for path in sorted(study.glob("plan-*.json")):
        data = durable.read_object(path)
        entries = data.get("runs") if data.get("schema") == 1 else None
        for entry in entries if isinstance(entries, list) else []:
            with contextlib.suppress(KeyError, TypeError):
                words = tuple(str(word) for word in entry["words"])
                run = Planned(str(entry["id"]), str(entry["label"]), words, str(entry["origin"]))
                # An id names a folder beside the others.
                if _ID.match(run.id):
                    found[run.id] = run
    return found


def outdated(id: str, origin: str, known: Iterable[Planned]) -> list[str]:
    """Return the ids of runs of the same configuration whose plugins or data were others."""
    return [k.id for k in known if k.origin == origin != "" and k.id != id]

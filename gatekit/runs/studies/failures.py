"""Failed runs, gathered by their cause."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .survey import SurveyedRun

TROUBLES = ("FAILED", "LOST", "CORRUPT")
"""States in which a run has no outcome and does not simply go on."""

_VARIES = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?|'[^']*'")


@dataclass(frozen=True)
class Cause:
    """Runs that ended for the same reason, but for numbers and names in its text."""

    state: str
    reason: str
    runs: tuple[SurveyedRun, ...]


def causes(runs: Iterable[SurveyedRun]) -> list[Cause]:
    """Return the causes, the most frequent first."""
    groups: dict[tuple[str, str], list[SurveyedRun]] = {}
    for run in runs:
        if run.state in TROUBLES:
            groups.setdefault((run.state, alike(run.reason)), []).append(run)
    found = [Cause(state, r[0].reason or "", tuple(r)) for (state, _), r in groups.items()]
    return sorted(found, key=lambda cause: -len(cause.runs))


def alike(reason: str | None) -> str:
    """Return a reason without its numbers and names, so that equal causes are equal."""
    return _VARIES.sub("#", reason or "")

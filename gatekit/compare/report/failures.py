"""The section of failed and diverged runs: the reason, the end of the log, what to type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.compare.budget.at import LATE
from gatekit.runs.folder import RunFolder
from gatekit.runs.record import RunRecord
from gatekit.runs.studies.survey import alike

from .context import Section, Sheet
from .markup import html

ON_THE_WAY = ("PLANNED", "RUNNING")
"""The states of runs that have not ended."""

_MOST_NAMED = 24
_LINES = 12


def failures(sheet: Sheet) -> Section:
    """Return every run that failed, was lost, damaged or interrupted, diverged, or is too late."""
    comparison = sheet.comparison
    missing = [run for run in comparison.missing if run.state not in (LATE, *ON_THE_WAY)]
    waiting = [run for run in comparison.missing if run.state in ON_THE_WAY]
    late = [run for run in comparison.missing if run.state == LATE]
    diverged = [run for run in comparison.study.runs if run.state == "DIVERGED"]
    stale = [run for run in comparison.study.runs if run.stale is not None]
    labels = {
        run.id: row.group.label
        for row in sheet.rows
        for run in (*row.group.runs, *row.group.missing)
    }
    parts = [
        _part("Without an outcome", missing, _retry(sheet) if missing else {}),
        _part("Diverged; counted as the worst outcome", diverged, {}),
        _part("Outdated: a plugin or the data changed after the run", stale, {}),
        _part("Without an evaluation within the budget; choose a larger one", late, {}),
    ]
    body = html(
        "failures.html",
        parts=[part for part in parts if part["runs"]],
        waiting=waiting,
        labels=labels,
        most_named=_MOST_NAMED,
    )
    count = len(missing) + len(diverged)
    return Section("failures", "Failures" + (f" ({count})" if count else ""), body)


def _part(title: str, runs: Sequence[RunRecord], commands: Mapping[str, str]) -> dict[str, Any]:
    """Return the runs grouped by cause, the most frequent cause first."""
    causes: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        causes.setdefault((run.state, alike(_reason(run))), []).append(run)
    shown = [
        {
            "runs": alike_runs,
            "reason": _reason(alike_runs[0]),
            "log": "" if alike_runs[0].counts or state == LATE else _log(alike_runs[0]),
            "command": commands.get(alike_runs[0].id),
        }
        for (state, _), alike_runs in sorted(
            causes.items(), key=lambda item: len(item[1]), reverse=True
        )
    ]
    return {"title": title, "runs": runs, "causes": shown}


def _reason(run: RunRecord) -> str:
    return (run.stale if run.stale is not None else run.reason) or "no reason was recorded"


def _log(run: RunRecord) -> str:
    return "\n".join(RunFolder(run.path).log_tail(_LINES))


def _retry(sheet: Sheet) -> dict[str, str]:
    from gatekit.runs.studies.survey import survey

    known = survey(sheet.comparison.study.path)
    return {run.id: f"{run.command} retry=failed" for run in known if run.command}

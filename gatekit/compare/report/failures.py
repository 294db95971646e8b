"""The section of failed and diverged runs: the reason, the end of the log, what to type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gatekit.compare.grouping.label import printable
from gatekit.runs.folder import RunFolder
from gatekit.runs.record import Run
from gatekit.runs.studies.failures import alike

from .context import Section, Sheet
from .markup import Markup, join, tag

_ON_THE_WAY = ("PLANNED", "RUNNING")
_MOST_NAMED = 24
_LINES = 12


def failures(sheet: Sheet) -> Section:
    """Return every run that failed, was lost, damaged or interrupted, or diverged."""
    comparison = sheet.comparison
    missing = [run for run in comparison.missing if run.state not in _ON_THE_WAY]
    waiting = [run for run in comparison.missing if run.state in _ON_THE_WAY]
    diverged = [run for run in comparison.study.runs if run.state == "DIVERGED"]
    stale = [run for run in comparison.study.runs if run.stale is not None]
    label = {
        run.id: printable(row.group.label)
        for row in sheet.rows
        for run in (*row.group.runs, *row.group.missing)
    }
    parts: list[Markup | None] = [
        _part("Without an outcome", missing, label, _retry(sheet) if missing else {}),
        _part("Diverged; counted as the worst outcome", diverged, label, {}),
        _part("Outdated: a plugin or the data changed after the run", stale, label, {}),
    ]
    if waiting:
        states = ", ".join(sorted({run.state for run in waiting}))
        parts.append(tag("p", f"{len(waiting)} more runs are planned or in progress ({states})."))
    if not any(parts):
        parts = [tag("p", "No run failed, diverged or was lost.")]
    count = len(missing) + len(diverged)
    return Section("failures", "Failures" + (f" ({count})" if count else ""), join(parts))


def _part(
    title: str, runs: Sequence[Run], label: Mapping[str, str], commands: Mapping[str, str]
) -> Markup | None:
    """Return the runs grouped by cause, the most frequent cause first."""
    if not runs:
        return None
    causes: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        causes.setdefault((run.state, alike(_reason(run))), []).append(run)
    gathered = sorted(causes.values(), key=len, reverse=True)
    entries = [_cause(found, label, commands) for found in gathered]
    return join([tag("h3", f"{title} ({len(runs)})"), tag("ul", *entries, class_="failures")])


def _cause(runs: Sequence[Run], label: Mapping[str, str], commands: Mapping[str, str]) -> Markup:
    first = runs[0]
    shown = []
    for run in runs[:_MOST_NAMED]:
        seed = "" if run.seed is None else f", seed {run.seed}"
        told = f"{label.get(run.id, 'group unknown')}{seed}"
        shown.append(tag("span", tag("code", run.id), f" {told}"))
    if len(runs) > _MOST_NAMED:
        shown.append(tag("span", f"and {len(runs) - _MOST_NAMED} more, in the table of runs"))
    command = commands.get(first.id)
    return tag(
        "li",
        tag(
            "p",
            tag("span", f"{len(runs)} {first.state}", class_=f"state {first.state.lower()}"),
            tag("span", _reason(first), class_="reason"),
            class_="run",
        ),
        tag("p", *shown, class_="named"),
        None if first.counts else _log(first),
        tag("pre", tag("code", command)) if command else None,
    )


def _reason(run: Run) -> str:
    return (run.stale if run.stale is not None else run.reason) or "no reason was recorded"


def _log(run: Run) -> Markup | None:
    lines = RunFolder(run.path).log_tail(_LINES)
    if not lines:
        return None
    return tag(
        "details", tag("summary", f"the end of the log of {run.id}"), tag("pre", "\n".join(lines))
    )


def _retry(sheet: Sheet) -> dict[str, str]:
    from gatekit.runs.studies.survey import survey

    known = survey(sheet.comparison.study.path)
    return {run.id: f"{run.command} retry=failed" for run in known if run.command}

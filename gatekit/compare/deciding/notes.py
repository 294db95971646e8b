"""The remarks below a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.errors import listed
from gatekit.compare.budget.at import late
from gatekit.compare.grouping.differs import equal_settings, in_words
from gatekit.compare.grouping.group import Grouping
from gatekit.compare.stats.difference import executors
from gatekit.compare.stats.verdict import design_notes
from gatekit.compare.study import Study
from gatekit.runs.studies import plan_file

from .refused import LARGER, again, missing_runs, ran_on
from .row import Row


def _conformance(study: Study) -> list[str]:
    """Return the results of the conformance suite for each plugin at the time of the runs."""
    results: dict[str, set[str]] = {}
    for run in study.runs:
        for plugin, result in run.result.checks.items() if run.result else ():
            results.setdefault(plugin, set()).add(result)
    return [
        f"plugin {name}: {'; '.join(sorted(result))}"
        + (" (type gatekit check)" if result == {"not checked"} else " by gatekit check")
        for name, result in sorted(results.items())
    ]


def _confounded(rows: Sequence[Row]) -> list[str]:
    """Return a note on groups that differ from their baseline in several settings: what to type."""
    differences = [row.difference for row in rows if row.difference and row.difference.confounded]
    if not differences:
        return []
    keys = list(dict.fromkeys(key for each in differences for key in each.differs_in))
    several = len(differences) > 1
    return [
        f"{len(differences)} of the groups {'differ from their' if several else 'differs from its'}"
        f" baseline in several settings ({in_words(keys)}), so no sentence is written about "
        f"{'them' if several else 'it'}: {equal_settings(keys)}"
    ]


def _executors(rows: Sequence[Row]) -> dict[str, str]:
    """Return the notes of single groups on executors, each with one note on all groups instead."""
    own = [
        note
        for row in rows
        for note in (row.difference.notes if row.difference else ())
        if note.startswith(f"{ran_on(row.group)}, ")
    ]
    if len(own) < 2:
        return {}
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row.summary and (row.difference or row.is_baseline):
            groups.setdefault(executors(row.group) or "unknown", []).append(row.group.label)
    each = "; ".join(f"{name}: {listed(labels, 8)}" for name, labels in groups.items())
    return dict.fromkeys(own, f"groups ran on different executors. {each}")


def notes_on(study: Study, grouping: Grouping, rows: Sequence[Row]) -> list[str]:
    notes: dict[str, None] = {}
    if not study.runs:
        planned = len(plan_file.read(study.path))
        notes[
            f"no run of study {study.name} has started yet; `gatekit status {study.name}` shows "
            f"its {planned} planned runs"
            if planned
            else f"study {study.name} has no runs; type `gatekit train -m study={study.name} "
            "cell=NAME,NAME task=NAME seeds=5` to start some"
        ] = None
    elif not any(row.summary for row in rows):
        notes["no run has an outcome yet: there is nothing to compare"] = None
    if grouping.pooled:
        pooled = ", ".join(grouping.pooled)
        notes[f"pooled over {pooled}; the runs of a pair agree in these keys and the seed"] = None
    for owner in dict.fromkeys(grouping.implied.values()):
        names = ", ".join(key for key, of in grouping.implied.items() if of == owner)
        notes[f"each {owner} has its own {names}, which labels do not show"] = None
    merged = _executors(rows)
    for row in rows:
        for flag in row.summary.flags if row.summary else ():
            notes[f"{row.group.label}: {flag}"] = None
        for note in row.difference.notes if row.difference else ():
            notes[merged.get(note, note)] = None
        if row.summary is None and row.group.missing:
            remedy = LARGER if late(row.group.missing) else again(row.group.missing)
            notes[f"no outcome: {missing_runs(row.group)}; {remedy}"] = None
    for note in _confounded(rows):
        notes[note] = None
    for note in design_notes([row.difference for row in rows if row.difference is not None]):
        notes[note] = None
    notes |= dict.fromkeys(_conformance(study))
    for copy in study.copies:
        notes[f"{copy} is a copy of another run and was skipped"] = None
    return list(notes)

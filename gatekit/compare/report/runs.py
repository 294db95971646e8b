"""The sections on single runs: the table of all runs, and those that failed or diverged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gatekit.compare.budget.at import LATE
from gatekit.compare.grouping.label import printable, value_text
from gatekit.compare.numbers import is_number
from gatekit.runs.folder import RunFolder
from gatekit.runs.record import RunRecord
from gatekit.runs.studies.survey import alike, survey

from .context import Section, Sheet
from .markup import html, number

_FIRST = ("group", "run", "seed", "state")
_LAST = ("stale", "reason")
# Shown in the heading of the page.
_LEFT_OUT = ("study",)
_COUNTED = ("parameters", "recurrent_parameters", "state_size", "token_flops")
_MEASURED = ("best_epoch", "last_epoch", *_COUNTED, "seconds")
_NEVER_CONSTANT = (*_FIRST, "test", "validation", "seconds", "step_seconds", *_LAST)
# A run without an outcome lacks these; they count as shared if all other runs agree.
_OF_RESULTS = ("metric", "direction", "unit", "data_hash", "steps")


def runs(sheet: Sheet) -> Section:
    """Return a sortable and filterable table of all runs, and the values that all runs share."""
    rows, constant = _rows(sheet)
    columns = list(rows[0]) if rows else []
    same = [[key, _shown(value)] for key, value in constant.items()]
    data = {
        "columns": [
            {"key": printable(key), "numeric": key != "group" and _numeric(rows, key)}
            for key in columns
        ],
        "rows": [[_cell(row[key]) for key in columns] for row in rows],
    }
    return Section("runs", "Runs", html("runs.html", rows=rows, same=same), data)


def _rows(sheet: Sheet) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Return a row per run with the values that differ, and the values that all runs share."""
    study = sheet.comparison.study
    place = {
        id(run): index
        for index, row in enumerate(sheet.rows)
        for run in (*row.group.runs, *row.group.missing)
    }
    facts = []
    for run, row in zip(study.runs, study.rows(), strict=True):
        facts.append({"group": place.get(id(run)), **row, "stale": run.stale})
    if not facts:
        return [], {}
    values = {key: {_shown(row[key]) for row in facts} for key in facts[0]}
    metrics = {row["metric"] for row in facts if row["metric"]}
    doubled = {f"{split}_{metric}" for metric in metrics for split in ("val", "test")}
    left_out = {*_LEFT_OUT, *doubled}
    constant = {
        key: next(row[key] for row in facts if row[key] is not None)
        for key, known in values.items()
        if key not in _NEVER_CONSTANT
        and len(known - {""} if key in _OF_RESULTS else known) == 1
        and known != {""}
    }
    columns = [
        key
        for key, known in values.items()
        if key not in constant and key not in left_out and known != {""}
    ]
    order = [key for key in _FIRST if key in columns]
    order += [key for key in ("test", "validation", *_MEASURED, "step_seconds") if key in columns]
    order += [key for key in columns if key not in order and key not in _LAST]
    order += [key for key in _LAST if key in columns]
    rows = [{key: row[key] for key in order} for row in facts]
    rows.sort(
        key=lambda row: (
            row.get("group") is None,
            row.get("group") or 0,
            row.get("seed") or 0,
            row["run"],
        )
    )
    return rows, {key: value for key, value in constant.items() if key not in doubled}


def _shown(value: object) -> str:
    return "" if value is None else value_text(value)


def _numeric(rows: Sequence[dict[str, object]], key: str) -> bool:
    values = [row.get(key) for row in rows if row.get(key) is not None]
    return bool(values) and all(map(is_number, values))


def _cell(value: object) -> object:
    if value is None:
        return None
    return number(value) if is_number(value) else printable(value_text(value))


ON_THE_WAY = ("PLANNED", "RUNNING")
"""The states of runs that have not ended."""

_MOST_NAMED = 24
_LINES = 12


def failures(sheet: Sheet) -> Section:
    """Return the runs without an outcome and those that diverged or are stale, by cause."""
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


def _part(title: str, runs: Sequence[RunRecord], commands: Mapping[str, str]) -> dict[str, object]:
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
    known = survey(sheet.comparison.study.path)
    return {run.id: run.retry for run in known if run.retry}

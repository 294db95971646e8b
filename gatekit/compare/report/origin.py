"""The sections on machines, versions, and how to reproduce the numbers."""

from __future__ import annotations

import shlex
from collections import Counter

from gatekit.compare.grouping.label import value_text
from gatekit.compare.numbers import count_of
from gatekit.compare.recipe import constraints, data_sets, environment
from gatekit.compare.why import environment_facts
from gatekit.runs.result import short_hash

from .context import Section, Sheet
from .markup import html

_MOST_VALUES = 8


def environments(sheet: Sheet) -> Section | None:
    """Return versions and hardware; values that vary are shown with their number of runs."""
    counts: dict[str, Counter[str]] = {}
    for run in sheet.comparison.study.runs:
        known = environment(run)
        facts = {**environment_facts(known), "commit": _commit(known)}
        for key, value in facts.items():
            if value not in (None, [], ""):
                counts.setdefault(key, Counter())[value_text(value)] += 1
    if not counts:
        return None
    rows = [[key, _counted(values)] for key, values in counts.items()]
    return Section("environment", "Environment", html("environment.html", rows=rows))


def _commit(known: object) -> str | None:
    git = known.get("git") if isinstance(known, dict) else None
    if not isinstance(git, dict) or not git.get("commit"):
        return None
    return f"{git['commit']}{' with changes' if git.get('dirty') else ''}"


def _counted(values: Counter[str]) -> str:
    if len(values) == 1:
        return next(iter(values))
    most = values.most_common(_MOST_VALUES)
    shown = [f"{value} ({count_of(count, 'run')})" for value, count in most]
    shown += [f"and {len(values) - _MOST_VALUES} more"] if len(values) > _MOST_VALUES else []
    return "; ".join(shown)


def reproduce(sheet: Sheet) -> Section:
    """Return the exact commands: versions, data, training, comparison."""
    study = sheet.comparison.study
    data = data_sets(study.runs)
    fetch = sorted({d["command"] for d in data if d["command"].startswith("gatekit ")})
    pins = constraints([environment(run) for run in study.runs])
    trained = list(sheet.trained) or [
        f"# no command was recorded: gatekit train study={shlex.quote(study.name)} ..."
    ]
    steps = [
        ("Install the same versions", [f"# constraints.txt\n{_lines(pins)}"] if pins else []),
        ("Get the data", fetch),
        ("Train; completed runs are skipped", trained),
        ("Compare, and write this page", [sheet.command, _report(sheet.command)]),
    ]
    body = html(
        "reproduce.html",
        steps=[(title, _lines(commands)) for title, commands in steps if commands],
        data=[[d["task"], short_hash(d["data_hash"]), d["command"]] for d in data],
    )
    return Section("reproduce", "How to reproduce", body)


def _lines(texts: list[str]) -> str:
    return "\n".join(texts)


def _report(command: str) -> str:
    return command.replace("gatekit compare", "gatekit report", 1)

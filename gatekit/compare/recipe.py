"""Collect everything that is needed to reproduce a study: commands, data, versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import GatekitError
from gatekit.runs.record import RunRecord
from gatekit.runs.result import OWN
from gatekit.runs.state import RunReader

from .budget.at import read_budget
from .options import typed


def environment(run: RunRecord) -> Mapping[str, Any]:
    """Return a run's ``env.json``, without entries that gatekit would not have written."""
    record = RunReader(run.path).environment()
    return {key: value for key, value in record.items() if _fits(key, value)}


def data_sets(runs: Sequence[RunRecord]) -> list[dict[str, str]]:
    """Return the data that runs read: ``task``, ``data_hash``, and the ``command`` to get them."""
    hashes = {
        (run.result.task, run.result.data_hash or "")
        for run in runs
        if run.result is not None and run.result.executor != OWN
    }
    return [
        {"task": task, "data_hash": digest, "command": _command(task)}
        for task, digest in sorted(hashes)
    ]


def constraints(environments: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the lines for ``pip install -c``: the most common versions; comments list others.

    gatekit is a comment, too: it is installed from its source, and a pin could only reject that.
    """
    seen: dict[str, Counter[str]] = {}
    for known in environments:
        versions = known.get("versions")
        for name, version in versions.items() if isinstance(versions, Mapping) else ():
            if version:
                seen.setdefault(str(name), Counter())[str(version)] += 1
    lines = []
    for name, counts in sorted(seen.items()):
        (most, _), *others = counts.most_common()
        rest = f"  # some runs: {', '.join(sorted(v for v, _ in others))}" if others else ""
        own = f"# gatekit {most}: install it from its source"
        lines.append(f"{own if name == 'gatekit' else f'{name}=={most}'}{rest}")
    return lines


def _fits(key: str, value: object) -> bool:
    if value is None:
        return True
    if key in ("versions", "seconds", "git", "plugins"):
        return isinstance(value, dict) and all(_plain(item) for item in value.values())
    if key == "gpu":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return _plain(value)


def _plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _command(task: str) -> str:
    from gatekit import registry

    try:
        kind = registry.tasks().get(task)
    except GatekitError:
        kind = None
    if kind is None:
        return "see the task's plugin"
    if kind.source is not None:
        return f"gatekit data get {kind.source.name}"
    if kind.own_file:
        return f"provide the file yourself, with task.path=PATH: {kind.own_file}"
    return "none: the task generates its data from the seed"


def arguments(study: str, root: str | Path = "experiments", **asked: Any) -> list[str]:
    """Return the words to type after ``gatekit compare`` for the same comparison as in Python.

    Args:
        study: the study's name.
        root: the folder of all studies.
        asked: the other arguments of `gatekit.compare`.
    """
    if asked.get("at") is not None:
        asked["at"] = read_budget(asked["at"]).typed
    return [study, *(["--root", str(root)] if str(root) != "experiments" else []), *typed(asked)]

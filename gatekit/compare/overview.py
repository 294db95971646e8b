"""An overview of the studies in a folder: runs by state, variants, tasks, the last change."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gatekit.cell.errors import RunError
from gatekit.compare.grouping.group import group_runs
from gatekit.runs.names import STATUS
from gatekit.runs.result import OUTCOMES

from .study import Study, load, studies

_COUNTED = ("done", "failed", "interrupted", "lost", "corrupt", "running", "waiting")


@dataclass(frozen=True, slots=True)
class Overview:
    """One study.

    Attributes:
        study: its name.
        done: runs with an outcome.
        failed: runs that ended with an error.
        interrupted: runs that were stopped; the same command continues them.
        lost: runs whose process disappeared.
        corrupt: runs whose files are damaged.
        running: runs in progress.
        waiting: planned runs that have not started.
        variants: groups of runs that differ only in their seed.
        tasks: names of the tasks.
        metrics: names of the metrics.
        changed: when a run last changed its state, in UTC; empty without runs.
        error: why the study cannot be read.
    """

    study: str
    done: int = 0
    failed: int = 0
    interrupted: int = 0
    lost: int = 0
    corrupt: int = 0
    running: int = 0
    waiting: int = 0
    variants: int = 0
    tasks: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    changed: str = ""
    error: str | None = None

    @property
    def counts(self) -> str:
        """The runs by state in the words of ``gatekit status``: ``3 done, 1 interrupted``."""
        counts = {state: getattr(self, state) for state in _COUNTED}
        return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def overviews(root: Path | str = "experiments") -> list[Overview]:
    """Return all studies of a folder, most recently changed first.

    Raises:
        RunError: there are no studies.
    """
    every = []
    for name in studies(root):
        try:
            every.append(overview(load(name, root)))
        except RunError as error:
            every.append(Overview(name, error=str(error)))
    return sorted(every, key=lambda one: one.changed, reverse=True)


def overview(study: Study) -> Overview:
    """Return the overview of one study."""
    states = Counter(run.state for run in study.runs)
    results = [run.result for run in study.runs if run.result is not None]
    return Overview(
        study.name,
        done=sum(states[state] for state in OUTCOMES),
        failed=states["FAILED"],
        interrupted=states["INTERRUPTED"],
        lost=states["LOST"],
        corrupt=states["CORRUPT"],
        running=states["RUNNING"],
        waiting=states["PLANNED"] + len(study.planned),
        variants=len({group.variant for group in group_runs(study.every).groups}),
        tasks=tuple(sorted({result.task for result in results})),
        metrics=tuple(sorted({result.metric.name for result in results})),
        changed=changed(study),
    )


def changed(study: Study) -> str:
    """Return when a run last changed its state, in UTC; empty without runs."""
    times = []
    for run in study.runs:
        try:
            times.append(os.stat(run.path / STATUS).st_mtime)
        except OSError:
            continue
    return datetime.fromtimestamp(max(times), UTC).isoformat(timespec="seconds") if times else ""

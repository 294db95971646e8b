"""Follow the studies of a folder while a page is open: states, and the progress of runs.

Nothing is read between requests. For a run that has not changed, only the dates of its files are
checked; for a run in progress, only the new lines of its ``metrics.jsonl`` are read.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from gatekit.cell.errors import GatekitError
from gatekit.cell.terminal import printable
from gatekit.compare.grouping.group import group_runs
from gatekit.compare.study import Study, inside, load, studies
from gatekit.runs.record import KeptRuns, RunRecord
from gatekit.runs.state import RunReader
from gatekit.study.launch.following import FollowedRun, seconds_left

from .reports import LiveReport

REST = 10
"""After reading a study, wait this many times as long as it took, but at least `LEAST`."""

LEAST = 1.0
"""The fewest seconds between two reads of a study, however many pages are open."""


class LiveStudy:
    """One study.

    Args:
        name: a name that `gatekit.compare.study.studies` has returned.
        root: the folder that contains the studies.
    """

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.report = LiveReport(root)
        self.error: str | None = None
        self.states: dict[str, int] = {}
        self.left: float | None = None
        self.running: list[dict[str, object]] = []
        self._root = root
        self._kept = KeptRuns()
        self._study: Study | None = None
        self._following: dict[Path, tuple[FollowedRun, Mapping[str, object]]] = {}
        self._labels: dict[Path, str] = {}
        self._rests = 0.0

    def look(self) -> None:
        """Read what is new, unless the study was read a moment ago."""
        began = time.monotonic()
        if began < self._rests:
            return
        try:
            self._look()
            self.error = None
        except GatekitError as error:
            self.error = printable(str(error))
        took = time.monotonic() - began
        self._rests = began + took + max(LEAST, REST * took)

    def _look(self) -> None:
        study = load(self.name, self._root, self._kept)
        if self._study is None or not _same(study.runs, self._study.runs):
            self._study = study
            groups = group_runs(study.every).groups
            self._labels = {
                run.path: group.label for group in groups for run in (*group.runs, *group.missing)
            }
        now = [run for run in study.runs if run.state == "RUNNING"]
        self._following = {
            run.path: self._following.get(run.path)
            or (FollowedRun(run.path, run.config), _place(run))
            for run in now
        }
        for following, _ in self._following.values():
            following.update()
        self.running = [self._describe(run) for run in now]
        states = Counter(run.state for run in study.runs)
        states["PLANNED"] += len(study.planned)
        self.states = {state: count for state, count in sorted(states.items()) if count}
        waiting = sum(states[state] for state in ("PLANNED", "INTERRUPTED", "LOST"))
        ended = [r.result.seconds for r in study.runs if r.result and r.result.seconds is not None]
        running = [following for following, _ in self._following.values()]
        left = seconds_left(ended, running, waiting, len(running)) if running else None
        self.left = None if left is None else round(left, 1)

    def _describe(self, run: RunRecord) -> dict[str, object]:
        following, place = self._following[run.path]
        facts = following.facts()
        label = self._labels.get(run.path) or run.id
        return {
            "id": run.id,
            "origin": _shown(run.origin),
            "label": _shown(label),
            "look": self.report.looks.get(label),
            "seed": run.seed,
            "stale": run.stale is not None,
            "task": _shown(following.task) or "",
            **facts,
            "metric": _shown(facts["metric"]),
            **place,
        }

    def progress(self) -> dict[str, object]:
        """Return the states of the study, its running runs, and what is known of its report."""
        if self._study is not None:
            self.report.ask(self._study)
        return {
            "study": self.name,
            "error": self.error,
            "states": self.states,
            "seconds_left": self.left,
            "running": self.running,
            **self.report.facts(),
        }


class LiveStudies:
    """All studies of a folder; safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._studies: dict[str, LiveStudy] = {}

    def names(self) -> list[str]:
        """Return the studies of the folder; those that lead out of it are left out."""
        try:
            names = studies(self.root)
        except GatekitError:
            return []
        return [
            name
            for name in names
            if printable(name) == name and inside(self.root / name, self.root)
        ]

    def overview(self) -> dict[str, object]:
        """Return all studies, those with running runs first."""
        found = [self.study(name) for name in self.names()]
        summaries = [one for one in found if one is not None]
        summaries.sort(key=lambda one: (not one["running"], one["study"]))
        return {"root": printable(str(self.root)), "studies": summaries}

    def study(self, name: str) -> dict[str, object] | None:
        """Return the progress of a study; None if there is no such study."""
        if name not in self.names():
            return None
        with self._lock:
            study = self._study(name)
            study.look()
            return study.progress()

    def report(self, name: str) -> LiveReport | None:
        """Return the report of a study, which may not be written yet; None without the study."""
        if name not in self.names():
            return None
        with self._lock:
            report = self._study(name).report
        report.wanted = True
        return report

    def _study(self, name: str) -> LiveStudy:
        return self._studies.setdefault(name, LiveStudy(name, self.root))


def _same(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> bool:
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))


def _place(run: RunRecord) -> dict[str, object]:
    """Return where a run is running: machine, process, device."""
    reader = RunReader(run.path)
    host, pid = reader.owner() or (None, None)
    return {"host": _shown(host), "pid": pid, "device": _device(reader.environment())}


def _device(environment: Mapping[str, object]) -> str | None:
    if not environment:
        return None
    models, visible = environment.get("gpu"), environment.get("visible_gpus")
    if not models or not isinstance(models, list):
        return "CPU"
    named = f"GPU {visible}" if isinstance(visible, str) else f"GPU {models[0]}"
    return _shown(named, 60)


def _shown(text: object, most: int = 200) -> str | None:
    """Return a string of a run's files as a label of bounded length."""
    return printable(text[:most]) if isinstance(text, str) else None

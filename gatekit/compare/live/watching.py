"""Follow the studies of a folder while a page is open: states, progress, curves.

Nothing is read between requests. For a run that has not changed, only the dates of its files are
checked; for a run in progress, only the new lines of its ``metrics.jsonl`` are read.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from gatekit.cell.errors import GatekitError
from gatekit.cell.terminal import printable
from gatekit.compare.grouping.group import group_runs
from gatekit.compare.study import Study, inside, load, studies
from gatekit.runs.metrics import MetricLine
from gatekit.runs.record import KeptRuns, RunRecord
from gatekit.runs.state import RunReader
from gatekit.study.launch.following import FollowedRun, seconds_left

MOST = 400
"""The most points of a curve; a longer one keeps every second point, then every fourth, ..."""


class LiveCurve:
    """Points (epoch, value) in the order in which they were added, each with a revision.

    Attributes:
        began: the revision from which on all points must be sent again.
    """

    def __init__(self) -> None:
        self.clear(0)

    def __len__(self) -> int:
        return len(self._epochs)

    def clear(self, revision: int) -> None:
        """Remove all points."""
        self.began = revision
        self._epochs, self._revisions, self._values = array("q"), array("q"), array("d")
        self._every, self._count = 1, 0

    def add(self, points: Sequence[tuple[int, float]], revision: int) -> None:
        """Append points; a long curve keeps only evenly spaced ones."""
        for epoch, value in points:
            self._count += 1
            if (self._count - 1) % self._every:
                continue
            self._epochs.append(max(-(2**62), min(epoch, 2**62)))
            self._values.append(value)
            self._revisions.append(revision)
            if len(self._epochs) > MOST:
                self._every *= 2
                self.began = revision
                self._epochs, self._revisions = self._epochs[::2], self._revisions[::2]
                self._values = self._values[::2]

    def since(self, revision: int) -> tuple[bool, list[list[float]]]:
        """Return whether a reader must begin again, and the points that it does not have.

        Args:
            revision: the latest revision that the reader has seen.
        """
        again = self.began > revision
        first = 0 if again else bisect_right(self._revisions, revision)
        pairs = zip(self._epochs[first:], self._values[first:], strict=True)
        return again, [[epoch, float(f"{value:.6g}")] for epoch, value in pairs]


REST = 10
"""After reading a study, wait this many times as long as it took, but at least `LEAST`."""

LEAST = 1.0
"""The fewest seconds between two reads of a study, however many pages are open."""

SPARK = 30
"""The most points of the small curves of the overview."""


class _LiveRun:
    """One run: the facts that the page shows, and the revision in which they last changed."""

    def __init__(self, run: RunRecord) -> None:
        self.run = run
        self.following = FollowedRun(run.path, run.config)
        self.curve = LiveCurve()
        self.facts: dict[str, object] = {}
        self.changed = 0
        self.place: dict[str, object] = {}
        self.read_as: RunRecord | None = None
        self.described_as: RunRecord | None = None

    def read(self, revision: int) -> None:
        """Read new lines; a run that has ended is read to its end once."""
        if self.read_as is self.run:
            return
        while True:
            restarts = self.following.tail.restarts
            lines = self.following.update()
            if self.following.tail.restarts != restarts:
                self.curve.clear(revision)
            self.curve.add(_points(lines, self.following.metric), revision)
            if self.run.state == "RUNNING" or not lines:
                break
        if self.run.state != "RUNNING":
            self.read_as = self.run


class LiveStudy:
    """One study.

    Args:
        name: a name that `gatekit.compare.study.studies` has returned.
        root: the folder that contains the studies.
    """

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        self.error: str | None = None
        self.states: dict[str, int] = {}
        self.left: float | None = None
        self.revision = self.began = 0
        self._kept = KeptRuns()
        self._study: Study | None = None
        self._runs: dict[tuple[str, str], _LiveRun] = {}
        self._labels: dict[tuple[str, str], str] = {}
        self._rests = 0.0
        self._whole = False

    def look(self, whole: bool) -> None:
        """Read what is new, unless the study was read a moment ago.

        Args:
            whole: whether to read the curves of all runs; otherwise only of running ones.
        """
        if time.monotonic() < self._rests and (self._whole or not whole):
            return
        began = time.monotonic()
        self._whole = self._whole or whole
        self.revision += 1
        try:
            self._look()
            self.error = None
        except GatekitError as error:
            self.error = printable(str(error))
        took = time.monotonic() - began
        self._rests = began + took + max(LEAST, REST * took)

    def _look(self) -> None:
        study = load(self.name, self.root, self._kept)
        if self._study is None or not _same(study.runs, self._study.runs):
            self._study = study
            self._take(study)
        for one in self._runs.values():
            if self._whole or one.run.state == "RUNNING":
                one.read(self.revision)
            self._describe(one)
        states = Counter(one.run.state for one in self._runs.values())
        states["PLANNED"] += len(study.planned)
        self.states = {state: count for state, count in sorted(states.items()) if count}
        running = [one.following for one in self._runs.values() if one.run.state == "RUNNING"]
        waiting = sum(states[state] for state in ("PLANNED", "INTERRUPTED", "LOST"))
        ended = [r.result.seconds for r in study.runs if r.result and r.result.seconds is not None]
        left = seconds_left(ended, running, waiting, len(running)) if running else None
        self.left = None if left is None else round(left, 1)

    def _take(self, study: Study) -> None:
        """Update the runs and their labels, which depend on all runs."""
        labels: dict[tuple[str, str], str] = {}
        for group in group_runs(study.every).groups:
            for run in (*group.runs, *group.missing):
                labels[_key(run)] = group.label
        self._labels = labels
        present = {_key(run): run for run in study.runs}
        if self._runs.keys() - present.keys():
            self.began = self.revision
        self._runs = {key: self._runs.get(key) or _LiveRun(run) for key, run in present.items()}
        for key, run in present.items():
            self._runs[key].run = run

    def _describe(self, one: _LiveRun) -> None:
        run, known = one.run, one.facts
        label = _shown(self._labels.get(_key(run)) or run.id)
        if one.read_as is one.described_as is run and known["label"] == label:
            return
        one.described_as = one.read_as
        if run.state != "RUNNING":
            one.place = {}
        elif not one.place or known.get("state") != "RUNNING":
            one.place = _place(run)
        facts = {
            "id": run.id,
            "origin": _shown(run.origin),
            "label": label,
            "seed": run.seed,
            "state": run.state,
            "stale": run.stale is not None,
            "reason": _shown(run.reason, 300),
            "task": _shown(one.following.task) or "",
            **one.following.facts(),
            **one.place,
        }
        facts["metric"] = _shown(facts["metric"])
        if run.state != "RUNNING":
            facts["phase"] = facts["seconds_left"] = None
        if facts != known or (one.curve and one.curve.since(self.revision - 1)[1]):
            one.facts, one.changed = facts, self.revision

    def summary(self) -> dict[str, object]:
        """Return the study in a few numbers, with its running runs."""
        running = [one for one in self._runs.values() if one.run.state == "RUNNING"]
        shown = [one.facts | {"points": _few(one.curve.since(-1)[1])} for one in running]
        return self._head() | {"running": shown}

    def changes(self, since: int) -> dict[str, object]:
        """Return the runs that have changed after a revision, each with its new points.

        ``full`` is true if the reader must discard all earlier answers; ``again`` is true if it
        must discard the points of one run.
        """
        full = since < self.began or since <= 0
        since = -1 if full else since
        runs = []
        for one in self._runs.values():
            if one.changed > since:
                again, points = one.curve.since(since)
                runs.append(one.facts | {"again": again or full, "points": points})
        return self._head() | {"full": full, "runs": runs}

    def _head(self) -> dict[str, object]:
        return {
            "study": self.name,
            "error": self.error,
            "states": self.states,
            "seconds_left": self.left,
        }


class LiveStudies:
    """All studies of a folder; safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._studies: dict[str, LiveStudy] = {}
        # A page that outlives the server must not take a new server's revisions for the old ones.
        self._id = secrets.token_hex(4)

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
        with self._lock:
            summaries = []
            for name in self.names():
                study = self._study(name)
                study.look(whole=False)
                summaries.append(study.summary())
        summaries.sort(key=lambda one: (not one["running"], one["study"]))
        return {"root": printable(str(self.root)), "studies": summaries}

    def study(self, name: str, since: str = "") -> dict[str, object] | None:
        """Return what has changed in a study, None if there is no such study.

        Args:
            name: the study.
            since: the ``revision`` of an earlier answer; any other string means everything.
        """
        if name not in self.names():
            return None
        own, _, number = since.partition("-")
        known = own == self._id and number.isascii() and number.isdecimal() and len(number) < 16
        seen = int(number) if known else 0
        with self._lock:
            study = self._study(name)
            study.look(whole=True)
            seen = seen if seen <= study.revision else 0
            return study.changes(seen) | {"revision": f"{self._id}-{study.revision}"}

    def _study(self, name: str) -> LiveStudy:
        return self._studies.setdefault(name, LiveStudy(name, self.root))


def _key(run: RunRecord) -> tuple[str, str]:
    return run.id, run.origin or ""


def _same(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> bool:
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))


def _points(lines: Sequence[MetricLine], metric: str) -> list[tuple[int, float]]:
    return [
        (line.epoch, line.value)
        for line in lines
        if line.split == "validation" and line.metric == metric and line.value is not None
    ]


def _few(points: Sequence[object]) -> list[object]:
    """Return evenly spaced points, including the last one."""
    step = math.ceil(len(points) / SPARK) or 1
    return [*points[:-1:step], *points[-1:]]


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

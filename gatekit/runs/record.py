"""Read one run folder, whether it is complete, unfinished or damaged."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.cell.calls import no_attribute
from gatekit.cell.errors import RunError, as_typed
from gatekit.cell.notebook import table

from . import durable, metrics
from .config import ConfigReader
from .names import ATTEMPTS, CONFIG, METRICS, RESULT, STALE, STATUS, is_id
from .result import OUTCOMES, OWN, Result, State, result_of
from .state import RunReader

_MOST = {".jsonl": metrics.MOST, ".npz": sys.maxsize}
# Weights are not checked here, because hashing those of 10,000 runs would take minutes.
_WATCHED = (CONFIG, RESULT, METRICS, STATUS, STALE, ATTEMPTS)
# Scores in the result are computed from logged metrics, so they agree up to rounding.
_AGREEMENT = 1e-4


@dataclass(frozen=True, slots=True, repr=False)
class RunRecord:
    """A run, read from its folder.

    ``config`` is None if the configuration cannot be trusted; ``result`` is None unless the state
    is COMPLETED or DIVERGED; ``reason`` describes the damage, if any; ``origin`` names the bundle
    that the run was imported from, None for your own runs; ``stale`` is the reason why a later
    command has outdated the run.
    """

    id: str
    path: Path
    state: str
    reason: str | None
    config: Mapping[str, Any] | None
    result: Result | None
    origin: str | None = None
    stale: str | None = None

    if not TYPE_CHECKING:  # otherwise a type checker would allow every attribute
        __getattr__ = no_attribute

    @property
    def seed(self) -> int | None:
        """Return the seed, or None if the run has none."""
        value = (self.config or {}).get("seed")
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def counts(self) -> bool:
        """Return whether the run has an outcome."""
        return self.state in OUTCOMES

    def __repr__(self) -> str:
        parts = [f"{self.id}: {self.state}", self._what(), f"seed {self.seed}", self._score()]
        return f"<Run {', '.join(part for part in parts if part)}>"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [
            ("state", self.state),
            ("reason", self.reason),
            ("seed", self.seed),
        ]
        if self.result is not None:
            rows += [("result", self._score()), ("parameters", self.result.parameters)]
            rows += [("note", note) for note in self.result.notes]
        # A cell is too large for a row, so only its name is shown; `config` has its settings.
        settings = dict(self.config or {})
        rows += [(key, _name(settings[key])) for key in ("cell", "task") if settings.get(key)]
        rows += [
            (f"{group}.{key}", as_typed(value))
            for group in ("swap", "task", "optimizer", "trainer")
            for key, value in _entries(settings.get(group))
            if value is not None and key != "name"
        ]
        rows += [
            (key, value)
            for key, value in sorted(settings.items())
            if isinstance(value, str | int | float) and key not in ("seed", "cell", "task", "study")
        ]
        rows.append(("folder", self.path))
        return table([row for row in rows if row[1] is not None], title=f"run {self.id}")

    def _what(self) -> str:
        config = self.config or {}
        units = f"{config['units']} units" if isinstance(config.get("units"), int) else ""
        named = [_name(config[key]) for key in ("cell", "task") if config.get(key)]
        return ", ".join(part for part in (" on ".join(named), units) if part)

    def _score(self) -> str:
        if self.result is None or self.result.best is None:
            return ""
        best = self.result.best
        split = self.result.split or "validation"
        value = best.on(split)
        shown = "unknown" if value is None else f"{value:.4g}"
        return f"{split} {self.result.metric.name} {shown} at epoch {best.epoch}"


def _name(part: object) -> str:
    return str(part.get("name", part.get("kind", ""))) if isinstance(part, Mapping) else str(part)


def _entries(group: object) -> list[tuple[str, Any]]:
    return list(group.items()) if isinstance(group, Mapping) else []


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run: its name is a fingerprint, or it has the files of a run."""
    return is_id(folder.name) or all(os.path.isfile(folder / name) for name in (CONFIG, STATUS))


def read_run(folder: Path, configs: ConfigReader, origin: str | None = None) -> RunRecord:
    """Read one run folder.

    Args:
        folder: the folder.
        configs: the reader for its configuration.
        origin: where the run was imported from.

    Raises:
        RunError: the run was written by a newer gatekit.
    """
    contents = {RESULT: read_bytes(folder / RESULT), CONFIG: read_bytes(folder / CONFIG)}
    # Metrics are only compared with a result, which a run in progress does not have.
    if contents[RESULT] is not None:
        contents[METRICS] = read_bytes(folder / METRICS)
    config, damage = _config(folder / CONFIG, contents[CONFIG], configs)
    reader = RunReader(folder, contents)
    state = reader.state()
    if state.newer:
        raise RunError(f"run {folder.name}: {state.reason}")
    if state.name is State.CORRUPT:
        damage = damage or state.reason or f"{STATUS} records it"
    result: Result | None = None
    if state.record:
        try:
            result = result_of(state.record)
        except ValueError as error:
            damage = damage or f"{RESULT}: {error}"
        else:
            damage = damage or _contradiction(folder, result, contents.get(METRICS) or b"")
    name = folder.name
    if result is not None and not is_id(name):
        name = result.fingerprint
    if damage is not None:
        trusted = None if damage.startswith(CONFIG) else config
        return RunRecord(name, folder, State.CORRUPT, damage, trusted, None, origin)
    return RunRecord(name, folder, state.name, state.reason, config, result, origin, reader.stale())


class KeptRuns:
    """A cache of runs: a folder that has not changed is not read again."""

    def __init__(self) -> None:
        self.configs = ConfigReader()
        self._runs: dict[Path, tuple[object, RunRecord]] = {}

    def read(self, folder: Path, origin: str | None = None) -> RunRecord:
        """Return a run as `read_run` does; the same object if it has not changed.

        Args:
            folder: the folder.
            origin: where the run was imported from.

        Raises:
            RunError: the run was written by a newer gatekit.
        """
        now = stamp(folder)
        before = self._runs.get(folder)
        # No file records that the process of a run has died.
        if before is not None and before[0] == now and before[1].state != "RUNNING":
            return before[1]
        run = read_run(folder, self.configs, origin)
        if before is not None and before[1] == run:
            run = before[1]
        self._runs[folder] = (now, run)
        return run


def stamp(folder: Path) -> tuple[tuple[int, int, int] | None, ...]:
    """Return inode, size and date of the files that `read_run` reads; they change with the run."""
    stamps: list[tuple[int, int, int] | None] = []
    for name in _WATCHED:
        try:
            info = os.stat(f"{folder}/{name}")
        except OSError:
            stamps.append(None)
        else:
            stamps.append((info.st_ino, info.st_size, info.st_mtime_ns))
    return tuple(stamps)


def contradiction(folder: Path, record: Mapping[str, object]) -> str | None:
    """Return why a result cannot be trusted although its files are intact; None if it can.

    Args:
        folder: the run's folder.
        record: the content of result.json.
    """
    try:
        result = result_of(record)
    except ValueError as error:
        return f"{RESULT}: {error}"
    return _contradiction(folder, result, read_bytes(folder / METRICS) or b"")


def read_bytes(path: Path) -> bytes | None:
    """Return the content of a regular file of a run, None if it cannot be read."""
    try:
        return durable.read(path, _MOST.get(path.suffix, durable.MOST))
    except OSError:
        return None


def _config(
    path: Path, data: bytes | None, configs: ConfigReader
) -> tuple[Mapping[str, Any] | None, str | None]:
    if data is None:
        return None, f"{CONFIG} cannot be read: {durable.fault(path)}"
    try:
        return configs.read(data), None
    except ValueError as error:
        return None, f"{CONFIG}: {error}"


def _contradiction(folder: Path, result: Result, logged: bytes) -> str | None:
    if is_id(folder.name) and result.fingerprint != folder.name:
        return f"{RESULT} belongs to run {result.fingerprint}"
    for score in (result.best, result.last):
        if score is None or score.validation is None:
            continue
        lines = _lines_of(logged, result.metric.name, score.epoch)
        # A resumed run repeats the epochs after its checkpoint, so the last line of an epoch is
        # valid. Your own script may score an epoch several times, and any score may be the best.
        values = [line.value for line in (lines if result.executor == OWN else islice(lines, 1))]
        agree = (v is not None and _close(v, score.validation) for v in values)
        if values and not any(agree):
            return (
                f"{RESULT} and {METRICS} disagree on validation {result.metric.name}"
                f" at epoch {score.epoch}: {score.validation} and {values[0]}"
            )
    return None


def _close(logged: float, computed: float) -> bool:
    return math.isclose(logged, computed, rel_tol=_AGREEMENT)


def _lines_of(logged: bytes, metric: str, epoch: int) -> Iterator[metrics.MetricLine]:
    """Yield the lines with a validation score of an epoch, the last line first."""
    for needle in (b'"epoch": %d,' % epoch, b'"epoch":%d,' % epoch):
        position = logged.rfind(needle)
        while position >= 0:
            start, end = logged.rfind(b"\n", 0, position) + 1, logged.find(b"\n", position)
            raw = logged[start : end if end >= 0 else None]
            if b'"validation"' in raw:
                for line in reversed(metrics.parse(raw).lines):
                    if (line.split, line.metric, line.epoch) == ("validation", metric, epoch):
                        yield line
            position = logged.rfind(needle, 0, start)

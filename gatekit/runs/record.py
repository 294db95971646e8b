"""One run folder, read as it is found: complete, unfinished, or damaged."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekit.cell.errors import RunError

from . import durable
from .config import ConfigReader
from .folder import RunFolder
from .metric_lines import MetricLine, read_metrics
from .metrics import MOST as MOST_METRICS
from .result import OUTCOMES, NewerError, altered
from .result_numbers import Result, Score, read_result

_MOST = {".jsonl": MOST_METRICS, ".npz": sys.maxsize}
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_FILES = ("config.yaml", "result.json", "metrics.jsonl")
# The metrics hold what was logged, the result what was computed from it: they agree up to rounding.
_AGREEMENT = 1e-4


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its folder tells it.

    ``config`` is None where the configuration cannot be trusted; ``result`` is None unless the
    state is COMPLETED or DIVERGED; ``reason`` says in words what is damaged; ``origin`` names the
    bundle that the run was imported from, None for one's own; ``stale`` says why a later command
    has outdated the run.
    """

    id: str
    path: Path
    state: str
    reason: str | None
    config: Mapping[str, Any] | None
    result: Result | None
    origin: str | None = None
    stale: str | None = None

    @property
    def seed(self) -> int | None:
        """Return the seed, or None where the run has none."""
        value = (self.config or {}).get("seed")
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def counts(self) -> bool:
        """Return whether the run came to an outcome."""
        return self.state in OUTCOMES


def is_run(folder: Path) -> bool:
    """Return whether a folder holds a run: a fingerprint as its name, or the files of one."""
    if _FINGERPRINT.fullmatch(folder.name):
        return True
    return all(os.path.isfile(folder / name) for name in ("config.yaml", "status.json"))


def read_run(folder: Path, configs: ConfigReader, origin: str | None = None) -> Run:
    """Read one run folder.

    Args:
        folder: the folder.
        configs: reads its configuration.
        origin: where the run was imported from.

    Raises:
        RunError: the run was written by a newer gatekit.
    """
    texts = {name: read_bytes(folder / name) for name in _FILES}
    config, trouble = _config(folder / "config.yaml", texts["config.yaml"], configs)
    result: Result | None = None
    if texts["result.json"] is not None:
        try:
            result = read_result(texts["result.json"])
        except NewerError as error:
            raise RunError(f"run {folder.name}: {error}") from None
        except ValueError as error:
            trouble = trouble or f"result.json: {error}"
        if result is not None:
            trouble = trouble or _altered(folder, result, texts)
            trouble = trouble or _contradiction(folder, result, texts)
    name = folder.name
    if result is not None and not _FINGERPRINT.fullmatch(name):
        name = result.fingerprint
    state, reason = _state(folder, result)
    if state == "CORRUPT":
        trouble = trouble or reason
    if trouble is not None:
        trusted = None if trouble.startswith("config.yaml") else config
        return Run(name, folder, "CORRUPT", trouble, trusted, None, origin)
    return Run(name, folder, state, reason, config, result, origin, RunFolder(folder).stale())


def _state(folder: Path, result: Result | None) -> tuple[str, str | None]:
    if result is None:
        found = RunFolder(folder).state()
        return found.name, found.reason
    status = durable.read_object(folder / "status.json")
    if status.get("state") == "CORRUPT":
        return "CORRUPT", str(status.get("reason") or "status.json says so")
    return result.state, result.reason


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
        return None, f"config.yaml cannot be read: {durable.fault(path)}"
    try:
        return configs.read(data), None
    except ValueError as error:
        return None, f"config.yaml: {error}"


def _contradiction(folder: Path, result: Result, texts: Mapping[str, bytes | None]) -> str | None:
    if _FINGERPRINT.fullmatch(folder.name) and result.fingerprint != folder.name:
        return f"result.json belongs to run {result.fingerprint}"
    for score in (result.best, result.last):
        logged = _logged(texts["metrics.jsonl"] or b"", result.metric.name, score)
        if logged is not None and score is not None and score.validation is not None:
            value = logged.value
            if value is None or not math.isclose(value, score.validation, rel_tol=_AGREEMENT):
                return (
                    f"result.json and metrics.jsonl disagree on validation {result.metric.name}"
                    f" at epoch {score.epoch}: {score.validation} and {value}"
                )
    return None


def _logged(metrics: bytes, metric: str, score: Score | None) -> MetricLine | None:
    if score is None:
        return None
    # A resumed run repeats the epochs after its checkpoint: the last line of an epoch is valid.
    for needle in (b'"epoch": %d,' % score.epoch, b'"epoch":%d,' % score.epoch):
        found = metrics.rfind(needle)
        while found >= 0:
            start, end = metrics.rfind(b"\n", 0, found) + 1, metrics.find(b"\n", found)
            raw = metrics[start : end if end >= 0 else None]
            if b'"validation"' in raw:
                for line in reversed(read_metrics(raw).lines):
                    if (line.split, line.metric, line.epoch) == ("validation", metric, score.epoch):
                        return line
            found = metrics.rfind(needle, 0, start)
    return None


def _altered(folder: Path, result: Result, texts: Mapping[str, bytes | None]) -> str | None:
    # The weights are left to `gatekit train`: to hash those of 10,000 runs would take minutes.
    for name in ("config.yaml", "metrics.jsonl"):
        data = texts[name]
        if data is None and name in result.files:
            return f"{name} cannot be read: {durable.fault(folder / name)}"
        if data is not None and altered(result.files, name, data):
            lost = read_metrics(data).damage() if name == "metrics.jsonl" else None
            return lost or f"{name} was altered after the run (its sha256 differs)"
    return None

"""A run is a folder with one writer: claimed, written, completed by one last file."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gatekit.cell.errors import RunError

from . import files, metrics, probe_lines
from .checkpoint import Checkpoint, DamagedError, pack, unpack
from .process import born, living

SCHEMA = 1
FILES = (
    "config.yaml",
    "env.json",
    "status.json",
    "metrics.jsonl",
    "result.json",
    "log.txt",
    "weights.npz",
    "probe.jsonl",
    "probe.npz",
    "checkpoint.bin",
    "beat",
)
BEAT = "beat"
"""Grows by a line as long as the writer lives (`gatekit.study.beat`)."""

CONTINUED = ("metrics.jsonl", "weights.npz", "probe.jsonl", "checkpoint.bin")
"""What stays where it is when a new attempt goes on from a checkpoint."""

HASHED = ("config.yaml", "env.json", "metrics.jsonl", "weights.npz")
OUTCOMES = ("COMPLETED", "DIVERGED")
OVER = (*OUTCOMES, "FAILED", "INTERRUPTED")
STATES = (*OVER, "PLANNED", "RUNNING", "LOST", "CORRUPT")


class ClaimedError(RunError):
    """Another process works on this run, or has taken it over, or it is complete."""


@dataclass(frozen=True)
class State:
    """What a folder says about its run: a state of the contract, and the reason for it."""

    name: str
    reason: str | None = None
    attempt: int = 0


class RunFolder:
    """The files of one run.

    Args:
        path: ``ROOT/<study>/runs/<fingerprint>``; made by ``claim``.

    Attributes:
        attempt: the number of the attempt that this object has claimed, 0 before.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.attempt = 0

    # -- reading ------------------------------------------------------------------------------

    def state(self) -> State:
        """Return the state: complete only if result.json agrees with the files that it lists.

        A status.json that is there and is none is damage: it is only ever replaced as a whole.
        """
        if (self.path / "result.json").exists():
            try:
                result = self.result()
            except RunError as error:
                return State("CORRUPT", str(error), self._latest())
            return State(result["state"], result.get("reason"), self._latest())
        attempt = self._latest()
        status = self._json("status.json")
        damaged = (self.path / "status.json").exists() and (status or {}).get("state") not in STATES
        if damaged and not self._alive(attempt):
            return State("CORRUPT", "status.json names no state", attempt)
        said = status or {}
        if attempt and said.get("attempt") != attempt:
            said = {}
        if said.get("state") in OUTCOMES:
            return State("CORRUPT", "result.json is missing from a finished run", attempt)
        if not attempt:
            return State(said.get("state", "PLANNED"), said.get("reason"))
        if said.get("state") in OVER:
            return State(said["state"], said.get("reason"), attempt)
        if self._alive(attempt):
            return State("RUNNING", None, attempt)
        return State("LOST", "its process is gone without a word", attempt)

    def result(self) -> dict[str, Any]:
        """Return result.json after checking it and the files that it lists.

        Raises:
            RunError: the file is not JSON, is of a newer format, or a listed file differs.
        """
        path = self.path / "result.json"
        result = self._json("result.json")
        if result is None or result.get("state") not in OUTCOMES:
            raise RunError(f"{path} is damaged: it is not the JSON of a finished run.")
        if result.get("schema") != SCHEMA:
            raise RunError(
                f"{path} has format {result.get('schema')!r}; this gatekit reads format {SCHEMA}. "
                "Type pip install --upgrade gatekit."
            )
        for name, digest in dict(result.get("files", {})).items():
            file = self.path / name
            if name not in HASHED or not file.is_file() or files.sha256(file) != digest:
                raise RunError(f"{file} is not the file that result.json was written for.")
        return result

    def log_tail(self, lines: int = 12) -> list[str]:
        """Return the last lines of log.txt."""
        path = self.path / "log.txt"
        if not path.is_file():
            return []
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
        return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()][-lines:]

    # -- writing ------------------------------------------------------------------------------

    def claim(self) -> int:
        """Become the only writer, as a new attempt; files of an earlier one move to attempts/<n>.

        Where there is a checkpoint, it stays, with the metrics and weights that belong to it.

        Returns:
            The attempt's number, from 1.

        Raises:
            ClaimedError: the run is complete, or a living process holds it.
            RunError: the folder cannot be written.
        """
        try:
            files.folder(self.path / "attempts")
            latest = self._latest()
            state = self.state()
            if state.name in OUTCOMES:
                raise ClaimedError(f"{self.path} is {state.name} already; nothing was run.")
            if newer(self._json("result.json")):
                # Made again it would only be moved aside by a gatekit that cannot judge it.
                raise RunError(str(state.reason))
            if state.name == "RUNNING":
                owner = self._owner(latest) or {}
                raise ClaimedError(
                    f"{self.path} is being worked on by process {owner.get('pid')} on "
                    f"{owner.get('host')}. If that machine is gone for good, gatekit train takes "
                    f"the run over by itself; for any other script delete {self._claim(latest)}."
                )
            owner = {
                "attempt": latest + 1,
                "pid": os.getpid(),
                "host": platform.node(),
                "born": born(os.getpid()),
            }
            if not files.create(self._claim(latest + 1), json.dumps(owner)):
                raise ClaimedError(f"{self.path} was claimed by another process a moment ago.")
            self.attempt = latest + 1
            files.sweep(self.path)
            kept = CONTINUED if (self.path / "checkpoint.bin").exists() else ()
            self._put_away(latest, [name for name in FILES if name not in kept])
        except OSError as error:
            raise RunError(files.trouble(error, self.path)) from error
        self.status("RUNNING")
        return self.attempt

    def replaced(self) -> bool:
        """Return whether a later attempt has claimed the run, because this one seemed gone."""
        return self.attempt > 0 and self._claim(self.attempt + 1).exists()

    def lost(self, attempt: int, reason: str) -> None:
        """Write down that the process of an attempt is gone; a later one is not concerned."""
        # INTERRUPTED, not LOST: of another machine's process only who waited for it knows the end.
        self.status("INTERRUPTED", f"LOST: {reason}", attempt)

    def status(self, state: str, reason: str | None = None, attempt: int | None = None) -> None:
        """Write status.json as a whole, of an attempt: by default its own, or the latest.

        Raises:
            ClaimedError: a later attempt has taken the run over; so with all that is written.
        """
        record = {
            "state": state,
            "attempt": attempt or self.attempt or self._latest(),
            "pid": os.getpid(),
            "host": platform.node(),
            "reason": reason,
            "updated": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        self._write("status.json", json.dumps(record, indent=1) + "\n")

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.yaml."""
        text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100)
        self._write("config.yaml", text)

    def write_env(self, env: Mapping[str, Any]) -> None:
        """Write env.json."""
        self._write("env.json", json.dumps(dict(env), indent=1) + "\n")

    def write_weights(self, data: bytes) -> None:
        """Write weights.npz, given as the bytes of the archive."""
        self._write("weights.npz", data)

    def log(self, record: Mapping[str, Any]) -> None:
        """Append one record to metrics.jsonl."""
        self._own()
        metrics.append(self.path / "metrics.jsonl", record)

    def log_probe(self, record: Mapping[str, Any]) -> None:
        """Append what a probe found in one epoch to probe.jsonl."""
        self._own()
        files.append(self.path / "probe.jsonl", probe_lines.line(record))

    def write_activations(self, data: bytes) -> None:
        """Write probe.npz, given as the bytes of the archive."""
        self._write("probe.npz", data)

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write checkpoint.bin, with how far metrics.jsonl and probe.jsonl belong to it."""
        path = self.path / "metrics.jsonl"
        size = _size(path)
        digest = files.sha256(path, size) if size else None
        told = {"bytes": size, "sha256": digest}
        probe = {"bytes": _size(self.path / "probe.jsonl")}
        position = {**checkpoint.position, "metrics": told, "probe": probe}
        complete = Checkpoint(checkpoint.arrays, position, checkpoint.made_with)
        self._write("checkpoint.bin", pack(complete))

    def checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint that an earlier attempt left, None where there is none.

        Raises:
            DamagedError: it, or the part of metrics.jsonl that belongs to it, is not as written.
        """
        path, metrics_file = self.path / "checkpoint.bin", self.path / "metrics.jsonl"
        if not path.exists():
            return None
        found = unpack(path.read_bytes())
        size, digest = (found.position["metrics"][key] for key in ("bytes", "sha256"))
        if size and (not metrics_file.exists() or files.sha256(metrics_file, size) != digest):
            raise DamagedError("the lines of metrics.jsonl that belong to it have changed")
        return found

    def go_back(self, checkpoint: Checkpoint) -> None:
        """Cut metrics.jsonl and probe.jsonl to what stood there when the checkpoint was made."""
        for key in ("metrics", "probe"):
            path = self.path / f"{key}.jsonl"
            size = checkpoint.position.get(key, {"bytes": 0})["bytes"]
            if _size(path) > size:
                files.truncate(path, size)

    def set_aside(self) -> None:
        """Move a checkpoint that is of no use, and what belongs to it, to the earlier attempt."""
        self._put_away(self.attempt - 1, CONTINUED)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Complete the run: result.json, with the hash of each other file, is written last.

        The checkpoint goes when the result stands.
        """
        hashed = {n: files.sha256(self.path / n) for n in HASHED if (self.path / n).is_file()}
        record = {"schema": SCHEMA, **result, "files": hashed}
        self._write("result.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
        # The result stands: what fails from here on takes nothing from it.
        with contextlib.suppress(OSError):
            files.remove(self.path / "checkpoint.bin")
        with contextlib.suppress(OSError):
            self.status(str(result["state"]), result.get("reason"))

    def _write(self, name: str, data: bytes | str) -> None:
        self._own()
        files.write(self.path / name, data)

    def _own(self) -> None:
        if self.replaced():
            raise ClaimedError(f"{self.path} was taken over: this process seemed gone.")

    # -- claims -------------------------------------------------------------------------------

    def owner(self) -> tuple[str, int] | None:
        """Return machine and process id of the latest claim."""
        owner = self._owner(self._latest())
        return None if owner is None else (str(owner["host"]), int(owner["pid"]))

    def _claim(self, attempt: int) -> Path:
        return self.path / "attempts" / f"{attempt}.claim"

    def _latest(self) -> int:
        numbers = [0]
        with contextlib.suppress(OSError):
            for name in os.listdir(self.path / "attempts"):
                stem, _, kind = name.partition(".")
                if stem.isdecimal() and kind in ("", "claim"):
                    numbers.append(int(stem))
        return max(numbers)

    def _owner(self, attempt: int) -> dict[str, Any] | None:
        return self._json(f"attempts/{attempt}.claim")

    def _alive(self, attempt: int) -> bool:
        owner = self._owner(attempt)
        if owner is None:
            return False
        if owner.get("host") != platform.node():
            return True
        pid = owner.get("pid")
        return isinstance(pid, int) and living(pid) and born(pid) == owner.get("born")

    def _put_away(self, attempt: int, names: Iterable[str]) -> None:
        found = [name for name in names if os.path.lexists(self.path / name)]
        kept = self.path / "attempts" / str(attempt)
        if found:
            files.folder(kept)
        for name in found:
            files.move(self.path / name, _free(kept / name))

    def _json(self, name: str) -> dict[str, Any] | None:
        try:
            data = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return data if isinstance(data, dict) else None


def newer(result: Mapping[str, Any] | None) -> bool:
    """Return whether a later gatekit has written this result."""
    schema = (result or {}).get("schema")
    return isinstance(schema, int) and schema > SCHEMA


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _free(path: Path) -> Path:
    taken = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    return next(p for p in itertools.chain([path], taken) if not os.path.lexists(p))

"""A run is a folder with one writer: claimed, written, completed by one last file."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gatekit.cell.errors import RunError

from . import durable, metrics
from .checkpoint import DIGITS, Checkpoint, DamagedError, is_digest, pack, unpack
from .probe import lines as probe_lines
from .process import Owner, born, living
from .result import HASHED, NewerError, altered, dumped, is_sealed, parsed
from .result import OUTCOMES as OUTCOMES

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
"""Grows by a line as long as the writer lives (`gatekit.runs.heartbeat`)."""

CONTINUED = ("metrics.jsonl", "weights.npz", "probe.jsonl", "checkpoint.bin")
"""What stays where it is when a new attempt goes on from a checkpoint."""

STALE = "stale.json"
"""Written beside the files of a run, never put away: which run outdates it, and why."""

SMALL = 256 * 2**10
"""The largest weights, in bytes, that a quick look at a run hashes."""

OVER = (*OUTCOMES, "FAILED", "INTERRUPTED")
STATES = (*OVER, "PLANNED", "RUNNING", "LOST", "CORRUPT")


class ClaimedError(RunError):
    """Another process works on this run, or has taken it over, or it is complete."""


class NoResultError(RunError):
    """The run has no result.json."""


@dataclass(frozen=True)
class State:
    """What a folder says about its run: a state of the contract, and the reason for it.

    Attributes:
        sealed: False for a result of an earlier gatekit, which has no hash of its own.
    """

    name: str
    reason: str | None = None
    attempt: int = 0
    sealed: bool = True


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

    def state(self, quick: bool = False) -> State:
        """Return the state: complete only if result.json agrees with the files that it lists.

        A status.json that names no state is damage: it is only ever replaced as a whole.

        Args:
            quick: whether weights larger than ``SMALL`` are compared by their size alone.
        """
        try:
            attempt = self._latest()
        except OSError as error:
            return State("CORRUPT", _unreadable(self.path / "attempts", error))
        try:
            record = self.result(quick)
        except NoResultError:
            return self._unfinished(attempt)
        except RunError as error:
            return State("CORRUPT", str(error), attempt)
        return State(record["state"], _text(record.get("reason")), attempt, is_sealed(record))

    def _unfinished(self, attempt: int) -> State:
        status = durable.read_object(self.path / "status.json")
        damaged = os.path.lexists(self.path / "status.json") and status.get("state") not in STATES
        if damaged and not self._alive(attempt):
            return State("CORRUPT", "status.json names no state", attempt)
        said = status if not attempt or status.get("attempt") == attempt else {}
        name, reason = said.get("state"), _text(said.get("reason"))
        if name in OUTCOMES:
            return State("CORRUPT", "result.json is missing from a finished run", attempt)
        if not attempt and name == "RUNNING" and self._told():
            return State("LOST", "no process claims it")
        if not attempt:
            return State(name or "PLANNED", reason)
        if name in OVER:
            return State(str(name), reason, attempt)
        if not self._alive(attempt):
            return State("LOST", "its process is gone without a word", attempt)
        unknown = self.owner() is None
        return State("RUNNING", self._unknown_owner(attempt) if unknown else None, attempt)

    def result(self, quick: bool = False) -> dict[str, Any]:
        """Return result.json after checking its seal and the files that it lists.

        Args:
            quick: whether weights larger than ``SMALL`` are compared by their size alone.

        Raises:
            NoResultError: there is no such file.
            RunError: the file is not a result, was altered, is of a newer format, or a listed
                file differs.
        """
        path = self.path / "result.json"
        try:
            record = parsed(durable.read(path))
        except NewerError as error:
            raise NewerError(f"{path}: {error}") from None
        except OSError as error:
            if durable.missing(error):
                raise NoResultError(f"{self.path} has no result.json.") from None
            raise RunError(_unreadable(path, error)) from None
        except ValueError as error:
            raise RunError(f"{path} is damaged: {error}.") from None
        for name in record["files"]:
            reason = self.differs(record, name, quick)
            if reason is not None:
                raise RunError(f"{self.path / name} {reason}.")
        return record

    def differs(self, record: Mapping[str, Any], name: str, quick: bool = False) -> str | None:
        """Return how a file differs from the one that a result was written for, None if not.

        Args:
            record: what `parsed` or `result` returned.
            name: a key of its ``files``.
            quick: as in `result`.
        """
        path, sizes = self.path / name, record.get("sizes") or {}
        try:
            with durable.opened(path) as file:
                size = os.fstat(file.fileno()).st_size
                if sizes.get(name, size) != size:
                    return f"has {size:,} bytes, and result.json was written for {sizes[name]:,}"
                if quick and name == "weights.npz" and size > SMALL:
                    return None
                digest = durable.digest(file, size)
        except OSError as error:
            return "is missing" if durable.missing(error) else f"cannot be read: {error.strerror}"
        different = altered(record["files"], name, digest)
        return "is not the file that result.json was written for" if different else None

    def stale(self) -> str | None:
        """Return why a later command has outdated the run, None if none has."""
        path = self.path / STALE
        if not os.path.lexists(path):
            return None
        because = durable.read_object(path).get("because")
        return because if isinstance(because, str) else "it is marked as outdated"

    def log_tail(self, lines: int = 12) -> list[str]:
        """Return the last lines of log.txt."""
        try:
            with durable.opened(self.path / "log.txt") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 16_384))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
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
            durable.folder(self.path / "attempts")
            # A process whose claim was deleted stops when it finds a later one.
            latest = max(self._latest(), self._told())
            state = self.state()
            if state.name in OUTCOMES:
                raise ClaimedError(f"{self.path} is {state.name} already; nothing was run.")
            self._refuse_newer()
            if state.name == "RUNNING":
                raise ClaimedError(self._claimed(latest))
            owner = {
                "attempt": latest + 1,
                "pid": os.getpid(),
                "host": platform.node(),
                "born": born(os.getpid()),
            }
            if not durable.create(self._claim(latest + 1), json.dumps(owner)):
                raise ClaimedError(f"{self.path} was claimed by another process a moment ago.")
            self.attempt = latest + 1
            durable.sweep(self.path)
            kept = CONTINUED if os.path.lexists(self.path / "checkpoint.bin") else ()
            self._put_away(latest, [name for name in FILES if name not in kept])
        except OSError as error:
            raise RunError(durable.trouble(error, self.path)) from error
        self.status("RUNNING")
        return self.attempt

    def replaced(self) -> bool:
        """Return whether a later attempt has claimed the run, because this one seemed gone."""
        return self.attempt > 0 and os.path.lexists(self._claim(self.attempt + 1))

    def lost(self, attempt: int, reason: str) -> None:
        """Write down that the process of an attempt is gone; a later one is not concerned."""
        # INTERRUPTED, not LOST: of another machine's process only who waited for it knows the end.
        if os.path.isdir(self.path / "status.json"):
            self._put_away(attempt, ["status.json"])
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
        durable.append(self.path / "probe.jsonl", probe_lines.line(record))

    def write_activations(self, data: bytes) -> None:
        """Write probe.npz, given as the bytes of the archive."""
        self._write("probe.npz", data)

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write checkpoint.bin, with how far metrics.jsonl and probe.jsonl belong to it."""
        path = self.path / "metrics.jsonl"
        size = _size(path)
        digest = durable.sha256(path, size) if size else None
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
        if not os.path.lexists(self.path / "checkpoint.bin"):
            return None
        for name in CONTINUED:
            if os.path.lexists(self.path / name) and not os.path.isfile(self.path / name):
                raise DamagedError(f"{name} is not a regular file")
        path = self.path / "checkpoint.bin"
        with durable.opened(path) as file:
            if not is_digest(file.read(DIGITS)):
                raise DamagedError("it does not begin with its check sum")
        found = unpack(durable.read(path, sys.maxsize))
        size, digest = (found.position["metrics"][key] for key in ("bytes", "sha256"))
        path = self.path / "metrics.jsonl"
        if size and (not path.exists() or durable.sha256(path, size) != digest):
            raise DamagedError("the lines of metrics.jsonl that belong to it have changed")
        return found

    def go_back(self, checkpoint: Checkpoint) -> None:
        """Cut metrics.jsonl and probe.jsonl to what stood there when the checkpoint was made."""
        for key in ("metrics", "probe"):
            path = self.path / f"{key}.jsonl"
            size = checkpoint.position.get(key, {"bytes": 0})["bytes"]
            if _size(path) > size:
                durable.truncate(path, size)

    def set_aside(self) -> None:
        """Move a checkpoint that is of no use, and what belongs to it, to the earlier attempt."""
        self._put_away(self.attempt - 1, CONTINUED)

    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Complete the run: result.json, with the hash of each other file, is written last.

        The checkpoint goes when the result stands.
        """
        there = [name for name in HASHED if (self.path / name).is_file()]
        hashed = {name: durable.sha256(self.path / name) for name in there}
        sizes = {name: _size(self.path / name) for name in there}
        record = dumped({**outcome, "files": hashed, "sizes": sizes})
        self._write("result.json", record)
        # The result stands: what fails from here on takes nothing from it.
        with contextlib.suppress(OSError):
            durable.remove(self.path / "checkpoint.bin")
        with contextlib.suppress(OSError):
            self.status(str(outcome["state"]), outcome.get("reason"))

    def _write(self, name: str, data: bytes | str) -> None:
        self._own()
        durable.write(self.path / name, data)

    def _own(self) -> None:
        if self.replaced():
            raise ClaimedError(f"{self.path} was taken over: this process seemed gone.")

    # -- claims -------------------------------------------------------------------------------

    def owner(self) -> tuple[str, int] | None:
        """Return machine and process id of the latest claim, None if it cannot be read."""
        owner = self._owner(self._latest())
        return None if owner is None else (owner.host, owner.pid)

    def _claim(self, attempt: int) -> Path:
        return self.path / "attempts" / f"{attempt}.claim"

    def _latest(self) -> int:
        numbers = [0]
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for name in os.listdir(self.path / "attempts"):
                stem, _, kind = name.partition(".")
                if stem.isdecimal() and kind in ("", "claim"):
                    numbers.append(int(stem))
        return max(numbers)

    def _told(self) -> int:
        """Return the attempt that status.json names, 0 if it names none."""
        attempt = durable.read_object(self.path / "status.json").get("attempt")
        return attempt if type(attempt) is int and 0 < attempt < 2**31 else 0

    def _owner(self, attempt: int) -> Owner | None:
        return Owner.read(durable.read_object(self._claim(attempt)))

    def _alive(self, attempt: int) -> bool:
        """Return whether the owner of an attempt may be alive.

        If its claim cannot be read, only a process of this machine that its status names is known
        to be gone. Any other owner is left to the heartbeat (`gatekit.runs.heartbeat`), like one on
        another machine.
        """
        if not os.path.lexists(self._claim(attempt)):
            return False
        owner = self._owner(attempt)
        if owner is None:
            status = durable.read_object(self.path / "status.json")
            named = status.get("attempt") == attempt and status.get("state") == "RUNNING"
            known = Owner.read({**status, "born": None}) if named else None
            return known is None or known.host != platform.node() or living(known.pid)
        return owner.host != platform.node() or owner.alive()

    def _claimed(self, attempt: int) -> str:
        owner = self._owner(attempt)
        if owner is None:
            return f"{self.path}: {self._unknown_owner(attempt)}"
        return (
            f"{self.path} is being worked on by process {owner.pid} on {owner.host}. If that "
            "machine is gone for good, gatekit train takes the run over by itself; for any other "
            f"script delete {self._claim(attempt)}."
        )

    def _unknown_owner(self, attempt: int) -> str:
        return (
            f"{self._claim(attempt).name} is damaged, so its owner is unknown. gatekit train takes "
            "the run over if its heartbeat stops. If no process works on it, delete "
            f"{self._claim(attempt)}."
        )

    def _put_away(self, attempt: int, names: Iterable[str]) -> None:
        found = [name for name in names if os.path.lexists(self.path / name)]
        kept = self.path / "attempts" / str(attempt)
        if found:
            durable.folder(kept)
        for name in found:
            durable.move(self.path / name, _free(kept / name))

    # -- checks -------------------------------------------------------------------------------

    def _refuse_newer(self) -> None:
        try:
            parsed(durable.read(self.path / "result.json"))
        except NewerError as error:
            # Made again it would only be moved aside by a gatekit that cannot judge it.
            raise NewerError(f"{self.path / 'result.json'}: {error}") from None
        except (OSError, ValueError):
            pass


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _unreadable(path: Path, error: OSError) -> str:
    return f"{path} cannot be read: {error.strerror or error}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _free(path: Path) -> Path:
    taken = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    return next(p for p in itertools.chain([path], taken) if not os.path.lexists(p))

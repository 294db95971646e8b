"""Claim, write and complete the folder of a run, which has only one writer."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import hashlib
import itertools
import json
import os
import platform
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gatekit.cell.errors import RunError

from . import durable, metrics, process
from .checkpoint import DIGITS, Checkpoint, DamagedError, is_digest, pack, unpack
from .config import dumped as dumped_config
from .names import (
    ACTIVATIONS,
    ATTEMPTS,
    BEAT,
    CHECKPOINT,
    CONFIG,
    ENVIRONMENT,
    FILES,
    METRICS,
    PROBE,
    RESULT,
    STALE,
    STATUS,
    WEIGHTS,
)
from .probe import probe_line
from .result import HASHED, OUTCOMES, NewerError, dumped
from .state import RunReader

CONTINUED = (METRICS, WEIGHTS, PROBE, CHECKPOINT)
"""Files that stay in place when a new attempt continues from a checkpoint."""


class ClaimedError(RunError):
    """The run is complete, or another process works on it or has taken it over."""


class AlteredError(RunError):
    """A file is not what the run wrote: it was changed, exchanged or deleted while the run worked.

    The run is then CORRUPT, and the next command runs it again.
    """


class _Written:
    """The size and the hash of what was written to a file."""

    def __init__(self, data: bytes = b"") -> None:
        self.size, self._hash = 0, hashlib.sha256()
        self.add(data)

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self._hash.update(data)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def compare(self, path: Path) -> None:
        """Compare a file with what was written to it; nothing written means no file.

        Raises:
            AlteredError: they differ.
        """
        try:
            with durable.opened(path) as file:
                size = os.fstat(file.fileno()).st_size
                if size != self.size:
                    what = f"it has {size:,} bytes, but the run wrote {self.size:,}"
                elif durable.digest(file, size) != self.digest:
                    what = "its content is not what the run wrote"
                else:
                    return
        except OSError as error:
            if durable.missing(error) and not self.size:
                return
            if not durable.missing(error) and error.errno != errno.EINVAL:
                raise
            what = durable.why(error)
        raise AlteredError(
            f"{path.name} was changed while the run was working, so there is no result: {what}"
        )


class RunFolder(RunReader):
    """Reads and writes the files of one run.

    Args:
        path: ``ROOT/<study>/runs/<fingerprint>``; created by ``claim``.

    Attributes:
        attempt: the number of the attempt that this object has claimed; 0 before.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.attempt = 0
        self._written = {METRICS: _Written()}
        self._locks: str | None = None
        self._release: Callable[[], object] | None = None

    def claim(self) -> int:
        """Become the only writer, with a new attempt; move the files of the last one to attempts/.

        A checkpoint stays in place, with the metrics, weights and probe records that belong to it.

        Returns:
            The attempt's number, from 1.

        Raises:
            ClaimedError: the run is complete, or a live process holds it.
            RunError: the folder cannot be written, or a newer gatekit wrote the result.
        """
        try:
            durable.folder(self.path / ATTEMPTS)
            # If the last claim was deleted, its process may be alive; only a later claim stops it.
            latest = max(self._latest(), self._named_attempt())
            state = self.state()
            if state.name in OUTCOMES:
                raise ClaimedError(f"{self.path} is already {state.name}; nothing was run.")
            if state.newer:
                # A new attempt would move away a result that this gatekit cannot read.
                raise NewerError(f"{self.path}: {state.reason}")
            if state.name == "RUNNING":
                raise ClaimedError(self._claimed(latest))
            owner = {"attempt": latest + 1, **dataclasses.asdict(process.Owner.this())}
            if not durable.create(self.claim_path(latest + 1), json.dumps(owner)):
                raise ClaimedError(f"{self.path} was claimed by another process a moment ago.")
            self.attempt = latest + 1
            self._hold()
            durable.sweep(self.path)
            staying = CONTINUED if os.path.lexists(self.path / CHECKPOINT) else ()
            self._put_away(latest, [name for name in FILES if name not in staying])
            self.status("RUNNING")
        except OSError as error:
            raise RunError(durable.trouble(error, self.path)) from error
        return self.attempt

    def _hold(self) -> None:
        """Lock the claim until the run ends or its process ends; see `RunReader._is_let_go`."""
        number = process.lock(self.claim_path(self.attempt))
        if number is not None:
            # The lock is also released if this object is discarded.
            self._release = weakref.finalize(self, os.close, number)
            self._locks = process.lock_table(self.claim_path(self.attempt))

    def keep_beating(self, replaced: Callable[[], None]) -> threading.Event:
        """Append heartbeats from now on; others take the run over only after a long silence.

        Args:
            replaced: called when another process has taken the run over.

        Returns:
            An event that stops the heartbeats when set.
        """
        over = threading.Event()

        def keep() -> None:
            while not over.wait(process.BEAT_EVERY):
                if self.replaced():
                    replaced()
                    return
                self.beat()

        self.beat()
        threading.Thread(target=keep, daemon=True).start()
        return over

    def beat(self) -> None:
        """Append a heartbeat; a disk that refuses it does not end the run."""
        # The file grows and is not replaced: a network file system may cache a replaced file's old
        # content for a minute.
        with contextlib.suppress(OSError):
            durable.append(self.path / BEAT, "")

    def is_silent(self) -> bool:
        """Return whether the owner, on another machine, has had no heartbeat for `SILENCE` s.

        Both times are those of the disk, because the clocks of two machines may differ.
        """
        if self.is_near():
            return False
        try:
            # A network file system refreshes what it knows of a file that is opened.
            with durable.opened(self.path / BEAT) as file:
                beaten = os.fstat(file.fileno()).st_mtime
            with tempfile.TemporaryFile(dir=self.path, buffering=0) as file:
                file.write(b"\n")
                return os.fstat(file.fileno()).st_mtime - beaten > process.SILENCE
        except OSError:
            return False

    def replaced(self) -> bool:
        """Return whether a later attempt has claimed the run, because this one seemed dead."""
        return self.attempt > 0 and os.path.lexists(self.claim_path(self.attempt + 1))

    def lost(self, attempt: int, reason: str) -> None:
        """Record that the process of an attempt has ended; this does not affect later attempts."""
        # INTERRUPTED, not LOST: other readers cannot see that a process on another machine ended.
        if os.path.isdir(self.path / STATUS):
            self._put_away(attempt, [STATUS])
        self.status("INTERRUPTED", f"LOST: {reason}", attempt)

    def enter(self, phase: str) -> None:
        """Record what the running run does now, such as ``compiling``; this is only displayed."""
        with contextlib.suppress(OSError):
            self.status("RUNNING", phase=phase)

    def status(
        self,
        state: str,
        reason: str | None = None,
        attempt: int | None = None,
        phase: str | None = None,
    ) -> None:
        """Write status.json for an attempt: by default this object's attempt, or the latest.

        Raises:
            ClaimedError: a later attempt has taken the run over; all writes then raise this.
        """
        record = {
            "state": state,
            "attempt": attempt or self.attempt or self._latest(),
            "pid": os.getpid(),
            "host": platform.node(),
            "reason": reason,
            "locks": self._locks,
            "updated": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        if phase is not None:
            record["phase"] = phase
        self._write(STATUS, json.dumps(record, indent=1) + "\n")
        if state != "RUNNING" and self._release is not None:
            self._release()

    def write_config(self, config: Mapping[str, object]) -> None:
        """Write config.yaml."""
        self._write(CONFIG, dumped_config(config))

    def write_env(self, env: Mapping[str, object]) -> None:
        """Write env.json."""
        self._write(ENVIRONMENT, json.dumps(dict(env), indent=1) + "\n")

    def write_weights(self, data: bytes) -> None:
        """Write weights.npz, given as the bytes of the archive."""
        self._write(WEIGHTS, data)

    def log(self, record: Mapping[str, object]) -> None:
        """Append one record to metrics.jsonl."""
        self._own()
        self._written[METRICS].add(metrics.append(self.path / METRICS, record))

    def log_probe(self, record: Mapping[str, object]) -> None:
        """Append the record of a probe to probe.jsonl."""
        self._own()
        durable.append(self.path / PROBE, probe_line(record))

    def write_activations(self, data: bytes) -> None:
        """Write probe.npz, given as the bytes of the archive."""
        self._write(ACTIVATIONS, data)

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write checkpoint.bin, with the current lengths of metrics.jsonl and probe.jsonl.

        Raises:
            AlteredError: metrics.jsonl is not what the run wrote.
        """
        written = self._written[METRICS]
        written.compare(self.path / METRICS)
        lines = {"bytes": written.size, "sha256": written.digest if written.size else None}
        probe = {"bytes": _size(self.path / PROBE)}
        position = {**checkpoint.position, "metrics": lines, "probe": probe}
        complete = Checkpoint(checkpoint.arrays, position, checkpoint.made_with)
        self._write(CHECKPOINT, pack(complete))

    def checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint that an earlier attempt left; None if there is none.

        Raises:
            DamagedError: the checkpoint, or the part of metrics.jsonl that belongs to it, has
                changed since it was written.
        """
        if not os.path.lexists(self.path / CHECKPOINT):
            return None
        for name in CONTINUED:
            if os.path.lexists(self.path / name) and not os.path.isfile(self.path / name):
                raise DamagedError(f"{name} is not a regular file")
        path = self.path / CHECKPOINT
        with durable.opened(path) as file:
            if not is_digest(file.read(DIGITS)):
                raise DamagedError("it does not begin with its checksum")
        saved = unpack(durable.read(path, sys.maxsize))
        size, digest = (saved.position["metrics"][key] for key in ("bytes", "sha256"))
        path = self.path / METRICS
        kept = _Written()
        if size and path.exists():
            with durable.opened(path) as file:
                kept.add(file.read(size))
        if size and kept.digest != digest:
            raise DamagedError("the lines of metrics.jsonl that belong to it have changed")
        self._written[METRICS] = kept
        return saved

    def go_back(self, checkpoint: Checkpoint) -> None:
        """Cut metrics.jsonl and probe.jsonl to their length when the checkpoint was written."""
        for key, name in (("metrics", METRICS), ("probe", PROBE)):
            path = self.path / name
            size = checkpoint.position.get(key, {"bytes": 0})["bytes"]
            if _size(path) > size:
                durable.truncate(path, size)

    def outdate(self, by: str, because: str) -> None:
        """Mark the run as outdated by another run; any process may do this, and all files stay.

        Args:
            by: the fingerprint of the other run.
            because: the reason, such as a changed plugin.
        """
        if os.path.isdir(self.path):
            record = {"by": by, "because": because}
            durable.write(self.path / STALE, json.dumps(record) + "\n")

    def renew(self) -> None:
        """Remove the mark that the run is outdated."""
        if os.path.lexists(self.path / STALE):
            durable.remove(self.path / STALE)

    def set_aside(self) -> None:
        """Move an unusable checkpoint, and the files that belong to it, to the previous attempt."""
        self._put_away(self.attempt - 1, CONTINUED)
        self._written[METRICS] = _Written()

    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Complete the run: write result.json, which has the hashes of the files in `HASHED`.

        The checkpoint is then removed, and status.json is written.

        Raises:
            AlteredError: one of these files is not what the run wrote, so there is no result.
            RunError: the run has no config.yaml.
        """
        self._own()
        if CONFIG not in self._written:
            raise RunError(f"{self.path}: a run without {CONFIG} cannot have a result.")
        written = {name: self._written[name] for name in HASHED if name in self._written}
        for name, content in written.items():
            content.compare(self.path / name)
        there = {name: content for name, content in written.items() if content.size}
        hashed = {name: content.digest for name, content in there.items()}
        sizes = {name: content.size for name, content in there.items()}
        record = dumped({**outcome, "files": hashed, "sizes": sizes})
        self._write(RESULT, record)
        # The result is written, so later failures do not matter.
        with contextlib.suppress(OSError):
            durable.remove(self.path / CHECKPOINT)
        with contextlib.suppress(OSError):
            self.status(str(outcome["state"]), outcome.get("reason"))

    def _write(self, name: str, data: bytes | str) -> None:
        self._own()
        data = data.encode() if isinstance(data, str) else data
        durable.write(self.path / name, data)
        if name in HASHED:
            self._written[name] = _Written(data)

    def _own(self) -> None:
        if self.replaced():
            raise ClaimedError(f"{self.path} was taken over, because this process seemed dead.")

    def _claimed(self, attempt: int) -> str:
        owner = self._owner(attempt)
        if owner is None:
            return f"{self.path}: {self._unknown_owner(attempt)}"
        return (
            f"process {owner.pid} on {owner.host} is working on {self.path}. If that "
            "machine is gone for good, gatekit train takes the run over after a minute; for your "
            f"own script, delete {self.claim_path(attempt)}."
        )

    def _put_away(self, attempt: int, names: Iterable[str]) -> None:
        present = [name for name in names if os.path.lexists(self.path / name)]
        folder = self.path / ATTEMPTS / str(attempt)
        if present:
            durable.folder(folder)
        for name in present:
            durable.move(self.path / name, _free(folder / name))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _free(path: Path) -> Path:
    taken = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    return next(p for p in itertools.chain([path], taken) if not os.path.lexists(p))

"""Read a run folder: its state, from the result, the status and the claims; its log."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatekit.cell.errors import RunError

from . import durable, metrics
from .names import ATTEMPTS, ENVIRONMENT, LOG, METRICS, RESULT, STALE, STATUS, WEIGHTS
from .process import Owner, living, lock, lock_table
from .result import OUTCOMES, SEAL, NewerError, State, altered, parsed

SMALL = 256 * 2**10
"""The largest weights, in bytes, that a quick check of a run hashes."""

KEPT = (State.FAILED, State.INTERRUPTED, State.CORRUPT)
"""The states that status.json alone records."""


class NoResultError(RunError):
    """The run has no result.json."""


@dataclass(frozen=True)
class RunState:
    """The state of a run according to its folder, and the reason.

    Attributes:
        sealed: False for a result of an earlier gatekit, which has no hash of itself.
        newer: True if a newer gatekit wrote the result, which then counts as damaged.
        record: the content of result.json, even if the run is damaged; empty if it cannot be read.
    """

    name: State
    reason: str | None = None
    attempt: int = 0
    sealed: bool = True
    newer: bool = False
    record: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class RunReader:
    """Reads the files of one run.

    Args:
        path: ``ROOT/<study>/runs/<fingerprint>``.
        contents: the content of files that were read before, by name; None for a file that cannot
            be read. If given, only these files are compared with result.json.
    """

    def __init__(self, path: Path, contents: Mapping[str, bytes | None] | None = None) -> None:
        self.path = Path(path)
        self.contents = contents

    def state(self, quick: bool = False) -> RunState:
        """Return the state: complete only if result.json agrees with the files that it lists.

        A status.json without a state is damaged, because it is only ever replaced as a whole.

        Args:
            quick: whether weights larger than ``SMALL`` are compared by their size alone.
        """
        try:
            attempt = self._latest()
        except OSError as error:
            return RunState(State.CORRUPT, _unreadable(self.path / ATTEMPTS, error))
        try:
            record, damage = self._result(quick)
        except NoResultError:
            return self._unfinished(attempt, quick)
        except NewerError as error:
            return RunState(State.CORRUPT, str(error), attempt, newer=True)
        if damage is not None:
            return RunState(State.CORRUPT, damage, attempt, record=record)
        status = self._status()
        if _state(status) is State.CORRUPT:
            damage = _string(status.get("reason")) or f"{STATUS} records it"
            return RunState(State.CORRUPT, damage, attempt, record=record)
        reason = _string(record.get("reason"))
        return RunState(State(record["state"]), reason, attempt, SEAL in record, record=record)

    def _unfinished(self, attempt: int, quick: bool) -> RunState:
        status = self._status()
        damaged = os.path.lexists(self.path / STATUS) and _state(status) is None
        if damaged and not self._alive(attempt):
            return RunState(State.CORRUPT, f"{STATUS} names no state", attempt)
        current = status if not attempt or status.get("attempt") == attempt else {}
        name, reason = _state(current), _string(current.get("reason"))
        if name in OUTCOMES:
            return RunState(State.CORRUPT, f"{RESULT} is missing from a finished run", attempt)
        if not attempt and name is State.RUNNING and self._named_attempt():
            return RunState(State.LOST, "no process claims it")
        if not attempt:
            return RunState(name or State.PLANNED, reason)
        if name in KEPT:
            return RunState(name, reason, attempt)
        if not self._alive(attempt):
            if os.path.exists(self.path / RESULT):  # written meanwhile
                return self.state(quick)
            return RunState(State.LOST, "its process ended without recording a reason", attempt)
        unknown = self.owner() is None
        return RunState(State.RUNNING, self._unknown_owner(attempt) if unknown else None, attempt)

    def result(self, quick: bool = False) -> dict[str, Any]:
        """Return result.json after checking its seal and the files that it lists.

        Args:
            quick: whether weights larger than ``SMALL`` are compared by their size alone.

        Raises:
            NoResultError: there is no such file.
            RunError: the file is not a result, was altered, or has a newer format, or a listed
                file differs.
        """
        try:
            record, damage = self._result(quick)
        except NewerError as error:
            raise NewerError(f"{self.path}: {error}") from None
        if damage is not None:
            raise RunError(f"{self.path}: {damage}.")
        return record

    def _result(self, quick: bool) -> tuple[dict[str, Any], str | None]:
        """Return the record and, if the run is damaged, what is wrong."""
        try:
            record = parsed(self._read(RESULT))
        except NewerError:  # also a ValueError
            raise
        except OSError as error:
            if durable.missing(error):
                raise NoResultError(f"{self.path} has no {RESULT}.") from None
            return {}, f"{RESULT} cannot be read: {error.strerror or error}"
        except ValueError as error:
            return {}, f"{RESULT}: {error}"
        for name in record["files"]:
            if self.contents is None or name in self.contents:
                reason = self.differs(record, name, quick)
                if reason is not None:
                    return record, reason
        return record, None

    def _read(self, name: str) -> bytes:
        data = None if self.contents is None else self.contents.get(name)
        return durable.read(self.path / name) if data is None else data

    def differs(self, record: Mapping[str, Any], name: str, quick: bool = False) -> str | None:
        """Return how a file differs from the file recorded in a result; None if it does not.

        Args:
            record: the result, from `parsed` or `result`.
            name: a key of the result's ``files``.
            quick: as in `result`.
        """
        path, sizes = self.path / name, record.get("sizes") or {}
        data = None if self.contents is None else self.contents.get(name)
        digest = ""
        try:
            if data is not None:
                size, digest = len(data), hashlib.sha256(data).hexdigest()
            else:
                with durable.opened(path) as file:
                    size = os.fstat(file.fileno()).st_size
                    if sizes.get(name, size) == size:
                        if quick and name == WEIGHTS and size > SMALL:
                            return None
                        digest = durable.digest(file, size)
        except OSError as error:
            return f"{name} cannot be read: {durable.why(error)}"
        resized = sizes.get(name, size) != size
        if not resized and not altered(record["files"], name, digest):
            return None
        if name == METRICS:
            logged = metrics.read(path) if data is None else metrics.parse(data)
            if logged.lost:
                return logged.damage()
        if resized:
            return f"{name} has {size:,} bytes, but {RESULT} records {sizes[name]:,}"
        return f"{name} was altered after the run (its sha256 differs)"

    def stale(self) -> str | None:
        """Return why a later command has outdated the run; None if none has."""
        path = self.path / STALE
        if not os.path.lexists(path):
            return None
        because = durable.read_object(path).get("because")
        return because if isinstance(because, str) else "it is marked as outdated"

    def environment(self) -> dict[str, Any]:
        """Return the content of env.json; empty if it cannot be read."""
        return durable.read_object(self.path / ENVIRONMENT)

    def sources(self) -> tuple[Mapping[str, str], str | None]:
        """Return the hashes of the plugins that the run used, and of its data if it has a result.

        Nothing is verified, because these hashes are only compared with the current ones.
        """
        result = durable.read_object(self.path / RESULT)
        plugins = result.get("plugins") or self.environment().get("plugins")
        return plugins if isinstance(plugins, dict) else {}, _string(result.get("data_hash"))

    def marked_by(self) -> str | None:
        """Return the run that outdates this one; None if none is named."""
        return _string(durable.read_object(self.path / STALE).get("by"))

    def noted(self) -> str | None:
        """Return the state in status.json, whatever the other files are; None if it has none."""
        return _string(self._status().get("state"))

    def updated(self) -> str | None:
        """Return when the status was last written, as an ISO 8601 date; None if unknown."""
        return _string(self._status().get("updated"))

    def log_tail(self, lines: int = 12) -> list[str]:
        """Return the last lines of log.txt that are not empty."""
        try:
            with durable.opened(self.path / LOG) as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 16_384))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()][-lines:]

    # -- claims -------------------------------------------------------------------------------

    def owner(self) -> tuple[str, int] | None:
        """Return machine and process id of the latest claim; None if it cannot be read."""
        owner = self._owner(self._latest())
        return None if owner is None else (owner.host, owner.pid)

    def is_near(self) -> bool:
        """Return whether the owner of the latest claim is a process on this machine."""
        owner = self._owner(self._latest())
        return owner is not None and owner.near()

    def claim_path(self, attempt: int) -> Path:
        """Return the file by which a process claims an attempt."""
        return self.path / ATTEMPTS / f"{attempt}.claim"

    def _latest(self) -> int:
        numbers = [0]
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for name in os.listdir(self.path / ATTEMPTS):
                stem, _, kind = name.partition(".")
                if stem.isdecimal() and kind in ("", "claim"):
                    numbers.append(int(stem))
        return max(numbers)

    def _status(self) -> dict[str, Any]:
        return durable.read_object(self.path / STATUS)

    def _named_attempt(self) -> int:
        """Return the attempt that status.json names; 0 if it names none."""
        attempt = self._status().get("attempt")
        return attempt if type(attempt) is int and 0 < attempt < 2**31 else 0

    def _owner(self, attempt: int) -> Owner | None:
        return Owner.read(durable.read_object(self.claim_path(attempt)))

    def _alive(self, attempt: int) -> bool:
        """Return whether the owner of an attempt may be alive.

        If the claim cannot be read, the owner is only known to be dead if the status names a
        process on this machine. Otherwise the owner counts as alive here,
        and its heartbeat decides (`RunFolder.keep_beating`), as for an owner on another machine.
        """
        if not os.path.lexists(self.claim_path(attempt)):
            return False
        owner = self._owner(attempt)
        if owner is None:
            status = self._status()
            named = status.get("attempt") == attempt and status.get("state") == "RUNNING"
            known = Owner.read({**status, "born": None}) if named else None
            return known is None or not known.near() or living(known.pid)
        return owner.alive() if owner.near() else not self._is_let_go(attempt)

    def _is_let_go(self, attempt: int) -> bool:
        """Return whether the owner of an attempt is certainly dead, wherever it was.

        An owner locks its claim, then records the lock table. Any process that sees the same table,
        in any container, can test the lock, which the kernel releases when the owner ends.
        """
        claim, status = self.claim_path(attempt), self._status()
        here = lock_table(claim)
        if here is None or (status.get("attempt"), status.get("locks")) != (attempt, here):
            return False
        number = lock(claim, shared=True)
        if number is not None:
            os.close(number)
        return number is not None

    def _unknown_owner(self, attempt: int) -> str:
        claim = self.claim_path(attempt)
        return (
            f"{claim.name} is damaged, so its owner is unknown. gatekit train takes "
            "the run over if its heartbeat stops. If no process works on it, delete "
            f"{claim}."
        )


def _state(status: Mapping[str, Any]) -> State | None:
    """Return the state in status.json; None if it names none."""
    name = status.get("state")
    return State(name) if isinstance(name, str) and name in State.__members__ else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _unreadable(path: Path, error: OSError) -> str:
    return f"{path} cannot be read: {error.strerror or error}"

"""``looks.jsonl``: the looks at a study, and the planned runs that were withdrawn; append only.

A look is a recorded comparison after which seeds may be added. Each line has the whole history and
a checksum, so the last line describes all looks and withdrawals.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatekit.cell.errors import RunError
from gatekit.runs import durable, metrics
from gatekit.runs.names import LOOKS

SCHEMA = 1
WITHDRAWN = 2
"""The format of a line with withdrawals, which earlier versions cannot read."""


@dataclass(frozen=True)
class InterimAnalyses:
    """The looks at a study, up to the last one.

    Attributes:
        most: number of seeds after which there is no further look; fixed at the first look.
        seeds: number of seeds of each look, in order.
        asked: options of the comparison, as `gatekit.compare` takes them.
        groups: the label of each group's baseline, by the group's label; None for a baseline.
        results: a hash of the results of each group at the last look.
        decisions: the decision on each compared group, in a word.
        alpha: the level spent up to the last look.
        added: the level spent by the last look.
    """

    most: int
    seeds: tuple[int, ...]
    asked: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, str | None] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    decisions: Mapping[str, str] = field(default_factory=dict)
    alpha: float = 0.0
    added: float = 0.0


@dataclass(frozen=True)
class Withdrawal:
    """Planned runs that will not run.

    Attributes:
        at: when they were withdrawn, as an ISO 8601 date in UTC.
        runs: their ids.
    """

    at: str
    runs: tuple[str, ...]


@dataclass(frozen=True)
class _History:
    interim: InterimAnalyses | None = None
    withdrawals: tuple[Withdrawal, ...] = ()


def append(study: Path, interim: InterimAnalyses) -> None:
    """Append a look; when this returns, it is on the disk."""
    _append(study, _History(interim, withdrawals(study)))


def withdraw(study: Path, runs: Collection[str]) -> None:
    """Record that planned runs will not run; when this returns, it is on the disk.

    Args:
        study: the study's folder.
        runs: the ids of the runs.
    """
    before = _read(study)
    now = Withdrawal(datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), tuple(runs))
    _append(study, dataclasses.replace(before, withdrawals=(*before.withdrawals, now)))


def restore(study: Path, runs: Collection[str]) -> None:
    """Record that a command asks for runs again, if any of them was withdrawn.

    Args:
        study: the study's folder.
        runs: the ids of the runs that the command asks for.
    """
    before = _read(study)
    kept = [
        dataclasses.replace(each, runs=tuple(run for run in each.runs if run not in runs))
        for each in before.withdrawals
    ]
    now = tuple(each for each in kept if each.runs)
    if now != before.withdrawals:
        _append(study, dataclasses.replace(before, withdrawals=now))


def _append(study: Path, history: _History) -> None:
    interim = history.interim
    record: dict[str, Any] = {"schema": WITHDRAWN if history.withdrawals else SCHEMA}
    if interim is not None:
        record |= {
            "most": interim.most,
            "seeds": list(interim.seeds),
            "information": interim.seeds[-1] / interim.most,
            "alpha": interim.alpha,
            "added": interim.added,
            "asked": dict(interim.asked),
            "groups": dict(interim.groups),
            "results": dict(interim.results),
            "decisions": dict(interim.decisions),
        }
    if history.withdrawals or interim is None:
        record["withdrawn"] = [{"at": w.at, "runs": list(w.runs)} for w in history.withdrawals]
    metrics.append(study / LOOKS, record)


def read(study: Path) -> InterimAnalyses | None:
    """Return the looks at a study; None if there are none.

    An incomplete line of a killed process is ignored. Damage before the last line is harmless,
    because the last line has the whole history.

    Raises:
        RunError: the file cannot be read, a newer gatekit wrote it, or its last line is damaged, so
            the number of looks is unknown.
    """
    return _read(study).interim


def withdrawals(study: Path) -> tuple[Withdrawal, ...]:
    """Return the planned runs of a study that were withdrawn, in order.

    Raises:
        RunError: as for `read`.
    """
    return _read(study).withdrawals


def _read(study: Path) -> _History:
    path = study / LOOKS
    try:
        lines = durable.read(path).split(b"\n")
    except OSError as error:
        if durable.missing(error):
            return _History()
        raise _unknown(path, f"cannot be read: {durable.why(error)}") from None
    # After the last newline there is nothing, or the incomplete line of a killed process.
    history = _read_line(lines[-1])
    if history is not None:
        return history
    whole = [(number, raw) for number, raw in enumerate(lines[:-1], start=1) if raw.strip()]
    if not whole:
        return _History()
    number, raw = whole[-1]
    history = _read_line(raw)
    if history is None:
        raise _unknown(path, f"is damaged in line {number}")
    return history


def _unknown(path: Path, what: str) -> RunError:
    return RunError(
        f"{path} {what}, so the number of looks at the study is unknown, and there can be no"
        " verdict. Restore the file from a copy."
    )


def _read_line(raw: bytes) -> _History | None:
    try:
        record = json.loads(raw)
        if not isinstance(record, dict) or record.get("crc") != metrics.checksum(record):
            return None
        if record["schema"] not in (SCHEMA, WITHDRAWN):
            raise RunError(
                f"{LOOKS} has format {record['schema']}, but this gatekit reads formats {SCHEMA}"
                f" and {WITHDRAWN}; install a newer gatekit."
            )
        withdrawn = tuple(
            Withdrawal(str(each["at"]), tuple(map(str, each["runs"])))
            for each in record.get("withdrawn", ())
        )
        if "most" not in record and "withdrawn" in record:
            return _History(None, withdrawn)
        interim = _checked(record)
        return None if interim is None else _History(interim, withdrawn)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, RunError):
            raise
        return None


def _checked(record: Mapping[str, Any]) -> InterimAnalyses | None:
    most, seeds = record["most"], record["seeds"]
    maps = [record[key] for key in ("asked", "groups", "results", "decisions")]
    levels = [record[key] for key in ("alpha", "added")]
    fits = (
        all(type(n) is int for n in (most, *seeds))
        and len(seeds) > 0
        and all(a < b for a, b in zip([0, *seeds], [*seeds, most + 1], strict=True))
        and all(isinstance(one, dict) for one in maps)
        and all(isinstance(level, float) for level in levels)
    )
    return InterimAnalyses(most, tuple(seeds), *maps, *levels) if fits else None

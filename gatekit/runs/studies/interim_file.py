"""``looks.jsonl``: the looks at a study; append only.

A look is a recorded comparison after which seeds may be added. Each line has the whole history and
a checksum, so the last line describes all looks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatekit.cell.errors import RunError
from gatekit.runs import durable, metrics
from gatekit.runs.names import LOOKS

SCHEMA = 1


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


def append(study: Path, interim: InterimAnalyses) -> None:
    """Append a look; when this returns, it is on the disk."""
    record: dict[str, Any] = {
        "schema": SCHEMA,
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
    metrics.append(study / LOOKS, record)


def read(study: Path) -> InterimAnalyses | None:
    """Return the looks at a study; None if there are none.

    An incomplete line of a killed process is ignored. Damage before the last line is harmless,
    because the last line has the whole history.

    Raises:
        RunError: the file cannot be read, a newer gatekit wrote it, or its last line is damaged, so
            the number of looks is unknown.
    """
    path = study / LOOKS
    try:
        lines = durable.read(path).split(b"\n")
    except OSError as error:
        if durable.missing(error):
            return None
        raise _unknown(path, f"cannot be read: {durable.why(error)}") from None
    # After the last newline there is nothing, or the incomplete line of a killed process.
    look = _read_line(lines[-1])
    if look is not None:
        return look
    whole = [(number, raw) for number, raw in enumerate(lines[:-1], start=1) if raw.strip()]
    if not whole:
        return None
    number, raw = whole[-1]
    look = _read_line(raw)
    if look is None:
        raise _unknown(path, f"is damaged in line {number}")
    return look


def _unknown(path: Path, what: str) -> RunError:
    return RunError(
        f"{path} {what}, so the number of looks at the study is unknown, and there can be no"
        " verdict"
    )


def _read_line(raw: bytes) -> InterimAnalyses | None:
    try:
        record = json.loads(raw)
        if not isinstance(record, dict) or record.get("crc") != metrics.checksum(record):
            return None
        if record["schema"] != SCHEMA:
            raise RunError(
                f"{LOOKS} has format {record['schema']}, but this gatekit reads format {SCHEMA}."
            )
        return _checked(record)
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

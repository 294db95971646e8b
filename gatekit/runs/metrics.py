"""The lines of metrics.jsonl: appended one at a time, each with a check sum."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import durable
from .fingerprint import canonical_json

MOST = 256 * 2**20
"""The most bytes of metrics or looks of one run that are read."""


def line(record: Mapping[str, Any]) -> str:
    """Return a record as one line of JSON, NaN and infinities as null, with its CRC-32."""
    clean = {k: _finite(v) for k, v in record.items()}
    text = json.dumps(clean, separators=(", ", ": "))
    return f'{text[:-1]}, "crc": "{_crc(clean)}"}}'


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Append a record; when this returns, it is on the disk."""
    durable.append(path, line(record))


def read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the good records of a file and the number of lines that are lost.

    A line counts only if its check sum agrees: a number is never guessed.
    """
    records, lost = [], 0
    try:
        data = durable.read(path, MOST)
    except OSError:
        return [], 0
    for raw in data.split(b"\n"):
        if not raw.strip():
            continue
        try:
            record = json.loads(raw)
            crc = record.pop("crc")
            good = crc == _crc(record)
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
            good = False
        if good:
            records.append(record)
        else:
            lost += 1
    return records, lost


def _crc(record: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(canonical_json(record).encode()):08x}"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

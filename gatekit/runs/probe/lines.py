"""The lines of probe.jsonl: each shows whether it is complete before it is read as JSON."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

_END = re.compile(rb',"crc":"([0-9a-f]{8})"\}\Z')
_EPOCH = re.compile(rb'\{"epoch":(\d{1,9}),')


def line(record: Mapping[str, Any]) -> str:
    """Return a record as one line of JSON that ends with the CRC-32 of the bytes before it.

    Args:
        record: plain data without NaN; ``epoch`` is its first key.
    """
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    return f'{text[:-1]},"crc":"{zlib.crc32(text.encode()):08x}"}}'


def whole(data: bytes) -> tuple[dict[int, bytes], int]:
    """Return the lines that are as they were written by their epoch, and how many are not.

    A run that looked again at an epoch has the later line. Nothing is read as JSON: of many runs
    few lines are wanted.

    Args:
        data: the file's content.
    """
    found: dict[int, bytes] = {}
    lost = 0
    for raw in data.split(b"\n"):
        end, epoch = _END.search(raw), _EPOCH.match(raw)
        if end and epoch and int(end[1], 16) == zlib.crc32(raw[: end.start()] + b"}"):
            found[int(epoch[1])] = raw
        elif raw.strip():
            lost += 1
    return found, lost

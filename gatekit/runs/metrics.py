"""``metrics.jsonl``: one measurement per line, each with a checksum.

A line is written once and never changed. The reader keeps every good line, reports lost lines, and
never guesses a number. `Tail` reads the new lines of a growing file.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from . import durable
from .names import METRICS, canonical_json, refuse_constant, refuse_halves

MOST = 256 * 2**20
"""The most bytes of metrics.jsonl or probe.jsonl that are read."""

CHUNK = 4 * 2**20
"""The most bytes that one call of `Tail.read` reads; the next call continues."""

LONGEST = 64 * 2**10
"""More bytes than any line has; this many bytes without a line end are skipped as damage."""

_KEPT = 64
_FIELDS = ("epoch", "step", "split", "metric", "value", "seconds")


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One measurement of a run; ``value`` is None if the run wrote null (NaN)."""

    epoch: int
    step: int
    split: str
    metric: str
    value: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class MetricFile:
    """The readable lines of a metrics file, and the numbers (from 1) of lines with losses."""

    lines: tuple[MetricLine, ...] = ()
    lost: tuple[int, ...] = ()

    def damage(self) -> str | None:
        """Return a description of the losses; None for an intact file."""
        if not self.lost:
            return None
        where = ", ".join(str(number) for number in self.lost[:5])
        more = f" and {len(self.lost) - 5} more" if len(self.lost) > 5 else ""
        return (
            f"{METRICS}: lost line {where}{more} (torn or altered);"
            f" {len(self.lines)} good lines kept"
        )


def line(record: Mapping[str, object]) -> str:
    """Return a record as one line of JSON, NaN and infinities as null, with its CRC-32."""
    clean = {k: _finite(v) for k, v in record.items()}
    text = json.dumps(clean, separators=(", ", ": "))
    return f'{text[:-1]}, "crc": "{checksum(clean)}"}}'


def append(path: Path, record: Mapping[str, object]) -> bytes:
    """Append a record and return its bytes; when this returns, they are on the disk."""
    text = line(record)
    durable.append(path, text)
    return text.encode() + b"\n"


def checksum(record: Mapping[str, object]) -> str:
    """Return the CRC-32 of a line's canonical JSON without its ``crc`` key, as 8 hex digits."""
    plain = {key: value for key, value in record.items() if key != "crc"}
    return f"{zlib.crc32(canonical_json(plain).encode()):08x}"


def read(path: Path, split: str | None = None) -> MetricFile:
    """Read a metrics file; one that is missing or cannot be read has no lines.

    Args:
        path: the file.
        split: as in `parse`.
    """
    return parse(_content(path), split)


def parse(data: bytes, split: str | None = None) -> MetricFile:
    """Read the bytes of a metrics file, even if they are damaged.

    An incomplete line, a flipped bit, a block of NUL bytes, CRLF ends and joined lines affect only
    the damaged lines: each line has a checksum, and after damage the reader continues at the next
    ``{`` that starts a line with a correct checksum.

    Args:
        data: content of ``metrics.jsonl``.
        split: keep only the lines of this split; lines that do not mention it are not decoded.

    Returns:
        The good lines in file order, and the numbers of lines with losses.
    """
    lines: list[MetricLine] = []
    lost: list[int] = []
    for number, found, damaged in _each(data, split):
        lines.extend(found)
        if damaged:
            lost.append(number)
    return MetricFile(tuple(lines), tuple(lost))


def each(path: Path, split: str | None = None) -> Iterator[MetricLine]:
    """Yield the good lines of a file, of which there may be millions; see `read`.

    Args:
        path: the file.
        split: as in `parse`.
    """
    for _, found, _ in _each(_content(path), split):
        yield from found


def _content(path: Path) -> bytes:
    try:
        return durable.read(path, MOST)
    except OSError:
        return b""


def _each(data: bytes, split: str | None) -> Iterator[tuple[int, list[MetricLine], bool]]:
    """Yield for each line its number, its measurements, and whether something of it is lost."""
    wanted = None if split is None else f'"{split}"'.encode()
    for number, raw in enumerate(io.BytesIO(data), start=1):
        if wanted is not None and wanted not in raw and _looks_whole(raw):
            continue
        found, damaged = _read_line(raw)
        yield number, [line for line in found if split is None or line.split == split], damaged


class Tail:
    """The new lines of a growing ``metrics.jsonl``.

    An incomplete last line is read later, when it is complete. A file that was cut or replaced,
    for example by a new attempt, is read again from its beginning.

    Args:
        path: the file; it need not exist yet.

    Attributes:
        restarts: how often reading started again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.restarts = 0
        self._offset, self._inode, self._before = 0, 0, b""

    def read(self) -> list[MetricLine]:
        """Return the lines that are new since the last call, without damaged ones."""
        try:
            with durable.opened(self.path) as file:
                data = self._new(file)
        except OSError as error:
            if durable.missing(error) and self._offset:
                self._restart()
            return []
        end = data.rfind(b"\n") + 1
        if not end and len(data) >= LONGEST:
            end = len(data)
        self._offset += end
        if end:
            self._before = (self._before + data[:end])[-_KEPT:]
        return list(parse(data[:end]).lines)

    def _new(self, file: BinaryIO) -> bytes:
        info = os.fstat(file.fileno())
        if self._offset and not self._continues(file, info):
            self._restart()
        self._inode = info.st_ino
        if not self._offset <= info.st_size <= MOST:
            return b""
        file.seek(self._offset)
        return file.read(min(info.st_size - self._offset, CHUNK))

    def _continues(self, file: BinaryIO, info: os.stat_result) -> bool:
        """Return whether the file is still the same, up to the bytes that were read."""
        if info.st_ino != self._inode or info.st_size < self._offset:
            return False
        file.seek(self._offset - len(self._before))
        return bool(file.read(len(self._before)) == self._before)

    def _restart(self) -> None:
        self._offset, self._inode, self._before = 0, 0, b""
        self.restarts += 1


def _looks_whole(raw: bytes) -> bool:
    text = raw.strip()
    return not text or (text.startswith(b"{") and text.endswith(b"}") and text.count(b"{") == 1)


def _read_line(raw: bytes) -> tuple[list[MetricLine], bool]:
    text = raw.decode("utf-8", errors="replace")
    lines = []
    damaged = False
    end = 0
    for line, start, stop in _objects(text):
        damaged = damaged or bool(text[end:start].strip())
        lines.append(line)
        end = stop
    return lines, damaged or bool(text[end:].strip())


def _objects(text: str) -> Iterator[tuple[MetricLine, int, int]]:
    line = _decoded(text)
    if line is not None:
        yield line, 0, len(text)
        return
    for found in _FLAT.finditer(text):
        line = _decoded(found[0])
        if line is not None:
            yield line, *found.span()


def _decoded(text: str) -> MetricLine | None:
    try:
        record = _DECODER.decode(text)
        refuse_halves(text.encode(), record)
        return _checked(record)
    except (ValueError, RecursionError):
        return None


# An object without nested objects, to be found in a damaged line in linear time.
_FLAT = re.compile(r"\{[^{}]*\}")
_DECODER = json.JSONDecoder(parse_constant=refuse_constant)


def _is_number(value: object) -> bool:
    """Return whether a value is a float, or an integer of 64 bits."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 2**63
    return isinstance(value, float)


def _checked(record: object) -> MetricLine | None:
    if not isinstance(record, dict) or not set(_FIELDS) <= record.keys():
        return None
    try:
        if record.get("crc") != checksum(record):
            return None
    except ValueError:
        return None
    epoch, step, split, metric, value, seconds = (record[field] for field in _FIELDS)
    numbers = (epoch, step, seconds, 0 if value is None else value)
    if not all(_is_number(n) for n in numbers):
        return None
    if not (isinstance(epoch, int) and isinstance(step, int)):
        return None
    if not (isinstance(split, str) and isinstance(metric, str)):
        return None
    finite = None if value is None or not math.isfinite(value) else float(value)
    return MetricLine(epoch, step, split, metric, finite, float(seconds))


def _finite(value: object) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""The new lines of metrics that grow: each look reads only what the file has gained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from . import durable, metrics
from .metrics import MetricLine

CHUNK = 4 * 2**20
"""The most bytes of metrics that one look reads; the next look goes on."""

LONGEST = 64 * 2**10
"""More bytes than any line has: without a line end they are skipped as damage."""

_KEPT = 64


class Tail:
    """The new lines of a ``metrics.jsonl`` that grows.

    A last line without its end waits for it. A file that was cut or replaced, as by a new attempt,
    is read again from its beginning.

    Args:
        path: the file; it need not exist yet.

    Attributes:
        restarts: how often reading began again.
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
        return list(metrics.parse(data[:end]).lines)

    def _new(self, file: BinaryIO) -> bytes:
        info = os.fstat(file.fileno())
        if self._offset and not self._continues(file, info):
            self._restart()
        self._inode = info.st_ino
        if not self._offset <= info.st_size <= metrics.MOST:
            return b""
        file.seek(self._offset)
        return file.read(min(info.st_size - self._offset, CHUNK))

    def _continues(self, file: BinaryIO, info: os.stat_result) -> bool:
        """Return whether the file still begins with what was read of it."""
        if info.st_ino != self._inode or info.st_size < self._offset:
            return False
        file.seek(self._offset - len(self._before))
        return bool(file.read(len(self._before)) == self._before)

    def _restart(self) -> None:
        self._offset, self._inode, self._before = 0, 0, b""
        self.restarts += 1

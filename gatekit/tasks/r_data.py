"""Text out of the data of an R package (``Rdata.rdx`` and ``Rdata.rdb``), without R.

The index is a zipped, serialised list: of each object the place and the length in the other file,
where it stands as four bytes of its size and a zlib stream of its own serialisation. Of that form
(R Internals, Serialization Formats) what texts need is read, and nothing is ever evaluated.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import Any

from gatekit.cell.errors import DataError

SYMBOL, PAIRS, CHARACTERS, LOGICAL, INTEGER, STRINGS, VECTOR = 1, 2, 9, 10, 13, 16, 19
NIL, REFERENCE = 254, 255
DEEPEST = 20


def read_texts(index: bytes, data: bytes, where: str) -> dict[str, list[str]]:
    """Return the vectors of texts of an R package's data, by name.

    Args:
        index: the content of ``Rdata.rdx``.
        data: the content of ``Rdata.rdb``.
        where: the package, for messages.

    Raises:
        DataError: the files are damaged, or hold something else.
    """
    try:
        listed = _Reader(gzip.decompress(index)).value()
        names, places = listed["variables"].keys(), listed["variables"].values()
        found = {}
        for name, (start, length) in zip(names, places, strict=True):
            # the first four bytes are the size of what follows, which zlib knows itself
            found[name] = _Reader(zlib.decompress(data[start + 4 : start + length])).value()
        if not all(isinstance(text, list) for text in found.values()):
            raise ValueError("an object is no vector of texts")
    except (
        OSError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        struct.error,
        zlib.error,
    ) as error:
        raise DataError(f"{where}: its data cannot be read: {error}") from error
    return found


class _Reader:
    """Reads one serialised object; numbers are big-endian, versions 2 and 3."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 0
        self.symbols: list[Any] = []
        if self._taken(2) != b"X\n":
            raise ValueError("it is not R's binary form")
        version = self._integer()
        self._taken(8)
        if version == 3:
            self._taken(self._integer())

    def value(self, depth: int = 0) -> Any:
        flags = self._integer()
        kind, attributed, tagged = flags & 0xFF, bool(flags & 0x200), bool(flags & 0x400)
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
        if kind == NIL:
            return None
        if kind == REFERENCE:
            return self.symbols[(flags >> 8) - 1]
        if kind == SYMBOL:
            self.symbols.append(self.value(depth + 1))
            return self.symbols[-1]
        if kind == CHARACTERS:
            length = self._integer()
            return None if length < 0 else self._taken(length).decode("utf-8")
        if kind == PAIRS:
            return self._pairs(attributed, tagged, depth)
        count = self._integer()
        if kind in (LOGICAL, INTEGER):
            found: Any = [self._integer() for _ in range(count)]
        elif kind in (STRINGS, VECTOR):
            found = [self.value(depth + 1) for _ in range(count)]
        else:
            raise ValueError(f"objects of type {kind} are not read")
        names = (self.value(depth + 1) or {}).get("names") if attributed else None
        return dict(zip(names, found, strict=True)) if names and kind == VECTOR else found

    def _pairs(self, attributed: bool, tagged: bool, depth: int) -> dict[Any, Any]:
        """Read a list of pairs, which goes on until its rest is nil."""
        found = {}
        while True:
            if attributed:
                self.value(depth + 1)
            tag = self.value(depth + 1) if tagged else None
            found[tag] = self.value(depth + 1)
            flags = self._integer()
            if flags & 0xFF != PAIRS:
                return found
            attributed, tagged = bool(flags & 0x200), bool(flags & 0x400)

    def _integer(self) -> int:
        return int(struct.unpack(">i", self._taken(4))[0])

    def _taken(self, count: int) -> bytes:
        found = self.content[self.place : self.place + count]
        if len(found) != count:
            raise EOFError("it ends too soon")
        self.place += count
        return found

"""The IDX files of MNIST and its successors: a header of sizes, then bytes."""

from __future__ import annotations

import gzip
import math
import zlib

import numpy

from gatekit.cell.errors import DataError

UNSIGNED_BYTES = 8


def read_idx(content: bytes, shape: tuple[int, ...], where: str) -> numpy.ndarray:
    """Return the array of an IDX file of unsigned bytes, zipped or not.

    Two zero bytes, the type, the number of axes, the size of each in four bytes, then the values.

    Args:
        content: the file.
        shape: the shape that is expected.
        where: the file's name, for messages.

    Raises:
        DataError: it is damaged, or has another shape.
    """
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{where} is damaged: {error}") from None
    axes = len(shape)
    start = 4 + 4 * axes
    if content[:4] != bytes([0, 0, UNSIGNED_BYTES, axes]) or len(content) < start:
        raise DataError(f"{where} is no IDX file of unsigned bytes with {axes} axes.")
    found = tuple(int(n) for n in numpy.frombuffer(content[4:start], ">u4"))
    if found != shape or len(content) != start + math.prod(shape):
        raise DataError(
            f"{where} should hold {shape}; it says {found} and has {len(content) - start} values."
        )
    return numpy.frombuffer(content, "uint8", offset=start).reshape(shape)

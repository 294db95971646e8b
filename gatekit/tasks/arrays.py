"""Arrays in files: written atomically, read without unpickling; images in IDX files."""

from __future__ import annotations

import gzip
import io
import math
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy

from gatekit.cell.errors import DataError, listed
from gatekit.runs import durable

_UNSIGNED_BYTES = 8


def write_npz(path: Path, arrays: Mapping[str, numpy.ndarray]) -> None:
    """Store arrays by name, compressed and atomically.

    Args:
        path: the file; its folder must exist.
        arrays: the arrays by name; none may contain Python objects.
    """
    buffer = io.BytesIO()
    numpy.savez_compressed(buffer, allow_pickle=False, **arrays)
    durable.write(path, buffer.getvalue())


def read_npz(
    path: Path, names: Iterable[str], remedy: str, stored: bool = False
) -> dict[str, numpy.ndarray]:
    """Return arrays by name.

    Args:
        path: the file.
        names: the arrays that it must contain.
        remedy: what you can do about a damaged file.
        stored: whether to refuse compressed arrays, because a small file from elsewhere could
            unpack to any size; weights of runs are not compressed.

    Raises:
        DataError: the file is missing or damaged, is not an npz archive, contains pickled objects,
            lacks an array, or has a compressed array that ``stored`` refuses.
    """
    try:
        # Opened here, because numpy.load leaves a damaged file open.
        with durable.opened(path) as file:
            loaded = numpy.load(file, allow_pickle=False)
            if not isinstance(loaded, numpy.lib.npyio.NpzFile):
                raise DataError(f"{path} is not an npz archive; {remedy}")
            with loaded:
                missing = set(names) - set(loaded.files)
                if missing:
                    raise DataError(f"{path} lacks {listed(missing)}; {remedy}")
                infos = loaded.zip.infolist() if loaded.zip else []
                if stored and any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                    raise DataError(f"{path} contains compressed arrays; {remedy}")
                return {name: loaded[name] for name in names}
    except DataError:
        raise
    except Exception as error:
        # NumPy parses the header as Python, and it may declare any shape, so any error can occur.
        raise DataError(f"{path} cannot be read ({error}); {remedy}") from error


def read_idx(content: bytes, shape: tuple[int, ...], where: str) -> numpy.ndarray:
    """Return the array of an IDX file of unsigned bytes, gzipped or not.

    The file has two zero bytes, the type, the number of axes, the size of each axis in four bytes,
    then the values.

    Args:
        content: the content of the file.
        shape: the expected shape.
        where: the file's name, for messages.

    Raises:
        DataError: the file is damaged, or has another shape.
    """
    axes = len(shape)
    start = 4 + 4 * axes
    if content[:2] == b"\x1f\x8b":
        try:
            # Read at most one byte more than expected, whatever the size of the content.
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(start + math.prod(shape) + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{where} is damaged: {error}") from None
    if content[:4] != bytes([0, 0, _UNSIGNED_BYTES, axes]) or len(content) < start:
        raise DataError(f"{where} is not an IDX file of unsigned bytes with {axes} axes.")
    declared = tuple(int(n) for n in numpy.frombuffer(content[4:start], ">u4"))
    if declared != shape or len(content) != start + math.prod(shape):
        raise DataError(
            f"{where} should have the shape {shape}; its header has {declared}, and it has "
            f"{len(content) - start} values."
        )
    return numpy.frombuffer(content, "uint8", offset=start).reshape(shape)

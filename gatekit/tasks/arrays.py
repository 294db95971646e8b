"""Arrays kept in a file: written whole, read without ever unpickling."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy

from gatekit.cell.errors import DataError, listed
from gatekit.runs import durable


def write_npz(path: Path, arrays: Mapping[str, numpy.ndarray]) -> None:
    """Store arrays by name, compressed and atomically.

    Args:
        path: the file; its folder must exist.
        arrays: the arrays; none of Python objects.
    """
    buffer = io.BytesIO()
    numpy.savez_compressed(buffer, allow_pickle=False, **arrays)
    durable.write(path, buffer.getvalue())


def read_npz(path: Path, names: Iterable[str], remedy: str) -> dict[str, numpy.ndarray]:
    """Return arrays by name.

    Args:
        path: the file.
        names: the arrays that it must hold.
        remedy: what the user can do about a damaged file.

    Raises:
        DataError: the file is missing, truncated, holds pickled objects, or lacks an array.
    """
    try:
        # opened here, since numpy.load leaves a damaged file open
        with path.open("rb") as file:
            loaded = numpy.load(file, allow_pickle=False)
            if not isinstance(loaded, numpy.lib.npyio.NpzFile):
                raise DataError(f"{path} is not an npz archive; {remedy}")
            with loaded:
                missing = set(names) - set(loaded.files)
                if missing:
                    raise DataError(f"{path} lacks {listed(missing)}; {remedy}")
                return {name: loaded[name] for name in names}
    except DataError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); {remedy}") from error

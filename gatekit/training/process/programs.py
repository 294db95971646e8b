"""Programs compiled by XLA, shared by the runs of one command: they do not depend on the seed.

TensorFlow stores programs in a folder, named by their computation, and writes the files in place.
Each run therefore has its own folder, with links to the finished programs of other runs; its own
programs are linked into the common folder when it is not compiling. A program that is read computes
the same bits as one that is compiled.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "GATEKIT_PROGRAMS"
"""The environment variable that names the common folder to a run."""
FLAGS = "TF_XLA_FLAGS"

_FREE = 2 * 2**30
"""Bytes that must be free, because a run fails if the disk fills up while a program is written."""
_LARGEST = 256 * 2**20
"""Size of the common folder in bytes, above which no more programs are added."""

_own: Path | None = None


def begin() -> None:
    """Read and store programs from now on, if the command has a folder for them.

    Call this before XLA is first used in this process.
    """
    global _own
    place, flags = os.environ.get(VARIABLE), os.environ.get(FLAGS, "")
    if not place or "persistent_cache" in flags or len(place.split()) > 1:
        return
    with contextlib.suppress(OSError):
        if shutil.disk_usage(place).free < _FREE:
            return
        _own = Path(tempfile.mkdtemp(dir=place))
        _link(Path(place), _own)
        folder = f"--tf_xla_persistent_cache_directory={_own}"
        os.environ[FLAGS] = f"{flags} {folder} --tf_xla_persistent_cache_prefix=gatekit".strip()


def share() -> None:
    """Share the programs compiled so far with other runs; call it while nothing is compiling."""
    if _own is not None:
        with contextlib.suppress(OSError):
            if sum(file.stat().st_size for file in _own.parent.glob("*.pb")) < _LARGEST:
                _link(_own, _own.parent)


def end(orphan: bool) -> None:
    """Remove the run's own folder; an orphan also removes the common one.

    Args:
        orphan: whether the command, which otherwise removes the common folder, has ended.
    """
    if _own is not None:
        shutil.rmtree(_own.parent if orphan else _own, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    for file in source.glob("*.pb"):
        with contextlib.suppress(FileExistsError):
            os.link(file, target / file.name)

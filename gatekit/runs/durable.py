"""All writes of a study, so that one module decides what survives a crash."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import Any, BinaryIO

from .names import refuse_halves

MOST = 16 * 2**20
"""The most bytes that `read` accepts by default; metrics, weights and checkpoints may have more."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_GROW = os.O_RDWR | os.O_CREAT | os.O_APPEND


def opened(path: Path) -> BinaryIO:
    """Open a regular file for reading; refuse anything else, such as a FIFO, which would block.

    Args:
        path: the file.

    Raises:
        OSError: the file is missing, is not a regular file, or may not be read.
    """
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


class Disk:
    """The system calls that change a disk; tests replace it with a disk that fails."""

    def open(self, path: Path, flags: int) -> int:
        """Open a file and return its descriptor."""
        return os.open(path, flags | os.O_CLOEXEC, 0o644)

    def write(self, number: int, data: memoryview) -> int:
        """Return how many bytes were written, perhaps not all."""
        return os.write(number, data)

    def fsync(self, number: int) -> None:
        """Wait until the content of a file, or the names in a folder, are on the disk."""
        os.fsync(number)

    def close(self, number: int) -> None:
        """Close an opened file."""
        os.close(number)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file; an existing file with the new name is replaced."""
        os.replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name, which must not exist."""
        os.link(source, target)

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        os.unlink(path)

    def mkdir(self, path: Path) -> None:
        """Create a folder."""
        os.mkdir(path)

    def truncate(self, path: Path, size: int) -> None:
        """Truncate a file."""
        os.truncate(path, size)


disk = Disk()

TROUBLE = "input or output failed"
"""The beginning of the message from `trouble`."""


def read(path: Path, most: int = MOST) -> bytes:
    """Return the content of a regular file.

    Args:
        path: the file.
        most: the largest size, in bytes, that is read.

    Raises:
        OSError: the file is missing, is not a regular file, is larger, or may not be read.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"larger than {most:,} bytes", str(path))
        return file.read(size)


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a small file; empty if there is none or it cannot be read."""
    try:
        return parsed_object(read(path))
    except OSError:
        return {}


def parsed_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in some bytes; empty if they are anything else."""
    try:
        content = json.loads(data)
        refuse_halves(data, content)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def fault(path: Path) -> str:
    """Return why a file cannot be read."""
    try:
        opened(path).close()
    except OSError as error:
        return why(error)
    return "it is too large"


def why(error: OSError) -> str:
    """Return the reason why a file could not be read, in words."""
    return "it is missing" if missing(error) else error.strerror or str(error)


def missing(error: OSError) -> bool:
    """Return whether an error means that there is no such file."""
    return isinstance(error, FileNotFoundError | NotADirectoryError)


def target(path: Path) -> None:
    """Check that a file may be written: a FIFO would block, and a device would be replaced.

    Raises:
        OSError: the path exists and is not a regular file.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def write(path: Path, data: bytes | str) -> None:
    """Replace a file atomically: a reader sees the old content or the new, even after a crash.

    Args:
        path: the file; its folder must exist.
        data: the whole content; a string is written as UTF-8.
    """
    temporary = _written_beside(path, data)
    try:
        disk.replace(temporary, path)
    except BaseException:
        _discard(temporary)
        raise
    _sync_folder(path.parent)


def create(path: Path, data: bytes | str) -> bool:
    """Create a file with its content in one step; return False if it already exists.

    The file appears with its whole content, so no process ever sees a claim without its owner.
    """
    temporary = _written_beside(path, data)
    try:
        disk.link(temporary, path)
    except FileExistsError:
        # NFS also reports this if a request succeeded but its reply was lost.
        if not _same(temporary, path):
            return False
    finally:
        _discard(temporary)
    _sync_folder(path.parent)
    return True


def append(path: Path, line: str) -> None:
    """Append one line and wait until it is on the disk.

    If a crash left an incomplete line, a newline is added first, so the new line stays separate. A
    line that cannot be written completely is removed again.
    """
    fresh = not path.exists()
    number = disk.open(path, _GROW)
    try:
        end = os.lseek(number, 0, os.SEEK_END)
        torn = end > 0 and os.pread(number, 1, end - 1) != b"\n"
        try:
            _write_all(number, (b"\n" if torn else b"") + line.encode() + b"\n")
            disk.fsync(number)
        except OSError:
            with contextlib.suppress(OSError):
                disk.truncate(path, end)
            raise
    finally:
        disk.close(number)
    if fresh:
        _sync_folder(path.parent)


def fill(path: Path, line: str) -> None:
    """Write one line over the empty lines at the end of a file, which needs no space on the disk.

    If there are too few empty lines, the file grows. What a crash leaves of a line stays separate.
    """
    number = disk.open(path, os.O_RDWR | os.O_CREAT)
    try:
        # Two commands may write at the same time; without locks, one of two lines may be lost.
        with contextlib.suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_EX)
        content = os.pread(number, os.fstat(number).st_size, 0)
        os.lseek(number, len(content.rstrip(b"\n")), os.SEEK_SET)
        _write_all(number, b"\n" + line.encode() + b"\n")
        disk.fsync(number)
    finally:
        disk.close(number)


def open_log(path: Path) -> int:
    """Open a file to append to, without waiting for the disk; return its descriptor."""
    return disk.open(path, _GROW)


def folder(path: Path) -> None:
    """Create a folder and its parents, durably; an existing folder is not changed."""
    if path.is_dir():
        return
    if path.parent != path:
        folder(path.parent)
    with contextlib.suppress(FileExistsError):
        disk.mkdir(path)
    _sync_folder(path.parent)
    if not path.is_dir():
        raise NotADirectoryError(20, "there is a file where a folder is needed", str(path))


def move(source: Path, target: Path) -> None:
    """Rename a file to a name that must not exist, within one file system."""
    if os.path.lexists(target):
        raise FileExistsError(17, "will not overwrite", str(target))
    disk.replace(source, target)
    _sync_folder(target.parent)
    if target.parent != source.parent:
        _sync_folder(source.parent)


def remove(path: Path) -> None:
    """Remove a file if it exists."""
    with contextlib.suppress(FileNotFoundError):
        disk.unlink(path)
        _sync_folder(path.parent)


def sweep(path: Path) -> None:
    """Remove the temporary files that killed writers left in a folder."""
    for temporary in path.glob(".*.tmp"):
        _discard(temporary)


def truncate(path: Path, size: int) -> None:
    """Truncate a file, durably."""
    disk.truncate(path, size)
    number = disk.open(path, os.O_RDWR)
    try:
        disk.fsync(number)
    finally:
        disk.close(number)


def sha256(path: Path, size: int | None = None) -> str:
    """Return the SHA-256 of a file's content, or of its first bytes, as 64 hex digits."""
    with opened(path) as file:
        return digest(file, os.fstat(file.fileno()).st_size if size is None else size)


def digest(file: BinaryIO, size: int) -> str:
    """Return the SHA-256 of the next bytes of an open file, as 64 hex digits."""
    hashed = hashlib.sha256()
    while size and (block := file.read(min(size, 1 << 20))):
        hashed.update(block)
        size -= len(block)
    return hashed.hexdigest()


def trouble(error: OSError, path: Path) -> str:
    """Return a message about a disk error: where it occurred and how full the disk is.

    Args:
        error: the error.
        path: the run's folder, named if the error names no file.
    """
    where = error.filename or path
    message = f"{TROUBLE} at {where}: {error.strerror or error}"
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(_nearest(path)).free
        message += f"; {free / 2**20:,.0f} MiB are free there"
    return message


def _nearest(path: Path) -> Path:
    return path if path.exists() or path.parent == path else _nearest(path.parent)


def _written_beside(path: Path, data: bytes | str) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    number = disk.open(temporary, _NEW)
    try:
        try:
            _write_all(number, data.encode() if isinstance(data, str) else data)
            disk.fsync(number)
        finally:
            disk.close(number)
    except BaseException:
        _discard(temporary)
        raise
    return temporary


def _write_all(number: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[disk.write(number, view) :]


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        disk.unlink(path)


def _sync_folder(path: Path) -> None:
    number = disk.open(path, os.O_RDONLY)
    try:
        disk.fsync(number)
    except OSError as error:
        # Some network file systems store names durably anyway, and reject this call.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        disk.close(number)

"""Every write of a study passes through here, so that one place decides what survives a crash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path


def _step(operation: str, path: Path) -> None:
    """Stand before each system call; tests replace it to fail or kill at the k-th call."""


def write(path: Path, data: bytes | str) -> None:
    """Replace a file as a whole: a reader, or a crash, finds the old content or the new.

    Args:
        path: the file; its folder must exist.
        data: the whole content; text is written as UTF-8.
    """
    temporary = _written_beside(path, data)
    try:
        _step("replace", path)
        os.replace(temporary, path)
    except BaseException:
        _discard(temporary)
        raise
    _sync_folder(path.parent)


def create(path: Path, data: bytes | str) -> bool:
    """Create a file with its content in one step; return False where it exists already.

    The content is linked in place complete, so that nobody ever sees a claim without its owner.
    """
    temporary = _written_beside(path, data)
    try:
        _step("link", path)
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        _discard(temporary)
    _sync_folder(path.parent)
    return True


def append(path: Path, line: str) -> None:
    """Append one line and wait until it is on the disk.

    A torn line that a crash left behind is closed first, so that it never joins the new one.
    """
    _step("open", path)
    fresh = not path.exists()
    with open(path, "a+b", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        torn = False
        if end:
            file.seek(end - 1)
            torn = file.read(1) != b"\n"
        _step("write", path)
        _write_all(file.fileno(), (b"\n" if torn else b"") + line.encode() + b"\n")
        _step("fsync", path)
        os.fsync(file.fileno())
    if fresh:
        _sync_folder(path.parent)


def folder(path: Path) -> None:
    """Make a folder and its parents, durably; an existing one is left as it is."""
    if path.is_dir():
        return
    if path.parent != path:
        folder(path.parent)
    _step("mkdir", path)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)
        _sync_folder(path.parent)
    if not path.is_dir():
        raise NotADirectoryError(20, "a file stands where a folder is needed", str(path))


def move(source: Path, target: Path) -> None:
    """Move a file to a name that must be free, within one file system."""
    if target.exists():
        raise FileExistsError(17, "will not overwrite", str(target))
    _step("rename", source)
    os.rename(source, target)
    _sync_folder(target.parent)
    if target.parent != source.parent:
        _sync_folder(source.parent)


def truncate(path: Path, size: int) -> None:
    """Cut a file that grew beyond its limit."""
    _step("truncate", path)
    os.truncate(path, size)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hex digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _written_beside(path: Path, data: bytes | str) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    _step("open", temporary)
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        try:
            _step("write", temporary)
            _write_all(number, data.encode() if isinstance(data, str) else data)
            _step("fsync", temporary)
            os.fsync(number)
        finally:
            os.close(number)
    except BaseException:
        _discard(temporary)
        raise
    return temporary


def _write_all(number: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _sync_folder(path: Path) -> None:
    _step("fsync folder", path)
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

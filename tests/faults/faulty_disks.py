"""Disks on which the k-th call kills, fails, or is the last one before the power goes."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

from seams import durable

ERRORS = ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EACCES", "EMFILE")


class FaultyDisk(durable.Disk):
    """Does what is asked, until the k-th call; waits for no real disk.

    Args:
        k: the call at which something happens, from 1.
        stays: whether every later call meets the fault as well.
    """

    def __init__(self, k: int, stays: bool = False) -> None:
        self.k, self.stays, self.calls = k, stays, 0

    def fault(self, act, half):
        """Happen in place of a call; ``half`` does a part of it, where a call has parts."""
        raise NotImplementedError

    def _call(self, act, half=lambda: None):
        self.calls += 1
        if self.calls == self.k or (self.stays and self.calls > self.k):
            return self.fault(act, half)
        return act()

    def open(self, path, flags):
        return self._call(lambda: super(FaultyDisk, self).open(path, flags))

    def write(self, number, data):
        def put(part):
            return lambda: super(FaultyDisk, self).write(number, part)

        return self._call(put(data), put(data[: len(data) // 2]))

    def fsync(self, number):
        self._call(lambda: None)

    def replace(self, source, target):
        self._call(lambda: super(FaultyDisk, self).replace(source, target))

    def link(self, source, target):
        self._call(lambda: super(FaultyDisk, self).link(source, target))

    def unlink(self, path):
        self._call(lambda: super(FaultyDisk, self).unlink(path))

    def mkdir(self, path):
        self._call(lambda: super(FaultyDisk, self).mkdir(path))

    def truncate(self, path, size):
        self._call(lambda: super(FaultyDisk, self).truncate(path, size))


class KillingDisk(FaultyDisk):
    """The process is killed before the k-th call, or in the middle of it where it writes."""

    def __init__(self, k: int, torn: bool) -> None:
        super().__init__(k)
        self.torn = torn

    def fault(self, act, half):
        if self.torn:
            half()
        os.kill(os.getpid(), signal.SIGKILL)


class FailingDisk(FaultyDisk):
    """The k-th call fails with an error of the operating system, after half of what it writes."""

    def __init__(self, k: int, code: str, stays: bool) -> None:
        super().__init__(k, stays)
        self.code = getattr(errno, code)

    def fault(self, act, half):
        half()
        raise OSError(self.code, os.strerror(self.code))


class PowerDisk(FaultyDisk):
    """Remembers what is safe, and leaves only that when the power goes before the k-th call.

    Content is safe once its file was synchronised; a name once its folder was. What is left is
    written to a second tree.

    Args:
        root: the tree that is watched; it holds nothing yet.
        left: where what is left is put.
        names_kept: whether changes of names reach the disk by themselves, without the content.
    """

    def __init__(self, k: int, root: Path, left: Path, names_kept: bool) -> None:
        super().__init__(k)
        self.root, self.left, self.names_kept = root, left, names_kept
        self.content: dict[int, bytes] = {}
        self.names: dict[Path, dict[str, int | None]] = {root: {}}
        for folder, _, found in os.walk(root):
            self.names[Path(folder)] = _names(Path(folder))
            for name in found:
                path = Path(folder) / name
                self.content[path.stat().st_ino] = path.read_bytes()
        self.paths: dict[int, Path] = {}

    def fault(self, act, half):
        self._put(self.root, self.left)
        os.kill(os.getpid(), signal.SIGKILL)

    def open(self, path, flags):
        fresh = not path.exists()
        number = super().open(path, flags)
        self.paths[number] = Path(path)
        if fresh:
            # The number of a file that is gone may have been given out again.
            self.content.pop(os.fstat(number).st_ino, None)
        return number

    def fsync(self, number):
        super().fsync(number)
        path = self.paths[number]
        if path.is_dir():
            self.names[path] = _names(path)
        else:
            self.content[os.fstat(number).st_ino] = Path(f"/proc/self/fd/{number}").read_bytes()

    def _put(self, source: Path, target: Path) -> None:
        os.mkdir(target)
        names = _names(source) if self.names_kept else self.names.get(source, {})
        for name, inode in names.items():
            if inode is None:
                self._put(source / name, target / name)
            else:
                (target / name).write_bytes(self.content.get(inode, b""))


def _names(folder: Path) -> dict[str, int | None]:
    """Return what a folder holds: the number of each file, None for folders."""
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as found:
        return {e.name: None if e.is_dir(follow_symlinks=False) else e.inode() for e in found}

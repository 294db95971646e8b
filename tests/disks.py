"""A disk that counts the calls to it and fails at one of them, and a disk that is full."""

import errno
import fcntl
import os

from seams import durable


class CountingDisk(durable.Disk):
    """Notes each call; the k-th raises (k from 1; 0 fails nothing)."""

    def __init__(self, k=0, code=errno.ENOSPC, calls=("open", "write", "fsync", "replace", "link")):
        self.k, self.code, self.counted = k, code, calls
        self.calls = []

    def _step(self, name, path=None):
        if name in self.counted:
            self.calls.append(name)
            if len(self.calls) == self.k:
                where = None if path is None else str(path)
                raise OSError(self.code, os.strerror(self.code), where)

    def open(self, path, flags):
        self._step("open", path)
        return super().open(path, flags)

    def write(self, number, data):
        self._step("write")
        return super().write(number, data)

    def fsync(self, number):
        self._step("fsync")
        super().fsync(number)

    def replace(self, source, target):
        self._step("replace", source)
        super().replace(source, target)

    def link(self, source, target):
        self._step("link", source)
        super().link(source, target)

    def mkdir(self, path):
        self._step("mkdir", path)
        super().mkdir(path)


class FullDisk(durable.Disk):
    """Content can be overwritten, but no file can grow, and there is no space for another file."""

    def open(self, path, flags):
        if flags & os.O_CREAT and not os.path.exists(path):
            raise _full(path)
        return super().open(path, flags)

    def write(self, number, data):
        size = os.fstat(number).st_size
        appended = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_APPEND
        at = size if appended else os.lseek(number, 0, os.SEEK_CUR)
        if at + len(data) > size:
            raise _full(None)
        return super().write(number, data)

    def mkdir(self, path):
        raise _full(path)


def _full(path):
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path and str(path))

"""A disk that counts the calls to it, and fails at one of them."""

import errno
import os

from gatekit.runs import durable


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

"""What can be in the place of a file, and a process that may not read everything."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

_READS_ALL = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, for which modes of files do not count."""

KEYS = (
    *(
        "schema",
        "state",
        "attempt",
        "pid",
        "host",
        "born",
        "machine",
        "reason",
        "updated",
        "by",
        "because",
    ),
    *("command", "runs", "id", "label", "words", "origin", "job", "versions", "cpu", "gpu", "git"),
    *("python", "platform", "threads", "seconds", "plugins", "executor", "gatekit", "choices"),
    *("epoch", "layers", "seed", "cell", "task", "units", "files", "best", "metric", "position"),
)
"""Every key that gatekit reads in a file of a study."""


def content(data: bytes | str) -> Callable[[Path], None]:
    """Return what gives a file another content."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data

    def damage(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)

    return damage


def _huge(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    os.truncate(path, 2**30)


def _gone(path: Path) -> None:
    path.unlink(missing_ok=True)


def _folder(path: Path) -> None:
    _gone(path)
    path.mkdir(parents=True)


def _fifo(path: Path) -> None:
    _gone(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)


def _loop(path: Path) -> None:
    _gone(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path.name)


def _device(path: Path) -> None:
    _gone(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("/dev/zero")


def unreadable(path: Path) -> None:
    """Take every right to a file or folder away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(0)


def half(path: Path) -> None:
    """Cut a file in its middle."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def one_bit(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


PLACES: dict[str, Callable[[Path], None]] = {
    "missing": _gone,
    "a folder": _folder,
    "a FIFO": _fifo,
    "a link to itself": _loop,
    "a device": _device,
    "unreadable": unreadable,
    "huge": _huge,
}
CONTENTS: dict[str, Callable[[Path], None]] = {
    "empty": content(b""),
    "{}": content(b"{}"),
    "[]": content(b"[]"),
    "null": content(b"null"),
    "a string": content(b'"x"'),
    "1e999": content(b"1e999"),
    "a long number": content(b"9" * 5000),
    "deep": content(b'{"a":' * 100_000),
    "bytes": content(bytes(range(256))),
    "NUL": content(bytes(4096)),
    "UTF-16": content("{}".encode("utf-16")),
    **{
        f"keys with {value!r}": content(json.dumps(dict.fromkeys(KEYS, value)))
        for value in (None, -1, 1e308, True, "x", "\ud800", [], [[1, "a"]], {"x": {"y": 1}})
    },
}
EVERY = PLACES | CONTENTS


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Have the modes of files count for this thread, even if it belongs to root."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()

    def call(name: str) -> None:
        if getattr(libc, name)(header, data):
            raise OSError(ctypes.get_errno(), name)

    call("capget")
    before = data[0]
    data[0] &= ~_READS_ALL
    call("capset")
    try:
        yield
    finally:
        data[0] = before
        call("capset")


def readable_again(folder: Path) -> None:
    """Give rights back, so that a folder can be removed."""
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(0o700)

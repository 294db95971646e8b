"""A snapshot of global state, and its restoration after a plugin ran."""

from __future__ import annotations

import builtins
import contextlib
import gc
import locale
import os
import pickle
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy

from .plugin import PRIVATE

# Kept here, because a plugin may have replaced them by the time they are needed.
_get_limit, _set_limit = sys.getrecursionlimit, sys.setrecursionlimit
_OWNERS = {*sys.stdlib_module_names, "gatekit", "pluggy", "numpy"} - {"distutils"}
_CLASSES = ("gatekit", "pathlib")
_STREAMS = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")


@dataclass(frozen=True)
class SharedPart:
    """One part of the shared state.

    Args:
        change: the action that changes it, as the end of a sentence.
        read: returns its value.
        restore: sets a value that was read before.
    """

    change: str
    read: Callable[[], Any]
    restore: Callable[[Any], object]


class Snapshot:
    """A snapshot of the state that plugins share with gatekit.

    Args:
        package: the package of the plugin that will be loaded, empty for a file.
    """

    def __init__(self, package: str = "") -> None:
        self._limit = _get_limit()
        self._names = _Names(package)
        self._open = _OpenFiles()
        self._values = [(part, _read(part)) for part in PARTS]
        self._found: list[str] = []

    def restore_functions(self) -> None:
        """Restore the recursion limit and functions, which all other code needs."""
        if _get_limit() != self._limit:
            _set_limit(self._limit)
            self._found.append("changed the recursion limit")
        self._names.restore(self._found)

    def restore(self) -> tuple[str, ...]:
        """Restore everything and return the changes, each as the end of a sentence."""
        self.restore_functions()
        found = [*self._found, *self._open.restore()]
        for part, before in self._values:
            now = _read(part)
            if now != before:
                with contextlib.suppress(Exception):
                    part.restore(before)
                # Entries that libraries add to a list stay.
                found += [part.change] if _read(part) != now else []
        return tuple(found)


class _Names:
    """Functions and classes of Python, gatekit, pluggy and NumPy, and their modules.

    A function that a library replaces during its import, as typing_extensions does in ``typing``,
    is not restored.
    """

    def __init__(self, package: str) -> None:
        self.strangers = _OWNERS | {package}
        self.builtins = dict(vars(builtins))
        self.modules = {n: m for n, m in sys.modules.items() if n.partition(".")[0] in _OWNERS}
        self.owners: list[tuple[Any, dict[str, Any]]] = []
        for name, module in self.modules.items():
            if isinstance(module, ModuleType):
                values = dict(vars(module))
                self.owners.append((module, values))
                if name.partition(".")[0] in _CLASSES:
                    own = [c for c in values.values() if _defined_in(c, name)]
                    self.owners += [(cls, dict(vars(cls))) for cls in own]

    def restore(self, found: list[str]) -> None:
        # Uses no builtin function until these are restored.
        now = builtins.__dict__
        for name, value in self.builtins.items():
            if now.get(name) is not value and name != "_":
                now[name] = value
                found.append(f"replaced builtins.{name}")
        for name, module in self.modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
                found.append(f"replaced the module {name}")
        for owner, values in self.owners:
            now_there = owner.__dict__
            for name, value in values.items():
                now_is = now_there.get(name)
                if now_is is value or not _is_function(value) or self._is_of_library(now_is):
                    continue
                setattr(owner, name, value)
                found.append(f"replaced {owner.__name__}.{name}")
            for name in _hiding(owner, values):
                delattr(owner, name)
                found.append(f"replaced {owner.__name__}.{name}")

    def _is_of_library(self, value: object) -> bool:
        root = str(getattr(value, "__module__", "")).partition(".")[0]
        return bool(root) and root not in self.strangers and not root.startswith(PRIVATE)


def _hiding(owner: object, values: dict[str, Any]) -> list[str]:
    """Return the names added to a class that hide functions of its bases."""
    bases = owner.__mro__[1:] if isinstance(owner, type) else ()
    added = [name for name in owner.__dict__ if name not in values] if bases else []
    return [n for n in added if any(_is_function(vars(base).get(n)) for base in bases)]


def _is_function(value: object) -> bool:
    return callable(value) or isinstance(value, (classmethod, property))


def _defined_in(value: object, module: str) -> bool:
    return isinstance(value, type) and value.__module__ == module


class _OpenFiles:
    """The files behind standard input, output and error."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, int, tuple[int, int]]] = []
        for number in range(3):
            with contextlib.suppress(OSError):
                self.kept.append((number, os.dup(number), _identity(number)))
        self.open = {n: s for n in _STREAMS if not getattr(s := getattr(sys, n), "closed", True)}

    def restore(self) -> list[str]:
        changed = False
        for number, copy, identity in self.kept:
            now = None
            with contextlib.suppress(OSError):
                now = _identity(number)
            if now != identity:
                os.dup2(copy, number)
                changed = True
            os.close(copy)
        for name, stream in self.open.items():
            if stream.closed:
                number, mode = _STREAMS.index(name) % 3, "r" if "stdin" in name else "w"
                stream = os.fdopen(
                    number, mode, encoding=stream.encoding, errors=stream.errors, closefd=False
                )
                changed = True
            setattr(sys, name, stream)
        return ["closed or replaced standard input or output"] if changed else []


def _identity(number: int) -> tuple[int, int]:
    status = os.fstat(number)
    return status.st_dev, status.st_ino


def _read(part: SharedPart) -> Any:
    try:
        return part.read()
    except Exception:
        return None


def _restore_env(before: dict[str, str]) -> None:
    # TensorFlow may read variables later that it sets during its import.
    kept = ("TF", "KMP") if "tensorflow" in sys.modules else ()
    for name in set(os.environ) - set(before):
        if not name.startswith(kept):
            del os.environ[name]
    os.environ.update(before)


def _list(
    name: str, stays: Callable[[Any, list[Any]], bool] = lambda new, before: False
) -> SharedPart:
    """Return a list of ``sys`` as a part: the object and its entries.

    Args:
        name: the list's name.
        stays: returns whether an added entry is kept, at the end of the list, because a library
            needs it.
    """

    def read() -> tuple[list[Any], list[Any]]:
        held = getattr(sys, name)
        return held, list(held)

    def restore(before: tuple[list[Any], list[Any]]) -> None:
        held, entries = before
        new = [e for e in getattr(sys, name) if e not in entries and stays(e, entries)]
        held[:] = [*entries, *new]
        setattr(sys, name, held)

    return SharedPart(f"changed sys.{name}", read, restore)


def _is_below(entry: object, before: list[Any]) -> bool:
    """Return whether a folder is inside an earlier entry, like the folder that setuptools adds."""
    return any(f and str(entry).startswith(str(f) + os.sep) for f in before)


def _handlers() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {n: h for n in signal.valid_signals() if (h := signal.getsignal(n)) is not None}


def _restore_handlers(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _restore_gc(on: bool) -> None:
    (gc.enable if on else gc.disable)()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _running_timer() -> bool:
    return signal.getitimer(signal.ITIMER_REAL)[0] > 0


PARTS = (
    SharedPart("changed the working folder", os.getcwd, os.chdir),
    SharedPart(
        "replaced os.environ", lambda: os.environ, lambda mine: setattr(os, "environ", mine)
    ),
    SharedPart("changed environment variables", lambda: dict(os.environ), _restore_env),
    _list("path", _is_below),
    _list("argv"),
    _list("meta_path", lambda finder, _: True),
    SharedPart("used or seeded Python's global random generator", random.getstate, random.setstate),
    SharedPart(
        "used or seeded NumPy's global random generator",
        # Compared as bytes, because comparing arrays does not return a single boolean.
        lambda: pickle.dumps(numpy.random.get_state()),
        lambda state: numpy.random.set_state(pickle.loads(state)),
    ),
    SharedPart("changed NumPy's handling of errors", numpy.geterr, lambda s: numpy.seterr(**s)),
    SharedPart("changed a signal's handler", _handlers, _restore_handlers),
    SharedPart(
        "blocked signals",
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, []),
        lambda mask: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
    ),
    SharedPart("set a timer", _running_timer, lambda _: signal.setitimer(signal.ITIMER_REAL, 0)),
    SharedPart(
        "changed the locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda name: locale.setlocale(locale.LC_ALL, name),
    ),
    SharedPart("changed the file mode mask", _umask, os.umask),
    SharedPart("turned garbage collection off or on", gc.isenabled, _restore_gc),
    SharedPart("set a trace function", sys.gettrace, sys.settrace),
    SharedPart("set a profile function", sys.getprofile, sys.setprofile),
)


@contextlib.contextmanager
def streams_to(stream: object) -> Iterator[None]:
    """Send standard output and error to a stream that the block cannot close."""
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = _Unclosed(stream)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Unclosed:
    """Forwards everything to a stream except ``close`` and ``detach``."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def close(self) -> None:
        """Do nothing."""

    def detach(self) -> Any:
        """Return this stream itself."""
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

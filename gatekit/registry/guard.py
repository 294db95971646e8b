"""The guard around plugins' code: describes what it raises, and reverts what it changes.

Plugins are loaded in it, and runs call callbacks, trackers and tasks in it. It is not a sandbox.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy

from gatekit.cell.errors import PluginError

from .author import described

_started: set[threading.Thread] = set()
T = TypeVar("T")


@dataclass(frozen=True)
class CallOutcome(Generic[T]):
    """The outcome of loading a plugin.

    Attributes:
        value: the result; None if an exception was raised.
        reason: why it failed, in one line; empty if it returned.
        traceback: the traceback of the exception.
        changes: the reverted changes to the process, each as the end of a sentence.
    """

    value: T | None = None
    reason: str = ""
    traceback: str = ""
    changes: tuple[str, ...] = ()


@contextlib.contextmanager
def guarded() -> Iterator[list[str]]:
    """Run plugins' code in the block, then revert its changes and list them, as ends of sentences.

    Raises:
        BaseException: a signal handler raised it, as for Ctrl-C, whatever the block made of it.
    """
    process, changes = os.getpid(), list[str]()
    handlers, before = _Handlers(), {part: _read(part) for part in _PARTS}
    try:
        yield changes
    finally:
        if os.getpid() != process:
            # A child that the plugin forked must not continue as a second gatekit.
            os._exit(0)
        changes += handlers.restore()
        for part, was in before.items():
            now = _read(part)
            if was is not None and now != was:
                with contextlib.suppress(Exception):
                    _PARTS[part][1](was)
                # What libraries added may stay.
                changes += [part] if part != _FILTERS and _read(part) != now else []
        if handlers.raised is not None:
            raise handlers.raised


def attempt(call: Callable[[], T], path: Path | None) -> CallOutcome[T]:
    """Load a plugin from a file in the guard; record what it raises, and print only to stderr.

    Raises:
        BaseException: a signal handler raised it.
    """
    value, failure, threads = None, ("", ""), set(threading.enumerate())
    out, err = contextlib.redirect_stdout(sys.stderr), contextlib.redirect_stderr(sys.stderr)
    with guarded() as changes, out, err:
        try:
            value = call()
        except BaseException as error:
            failure = described(error, path)
    if started := set(threading.enumerate()) - threads:
        _started.update(started)
        changes.append("started a thread, which ends with the command")
    return CallOutcome(value, *failure, tuple(changes))


@contextlib.contextmanager
def named(what: str, path: Path | None = None) -> Iterator[list[str]]:
    """Run code of a plugin as `guarded` does; an exception of any kind names its origin.

    Raises:
        PluginError: the block raised an exception; the message begins with ``what``.
        BaseException: a signal handler raised it.
    """
    with guarded() as changes:
        try:
            yield changes
        except BaseException as error:
            raise PluginError(f"{what}: {described(error, path)[0]}") from error


def leave(code: int) -> None:
    """End the process with an exit code at once if a thread of a plugin that was loaded runs."""
    if any(thread.is_alive() for thread in _started):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


class _Handlers:
    """Wraps the signal handlers of the process, and remembers an exception that they raise."""

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self.before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            self.before = {n: signal.getsignal(n) for n in signal.valid_signals()}
        for number, handler in self.before.items():
            if callable(handler):
                signal.signal(number, self)

    def __call__(self, number: int, frame: object) -> None:
        try:
            self.before[number](number, frame)
        except BaseException as error:
            self.raised = error
            raise

    def restore(self) -> list[str]:
        changed = False
        for number, handler in self.before.items():
            now = signal.getsignal(number)
            changed = changed or now is not (self if callable(handler) else handler)
            if handler is not None and now is not handler:
                signal.signal(number, handler)
        return ["changed a signal's handler"] if changed else []


def _read(part: str) -> Any:
    """Return the value of a part; None if it cannot be read, such as without its library."""
    with contextlib.suppress(Exception):
        return _PARTS[part][0]()
    return None


def _set_environment(before: dict[str, str]) -> None:
    # TensorFlow may read variables later that it sets during its import.
    kept = ("TF", "KMP") if "tensorflow" in sys.modules else ()
    for name in set(os.environ) - set(before):
        if not name.startswith(kept):
            del os.environ[name]
    os.environ.update(before)


def _set_path(before: list[str]) -> None:
    # A folder inside an earlier entry stays, like the one that setuptools adds for itself.
    below = [e for e in sys.path if any(f and str(e).startswith(f + os.sep) for f in before)]
    sys.path = [*before, *(entry for entry in below if entry not in before)]


def _set_filters(before: list[Any]) -> None:
    warnings.resetwarnings()  # forgets what the filters decided before
    filters: Any = warnings.filters
    filters[:] = before


def _module(name: str) -> Any:
    return sys.modules[name]


_FILTERS = "changed warning filters"  # not reported, because imports of libraries add some
_PARTS: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "changed the recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "changed the working folder": (os.getcwd, os.chdir),
    "changed environment variables": (lambda: dict(os.environ), _set_environment),
    "changed sys.path": (lambda: list(sys.path), _set_path),
    "used or seeded Python's global random generator": (random.getstate, random.setstate),
    "used or seeded NumPy's global random generator": (
        # Compared as bytes, because comparing arrays does not return a single boolean.
        lambda: pickle.dumps(numpy.random.get_state()),
        lambda state: numpy.random.set_state(pickle.loads(state)),
    ),
    "changed NumPy's handling of errors": (numpy.geterr, lambda kinds: numpy.seterr(**kinds)),
    "set TensorFlow's global seed": (
        lambda: _module("tensorflow").compat.v1.random.get_seed(1)[0],
        lambda seed: _module("tensorflow").random.set_seed(seed),
    ),
    "changed Keras' dtype policy": (
        lambda: _module("keras").config.dtype_policy().name,
        lambda name: _module("keras").config.set_dtype_policy(name),
    ),
    "changed Keras' floatx": (
        lambda: _module("keras").config.floatx(),
        lambda name: _module("keras").config.set_floatx(name),
    ),
    _FILTERS: (lambda: list(warnings.filters), _set_filters),
}

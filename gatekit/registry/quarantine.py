"""Runs a plugin's code in isolation: describes its exceptions and reverts its changes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from gatekit.cell.errors import PluginError

from .author import reason_of
from .plugin import DiscoveredPlugin
from .shared_state import Snapshot, streams_to

SLOW = 5.0
"""Seconds after which the name of a plugin that is still loading is written to stderr."""

_LONGEST = 20_000
_start = threading.Thread.start
_threads: list[threading.Thread] = []

T = TypeVar("T")


@dataclass(frozen=True)
class CallOutcome(Generic[T]):
    """The outcome of calling a plugin.

    Attributes:
        value: the result of the call; None if it raised an exception.
        reason: why it failed, in one line; empty if it returned.
        traceback: the traceback of the exception.
        changes: the plugin's changes to the process, reverted where possible, each as the end of a
            sentence.
    """

    value: T | None = None
    reason: str = ""
    traceback: str = ""
    changes: tuple[str, ...] = ()


def attempt(plugin: DiscoveredPlugin, call: Callable[[], T]) -> CallOutcome[T]:
    """Call a plugin's code, record any exception, and revert its changes to the process.

    The exception of a signal handler, such as for Ctrl-C, is not the plugin's and is raised.

    Args:
        plugin: the plugin.
        call: runs its code.

    Raises:
        BaseException: a signal handler raised it.
    """
    value, failure, process = None, ("", ""), os.getpid()
    before = Snapshot(plugin.module.partition(".")[0])
    threads, children = set(threading.enumerate()), _children()
    handlers = _Handlers()
    try:
        with _announced(plugin), _daemonic(), warnings.catch_warnings(), streams_to(sys.stderr):
            try:
                try:
                    value = call()
                finally:
                    before.restore_functions()
            except BaseException as error:
                failure = described(error, plugin.path)
    finally:
        if os.getpid() != process:
            # A child that the plugin forked must not continue as a second gatekit.
            os._exit(0)
        handlers.remove()
        changes = before.restore()
    if handlers.raised is not None:
        raise handlers.raised
    if started := [t for t in threading.enumerate() if t not in threads]:
        _threads.extend(started)
        changes += ("started a thread, which ends with the command",)
    if mine := [child for child in _children() if child not in children]:
        for child in mine:
            child.kill()
        changes += ("started a process, which was ended",)
    return CallOutcome(value, *failure, changes)


def called(plugin: DiscoveredPlugin, what: str, call: Callable[[], T]) -> T:
    """Call a plugin's code; any exception that it raises ends the command.

    Args:
        plugin: the plugin.
        what: the hook, for the message.
        call: runs its code.

    Raises:
        PluginError: the code raised an exception of any kind.
        BaseException: a signal handler raised it.
    """
    handlers = _Handlers()
    try:
        return call()
    except BaseException as error:
        if handlers.raised is not None:
            raise
        raise PluginError(f"{plugin}: {what}: {described(error, plugin.path)[0]}") from error
    finally:
        handlers.remove()


def is_held() -> bool:
    """Return whether a thread that a plugin started while it was loaded still runs."""
    return any(thread.is_alive() for thread in _threads)


def leave(code: int) -> None:
    """Flush all output and end the process immediately if a thread of a plugin still runs.

    Args:
        code: the exit code.
    """
    if is_held():
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
            for number in signal.valid_signals():
                handler = signal.getsignal(number)
                if callable(handler):
                    self.before[number] = handler
                    signal.signal(number, self)

    def __call__(self, number: int, frame: object) -> None:
        try:
            self.before[number](number, frame)
        except BaseException as error:
            self.raised = error
            raise

    def remove(self) -> None:
        for number, handler in self.before.items():
            # Any other handler is the plugin's and is reverted with its other changes.
            if signal.getsignal(number) is self:
                signal.signal(number, handler)


@contextlib.contextmanager
def _announced(plugin: DiscoveredPlugin) -> Iterator[None]:
    """Print the name of a plugin that takes long to load."""
    stream = sys.stderr
    timer = threading.Timer(SLOW, lambda: stream.write(f"gatekit: still loading {plugin}\n"))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # Otherwise it would count as a thread of the plugin.
        timer.join(1.0)


@contextlib.contextmanager
def _daemonic() -> Iterator[None]:
    """Start all threads as daemons, which do not keep the process alive."""

    def start(self: threading.Thread) -> None:
        self.daemon = True
        _start(self)

    threading.Thread.start = start  # type: ignore[method-assign]
    try:
        yield
    finally:
        threading.Thread.start = _start  # type: ignore[method-assign]


def _children() -> list[Any]:
    """Return the processes of multiprocessing that Python would wait for at its exit."""
    multiprocessing = sys.modules.get("multiprocessing")
    running = [] if multiprocessing is None else multiprocessing.active_children()
    return [child for child in running if not child.daemon]


def described(error: BaseException, path: Path | None) -> tuple[str, str]:
    """Return reason and traceback of an error, even if the error's own methods fail.

    Args:
        error: the exception that a plugin raised.
        path: the plugin's file.
    """
    try:
        reason = reason_of(error, path)
    except BaseException:
        reason = f"{_name(error)}, whose message cannot be shown"
    try:
        text = "".join(traceback.format_exception(error))[-_LONGEST:]
    except BaseException:
        text = f"Traceback: {_name(error)}, which cannot be shown"
    return reason, text


def _name(error: BaseException) -> str:
    return str(type.__getattribute__(type(error), "__name__"))

"""Runs code of a plugin in isolation: describes what it raises, reverts what it changes."""

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
    """What came of calling a plugin.

    Attributes:
        value: what the call returned; None if it raised.
        reason: why it failed, in one line; empty if it returned.
        traceback: the traceback of what it raised.
        changes: what it changed in the process, each as the end of a sentence; it was reverted.
    """

    value: T | None = None
    reason: str = ""
    traceback: str = ""
    changes: tuple[str, ...] = ()


def attempt(plugin: DiscoveredPlugin, call: Callable[[], T]) -> CallOutcome[T]:
    """Call code of a plugin; whatever it raises is recorded, and what it changes is reverted.

    What a handler of a signal raises meanwhile, as for Ctrl-C, is not the plugin's and is raised.

    Args:
        plugin: whose code it is.
        call: what runs it.

    Raises:
        BaseException: what the handler of a signal raised.
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
            # A child that the plugin forked must not go on as a second gatekit.
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
    """Call code of a plugin whose failure ends what is being done.

    Args:
        plugin: whose code it is.
        what: what is called, for the message.
        call: what runs it.

    Raises:
        PluginError: it raised, whatever it raised.
        BaseException: what the handler of a signal raised.
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
    """End the process at once if threads of plugins would hold it; all output is flushed.

    Args:
        code: the exit code.
    """
    if is_held():
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


class _Handlers:
    """Signal handlers that remember what the handler before them raised."""

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
            # Another handler is the plugin's, and is reverted with all that it changed.
            if signal.getsignal(number) is self:
                signal.signal(number, handler)


@contextlib.contextmanager
def _announced(plugin: DiscoveredPlugin) -> Iterator[None]:
    """Name a plugin that does not come to an end."""
    stream = sys.stderr
    timer = threading.Timer(SLOW, lambda: stream.write(f"gatekit: still loading {plugin}\n"))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # or it would be taken for a thread of the plugin
        timer.join(1.0)


@contextlib.contextmanager
def _daemonic() -> Iterator[None]:
    """Start threads so that they do not hold the process at its end."""

    def start(self: threading.Thread) -> None:
        self.daemon = True
        _start(self)

    threading.Thread.start = start  # type: ignore[method-assign]
    try:
        yield
    finally:
        threading.Thread.start = _start  # type: ignore[method-assign]


def _children() -> list[Any]:
    """Return the processes started by multiprocessing for which Python would wait."""
    multiprocessing = sys.modules.get("multiprocessing")
    running = [] if multiprocessing is None else multiprocessing.active_children()
    return [child for child in running if not child.daemon]


def described(error: BaseException, path: Path | None) -> tuple[str, str]:
    """Return reason and traceback of an error, whose own methods may fail, too.

    Args:
        error: what a plugin raised.
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

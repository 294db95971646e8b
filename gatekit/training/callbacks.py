"""Plugins during a run: call their callbacks, and revert changes that plugins make to the process.

An error names the callback that raised it. Changes to the process are detected, reverted and
reported.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import pickle
import random
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

import keras
import numpy
import tensorflow as tf

from gatekit.cell.errors import PluginError
from gatekit.runs.process import STOP_SIGNALS

Event = Literal["start", "epoch", "end"]


class Callbacks:
    """The callables of one run, in the order in which their plugins were loaded.

    Args:
        called: each is called as ``f(event, **facts)``. A callback with a memory has ``state()``,
            which returns it as plain data, and ``restore(state)``, which receives it when a run
            continues from a checkpoint.
    """

    def __init__(self, called: Sequence[Callable[..., Any]] = ()) -> None:
        self.called = tuple(called)

    def tell(self, event: Event, **facts: Any) -> None:
        """Call every callback.

        Raises:
            PluginError: a callback raises; the message names it and its file.
        """
        for callback in self.called:
            with _named(callback, f"at {event!r}"):
                callback(event, **facts)

    def state(self) -> list[list[Any]]:
        """Return the states of callbacks: the name and the state of each that has one.

        Raises:
            PluginError: a callback raises, or its state is not plain data.
        """
        states = []
        for callback in self.called:
            if hasattr(callback, "state"):
                with _named(callback, "in state()"):
                    states.append([_name(callback), json.loads(json.dumps(callback.state()))])
        return states

    def restore(self, kept: Sequence[Sequence[Any]]) -> None:
        """Pass each stored state to the callback of the same name.

        Raises:
            PluginError: a callback raises.
        """
        left = [(name, state) for name, state in kept]
        for callback in self.called:
            at = next((i for i, (name, _) in enumerate(left) if name == _name(callback)), None)
            if at is not None and hasattr(callback, "restore"):
                with _named(callback, "in restore()"):
                    callback.restore(left.pop(at)[1])


@contextlib.contextmanager
def _named(callback: object, where: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise PluginError(
            f"the callback {_name(callback)} raised {type(error).__name__} {where}: "
            f"{error}. Fix it, or omit its plugin."
        ) from error


def _name(callback: object) -> str:
    known = callback if inspect.isroutine(callback) else type(callback)
    name = str(getattr(known, "__qualname__", type(known).__name__))
    try:
        return f"{name} ({Path(inspect.getfile(known)).name})"
    except (TypeError, OSError):
        return name


@contextlib.contextmanager
def guarded(where: str, warn: Callable[[str], None], printing: bool = False) -> Iterator[None]:
    """Run a block that calls plugins; afterwards, report and revert its changes to the process.

    Args:
        where: what the block does, for the warning.
        warn: called with each warning.
        printing: whether the block may write to standard output.
    """
    before = _shared()
    watched = None if printing else _WatchedStream(sys.stdout)
    with contextlib.redirect_stdout(watched) if watched else contextlib.nullcontext():
        yield
    changes = ["wrote to standard output"] if watched and watched.written else []
    after = _shared()
    for name, (change, restore) in _RESTORED.items():
        if before[name] != after[name]:
            changes.append(change)
            restore(before[name])
    if changes:
        warn(
            f"{where}: a plugin {', '.join(changes)}. Changes to the process were reverted. A run "
            "must depend on its configuration and seed only."
        )


class _WatchedStream:
    """Passes all output on, and records whether there was any."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.written = stream, False

    def write(self, text: str) -> int:
        self.written = self.written or bool(text.strip())
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _shared() -> dict[str, Any]:
    return {
        "cwd": _cwd(),
        "env": dict(os.environ),
        "python": random.getstate(),
        # Compared as bytes, because == of arrays is not one boolean.
        "numpy": pickle.dumps(numpy.random.get_state()),
        "tensorflow": tf.compat.v1.random.get_seed(1)[0],
        "policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "signals": [signal.getsignal(number) for number in STOP_SIGNALS],
    }


def _cwd() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _restore_cwd(path: str) -> None:
    if path:
        os.chdir(path)


def _restore_env(before: dict[str, str]) -> None:
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


def _restore_signals(before: list[Any]) -> None:
    with contextlib.suppress(ValueError):
        for number, handler in zip(STOP_SIGNALS, before, strict=True):
            signal.signal(number, handler)


_RESTORED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "cwd": ("changed the working folder", _restore_cwd),
    "env": ("changed environment variables", _restore_env),
    "python": ("used or seeded Python's global random generator", random.setstate),
    "numpy": (
        "used or seeded NumPy's global random generator",
        lambda state: numpy.random.set_state(pickle.loads(state)),
    ),
    "tensorflow": ("set TensorFlow's global seed", tf.random.set_seed),
    "policy": ("changed Keras' dtype policy", keras.config.set_dtype_policy),
    "floatx": ("changed Keras' floatx", keras.config.set_floatx),
    "signals": ("changed a signal's handler", _restore_signals),
}

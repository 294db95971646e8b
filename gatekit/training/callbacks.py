"""Plugins during a run: call their callbacks, and report what they changed in the process."""

from __future__ import annotations

import contextlib
import inspect
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from gatekit.registry.guard import guarded, named

Event = Literal["start", "epoch", "end"]


class Callbacks:
    """The callables of one run, in the order in which their plugins were loaded.

    Args:
        called: each is called as ``f(event, **facts)``. A callback with a memory has ``state()``,
            which returns it as plain data, and ``restore(state)``, which receives it when a run
            continues from a checkpoint.

    Attributes:
        warn: called with each warning.
    """

    def __init__(self, called: Sequence[Callable[..., Any]] = ()) -> None:
        self.called = tuple(called)
        self.warn: Callable[[str], object] = warnings.warn

    def tell(self, event: Event, **facts: Any) -> None:
        """Call every callback.

        Raises:
            PluginError: a callback raises; the message names it and its file.
        """
        for callback in self.called:
            with self._named(callback, f"at {event!r}"):
                callback(event, **facts)

    def state(self) -> list[list[Any]]:
        """Return the states of callbacks: the name and the state of each that has one.

        Raises:
            PluginError: a callback raises, or its state is not plain data.
        """
        states = []
        for callback in self.called:
            if hasattr(callback, "state"):
                with self._named(callback, "in state()"):
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
                with self._named(callback, "in restore()"):
                    callback.restore(left.pop(at)[1])

    @contextlib.contextmanager
    def _named(self, callback: object, where: str) -> Iterator[None]:
        what = f"the callback {_name(callback)} {where}"
        with named(what) as changes:
            yield
        _report(what, changes, self.warn)


def _name(callback: object) -> str:
    known = callback if inspect.isroutine(callback) else type(callback)
    name = str(getattr(known, "__qualname__", type(known).__name__))
    try:
        return f"{name} ({Path(inspect.getfile(known)).name})"
    except (TypeError, OSError):
        return name


@contextlib.contextmanager
def reported(where: str, warn: Callable[[str], object]) -> Iterator[None]:
    """Run a block that calls plugins; afterwards, revert and report its changes to the process.

    Args:
        where: what the block does, for the warning.
        warn: called with the warning.
    """
    with guarded() as changes:
        yield
    _report(f"{where}: a plugin", changes, warn)


def _report(what: str, changes: Sequence[str], warn: Callable[[str], object]) -> None:
    if changes:
        warn(
            f"{what} {', '.join(changes)}, which was reverted. A run must depend on its "
            "configuration and seed only."
        )

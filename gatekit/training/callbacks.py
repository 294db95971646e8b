"""Callbacks of plugins: called in turn, and named if they raise."""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from gatekit.cell.errors import PluginError

Event = Literal["start", "epoch", "end"]


class Callbacks:
    """The callables of one run, in the order in which their plugins were loaded.

    Args:
        called: each is called as ``f(event, **facts)``. One that remembers something has
            ``state()``, which returns it as plain data, and ``restore(state)``: a run that goes on
            from a checkpoint hands it back.
    """

    def __init__(self, called: Sequence[Callable[..., Any]] = ()) -> None:
        self.called = tuple(called)

    def tell(self, event: Event, **facts: Any) -> None:
        """Call every callback.

        Raises:
            PluginError: one of them raises; the message names it and its file.
        """
        for callback in self.called:
            with _named(callback, f"at {event!r}"):
                callback(event, **facts)

    def state(self) -> list[list[Any]]:
        """Return what callbacks remember: name and state of each that has one.

        Raises:
            PluginError: one of them raises, or its state is not plain data.
        """
        states = []
        for callback in self.called:
            if hasattr(callback, "state"):
                with _named(callback, "in state()"):
                    states.append([_name(callback), json.loads(json.dumps(callback.state()))])
        return states

    def restore(self, kept: Sequence[Sequence[Any]]) -> None:
        """Give back what callbacks of the same name remembered.

        Raises:
            PluginError: one of them raises.
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

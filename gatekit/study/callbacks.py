"""What plugins want to be told of a run: called in turn, and named where they raise."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from gatekit.cell.errors import PluginError

Event = Literal["start", "epoch", "end"]


class Callbacks:
    """The callables of one run, in the order in which their plugins were loaded.

    Args:
        called: each is called as ``f(event, **facts)``.
    """

    def __init__(self, called: Sequence[Callable[..., Any]] = ()) -> None:
        self.called = tuple(called)

    def tell(self, event: Event, **facts: Any) -> None:
        """Call every callback.

        Raises:
            PluginError: one of them raises; the message names it and its file.
        """
        for callback in self.called:
            try:
                callback(event, **facts)
            except Exception as error:
                raise PluginError(
                    f"the callback {_name(callback)} raised {type(error).__name__} at {event!r}: "
                    f"{error}. Mend it, or leave its plugin out."
                ) from error


def _name(callback: Any) -> str:
    known = callback if inspect.isroutine(callback) else type(callback)
    name = str(getattr(known, "__qualname__", type(known).__name__))
    try:
        return f"{name} ({Path(inspect.getfile(known)).name})"
    except (TypeError, OSError):
        return name

"""The border of the public API: an error of a user's call is shown without gatekit's own frames."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from gatekit.cell.errors import GatekitError
from gatekit.faults import Channel

P = ParamSpec("P")
R = TypeVar("R")

TRACEBACK = "GATEKIT_TRACEBACK"
"""The environment variable that keeps the frames if it is ``full``."""


def border(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function; the traceback of a `GatekitError` that it raises begins at its caller.

    The message of such an error states what to type, and a hundred frames of gatekit, Keras and
    Hydra above it would hide where the user's own line is. Other errors keep all of their frames.
    """

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        __tracebackhide__ = True  # pytest omits this frame, too
        try:
            return function(*args, **options)
        except GatekitError as error:
            if os.environ.get(TRACEBACK) == "full":
                raise
            raise error.with_traceback(None) from None

    # Keras reads the positions of a layer's arguments from this.
    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return call


@contextlib.contextmanager
def spoken_as(channel: Channel) -> Iterator[None]:
    """Spell the faults of errors in the block for a channel, unless an inner border has."""
    try:
        yield
    except GatekitError as error:
        raise error.spoken(channel) from error.__cause__

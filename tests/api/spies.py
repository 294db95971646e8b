"""Record which arguments functions receive, without replacing the functions."""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FrameType, MappingProxyType
from typing import Any

from gatekit.cell.errors import GatekitError

Leaves = dict[tuple[str, ...], str]
"""Each plain value inside an argument, by the names and places that lead to it."""

# The command as it was typed contains every argument; repeating it proves nothing.
_TYPED = ("command", "typed", "self")


class _Reached(BaseException):
    """The last function was called, so the rest of the call need not run."""


def look_up(place: str) -> Any:
    """Return the object at ``package.module:Class.name``."""
    module, _, names = place.partition(":")
    value: Any = importlib.import_module(module)
    for name in names.split("."):
        value = inspect.getattr_static(value, name)
    return inspect.unwrap(getattr(value, "__func__", value))


def leaves(value: object, path: tuple[str, ...] = ()) -> Leaves:
    """Return the plain values inside a value."""
    if isinstance(value, argparse.Namespace):
        value = vars(value)
    if isinstance(value, (dict, MappingProxyType)):
        inner = [(str(name), each) for name, each in value.items()]
    elif isinstance(value, (list, tuple, range)):
        inner = [(str(place), each) for place, each in enumerate(value)]
    else:
        plain = value is None or isinstance(value, (str, int, float, Path))
        return {path: str(value) if plain else _named(value)}
    if not inner:
        return {path: "empty"}
    return {k: v for name, each in inner for k, v in leaves(each, (*path, name)).items()}


def _named(value: object) -> str:
    if hasattr(value, "tolist"):
        return str(value.tolist())
    return re.sub(r" object at 0x\w+", "", f"<{type(value).__name__} object>")


def received(places: Sequence[str], call: Callable[[], object]) -> tuple[Leaves, str]:
    """Return what functions received in a call, and the error that ended it.

    The call ends when the last of the functions is called. Without functions, the result is
    returned instead.

    Args:
        places: the functions, as for `found`.
        call: the call.
    """
    codes: dict[CodeType, str] = {look_up(place).__code__: place for place in places}
    seen: Leaves = {}
    count = dict.fromkeys(places, 0)

    def spy(frame: FrameType, event: str, _: object) -> None:
        place = codes.get(frame.f_code) if event == "call" else None
        if place is None:
            return
        count[place] += 1
        given = {k: v for k, v in frame.f_locals.items() if k not in _TYPED}
        seen.update(leaves(given, (place, str(count[place]))))
        seen[place, str(count[place])] = "called"
        if place == places[-1]:
            raise _Reached

    before = sys.getprofile()
    try:
        sys.setprofile(spy if places else before)
        result = call()
    except _Reached:
        return seen, ""
    except (GatekitError, SystemExit) as error:
        return seen, f"{type(error).__name__}: {error}"
    finally:
        sys.setprofile(before)
    return (seen, f"returned {result}") if places else (leaves(result, ("result", "1")), "")


def lost(value: object, name: str, before: Leaves, after: Leaves) -> str:
    """Return why an argument has not been passed on; empty if it has been.

    Every function that has a parameter of this name must have received the value there. If none
    has one, the value must be in any argument that the other value changed.

    Args:
        value: the value of the argument.
        name: the name of the parameter.
        before: what was received with another value.
        after: what was received with this value.
    """
    changed = {path: leaf for path, leaf in after.items() if before.get(path) != leaf}
    own = {p[0] for p, leaf in (before | after).items() if name in p[2:] and leaf[:1] != "<"}
    for place in sorted(own) or [""]:
        here = [
            leaf
            for path, leaf in changed.items()
            if not place or (path[0] == place and name in path[2:])
        ]
        if missing := [w for w in leaves(value).values() if not any(w in leaf for leaf in here)]:
            return f"{place or 'no function'} did not receive {', '.join(missing)}"
    return ""

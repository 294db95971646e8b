"""Warns of a public name that is to go; docs/plugins.md has the policy."""

from __future__ import annotations

import inspect
import warnings


def deprecated(old: str, new: str, *, ends: str) -> None:
    """Warn, at the caller's line, that a name, argument or hook ends with a later version.

    Args:
        old: what was written.
        new: what to write instead.
        ends: the version in which it is gone; a test fails once gatekit has that version.
    """
    warnings.warn(
        f"{old} is deprecated and ends with version {ends}; write {new}",
        FutureWarning,
        stacklevel=_outside(),
    )


def _outside() -> int:
    """Return the level of the first frame outside of gatekit, seen from `deprecated`."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("gatekit."):
        level, frame = level + 1, frame.f_back
    return level

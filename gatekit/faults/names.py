"""The known name that is nearest to an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_NEAREST = 64
MAX_CANDIDATES = 500


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the nearest known name, or an empty string if none is near."""
    if len(name) > MAX_NEAREST:  # the time of a comparison is quadratic in the length
        return ""
    names = [str(each) for each in known if len(str(each)) <= MAX_NEAREST][:MAX_CANDIDATES]
    bare = {each.lstrip("-").lower(): each for each in reversed(names)}
    low = name.lstrip("-").lower().replace("-", "_")
    close = difflib.get_close_matches(low, bare, 1, 0.7)
    return bare[close[0]] if close else ""

"""The label of a group: only what differs, always as a string."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gatekit.cell.terminal import printable as printable


def value_text(value: Any) -> str:
    """Return a configuration value as you would type it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str, sort_keys=True)


def group_label(values: Mapping[str, Any], fallback: str) -> str:
    """Return the label of a group from the values that distinguish it.

    A cell appears as its name alone, and other keys are cut to their end if that is unambiguous:
    ``lstm swap.forget=power_law learning_rate=0.01``. Keys that the group lacks are omitted.

    Args:
        values: key to value; None if the group has no such key.
        fallback: the label if nothing is left.
    """
    parts = []
    for key, value in values.items():
        if value is None:
            continue
        text = value_text(value)
        parts.append(text if key == "cell" else f"{_short(key, values)}={text}")
    return " ".join(parts) or fallback


def _short(key: str, keys: Iterable[str]) -> str:
    first, _, rest = key.partition(".")
    if first in ("swap", "plugin") or not rest:
        return key
    if rest == "name":
        return first
    end = ".".join(rest.split(".")[-2:]) if first == "cell" else rest
    clashes = [other for other in keys if other != key and f".{other}".endswith(f".{end}")]
    return key if clashes else end

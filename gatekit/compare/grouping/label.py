"""The label of a group: the settings that distinguish it, short and as typed."""

from __future__ import annotations

import collections
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gatekit.cell.errors import nearest_name
from gatekit.cell.terminal import printable as printable

_WHOLE = ("cell", "data", "plugin")
_KIND = re.compile(r"\.(kind|name)(?==)")
_CELL = re.compile(r"(?<!\S)cell(?:\.name)?=")
_PREFIX = re.compile(r"(?<!\S)(?:[\w-]+\.)+(?=[\w-]+=)")


def value_text(value: Any) -> str:
    """Return a configuration value as you would type it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str, sort_keys=True)


def group_label(
    values: Mapping[str, object],
    fallback: str,
    among: Iterable[str] | None = None,
) -> str:
    """Return the label of a group from the values that distinguish it.

    A cell appears as its name alone. Other keys are shortened to their end if that is unambiguous,
    and a swap is the role with its gate and the gate's options:
    ``lstm forget=slow stretch=4 learning_rate=0.01``. Keys that the group lacks are omitted.

    Args:
        values: key to value; None if the group has no such key.
        fallback: the label if nothing is left.
        among: all keys among which shortened keys stay unambiguous; None means those of ``values``.
    """
    short = short_keys(values if among is None else (*values, *among))
    parts = []
    for key, value in values.items():
        if value is not None:
            text = value_text(value)
            parts.append(text if key == "cell" else f"{short[key]}={text}")
    return " ".join(parts) or fallback


def short_keys(keys: Iterable[str]) -> dict[str, str]:
    """Return for each key its end that no other shares: ``learning_rate``, ``forget``, ``task``."""
    keys = list(dict.fromkeys(keys))
    ends = collections.Counter(end for base in {_base(key) for key in keys} for end in _ends(base))
    short = {}
    for key in keys:
        base = _base(key)
        parts = base.split(".")
        own = (".".join(parts[-size:]) for size in range(_shortest(parts), len(parts)))
        whole = key.split(".")[0] in _WHOLE[1:]
        short[key] = key if whole else next((end for end in own if ends[end] == 1), base)
    return short


def _ends(key: str) -> Iterator[str]:
    """Yield ``a.b.c``, ``b.c`` and ``c``."""
    while key:
        yield key
        key = key.partition(".")[2]


def spelled(label: str) -> str:
    """Return a label with every key cut to its last part, so that long and short forms are equal.

    ``swap.forget.kind=slow swap.forget.stretch=4`` and ``forget=slow stretch=4`` are the same, and
    so are ``cell=gru`` and ``gru``.
    """
    return _PREFIX.sub("", _KIND.sub("", _CELL.sub("", label)))


def closest(label: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'lstm task=adding'?"`` for the nearest label, or an empty string."""
    near = nearest_label(label, known)
    return f"; did you mean {near!r}?" if near else ""


def nearest_label(label: str, known: Iterable[str]) -> str:
    """Return the shortest label with these words; if none contains them all, the most similar."""
    labels = [text for text in known if text]
    words = set(label.split())
    holding = [text for text in labels if words and words <= set(text.split())]
    if holding:
        return min(holding, key=len)
    return nearest_name(label, labels)


def _base(key: str) -> str:
    head, _, last = key.rpartition(".")
    return head if head and last in ("name", "kind") else key


def _shortest(parts: list[str]) -> int:
    """Return the fewest parts of a short key: those after its first part, or after its role."""
    if parts[0] == "cell":
        return min(2, len(parts) - 1)
    return max(1, len(parts) - (2 if parts[0] == "swap" and len(parts) > 2 else 1))

"""Which keys tell groups of runs apart, which follow from others, and in what order they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatekit.cell.errors import ConfigError, listed, nearest

from .label import value_text

Known = Mapping[str, Any]
"""What a run is set to: values by dotted key."""

_TRAINING = ("optimizer", "trainer")
_OPTIMIZER = "optimizer.name"


def is_of_task(key: str) -> bool:
    """Return whether a key says which task is learned."""
    return key == "task" or key.startswith("task.")


def text_of(known: Known, key: str) -> str:
    """Return what a run has at a key as text that tells values apart; empty where it has none."""
    return f"={value_text(known[key])}" if known.get(key) is not None else ""


def differing(rows: Sequence[Known]) -> list[str]:
    """Return the keys of which the rows have several values."""
    keys = {key: None for row in rows for key in row}
    return [key for key in keys if len({text_of(row, key) for row in rows}) > 1]


def differing_inside(
    settings: Sequence[Known], details: Sequence[Known], keys: Sequence[str]
) -> list[str]:
    """Return the keys inside a cell that differ between runs that are otherwise alike.

    Two cells of different names differ in nearly everything, and a swap in what it swapped: the
    name and the swap say so already.

    Args:
        settings: of each run, without what is inside its cell.
        details: what is inside the cell of each.
        keys: those of which the settings have several values.
    """
    alike: dict[tuple[str, ...], list[Known]] = {}
    for setting, detail in zip(settings, details, strict=True):
        alike.setdefault(tuple(text_of(setting, key) for key in keys), []).append(detail)
    found: dict[str, None] = {}
    for rows in alike.values():
        distinct = list({id(row): row for row in rows}.values())
        found.update(dict.fromkeys(differing(distinct)))
    return sorted(found)


def only_told(inside: Sequence[str], everything: Sequence[Known]) -> list[Known]:
    """Return the settings without the options inside a cell that all runs of that cell share."""
    shared: dict[tuple[Any, str], set[str]] = {}
    for known in everything:
        for key in inside:
            shared.setdefault((known.get("cell"), key), set()).add(text_of(known, key))
    same = {place for place, texts in shared.items() if len(texts) == 1}
    return [
        {k: v for k, v in known.items() if (known.get("cell"), k) not in same}
        for known in everything
    ]


def implied(keys: Sequence[str], everything: Sequence[Known]) -> dict[str, str]:
    """Return the keys of the training that follow from others, each with what it follows from.

    A key that has one value for each task, for each optimizer, or for each pair of the two tells no
    groups apart that these do not.

    Args:
        keys: those that differ.
        everything: all settings of each run.
    """
    tasks = [key for key in keys if is_of_task(key)]
    owners = {"task": tasks, "optimizer": [_OPTIMIZER], "task and optimizer": [*tasks, _OPTIMIZER]}
    found: dict[str, str] = {}
    for owner, members in owners.items():
        own = [key for key in members if key in keys and key not in found]
        for key in keys if own else ():
            training = key.partition(".")[0] in _TRAINING
            if training and key not in (*own, *found) and _follows(key, own, everything):
                found[key] = owner
    return found


def _follows(key: str, own: Sequence[str], everything: Sequence[Known]) -> bool:
    pairs = {(tuple(text_of(run, k) for k in own), text_of(run, key)) for run in everything}
    return len(pairs) == len({first for first, _ in pairs})


def in_order(keys: Iterable[str]) -> list[str]:
    """Return keys as a label has them: cell, swaps, output unit, task, and the others by name."""

    def rank(key: str) -> tuple[int, bool, str]:
        first, _, rest = key.partition(".")
        order = ("cell", "swap", "output_unit", "task")
        place = order.index(first) if first in order else len(order)
        return (place, rest not in ("name", "kind"), key)

    return sorted(keys, key=rank)


def asked(by: Sequence[str], rows: Iterable[Known], keys: Sequence[str]) -> list[str]:
    """Return the keys that ``by`` names; a group of keys stands for those in it that differ.

    Args:
        by: keys, and beginnings of keys such as ``optimizer``.
        rows: what the runs are set to.
        keys: those that differ.

    Raises:
        ConfigError: no run has such a key, or it is the seed.
    """
    known = {key for row in rows for key in row}
    found: dict[str, None] = {}
    for key in by:
        if key == "seed":
            raise ConfigError("by=seed: groups are averaged over the seed; name another key")
        below = [item for item in in_order(known) if item.startswith(f"{key}.")]
        if key in known:
            found[key] = None
        elif below:
            found.update(dict.fromkeys([k for k in below if k in keys] or below[:1]))
        elif known and not key.startswith("swap."):
            differ = listed(in_order(keys))
            raise ConfigError(
                f"by={key}: no run has this key{nearest(key, known)}; keys that differ: {differ}"
            )
        else:
            found[key] = None
    return list(found)

"""In which swept settings two groups differ: a verdict is about one of them, or about none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .group import Group
from .keys import text_of

_NEVER = ("data", "plugin")
"""Parts of a label that are no settings: hashes, for which groups are refused or noted."""


def differs_in(group: Group, baseline: Group) -> tuple[str, ...]:
    """Return the settings in which two groups differ, without those that follow from another.

    Keys count that tell groups apart, which are in their labels. All keys of one swapped role count
    as the swap. These follow from another setting:

    - an option that only one of the groups has, where both differ in what it belongs to: a key
      above it, or the ``name`` or ``kind`` beside or above it. Two cells of different names so
      differ in their names, and in what was swept within both;
    - an option that only one of the groups has, of a gate whose role is swapped;
    - ``units`` that ``match`` chose for the same number of parameters.

    Args:
        group: a group.
        baseline: what it is compared with.
    """
    ours, theirs = group.values, baseline.values
    keys = [k for k in {**theirs, **ours} if text_of(ours, k) != text_of(theirs, k)]
    swapped = [key.split(".")[1] for key in keys if key.startswith("swap.")]
    gates = {gate for role in swapped for gate in _gates(role, (group, baseline))}
    found: dict[str, None] = {}
    for key in keys:
        parts = key.split(".")
        one_sided = not text_of(ours, key) or not text_of(theirs, key)
        option = one_sided and parts[:2] == ["cell", "gates"] and parts[2] in gates
        if parts[0] in _NEVER or option or (one_sided and _follows(key, keys)):
            continue
        if key == "units" and len(_budgets(group) | _budgets(baseline)) == 1:
            continue
        found[_setting(key)] = None
    return tuple(found)


def is_confounded(found: Sequence[str], together: Sequence[str] = ()) -> bool:
    """Return whether groups differ in several settings, so that none alone explains a difference.

    Args:
        found: the settings in which they differ.
        together: keys, or beginnings of keys, that were chosen as one.
    """
    names = [_setting(name) for name in together]
    one = [key for key in found if any(key == n or key.startswith(f"{n}.") for n in names)]
    return len(found) - len(one) + bool(one) > 1


def in_words(found: Sequence[str]) -> str:
    """Return settings as they are enumerated in a sentence; beyond five they are counted."""
    shown = list(found) if len(found) <= 5 else [*found[:4], f"{len(found) - 4} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def equal_settings(found: Sequence[str]) -> str:
    """Return what to type to compare groups that differ in one setting."""
    kept = "cell" if "cell" in found else found[0]
    return (
        f"type `--within {','.join(key for key in found if key != kept)}` to compare groups that"
        f" agree in it, or `--together {','.join(found)}` if these were chosen as one"
    )


def _setting(key: str) -> str:
    first, *rest = key.split(".")
    return ".".join([first, *rest[:1]]) if first == "swap" else key


def _follows(key: str, keys: Sequence[str]) -> bool:
    parts = key.split(".")
    above = [".".join(parts[:end]) for end in range(1, len(parts))]
    owners = [owner for name in above for owner in (name, f"{name}.name", f"{name}.kind")]
    return any(owner in keys for owner in owners if owner != key)


def _gates(role: str, groups: Iterable[Group]) -> set[str]:
    """Return what a role's gate is called in the groups' cells."""
    names = {role}
    for cell in (_config(group).get("cell") for group in groups):
        roles = cell.get("roles") if isinstance(cell, Mapping) else None
        if isinstance(roles, Mapping) and role in roles:
            names.add(str(roles[role]))
    return names


def _budgets(group: Group) -> set[Any]:
    """Return how many parameters ``match`` asked for, or what equals nothing without ``match``."""
    match = _config(group).get("match")
    return {match["target"] if isinstance(match, Mapping) and "target" in match else object()}


def _config(group: Group) -> Mapping[str, Any]:
    return (group.runs or group.missing)[0].config or {}

"""The swept settings in which two groups differ, and whether one of them explains the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gatekit.runs.config import chosen_by

from .group import Group
from .keys import follows, is_of_task, names_variant, text_of

_TUNABLE = ("optimizer", "trainer", "dropout")
_NEVER = ("data", "plugin")
"""Parts of a label that are hashes, not settings; groups that differ in them are refused."""


def differs_in(group: Group, baseline: Group) -> tuple[str, ...]:
    """Return the settings in which two groups differ, without those that follow from another.

    Only keys that are in the labels count, and all keys of one swapped role count as one swap.
    These follow from another setting:

    - an option that only one group has, if the groups differ in a key above it, or in the
      ``name`` or ``kind`` beside or above it; so two cells with different names differ in their
      names and in the options that were swept in both;
    - an option that only one group has, if it belongs to a gate whose role is swapped;
    - ``units`` that ``match`` chose for the same number of parameters.
    """
    ours, theirs = group.values, baseline.values
    keys = [k for k in {**theirs, **ours} if text_of(ours, k) != text_of(theirs, k)]
    swapped = [key.split(".")[1] for key in keys if key.startswith("swap.")]
    gates = {gate for role in swapped for gate in gates_of(role, (group, baseline))}
    settings: dict[str, None] = {}
    for key in keys:
        parts = key.split(".")
        one_sided = not text_of(ours, key) or not text_of(theirs, key)
        of_gate = parts[:2] == ["cell", "gates"] and any(part in gates for part in parts[2:3])
        option = one_sided and of_gate
        if parts[0] in _NEVER or option or (one_sided and _follows(key, keys)):
            continue
        if key == "units" and len(_budgets(group) | _budgets(baseline)) == 1:
            continue
        settings[_setting(key)] = None
    return tuple(settings)


def is_confounded(settings: Sequence[str], tuned: Sequence[str] = ()) -> bool:
    """Return whether groups differ in several settings, so that no single one explains the result.

    Args:
        settings: the settings in which the groups differ.
        tuned: keys whose value was chosen for each variant; they count as a part of it.
    """
    return len([key for key in settings if key not in tuned]) > 1


def tuned_keys(groups: Iterable[Group]) -> list[str]:
    """Return the keys of training that have one value for each variant, such as a tuned rate."""
    values = [group.values for group in groups]
    keys = list(dict.fromkeys(key for known in values for key in known))
    variant = [key for key in keys if names_variant(key) and not is_of_task(key)]
    tasks = [key for key in keys if is_of_task(key)]
    if not variant:
        return []
    trained = [key for key in keys if key.partition(".")[0] in _TUNABLE]
    return [key for key in trained if follows(key, [*variant, *tasks], values)]


def in_words(settings: Sequence[str]) -> str:
    """Join settings for a sentence; if there are more than five, only the first four are named."""
    shown = list(settings) if len(settings) <= 5 else [*settings[:4], f"{len(settings) - 4} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _setting(key: str) -> str:
    first, *rest = key.split(".")
    return ".".join([first, *rest[:1]]) if first == "swap" else key


def _follows(key: str, keys: Sequence[str]) -> bool:
    parts = key.split(".")
    above = [".".join(parts[:end]) for end in range(1, len(parts))]
    owners = [owner for name in above for owner in (name, f"{name}.name", f"{name}.kind")]
    return any(owner in keys for owner in owners if owner != key)


def gates_of(role: str, groups: Iterable[Group]) -> set[str]:
    """Return the role, and the names of its gate in the groups' cells."""
    names = {role}
    for cell in (_config(group).get("cell") for group in groups):
        roles = cell.get("roles") if isinstance(cell, Mapping) else None
        if isinstance(roles, Mapping) and role in roles:
            names.add(str(roles[role]))
    return names


def _budgets(group: Group) -> set[object]:
    """Return a set with the budget of ``match``; without ``match``, with a unique object."""
    match = _config(group).get("match")
    if not isinstance(match, Mapping) or "target" not in match:
        return {object()}
    # If `match` names a cell, the budget is the number of that cell's parameters.
    return {(chosen_by(match) or "parameters", match["target"])}


def _config(group: Group) -> Mapping[str, object]:
    return (group.runs or group.missing)[0].config or {}

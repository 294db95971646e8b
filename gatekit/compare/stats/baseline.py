"""Choose the group that the others are compared with, without looking at the results."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.grouping.differs import gates_of
from gatekit.compare.grouping.group import Group
from gatekit.compare.grouping.label import nearest_label, spelled, value_text
from gatekit.faults import Fault, Kind, Place
from gatekit.runs.config import flatten
from gatekit.study.keys import DEFAULTS

from .difference import unlike

SharedKeys = tuple[tuple[str, object], ...]
_PLAIN = ("sigmoid", "tanh")
_SOURCES = ("data", "plugin")


class Baselines:
    """The baselines of a comparison: one for each task and each value of the ``within`` keys.

    Args:
        groups: all groups, in the order of their labels.
        baseline: a label, or a label without the shared keys. None means ``lstm``, or the plainest
            group with an outcome if there is no ``lstm``; see `plainness`.
        within: keys that a group shares with its baseline, besides those of the task.

    Raises:
        ConfigError: no group has this label.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        baseline: str | None = None,
        within: Sequence[str] = (),
    ) -> None:
        self.within = tuple(within)
        self.name = self._default(groups) if baseline is None else self._named(groups, baseline)
        self._matching = [g for g in groups if g.runs and self.name in (g.label, self.rest(g))]

    def of(self, group: Group) -> Group | None:
        """Return a group's baseline, preferably one with the same shared keys and data."""
        if any(group is other for other in self._matching):
            return group
        shared = self.shared_keys(group)
        same = [other for other in self._matching if self.shared_keys(other) == shared]
        candidates = same or [other for other in self._matching if other.label == self.name]
        return min(candidates, key=lambda other: len(unlike(group, other)), default=None)

    def shared_keys(self, group: Group) -> SharedKeys:
        """Return the keys that a group shares with its baseline and that differ in the study."""
        return tuple((k, _value(v)) for k, v in group.values.items() if self._is_shared(k))

    def rest(self, group: Group) -> str:
        """Return a group's label without the shared keys; empty if nothing else differs."""
        keys = [key for key in group.values if not self._is_shared(key)]
        if self.within and all(group.values[key] is None for key in keys):
            return ""
        named = keys if self.within else [k for k in keys if k.split(".")[0] not in _SOURCES]
        return group.part(named, group.fallback)

    def note(self, alone: Sequence[str]) -> str | None:
        """Return a note if all or some groups have no baseline with an outcome.

        Args:
            alone: the labels of groups with an outcome that have no baseline.
        """
        name = self.name or "without changes"
        if self.name is None or (self._matching and not alone):
            return None
        if not self._matching:
            return f"baseline {name} has no outcome, so nothing is compared with it"
        groups = listed(alone)
        return f"not compared, because baseline {name} has no outcome to compare with: {groups}"

    def _is_shared(self, key: str) -> bool:
        return key.split(".")[0] == "task" or any(
            key == name or key.startswith(f"{name}.") for name in self.within
        )

    def _named(self, groups: Sequence[Group], baseline: str) -> str:
        ways: tuple[Callable[[Group], str], ...] = (lambda group: group.label, self.rest)
        spellings: tuple[Callable[[str], str], ...] = (str, spelled)
        for spelling, way in itertools.product(spellings, ways):
            for group in groups:
                if spelling(way(group)) == spelling(baseline):
                    whole = way(group) == group.label and not self.within
                    return group.label if whole else self.rest(group)
        labels = [group.label for group in groups]
        known = {way(group): None for group in groups for way in ways}
        place, near = Place(("baseline",)), nearest_label(baseline, known)
        raise ConfigError(
            Fault(Kind.UNKNOWN, place, baseline, known=tuple(labels), what="groups", near=near)
        )

    def _default(self, groups: Sequence[Group]) -> str | None:
        if any(self.rest(group) == "lstm" for group in groups):
            return "lstm"
        finished = [group for group in groups if group.runs]
        plainest = min(
            enumerate(finished),
            key=lambda item: (*plainness(item[1], self._is_shared), item[0]),
            default=None,
        )
        return None if plainest is None else self.rest(plainest[1])


def plainness(group: Group, leave_out: Callable[[str], bool]) -> tuple[int, int]:
    """Return a sort key that puts the group with the fewest changes first.

    The cell ``lstm`` comes before all others. The key then counts the settings that are not
    gatekit's defaults, except ``units``. A swapped gate counts half if it is ``sigmoid`` or
    ``tanh``, and not at all if it has the name of the role or of the cell's gate in this role. Each
    option of a gate or cell counts.

    Args:
        group: the group.
        leave_out: returns whether to ignore a key.
    """
    defaults = {k: v for k, v in flatten(DEFAULTS).items() if k != "units"}
    changes = 0
    for key, value in group.values.items():
        first, _, rest = key.partition(".")
        if value is None or leave_out(key):
            continue
        if first == "swap" and "." not in rest:
            kind = str(value)
            changes += 0 if kind in gates_of(rest, [group]) else 1 if kind in _PLAIN else 2
        elif (first in ("swap", "cell") and rest) or value != defaults.get(key, value):
            changes += 2
    return (int(group.cell != "lstm" and not leave_out("cell")), changes)


def task(group: Group) -> SharedKeys:
    """Return the keys of a group's task that differ in the study, with their values."""
    return tuple((k, _value(v)) for k, v in group.values.items() if k.split(".")[0] == "task")


def _value(value: object) -> object:
    # SharedKeys is a key of dictionaries, so lists and mappings become strings.
    return value_text(value) if isinstance(value, list | dict) else value

"""Which group the others are set against: named, or chosen without a look at the results."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.compare.difference import unlike
from gatekit.compare.group import Group


class Baselines:
    """The baseline of each task of a comparison.

    Args:
        groups: all groups, in the order of their labels.
        baseline: a label, or a label without its task; None means ``lstm`` where there is one,
            else the first group that has an outcome.

    Raises:
        ConfigError: no group is called so.
    """

    def __init__(self, groups: Sequence[Group], baseline: str | None = None) -> None:
        self.name = _named(groups, baseline) if baseline is not None else _default(groups)
        self._called = [g for g in groups if g.runs and self.name in (g.label, g.variant)]

    def of(self, group: Group) -> Group | None:
        """Return the baseline of a group: on its task and of its data where there is one."""
        if any(group is other for other in self._called):
            return group
        same = [other for other in self._called if task(other) == task(group)]
        candidates = same or [other for other in self._called if other.label == self.name]
        return min(candidates, key=lambda other: len(unlike(group, other)), default=None)

    def note(self) -> str | None:
        """Return what must be said where the baseline has no outcome."""
        if self._called or self.name is None:
            return None
        return f"baseline {self.name} has no outcome: nothing is compared with it"


def task(group: Group) -> tuple[tuple[str, object], ...]:
    """Return the keys of a group's task that differ in the study, with their values."""
    return tuple((k, v) for k, v in group.values.items() if k.split(".")[0] == "task")


def _named(groups: Sequence[Group], baseline: str) -> str:
    labels = [group.label for group in groups]
    if not any(baseline in (group.label, group.variant) for group in groups):
        raise ConfigError(
            f"baseline={baseline}: no such group{nearest(baseline, labels)};"
            f" groups: {listed(labels)}"
        )
    return baseline


def _default(groups: Sequence[Group]) -> str | None:
    if any(group.variant == "lstm" for group in groups):
        return "lstm"
    finished = [group for group in groups if group.runs]
    lstms = [group for group in finished if group.cell == "lstm"]
    return next((group.variant for group in (*lstms, *finished)), None)

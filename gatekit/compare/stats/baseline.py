"""Choose the group that the others are compared with, without looking at the results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.compare.grouping.group import Group
from gatekit.compare.grouping.label import group_label, value_text

from .difference import unlike

Block = tuple[tuple[str, object], ...]


class Baselines:
    """The baselines of a comparison, one per block: per task, and per value of other keys.

    Args:
        groups: all groups, in the order of their labels.
        baseline: a label, or a label without the keys of its block. None means ``lstm`` if there
            is one, otherwise the first group that has an outcome.
        within: keys that define blocks, besides those of the task.

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
        """Return a group's baseline, preferably one in its block and with its data."""
        if any(group is other for other in self._matching):
            return group
        block = self.block(group)
        same = [other for other in self._matching if self.block(other) == block]
        candidates = same or [other for other in self._matching if other.label == self.name]
        return min(candidates, key=lambda other: len(unlike(group, other)), default=None)

    def block(self, group: Group) -> Block:
        """Return the keys of a group's block that differ in the study, with their values."""
        return tuple((k, _value(v)) for k, v in group.values.items() if self._makes_blocks(k))

    def rest(self, group: Group) -> str:
        """Return a group's label within its block; empty if nothing differs there."""
        if not self.within:
            return group.variant
        kept = {k: v for k, v in group.values.items() if not self._makes_blocks(k)}
        return group_label(kept, "")

    def note(self) -> str | None:
        """Return a note if the baseline has no outcome."""
        if self._matching or self.name is None:
            return None
        name = self.name or "without changes"
        return f"baseline {name} has no outcome, so nothing is compared with it"

    def _makes_blocks(self, key: str) -> bool:
        return key.split(".")[0] == "task" or any(
            key == name or key.startswith(f"{name}.") for name in self.within
        )

    def _named(self, groups: Sequence[Group], baseline: str) -> str:
        for group in groups:
            if self.within and baseline == group.label:
                return self.rest(group)
        labels = [group.label for group in groups]
        if not any(baseline in (group.label, self.rest(group)) for group in groups):
            raise ConfigError(
                f"baseline={baseline}: no such group{nearest(baseline, labels)};"
                f" groups: {listed(labels)}"
            )
        return baseline

    def _default(self, groups: Sequence[Group]) -> str | None:
        if any(self.rest(group) == "lstm" for group in groups):
            return "lstm"
        finished = [group for group in groups if group.runs]
        if self.within:
            names = {self.rest(group) for group in finished}
            return min(names, key=lambda name: (len(name.split()), name), default=None)
        lstms = [group for group in finished if group.cell == "lstm"]
        return next((group.variant for group in (*lstms, *finished)), None)


def task(group: Group) -> Block:
    """Return the keys of a group's task that differ in the study, with their values."""
    return tuple((k, _value(v)) for k, v in group.values.items() if k.split(".")[0] == "task")


def _value(value: Any) -> Any:
    # Blocks are dictionary keys, so lists and mappings become strings.
    return value_text(value) if isinstance(value, list | dict) else value

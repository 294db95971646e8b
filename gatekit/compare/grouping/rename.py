"""Other names for groups: ``--label old=new``."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gatekit.cell.errors import ConfigError, nearest_name

from .group import Group
from .keys import not_chosen
from .label import renamed


def read_names(texts: Iterable[str], groups: Sequence[Group]) -> dict[str, str]:
    """Return the new name of each label, or part of a label, that ``OLD=NEW`` strings rename.

    OLD may contain equals signs; it is the longest beginning that is in a label.

    Args:
        texts: strings such as ``forget=slow stretch=4=slow gate``.
        groups: the groups.

    Raises:
        ConfigError: a string is not ``OLD=NEW``, or OLD is not in any label.
    """
    labels = [group.label for group in groups]
    names: dict[str, str] = {}
    for text in texts:
        pieces = text.split("=")
        ways = [("=".join(pieces[:k]), "=".join(pieces[k:])) for k in range(len(pieces) - 1, 0, -1)]
        if not ways:
            pair = re.sub(r" *(->|[:>]) *", "=", text, count=1)
            such = pair if "=" in pair else f"{text}=NAME"
            raise _refused(text, "a name has the form OLD=NEW", such)
        known = [(old, new) for old, new in ways if _is_in(old, labels)]
        if not known:
            [*_, (old, new)] = ways
            near = nearest_name(old, labels)
            such = f"{new}={old}" if _is_in(new, labels) else near and f"{near}={new}"
            why = f"no group is called {old!r}"
            raise _refused(text, why, such, labels)
        old, new = known[0]
        if not new.strip():
            raise _refused(text, "the new name is empty", f"{old}=NAME")
        names[old] = new.strip()
    return names


def _refused(text: str, why: str, such: str, known: Sequence[str] = ()) -> ConfigError:
    return not_chosen("labels", text, why, such, known, "groups")


def _is_in(old: str, labels: Iterable[str]) -> bool:
    mark = "\0"
    return bool(old.strip()) and any(mark in renamed(label, {old: mark}) for label in labels)


def with_names(groups: Iterable[Group], names: Mapping[str, str]) -> tuple[Group, ...]:
    """Return groups with other names in their labels.

    Raises:
        ConfigError: two groups would have the same label.
    """
    changed = tuple(
        dataclasses.replace(
            group,
            label=renamed(group.label, names),
            variant=renamed(group.variant, names),
            names=names,
        )
        for group in groups
    )
    twice = [label for label, count in Counter(g.label for g in changed).items() if count > 1]
    if twice:
        raise ConfigError(
            f"--label: two groups would be called {twice[0]!r}; choose a name for each of them"
        )
    return changed

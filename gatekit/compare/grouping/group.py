"""Group the runs of a study by everything except the seed."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gatekit.cell.schema import ABOUT_KEYS, gate_of, gates_and_roles
from gatekit.runs.config import NOT_VARIANTS, cell_name, chosen_by, flatten, run_settings
from gatekit.runs.record import RunRecord
from gatekit.runs.result import OWN, Result, short_hash
from gatekit.study.keys import DEFAULTS, TRAINER_OMITTED, with_omitted

from .keys import (
    Known,
    chosen_keys,
    differing,
    differing_inside,
    follows,
    implied,
    in_order,
    is_of_task,
    names_variant,
    of_change,
    of_kind,
    text_of,
    without_shared,
)
from .label import group_label, value_text

_OURS = {"cell", "task", "optimizer", "trainer"}
# A cell's name is a separate setting, and notes on its origin change no number.
_ABOUT = ("name", *ABOUT_KEYS)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
_NO_CELL: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that differ only in their seeds (or that agree in the keys of ``by``).

    ``values`` holds the keys that distinguish groups, in the order of the label. ``variant`` is the
    label without the task, which identifies a variant across tasks. ``pairing_keys`` holds the key
    by which each run of ``runs`` is paired: its seed and its values of the pooled keys.
    """

    label: str
    variant: str
    values: Mapping[str, object]
    runs: tuple[RunRecord, ...]
    missing: tuple[RunRecord, ...]
    pairing_keys: tuple[Hashable, ...]

    def part(self, keys: Iterable[str], fallback: str = "") -> str:
        """Return the label of some of the group's keys."""
        chosen = set(keys)
        values = {key: value for key, value in self.values.items() if key in chosen}
        return group_label(values, fallback, self.values)

    def value(self, key: str) -> str:
        """Return the group's value at a key as a string."""
        value = self.values.get(key)
        return "none" if value is None else value_text(value)

    @property
    def results(self) -> list[Result]:
        """Return the results of the runs."""
        return [run.result for run in self.runs if run.result is not None]

    @property
    def outcomes(self) -> list[float]:
        """Return the outcomes of the runs; infinite for those that diverged."""
        return [result.outcome for result in self.results]

    @property
    def fallback(self) -> str:
        """Return the label of a group that nothing distinguishes: its cell."""
        return self.cell or "all runs"

    @property
    def cell(self) -> str | None:
        """Return the name of the group's cell."""
        run = (self.runs or self.missing)[0]
        return None if run.config is None else cell_name(run.config)

    @property
    def budget(self) -> str | None:
        """Return the budget that chose the sizes, such as parameters; None without one."""
        run = (self.runs or self.missing)[0]
        return chosen_by((run.config or {}).get("match"))

    def missing_states(self) -> dict[str, int]:
        """Return how many runs are missing, by state."""
        return dict(sorted(Counter(run.state for run in self.missing).items()))


@dataclass(frozen=True, slots=True)
class Grouping:
    """All groups, the keys they are pooled over, and runs whose group is unknown.

    ``implied`` maps each key that distinguishes no groups, because it follows from other keys, to
    the name of those.
    """

    groups: tuple[Group, ...]
    pooled: tuple[str, ...]
    unknown: tuple[RunRecord, ...]
    implied: Mapping[str, str] = field(default_factory=dict)


def group_runs(
    runs: Iterable[RunRecord],
    by: Sequence[str] | None = None,
    within: Sequence[str] = (),
    tuned: Sequence[str] = (),
) -> Grouping:
    """Group runs by every key that differs between them except the seed, or by given keys.

    Args:
        runs: all runs of a study.
        by: dotted configuration keys; ``cell`` is the cell's name. None means every key
            that differs.
        within: keys that distinguish groups even if they follow from other keys.
        tuned: keys that do not distinguish groups, because one value was chosen for each group.

    Raises:
        ConfigError: ``by`` names a key that no run has, or the seed.
    """
    runs = list(runs)
    unknown = tuple(run for run in runs if run.config is None)
    readable = [run for run in runs if run.config is not None]
    readable.sort(key=lambda run: (run.seed is None, run.seed or 0, run.id))
    settings = _completed(readable, [_settings(run) for run in readable])
    # Runs that are read together share cell objects, so each cell is flattened once.
    flat = {id(cell): _details(cell) for cell in map(_cell, readable)}
    details = [flat[id(_cell(run))] for run in readable]
    differ = [key for key in differing(settings) if key not in tuned]
    inside = [k for k in differing_inside(settings, details, differ) if k not in tuned]
    everything: list[Known] = [
        {**detail, **setting} for detail, setting in zip(details, settings, strict=True)
    ]
    following: dict[str, str] = {}
    changed = of_change(differ, settings)
    of_owner = {
        **of_kind([key for key in differ if key not in changed], settings),
        **dict.fromkeys(changed, True),
    }
    if by is None:
        keys = [k for k in (*in_order(differ), *inside) if k not in of_owner or k in within]
        following = {
            k: "change" if k in changed else k.partition(".")[0]
            for k, shared in of_owner.items()
            if shared
        }
        following |= implied(keys, everything)
        if "change" in keys:
            rest = [key for key in differ if key not in ("change", *changed)]
            equations = differing_inside(settings, details, rest)
            new = [k for k in equations if k.startswith("cell.equations.") and k not in inside]
            following |= dict.fromkeys(new, "change")
        following = {key: owner for key, owner in following.items() if key not in within}
        keys = [key for key in keys if key not in following]
        everything = without_shared(inside, everything) if inside else everything
        pooled: list[str] = []
    else:
        by = [key for typed in by for key in by_gate(typed, readable)]
        keys = chosen_keys(by, (*settings, *details), [*differ, *inside])
        # Runs of different tasks are never pooled.
        keys = [
            *keys,
            *(k for k in in_order(differ) if is_of_task(k) and k not in (*keys, *of_owner)),
        ]
        others = [key for key in (*in_order(differ), *inside) if key not in (*keys, *of_owner)]
        # Runs that are paired may differ in a key that was tuned for each group, such as a learning
        # rate.
        tunable = [key for key in others if not names_variant(key)]
        following = {key: "group" for key in tunable if follows(key, keys, everything)}
        pooled = [key for key in others if key not in following]
    buckets: dict[tuple[str, ...], list[int]] = {}
    for index, known in enumerate(everything):
        buckets.setdefault(tuple(text_of(known, key) for key in keys), []).append(index)
    groups: list[Group] = []
    for indices in buckets.values():
        members = [(readable[i], everything[i]) for i in indices]
        groups.extend(_groups(members, keys, pooled))
    groups.sort(key=_order)
    return Grouping(tuple(groups), tuple(pooled), unknown, following)


def style_indices(
    groups: Sequence[Group], baselines: Sequence[bool], asked: Mapping[str, int]
) -> list[int]:
    """Return the index of each group's variant, which determines its colour and line style.

    Indices do not depend on results, and a variant has one index on all tasks. Baselines have -1,
    -2, ...; other variants have 0, 1, ... Those of a later command come last, so that a variant
    keeps its colour while a study grows; those of one command are in the order of their labels.

    Args:
        groups: the groups.
        baselines: whether each group is a baseline.
        asked: the number of the command that asked for a run, by its id.
    """
    plans: dict[str, float] = {}
    for group in groups:
        first = min(asked.get(run.id, math.inf) for run in (*group.runs, *group.missing))
        plans[group.variant] = min(first, plans.get(group.variant, math.inf))
    inked = {group.variant for group, is_one in zip(groups, baselines, strict=True) if is_one}
    names = sorted(plans, key=lambda name: (plans[name], _natural(name)))
    indices = {name: -1 - k for k, name in enumerate(name for name in names if name in inked)}
    indices |= {name: k for k, name in enumerate(name for name in names if name not in inked)}
    return [indices[group.variant] for group in groups]


def _order(group: Group) -> tuple[str | float, ...]:
    return _natural(group.label)


def _natural(label: str) -> tuple[str | float, ...]:
    """Return a sort key of a label, with its numbers compared by value."""
    parts = _NUMBER.split(label)
    return tuple(float(part) if index % 2 else part for index, part in enumerate(parts))


def _groups(
    members: Sequence[tuple[RunRecord, Mapping[str, object]]],
    keys: Sequence[str],
    pooled: Sequence[str],
) -> list[Group]:
    values = {key: members[0][1].get(key) for key in keys}
    fallback = cell_name(members[0][0].config or {}) or "all runs"
    missing = tuple(run for run, _ in members if not run.counts)
    counting = [(run, known) for run, known in members if run.counts]
    parts: dict[tuple[tuple[str, str], ...], list[tuple[RunRecord, Mapping[str, object]]]] = {}
    for member, source in zip(counting, _changed_sources(counting, pooled), strict=True):
        parts.setdefault(tuple(source.items()), []).append(member)
    variant = {key: value for key, value in values.items() if not is_of_task(key)}
    return [
        Group(
            label=group_label({**values, **dict(source)}, fallback),
            variant=group_label(variant, fallback, among=values),
            values={**values, **dict(source)},
            runs=tuple(run for run, _ in inside),
            missing=missing,
            pairing_keys=tuple(_pairing_key(run, known, pooled) for run, known in inside),
        )
        for source, inside in (parts or {(): []}).items()
    ]


def _changed_sources(
    members: Sequence[tuple[RunRecord, Mapping[str, object]]], pooled: Sequence[str]
) -> list[dict[str, str]]:
    """Return what distinguishes runs of one configuration: plugins, or hashes that changed.

    If runs use plugins of different names, the names are shown; a hash is shown only if data or
    a plugin changed but kept its name.
    """
    sources = [dict(_source(run)) for run, _ in members]
    alike: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for (_, known), source in zip(members, sources, strict=True):
        alike.setdefault(tuple(text_of(known, key) for key in pooled), []).append(source)
    names: dict[str, None] = {}
    hashes: dict[str, None] = {}
    for same in alike.values():
        for key in differing(same):
            having = [source[key] for source in same if key in source]
            if len(having) < len(same) and key.startswith("plugin."):
                names[key] = None
            if len(set(having)) > 1:
                hashes[key] = None
    changes = []
    for source in sources:
        used = [key.removeprefix("plugin.") for key in names if key in source]
        changed = {key: source[key] for key in hashes if key in source}
        changes.append({**({"plugin": "+".join(used) or "none"} if names else {}), **changed})
    return changes


def _pairing_key(run: RunRecord, known: Mapping[str, object], pooled: Sequence[str]) -> Hashable:
    return None if run.seed is None else (run.seed, *(text_of(known, key) for key in pooled))


def _source(run: RunRecord) -> Iterable[tuple[str, str]]:
    if run.result is not None:
        if run.result.executor != OWN:
            yield "data", short_hash(run.result.data_hash)
        for name, digest in run.result.plugins.items():
            yield f"plugin.{name}", short_hash(digest)


def _settings(run: RunRecord) -> dict[str, object]:
    config = run.config or {}
    # The gate of a swap has one key, whether it was typed with options or without.
    settings = {
        key.removesuffix(".kind") if key.startswith("swap.") else key: value
        for key, value in run_settings(config).items()
    }
    match = config.get("match")
    if isinstance(match, Mapping) and chosen_by(match):
        # The units follow from cell, task and budget; as a key they would split a cell by task.
        settings["match"] = match["to"]
        settings.pop("units", None)
        if settings.get("block.kind", "plain") != "plain":
            settings.pop("width", None)  # chosen, too
    return settings if run.origin is None else {**settings, "origin": run.origin}


def _completed(
    runs: Sequence[RunRecord], settings: Sequence[dict[str, object]]
) -> Sequence[Mapping[str, object]]:
    """Add the default of an option to runs that are older than the option.

    Runs of a user's script are not changed; a run of gatekit has all keys of ``_OURS``.
    """
    present = {key for setting in settings for key in setting}
    filled = []
    for run, setting in zip(runs, settings, strict=True):
        config = run.config or {}
        ours = config.keys() >= _OURS
        absent = {k: v for k, v in DEFAULTS.items() if ours and k not in {*config, *NOT_VARIANTS}}
        if ours and isinstance(config["optimizer"], Mapping):
            absent["optimizer"] = with_omitted(config["optimizer"])
        if ours and isinstance(config["trainer"], Mapping):
            absent["trainer"] = TRAINER_OMITTED
        known = {k: v for k, v in flatten(absent).items() if k in present}
        filled.append({**known, **setting})
    return filled


def all_settings(run: RunRecord) -> dict[str, object]:
    """Return a run's settings with dotted keys, including those inside its cell."""
    return {**_details(_cell(run)), **_settings(run)}


def by_gate(typed: str, runs: Iterable[RunRecord]) -> list[str]:
    """Return a key with the name of the gate in place of its role.

    Args:
        typed: a key such as ``cell.gates.forget.bias``, whose gate is ``update`` in a GRU.
        runs: runs with a configuration.

    Returns:
        A key for each name of the gate in these runs; the key itself if it names no gate.
    """
    if not typed.startswith("cell.gates."):
        return [typed]
    role, _, rest = typed.removeprefix("cell.gates.").partition(".")
    keys: dict[str, None] = {}
    for gates, roles in map(gates_and_roles, map(_cell, runs)):
        if (gate := gate_of(role, gates, roles)) in gates:
            keys[f"cell.gates.{gate}.{rest}".rstrip(".")] = None
    return [*keys] or [typed]


def _cell(run: RunRecord) -> Mapping[str, object]:
    """Return a run's cell; for a hybrid, a mapping with the cells by layer, at ``mixers``."""
    config = run.config or {}
    cell = config if config.get("mixers") else config.get("cell")
    return cell if isinstance(cell, Mapping) else _NO_CELL


def _details(cell: Mapping[str, object]) -> dict[str, object]:
    layers = cell.get("mixers")
    if not isinstance(layers, list):
        return flatten({"cell": _numbers(cell)})
    cells = {f"rnn_{place}": _numbers(cell) for place, cell in enumerate(layers)}
    return flatten({"mixers": cells})


def _numbers(cell: Any) -> dict[str, Any]:
    named = isinstance(cell, Mapping)
    return {key: cell[key] for key in cell if key not in _ABOUT} if named else {}

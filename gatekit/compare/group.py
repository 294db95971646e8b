"""Group the runs of a study by everything except the seed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.compare.config_text import flatten
from gatekit.compare.label import group_label, value_text
from gatekit.compare.result import OWN, short_hash
from gatekit.compare.run import Run
from gatekit.study.config import DEFAULTS

# These change no number (a plugin's code does, and its hash is compared); the seed is what groups
# are averaged over.
_LAUNCH = ("study", "root", "seeds", "n_jobs", "threads", "retry", "match", "probe", "plugins")
_NOT_VARIANTS = (*_LAUNCH, "seed")
_TRAINING = ("optimizer", "trainer")
_OURS = {"cell", "task", "optimizer", "trainer"}
_ABOUT = ("name", "reference", "year", "notes")
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
_NO_CELL: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that differ in nothing but the seed (or in nothing that ``by`` names).

    ``values`` are the keys that tell groups apart, in the order of the label; ``variant`` is the
    label without the task, so that the same variant is recognised on another task; ``units``
    says for each counting run what it is paired by: seed and pooled keys.
    """

    label: str
    variant: str
    values: Mapping[str, Any]
    runs: tuple[Run, ...]
    missing: tuple[Run, ...]
    units: tuple[Hashable, ...]

    @property
    def cell(self) -> str | None:
        """Return the name of the group's cell."""
        run = (self.runs or self.missing)[0]
        return None if run.config is None else _cell_name(run.config)

    def missing_states(self) -> dict[str, int]:
        """Return how many runs are missing, by state."""
        return dict(sorted(Counter(run.state for run in self.missing).items()))


@dataclass(frozen=True, slots=True)
class Grouping:
    """All groups, the keys they are pooled over, and runs whose group cannot be known.

    ``with_task`` are keys of the training of which each task has one value: they tell no groups
    apart that the task does not.
    """

    groups: tuple[Group, ...]
    pooled: tuple[str, ...]
    unknown: tuple[Run, ...]
    with_task: tuple[str, ...] = ()


def group_runs(
    runs: Iterable[Run], by: Sequence[str] | None = None, within: Sequence[str] = ()
) -> Grouping:
    """Group runs by every key that differs between them except the seed, or by given keys.

    Args:
        runs: all runs of a study.
        by: dotted configuration keys; ``cell`` is the cell's name. None means every key
            that differs.
        within: keys that tell groups apart even where each task has one value of them.

    Raises:
        ConfigError: ``by`` names a key that no run has, or the seed.
    """
    runs = list(runs)
    unknown = tuple(run for run in runs if run.config is None)
    readable = [run for run in runs if run.config is not None]
    readable.sort(key=lambda run: (run.seed is None, run.seed or 0, run.id))
    settings = _completed(readable, [_settings(run) for run in readable])
    # Runs read together share their cells, so each cell is flattened once.
    flat = {id(cell): _details(cell) for cell in map(_cell, readable)}
    details = [flat[id(_cell(run))] for run in readable]
    differing = _differing(settings)
    shown_details = _differing_details(settings, details, differing)
    everything = [{**detail, **setting} for detail, setting in zip(details, settings, strict=True)]
    with_task: list[str] = []
    if by is None:
        keys = [*_ordered(differing), *shown_details]
        with_task = [key for key in _with_task(keys, everything) if key not in within]
        keys = [key for key in keys if key not in with_task]
        everything = _told(shown_details, everything) if shown_details else everything
        pooled: list[str] = []
    else:
        keys = _chosen(by, settings, details, [*differing, *shown_details])
        pooled = [key for key in (*_ordered(differing), *shown_details) if key not in keys]
    buckets: dict[tuple[str, ...], list[int]] = {}
    for index, known in enumerate(everything):
        buckets.setdefault(tuple(_text(known, key) for key in keys), []).append(index)
    groups: list[Group] = []
    for indices in buckets.values():
        members = [(readable[i], everything[i]) for i in indices]
        groups.extend(_groups(members, keys, pooled))
    groups.sort(key=_order)
    return Grouping(tuple(groups), tuple(pooled), unknown, tuple(with_task))


def _with_task(keys: Sequence[str], everything: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys of optimizer and trainer of which each task has one value."""
    of_task = [key for key in keys if _is_task(key)]
    of_training = [key for key in keys if of_task and key.split(".")[0] in _TRAINING]
    tasks = [tuple(_text(known, key) for key in of_task) for known in everything]
    found = []
    for key in of_training:
        pairs = {(task, _text(known, key)) for task, known in zip(tasks, everything, strict=True)}
        if len(pairs) == len({task for task, _ in pairs}):
            found.append(key)
    return found


def _order(group: Group) -> tuple[str | float, ...]:
    """Return what groups are sorted by: the label, its numbers by their size."""
    parts = _NUMBER.split(group.label)
    return tuple(float(part) if index % 2 else part for index, part in enumerate(parts))


def _groups(
    members: Sequence[tuple[Run, Mapping[str, Any]]], keys: Sequence[str], pooled: Sequence[str]
) -> list[Group]:
    values = {key: members[0][1].get(key) for key in keys}
    fallback = _cell_name(members[0][0].config or {}) or "all runs"
    missing = tuple(run for run, _ in members if not run.counts)
    sources = [dict(_source(run)) if run.counts else {} for run, _ in members]
    split = _differing([source for source in sources if source])
    parts: dict[tuple[str, ...], list[int]] = {}
    for index, (run, _) in enumerate(members):
        if run.counts:
            part = tuple(_text(sources[index], key) for key in split)
            parts.setdefault(part, []).append(index)
    groups = []
    for indices in parts.values() or [[]]:
        # A group whose data or plugin changed under it is two groups, told apart by the hash.
        shown = {**values, **{key: sources[indices[0]].get(key) for key in split if indices}}
        variant = {key: value for key, value in values.items() if not _is_task(key)}
        groups.append(
            Group(
                label=group_label(shown, fallback),
                variant=group_label(variant, fallback),
                values=shown,
                runs=tuple(members[i][0] for i in indices),
                missing=missing,
                units=tuple(_unit(*members[i], pooled) for i in indices),
            )
        )
    return groups


def _unit(run: Run, known: Mapping[str, Any], pooled: Sequence[str]) -> Hashable:
    return None if run.seed is None else (run.seed, *(_text(known, key) for key in pooled))


def _source(run: Run) -> Iterable[tuple[str, str]]:
    if run.result is not None:
        if run.result.executor != OWN:
            yield "data", short_hash(run.result.data_hash)
        for name, digest in run.result.plugins.items():
            yield f"plugin.{name}", short_hash(digest)


def _is_task(key: str) -> bool:
    return key == "task" or key.startswith("task.")


def _cell_name(config: Mapping[str, Any]) -> str | None:
    cell = config.get("cell")
    name = cell.get("name") if isinstance(cell, Mapping) else cell
    return None if name is None else str(name)


def _settings(run: Run) -> dict[str, Any]:
    config = run.config or {}
    settings = run_settings(config)
    match = config.get("match")
    if isinstance(match, Mapping) and str(match.get("to")).startswith("parameters:"):
        # The units follow from cell, task and budget; as a key they would part a cell by its tasks.
        settings["match"] = match["to"]
        settings.pop("units", None)
    return settings if run.origin is None else {**settings, "origin": run.origin}


def _completed(
    runs: Sequence[Run], settings: Sequence[dict[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """Give runs that are older than an option its default: it is what they were made with.

    A script of one's own keeps what it likes; only what every run of ours has tells such a run.
    """
    present = {key for setting in settings for key in setting}
    filled = []
    for run, setting in zip(runs, settings, strict=True):
        config = run.config or {}
        ours = config.keys() >= _OURS
        absent = {k: v for k, v in DEFAULTS.items() if ours and k not in {*config, *_NOT_VARIANTS}}
        known = {k: v for k, v in flatten(absent).items() if k in present}
        filled.append({**known, **setting})
    return filled


def run_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a configuration sets, flat with dotted keys: the cell by name, no launch keys."""
    flat: dict[str, Any] = {}
    name = _cell_name(config)
    if name is not None:
        flat["cell"] = name
    rest = {k: v for k, v in config.items() if k != "cell" and k not in _NOT_VARIANTS}
    flat.update(flatten(rest))
    return flat


def _cell(run: Run) -> Mapping[str, Any]:
    cell = (run.config or {}).get("cell")
    return cell if isinstance(cell, Mapping) else _NO_CELL


def _details(cell: Mapping[str, Any]) -> dict[str, Any]:
    return flatten({"cell": {key: cell[key] for key in cell if key not in _ABOUT}})


def _text(known: Mapping[str, Any], key: str) -> str:
    return f"={value_text(known[key])}" if known.get(key) is not None else ""


def _differing(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = {key: None for row in rows for key in row}
    return [key for key in keys if len({_text(row, key) for row in rows}) > 1]


def _differing_details(
    settings: Sequence[Mapping[str, Any]],
    details: Sequence[Mapping[str, Any]],
    differing: Sequence[str],
) -> list[str]:
    """Return the keys inside a cell that differ between runs that are otherwise alike.

    Two cells of different names differ in nearly everything, and a swap in what it swapped: the
    name and the swap say so already.
    """
    alike: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for setting, detail in zip(settings, details, strict=True):
        alike.setdefault(tuple(_text(setting, key) for key in differing), []).append(detail)
    found: dict[str, None] = {}
    for rows in alike.values():
        distinct = list({id(row): row for row in rows}.values())
        found.update(dict.fromkeys(_differing(distinct)))
    return sorted(found)


def _told(inside: Sequence[str], everything: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the settings without the options inside a cell that all runs of that cell share."""
    shared: dict[tuple[Any, str], set[str]] = {}
    for known in everything:
        for key in inside:
            shared.setdefault((known.get("cell"), key), set()).add(_text(known, key))
    same = {place for place, texts in shared.items() if len(texts) == 1}
    return [
        {k: v for k, v in known.items() if (known.get("cell"), k) not in same}
        for known in everything
    ]


def _ordered(keys: Iterable[str]) -> list[str]:
    def rank(key: str) -> tuple[int, bool, str]:
        first, _, rest = key.partition(".")
        order = ("cell", "swap", "output_unit", "task")
        place = order.index(first) if first in order else len(order)
        return (place, rest not in ("name", "kind"), key)

    return sorted(keys, key=rank)


def _chosen(
    by: Sequence[str],
    settings: Sequence[Mapping[str, Any]],
    details: Sequence[Mapping[str, Any]],
    differing: Sequence[str],
) -> list[str]:
    known = {key for row in (*settings, *details) for key in row}
    chosen: dict[str, None] = {}
    for key in by:
        if key == "seed":
            raise ConfigError("by=seed: groups are averaged over the seed; name another key")
        below = [item for item in _ordered(known) if item.startswith(f"{key}.")]
        if key in known:
            chosen[key] = None
        elif below:
            chosen.update(dict.fromkeys([k for k in below if k in differing] or below[:1]))
        elif known and not key.startswith("swap."):
            differ = listed(_ordered(differing))
            raise ConfigError(
                f"by={key}: no run has this key{nearest(key, known)}; keys that differ: {differ}"
            )
        else:
            chosen[key] = None
    return list(chosen)

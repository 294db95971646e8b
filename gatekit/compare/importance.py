"""Importance of the keys of a sweep: which of them the outcome depends on, ``--importance``."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.keys import is_of_task
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import is_number
from gatekit.compare.stats.baseline import task
from gatekit.compare.stats.intervals import by_seed
from gatekit.compare.stats.variance import Share, variance_shares
from gatekit.compare.views.table import Table

from .comparison import Comparison
from .rows import picked

_MOST = 3


@dataclass(frozen=True, slots=True)
class Importance:
    """The variance shares of one task.

    Attributes:
        task: label of the task; empty if there is one task.
        what: split and metric.
        groups: number of groups of the grid.
        runs: number of runs.
        diverged: how many of them diverged, and count as the worst.
        shares: the parts of the variance of all runs.
        pooled: whether a seed has several runs in a group; their mean counts.
    """

    task: str
    what: str
    groups: int
    runs: int
    diverged: int
    shares: tuple[Share, ...]
    pooled: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """Return notes on how the shares were computed."""
        notes = []
        if self.pooled:
            notes.append("runs of one seed in a group count as their mean")
        if self.diverged:
            runs = "diverged run counts" if self.diverged == 1 else "diverged runs count"
            notes.append(f"{self.diverged} {runs} as the worst")
        notes.append(
            "main effects and interactions of two keys over the full grid, all groups with equal"
            " weight; 'by chance' is the share that an effect would have if only the seeds differed"
        )
        return tuple(notes)

    @property
    def ordered(self) -> tuple[Share, ...]:
        """Return the shares with the largest effect first, then those of seeds and the rest."""
        effects = [share for share in self.shares if share.keys or share.by_chance is not None]
        effects.sort(key=lambda share: -share.share)
        return (*effects, *(share for share in self.shares if share not in effects))

    @property
    def title(self) -> str:
        """Return the title of the table: the variance that the shares divide."""
        return f"variance of {self.what} over {self.runs} runs in {self.groups} groups"


def importance(comparison: Comparison) -> tuple[Importance, ...]:
    """Return the variance shares of the keys that distinguish groups, for each task.

    If all groups have two or more seeds in common, only these count; otherwise each group keeps its
    first seeds, as many as the smallest group has. A diverged run counts as chance, or as the worst
    run of the task if that is worse. Runs of one seed in a pooled group, which are not independent,
    count as their mean.

    Args:
        comparison: the comparison; its groups must not be chosen with ``best_of``.

    Raises:
        ConfigError: the groups are not a full grid, or differ in no setting.
    """
    if comparison.tuned:
        raise ConfigError("importance needs all groups, not the best ones; remove --best-of")
    tasks: dict[object, list[Row]] = {}
    for row in comparison.rows:
        tasks.setdefault(task(row.group), []).append(row)
    return tuple(_of_task(rows, len(tasks) > 1) for rows in tasks.values())


def _of_task(rows: Sequence[Row], several: bool) -> Importance:
    label = rows[0].group.part(dict(task(rows[0].group)), "task") if several else ""
    levels = _levels(rows, label)
    lacking = [row.group.label for row in rows if row.summary is None]
    if lacking:
        raise ConfigError(
            f"importance: these groups have no run with an outcome: {listed(lacking, _MOST)}"
        )
    summary = rows[0].summary
    assert summary is not None
    sign = summary.metric.sign
    finite = [v for row in rows for v in _outcomes(row).values() if math.isfinite(v)]
    chance = [] if summary.metric.chance is None else [summary.metric.chance]
    worst = sign * min((sign * v for v in (*finite, *chance)), default=0.0)
    scores = [
        {key: v if math.isfinite(v) else worst for key, v in _outcomes(row).items()} for row in rows
    ]
    common = set.intersection(*(set(one) for one in scores))
    paired = len(common) > 1 or (len(common) == 1 and all(len(one) == 1 for one in scores))
    if paired:
        chosen = sorted(common, key=str)
        scores = [{key: known[key] for key in chosen} for known in scores]
    seeds = [list(by_seed(known.values(), list(known)).values()) for known in scores]
    outcomes = [[float(np.mean(runs)) for runs in each] for each in seeds]
    pooled = sum(map(len, outcomes)) < sum(map(len, scores))
    codes = np.array(
        [[each.index(row.group.value(key)) for key, each in levels.items()] for row in rows]
    )
    fewest = min(map(len, outcomes))
    table = np.empty((*(len(each) for each in levels.values()), fewest))
    for spot, values in zip(codes, outcomes, strict=True):
        table[tuple(spot)] = values[:fewest]
    return Importance(
        task=label,
        what=summary.measured,
        groups=len(rows),
        runs=sum(len(run) for each in seeds for run in each[:fewest]),
        diverged=sum(row.summary.diverged for row in rows if row.summary),
        shares=tuple(variance_shares(table, list(levels), paired)),
        pooled=pooled,
    )


def _levels(rows: Sequence[Row], label: str) -> dict[str, list[str]]:
    """Return the values of each key that differs, with numbers sorted by size."""
    keys = [key for key in rows[0].group.values if not is_of_task(key)]
    levels: dict[str, list[str]] = {}
    for key in keys:
        known = {row.group.value(key): row.group.values.get(key) for row in rows}
        if _ordered(rows, key):
            known = dict(sorted(known.items(), key=lambda pair: _size(pair[1])))
        if len(known) > 1:
            levels[key] = list(known)
    where = f" of {label}" if label else ""
    if not levels:
        raise ConfigError(f"importance: the groups{where} differ in no setting")
    size = math.prod(map(len, levels.values()))
    if size != len(rows):
        sizes = ", ".join(f"{key} {len(values)}" for key, values in levels.items())
        raise ConfigError(
            f"importance: the {len(rows)} groups{where} are not a full grid, which would have"
            f" {size} combinations of their values ({sizes}). Choose some of the runs with"
            " --where, or some of the keys with --by"
        )
    return levels


def _ordered(rows: Sequence[Row], key: str) -> bool:
    values = [row.group.values.get(key) for row in rows]
    return all(v is None or is_number(v) for v in values)


def _size(value: Any) -> float:
    return -math.inf if value is None else float(value)


def _outcomes(row: Row) -> Mapping[Hashable, float]:
    keys = row.group.pairing_keys
    known = len(set(keys)) == len(keys) and None not in keys
    return dict(zip(keys if known else range(len(keys)), row.group.outcomes, strict=True))


def importance_table(one: Importance) -> Table:
    """Return a row for each share, in percent, the largest effect first."""
    where = f"{one.task}: " if one.task else ""
    rows = [
        (
            printable(share.name),
            f"{100 * share.share:.1f}",
            "" if share.by_chance is None else f"{100 * share.by_chance:.1f}",
        )
        for share in one.ordered
    ]
    equal = () if rows else ("all outcomes are equal",)
    title = printable(f"{where}{one.title}, in %")
    return Table(title, ("effect", "share", "by chance"), tuple(rows), equal, one.notes)


def importance_json(parts: Sequence[Importance]) -> str:
    """Return the shares as JSON: one object per task."""
    shares = "keys name share by_chance"
    return json.dumps(
        [
            {
                "task": one.task or None,
                **picked(one, "of=what groups runs diverged pooled"),
                "shares": [picked(share, shares) for share in one.shares],
            }
            for one in parts
        ],
        indent=1,
        allow_nan=False,
    )

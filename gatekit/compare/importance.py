"""Importance of the keys of a sweep: which of them the outcome depends on, ``--importance``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.keys import is_of_task
from gatekit.compare.grouping.label import printable
from gatekit.compare.output.columns import table_or_blocks
from gatekit.compare.stats.baseline import task
from gatekit.compare.stats.importance import Share, variance_shares

from .comparison import Comparison

_WIDTH = 80
_MOST = 3


@dataclass(frozen=True, slots=True)
class Importance:
    """The variance shares of one task.

    Attributes:
        task: its label; empty if there is one task.
        what: split and metric.
        groups: number of groups of the grid.
        runs: number of runs.
        diverged: how many of them diverged, and count as the worst.
        shares: the parts of the variance.
    """

    task: str
    what: str
    groups: int
    runs: int
    diverged: int
    shares: tuple[Share, ...]


def importance(comparison: Comparison) -> tuple[Importance, ...]:
    """Return the variance shares of the keys that distinguish groups, for each task.

    The groups must be a full grid. Groups with different numbers of seeds keep their first seeds,
    as many as the smallest group has, unless they have common seeds. A diverged run counts as
    chance, or as the worst run of the task if that is worse.

    Args:
        comparison: the comparison; its groups must not be chosen with ``best_of``.

    Raises:
        ConfigError: the groups are not a full grid over two or more settings.
    """
    if comparison.tuned:
        raise ConfigError("importance needs all groups, not the best ones; remove --best-of")
    tasks: dict[Any, list[Row]] = {}
    for row in comparison.rows:
        tasks.setdefault(task(row.group), []).append(row)
    return tuple(_of_task(rows, len(tasks) > 1) for rows in tasks.values())


def _of_task(rows: Sequence[Row], several: bool) -> Importance:
    label = rows[0].group.part(dict(task(rows[0].group)), "task") if several else ""
    levels = _levels(rows, label)
    places = {tuple(row.group.value(key) for key in levels): row for row in rows}
    lacking = [row.group.label for row in rows if row.summary is None]
    if lacking:
        raise ConfigError(f"importance: {listed(lacking, _MOST)} has no run with an outcome")
    summary = rows[0].summary
    assert summary is not None
    sign = summary.metric.sign
    finite = [v for row in rows for v in _outcomes(row).values() if math.isfinite(v)]
    chance = [] if summary.metric.chance is None else [summary.metric.chance]
    worst = sign * min((sign * v for v in (*finite, *chance)), default=0.0)
    scores = {spot: _outcomes(row) for spot, row in places.items()}
    common = set.intersection(*(set(one) for one in scores.values()))
    paired = len(common) > 1 or all(len(one) == 1 for one in scores.values())
    fewest = min(len(one) for one in scores.values())
    shape = tuple(len(each) for each in levels.values())
    chosen = sorted(common, key=str) if paired and common else None
    table = np.empty((*shape, len(chosen) if chosen else fewest))
    for spot, known in scores.items():
        index = tuple(each.index(value) for each, value in zip(levels.values(), spot, strict=True))
        values = [known[unit] for unit in chosen] if chosen else list(known.values())[:fewest]
        table[index] = [v if math.isfinite(v) else worst for v in values]
    return Importance(
        task=label,
        what=f"{summary.split} {summary.metric.name}",
        groups=len(rows),
        runs=table.size,
        diverged=sum(row.summary.diverged for row in rows if row.summary),
        shares=tuple(variance_shares(table, list(levels), chosen is not None)),
    )


def _levels(rows: Sequence[Row], label: str) -> dict[str, list[str]]:
    keys = [key for key in rows[0].group.values if not is_of_task(key)]
    levels = {key: list(dict.fromkeys(row.group.value(key) for row in rows)) for key in keys}
    levels = {key: values for key, values in levels.items() if len(values) > 1}
    where = f" of {label}" if label else ""
    if not levels:
        raise ConfigError(f"importance: the groups{where} differ in no setting")
    size = math.prod(map(len, levels.values()))
    if size != len(rows):
        sizes = ", ".join(f"{key} {len(values)}" for key, values in levels.items())
        raise ConfigError(
            f"importance: the {len(rows)} groups{where} are not a full grid; all combinations of"
            f" their values ({sizes}) are {size}. Choose some of the runs with --where, or of the"
            " keys with --by"
        )
    return levels


def _outcomes(row: Row) -> Mapping[Any, float]:
    outcomes = [run.result.outcome for run in row.group.runs if run.result is not None]
    units = row.group.units
    known = len(set(units)) == len(units) and None not in units
    return dict(zip(units if known else range(len(units)), outcomes, strict=True))


def importance_lines(found: Sequence[Importance]) -> list[str]:
    """Return the shares as a table for each task, in percent, the largest effect first."""
    lines: list[str] = []
    for one in found:
        where = f"{one.task}: " if one.task else ""
        lines += wrap(
            printable(
                f"{where}variance of {one.what} over {one.runs} runs in {one.groups} groups, in %"
            ),
            _WIDTH,
        )
        effects = [share for share in one.shares if share.by_chance is not None or share.keys]
        others = [share for share in one.shares if share not in effects]
        effects.sort(key=lambda share: -share.share)
        rows = [
            {
                "effect": printable(share.name),
                "share": f"{100 * share.share:.1f}",
                "by chance": "" if share.by_chance is None else f"{100 * share.by_chance:.1f}",
            }
            for share in (*effects, *others)
        ]
        if rows:
            lines += ["", *table_or_blocks(["effect", "share", "by chance"], rows, _WIDTH), ""]
        else:
            lines += ["", "all outcomes are equal", ""]
        if one.diverged:
            lines += [f"note: {one.diverged} diverged runs count as the worst", ""]
    notes = (
        "note: main effects and interactions of two keys over the full grid, all groups with equal"
        " weight; by chance is the share that an effect would have if only the seeds differed"
    )
    return [*lines, *wrap(notes, _WIDTH)]


def importance_json(found: Sequence[Importance]) -> str:
    """Return the shares as JSON: one object per task."""
    return json.dumps(
        [
            {
                "task": one.task or None,
                "of": one.what,
                "groups": one.groups,
                "runs": one.runs,
                "diverged": one.diverged,
                "shares": [
                    {
                        "keys": list(share.keys),
                        "name": share.name,
                        "share": share.share,
                        "by_chance": share.by_chance,
                    }
                    for share in one.shares
                ],
            }
            for one in found
        ],
        indent=1,
        allow_nan=False,
    )

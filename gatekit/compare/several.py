"""Compare variants over several tasks: normalised scores and ranks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from gatekit.cell.errors import listed
from gatekit.compare.deciding.over_tasks import (
    Scores,
    TasksDifference,
    differences_over_tasks,
    with_noise_of_baseline,
)
from gatekit.compare.deciding.row import Row
from gatekit.compare.stats.across_tasks import (
    Ranking,
    rank_variants,
    stratified_mean,
    stratified_t_interval,
)
from gatekit.compare.stats.baseline import SharedKeys, task
from gatekit.compare.stats.intervals import Interval
from gatekit.compare.stats.paired_tests import ALPHA

from .comparison import Comparison

_LEARNED = 0.05
_MISSING = "runs are missing"
_CHANGED = "data or a plugin changed, so that it has several groups on a task"


@dataclass(frozen=True, slots=True)
class VariantOverTasks:
    """A variant that has an outcome on every task.

    ``scores`` holds one number per run for each normalised task: 0 is chance, 1 is the mean of the
    baseline. ``interval`` includes the noise of the baseline's mean; the baseline has none, since
    its score is 1 by definition.
    """

    name: str
    scores: tuple[tuple[float, ...], ...]
    mean: float | None
    interval: Interval | None
    rank: float
    is_baseline: bool
    difference: TasksDifference | None = None


@dataclass(frozen=True, slots=True)
class SeveralTasks:
    """Variants in the order of their ranks, the tasks, and notes."""

    variants: tuple[VariantOverTasks, ...]
    tasks: tuple[str, ...]
    normalised: tuple[str, ...]
    ranking: Ranking
    notes: tuple[str, ...]


_KNOWN: WeakKeyDictionary[Comparison, SeveralTasks | None] = WeakKeyDictionary()


def several_tasks(comparison: Comparison) -> SeveralTasks | None:
    """Return the variants of a comparison over its tasks; None with one task or one variant.

    A variant is left out, and a note names it, if on some task it lacks an outcome or a run, is not
    comparable with its baseline, or has several groups because data or a plugin changed. A variant
    without a verdict on some task, such as one whose baseline lacks a run, has no difference.
    Scores are not normalised on a task whose chance level is unknown, whose baseline has several
    groups, or on which the baseline's distance from chance is less than a twentieth of the best
    variant's: the divisor would be close to zero.

    Every format needs it, so it is computed once for each comparison.

    Reference:
        Agarwal et al., NeurIPS (2021), arXiv:2108.13264
    """
    if comparison not in _KNOWN:
        _KNOWN[comparison] = _several_tasks(comparison)
    return _KNOWN[comparison]


def _several_tasks(comparison: Comparison) -> SeveralTasks | None:
    table, left = _by_task(comparison)
    names = list(dict.fromkeys(row.group.variant for row in comparison.rows))
    whole = [name for name in names if name not in left]
    if len(table) < 2 or len(whole) < 2:
        return None
    notes = [
        f"{name}: left out of the table over all tasks, because {left[name]}"
        for name in names
        if name in left
    ]
    means = [[_mean(rows[name]) for name in whole] for rows in table.values()]
    signs = [_sign(rows[whole[0]]) for rows in table.values()]
    ranking = rank_variants(whole, means, signs, ALPHA)
    scales = {}
    for shared, rows in table.items():
        scale = _scale(rows.values(), left)
        if isinstance(scale, str):
            notes.append(f"{_task_label(rows)}: not normalised, {scale}")
        else:
            scales[shared] = scale
    normalised = [
        (table[shared], _normalised(table[shared], scale)) for shared, scale in scales.items()
    ]
    variants = []
    for name, rank in zip(whole, ranking.ranks, strict=True):
        is_baseline = all(rows[name].is_baseline for rows in table.values())
        variants.append(_variant(name, rank, is_baseline, normalised))
    if len(normalised) > 1:
        blocked = {
            row.group.variant
            for row in comparison.rows
            if row.difference and row.difference.blocked
        }
        others = [v.name for v in variants if not v.is_baseline and v.name not in blocked]
        awaited = {row.group.variant for row in comparison.rows if row.awaited} & left.keys()
        differences = differences_over_tasks(
            others, normalised, comparison.study.interim, len(awaited)
        )
        variants = [replace(v, difference=differences.get(v.name)) for v in variants]
    variants.sort(key=lambda v: (v.rank, v.name))
    return SeveralTasks(
        tuple(variants),
        tuple(map(_task_label, table.values())),
        tuple(_task_label(rows) for rows, _ in normalised),
        ranking,
        tuple(notes),
    )


def no_table_notes(comparison: Comparison) -> list[str]:
    """Return why several variants on several tasks have no table over all tasks."""
    table, left = _by_task(comparison)
    variants = {row.group.variant for row in comparison.rows}
    some = any(row.summary for row in comparison.rows)
    if len(table) < 2 or len(variants) < 2 or len(variants) - len(left) >= 2 or not some:
        return []
    reasons: dict[str, list[str]] = {}
    for name, reason in left.items():
        reasons.setdefault(reason, []).append(name)
    which = "; ".join(f"{listed(names, 4)}: {reason}" for reason, names in reasons.items())
    return [f"there is no table over all tasks, which needs two variants ({which})"]


def _by_task(comparison: Comparison) -> tuple[dict[SharedKeys, dict[str, Row]], dict[str, str]]:
    """Return the rows of each task by variant, and why some variants are left out over all tasks.

    The two results are empty if groups share more keys with their baseline than those of the task.
    """
    table: dict[SharedKeys, dict[str, Row]] = {}
    left: dict[str, str] = {}
    if any(task(row.group) != row.shared_keys for row in comparison.rows):
        return table, left
    for row in comparison.rows:
        rows = table.setdefault(task(row.group), {})
        why = _why_left_out(row, row.group.variant in rows)
        if why:
            left.setdefault(row.group.variant, why)
        rows[row.group.variant] = row
    for row in comparison.rows:
        if not all(row.group.variant in rows for rows in table.values()):
            left.setdefault(row.group.variant, _MISSING)
    return table, left


def _variant(
    name: str,
    rank: float,
    is_baseline: bool,
    tasks: Sequence[tuple[Mapping[str, Row], Scores]],
) -> VariantOverTasks:
    scores = [of_task[name] for _, of_task in tasks]
    noisy = [with_noise_of_baseline(name, *each) for each in tasks]
    return VariantOverTasks(
        name=name,
        scores=tuple(scores),
        mean=stratified_mean(scores) if scores else None,
        interval=None if is_baseline else stratified_t_interval(noisy),
        rank=rank,
        is_baseline=is_baseline,
    )


def _why_left_out(row: Row, again: bool) -> str:
    """Return why a row excludes its variant from the table over all tasks; empty if it does not."""
    if row.summary is None or row.group.missing:
        return _MISSING
    if again:
        return _CHANGED
    diff = row.difference
    if diff is not None and diff.refused:
        return f"{row.group.label} is not comparable with {diff.baseline}"
    return ""


def _sign(row: Row) -> int:
    assert row.summary is not None
    return row.summary.metric.sign


def _mean(row: Row) -> float:
    assert row.summary is not None
    return -_sign(row) * math.inf if row.summary.mean is None else row.summary.mean


def _scale(rows: Iterable[Row], left: Mapping[str, str]) -> tuple[float, float] | str:
    """Return chance and the baseline's mean on one task, or why scores are not normalised on it."""
    baseline = chance = None
    means = []
    sign = 1
    for row in rows:
        if row.summary is None or row.summary.mean is None:
            continue
        means.append(row.summary.mean)
        if row.is_baseline:
            if left.get(row.group.variant) == _CHANGED:
                return "the baseline has several groups"
            metric = row.summary.metric
            baseline, chance, sign = row.summary.mean, metric.chance, metric.sign
    if baseline is None or chance is None:
        return "chance level or baseline is unknown"
    best = max((mean - chance) * sign for mean in means)
    if (baseline - chance) * sign <= max(0.0, _LEARNED * best):
        return "the baseline stays at chance"
    return chance, baseline


def _normalised(
    rows: Mapping[str, Row], scale: tuple[float, float]
) -> dict[str, tuple[float, ...]]:
    chance, reference = scale
    raw = {
        name: [(outcome - chance) / (reference - chance) for outcome in row.group.outcomes]
        for name, row in rows.items()
    }
    finite = [score for scores in raw.values() for score in scores if math.isfinite(score)]
    # A diverged run counts as guessing, and never as better than the worst finished run.
    worst = min([0.0, *finite])
    return {
        name: tuple(score if math.isfinite(score) else worst for score in scores)
        for name, scores in raw.items()
    }


def _task_label(rows: Mapping[str, Row]) -> str:
    group = next(iter(rows.values())).group
    return group.part(dict(task(group)), "task")

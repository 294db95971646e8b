"""Compare variants over several tasks: normalised scores, performance profiles, ranks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gatekit.compare.deciding.over_tasks import (
    TasksDifference,
    differences_over_tasks,
    with_noise_of_baseline,
)
from gatekit.compare.deciding.row import Row
from gatekit.compare.stats.baseline import Block, task
from gatekit.compare.stats.ranks import Ranking, rank_variants
from gatekit.compare.stats.rule import ALPHA
from gatekit.compare.stats.statistics import MIN_BOOTSTRAP, Interval
from gatekit.compare.stats.stratified import (
    Stratum,
    interquartile,
    normalised_bootstrap,
    optimality_gap,
    stratified_bootstrap,
    stratified_mean,
    stratified_t_interval,
)

from .comparison import Comparison

_GRID = 101
_LEARNED = 0.05
_MISSING = "runs are missing"
_CHANGED = "data or a plugin changed, so that it has several groups on a task"


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant that has an outcome on every task.

    ``scores`` holds one number per run for each normalised task: 0 is chance, 1 is the mean of the
    baseline. The intervals of ``mean`` include the noise of the baseline's mean; the baseline has
    none, since its score is 1 by definition. The intervals of ``interquartile_mean`` and
    ``optimality_gap`` are bootstraps, from eight seeds per task on.
    """

    name: str
    scores: tuple[tuple[float, ...], ...]
    mean: float | None
    interquartile_mean: float | None
    interval: Interval | None
    bootstrap: Interval | None
    rank: float
    is_baseline: bool
    interquartile_interval: Interval | None = None
    optimality_gap: float | None = None
    gap_interval: Interval | None = None
    difference: TasksDifference | None = None


@dataclass(frozen=True, slots=True)
class SeveralTasks:
    """Variants in the order of their ranks, the tasks, and notes."""

    variants: tuple[Variant, ...]
    tasks: tuple[str, ...]
    normalised: tuple[str, ...]
    ranking: Ranking
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """The share of runs above each normalised score, averaged over tasks, with its band."""

    name: str
    scores: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None


def several_tasks(comparison: Comparison) -> SeveralTasks | None:
    """Return the variants of a comparison over its tasks; None with one task or one variant.

    A variant is left out, and a note names it, if on some task it lacks an outcome or a run, is not
    comparable with its baseline, or has several groups because data or a plugin changed. A variant
    without a verdict on some task, such as one whose baseline lacks a run, has no difference.
    Scores are not normalised on a task whose chance level is unknown, whose baseline has several
    groups, or on which the baseline's distance from chance is less than a twentieth of the best
    variant's: the divisor would be close to zero.

    Args:
        comparison: the result of ``compare``; its only blocks are tasks.

    Reference:
        Agarwal et al., NeurIPS (2021), arXiv:2108.13264
    """
    table: dict[Block, dict[str, Row]] = {}
    left: dict[str, str] = {}
    for row in comparison.rows:
        rows = table.setdefault(task(row.group), {})
        why = _why_left_out(row, row.group.variant in rows)
        if why:
            left.setdefault(row.group.variant, why)
        rows[row.group.variant] = row
    if len(table) < 2 or any(task(row.group) != row.block for row in comparison.rows):
        return None
    names = list(dict.fromkeys(row.group.variant for row in comparison.rows))
    for name in names:
        if not all(name in rows for rows in table.values()):
            left.setdefault(name, _MISSING)
    whole = [name for name in names if name not in left]
    if len(whole) < 2:
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
    for block, rows in table.items():
        scale = _scale(rows.values(), left)
        if isinstance(scale, str):
            notes.append(f"{_task_label(rows)}: not normalised, {scale}")
        else:
            scales[block] = scale
    kept = list(scales)
    scores = {block: _normalised(table[block], scales[block]) for block in kept}
    variants = []
    for name, rank in zip(whole, ranking.ranks, strict=True):
        own = [scores[block][name] for block in kept]
        noisy = [with_noise_of_baseline(name, table[block], scores[block]) for block in kept]
        strata = [_stratum(name, table[block], scores[block]) for block in kept]
        variants.append(_variant(name, own, noisy, strata, rank, table, comparison.level))
    if len(kept) > 1:
        blocked = {
            row.group.variant
            for row in comparison.rows
            if row.difference and row.difference.blocked
        }
        others = [v.name for v in variants if not v.is_baseline and v.name not in blocked]
        both = [(table[block], scores[block]) for block in kept]
        found = differences_over_tasks(others, both, comparison.level, comparison.study.looks)
        variants = [replace(v, difference=found.get(v.name)) for v in variants]
    variants.sort(key=lambda v: (v.rank, v.name))
    return SeveralTasks(
        tuple(variants),
        tuple(map(_task_label, table.values())),
        tuple(_task_label(table[block]) for block in kept),
        ranking,
        tuple(notes),
    )


def profiles(several: SeveralTasks, level: float = 0.95) -> list[Profile]:
    """Return the performance profile of each variant: the share of runs above each score.

    With at least ten seeds on each task, the band is a bootstrap stratified by task.

    Args:
        several: the result of ``several_tasks``, with at least one normalised task.
        level: confidence level of the band.

    Reference:
        Dolan and More, "Benchmarking optimization software with performance profiles", Math.
        Program. 91 (2002), doi:10.1007/s101070100263; Agarwal et al., arXiv:2108.13264
    """
    everything = np.array([s for v in several.variants for part in v.scores for s in part])
    if not len(everything):
        return []
    low, high = float(everything.min()), float(everything.max())
    pad = 0.03 * (high - low) or 0.1
    grid = np.linspace(low - pad, high + pad, _GRID)
    results = []
    for variant in several.variants:
        share = np.mean([np.mean(np.array(p)[:, None] > grid, axis=0) for p in variant.scores], 0)
        band = None
        if all(len(part) >= MIN_BOOTSTRAP for part in variant.scores):
            ends = [
                stratified_bootstrap(
                    [(np.array(p) > g).astype(float) for p in variant.scores], level
                )
                for g in grid
            ]
            band = [end for end in ends if end is not None]
        results.append(
            Profile(
                variant.name,
                tuple(grid.tolist()),
                tuple(share.tolist()),
                tuple(end.low for end in band) if band else None,
                tuple(end.high for end in band) if band else None,
            )
        )
    return results


def _variant(
    name: str,
    scores: Sequence[tuple[float, ...]],
    noisy: Sequence[tuple[float, ...]],
    strata: Sequence[Stratum],
    rank: float,
    table: Mapping[Block, Mapping[str, Row]],
    level: float,
) -> Variant:
    is_baseline = all(rows[name].is_baseline for rows in table.values())
    every = np.concatenate(scores) if scores else None
    return Variant(
        name=name,
        scores=tuple(scores),
        mean=stratified_mean(scores) if scores else None,
        interquartile_mean=None if every is None else float(interquartile(every)),
        interval=None if is_baseline else stratified_t_interval(noisy, level),
        bootstrap=None if is_baseline else stratified_bootstrap(noisy, level),
        rank=rank,
        is_baseline=is_baseline,
        interquartile_interval=normalised_bootstrap(strata, interquartile, level),
        optimality_gap=None if every is None else float(optimality_gap(every)),
        gap_interval=normalised_bootstrap(strata, optimality_gap, level),
    )


def _stratum(
    name: str, rows: Mapping[str, Row], scores: Mapping[str, tuple[float, ...]]
) -> Stratum:
    base = next(other for other, row in rows.items() if row.is_baseline)
    own, units = rows[name].group.units, rows[base].group.units
    paired = len(set(units)) == len(units) and None not in own and set(own) <= set(units)
    pairs = tuple(units.index(unit) for unit in own) if paired else None
    return Stratum(scores[name], scores[base], pairs)


def _why_left_out(row: Row, again: bool) -> str:
    """Return why a variant is not in the table over all tasks; empty if one row speaks for it."""
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
    """Return chance and the baseline's mean on one task, or why they define no scale.

    Args:
        rows: the rows of the task.
        left: the variants that are left out, and why.
    """
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
        name: [
            (run.result.outcome - chance) / (reference - chance)
            for run in row.group.runs
            if run.result
        ]
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

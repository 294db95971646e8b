"""Compare scores of any size: beyond `LARGEST`, in a unit in which their squares are finite."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from gatekit.runs.record import RunRecord
from gatekit.runs.result import Result, Score

from .study import Study

LARGEST = 1e100
"""The largest score that is compared in its own unit."""


def in_range(study: Study) -> Study:
    """Return a study whose large scores are divided by a power of ten, which their unit names.

    All scores of one metric on one task have one unit, such as ``x 1e308 nats``.
    """
    results = [run.result for run in study.runs if run.result is not None]
    largest: dict[tuple[str, str], float] = {}
    for result in results:
        size = max((abs(value) for value in _scores(result)), default=0.0)
        largest[_key(result)] = max(size, largest.get(_key(result), 0.0))
    scales = {
        key: 10.0 ** math.floor(math.log10(size)) for key, size in largest.items() if size > LARGEST
    }
    if not scales:
        return study
    return dataclasses.replace(study, runs=tuple(_scaled(run, scales) for run in study.runs))


def _key(result: Result) -> tuple[str, str]:
    return result.task, result.metric.name


def _scores(result: Result) -> Iterator[float]:
    for score in (result.best, result.last):
        if score is not None:
            for value in (score.validation, score.test, *score.further.values()):
                if value is not None and math.isfinite(value):
                    yield value


def _scaled(run: RunRecord, scales: dict[tuple[str, str], float]) -> RunRecord:
    result = run.result
    if result is None or (scale := scales.get(_key(result))) is None:
        return run
    metric = result.metric
    chance = None if metric.chance is None else metric.chance / scale
    metric = dataclasses.replace(
        metric,
        unit=f"x {scale:g} {metric.unit}".replace("e+", "e").strip(),
        chance=chance,
        scale=metric.scale * scale,
    )
    best, last = (_divided(score, scale) for score in (result.best, result.last))
    return dataclasses.replace(
        run, result=dataclasses.replace(result, metric=metric, best=best, last=last)
    )


def _divided(score: Score | None, scale: float) -> Score | None:
    if score is None:
        return None

    def divided(value: float | None) -> float | None:
        return None if value is None else value / scale

    further = {name: divided(value) for name, value in score.further.items()}
    return Score(score.epoch, divided(score.validation), divided(score.test), further)

"""Select the split of a comparison; the default is the test set."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.compare.study import Study
from gatekit.runs.record import RunRecord
from gatekit.runs.result import Result


def on_split(study: Study, split: str) -> Study:
    """Return a study with the results on one split, at the best validation epoch.

    Args:
        study: what ``load`` returned.
        split: ``test``, ``validation``, or another test set of the task.

    Raises:
        ConfigError: a run has no score on this split.
    """
    for run in study.runs:
        if (result := run.result) is not None and result.best is not None:
            known = _known(result)
            if split not in known:
                raise ConfigError(
                    f"split={split}: run {run.id} of task {result.task} has no score on it"
                    f"{nearest(split, known) or '.'} It has {listed(known)}."
                )
    return dataclasses.replace(study, runs=tuple(_chosen(study.runs, split)))


def _known(result: Result) -> list[str]:
    assert result.best is not None
    names = ("validation", "test", *result.best.further)
    return [name for name in names if result.best.on(name) is not None]


def _chosen(runs: Iterable[RunRecord], split: str) -> Iterable[RunRecord]:
    for run in runs:
        result = run.result
        yield (
            run
            if result is None
            else dataclasses.replace(run, result=dataclasses.replace(result, chosen=split))
        )

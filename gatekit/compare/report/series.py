"""The curves of a group as data for the page's script, over epochs and over each cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gatekit.compare.curves import (
    AXES,
    Curve,
    band,
    band_ends,
    on_cost,
    on_one_grid,
)
from gatekit.compare.stats.intervals import Floats
from gatekit.runs.record import RunRecord
from gatekit.runs.result import ResultMetric

from .markup import number

MOST_POINTS = 400
"""Curves with more points are thinned to this number."""

_DIGITS = 5

Series = tuple[str, str]
Members = Sequence[tuple[RunRecord, Mapping[Series, Curve]]]


class Tables:
    """The distinct lists of epochs, steps and seconds, each stored once; most runs share theirs."""

    def __init__(self) -> None:
        self.lists: list[list[float]] = []
        self._places: dict[tuple[float, ...], int] = {}
        self._seconds: dict[tuple[str, tuple[float, ...]], int] = {}

    def place(self, values: Floats) -> int:
        """Return the index of a list."""
        key = tuple(number(value) for value in values.tolist())
        if key not in self._places:
            self._places[key] = len(self.lists)
            self.lists.append(list(key))
        return self._places[key]

    def seconds(self, run: str, epochs: Floats, seconds: Floats) -> int:
        """Return the index of the seconds of a run at epochs.

        All metrics of an epoch get the seconds of the metric that is added first; they are only
        milliseconds apart.
        """
        key = (run, tuple(epochs.tolist()))
        if key not in self._seconds:
            rounded = [number(value, _DIGITS) for value in seconds.tolist()]
            self._seconds[key] = self.place(np.array(rounded))
        return self._seconds[key]


def flops_by_run(group: Sequence[tuple[RunRecord, object]]) -> dict[str, float]:
    """Return the recorded operations of a training step of each run of a group, by run id.

    A run without a record, such as a run in progress, gets those of another run; this is wrong
    if runs are pooled over a key such as ``units``. Empty if no run has recorded them.
    """
    recorded = {run.id: run.result.step_flops for run, _ in group if run.result is not None}
    known = next((flops for flops in recorded.values() if flops), None)
    return {} if known is None else {run.id: recorded.get(run.id) or known for run, _ in group}


def costs(group: Members, series: Series) -> list[str]:
    """Return the costs over which the curves of a group can be drawn."""
    flops = flops_by_run(group)
    members = [known[series] for _, known in group if series in known]
    return [cost for cost in AXES if any(on_cost(c, cost, flops.get(c.run)) for c in members)]


def group_data(
    group: Members,
    series: Series,
    tables: Tables,
    level: float,
    metric: ResultMetric | None,
    with_seeds: bool,
) -> dict[str, Any]:
    """Return the curves of a group: its runs with the FLOPs of a step, and its bands by cost."""
    flops = flops_by_run(group)
    members = [(run, known[series]) for run, known in group if series in known]
    counting = [curve for run, curve in members if run.counts]
    bands = _bands(counting, tables, level, metric, flops)
    runs = []
    for run, curve in members if with_seeds or bands is None else ():
        shown = thinned(curve.epochs)
        places = {"at": tables.place(curve.epochs[shown])}
        steps, seconds = curve.costs.get("steps"), curve.costs.get("seconds")
        if steps is not None and steps.any():
            places["steps"] = tables.place(steps[shown])
        if seconds is not None and seconds.any():
            places["seconds"] = tables.seconds(run.id, curve.epochs[shown], seconds[shown])
        values = [number(v, _DIGITS) for v in curve.values[shown]]
        about = {"run": run.id, "seed": run.seed, "state": run.state, **places}
        runs.append({**about, "flops": number(flops[run.id]) if flops else None, "y": values})
    return {"runs": runs, "bands": bands}


def _bands(
    curves: Sequence[Curve],
    tables: Tables,
    level: float,
    metric: ResultMetric | None,
    flops: Mapping[str, float],
) -> dict[str, Any] | None:
    """Return the band over each cost; one with the same values as over epochs has only `at`."""
    first = _band(curves, tables, level, metric)
    if first is None:
        return None
    bands = {"epochs": first}
    for cost in list(AXES)[1:]:
        over = [curve for each in curves if (curve := on_cost(each, cost, flops.get(each.run)))]
        if len(over) == len(curves) and _aligned(curves) and _aligned(over):
            bands[cost] = {"at": tables.place(over[0].epochs[thinned(over[0].epochs)])}
        elif len(over) == len(curves):
            one = _band(on_one_grid(over) if cost != "steps" else over, tables, level, metric)
            if one is not None:
                bands[cost] = one
    return bands


def _aligned(curves: Sequence[Curve]) -> bool:
    return all(np.array_equal(curve.epochs, curves[0].epochs) for curve in curves)


def _band(
    curves: Sequence[Curve], tables: Tables, level: float, metric: ResultMetric | None
) -> dict[str, Any] | None:
    mean = band(curves, level)
    if mean is None:
        return None
    kept = thinned(mean.epochs)
    ends = {"mean": mean.mean, "low": mean.low, "high": mean.high}
    if metric is not None:
        ends["low"], ends["high"] = band_ends(mean, curves, metric, log=False)
        if (ends["low"] <= 0).any():
            # On a logarithmic axis the band ends at the lowest seed.
            ends["floor"] = band_ends(mean, curves, metric, log=True)[0]
    shown = {name: [number(v, _DIGITS) for v in values[kept]] for name, values in ends.items()}
    return {"at": tables.place(mean.epochs[kept]), **shown}


def thinned(epochs: Floats) -> Any:
    """Return the indices to show: all of them, or an even selection with both ends."""
    count = len(epochs)
    if count <= MOST_POINTS:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, MOST_POINTS).round().astype(int))

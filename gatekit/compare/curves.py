"""Learning curves of groups: one per run, and their mean with an interval."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gatekit.compare.budget.evaluations import read_evaluations
from gatekit.compare.stats.intervals import Floats, limits, mean_interval, of_seeds, seed_keys
from gatekit.runs import metrics
from gatekit.runs.names import METRICS
from gatekit.runs.record import RunRecord, stamp
from gatekit.runs.result import ResultMetric

_GRID = 101
LARGEST = 1e150
"""The largest value of a curve, whose square is finite."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One run's values over epochs, without epochs whose line is lost or whose value is NaN.

    In the results of `over` and `on_cost`, ``epochs`` holds another cost of training instead.

    Attributes:
        run: id of the run.
        epochs: the epoch of each value.
        values: the metric.
        diverged: whether the run diverged.
        costs: training ``steps`` and ``seconds`` before each value, as far as they are known.
        seed: the run's seed; in a pooled group, several runs have the same seed.
    """

    run: str
    epochs: Floats
    values: Floats
    diverged: bool
    costs: Mapping[str, Floats] = field(default_factory=dict)
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """Mean and t interval at the epochs, or costs, that every run reached.

    The interval is over seeds: runs of one seed are not independent.
    """

    epochs: Floats
    mean: Floats
    low: Floats
    high: Floats


def read_curve(run: RunRecord, split: str = "validation") -> Curve | None:
    """Return a run's learning curve of its primary metric; None if nothing can be read.

    Args:
        run: a run with an outcome.
        split: the split whose lines to read.
    """
    if run.result is None:
        return None
    return read_curves(run, split).get((split, run.result.metric.name))


def over(run: RunRecord, cost: str) -> Curve | None:
    """Return a run's validation curve over a cost of training; None if nothing can be read.

    Args:
        run: a run with an outcome.
        cost: ``seconds``, ``steps``, ``tokens``, ``flops`` or ``epochs``.

    Raises:
        ConfigError: the cost is unknown.
    """
    known = read_evaluations(run)
    if known is None:
        return None
    return Curve(run.id, known.on(cost), known.values, known.diverged, seed=run.seed)


def on_one_grid(curves: Sequence[Curve]) -> list[Curve]:
    """Return curves interpolated linearly at the same costs, in the range that all runs cover.

    A mean over runs needs their values at the same costs, but runs are evaluated at different
    seconds. Curves whose runs were evaluated at the same costs are returned unchanged.
    """
    shortest = min((curve.epochs for curve in curves), key=len)
    if all(np.array_equal(curve.epochs[: len(shortest)], shortest) for curve in curves):
        return list(curves)
    low = max(curve.epochs[0] for curve in curves)
    high = min(curve.epochs[-1] for curve in curves)
    if high < low:
        return []
    grid = np.linspace(low, high, _GRID if high > low else 1)
    return [
        replace(curve, epochs=grid, values=np.interp(grid, curve.epochs, curve.values), costs={})
        for curve in curves
    ]


def read_curves(run: RunRecord, split: str | None = None) -> dict[tuple[str, str], Curve]:
    """Return a run's curves by split and metric; the run may still be in progress.

    Those of its own metric have the unit of its scores. No other value beyond `LARGEST` is drawn.

    Args:
        run: any run.
        split: the split whose lines to read; None means all.
    """
    # After a resume an epoch occurs twice; the later line is the valid one.
    metric = None if run.result is None else run.result.metric
    points: dict[tuple[str, str], array[float]] = {}
    for line in metrics.each(run.path / METRICS, split):
        value = np.nan if line.value is None else line.value
        if metric is not None and line.metric == metric.name:
            value /= metric.scale
        if abs(value) > LARGEST:
            value = np.nan
        point = (line.epoch, value, line.step, line.seconds)
        points.setdefault((line.split, line.metric), array("d")).extend(point)
    curves = {}
    for key, known in points.items():
        latest = np.frombuffer(known).reshape(-1, 4)[::-1]
        in_order = latest[np.unique(latest[:, 0], return_index=True)[1]]
        finite = in_order[~np.isnan(in_order[:, 1])]
        if finite.size:
            epochs, values, steps, seconds = np.array(finite.T)
            costs = {"steps": steps, "seconds": seconds}
            diverged = run.state == "DIVERGED"
            curves[key] = Curve(run.id, epochs, values, diverged, costs, run.seed)
    return curves


def on_cost(curve: Curve, cost: str, step: Mapping[str, float]) -> Curve | None:
    """Return a curve over a cost of training; None if the cost is unknown.

    Args:
        curve: a curve over epochs, from `read_curves`.
        cost: ``epochs``, ``steps``, ``seconds``, ``tokens`` or ``flops``.
        step: the tokens and floating-point operations of one training step, as far as known.
    """
    if cost == "epochs":
        return curve
    places = curve.costs.get("steps" if cost in step else cost)
    if places is None or not places.any():
        return None
    return replace(curve, epochs=step.get(cost, 1) * places, costs={})


class KeptCurves:
    """Curves that were read before; only those of runs that have changed are read again."""

    def __init__(self) -> None:
        self._curves: dict[Path, tuple[object, dict[tuple[str, str], Curve]]] = {}

    def read(self, run: RunRecord) -> dict[tuple[str, str], Curve]:
        """Return a run's curves as `read_curves` does."""
        scale = None if run.result is None else run.result.metric.scale
        now = (stamp(run.path), run.id, run.state, scale)
        before = self._curves.get(run.path)
        if before is None or before[0] != now:
            before = self._curves[run.path] = (now, read_curves(run))
        return before[1]


def band(curves: Sequence[Curve]) -> Band | None:
    """Return the mean over runs with its interval; None for a single seed or no common epoch.

    The band ends at the last epoch of the shortest run: after it, the mean would be only over the
    runs that train longest.

    Args:
        curves: the curves of one group.
    """
    if len(curves) < 2:
        return None
    common = sorted(set.intersection(*(set(curve.epochs.tolist()) for curve in curves)))
    if not common:
        return None
    table = np.array([curve.values[np.isin(curve.epochs, common)] for curve in curves])
    keys = seed_keys(curve.seed for curve in curves)
    ends = []
    for column in table.T:
        interval = mean_interval(of_seeds(column.tolist(), keys))
        if interval is None:
            return None
        ends.append((interval.low, interval.high))
    low, high = np.array(ends).T
    return Band(np.array(common), table.mean(axis=0), low, high)


def band_ends(
    known: Band, curves: Sequence[Curve], metric: ResultMetric, log: bool
) -> tuple[Floats, Floats]:
    """Return the ends of a band as they are drawn: within the limits of the metric.

    On a logarithmic axis, a band that reaches zero anywhere ends at the lowest seed, because zero
    is infinitely far away.

    Args:
        known: the band.
        curves: the curves of its runs.
        metric: the metric.
        log: whether the axis is logarithmic.
    """
    low, high = limits(metric, np.concatenate([curve.values for curve in curves]).tolist())
    bottom, top = np.maximum(known.low, low), np.minimum(known.high, high)
    if log and (bottom <= 0).any():
        seeds = [curve.values[np.isin(curve.epochs, known.epochs)] for curve in curves]
        bottom = np.maximum(bottom, np.min(seeds, axis=0))
    return bottom, top


AXES = {
    "epochs": "epoch",
    "seconds": "training time (s)",
    "steps": "training steps",
    "tokens": "training tokens",
    "flops": "training FLOPs",
}
"""The costs that learning curves can be drawn over, with the label of the axis."""


def step_name(runs: Iterable[RunRecord]) -> str:
    """Return the name of an epoch: ``evaluation`` if ``trainer.steps`` ended the training."""
    trainers = [(run.config or {}).get("trainer") for run in runs]
    steps = [isinstance(t, Mapping) and t.get("steps") is not None for t in trainers]
    return "evaluation" if steps and all(steps) else "epoch"

"""The evaluations of a run: validation scores, and the training that each had cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.compare.stats.statistics import Floats
from gatekit.runs import metrics
from gatekit.runs.names import METRICS
from gatekit.runs.record import RunRecord

from .flops import step_flops

COSTS = ("seconds", "steps", "flops")
"""What a budget can be counted in."""

UNITS = {"seconds": "s", "steps": "steps", "flops": "FLOPs", "epochs": "epochs"}


@dataclass(frozen=True, slots=True)
class Evaluations:
    """The validation metric of a run and its cost, in the order of epochs.

    Attributes:
        epochs: epoch of each evaluation.
        values: the metric; a resumed run counts its epochs once.
        costs: training ``seconds``, ``steps`` and ``flops`` before each evaluation, and
            ``epochs``; without ``flops`` if they are unknown.
        end: the same at the last line of the run, which is where a diverged run diverged.
        diverged: whether the run diverged.
    """

    epochs: NDArray[np.int64]
    values: Floats
    costs: Mapping[str, Floats]
    end: Mapping[str, float]
    diverged: bool

    def on(self, cost: str, run: RunRecord) -> Floats:
        """Return the cost of each evaluation.

        Raises:
            ConfigError: the operations of the run's training steps are unknown.
        """
        known(cost)
        if cost not in self.costs:
            raise ConfigError(
                f"the FLOPs of run {run.id} are unknown: it has not recorded them, and its cell,"
                " task or data are not here; use seconds or steps"
            )
        return self.costs[cost]


def known(cost: str) -> str:
    """Return the name of a cost.

    Raises:
        ConfigError: there is no such cost.
    """
    if cost not in UNITS:
        raise ConfigError(f"{cost}: training is counted in {listed(UNITS)}{nearest(cost, UNITS)}")
    return cost


def read_evaluations(run: RunRecord) -> Evaluations | None:
    """Return the evaluations of a run with an outcome; None if no line can be read.

    Args:
        run: the run.
    """
    if run.result is None:
        return None
    # After a resume an epoch occurs twice; the later line is the valid one.
    points: dict[int, metrics.MetricLine] = {}
    last: metrics.MetricLine | None = None
    for line in metrics.read(run.path / METRICS).lines:
        if line.split == "validation" and line.metric == run.result.metric.name:
            points[line.epoch] = line
        if line.split in ("train", "validation"):
            last = line
    kept = [line for _, line in sorted(points.items()) if line.value is not None]
    if last is None or not kept:
        return None
    costs = {
        "epochs": np.array([line.epoch for line in kept], dtype=np.float64),
        "seconds": np.array([line.seconds for line in kept]),
        "steps": np.array([line.step for line in kept], dtype=np.float64),
    }
    end = {"epochs": float(last.epoch), "seconds": last.seconds, "steps": float(last.step)}
    each = step_flops(run)
    if each is not None:
        costs["flops"], end["flops"] = each * costs["steps"], each * end["steps"]
    return Evaluations(
        epochs=np.array([line.epoch for line in kept]),
        values=np.array([line.value for line in kept], dtype=np.float64),
        costs=costs,
        end=end,
        diverged=run.state == "DIVERGED",
    )


def best_so_far(values: Floats, sign: int) -> Floats:
    """Return the best of the values up to each of them.

    Args:
        values: validation scores in the order of training.
        sign: +1 if larger is better, -1 if smaller is better.
    """
    return np.asarray(sign * np.maximum.accumulate(sign * values))

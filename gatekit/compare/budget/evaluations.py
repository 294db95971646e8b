"""The evaluations of a run: validation scores, and the cost of training up to each."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.errors import ConfigError, GatekitError
from gatekit.compare.options import UNITS, check
from gatekit.compare.stats.intervals import Floats
from gatekit.runs import metrics
from gatekit.runs.names import METRICS
from gatekit.runs.record import RunRecord

COSTS = tuple(UNITS)[1:]
"""The costs in which a budget can be given."""


@dataclass(frozen=True, slots=True)
class Evaluations:
    """The validation metric of a run and its cost, in the order of epochs.

    Attributes:
        run: id of the run.
        epochs: epoch of each evaluation.
        values: the metric; if a resumed run repeated an epoch, it counts once.
        costs: training ``seconds``, ``steps``, ``tokens`` (valid steps of sequences) and ``flops``
            before each evaluation, and ``epochs``; without those that are unknown.
        end: the same costs at the last line of the run, where a diverged run diverged.
        diverged: whether the run diverged.
    """

    run: str
    epochs: NDArray[np.int64]
    values: Floats
    costs: Mapping[str, Floats]
    end: Mapping[str, float]
    diverged: bool

    def on(self, cost: str) -> Floats:
        """Return the cost of each evaluation.

        Raises:
            ConfigError: there is no such cost, or that of the run is unknown.
        """
        check(over=cost)
        if cost not in self.costs:
            raise ConfigError(
                f"the {UNITS[cost]} of run {self.run} are unknown: it did not record them, and they"
                " cannot be counted here; use seconds or steps"
            )
        return self.costs[cost]


def read_evaluations(run: RunRecord) -> Evaluations | None:
    """Return the evaluations of a run with an outcome; None if no line can be read."""
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
    lines = [line for _, line in sorted(points.items()) if line.value is not None]
    if last is None or not lines:
        return None
    costs = {
        "epochs": np.array([line.epoch for line in lines], dtype=np.float64),
        "seconds": np.array([line.seconds for line in lines]),
        "steps": np.array([line.step for line in lines], dtype=np.float64),
    }
    end = {"epochs": float(last.epoch), "seconds": last.seconds, "steps": float(last.step)}
    for cost, each in (("flops", step_flops(run)), ("tokens", run.result.step_tokens)):
        if each is not None:
            costs[cost], end[cost] = each * costs["steps"], each * end["steps"]
    return Evaluations(
        run=run.id,
        epochs=np.array([line.epoch for line in lines]),
        values=np.array([line.value for line in lines], dtype=np.float64) / run.result.metric.scale,
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


_KEYS = (
    *("cell", "output_unit", "block", "mixers", "width", "units", "layers", "bidirectional"),
    *("pool", "task"),
)


def step_flops(run: RunRecord) -> float | None:
    """Return the operations of one training step of a run, None if they are unknown.

    If the run did not record them, they are computed: its cell is built from the plugins that are
    registered here, and the length of sequences is that of its task's data. Plugin files that its
    configuration names are not loaded, and nothing is computed for imported runs, because a bundle
    may come from a stranger.
    """
    recorded = None if run.result is None else run.result.step_flops
    if recorded is not None and recorded > 0:
        return recorded
    config = run.config or {}
    if run.origin is not None or not {"cell", "task", "trainer", "units"} <= config.keys():
        return None
    network = {key: config[key] for key in _KEYS if key in config}
    # Sizes and lengths do not depend on the seed.
    return _counted(
        json.dumps(
            {**network, "batch": config["trainer"].get("batch")}, sort_keys=True, default=str
        )
    )


@functools.lru_cache(maxsize=512)
def _counted(text: str) -> float | None:
    config = {
        "output_unit": {"kind": "hidden"},
        "layers": 1,
        "bidirectional": False,
        "pool": "last",
        **json.loads(text),
    }
    try:
        return _of_network(config)
    except (GatekitError, ValueError, TypeError, KeyError, ArithmeticError, OSError):
        return None


def _of_network(config: Mapping[str, Any]) -> float:
    # Imported here, because only runs that did not record their FLOPs need the registry.
    from gatekit.registry import components
    from gatekit.registry.models import model_of

    task = components.load().task(config["task"])
    sequences, length = _step_size(config, task)
    stack = model_of(config, task.signature(), steps=round(length))
    return stack.training_flops(sequences, length)


def _step_size(config: Mapping[str, Any], task: Any) -> tuple[float, float]:
    from gatekit.tasks import seeds
    from gatekit.training.batches import step_size

    batch = int(config["batch"])
    train = None if task.streamed else task.splits(seeds.generator(0, "data"))["train"]
    return step_size(
        train, lambda: task.sample(seeds.generator(0, "data", "train", 0), batch), batch
    )

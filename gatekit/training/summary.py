"""The content of a run's ``result.json``: scores, counts, costs and its training recipe.

`Scores` computes the task's metric on whole splits; `summary` collects everything.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.block.stack import Stack
from gatekit.tasks.task import Task

from .feed import Feed, called
from .jit import Mode
from .model import (
    SequenceModel,
    choice_of,
    pooled_metric,
    step_metric,
)
from .parts import Shards, added
from .resume import TrainingProgress
from .schedule import typed

WARM_UP = 5
"""How many first steps the times per step exclude."""


class InterruptedRunError(Exception):
    """The run was asked to stop, and stopped after a batch."""


class Scores:
    """Evaluates a run's model.

    Args:
        model: the Keras model.
        task: the task, for its metric and loss.
        feed: the splits.
        stop: set from outside to stop after the current batch.
        shards: how a batch is computed, and whether XLA compiles it.
    """

    def __init__(
        self, model: SequenceModel, task: Task, feed: Feed, stop: threading.Event, shards: Shards
    ) -> None:
        self.feed, self.stop, self.metric = feed, stop, task.metric.name
        metric, loss = task.metric.name, task.signature().loss

        def sums(data: tuple[object, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            inputs, y, weights = data
            logits = model(called(inputs), training=False)
            counted = tf.cast(weights, "float64")
            values = tf.cast(step_metric(metric, loss, y, logits), "float64")
            return tf.reduce_sum(values * counted), tf.reduce_sum(counted)

        @tf.function(input_signature=feed.score_spec, autograph=False, jit_compile=shards.whole)
        def score(inputs: object, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
            parts = shards.of(model, sums, (inputs, y, weights))
            total, count = zip(*parts, strict=True)
            return added(total), added(count)

        self.score = score.get_concrete_function()

    def of(self, split: str) -> float:
        """Return the task's metric on a split, pooled over all counted steps.

        Raises:
            InterruptedRunError: the run was asked to stop.
        """
        sums = []
        for step in self.feed.split(split):
            if self.stop.is_set():
                raise InterruptedRunError
            sums.append(self.score(*step))
        total = sum(float(value) for value, _ in sums)
        count = sum(float(counted) for _, counted in sums)
        return pooled_metric(self.metric, total / count) if count else math.nan

    def tests(self) -> dict[str, Any]:
        """Return the metric on the test set, and under ``splits`` on further test sets."""
        first, *further = [(split, self.of(split)) for split in self.feed.tests]
        return dict([first]) | ({"splits": dict(further)} if further else {})


class StepTimes:
    """Wall time and processor time of the training steps: the median of each epoch.

    The first steps, which compile, count only if there are no others.
    """

    def __init__(self) -> None:
        self._first: list[tuple[float, float]] = []
        self._steps: list[tuple[float, float]] = []
        self._epochs: list[tuple[float, float]] = []

    def begin(self) -> None:
        """Begin a step."""
        self._began = time.perf_counter(), time.process_time()

    def end(self) -> None:
        """End a step."""
        wall, processor = self._began
        took = time.perf_counter() - wall, time.process_time() - processor
        (self._first if len(self._first) < WARM_UP else self._steps).append(took)

    def end_epoch(self) -> None:
        """End an epoch."""
        if self._steps:
            wall, processor = map(statistics.median, zip(*self._steps, strict=True))
            self._epochs.append((wall, processor))
            self._steps = []

    def record(self) -> dict[str, float | None]:
        """Return the seconds per step: median, lowest and highest of the epochs' wall times, and
        the median of their processor times, which sums over all threads."""
        self.end_epoch()
        if not self._epochs:
            self._steps = self._first
            self.end_epoch()
        names = "step", "step_low", "step_high", "step_processor"
        if not self._epochs:
            return dict.fromkeys(names)
        wall, processor = zip(*self._epochs, strict=True)
        values = statistics.median(wall), min(wall), max(wall), statistics.median(processor)
        return dict(zip(names, values, strict=True))


class Session(Protocol):
    """A run that has been trained.

    Attributes:
        mode: whether XLA compiled the run.
        decayed: whether each trainable weight decays, by path.
        devices: the device of each shard; empty for one device.
        step_times: the times of its steps.
    """

    config: Mapping[str, Any]
    task: Task
    model: SequenceModel
    feed: Feed
    progress: TrainingProgress
    mode: Mode
    total_steps: int
    devices: Sequence[str]
    decayed: dict[str, bool]
    step_times: StepTimes


def summary(
    session: Session, best: Mapping[str, Any] | None, last: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the record of a run.

    Args:
        session: the run.
        best: the scores at the best validation epoch, or None.
        last: the scores after the last epoch, or None.
    """
    metric, progress = session.task.metric, session.progress
    costs = token_costs(session.model.stack)
    choice = choice_of(session.model)
    return {
        "task": session.config["task"]["name"],
        "metric": {
            "name": metric.name,
            "direction": metric.direction,
            "unit": metric.unit,
            "chance": session.task.chance(),
        },
        "best": _finite(best),
        "last": _finite(last),
        "parameters": parameter_counts(session.model),
        "seconds": {"total": progress.seconds(), **session.step_times.record()},
        "used": progress.used.record(),
        "steps": progress.step,
        "tokens": {"step": math.prod(session.feed.step_size())},
        "flops": {
            "step": session.model.stack.training_flops(*session.feed.step_size()),
            "token": costs["flops"],
        },
        "state_size": costs["state"],
        "executor": (session.mode.jit and choice.training) or choice.executor,
        "executor_mode": choice.mode,
        "executor_reason": progress.reasons["executor"],
        "jit": session.mode.jit,
        "jit_reason": progress.reasons["jit"],
        "shards": session.config.get("shards", 1),
        "devices": max(1, len(session.devices)),
        "warnings": progress.remarks,
        **_recipe(session),
    }


def _recipe(session: Session) -> dict[str, Any]:
    """Return the numbers of the schedule and the windows, and which weights decay, if any."""
    recipe: dict[str, Any] = {}
    if (windows := session.feed.windows) is not None:
        recipe["windows"] = {
            "steps": windows.window,
            "streams": windows.size,
            "per_stream": session.feed.per_batch,
            "contiguous": windows.contiguous,
        }
    if numbers := typed(session.config["optimizer"], session.total_steps):
        recipe["schedule"] = numbers
    if session.decayed:
        parts = {"decayed": True, "left_out": False}
        recipe["weight_decay"] = {
            name: [path for path, decays in session.decayed.items() if decays is part]
            for name, part in parts.items()
        }
    return recipe


def _finite(scores: object) -> Any:
    if isinstance(scores, dict):
        return {key: _finite(value) for key, value in scores.items()}
    return None if isinstance(scores, float) and not math.isfinite(scores) else scores


def token_costs(stack: Stack) -> dict[str, int]:
    """Return the FLOPs per token of all recurrent layers and the size of their states, both
    including the blocks around them."""
    layers = stack.recurrent
    return {"flops": sum(op.flops for op in layers), "state": sum(op.carried for op in layers)}


def parameter_counts(model: SequenceModel) -> dict[str, int]:
    """Return the trainable parameters of the recurrent layers, with blocks, and of the model."""
    counts = {
        layer.name: sum(math.prod(w.shape) for w in layer.trainable_weights)
        for layer in model.layers
    }
    recurrent = sum(counts[op.name] for op in model.stack.recurrent)
    return {"recurrent": int(recurrent), "total": int(sum(counts.values()))}

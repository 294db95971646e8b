"""The task's metric on whole splits, with the current weights."""

from __future__ import annotations

import math
import threading
from typing import Any

import tensorflow as tf

from gatekit.tasks.task import Task
from gatekit.training.process.stopping import InterruptedRunError

from .feed import Feed, called
from .model import step_metric


class Scores:
    """Evaluates a run's model.

    Args:
        model: the Keras model.
        task: its metric and loss.
        feed: the splits.
        stop: set from outside to stop after the current batch.
        jit: whether XLA compiles an evaluation step.
    """

    def __init__(
        self, model: Any, task: Task, feed: Feed, stop: threading.Event, *, jit: bool
    ) -> None:
        self.feed, self.stop = feed, stop
        metric, loss = task.metric.name, task.signature().loss

        @tf.function(input_signature=feed.spec, autograph=False, jit_compile=jit)
        def score(inputs: Any, y: Any, weights: Any) -> Any:
            logits = model(called(inputs), training=False)
            counted = tf.cast(weights, "float64")
            values = tf.cast(step_metric(metric, loss, y, logits), "float64")
            return tf.reduce_sum(values * counted), tf.reduce_sum(counted)

        self.score = score

    def of(self, split: str) -> float:
        """Return the task's metric on a split, pooled over all counted steps.

        Raises:
            InterruptedRunError: the run was asked to stop; nothing has changed.
        """
        total = count = 0.0
        for step in self.feed.split(split):
            if self.stop.is_set():
                raise InterruptedRunError
            value, counted = self.score(*step)
            total += float(value)
            count += float(counted)
        return total / count if count else math.nan

    def tests(self) -> dict[str, Any]:
        """Return the metric on the test set, and under ``splits`` on the further ones."""
        first, *further = [(split, self.of(split)) for split in self.feed.tests]
        return dict([first]) | ({"splits": dict(further)} if further else {})

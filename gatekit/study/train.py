"""Training of one run: Keras' fit in an order that the seed decides; validation chooses."""

from __future__ import annotations

import io
import math
import statistics
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy
import tensorflow as tf

from . import batches, seeds
from .callbacks import Callbacks
from .data_check import DataWarning, check_sample, check_splits
from .folder import RunFolder
from .model import (
    build_model,
    executor_of,
    named_weights,
    parameter_counts,
    set_weights,
    step_metric,
)

WARM_UP = 5
EVALUATIONS = 20
"""How often a run that is given in steps looks at its validation data."""


class InterruptedRunError(Exception):
    """The run was asked to stop; it stopped after a batch."""


class DivergedError(Exception):
    """The loss is not finite."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__(f"the loss is not finite at epoch {epoch}, batch {batch}")


def train(
    config: Mapping[str, Any],
    task: Any,
    folder: RunFolder,
    stop: threading.Event,
    verbose: int = 2,
    callbacks: Callbacks | None = None,
) -> dict[str, Any]:
    """Train one run and return what result.json says about it.

    Args:
        config: the resolved run configuration.
        task: the task (a `gatekit.Task`).
        folder: the claimed folder; metrics and the best weights are written there on the way.
        stop: set from outside to stop after the current batch.
        verbose: Keras' progress output: 1 a bar, 2 a line per epoch.
        callbacks: what plugins want to be told.

    Raises:
        InterruptedRunError: ``stop`` was set.
        GatekitError: the data or the configuration are not usable.
    """
    keras.utils.set_random_seed(seeds.integer(config["seed"], "keras", bits=31))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        splits = check_splits(task, seeds.generator(config["seed"], "data"))
    for warning in caught:
        warnings.warn(warning.message, stacklevel=2)
    doubts = [str(w.message) for w in caught if issubclass(w.category, DataWarning)]
    session = _Session(config, task, splits, folder, stop, callbacks or Callbacks(), doubts)
    return session.run(verbose)


class _Session:
    def __init__(
        self,
        config: Mapping[str, Any],
        task: Any,
        splits: Mapping[str, Any],
        folder: RunFolder,
        stop: threading.Event,
        callbacks: Callbacks,
        doubts: list[str],
    ) -> None:
        self.config, self.task, self.splits = config, task, splits
        self.folder, self.stop, self.callbacks = folder, stop, callbacks
        self.doubts = doubts
        self.signature = task.signature()
        self.every = self.signature.emission == "every"
        self.size = config["trainer"]["batch"]
        self.seed = config["seed"]
        self.masked = any(split.mask is not None for split in splits.values())
        train = splits.get("train")
        self.per_epoch = batches.steps_per_epoch(None if train is None else len(train.x), self.size)
        self.total_steps = (
            config["trainer"]["steps"] or config["trainer"]["epochs"] * self.per_epoch
        )
        if config["trainer"]["steps"]:
            self.chunk = max(1, min(-(-self.total_steps // EVALUATIONS), self.total_steps))
        else:
            self.chunk = self.per_epoch
        self.epoch = self.step = 0
        self.validation = math.nan
        self.best: tuple[int, float] | None = None
        self.best_weights: dict[str, numpy.ndarray] = {}
        self.step_seconds: list[float] = []
        self.began = time.monotonic()

    def run(self, verbose: int) -> dict[str, Any]:
        self.model = build_model(self.config, self.signature, self.masked)
        self.model.compile(
            optimizer=optimizer(self.config["optimizer"], self.total_steps), jit_compile=False
        )
        # Made inside the first step, the optimizer's variables would have it traced twice.
        self.model.optimizer.build(self.model.trainable_variables)
        spec = self._tensor_spec()
        self.score = self._scorer(spec)
        data = tf.data.Dataset.from_generator(self._epoch_batches, output_signature=spec)
        data = data.apply(tf.data.experimental.assert_cardinality(self.chunk))
        result: dict[str, Any] = {"state": "COMPLETED"}
        self.callbacks.tell("start", folder=self.folder.path)
        try:
            epochs = -(-self.total_steps // self.chunk)
            watch = [_Watch(self)]
            self.model.fit(data, epochs=epochs, verbose=verbose, callbacks=watch, shuffle=False)
        except DivergedError as diverged:
            result = {"state": "DIVERGED", "reason": str(diverged)}
        result |= self._summary()
        self.callbacks.tell("end", folder=self.folder.path, state=result["state"], result=result)
        return result

    def _summary(self) -> dict[str, Any]:
        metric = self.task.metric
        best = last = None
        if self.best is not None:
            last = {
                "epoch": self.epoch,
                "validation": self.validation,
                "test": self.evaluate("test"),
            }
            self.log("test", metric.name, last["test"])
            set_weights(self.model, self.best_weights)
            best = {
                "epoch": self.best[0],
                "validation": self.best[1],
                "test": self.evaluate("test"),
            }
        steps = self.step_seconds[WARM_UP:] or self.step_seconds
        return {
            "task": self.config["task"]["name"],
            "metric": {
                "name": metric.name,
                "direction": metric.direction,
                "unit": metric.unit,
                "chance": self.task.chance(),
            },
            "best": _finite(best),
            "last": _finite(last),
            "parameters": parameter_counts(self.model),
            "seconds": {
                "total": round(time.monotonic() - self.began, 3),
                "step": statistics.median(steps) if steps else None,
            },
            "steps": self.step,
            "executor": executor_of(self.model),
            "warnings": self.doubts,
        }

    # -- data ---------------------------------------------------------------------------------

    def _epoch_batches(self) -> Iterator[Any]:
        # Keras looks at one batch before the first epoch; the position is therefore read from the
        # callback's epoch and never counted here.
        epoch = max(self.epoch, 1) - 1
        first = epoch * self.chunk
        for step in range(first, first + self.chunk):
            yield self._tensors(self._train_step(step))

    def _train_step(self, step: int) -> batches.Step:
        train = self.splits.get("train")
        if train is None:
            random = seeds.generator(self.seed, "data", "train", step)
            fresh = check_sample(self.task, random, self.size)
            return batches.taken(fresh, numpy.arange(self.size), self.size, self.every)
        turn, place = divmod(step, self.per_epoch)
        order = batches.shuffled(self.seed, turn, len(train.x))
        rows = order[place * self.size : (place + 1) * self.size]
        return batches.taken(train, rows, self.size, self.every)

    def _tensors(self, step: batches.Step) -> tuple[Any, Any, Any]:
        inputs: Any = step.x
        if self.masked:
            mask = numpy.ones(step.x.shape[:2], bool) if step.mask is None else step.mask
            inputs = (step.x, mask)
        return inputs, step.y, step.weights

    def _tensor_spec(self) -> Any:
        def spec(array: Any, timed: bool) -> tf.TensorSpec:
            dims = [self.size, *array.shape[1:]]
            if timed:
                dims[1] = None
            return tf.TensorSpec(dims, array.dtype)

        inputs, y, weights = self._tensors(self._train_step(0))
        if self.masked:
            first: Any = (spec(inputs[0], True), spec(inputs[1], True))
        else:
            first = spec(inputs, True)
        return first, spec(y, self.every), spec(weights, self.every)

    # -- scores -------------------------------------------------------------------------------

    def _scorer(self, spec: Any) -> Any:
        metric, loss = self.task.metric.name, self.signature.loss

        @tf.function(input_signature=spec, autograph=False)
        def score(inputs: Any, y: Any, weights: Any) -> Any:
            logits = self.model(list(inputs) if self.masked else inputs, training=False)
            counted = tf.cast(weights, "float64")
            values = tf.cast(step_metric(metric, loss, y, logits), "float64")
            return tf.reduce_sum(values * counted), tf.reduce_sum(counted)

        return score

    def evaluate(self, split: str) -> float:
        """Return the task's metric on a split, pooled over all counted steps."""
        total = count = 0.0
        for step in batches.ordered(self.splits[split], self.size, self.every):
            value, counted = self.score(*self._tensors(step))
            total += float(value)
            count += float(counted)
        return total / count if count else math.nan

    def log(self, split: str, metric: str, value: float) -> None:
        """Append one number to metrics.jsonl."""
        self.folder.log(
            {
                "epoch": self.epoch,
                "step": self.step,
                "split": split,
                "metric": metric,
                "value": float(value),
                "seconds": round(time.monotonic() - self.began, 3),
            }
        )

    def better(self, value: float) -> bool:
        """Return whether a validation score is the best one so far."""
        if not math.isfinite(value):
            return False
        if self.best is None:
            return True
        return value < self.best[1] if self.task.metric.direction == "min" else value > self.best[1]


class _Watch(keras.callbacks.Callback):
    def __init__(self, session: _Session) -> None:
        super().__init__()
        self.session = session

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.session.epoch = epoch + 1

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        session = self.session
        session.step_seconds.append(time.perf_counter() - self.started)
        session.step += 1
        if logs and not math.isfinite(logs["loss"]):
            session.log("train", "loss", math.nan)
            raise DivergedError(session.epoch, batch + 1)
        if session.stop.is_set():
            raise InterruptedRunError
        if session.step >= session.total_steps:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        session, metric = self.session, self.session.task.metric
        value = session.validation = session.evaluate("validation")
        session.log("train", "loss", logs["loss"])
        session.log("validation", metric.name, value)
        logs[f"val_{metric.name}"] = value
        if not math.isfinite(value):
            raise DivergedError(session.epoch, session.chunk)
        if session.better(value):
            session.best = (session.epoch, value)
            session.best_weights = named_weights(self.model)
            archive = io.BytesIO()
            numpy.savez(archive, **session.best_weights)  # type: ignore[arg-type]
            session.folder.write_weights(archive.getvalue())
        session.callbacks.tell(
            "epoch",
            folder=session.folder.path,
            epoch=session.epoch,
            step=session.step,
            loss=logs["loss"],
            validation=value,
            weights=lambda: named_weights(self.model),
        )
        patience = session.config["trainer"]["patience"]
        if patience and session.best and session.epoch - session.best[0] >= patience:
            self.model.stop_training = True


def optimizer(config: Mapping[str, Any], total_steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer; ``clipnorm`` bounds the norm of all gradients together.

    Args:
        config: name, learning_rate, clipnorm, schedule and the optimizer's own keys.
        total_steps: the length of the schedule: ``cosine`` falls to zero at its end, ``step``
            divides by ten at one half and three quarters.
    """
    rate: Any = config["learning_rate"]
    schedules = keras.optimizers.schedules
    if config["schedule"] == "cosine":
        rate = schedules.CosineDecay(rate, total_steps)
    elif config["schedule"] == "step":
        bounds = [max(1, total_steps // 2), max(2, total_steps * 3 // 4)]
        rate = schedules.PiecewiseConstantDecay(bounds, [rate, rate / 10, rate / 100])
    named = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    kind = {**named, "rmsprop": keras.optimizers.RMSprop}[config["name"]]
    own = {key: config[key] for key in ("momentum", "nesterov") if key in config}
    made: keras.optimizers.Optimizer = kind(
        learning_rate=rate, global_clipnorm=config["clipnorm"], **own
    )
    return made


def make_deterministic(threads: int) -> None:
    """Fix threads and op determinism; call it before TensorFlow has executed anything."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def _finite(scores: dict[str, Any] | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in scores.items()
    }

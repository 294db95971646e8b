"""Train one run, in an order that the seed determines; keep the best epoch."""

from __future__ import annotations

import contextlib
import functools
import math
import random
import sys
import threading
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy
import tensorflow as tf

from gatekit.cell.errors import ConfigError
from gatekit.recurrence.executors.choose import CHUNKS
from gatekit.runs.checkpoint import Checkpoint
from gatekit.runs.folder import RunFolder
from gatekit.tasks import seeds
from gatekit.tasks.task import Task
from gatekit.tasks.validate import DataWarning

from . import traced
from .batches import EVALUATIONS
from .callbacks import Callbacks, Event, reported
from .feed import Drawing, Feed
from .jit import resolve, training_step
from .model import SequenceModel, build_model, choice_of, named_weights, set_weights
from .optimizers import decayed, optimizer, vectors
from .parts import PartialGradients, Shards
from .probe import Probe, ProbeRecords
from .process import programs
from .resume import TrainingProgress, restore, tensors
from .schedule import DEFAULTS
from .summary import InterruptedRunError, Scores, StepTimes, summary
from .traced import Kept


class DivergedError(Exception):
    """The loss is not finite."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__(f"the loss is not finite at epoch {epoch}, batch {batch}")


@dataclass(frozen=True)
class Attempt:
    """One attempt at a run.

    Attributes:
        config: the resolved run configuration.
        task: the task (a `gatekit.Task`).
        folder: the claimed folder; metrics, the best weights and checkpoints are written there.
        stop: set from outside to stop after the current batch.
        verbose: what is printed: 1 a progress bar, 2 a line per epoch, 0 nothing.
        callbacks: the callbacks of plugins.
        checkpoint: the checkpoint to continue from.
        made_with: versions, machine and settings that the numbers depend on, for the checkpoints.
        remarks: warnings about the run so far; they go into the result.
        kept: what an earlier run of this process traced; receives that of this run.
        devices: the device of each shard; empty for one device.
    """

    config: Mapping[str, Any]
    task: Task
    folder: RunFolder
    stop: threading.Event
    verbose: int = 2
    callbacks: Callbacks = field(default_factory=Callbacks)
    checkpoint: Checkpoint | None = None
    made_with: Mapping[str, Any] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    kept: Kept = field(default_factory=Kept)
    devices: Sequence[str] = ()


def train(attempt: Attempt) -> dict[str, Any]:
    """Train a run and return its record for result.json.

    Raises:
        InterruptedRunError: ``stop`` was set.
        GatekitError: the data or the configuration are not usable.
    """
    config, task, kept = attempt.config, attempt.task, attempt.kept
    attempt.folder.enter("loading")
    seed = _global_seed(config)
    if kept.traced is None:
        keras.utils.set_random_seed(seed)
    else:
        # Seeding TensorFlow makes it prepare the functions that it has traced once more.
        random.seed(seed)
        numpy.random.seed(seed)
    keras.config.set_dtype_policy(config["precision"])
    metric = task.metric
    progress = TrainingProgress(attempt.folder, metric.name, metric.direction, attempt.made_with)
    for remark in attempt.remarks:
        progress.remark(remark)
    drawing = Drawing.of(config)
    with warnings.catch_warnings(record=True) as caught, reported("the data", progress.remark):
        warnings.simplefilter("always")
        splits = drawing.splits(task)
    for warning in caught:
        warnings.warn(warning.message, stacklevel=2)
        if issubclass(warning.category, DataWarning):
            progress.remark(str(warning.message))
            kept.about_data.add(str(warning.message))
    if drawing.accumulate > 1 and task.signature().vocabulary is not None:
        # Clipping and Adam take the rows of an embedding's gradient before they are added up.
        raise ConfigError(
            f"trainer.accumulate={drawing.accumulate}: on tokens, parts of a batch do not add up "
            "to the update of the whole batch"
        )
    return _Session(attempt, drawing.feed(task, splits), progress).run()


def _global_seed(config: Mapping[str, Any]) -> int:
    """Return the seed of the generators that gatekit itself does not use."""
    return seeds.integer(seeds.part(config, "init"), "keras", bits=31)


class _Session:
    def __init__(self, attempt: Attempt, feed: Feed, progress: TrainingProgress) -> None:
        self.attempt, self.feed, self.progress = attempt, feed, progress
        self.config, self.task, self.kept = attempt.config, attempt.task, attempt.kept
        self.callbacks, self.devices = attempt.callbacks, attempt.devices
        self.callbacks.warn = progress.remark
        config = self.config
        trainer = config["trainer"]
        self.patience, self.until = trainer["patience"], trainer.get("until")
        self.total_steps = trainer["steps"] or trainer["epochs"] * feed.per_epoch
        if trainer["steps"]:
            steps = max(1, -(-self.total_steps // EVALUATIONS))
            # Evaluate after whole sequences, except in a document, which is too long for this.
            windows = 1 if feed.windows is None or feed.windows.contiguous else feed.per_batch
            self.epoch_steps = min(-(-steps // windows) * windows, self.total_steps)
        else:
            self.epoch_steps = feed.per_epoch
        self.training = True
        self.running: Mapping[str, numpy.ndarray] = {}
        self.ema = "ema" in config["optimizer"]
        self.step_times = StepTimes()

    def run(self) -> dict[str, Any]:
        self.progress.folder.enter("compiling")
        self._make()
        choice = choice_of(self.model)
        self.progress.made_with |= {"executor": choice.executor, "jit": self.mode.jit}
        why = f"auto: {CHUNKS}" if self.config.get("chosen") else choice.reason
        self.progress.reasons = {"executor": why, "jit": self.mode.reason}
        result: dict[str, Any] = {"state": "COMPLETED"}
        self._tell("start")
        try:
            try:
                if self.attempt.checkpoint is not None:
                    self._resume(self.attempt.checkpoint)
                else:
                    self.probe.begin()
                self.progress.folder.enter("training")
                self._fit()
                with self._averaged():
                    self.probe.end()
            except DivergedError as diverged:
                result = {"state": "DIVERGED", "reason": str(diverged)}
            self.training = False
            result |= self._summary()
        except InterruptedRunError:
            if self.training:
                self.save()
            raise
        self._tell("end", state=result["state"], result=result)
        return result

    def _make(self) -> None:
        building = functools.partial(reported, "building the model", self.progress.remark)
        with building():
            model = self._model()
        key = traced.key(self.config, self.task, self.feed, model, self.mode)
        kept = self.kept.traced
        if kept is not None and kept.key == key:
            self.kept.reused = kept.seed
            restore(kept.model, tensors(model))
            kept.scores.feed, kept.scores.stop = self.feed, self.attempt.stop
            if kept.probe is not None:
                kept.probe.read(self.feed)
        else:
            self.kept.reused = None
            if kept is not None:
                # Outside the guard, which would take it for a plugin's doing and revert it.
                tf.random.set_seed(_global_seed(self.config))
            with building():
                kept = self.kept.traced = self._traced(model, key)
        self.model, self.train_step, self.scores = kept.model, kept.step, kept.scores
        if self.kept.reused is None:
            with building():
                self._check_repeats()
        self.probe = ProbeRecords(kept.probe, self.progress, self.epoch_steps)

    def _model(self) -> SequenceModel:
        """Return the compiled model with its initial tensors; decide whether XLA compiles it."""
        feed, settings = self.feed, self.config["optimizer"]
        length = feed.length_for(self.config["pool"])
        signature = self.task.signature()
        model = build_model(self.config, signature, feed.masked, length, feed.resets, feed.sparse)
        self.mode = resolve(self.config, model, feed, EVALUATIONS)
        self.shards = Shards(self.config.get("shards", 1), self.devices, self.mode.jit)
        if feed.accumulate > 1 or self.shards.count > 1:
            model.parts = PartialGradients(model, feed.accumulate, self.shards)
        feed.few = self.mode.jit
        # A document has a target at every step, so each of its windows has weight.
        counted = feed.windows is not None and not feed.windows.contiguous
        steps = model.count_windows() if counted else None
        self.decayed = decayed(model, settings)
        left_out = [w for w in model.trainable_weights if not self.decayed.get(w.path, True)]
        chosen = optimizer(settings, self.total_steps, left_out, steps, vectors(model))
        model.compile(optimizer=chosen, jit_compile=False)
        # If the first step created the optimizer's variables, it would be traced twice.
        model.optimizer.build(model.trainable_variables)
        return model

    def _traced(self, model: SequenceModel, key: Hashable) -> traced.Traced:
        step = training_step(model, self.feed.spec, self.shards.whole)
        shards = replace(self.shards, jit=self.mode.scores)
        scores = Scores(model, self.task, self.feed, self.attempt.stop, shards)
        loss = self.task.signature().loss
        probe = Probe(model, self.feed, loss) if self.config["probe"] else None
        return traced.Traced(key, self.config["seed"], model, step, scores, probe)

    def _check_repeats(self) -> None:
        before, first = tensors(self.model), self.feed.step(self.progress.step)
        ends = []
        for _ in range(2):
            restore(self.model, before)
            self.train_step(first)
            ends.append({n: v.tobytes() for n, v in tensors(self.model).items()})
        restore(self.model, before)
        if ends[0] != ends[1]:
            self.progress.remark(
                "the first step was executed twice, with different results: something draws random "
                "numbers without the run's seed, so this run can be neither repeated nor continued "
                "exactly."
            )

    def _fit(self) -> None:
        """Train to the end, from the middle of an epoch if an attempt was interrupted there."""
        epochs, verbose = -(-self.total_steps // self.epoch_steps), self.attempt.verbose
        while not self.over():
            number, place = divmod(self.progress.step, self.epoch_steps)
            if verbose:
                sys.stdout.write(f"Epoch {number + 1}/{epochs}\n")
            left = min(self.epoch_steps - place, self.total_steps - self.progress.step)
            shown = f"val_{self.task.metric.name}"
            bar = keras.utils.Progbar(
                left, verbose=verbose, stateful_metrics=["loss", "task_loss", shown]
            )
            self.progress.epoch, self.progress.closed = number + 1, False
            self.model.reset_metrics()
            restore(self.model, self.running, "metric/")
            self.running = {}
            for done in range(1, left + 1):
                logs = self._step()
                if verbose == 1:
                    bar.update(done, [*logs.items()], finalize=False)
            self.step_times.end_epoch()
            self.close_epoch()
            programs.share()
            logs[shown] = self.progress.validation
            bar.update(left, [*logs.items()], finalize=True)

    def _step(self) -> dict[str, float]:
        """Train on the next batch, and return the running loss of the epoch."""
        progress = self.progress
        self.step_times.begin()
        logs = self.train_step(self.feed.step(progress.step))
        self.step_times.end()
        numbers = {name: float(value) for name, value in logs.items()}
        progress.step += 1
        # Without the penalties of regularizers, to be comparable with the validation loss.
        progress.loss = numbers.get("task_loss", numbers["loss"])
        if not math.isfinite(numbers["loss"]):
            progress.log("train", "loss", math.nan)
            raise DivergedError(progress.epoch, (progress.step - 1) % self.epoch_steps + 1)
        if self.attempt.stop.is_set():
            raise InterruptedRunError
        if progress.due() and not self.at_end():
            self.save()
        return numbers

    def over(self) -> bool:
        """Return whether there is nothing left to train."""
        progress = self.progress
        return progress.step >= self.total_steps or (
            progress.closed
            and (progress.out_of_patience(self.patience) or progress.reached(self.until))
        )

    def _resume(self, checkpoint: Checkpoint) -> None:
        self.progress.resume(checkpoint)
        self.callbacks.restore(checkpoint.position["plugins"])
        restore(self.model, checkpoint.arrays)
        if not self.progress.closed and self.at_end():
            self.close_epoch()
        elif not self.progress.closed:
            # The running loss is reset before every epoch, also before this one.
            self.running = {n: v for n, v in checkpoint.arrays.items() if n.startswith("metric/")}

    def at_end(self) -> bool:
        """Return whether the latest batch was the last one of an epoch."""
        step = self.progress.step
        return step % self.epoch_steps == 0 or step >= self.total_steps

    def save(self) -> None:
        """Write a checkpoint of the state after the latest batch."""
        self.progress.save(tensors(self.model), self.callbacks.state())

    def close_epoch(self) -> None:
        """Evaluate an epoch, and record the validation score; write a checkpoint if one is due."""
        with self._averaged():
            self._evaluate()
        if self.progress.due():
            self.save()

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        """In a run with ``ema``, replace the weights with their averages within the block."""
        if not self.ema:
            yield
            return
        weights = self.model.trainable_variables
        trained = [numpy.array(weight.numpy()) for weight in weights]
        self.model.optimizer.finalize_variable_values(weights)
        try:
            yield
        finally:
            for weight, value in zip(weights, trained, strict=True):
                weight.assign(value)

    def _evaluate(self) -> None:
        progress = self.progress
        value = self.scores.of("validation")
        progress.judge(value, lambda: named_weights(self.model))
        if not math.isfinite(value):
            raise DivergedError(progress.epoch, self.epoch_steps)
        self._lower_rate()
        self.probe.after_epoch()
        self._tell(
            "epoch",
            epoch=progress.epoch,
            step=progress.step,
            loss=progress.loss,
            validation=value,
            weights=lambda: named_weights(self.model),
        )

    def _lower_rate(self) -> None:
        """Lower the learning rate on a plateau, if that is the schedule."""
        keys = {**DEFAULTS, **self.config["optimizer"]}
        if keys["schedule"] == "plateau" and self.progress.stalled(keys["wait"]):
            # It is a variable of the optimizer, so checkpoints have it.
            rate = float(self.model.optimizer.learning_rate) * keys["factor"]
            self.model.optimizer.learning_rate = rate
            self.progress.log("train", "learning_rate", rate)

    def _tell(self, event: Event, **facts: Any) -> None:
        self.callbacks.tell(event, folder=self.progress.folder.path, **facts)

    def _summary(self) -> dict[str, Any]:
        metric, progress = self.task.metric, self.progress
        best = last = None
        if progress.best is not None:
            with self._averaged():
                tests = self.scores.tests()
            last = {**progress.last(), **tests}
            set_weights(self.model, progress.best_weights)
            epoch, value = progress.best
            # If the best epoch is the last, these are the weights that were just evaluated.
            if epoch < progress.epoch:
                tests = self.scores.tests()
            best = {"epoch": epoch, "validation": value, **tests}
            for scores in (best, last) if epoch < progress.epoch else (best,):
                step = min(scores["epoch"] * self.epoch_steps, progress.step)
                for split, score in {"test": scores["test"], **scores.get("splits", {})}.items():
                    progress.log(split, metric.name, score, at=(scores["epoch"], step))
        return summary(self, best, last)

"""Train one run with Keras' fit, in an order that the seed determines; keep the best epoch."""

from __future__ import annotations

import contextlib
import math
import threading
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy
import tensorflow as tf

from gatekit.runs.checkpoint import Checkpoint
from gatekit.runs.folder import RunFolder
from gatekit.tasks import seeds
from gatekit.tasks.task import Task
from gatekit.tasks.validate import DataWarning, check_splits

from .batches import EVALUATIONS
from .callbacks import Callbacks, Event, reported
from .feed import Fed, Feed
from .jit import compiled_step, resolve
from .model import build_model, choice_of, named_weights, set_weights
from .optimizers import decayed, optimizer
from .probe import Probe, ProbeRecords
from .process import programs
from .resume import TrainingProgress, restore, tensors
from .summary import InterruptedRunError, Scores, StepTimes, summary


class DivergedError(Exception):
    """The loss is not finite."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__(f"the loss is not finite at epoch {epoch}, batch {batch}")


def train(
    config: Mapping[str, Any],
    task: Task,
    folder: RunFolder,
    stop: threading.Event,
    verbose: int = 2,
    callbacks: Callbacks | None = None,
    checkpoint: Checkpoint | None = None,
    made_with: Mapping[str, Any] | None = None,
    remarks: list[str] | None = None,
) -> dict[str, Any]:
    """Train one run and return its record for result.json.

    Args:
        config: the resolved run configuration.
        task: the task (a `gatekit.Task`).
        folder: the claimed folder; metrics, the best weights and checkpoints are written there.
        stop: set from outside to stop after the current batch.
        verbose: Keras' progress output: 1 a bar, 2 a line per epoch.
        callbacks: the callbacks of plugins.
        checkpoint: the checkpoint to continue from.
        made_with: versions, machine and settings that the numbers depend on, for the checkpoints.
        remarks: warnings about the run so far; they go into the result.

    Raises:
        InterruptedRunError: ``stop`` was set.
        GatekitError: the data or the configuration are not usable.
    """
    folder.enter("loading")
    keras.utils.set_random_seed(seeds.integer(seeds.part(config, "init"), "keras", bits=31))
    keras.config.set_dtype_policy(config["precision"])
    progress = TrainingProgress(folder, task.metric.name, task.metric.direction, made_with or {})
    for remark in remarks or ():
        progress.remark(remark)
    with warnings.catch_warnings(record=True) as caught, reported("the data", progress.remark):
        warnings.simplefilter("always")
        splits = check_splits(task, seeds.generator(seeds.part(config, "data"), "data"))
    for warning in caught:
        warnings.warn(warning.message, stacklevel=2)
        if issubclass(warning.category, DataWarning):
            progress.remark(str(warning.message))
    drawn, order = seeds.part(config, "data"), seeds.part(config, "order")
    trainer = config["trainer"]
    feed = Feed(task, splits, drawn, trainer["batch"], order=order, tbptt=trainer.get("tbptt"))
    session = _Session(config, task, feed, progress, stop, callbacks or Callbacks())
    return session.run(verbose, checkpoint)


class _Session:
    def __init__(
        self,
        config: Mapping[str, Any],
        task: Task,
        feed: Feed,
        progress: TrainingProgress,
        stop: threading.Event,
        callbacks: Callbacks,
    ) -> None:
        self.config, self.task, self.feed, self.progress = config, task, feed, progress
        self.stop, self.callbacks = stop, callbacks
        callbacks.warn = progress.remark
        trainer = config["trainer"]
        self.patience = trainer["patience"]
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

    def run(self, verbose: int, checkpoint: Checkpoint | None) -> dict[str, Any]:
        self.progress.folder.enter("compiling")
        with reported("building the model", self.progress.remark):
            self._make()
        executor = choice_of(self.model).executor
        self.progress.made_with |= {"executor": executor, "jit": self.mode.jit}
        result: dict[str, Any] = {"state": "COMPLETED"}
        self._tell("start")
        try:
            try:
                if checkpoint is not None:
                    self._resume(checkpoint)
                else:
                    self.probe.begin()
                self.progress.folder.enter("training")
                self._fit(verbose)
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
        signature = self.task.signature()
        feed = self.feed
        length = feed.length_for(self.config["pool"])
        self.model = build_model(self.config, signature, feed.masked, length, feed.resets)
        self.mode = resolve(self.config, self.model, feed, EVALUATIONS)
        feed.few = self.mode.jit
        # A document has a target at every step, so each of its windows has weight.
        counted = feed.windows is not None and not feed.windows.contiguous
        steps = self.model.count_windows() if counted else None
        settings = self.config["optimizer"]
        self.decayed = decayed(self.model, settings)
        left_out = [w for w in self.model.trainable_weights if not self.decayed.get(w.path, True)]
        self.model.compile(
            optimizer=optimizer(settings, self.total_steps, left_out, steps), jit_compile=False
        )
        # If the first step created the optimizer's variables, it would be traced twice.
        self.model.optimizer.build(self.model.trainable_variables)
        if self.mode.jit:
            self.model.train_function = compiled_step(self.model, self.feed.spec)
        self.scores = Scores(self.model, self.task, self.feed, self.stop, jit=self.mode.jit)
        self._check_repeats()
        probe = Probe(self.model, self.feed, signature.loss) if self.config["probe"] else None
        self.probe = ProbeRecords(probe, self.progress, self.epoch_steps)

    def _check_repeats(self) -> None:
        before = tensors(self.model)
        self.model.make_train_function()
        ends = []
        for _ in range(2):
            restore(self.model, before)
            self.model.train_function(iter(self._dataset(self.progress.step + 1)))
            ends.append({n: v.tobytes() for n, v in tensors(self.model).items()})
        restore(self.model, before)
        if ends[0] != ends[1]:
            self.progress.remark(
                "the first step was executed twice, with different results: something draws random "
                "numbers without the run's seed, so this run can be neither repeated nor continued "
                "exactly. Remove the randomness from the plugins, or use dropout and zoneout."
            )

    def _fit(self, verbose: int) -> None:
        """Train, first to the end of an interrupted epoch, then in whole epochs."""
        callback = _SessionCallback(self)
        epochs = -(-self.total_steps // self.epoch_steps)
        while not self.over():
            epoch, place = divmod(self.progress.step, self.epoch_steps)
            # One iterator for all epochs, so no epoch waits for its first batch.
            self.model.fit(
                self._dataset(self.total_steps),
                initial_epoch=epoch,
                epochs=epoch + 1 if place else epochs,
                steps_per_epoch=self.epoch_steps - place,
                verbose=verbose,
                callbacks=[callback],
                shuffle=False,
            )

    def over(self) -> bool:
        """Return whether there is nothing left to train."""
        progress = self.progress
        return progress.step >= self.total_steps or (
            progress.closed and progress.out_of_patience(self.patience)
        )

    def _dataset(self, stop: int) -> tf.data.Dataset:
        """Return the data of the next step and all later steps before ``stop``."""

        def steps() -> Iterator[Fed]:
            for step in range(self.progress.step, stop):
                yield self.feed.step(step)

        # There is nothing to tune. When an iterator ends, it waits for its tuning thread, whose
        # sleep doubles each time. Once XLA has compiled a step, this wait takes several seconds.
        options = tf.data.Options()
        options.autotune.enabled = False
        data = tf.data.Dataset.from_generator(steps, output_signature=self.feed.spec)
        return data.with_options(options)

    def _resume(self, checkpoint: Checkpoint) -> None:
        self.progress.resume(checkpoint)
        self.callbacks.restore(checkpoint.position["plugins"])
        restore(self.model, checkpoint.arrays)
        if not self.progress.closed and self.at_end():
            self.close_epoch()
        elif not self.progress.closed:
            # Keras resets the running loss before every epoch, also before this one.
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
        trained = self.trained()
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        try:
            yield
        finally:
            self.put_back(trained)

    def trained(self) -> list[numpy.ndarray]:
        """Return a copy of the weights that training continues with."""
        return [numpy.array(weight.numpy()) for weight in self.model.trainable_variables]

    def put_back(self, trained: list[numpy.ndarray]) -> None:
        """Restore the weights that `trained` returned."""
        for weight, value in zip(self.model.trainable_variables, trained, strict=True):
            weight.assign(value)

    def _evaluate(self) -> None:
        progress = self.progress
        value = self.scores.of("validation")
        progress.judge(value, lambda: named_weights(self.model))
        if not math.isfinite(value):
            raise DivergedError(progress.epoch, self.epoch_steps)
        self.probe.after_epoch()
        self._tell(
            "epoch",
            epoch=progress.epoch,
            step=progress.step,
            loss=progress.loss,
            validation=value,
            weights=lambda: named_weights(self.model),
        )

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
            best = {"epoch": epoch, "validation": value, **self.scores.tests()}
            for scores in (best, last) if epoch < progress.epoch else (best,):
                step = min(scores["epoch"] * self.epoch_steps, progress.step)
                for split, score in {"test": scores["test"], **scores.get("splits", {})}.items():
                    progress.log(split, metric.name, score, at=(scores["epoch"], step))
        return summary(self, best, last)


class _SessionCallback(keras.callbacks.Callback):
    def __init__(self, session: _Session) -> None:
        super().__init__()
        self.session = session

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        session = self.session
        session.progress.epoch, session.progress.closed = epoch + 1, False
        restore(self.model, session.running, "metric/")
        session.running = {}

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.session.step_times.begin()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        session, progress = self.session, self.session.progress
        session.step_times.end()
        progress.step += 1
        # Without the penalties of regularizers, to be comparable with the validation loss.
        progress.loss = float(logs.get("task_loss", logs["loss"]))
        if not math.isfinite(logs["loss"]):
            progress.log("train", "loss", math.nan)
            place = (progress.step - 1) % session.epoch_steps
            raise DivergedError(progress.epoch, place + 1)
        if session.stop.is_set():
            raise InterruptedRunError
        if progress.step >= session.total_steps:
            self.model.stop_training = True
        elif progress.due() and not session.at_end():
            session.save()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        session = self.session
        session.step_times.end_epoch()
        session.close_epoch()
        programs.share()
        logs[f"val_{session.task.metric.name}"] = session.progress.validation
        if session.over():
            self.model.stop_training = True
        if session.ema:
            self.trained = session.trained()

    def on_train_end(self, logs: Any = None) -> None:
        # Keras leaves the averages in the weights, but training may continue.
        if self.session.ema:
            self.session.put_back(self.trained)

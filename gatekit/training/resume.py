"""The content of a run's checkpoint, and the decision whether an attempt may continue from it.

A checkpoint has every tensor that the next step depends on (`tensors`), and the run's position and
scores (`TrainingProgress`). `checkpoint_of` and `agreed` decide whether an attempt continues.
"""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy
import tensorflow as tf

from gatekit.cell.errors import RunError
from gatekit.cell.terminal import printable
from gatekit.runs.checkpoint import Checkpoint, DamagedError
from gatekit.runs.folder import RunFolder
from gatekit.runs.used import Used

from .carrying import Carrying
from .model import SequenceModel

EPOCH_PERIOD = 1.0
"""Seconds between checkpoints at ends of epochs; less training than this is quickly repeated."""

STEP_PERIOD = 30.0
"""Seconds between checkpoints within an epoch; no more training than this is lost."""

SETTINGS = ("threads", "executor", "jit")
"""Settings that later attempts keep; with ``allow_changed``, threads and jit may change."""


class TrainingProgress:
    """The position and the scores of one run, written to disk as soon as they are known.

    Args:
        folder: the claimed folder.
        metric: the name of the validation metric.
        direction: ``min`` or ``max``.
        made_with: versions, machine and settings, on which the numbers also depend.

    Attributes:
        epoch: the current epoch, from 1; 0 before the first.
        step: the training steps that are done.
        closed: whether the epoch's validation is done.
        loss: the mean training loss of the epoch so far.
        validation: the latest validation score.
        best: epoch and score of the best validation so far.
        best_weights: the weights of that epoch, by name.
        remarks: warnings about the run, each once.
        reasons: why the first attempt chose ``executor`` and ``jit``.
        used: what the run uses of its machine.
    """

    def __init__(
        self,
        folder: RunFolder,
        metric: str,
        direction: str,
        made_with: Mapping[str, Any],
    ) -> None:
        self.folder, self.metric, self.direction = folder, metric, direction
        self.made_with = dict(made_with)
        self.epoch = self.step = 0
        self.closed = True
        self.loss = self.validation = math.nan
        self.best: tuple[int, float] | None = None
        self.best_weights: dict[str, numpy.ndarray] = {}
        self.remarks: list[str] = []
        self.reasons: dict[str, str] = {}
        self.used = Used()
        self._earlier = 0.0
        self._began = self._saved = time.monotonic()

    def seconds(self) -> float:
        """Return how long the run has taken, including earlier attempts."""
        return round(self._earlier + time.monotonic() - self._began, 3)

    def log(self, split: str, metric: str, value: float, at: tuple[int, int] | None = None) -> None:
        """Append one number to metrics.jsonl; ``at`` is its epoch and step if not the present."""
        epoch, step = at or (self.epoch, self.step)
        place = {"epoch": epoch, "step": step, "split": split, "metric": metric}
        self.folder.log({**place, "value": float(value), "seconds": self.seconds()})

    def remark(self, text: str) -> None:
        """Add a remark to the result, unless the result already has it."""
        if text not in self.remarks:
            self.remarks.append(text)

    def judge(self, value: float, weights: Callable[[], dict[str, numpy.ndarray]]) -> None:
        """Log an epoch's loss and score; if the score is the best so far, store the weights.

        Args:
            value: the score.
            weights: a function that returns a copy of all weights by name.
        """
        self.validation = value
        self.log("train", "loss", self.loss)
        self.log("validation", self.metric, value)
        self.closed = True
        if self._better(value):
            self.best, self.best_weights = (self.epoch, value), weights()
            self._write_best()

    def last(self) -> dict[str, Any]:
        """Return the epoch and its validation score, NaN if the epoch is not finished."""
        return {"epoch": self.epoch, "validation": self.validation if self.closed else math.nan}

    def out_of_patience(self, patience: int | None) -> bool:
        """Return whether ``patience`` epochs have passed without a better score."""
        return bool(patience and self.best and self.epoch - self.best[0] >= patience)

    def stalled(self, wait: int) -> bool:
        """Return whether another ``wait`` epochs have passed without a better score."""
        late = self.epoch - self.best[0] if self.best else 0
        return late > 0 and late % wait == 0

    def reached(self, until: float | None) -> bool:
        """Return whether the best score is at least as good as ``until``."""
        if until is None or self.best is None:
            return False
        return self.best[1] <= until if self.direction == "min" else self.best[1] >= until

    def due(self) -> bool:
        """Return whether it is time for a checkpoint; a run's numbers never depend on this."""
        period = EPOCH_PERIOD if self.closed else STEP_PERIOD
        return time.monotonic() - self._saved >= period

    def save(self, arrays: Mapping[str, numpy.ndarray], plugins: object) -> None:
        """Write the checkpoint.

        Args:
            arrays: the tensors that the next step depends on, by name.
            plugins: the states of callbacks, as plain data.
        """
        position = {
            "epoch": self.epoch,
            "step": self.step,
            "closed": self.closed,
            "loss": self.loss,
            "validation": self.validation,
            "best": self.best,
            "seconds": self.seconds(),
            "used": self.used.record(),
            "plugins": plugins,
            "remarks": self.remarks,
            "reasons": self.reasons,
        }
        best = {f"best/{name}": value for name, value in self.best_weights.items()}
        self.folder.write_checkpoint(Checkpoint({**arrays, **best}, position, self.made_with))
        self._saved = time.monotonic()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Return to the position of a checkpoint, with its metrics and best weights."""
        position = checkpoint.position
        for name in ("epoch", "step", "closed", "loss", "validation"):
            setattr(self, name, position[name])
        best = position["best"]
        self.best = None if best is None else (best[0], best[1])
        self._earlier = position["seconds"]
        self.used.resume(position["used"])
        self.reasons |= {
            key: reason
            for key, reason in position["reasons"].items()
            if checkpoint.made_with[key] == self.made_with[key]
        }
        for text in position["remarks"]:
            self.remark(text)
        self.best_weights = {
            name.removeprefix("best/"): value
            for name, value in checkpoint.arrays.items()
            if name.startswith("best/")
        }
        self.folder.go_back(checkpoint)
        if self.best is not None:
            self._write_best()

    def _better(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self.best is None:
            return True
        return value < self.best[1] if self.direction == "min" else value > self.best[1]

    def _write_best(self) -> None:
        archive = io.BytesIO()
        numpy.savez(archive, **self.best_weights)  # type: ignore[arg-type]
        self.folder.write_weights(archive.getvalue())


def tensors(model: SequenceModel) -> dict[str, numpy.ndarray]:
    """Return a copy of all tensors that the next step depends on: weights, carried states, seed
    generators, optimizer and running loss."""
    return {name: numpy.array(variable.numpy()) for name, variable in _named_variables(model)}


def shapes(model: SequenceModel) -> tuple[tuple[str, tuple[int, ...], str], ...]:
    """Return name, shape and type of each of the `tensors`."""
    found = _named_variables(model)
    return tuple((name, tuple(each.shape), str(each.dtype)) for name, each in found)


def restore(model: SequenceModel, arrays: Mapping[str, numpy.ndarray], prefix: str = "") -> None:
    """Restore the tensors of `tensors`, or only those whose names begin with ``prefix``.

    Raises:
        RunError: the arrays belong to another model.
    """
    if not arrays:
        return
    for name, variable in _named_variables(model):
        if not name.startswith(prefix):
            continue
        value = arrays.get(name)
        if value is None or value.shape != tuple(variable.shape):
            raise RunError(
                f"the checkpoint lacks the tensor {name} of this run's model: gatekit has changed "
                "since"
            )
        variable.assign(value)


def _named_variables(model: SequenceModel) -> Iterator[tuple[str, tf.Variable]]:
    # Keras numbers seed generators, metrics and optimizers per process. Another attempt has other
    # numbers, so these variables are named by their owner and position.
    weights = {id(weight) for weight in model.weights}
    for weight in model.weights:
        yield f"weight/{weight.path}", weight
    for layer in model.layers:
        seeds = [variable for variable in layer.variables if id(variable) not in weights]
        for place, variable in enumerate(seeds):
            yield f"seed/{layer.name}/{place}", variable
        if isinstance(layer, Carrying):
            for name, variable in layer.carried.trained.by_name.items():
                yield f"carried/{layer.name}/{name}", variable
    if model.windows is not None:
        yield "windows", model.windows
    for place, variable in enumerate(model.optimizer.variables):
        yield f"optimizer/{place}/{variable.name}", variable
    for place, variable in enumerate(model.metrics_variables):
        yield f"metric/{place}/{variable.name}", variable


def checkpoint_of(folder: RunFolder) -> Checkpoint | None:
    """Return the checkpoint to continue from; None if the run starts from the beginning.

    A damaged checkpoint is set aside and reported in the log.

    Raises:
        RunError: another version of gatekit wrote the checkpoint, which is kept.
    """
    try:
        return folder.checkpoint()
    except DamagedError as damage:
        folder.set_aside()
        sys.stdout.write(
            f"checkpoint.bin is damaged: {damage}. It is kept under attempts/; the run starts "
            "again.\n"
        )
        return None


def agreed(
    checkpoint: Checkpoint, now: Mapping[str, Any], folder: RunFolder, allow_changed: bool
) -> tuple[dict[str, Any], str | None]:
    """Print where the run continues; return its settings, and a remark if something has changed.

    Args:
        checkpoint: the checkpoint to continue from.
        now: versions, machine and settings of this attempt.
        folder: the run's folder, for the message.
        allow_changed: continue although something has changed, with the threads of this attempt
            and, unless it is ``auto``, its jit.

    Raises:
        RunError: a version or the machine has changed; the checkpoint is kept.
    """
    before = checkpoint.made_with
    settings = {key: before.get(key, now[key]) for key in SETTINGS}
    if allow_changed:
        settings["threads"] = now["threads"]
        settings["jit"] = settings["jit"] if now["jit"] == "auto" else now["jit"]
    changed = printable("; ".join(changes(before, {**now, **settings})))
    position = checkpoint.position
    place = f"after epoch {position['epoch']}, step {position['step']}"
    if changed and not allow_changed:
        raise RunError(
            f"resume refused: continued {place}, the run would not end with the numbers of an "
            f"uninterrupted run: {changed} (allow_changed=true is needed)"
        )
    sys.stdout.write(f"continues {place}{', although changed: ' + changed if changed else ''}.\n")
    return settings, f"continued {place} although changed: {changed}" if changed else None


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the differences, such as ``tensorflow was 2.21.0 and is now 2.22.0``."""
    return [
        f"{key} was {before.get(key)} and is now {now.get(key)}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
    ]

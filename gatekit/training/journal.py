"""What a run knows of itself besides its tensors: where it is, and its scores."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy

from gatekit.runs.checkpoint import Checkpoint
from gatekit.runs.folder import RunFolder

EPOCH_PERIOD = 1.0
"""Seconds between checkpoints at ends of epochs; shorter work is repeated as fast."""

STEP_PERIOD = 30.0
"""Seconds between checkpoints within an epoch: no more than that is ever lost."""


class Journal:
    """The position and the scores of one run, on the disk as soon as they are known.

    Args:
        folder: the claimed folder.
        metric: the name of the validation metric.
        direction: ``min`` or ``max``.
        made_with: what the numbers depend on besides the configuration.

    Attributes:
        epoch: the epoch that is being made, from 1; 0 before the first.
        step: the training steps that are done.
        closed: whether the epoch's validation is done.
        loss: the mean training loss of the epoch so far.
        validation: the latest validation score.
        best: epoch and score of the best validation so far.
        best_weights: the weights of that epoch, by name.
        remarks: warnings about the run, each once.
    """

    def __init__(
        self, folder: RunFolder, metric: str, direction: str, made_with: Mapping[str, Any]
    ) -> None:
        self.folder, self.metric, self.direction = folder, metric, direction
        self.made_with = dict(made_with)
        self.epoch = self.step = 0
        self.closed = True
        self.loss = self.validation = math.nan
        self.best: tuple[int, float] | None = None
        self.best_weights: dict[str, numpy.ndarray] = {}
        self.remarks: list[str] = []
        self._earlier = 0.0
        self._began = self._saved = time.monotonic()

    def seconds(self) -> float:
        """Return how long the run has taken, the attempts before this one included."""
        return round(self._earlier + time.monotonic() - self._began, 3)

    def log(self, split: str, metric: str, value: float) -> None:
        """Append one number to metrics.jsonl."""
        place = {"epoch": self.epoch, "step": self.step, "split": split, "metric": metric}
        self.folder.log({**place, "value": float(value), "seconds": self.seconds()})

    def remark(self, text: str) -> None:
        """Keep a remark for the result, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def judge(self, value: float, weights: Any) -> None:
        """Take the validation score that ends an epoch; keep the weights of the best one.

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
        """Return the epoch and its validation score, NaN if the epoch has not come to its end."""
        return {"epoch": self.epoch, "validation": self.validation if self.closed else math.nan}

    def stale(self, patience: int | None) -> bool:
        """Return whether ``patience`` epochs have passed without a better score."""
        return bool(patience and self.best and self.epoch - self.best[0] >= patience)

    def due(self) -> bool:
        """Return whether the clock asks for a checkpoint; the numbers never depend on it."""
        period = EPOCH_PERIOD if self.closed else STEP_PERIOD
        return time.monotonic() - self._saved >= period

    def save(self, arrays: Mapping[str, numpy.ndarray], plugins: Any) -> None:
        """Write the checkpoint.

        Args:
            arrays: the tensors that the next step depends on, by name.
            plugins: what callbacks keep, as plain data.
        """
        position = {
            "epoch": self.epoch,
            "step": self.step,
            "closed": self.closed,
            "loss": self.loss,
            "validation": self.validation,
            "best": self.best,
            "seconds": self.seconds(),
            "plugins": plugins,
            "remarks": self.remarks,
        }
        best = {f"best/{name}": value for name, value in self.best_weights.items()}
        self.folder.write_checkpoint(Checkpoint({**arrays, **best}, position, self.made_with))
        self._saved = time.monotonic()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go back to where a checkpoint was made: metrics and best weights of that moment."""
        position = checkpoint.position
        for name in ("epoch", "step", "closed", "loss", "validation"):
            setattr(self, name, position[name])
        best = position["best"]
        self.best = None if best is None else (best[0], best[1])
        self._earlier = position["seconds"]
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

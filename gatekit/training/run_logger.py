"""A Keras callback that records `model.fit` in a run of a study."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from typing import Any

import keras

from gatekit.cell.errors import ConfigError, listed
from gatekit.runs.script import Run


class RunLogger(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Records epochs, parameters and the time per step of ``model.fit`` in a `gatekit.run`.

        with gatekit.run("mine", {"cell": "gru"}, seed=0, metric="accuracy") as run:
            if not run.done:
                model.fit(x, y, validation_data=(a, b), callbacks=[gatekit.RunLogger(run)])

    The run's metric is the value that Keras logs under its name, here ``val_accuracy``. Other
    values that Keras logs are recorded under their names, too. The time per step is the median over
    epochs; it excludes validation and the first epoch, in which the step is compiled. A second call
    of ``fit`` for the same run continues the numbers of the epochs.

    Args:
        run: the run, within its ``with`` block.
        test: test data for ``model.evaluate``, which is called after each epoch: a data set, or
            ``(x, y)``. Without them the run has no test score, and `gatekit.compare` uses
            validation scores.

    Raises:
        ConfigError: ``run`` is not a run, or ``fit`` or ``evaluate`` does not report the metric;
            the message lists the metrics that it reports.
        RunError: the run is already complete, or the block has not been entered.
    """

    def __init__(self, run: Run, test: Any = None) -> None:
        super().__init__()
        if not isinstance(run, Run):
            raise ConfigError(
                f"{type(run).__name__} is not a run; type "
                "`with gatekit.run(...) as run:` and RunLogger(run) in the block."
            )
        self.run, self.test = run, test
        self._began = False
        self._paces: list[float] = []
        self._before: int | None = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Check that the run is open."""
        self.run.check_open()
        self._began = False
        self._paces = []
        self._before = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Start the clock of an epoch."""
        if self._before is None:
            # Keras counts from 0 again in every call of fit, unless initial_epoch is set.
            logged = max((score["epoch"] for score in self.run.scores), default=0)
            self._before = logged - epoch if epoch < logged else 0
        self._trained_at: float | None = None
        self._epoch = time.perf_counter(), self._steps()

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Stop the clock at the validation that ends the epoch."""
        self._trained_at = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record the numbers of an epoch."""
        began, before = self._epoch
        steps = self._steps() - before
        if steps:
            self._paces.append(((self._trained_at or time.perf_counter()) - began) / steps)
        if self._paces[1:]:
            self.run.step_seconds = statistics.median(self._paces[1:])
        numbers = {name: float(value) for name, value in (logs or {}).items()}
        metric = str(self.run.metric["name"]).removeprefix("val_")
        if f"val_{metric}" not in numbers:
            validated = [name.removeprefix("val_") for name in numbers if name.startswith("val_")]
            remedy = (
                f"give gatekit.run(metric=...) one of {listed(validated)}, "
                "or compile(metrics=[...]) with it"
                if validated
                else "give fit(validation_data=...)"
            )
            raise ConfigError(f"fit has not logged val_{metric}; {remedy}.")
        if not self._began:
            self.run.parameters(self._trained())
            self._began = True
        test = self._tested()
        if test and metric not in test:
            raise ConfigError(f"evaluate has not returned {metric!r}, but {listed(test)}.")
        train, val = numbers.pop("loss", None), numbers.pop(f"val_{metric}")
        tested = test.pop(metric, None)
        further = {**numbers, **{f"test_{name}": value for name, value in test.items()}}
        number = epoch + 1 + (self._before or 0)
        self.run.log(number, self._steps(), train=train, val=val, test=tested, **further)

    def _steps(self) -> int:
        return int(self.model.optimizer.iterations.numpy())

    def _trained(self) -> int:
        return sum(int(weight.shape.num_elements()) for weight in self.model.trainable_weights)

    def _tested(self) -> dict[str, float]:
        if self.test is None:
            return {}
        options = {"verbose": 0, "return_dict": True}
        pair = isinstance(self.test, tuple)
        scores = self.model.evaluate(*(self.test if pair else (self.test,)), **options)
        return {name: float(value) for name, value in scores.items()}

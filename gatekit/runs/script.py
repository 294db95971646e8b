"""`gatekit.run`: record your own training script as a run of a study."""

from __future__ import annotations

import hashlib
import json
import math
import operator
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gatekit.cell.calls import checked_call, no_attribute
from gatekit.cell.errors import ConfigError, RunError, excerpt

from . import durable
from .directions import Direction, direction_of
from .environment import environment
from .folder import AlteredError, RunFolder
from .names import LOG, RUNS, canonical_json, fingerprint, study_name
from .result import OUTCOMES, OWN
from .used import Used

_SPLITS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


class Run:
    """One run of your own training script; use it as a context manager.

    Args:
        study: the study's name.
        config: the settings that distinguish this run, as plain data; the folder's name depends on
            them and the seed.
        seed: the run's seed.
        metric: the name of the metric that ``val`` and ``test`` log.
        direction: ``min`` if a smaller number is better, ``max`` if a larger one is; None for the
            direction of a well-known metric, listed in `gatekit.runs.directions`.
        unit: the number's unit, for tables and axes.
        root: the folder of all studies.

    Attributes:
        done: True if this run is already complete; then leave the block without training.
        step_seconds: the seconds per training step, for tables; set it in the block.

    Raises:
        ConfigError: the study's name cannot be that of a folder; the metric is not a name; the seed
            is not an integer; the configuration is not plain data; the direction is missing,
            contradicts a well-known metric, or differs from the direction with which this run was
            recorded before.
        ClaimedError: another process works on this run; raised when the block is entered.
    """

    if not TYPE_CHECKING:  # otherwise a type checker would allow every attribute
        __getattr__ = no_attribute

    def __init__(
        self,
        study: str,
        config: Mapping[str, Any],
        seed: int,
        metric: str = "loss",
        direction: Direction | None = None,
        unit: str = "",
        root: str | Path = "experiments",
    ) -> None:
        if not isinstance(metric, str) or not metric.strip():
            raise ConfigError(f"metric={metric!r} is not a name")
        try:
            seed = operator.index(seed)
        except TypeError:
            raise ConfigError(f"seed={seed!r}: an integer is expected") from None
        way = direction_of(metric, direction)
        self.config: dict[str, Any] = {"study": study_name(study), **config, "seed": seed}
        self.metric = {"name": metric, "direction": way, "unit": unit, "chance": None}
        other = {**self.metric, "direction": "max" if way == "min" else "min"}
        try:
            self.data_hash = hashlib.sha256(canonical_json(config).encode()).hexdigest()
            self.name, reverse = (self._name(metric) for metric in (self.metric, other))
            # JSON can write NumPy's float64, but YAML cannot.
            self.config = json.loads(json.dumps(self.config))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"config of the run {study!r} is not plain data: {error}") from None
        runs = Path(root) / study / RUNS
        if (runs / reverse).exists():
            raise ConfigError(
                f"this run was recorded before with direction={other['direction']!r}, but now "
                f"with direction={way!r}; its best epoch in {runs / reverse} was chosen with the "
                "opposite direction"
            )
        self.folder = RunFolder(runs / self.name)
        self.done = self.folder.state().name in OUTCOMES
        self.scores: list[dict[str, Any]] = []
        self.count: dict[str, int | None] = {"recurrent": None, "total": None}
        self.notes: list[str] = []
        self.step_seconds: float | None = None

    def _name(self, metric: Mapping[str, object]) -> str:
        own = {k: v for k, v in self.config.items() if k != "study"} | {"metric": metric}
        return fingerprint(own, {}, self.data_hash, {})

    def __enter__(self) -> Self:
        if not self.done:
            self.folder.claim()
            self.beating = self.folder.keep_beating(replaced=lambda: None)
            self.folder.write_config(self.config)
            self.folder.write_env(environment({}, 0, OWN))
            self.began, self.used = time.monotonic(), Used()
        return self

    @checked_call()
    def log(
        self,
        epoch: int,
        step: int | None = None,
        *,
        train: float | None = None,
        val: float | None = None,
        test: float | None = None,
        **further: float,
    ) -> None:
        """Append the numbers of an epoch.

        Args:
            epoch: the epoch. It may be scored several times; the best score counts.
            step: the training step; by default the epoch.
            train: the training loss, recorded as ``loss``; it does not affect the outcome.
            val: the metric on the validation split; its best epoch is the run's outcome.
            test: the metric on the test split.
            further: any other numbers, such as ``lr=1e-3`` and ``val_f1=0.8``; they do not affect
                the outcome. A prefix ``val_`` or ``test_`` sets the split; otherwise the split is
                ``train``.

        Raises:
            ConfigError: a value is not a number, or a further number has its own argument.
            RunError: the block has not been entered, or the run is complete.
        """
        self.check_open()
        epoch, step = operator.index(epoch), None if step is None else operator.index(step)
        for key, value in {"train": train, "val": val, "test": test, **further}.items():
            if value is not None and not _is_number(value):
                raise ConfigError(f"{key}={excerpt(repr(value))}: a number is expected")
        seconds = round(time.monotonic() - self.began, 3)
        score: dict[str, Any] = {"epoch": epoch, "step": step}
        metric = str(self.metric["name"])
        numbers = [("train", "loss", train), ("validation", metric, val), ("test", metric, test)]
        own = {(split, name): split for split, name, value in numbers if value is not None}
        score.update({split: float(value) for split, _, value in numbers if value is not None})
        for key, value in further.items():
            prefix, _, rest = key.partition("_")
            split, name = (_SPLITS[prefix], rest) if rest and prefix in _SPLITS else ("train", key)
            if (split, name) in own or (split != "train" and name == metric):
                argument = {"validation": "val"}.get(split, split)
                raise ConfigError(f"{key}={value}: this number is expected as {argument}")
            numbers.append((split, name, float(value)))
        for split, name, number in numbers:
            if number is None:
                continue
            record = {"epoch": epoch, "step": step if step is not None else epoch, "split": split}
            self.folder.log({**record, "metric": name, "value": float(number), "seconds": seconds})
        self._score(score)

    def _score(self, score: dict[str, Any]) -> None:
        """Store the scores of a call; merge them with the last ones if the step is the same."""
        places = ("epoch", "step")
        before = self.scores[-1] if self.scores else {}
        same = all(before.get(key, self) == score[key] for key in places)
        if same and not (before.keys() & score.keys()).difference(places):
            before.update(score)
        else:
            self.scores.append(score)

    @checked_call()
    def parameters(self, total: int, recurrent: int | None = None) -> None:
        """Record the number of trained parameters, for tables.

        Args:
            total: the parameters of the whole model, such as ``model.count_params()``.
            recurrent: the parameters of its recurrent layers.
        """
        self.check_open()
        self.count = {
            "recurrent": None if recurrent is None else int(recurrent),
            "total": int(total),
        }

    @checked_call()
    def note(self, text: str) -> None:
        """Record a remark in ``log.txt`` and, at the end of the run, in ``result.json``.

        Args:
            text: one or more lines.
        """
        self.check_open()
        self.notes.append(str(text))
        durable.append(self.folder.path / LOG, str(text))

    def check_open(self) -> None:
        """Refuse to record into a run that is complete or has not begun.

        Raises:
            RunError: the block has not been entered, or the run is complete.
        """
        if self.done:
            raise RunError(f"{self.folder.path} is complete")
        if not hasattr(self, "began"):
            raise RunError("the run has not begun: its `with` block was not entered")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.done:
            return
        self.beating.set()
        if error is not None:
            state = "INTERRUPTED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self.folder.status(state, f"{type(error).__name__}: {error}")
            return
        scored = [s for s in self.scores if "validation" in s]
        if not scored:
            self.folder.status("FAILED", "no validation score was logged")
            raise RunError("the run has logged no validation score")
        finite = [s for s in scored if math.isfinite(s["validation"])]
        lower = self.metric["direction"] == "min"
        best = min(
            finite, key=lambda s: s["validation"] if lower else -s["validation"], default=None
        )
        diverged = len(finite) < len(scored)
        result: dict[str, Any] = {
            "state": "DIVERGED" if diverged else "COMPLETED",
            "fingerprint": self.name,
            "task": _task(self.config.get("task", "own")),
            "metric": self.metric,
            "best": None if best is None else _result(best),
            "last": _result(scored[-1]),
            "parameters": self.count,
            "seconds": {
                "total": round(time.monotonic() - self.began, 3),
                "step": _finite(self.step_seconds),
            },
            "used": self.used.record(),
            "steps": None,
            "executor": OWN,
            "data_hash": self.data_hash,
            "plugins": {},
        }
        if self.notes:
            result["notes"] = self.notes
        if diverged:
            first = next(s for s in scored if not math.isfinite(s["validation"]))
            result["reason"] = f"the validation score is not finite at epoch {first['epoch']}"
        try:
            self.folder.finish(result)
        except AlteredError as error:
            self.folder.status("CORRUPT", str(error))
            raise


@checked_call()
def run(
    study: str,
    config: Mapping[str, Any],
    seed: int,
    metric: str = "loss",
    direction: Direction | None = None,
    unit: str = "",
    root: str | Path = "experiments",
) -> Run:
    """Return a `Run` for a ``with`` block, in which ``run.log(epoch, val=0.3)`` records numbers.

    Args:
        study: the study's name.
        config: the settings that distinguish this run, as plain data; the folder's name depends on
            them and the seed.
        seed: the run's seed.
        metric: the name of the metric that ``val`` and ``test`` log.
        direction: ``min`` if a smaller number is better, ``max`` if a larger one is; required
            unless the metric is well known, such as ``accuracy`` (``max``) or ``loss``.
        unit: the number's unit, for tables and axes.
        root: the folder of all studies.

    Raises:
        ConfigError: as for `Run`.
    """
    return Run(study, config, seed, metric, direction, unit, root)


def _result(score: Mapping[str, object]) -> dict[str, Any]:
    return {
        "epoch": score["epoch"],
        "validation": _finite(score["validation"]),
        "test": _finite(score.get("test")),
    }


def _finite(value: Any) -> float | None:
    """Return a number as a float; None if it is missing or not finite."""
    return float(value) if value is not None and math.isfinite(value) else None


def _task(value: object) -> str:
    name = value.get("name") if isinstance(value, Mapping) else value
    return str(value if name is None else name)


def _is_number(value: Any) -> bool:
    """Return whether a value is a number: a plain one, an array's element, a scalar tensor."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, (str, bytes))

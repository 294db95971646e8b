"""A user's own training script in a study: the same folder, the same comparison."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gatekit.cell.errors import ConfigError, RunError, listed

from . import beat
from .config import study_name
from .environment import environment
from .fingerprint import canonical_json, fingerprint
from .folder import OUTCOMES, RunFolder

SPLITS = {"val": "validation", "validation": "validation", "test": "test", "train": "train"}


class Run:
    """One run of the user's own training; use it as a context manager.

    Args:
        study: the study's name.
        config: what distinguishes this run, as plain data; it names the folder, with the seed.
        seed: the run's seed.
        metric: the name of the number that ``val`` and ``test`` hold.
        direction: ``min`` or ``max``.
        unit: the number's unit.
        root: where studies are kept.

    Attributes:
        done: True where this very run is complete already; then the block may be left at once.

    Raises:
        ConfigError: a name cannot be a folder's, or the configuration is not plain data.
        ClaimedError: another process works on this run.
    """

    def __init__(
        self,
        study: str,
        config: Mapping[str, Any],
        seed: int,
        metric: str = "loss",
        direction: str = "min",
        unit: str = "",
        root: str | Path = "experiments",
    ) -> None:
        if direction not in ("min", "max"):
            raise ConfigError(f"direction={direction!r} is not allowed; type 'min' or 'max'.")
        self.config = {"study": study_name(study), **config, "seed": seed}
        self.metric = {"name": metric, "direction": direction, "unit": unit, "chance": None}
        own = {k: v for k, v in self.config.items() if k != "study"} | {"metric": self.metric}
        try:
            self.data_hash = hashlib.sha256(canonical_json(config).encode()).hexdigest()
            self.name = fingerprint(own, {}, self.data_hash, {})
        except (TypeError, ValueError) as error:
            raise ConfigError(f"config of the run {study!r} is not plain data: {error}") from None
        self.folder = RunFolder(Path(root) / study / "runs" / self.name)
        self.done = self.folder.state().name in OUTCOMES
        self.scores: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        if not self.done:
            self.folder.claim()
            self.beating = beat.keep(self.folder, replaced=lambda: None)
            self.folder.write_config(self.config)
            self.folder.write_env(environment({}, 0, "own"))
            self.began = time.monotonic()
        return self

    def log(self, epoch: int, step: int | None = None, **values: float) -> None:
        """Append numbers of an epoch: ``val=`` and ``test=`` are the metric, ``train=`` the loss.

        Raises:
            RunError: a split is unknown, or the run is complete.
        """
        if self.done:
            raise RunError(
                f"{self.folder.path} is complete; leave the block when run.done is true."
            )
        seconds = round(time.monotonic() - self.began, 3)
        score: dict[str, Any] = {"epoch": epoch}
        for key, value in values.items():
            if key not in SPLITS:
                raise RunError(f"log({key}=...): there is no such split; {listed(SPLITS)} are.")
            split = SPLITS[key]
            score[split] = float(value)
            name = "loss" if split == "train" else self.metric["name"]
            record = {"epoch": epoch, "step": step if step is not None else epoch, "split": split}
            self.folder.log({**record, "metric": name, "value": float(value), "seconds": seconds})
        self.scores.append(score)

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
            raise RunError("the run has logged no validation score; call run.log(epoch, val=...).")
        finite = [s for s in scored if math.isfinite(s["validation"])]
        lower = self.metric["direction"] == "min"
        best = min(
            finite, key=lambda s: s["validation"] if lower else -s["validation"], default=None
        )
        diverged = len(finite) < len(scored)
        result: dict[str, Any] = {
            "state": "DIVERGED" if diverged else "COMPLETED",
            "fingerprint": self.name,
            "task": str(self.config.get("task", "own")),
            "metric": self.metric,
            "best": None if best is None else _result(best),
            "last": _result(scored[-1]),
            "parameters": {"recurrent": None, "total": None},
            "seconds": {"total": round(time.monotonic() - self.began, 3), "step": None},
            "steps": None,
            "executor": "own",
            "data_hash": self.data_hash,
            "plugins": {},
        }
        if diverged:
            first = next(s for s in scored if not math.isfinite(s["validation"]))
            result["reason"] = f"the validation score is not finite at epoch {first['epoch']}"
        self.folder.finish(result)


def run(study: str, config: Mapping[str, Any], seed: int, **options: Any) -> Run:
    """Return a `Run` for a ``with`` statement, in which ``run.log(epoch, val=0.3)`` records."""
    return Run(study, config, seed, **options)


def _result(score: Mapping[str, Any]) -> dict[str, Any]:
    def finite(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    return {
        "epoch": score["epoch"],
        "validation": finite(score["validation"]),
        "test": finite(score.get("test")),
    }

"""The base of trackers: callbacks that send a run's numbers to another program while it trains."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from gatekit.runs.config import run_settings
from gatekit.runs.metrics import MetricLine, Tail
from gatekit.runs.names import METRICS

from .guard import guarded

NAMES = {
    "tensorboard": "pip install 'tensorboard>=2.19'",
    "mlflow": "pip install 'mlflow>=3'",
    "wandb": "pip install wandb",
}
"""The trackers for ``track=[...]``, named after the module each needs, and how to install it."""

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL")


class Tracker:
    """Sends the lines of ``metrics.jsonl`` to another program, each once, in the order of epochs.

    The test scores of an earlier epoch, which follow when training ends, are not sent as lines,
    because clients refuse or misplace steps that go backwards. Instead, the compared scores, those
    of the best epoch, are sent last: as ``best_validation``, ``best_test`` and so on, at the last
    epoch.

    A subclass defines ``open``, ``log`` and ``close``. If one of them raises an exception, tracking
    ends with a note in the run's log; the run continues, and its numbers do not change. A run that
    continues from a checkpoint sends only the lines after the checkpoint.

    Args:
        run: the run's resolved configuration.

    Attributes:
        folder: the run's folder, from the first epoch on.
    """

    name: ClassVar[str]
    """The tracker's name in ``track=[...]``."""

    environment: ClassVar[Mapping[str, str]] = {}
    """Environment variables of the client, each set to this value unless it is set already."""

    RUN, STATE = "gatekit.run", "gatekit.state"
    """The tags that name a run's fingerprint and its state."""

    def __init__(self, run: Mapping[str, object]) -> None:
        self.study, self.seed = str(run.get("study") or "default"), run.get("seed")
        known = run_settings({key: value for key, value in run.items() if key != "track"})
        self.settings = {key: value for key, value in known.items() if value is not None}
        self.folder = Path()
        self._tail: Tail | None = None
        self._sent = self._skipped = self._epoch = 0
        self._over = False

    # -- methods of a subclass ----------------------------------------------------------------

    def open(self) -> None:
        """Start tracking, or continue the tracking of an earlier attempt of this run."""
        raise NotImplementedError

    def log(self, lines: Sequence[MetricLine]) -> None:
        """Send new lines; their values are not NaN."""
        raise NotImplementedError

    def close(self, state: str) -> None:
        """End tracking; ``state`` is COMPLETED or DIVERGED."""

    # -- methods that a run calls -------------------------------------------------------------

    def __call__(self, event: str, *, folder: Path, **facts: Any) -> None:
        """Send the lines that are new since the last event."""
        # At the start of a run it is not known yet whether it continues from a checkpoint.
        if self._over or event == "start":
            return
        try:
            # Client libraries draw random numbers and install handlers, which is no news.
            with guarded():
                for name, value in self.environment.items():
                    os.environ.setdefault(name, value)
                if self._tail is None:
                    self.folder = Path(folder)
                    self._tail = Tail(self.folder / METRICS)
                    self.open()
                self._send(self._tail)
                if event == "end":
                    if best := self._best(facts["result"]):
                        self.log(best)
                    self.close(str(facts["state"]))
        except (Exception, SystemExit) as error:
            self._over = True
            reason = without_secrets(f"{type(error).__name__}: {error}")
            sys.stdout.write(f"\ntracking with {self.name} has ended: {reason}\n")

    def _send(self, tail: Tail) -> None:
        while lines := tail.read():
            self._sent += len(lines)
            new = []
            for line in lines:
                if self._skipped > 0:
                    self._skipped -= 1
                elif line.epoch >= self._epoch and line.value is not None:
                    new.append(line)
                self._epoch = max(self._epoch, line.epoch)
            if new:
                self.log(new)

    def _best(self, result: Mapping[str, Any]) -> list[MetricLine]:
        """Return the scores of the best epoch, at the last epoch; none if the run has none."""
        best = result.get("best") or {}
        scores = {key: best.get(key) for key in ("validation", "test")} | (best.get("splits") or {})
        return [
            MetricLine(self._epoch, 0, f"best_{split}", result["metric"]["name"], value, 0.0)
            for split, value in scores.items()
            if value is not None
        ]

    def state(self) -> dict[str, int]:
        """Return how many lines were sent, for a checkpoint."""
        return {"sent": self._sent}

    def restore(self, state: Mapping[str, int]) -> None:
        """Continue after the lines that a checkpoint covers."""
        self._skipped = state["sent"]

    # -- names --------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """The run's fingerprint."""
        return self.folder.name

    @staticmethod
    def tag(line: MetricLine) -> str:
        """Return the name of a number with its split in front, such as ``validation/nll``."""
        return f"{line.split}/{line.metric}"

    @staticmethod
    def flat_tag(line: MetricLine) -> str:
        """Return the tag for programs that allow no slash in a name, such as ``val_nll``."""
        return f"{line.split.replace('validation', 'val')}_{line.metric}"


def without_secrets(text: str) -> str:
    """Return a message in one line, without passwords in addresses or in the environment."""
    text = re.sub(r"//[^/@\s]+@", "//...@", " ".join(text.split()))
    for name, value in os.environ.items():
        if len(value) > 3 and _SECRET.search(name.upper()):
            text = text.replace(value, "...")
    return text[:500]

"""The parts of one run of gatekit in one process, each in seconds of the processor."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PARTS = ("import", "compose", "build", "trace", "compile", "train", "evaluate", "write")


class Parts:
    """Sums the processor seconds of functions by part; what another part measures is left out."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._inner = [0.0]

    def of(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, measured."""

        def call(*arguments: Any, **named: Any) -> Any:
            began = time.process_time()
            self._inner.append(0.0)
            try:
                return function(*arguments, **named)
            finally:
                took = time.process_time() - began
                self.seconds[part] += took - self._inner.pop()
                self._inner[-1] += took

        return call

    def measure(self, owner: object, name: str, part: str) -> None:
        """Measure an attribute that is a function."""
        setattr(owner, name, self.of(part, getattr(owner, name)))


def measured(words: list[str]) -> dict[str, float]:
    """Train the run that these words describe, and return the seconds of each part."""
    parts = Parts()

    def load() -> None:
        import gatekit.study.command
        import gatekit.study.plan
        import gatekit.training.worker  # noqa: F401

    parts.of("import", load)()
    from gatekit.runs.folder import RunFolder
    from gatekit.study.command import compose
    from gatekit.study.plan import plan
    from gatekit.training import summary, trainer, worker

    def composed() -> Any:
        return plan(compose(words)).runs[0]

    run = parts.of("compose", composed)()
    for owner, name, part in (
        (trainer, "build_model", "build"),
        (trainer, "training_step", "trace"),
        (summary.Scores, "__init__", "trace"),
        (trainer._Session, "_check_repeats", "compile"),
        (trainer._Session, "_step", "train"),
        (summary.Scores, "of", "evaluate"),
        (RunFolder, "_write", "write"),
        (RunFolder, "log", "write"),
    ):
        parts.measure(owner, name, part)
    worker.make_deterministic(1)
    asked = worker.Request(run.path, run.config, run.data_hash, run.plugins, 1, False)
    worker.work(asked)
    return parts.seconds


if __name__ == "__main__":
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as root:
        found = measured([f"root={root}", *sys.argv[2:]])
    target.write_text(json.dumps(found))

"""Count the modules that a reader passes on three journeys through gatekit.

A module counts if one of its functions runs; importing it does not count. The second and third
journey count only modules that the first did not pass. Usage::

    python tests/journeys.py [--list]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
PACKAGE = Path(__file__).parents[1] / "gatekit"
GOALS = {"cell": 45, "train": 40, "compare": 22}
TASK = ("task=adding", "task.length=5")
RUN = ("cell=gru", *TASK, "units=4", "trainer.epochs=1", "trainer.steps=2")


@contextlib.contextmanager
def passed() -> Iterator[set[str]]:
    """Collect the modules of gatekit of which a function runs, in any thread."""
    found: set[str] = set()
    seen: set[Any] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event != "call" or code in seen:
            return
        path = Path(code.co_filename)
        if not path.is_relative_to(PACKAGE):
            seen.add(code)
        elif not _importing(frame):
            seen.add(code)
            found.add(str(path.relative_to(PACKAGE)))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _importing(frame: FrameType | None) -> bool:
    """Return whether a module is being imported, also one of a plugin: what runs is no step."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def cell() -> set[str]:
    """A cell from YAML to a loss and its gradient, by the fused executor."""
    import tensorflow as tf

    import gatekit

    with passed() as found:
        layer = gatekit.RNN("lstm", 4, executor="fused")
        weights = tf.ones([2, 3, 5])
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(weights))
        tape.gradient(loss, layer.trainable_variables)
    return found


def _train(root: Path) -> None:
    from seams import main

    if main(["train", *RUN, "study=journey", f"root={root}"]):
        raise SystemExit("gatekit train failed")


def train(root: Path) -> set[str]:
    """``gatekit train`` to ``result.json``: the command, and the process of the run."""
    from seams import launch_process as process

    calls: list[tuple[Any, ...]] = []
    begin: Callable[..., Any] = process.Processes.start

    def start(self: Any, run: Any, *rest: Any) -> Any:
        calls.append((run, self.plan))
        return begin(self, run, *rest)

    process.Processes.start = start  # type: ignore[method-assign]
    try:
        with passed() as found:
            _train(root)
    finally:
        process.Processes.start = begin  # type: ignore[method-assign]
    # The run once more, in a process that watches itself.
    run, plan = calls[0]
    run.path.rename(run.path.with_name("0" * 16))
    request, answer = root / "request.pickle", root / "answer"
    request.write_bytes(pickle.dumps((run, plan)))
    subprocess.run([sys.executable, __file__, "--run", request, answer], check=True)
    return found | set(answer.read_text().split())


def watched(request: Path, answer: Path) -> None:
    """Do a planned run in this process, and write down the modules that it passed."""
    from seams import launch_process as process

    run, plan = pickle.loads(request.read_bytes())
    with passed() as found:
        process.make(run, plan, {}, False)
    answer.write_text("\n".join(found))


def compare(root: Path) -> set[str]:
    """A run's folder to a row of ``gatekit compare``."""
    from seams import main

    with passed() as found:
        main(["compare", "journey", "--root", str(root)])
    return found


def main() -> None:
    """Print the number of modules on each journey, with the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the modules")
    parser.add_argument("--run", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        watched(*options.run)
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        first = cell()
        # What a cell is and how it is computed is the first journey; the others go on from there.
        journeys = {"cell": first, "train": train(root) - first, "compare": compare(root) - first}
    for name, found in journeys.items():
        sys.stdout.write(f"{name}: {len(found)} modules (goal: at most {GOALS[name]})\n")
        if options.list:
            sys.stdout.writelines(f"  {module}\n" for module in sorted(found))


if __name__ == "__main__":
    main()

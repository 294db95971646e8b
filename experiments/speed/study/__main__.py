"""The command ``python -m experiments.speed.study``."""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from experiments.speed.machine import describe

from .adding import BATCH, CELLS, LENGTH, UNITS
from .parts import PARTS

HERE = "experiments.speed.study"
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        wall: seconds until it had ended.
        processor: seconds of all its processes, also of those that it left behind.
    """

    wall: float
    processor: float


def cost(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command in a folder and return what it took.

    Raises:
        RuntimeError: the command failed; the message is the end of its output.
    """
    # The fork server of gatekit outlives its command for a moment, and becomes a child of ours.
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    wall = time.perf_counter() - began
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{command}: {(done.stdout + done.stderr)[-500:]}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, spent)


def commands(seeds: int, steps: int) -> dict[str, list[str]]:
    """Return the command of each contender that is installed, by name."""
    script = [sys.executable, "-m"]
    words = [
        *("-m", f"cell={','.join(CELLS)}", f"seeds={seeds}", *run_words(steps)),
        *("n_jobs=2", "study=timed"),
    ]
    gatekit = [str(Path(sys.executable).with_name("gatekit")), "train", *words]
    found = {
        "torch, one loop": [*script, f"{HERE}.torch_script", str(seeds), str(steps)],
        "keras, one loop": [*script, f"{HERE}.keras_script", str(seeds), str(steps), "graph"],
        "keras, one loop, XLA": [*script, f"{HERE}.keras_script", str(seeds), str(steps), "jit"],
        "keras, Hydra's joblib launcher": [
            *(*script, f"{HERE}.joblib_script", "-m", f"cell={','.join(CELLS)}"),
            *(f"seed=range({seeds})", f"steps={steps}", "hydra/launcher=joblib"),
            "hydra.launcher.n_jobs=2",
        ],
        "gatekit": gatekit,
        "gatekit, graph": [*gatekit, "jit=false"],
        "gatekit, XLA": [*gatekit, "jit=true"],
    }
    needed = {"torch": "torch", "keras, Hydra": "hydra_plugins.hydra_joblib_launcher"}
    missing = [start for start, module in needed.items() if not _installed(module)]
    return {name: words for name, words in found.items() if not name.startswith(tuple(missing))}


def run_words(steps: int) -> list[str]:
    """Return the words that describe a run of the study."""
    sizes = [f"task.length={LENGTH}", f"units={UNITS}", f"trainer.batch={BATCH}"]
    return ["task=adding", *sizes, f"trainer.steps={steps}"]


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def table(costs: Mapping[str, Sequence[Cost]], parts: Mapping[str, float]) -> str:
    """Return the medians as lines of Markdown, and the parts of one run of gatekit."""

    def median(values: Sequence[float]) -> float:
        return sorted(values)[len(values) // 2]

    lines = ["| contender | wall, s | processor, s |", "|---|---|---|"]
    for name, each in costs.items():
        wall, spent = median([c.wall for c in each]), median([c.processor for c in each])
        lines.append(f"| {name} | {wall:.1f} | {spent:.1f} |")
    lines += ["", "One run (lstm) in processor seconds: " if parts else ""]
    lines[-1] += ", ".join(f"{name} {parts[name]:.2f}" for name in PARTS if name in parts)
    return "\n".join(lines).rstrip()


def main() -> None:
    """Measure every contender in turn, and print the medians."""
    parser = argparse.ArgumentParser(prog=f"python -m {HERE}", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="seeds of each cell; default: 5")
    parser.add_argument("--steps", type=int, default=400, help="training steps; default: 400")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each; default: 3")
    parser.add_argument("--only", default="", help="the beginning of the contenders' names")
    parser.add_argument("--to", type=Path, help="a file for the numbers as JSON")
    asked = parser.parse_args()
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3"}
    found = {
        n: c for n, c in commands(asked.seeds, asked.steps).items() if n.startswith(asked.only)
    }
    costs: dict[str, list[Cost]] = {name: [] for name in found}
    for _ in range(asked.rounds):
        for name, command in found.items():
            with tempfile.TemporaryDirectory() as folder:
                costs[name].append(cost(command, Path(folder), environment))
                sys.stderr.write(f"{name}: {costs[name][-1]}\n")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "parts.json"
        words = ["cell=lstm", *run_words(asked.steps)]
        cost([sys.executable, "-m", f"{HERE}.parts", str(place), *words], Path(folder), environment)
        parts = json.loads(place.read_text())
    sys.stdout.write(table(costs, parts) + "\n")
    if asked.to is not None:
        load = os.getloadavg()[2]
        numbers = {name: [asdict(each) for each in each_of] for name, each_of in costs.items()}
        record = {"machine": describe(), "load": load, "costs": numbers, "parts": parts}
        asked.to.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Train a run on two threads or devices, stopped and continued; print the weights' differences.

python side_by_side.py FOLDER threads|devices KEY=VALUE...
"""

import json
import os
import sys
from pathlib import Path

import numpy
from seams import (
    InterruptedRunError,
    RunFolder,
    components,
    devices_of,
    make_deterministic,
    plan,
    resume,
)
from seams import train_run as train
from twice import StopAt, told

WORDS = ["task=adding", "task.length=6", "task.validation_size=8", "task.test_size=8"]
WORDS += ["units=3", "trainer.steps=4", "trainer.batch=5", "dropout=0.2"]


def attempt(path, run, devices, stop=10**9):
    """Make one attempt; return the weights, or None if it was stopped."""
    folder = RunFolder(path)
    folder.claim()
    folder.write_config(run.config)
    task, asked = components.load().task(run.config["task"]), StopAt(stop)
    earlier = resume.checkpoint_of(folder)
    try:
        result = train(run.config, task, folder, asked, 0, checkpoint=earlier, devices=devices)
    except InterruptedRunError:
        folder.status("INTERRUPTED", "stopped")
        return None
    folder.finish(result)
    with numpy.load(path / "weights.npz") as weights:
        return {name: weights[name] for name in weights.files}


if __name__ == "__main__":
    where, kind, *words = Path(sys.argv[1]), *sys.argv[2:]
    os.chdir(where)
    make_deterministic(2, 2)
    devices = devices_of(2) if kind == "devices" else []
    (run,) = plan([*WORDS, *words, f"{kind}=2"]).runs
    (whole,) = plan([*WORDS, *words]).runs
    expected = attempt(where / "whole", whole, [])
    found = attempt(where / "a", run, devices)
    stopped = attempt(where / "b", run, devices, stop=3) is None
    attempt(where / "b", run, devices)
    result = json.loads((where / "a" / "result.json").read_text())
    seen = {
        "apart": max(float(abs(found[name] - expected[name]).max()) for name in expected),
        "stopped": stopped and (where / "b" / "attempts" / "2.claim").exists(),
        "same": told(where / "a") == told(where / "b"),
        "counts": [result["shards"], result["devices"]],
        "devices": devices,
    }
    sys.stdout.write(json.dumps(seen) + "\n")

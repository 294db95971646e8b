"""A run that is trained in the process of the test."""

import threading

import numpy
from seams import RunFolder, components, compose, metrics
from seams import plan_jobs as plan
from seams import train_run as train


def trained(path, *words):
    """Train the run of a command line in a folder; return its weights, and its metrics in order."""
    (run,) = plan(compose([*words])).runs
    folder = RunFolder(path)
    folder.claim()
    folder.write_config(run.config)
    task = components.load().task(run.config["task"])
    train(run.config, task, folder, threading.Event(), 0)
    with numpy.load(path / "weights.npz") as archive:
        weights = {name: archive[name] for name in archive.files}
    return weights, [line.value for line in metrics.read(path / "metrics.jsonl").lines]

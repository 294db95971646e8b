"""A run that is trained in the process of the test."""

import numpy
from seams import metrics, run_inline


def trained(path, *words):
    """Train the run of a command line in a folder; return its weights, and its metrics in order."""
    run_inline(words, path)
    with numpy.load(path / "weights.npz") as archive:
        weights = {name: archive[name] for name in archive.files}
    return weights, [line.value for line in metrics.read(path / "metrics.jsonl").lines]

"""What is done with the model of a complete run: its test data as plain arrays, and its probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy

from gatekit.tasks.task import Task

from .batches import StepData
from .feed import Drawing, Feed
from .model import build_model, set_weights
from .probe import Probe

Arrays = dict[str, numpy.ndarray]


def test_sets(drawing: Drawing, task: Task) -> dict[str, list[Arrays]]:
    """Return the batches of each test set of a run, by name.

    A batch has ``x``, ``y`` and ``weights``, as in `gatekit.training.batches.StepData`; ``mask`` if
    the data have masks; and ``begins`` if batches are windows of a document, whose states are
    carried on. Rows of several sequences become a row for each, so that no batch has resets.

    Args:
        drawing: the settings of the run.
        task: its task.

    Raises:
        DataError: the data are missing or damaged.
    """
    # Only a document needs windows: other sequences give the same whole.
    feed = (drawing if task.contiguous else replace(drawing, tbptt=None)).feed(task)
    return {split: [_arrays(feed, step) for step in feed.steps(split)] for split in feed.tests}


def probed(
    config: Mapping[str, Any], task: Task, weights: Mapping[str, numpy.ndarray]
) -> dict[str, Any]:
    """Return the record of the gates and states of a run's model, as a line of ``probe.jsonl``.

    Args:
        config: the run's configuration.
        task: its task.
        weights: every weight by its path.

    Raises:
        DataError: the data are missing or damaged.
    """
    feed = Drawing.of(config).feed(task)
    signature, before = task.signature(), keras.config.dtype_policy()
    try:
        length = feed.length_for(config["pool"])
        model = build_model(config, signature, feed.masked, length, feed.resets)
        set_weights(model, weights)
        return Probe(model, feed, signature.loss).record()
    finally:
        keras.config.set_dtype_policy(before)


def _arrays(feed: Feed, step: StepData) -> Arrays:
    arrays = {"x": step.x, "y": step.y, "weights": step.weights}
    if feed.masked:
        every = numpy.ones(step.x.shape[:2], bool)
        arrays["mask"] = every if step.mask is None else step.mask
    if step.begins is not None:
        arrays["begins"] = step.begins
    return arrays if step.resets is None else _apart(arrays, step.resets)


def _apart(arrays: Arrays, resets: numpy.ndarray) -> Arrays:
    """Return a batch with a row for each sequence in its rows, padded to the longest."""
    pieces = list(_pieces(resets))
    longest = max(stop - start for _, start, stop in pieces)
    apart = {}
    for name in ("x", "y", "weights", "mask"):
        array = arrays[name]
        apart[name] = numpy.zeros((len(pieces), longest, *array.shape[2:]), array.dtype)
        for place, (row, start, stop) in enumerate(pieces):
            apart[name][place, : stop - start] = array[row, start:stop]
    return apart


def _pieces(resets: numpy.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield the row of each sequence, and where it begins and ends."""
    steps = resets.shape[1]
    for row, begins in enumerate(resets):
        starts = sorted({0, *map(int, numpy.flatnonzero(begins))})
        for start, stop in zip(starts, [*starts[1:], steps], strict=True):
            yield row, start, stop

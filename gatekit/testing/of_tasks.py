"""Checks of a task; they need its data, but not TensorFlow."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator

import numpy

from gatekit.cell.errors import PluginError, kind_of
from gatekit.cell.written import returned_place
from gatekit.tasks.task import Batch, Metric, Signature, Task, check_contiguous
from gatekit.tasks.validate import DataWarning, check_sample, check_splits

from .outcome import CheckError
from .subject import Subject

SIZE = 8


def signature_valid(subject: Subject) -> str | None:
    """The task declares a metric, and the inputs and outputs of a model."""
    task = subject.instance
    if not isinstance(getattr(type(task), "metric", None), Metric):
        raise CheckError("it declares no metric")
    signature = task.signature()
    if not isinstance(signature, Signature):
        raise CheckError(
            f"{returned_place(type(task).signature)}: signature() returns {kind_of(signature)}"
        )
    return f"{signature.loss} over {signature.outputs} outputs, {signature.emission} step"


def chance_finite(subject: Subject) -> str | None:
    """``chance`` is a finite number."""
    value = subject.instance.chance()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise CheckError(
            f"{returned_place(type(subject.instance).chance)}: chance() returns {value!r}"
        )
    return f"{value:.4g}"


def data_fit(subject: Subject) -> str | None:
    """Splits, and fresh samples if the task draws them, match the signature."""
    task = subject.instance
    task.require()
    if not isinstance(task.signature(), Signature):
        signature_valid(subject)
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always", DataWarning)
        splits = check_splits(task, numpy.random.default_rng(0))
        if task.streamed:
            check_sample(task, numpy.random.default_rng(0), SIZE)
    sizes = ", ".join(f"{name} {len(batch.x)}" for name, batch in splits.items())
    return "; ".join([sizes, *(str(n.message) for n in noted)])


def data_repeat(subject: Subject) -> str | None:
    """Equal generators give equal data, and different generators give different samples."""
    task = subject.instance
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        one, two = (list(_arrays(task, seed)) for seed in (0, 0))
        if len(one) != len(two) or not all(
            numpy.array_equal(a, b, equal_nan=True) for a, b in zip(one, two, strict=True)
        ):
            raise CheckError("equal generators give different data")
        if task.streamed:
            draws = [task.sample(numpy.random.default_rng(s), SIZE).x for s in (0, 1)]
            if numpy.array_equal(draws[0], draws[1]):
                raise CheckError("different generators give the same samples")
    return None


def data_hash_stable(subject: Subject) -> str | None:
    """``data_hash`` is 64 hexadecimal digits, the same for an equal task."""
    task = subject.instance
    hashes = [task.data_hash(), type(task)(**task.options()).data_hash()]
    if not isinstance(hashes[0], str) or not re.fullmatch(r"[0-9a-f]{64}", hashes[0]):
        raise CheckError(f"data_hash() returns {hashes[0]!r}, not 64 hexadecimal digits")
    if hashes[0] != hashes[1]:
        raise CheckError("an equal task has a different data_hash()")
    return None


def document_in_order(subject: Subject) -> str | None:
    """If the task is ``contiguous``, each sequence continues where the one before ends."""
    task = subject.instance
    if not task.contiguous:
        return "its sequences are separate"
    try:
        check_contiguous(task)
    except PluginError as error:
        raise CheckError(str(error)) from None
    for name, split in task.splits(numpy.random.default_rng(0)).items():
        # If targets are the next inputs, a sequence's last target is the first input of the next.
        if split.x.shape == split.y.shape and (split.x[:, 1:] == split.y[:, :-1]).all():
            wrong = numpy.flatnonzero(split.x[1:, 0] != split.y[:-1, -1])
            if len(wrong):
                raise CheckError(
                    f"{name}: sequence {wrong[0] + 1} does not begin with the last target of "
                    f"sequence {wrong[0]}"
                )
    return "trainer.tbptt reads each split as one document"


def _arrays(task: Task, seed: int) -> Iterator[numpy.ndarray]:
    batches = [*task.splits(numpy.random.default_rng(seed)).values()]
    if task.streamed:
        batches.append(task.sample(numpy.random.default_rng(seed), SIZE))
    for batch in batches:
        if not isinstance(batch, Batch):  # this raises the same error as `data_fit`
            check_splits(task, numpy.random.default_rng(seed))
        yield from (a for a in vars(batch).values() if a is not None)

"""Check the data that a task returns against its declaration, before any training."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import numpy

from gatekit.cell.errors import DataError, kind_of, listed
from gatekit.cell.written import returned_place

from .task import Batch, MetricName, Signature, Task

SPLITS = ("train", "validation", "test")
FURTHER_TEST = re.compile(r"test_[a-z0-9_]{1,40}")
"""The name of a further test set."""


class DataWarning(UserWarning):
    """A property of the data that does not prevent training, but matters for the results."""


def check_splits(task: Task, rng: numpy.random.Generator) -> dict[str, Batch]:
    """Return a task's splits, checked, with every array in its declared type.

    A `DataWarning` is issued if a fixed training set has only one example, has the same target for
    every example, or shares sequences with another split.

    Args:
        task: the task.
        rng: the run's generator for data.

    Returns:
        ``train`` (unless the task is streamed), ``validation``, ``test`` and further test sets.

    Raises:
        DataError: a split is absent or unknown, or its arrays do not match the signature.
    """
    splits = task.splits(rng)
    owner = type(task).__name__
    expected = SPLITS[1:] if task.streamed else SPLITS
    further = _further(splits) if isinstance(splits, dict) else ()
    if not isinstance(splits, dict) or set(splits) != {*expected, *further}:
        came = listed(splits) if isinstance(splits, dict) else f"a {type(splits).__name__}"
        raise DataError(
            f"{owner}.splits returned {came}; a dict of {', '.join(expected)}, and of test_NAME "
            "for further test sets, is expected"
        )
    signature, checked = task.signature(), {}
    for name in (*expected, *further):
        with _by_author(task, "draw" if task.streamed else "splits"):
            checked[name] = check_batch(splits[name], signature, f"{owner} {name}", task.allow_nan)
    if "train" in checked:
        for note in _notes(checked, owner):
            warnings.warn(note, DataWarning, stacklevel=2)
    return checked


def _further(splits: dict[str, Any]) -> tuple[str, ...]:
    # ``test_METRIC`` is a column of every table of runs
    taken = {f"test_{metric}" for metric in get_args(MetricName)}
    return tuple(name for name in splits if FURTHER_TEST.fullmatch(str(name)) and name not in taken)


def check_sample(task: Task, rng: numpy.random.Generator, size: int) -> Batch:
    """Return fresh training data of a streamed task, checked.

    Args:
        task: the task.
        rng: the generator to draw from.
        size: the requested number of sequences.

    Raises:
        DataError: the arrays do not match the signature, or the number of sequences is not
            ``size``.
    """
    where = f"{type(task).__name__} sample"
    with _by_author(task, "draw"):
        batch = check_batch(task.sample(rng, size), task.signature(), where, task.allow_nan)
        if len(batch.x) != size:
            raise DataError(f"{where} returned {len(batch.x)} sequences instead of {size}")
    return batch


@contextlib.contextmanager
def _by_author(task: Task, method: str) -> Iterator[None]:
    """If data are refused, add the line in which the task's author returns them to the error."""
    try:
        yield
    except DataError as error:
        kind = type(task)
        owners = [k for k in kind.__mro__ if not k.__module__.startswith("gatekit.tasks.")]
        names = (method, "sample") if method == "draw" else (method,)
        routine = next((vars(k)[n] for k in owners for n in names if n in vars(k)), None)
        if routine is None or not inspect.isroutine(routine):
            raise
        raise DataError(f"{returned_place(routine)}: {error}") from None


class Row(NamedTuple):
    """What one array of a batch must be: its type, its shape, and its values where they count.

    ``also`` is a further kind of NumPy types that may become the type.
    """

    dtype: str
    shape: tuple[int, ...]
    low: float = -numpy.inf
    high: float = numpy.inf
    finite: bool = True
    also: str = ""


def check_batch(batch: object, signature: Signature, where: str, allow_nan: bool = False) -> Batch:
    """Return a batch whose arrays have the declared shapes and types.

    Integers are converted to floats with a `DataWarning`. Inputs at masked steps, and targets at
    steps that do not count, may have any value.

    Args:
        batch: the object that a task returned.
        signature: the signature that the task declares.
        where: the name of the data in messages, such as ``Adding train``.
        allow_nan: whether x may contain NaN and infinities at valid steps.

    Raises:
        DataError: an array is wrong; the message names it, what is expected, and the position of
            the first wrong value.
    """
    if not isinstance(batch, Batch):
        raise DataError(f"{where} is {kind_of(batch)}; a gatekit.Batch is expected")
    given = {name: value for name, value in vars(batch).items() if value is not None}
    every = signature.emission == "every"
    if further := [name for name in ("weights", "resets") if name in given and not every]:
        raise DataError(f"{where} has {further[0]}, which a task with emission='every' may have")
    table = _expected(batch.x, f"{where}: x", signature, allow_nan)
    arrays = {name: _array(given[name], f"{where}: {name}", table[name]) for name in given}
    steps = table["mask"].shape
    valid = arrays.get("mask", numpy.ones(steps, bool))
    weights = arrays.get("weights")
    if weights is not None:
        _check_values(weights, numpy.ones(steps, bool), f"{where}: weights", table["weights"])
    counted = valid if weights is None else weights > 0
    if not counted.any():
        raise DataError(f"{where}: no valid step has a weight, so there is nothing to learn")
    targets = counted if every else numpy.ones(steps[:1], bool)
    for name, counts in (("x", valid), ("y", targets)):
        _check_values(arrays[name], counts, f"{where}: {name}", table[name])
    if weights is not None and (weights[~valid] > 0).any():
        row, step = numpy.argwhere(~valid & (weights > 0))[0]
        raise DataError(f"{where}: weights: row {row}, step {step} is masked but has a weight")
    return Batch(**arrays)


def _expected(x: Any, what: str, signature: Signature, allow_nan: bool) -> dict[str, Row]:
    """Return the row of each array; the numbers of sequences and steps are those of x."""
    steps = numpy.shape(x)[:2] if isinstance(x, numpy.ndarray) else (0, 0)
    if isinstance(x, numpy.ndarray) and (len(steps) < 2 or 0 in steps):
        raise DataError(f"{what} has shape {x.shape}; sequences x steps are expected, not empty")
    labels, outputs = signature.loss == "categorical", signature.outputs
    target = steps if signature.emission == "every" else steps[:1]
    if signature.vocabulary is not None:
        inputs = Row("int32", steps, 0, signature.vocabulary - 1)
    else:
        inputs = Row("float32", (*steps, signature.features or 0), finite=not allow_nan)
    if labels:
        targets = Row("int32", target, 0, outputs - 1)
    elif signature.loss in ("bits", "squared"):
        targets = Row("float32", (*target, outputs), 0, 1)
    else:
        targets = Row("float32", (*target, outputs))
    return {
        "x": inputs,
        "y": targets,
        "mask": Row("bool", steps),
        "weights": Row("float32", steps, low=0, also="b"),
        "resets": Row("bool", steps),
    }


_KINDS = {"bool": "b", "int32": "iu", "float32": "fiu"}
"""The kinds of NumPy types that may become a type."""


def _array(value: object, what: str, row: Row) -> numpy.ndarray:
    """Return an array in the type of its row; one of the wrong type or shape is refused."""
    if not isinstance(value, numpy.ndarray):
        came = type(value).__name__
        raise DataError(f"{what} is of type {came}; a NumPy array of {row.dtype} is expected")
    if value.dtype.kind not in _KINDS[row.dtype] + row.also:
        raise DataError(f"{what} is of type {value.dtype}; {row.dtype} is expected")
    if value.shape != row.shape:
        raise DataError(f"{what} has shape {value.shape}; {row.shape} is expected")
    if row.dtype == "int32" and not -(2**31) <= int(value.min()) <= int(value.max()) < 2**31:
        raise DataError(f"{what} has integers that do not fit into int32")
    if row.dtype == "float32" and value.dtype.kind in "iu":
        warnings.warn(f"{what} is {value.dtype}; converted to float32.", DataWarning, stacklevel=4)
    # Values too large for float32 become infinite here, which is refused later.
    with numpy.errstate(over="ignore"):
        return value.astype(row.dtype, copy=False)


def _check_values(array: numpy.ndarray, counts: numpy.ndarray, what: str, row: Row) -> None:
    """Refuse the first value that counts and is outside its range."""
    bad = (array < row.low) | (array > row.high)
    if row.finite:
        bad |= ~numpy.isfinite(array)
    bad &= counts.reshape(counts.shape + (1,) * (array.ndim - counts.ndim))
    if bad.any():
        place = tuple(int(i) for i in numpy.argwhere(bad)[0])
        axes = ("row", "step", "column") if counts.ndim == 2 else ("row", "column")
        position = ", ".join(f"{axis} {i}" for axis, i in zip(axes, place, strict=False))
        expected = "a finite number"
        if numpy.isfinite(row.low):
            to = f" to {row.high}" if numpy.isfinite(row.high) else ""
            expected = f"a number from {row.low}{to}"
        raise DataError(
            f"{what} is {array[place]} at {position} (counted from 0); {expected} is expected"
        )


def _notes(splits: dict[str, Batch], owner: str) -> Iterator[str]:
    """Yield the warnings about fixed training data, as sentences."""
    train = splits["train"]
    if len(train.x) == 1:
        yield f"{owner} train has only one example."
    elif (train.y == train.y[:1]).all():
        yield f"{owner} train has the same target for every example."
    seen = set(_rows(train))
    for name in list(splits)[1:]:
        if shared := sum(row in seen for row in _rows(splits[name])):
            yield f"{owner}: {shared} of {len(splits[name].x)} {name} sequences are also in train."


def _rows(batch: Batch) -> list[bytes]:
    valid = numpy.ones(batch.x.shape[:2], bool) if batch.mask is None else batch.mask
    return [
        hashlib.sha256(numpy.ascontiguousarray(row[keep]).tobytes()).digest()
        for row, keep in zip(batch.x, valid, strict=True)
    ]

"""Check the data that a task returns against its declaration, before any training."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import re
import warnings
from collections.abc import Iterator
from typing import Any, get_args

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
            f"{owner}.splits should return a dict of {', '.join(expected)}, but returned {came}. "
            f"Further test sets are named test_NAME, in lower-case letters "
            "and digits."
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
            raise DataError(
                f"{where} returned {len(batch.x)} sequences instead of {size}; draw `size` "
                "sequences, the argument of sample(self, rng, size)."
            )
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
        came = "a tuple" if isinstance(batch, tuple) else kind_of(batch)
        raise DataError(
            f"{where} should be a gatekit.Batch, not {came}; import it and return Batch(x, y)."
        )
    tokens, every = signature.vocabulary is not None, signature.emission == "every"
    labels = signature.loss == "categorical"

    wide = "" if tokens else f" x {signature.features} features"
    x = _array(batch.x, f"{where}: x", integer=tokens)
    if x.ndim != (2 if tokens else 3) or (not tokens and x.shape[2] != signature.features):
        raise DataError(
            f"{where}: x has shape {x.shape}; batch x time{wide} is expected"
            f"{_as_features(x, signature)}"
        )
    count, time = x.shape[:2]
    if count == 0 or time == 0:
        raise DataError(f"{where} is empty: x has shape {x.shape}, batch x time{wide}.")

    target = ((count, time) if every else (count,)) + (() if labels else (signature.outputs,))
    hot = isinstance(batch.y, numpy.ndarray) and batch.y.ndim > len(target)
    if labels and hot and batch.y.shape == (*target, signature.outputs) != (*target, 1):
        raise DataError(
            f"{where}: y has shape {batch.y.shape}; {target} is expected, the number of each "
            f"class: write y.argmax(-1).astype('int32')."
        )
    y = _array(batch.y, f"{where}: y", integer=labels)
    y = _shaped(y, target, f"{where}: y", _as_targets(y, x, target, signature))
    mask = None if batch.mask is None else _booleans(batch.mask, "mask", (count, time), where)
    weights = None
    if batch.weights is not None:
        weights = _weights(batch.weights, (count, time), mask, every, where)

    valid = numpy.ones((count, time), bool) if mask is None else mask
    counted = valid if weights is None else weights > 0
    if not counted.any():
        raise DataError(f"{where}: no valid step has a weight, so there is nothing to learn.")
    hint = ""
    if not allow_nan:
        hint = " Mask or fix it, or set task.allow_nan=true."
        _finite(x, valid, f"{where}: x", hint)
    if tokens:
        _labels(x, valid, signature.vocabulary or 0, f"{where}: x", "vocabulary")
    at = counted if every else numpy.ones(count, bool)
    if labels:
        _labels(y, at, signature.outputs, f"{where}: y", "outputs")
    else:
        weight = "Give the step weight 0, or fix it." if every else "Fix it, or omit the sequence."
        _finite(y, at, f"{where}: y", f" {weight}")
        if signature.loss in ("bits", "squared"):
            _within(y, at, 0, 1, f"{where}: y")
    resets = None
    if batch.resets is not None:
        if not every:
            raise DataError(
                f"{where}: resets belong to tasks with emission='every'; this one has a target per "
                "sequence, so give each sequence a row."
            )
        resets = _booleans(batch.resets, "resets", (count, time), where)
    return Batch(x, y, mask, weights, resets)


def _as_features(x: numpy.ndarray, signature: Signature) -> str:
    """Return what to write for inputs of a wrong shape, as the end of a sentence."""
    if signature.vocabulary is not None:
        if x.ndim == 3 and x.shape[2] == 1:
            return "; write x[..., 0]."
    elif x.ndim == 2 and signature.features == 1:
        return "; write x[..., None]. Sequences of unequal length: pad them and give a mask."
    elif x.ndim == 3 and x.shape[2]:
        return f"; write features={x.shape[2]} in signature(), or give x this width."
    return ". Sequences of unequal length: pad them and give a mask."


def _as_targets(
    y: numpy.ndarray, x: numpy.ndarray, target: tuple[int, ...], signature: Signature
) -> str:
    """Return what to write for targets of a wrong shape, as the end of a sentence."""
    if len(y) != len(x) if y.ndim else True:
        return f": x has {len(x)} sequences; x and y must have the same number."
    if y.shape == target[:-1] and target[-1] == 1:
        return "; write y[..., None]."
    if y.shape == (*target, 1):
        return "; write y[..., 0]."
    if y.shape[:-1] == target[:-1] and signature.loss != "categorical":
        return f"; write outputs={y.shape[-1]} in signature(), or give y this width."
    every = signature.emission == "every"
    if every and y.shape == (len(x), *target[2:]):
        return "; for one target per sequence, write emission='last' in signature()."
    if not every and y.shape == (*x.shape[:2], *target[1:]):
        return "; for one target per step, write emission='every' in signature()."
    return "."


def _array(value: object, what: str, integer: bool) -> numpy.ndarray:
    expected = "int32" if integer else "float32"
    name = what.rpartition(" ")[2]
    if not isinstance(value, numpy.ndarray):
        ragged = " Ragged data: pad and give a mask." if "agged" in type(value).__name__ else ""
        raise DataError(
            f"{what} should be a NumPy array of {expected}, not {type(value).__name__}."
            + (ragged or f" Write numpy.asarray({name}, {expected!r}).")
        )
    kind = value.dtype.kind
    if kind == "O":
        raise DataError(
            f"{what} contains Python objects, perhaps rows of unequal length; pad them to one "
            "length and give a mask."
        )
    if integer and kind in "iu":
        if value.size and not -(2**31) <= int(value.min()) <= int(value.max()) < 2**31:
            raise DataError(f"{what} has integers that do not fit into int32.")
        return value.astype("int32", copy=False)
    if not integer and kind == "f":
        # Values too large for float32 become infinite here, which is refused below.
        with numpy.errstate(over="ignore"):
            return value.astype("float32", copy=False)
    if not integer and kind in "iu":
        warnings.warn(f"{what} is {value.dtype}; converted to float32.", DataWarning, stacklevel=4)
        return value.astype("float32")
    raise DataError(
        f"{what} has dtype {value.dtype}; {expected} is expected: write "
        f"{name}.astype({expected!r})."
    )


def _shaped(
    array: numpy.ndarray, shape: tuple[int, ...], what: str, hint: str = "."
) -> numpy.ndarray:
    if array.shape != shape:
        raise DataError(f"{what} has shape {array.shape}; {shape} is expected{hint}")
    return array


def _labels(array: numpy.ndarray, at: numpy.ndarray, count: int, what: str, key: str) -> None:
    """Refuse labels or tokens outside their range; the error has the number to declare."""
    try:
        _within(array, at, 0, count - 1, what)
    except DataError as error:
        most = int(array[at].max())
        needed = f" Write {key}={most + 1} in signature()." if array[at].min() >= 0 else ""
        raise DataError(f"{error}{needed or ' Count them from 0.'}") from None


def _is_bool(array: object) -> bool:
    return isinstance(array, numpy.ndarray) and array.dtype.kind == "b"


def _booleans(array: Any, what: str, shape: tuple[int, int], where: str) -> numpy.ndarray:
    if not _is_bool(array):
        came = getattr(array, "dtype", type(array).__name__)
        raise DataError(
            f"{where}: {what} should be a NumPy array of bool, not {came}; write "
            f"numpy.asarray({what}, bool)."
        )
    hint = f"; write {what}[..., 0]." if array.shape == (*shape, 1) else "."
    return _shaped(numpy.asarray(array), shape, f"{where}: {what} (batch x time)", hint)


def _weights(
    weights: Any, shape: tuple[int, int], mask: numpy.ndarray | None, every: bool, where: str
) -> numpy.ndarray:
    what = f"{where}: weights"
    if not every:
        raise DataError(
            f"{what} belong to tasks with emission='every'; this one has a target per sequence: "
            "remove weights."
        )
    given = weights.astype("float32") if _is_bool(weights) else weights
    array = _shaped(_array(given, what, integer=False), shape, f"{what} (batch x time)")
    everywhere = numpy.ones(shape, bool)
    _finite(array, everywhere, what, "")
    _within(array, everywhere, 0, None, what)
    if mask is not None and (array[~mask] > 0).any():
        row, step = numpy.argwhere(~mask & (array > 0))[0]
        raise DataError(f"{what}: row {row}, step {step} is masked but has a weight; set it to 0.")
    return array


def _finite(array: numpy.ndarray, at: numpy.ndarray, what: str, hint: str) -> None:
    _first(array, ~numpy.isfinite(array), at, f"{what} is not finite", hint)


def _within(
    array: numpy.ndarray, at: numpy.ndarray, low: float, high: float | None, what: str
) -> None:
    outside = array < low if high is None else (array < low) | (array > high)
    allowed = f"from {low}" if high is None else f"from {low} to {high}"
    _first(array, outside, at, f"{what} should be {allowed}", "")


def _first(
    array: numpy.ndarray, bad: numpy.ndarray, at: numpy.ndarray, says: str, hint: str
) -> None:
    bad = bad & at.reshape(at.shape + (1,) * (array.ndim - at.ndim))
    if bad.any():
        place = tuple(int(i) for i in numpy.argwhere(bad)[0])
        axes = ("row", "step", "column") if at.ndim == 2 else ("row", "column")
        position = ", ".join(f"{axis} {i}" for axis, i in zip(axes, place, strict=False))
        raise DataError(f"{says}: {array[place]} at {position} (counted from 0).{hint}")


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

"""Sequences in a file of your own: inputs, targets, and the split of each sequence."""

from __future__ import annotations

import csv
import functools
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy

from gatekit.cell.errors import DataError, listed
from gatekit.runs import durable

from .labelled import majority
from .task import Batch, Emission, Metric, Signature, Task, recipe_hash
from .validate import FURTHER_TEST, SPLITS

MOST = 2**30
"""The most bytes of a file, and of its arrays once they are unpacked."""
FORMS = (".npz", ".npy", ".csv")
_METRICS = {
    "classes": Metric("accuracy", direction="max", unit="share of targets"),
    "numbers": Metric("mse", direction="min", unit="squared error"),
}


class FileTask(Task):
    """Base of tasks whose data are in one file: ``inputs``, ``targets`` and ``split``.

    Args:
        path: an ``.npz``, ``.npy`` or ``.csv`` file. A run is identified by its content.
        targets: ``classes`` (integers from 0; accuracy) or ``numbers`` (mean squared error).

    Raises:
        ConfigError: an option is not allowed.
    """

    path: str | None = None
    targets: Literal["classes", "numbers"] = "classes"
    metric = _METRICS["classes"]
    places = ("path",)
    own_file = "an .npz, .npy or .csv file with inputs, targets and split"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        object.__setattr__(self, "metric", _METRICS[self.targets])

    def signature(self) -> Signature:
        """Return the signature; the widths are those in the file."""
        x, y, emission = self._arrays()
        tokens = x.ndim == 2
        return Signature(
            features=None if tokens else x.shape[2],
            vocabulary=int(x.max()) + 1 if tokens else None,
            outputs=int(y.max()) + 1 if self.targets == "classes" else y.shape[-1],
            loss="categorical" if self.targets == "classes" else "mse",
            emission=emission,
        )

    def chance(self) -> float:
        """Return the test score of the most frequent training class, or of the training mean."""
        splits = self.splits(numpy.random.default_rng(0))
        train, test = (_counted(splits[name]) for name in ("train", "test"))
        if self.targets == "classes":
            return majority(train, test)
        return float(numpy.mean(numpy.square(test - train.mean(axis=0))))

    def data_hash(self) -> str:
        """Return the hash of the file and the options."""
        facts = {"file": durable.sha256(self._file()), "targets": self.targets}
        return recipe_hash("file/1", facts)

    def require(self) -> None:
        """Check that there is a file at ``path``."""
        self._file()

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return the sequences of each split, in the order of the file."""
        x, y, _ = self._arrays()
        data = self._read()
        names = data["split"].astype(str)
        mask = data.get("mask")
        found = {}
        for name in dict.fromkeys(names.tolist()):
            rows = names == name
            kept = None if mask is None else mask[rows]
            found[name] = Batch(x[rows], y[rows], kept)
        return found

    def _arrays(self) -> tuple[numpy.ndarray, numpy.ndarray, Emission]:
        """Return inputs and targets in the types of a `Batch`, and which steps have targets."""
        data, where = self._read(), f"task.path={self.path}"
        x, y = data["inputs"], data["targets"]
        if x.ndim == 2 and x.dtype.kind in "iu":
            if x.size and x.min() < 0:
                raise DataError(f"{where}: inputs has the token {x.min()}; tokens count from 0")
            x = x.astype("int32")
        else:
            x = (x[..., None] if x.ndim == 2 else x).astype("float32")
        if x.ndim != 3 - (x.dtype.kind == "i") or not x.size:
            raise DataError(
                f"{where}: inputs has the shape {data['inputs'].shape}; needed are numbers, "
                "sequences x time x features, or integer tokens, sequences x time"
            )
        classes = self.targets == "classes"
        if classes and y.dtype.kind not in "iu":
            raise DataError(f"{where}: targets are {y.dtype}; with task.targets=classes, integers")
        if classes and y.shape[-1] == 1 and y.ndim > 1 and (y.ndim > 2 or x.shape[1] > 1):
            y = y[..., 0]
        if not classes and y.ndim == 1:
            y = y[:, None]
        every = y.ndim == (2 if classes else 3)
        expected = (len(x), *(x.shape[1:2] if every else ()), *(() if classes else y.shape[-1:]))
        if y.shape != expected:
            raise DataError(
                f"{where}: targets has the shape {data['targets'].shape}, but inputs has "
                f"{data['inputs'].shape}; needed is a target for each sequence or for each step"
            )
        if classes and y.min() < 0:
            raise DataError(f"{where}: targets has the class {y.min()}; classes count from 0")
        return x, y.astype("int32" if classes else "float32"), "every" if every else "last"

    def _file(self) -> Path:
        if self.path is None:
            raise DataError(f"task.path is missing: {self.own_file}")
        path = Path(self.path).expanduser()
        if path.is_symlink() or not path.is_file():
            what = "a link, which could lead anywhere" if path.is_symlink() else "no file"
            raise DataError(f"task.path={self.path} is {what}")
        if path.suffix not in FORMS:
            raise DataError(f"task.path={self.path}: the name ends in none of {listed(FORMS)}.")
        if path.stat().st_size > MOST:
            raise DataError(
                f"task.path={self.path} has {path.stat().st_size / 2**20:,.0f} MiB; at most "
                f"{MOST // 2**20:,} are read."
            )
        return path

    def _read(self) -> Mapping[str, numpy.ndarray]:
        path = self._file()
        return _content(path, durable.sha256(path))


def _counted(batch: Batch) -> numpy.ndarray:
    """Return the targets that count: those of all sequences, or of all valid steps."""
    every = batch.y.shape[:2] == batch.x.shape[:2] and batch.mask is not None
    return batch.y[batch.mask] if every else batch.y.reshape(-1, *batch.y.shape[2:])


@functools.lru_cache(maxsize=2)
def _content(path: Path, sha256: str) -> Mapping[str, numpy.ndarray]:
    """Return the arrays of a file; the hash makes a changed file another one."""
    content = durable.read(path, MOST)
    try:
        data = _columns(content, path) if path.suffix == ".csv" else _loaded(content, path)
    except (ValueError, OverflowError, OSError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read: {error}") from None
    for name, array in data.items():
        if not array.ndim or not array.size:
            raise DataError(f"{path}: {name} has the shape {array.shape}; sequences are needed.")
        if name != "split":
            _check_numbers(array, name, path)
    names = [str(name) for name in numpy.unique(data["split"].astype(str))]
    further = [name for name in names if name not in SPLITS and not FURTHER_TEST.fullmatch(name)]
    if further or not {*SPLITS} <= {*names}:
        raise DataError(
            f"{path}: split has {listed(names)}; each sequence is in {listed(SPLITS)}, or in a "
            "further test set test_NAME, and none of the three may be empty."
        )
    counts = {name: len(array) for name, array in data.items()}
    if len({*counts.values()}) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise DataError(f"{path}: the arrays have unequal numbers of sequences: {shown}.")
    return data


def _check_numbers(array: numpy.ndarray, name: str, path: Path) -> None:
    """Refuse what a cast to int32 or float32 would change into something else.

    Raises:
        DataError: the array has neither truth values nor integers of 32 bits nor real numbers.
    """
    kind = array.dtype.kind
    if kind not in "biuf":
        raise DataError(f"{path}: {name} is {array.dtype}; needed are integers or real numbers.")
    if kind in "iu":
        low, high = int(array.min()), int(array.max())
        if low < -(2**31) or high >= 2**31:
            wrong = low if low < -(2**31) else high
            raise DataError(f"{path}: {name} has the integer {wrong}, which is outside int32.")


def _loaded(content: bytes, path: Path) -> dict[str, numpy.ndarray]:
    """Return the arrays of an archive, or the fields of a structured array."""
    if path.suffix == ".npz":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > MOST:
            raise DataError(
                f"{path} has {size / 2**20:,.0f} MiB once unpacked; at most {MOST // 2**20:,} are "
                "read."
            )
        with numpy.load(io.BytesIO(content), allow_pickle=False) as loaded:
            _refuse_without(loaded.files, path)
            return {name: loaded[name] for name in loaded.files if name in _NAMES}
    array = numpy.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        raise DataError(f"{path} has one array without fields")
    _refuse_without(array.dtype.names, path)
    return {name: array[name] for name in array.dtype.names if name in _NAMES}


_NAMES = ("inputs", "targets", "split", "mask")


def _refuse_without(names: Sequence[str], path: Path) -> None:
    """Refuse a file that lacks an array, with the names of those that it has."""
    missing = [name for name in _NAMES[:3] if name not in names]
    if missing:
        has = listed(names) if names else "no arrays"
        raise DataError(f"{path} lacks {listed(missing)}; it has {has}.")


def _columns(content: bytes, path: Path) -> dict[str, numpy.ndarray]:
    """Return the arrays of a table with a row for each step; see `FileTask`."""
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    header = [name.strip() for name in next(rows, [])]
    places = {
        kind: [i for i, name in enumerate(header) if name.startswith(kind)]
        for kind in ("input", "target", "token")
    }
    tokens = not places["input"]
    inputs = places["token"] if tokens else places["input"]
    if not {"sequence", "split"} <= {*header} or not inputs or not places["target"]:
        raise DataError(
            f"{path}: the first line has {listed(header) or 'nothing'}; needed are the columns "
            "sequence, split, input (or input_1, input_2 ...; or token), and target (or target_1 "
            "...)."
        )
    at, of = header.index("sequence"), header.index("split")
    sequences: dict[str, list[list[str]]] = {}
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise DataError(
                f"{path}, line {number}: {len(row)} values; the first line has {len(header)}."
            )
        sequences.setdefault(row[at], []).append(row)
    if not sequences:
        raise DataError(f"{path} has no sequences.")
    goals = places["target"]
    cells = [[[row[i].strip() for i in goals] for row in steps] for steps in sequences.values()]
    flat = [cell for steps in cells for row in steps for cell in row]
    every = all(flat)
    if not every:
        cells = [steps[-1:] for steps in cells]
    whole = len(goals) == 1 and all(cell.isdecimal() for cell in flat if cell)
    longest = max(map(len, sequences.values()))
    mask = numpy.zeros((len(sequences), longest), bool)
    x = numpy.zeros((*mask.shape, len(inputs)), "int64" if tokens else "float64")
    y = numpy.zeros((*mask.shape, len(goals)), "int64" if whole else "float64")
    for place, steps in enumerate(sequences.values()):
        mask[place, : len(steps)] = True
        given = numpy.array([[row[i] for i in inputs] for row in steps])
        x[place, : len(steps)] = given.astype(x.dtype)
        y[place, : len(cells[place])] = numpy.array(cells[place]).astype(y.dtype)
    data = {
        "inputs": x[..., 0] if tokens else x,
        "targets": y if every else y[:, 0],
        "split": numpy.array([steps[0][of].strip() for steps in sequences.values()]),
    }
    return data if mask.all() else {**data, "mask": mask}

"""Sequences with one label each, such as those of the time series archives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy

from gatekit.cell.errors import DataError

from .task import Batch


class Labelled(NamedTuple):
    """Sequences and their labels.

    Attributes:
        sequences: each ``time x features`` float32.
        labels: one integer for each sequence, from 0.
    """

    sequences: Sequence[numpy.ndarray]
    labels: numpy.ndarray

    def taken(self, rows: numpy.ndarray) -> Labelled:
        """Return some of the sequences."""
        return Labelled([self.sequences[row] for row in rows], self.labels[rows])

    def batch(self) -> Batch:
        """Return the sequences padded with zeros, with a mask if their lengths differ."""
        lengths = numpy.array([len(sequence) for sequence in self.sequences])
        longest, features = int(lengths.max()), self.sequences[0].shape[1]
        x = numpy.zeros((len(lengths), longest, features), "float32")
        for row, sequence in enumerate(self.sequences):
            x[row, : len(sequence)] = sequence
        mask = numpy.arange(longest) < lengths[:, None]
        return Batch(x, self.labels.astype("int32"), None if mask.all() else mask)


def read_ts(content: bytes, where: str) -> Labelled:
    """Return the sequences of a ``.ts`` file, which has a header and a line for each sequence.

    In a line, ``:`` separates the features and precedes the label; ``,`` separates the steps.
    Labels are numbered in the order of ``@classLabel``.

    Args:
        content: the content of the file.
        where: the name of the file, for messages.

    Raises:
        DataError: the header is missing, or a line does not have this form.
    """
    try:
        lines = [line.strip() for line in content.decode("utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not a text file: {error}") from None
    start = next((n for n, line in enumerate(lines, 1) if line.lower() == "@data"), None)
    if start is None:
        raise DataError(f"{where} has no line @data: it is truncated, or not a .ts file.")
    header = {}
    for line in lines[:start]:
        if line.startswith("@"):
            key, *values = line[1:].split() or [""]
            header[key.lower()] = values
    classes = header.get("classlabel", [])
    if classes[:1] != ["true"] or len(classes) < 3:
        raise DataError(f"{where} names no classes: @classLabel true A B ... is expected.")
    known = {name: index for index, name in enumerate(classes[1:])}
    sequences, labels = [], []
    for number, line in enumerate(lines[start:], start + 1):
        if line:
            *columns, label = line.split(":")
            if label not in known or not columns:
                raise DataError(f"{where}, line {number}: the label {label[:20]!r} is not known.")
            sequences.append(_sequence(columns, f"{where}, line {number}"))
            labels.append(known[label])
    if not sequences or len({sequence.shape[1] for sequence in sequences}) != 1:
        raise DataError(f"{where} has no sequences, or sequences with unequal numbers of features.")
    return Labelled(sequences, numpy.array(labels))


def _sequence(columns: Sequence[str], where: str) -> numpy.ndarray:
    try:
        return numpy.array([column.split(",") for column in columns]).astype("float32").T
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None


def every_fifth(labels: numpy.ndarray) -> numpy.ndarray:
    """Return which examples form a fixed validation set: every fifth example of each class.

    Args:
        labels: the classes of the training examples.

    Returns:
        A boolean for each example.
    """
    chosen = numpy.zeros(len(labels), bool)
    for label in numpy.unique(labels):
        chosen[numpy.flatnonzero(labels == label)[4::5]] = True
    return chosen


def majority(train: numpy.ndarray, test: numpy.ndarray) -> float:
    """Return the test accuracy of always guessing the most frequent training label.

    Args:
        train: the labels of the training data.
        test: the labels of the test data.

    Returns:
        The accuracy; if several labels are equally frequent, their mean.
    """
    counts = numpy.bincount(train)
    best = numpy.flatnonzero(counts == counts.max())
    return float(numpy.mean([(test == label).mean() for label in best]))

"""Documents of unequal length packed into rows, with a reset where each document begins."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy

from gatekit.cell.errors import DataError

from .task import Batch

Document = tuple[numpy.ndarray, numpy.ndarray]
"""Inputs and targets of one document, each ``time x ...``."""


def packed(
    documents: Sequence[Document], length: int | None = None, *, per_document: bool = False
) -> Batch:
    """Return documents packed into rows of equal length; each starts from the initial states.

    The longest documents are placed first, each undivided in the row with the most room. A score
    that is pooled over steps is the same as if each document were padded in its own row.

    Args:
        documents: inputs and targets of each document, ``time x ...``.
        length: steps per row; None means the length of the longest document.
        per_document: whether each document counts once in loss and metric, whatever its length;
            otherwise each step counts once.

    Returns:
        A batch with resets; its mask is None if no row has room left.

    Raises:
        DataError: ``documents`` is empty or not a list of pairs, or a document is empty, is longer
            than a row, or has inputs and targets of different lengths.
    """
    pairs = isinstance(documents, (list, tuple)) and all(
        isinstance(each, (list, tuple)) and len(each) == 2 for each in documents
    )
    if not pairs:
        raise DataError(
            "packed: a list of pairs of inputs and targets is expected, each time x ..., not a "
            f"{type(documents).__name__}"
        )
    if not documents:
        raise DataError("packed: there are no documents")
    sizes = [len(x) for x, _ in documents]
    for index, (size, (_, y)) in enumerate(zip(sizes, documents, strict=True)):
        if size != len(y) or not size:
            raise DataError(
                f"packed: document {index} has {size} steps of inputs and {len(y)} of targets; as "
                "many of both, at least one, are expected"
            )
    length = max(sizes) if length is None else length
    if length < max(sizes):
        raise DataError(
            f"packed: document {sizes.index(max(sizes))} has {max(sizes)} steps, but a row has "
            f"{length}"
        )
    rows = _rows(sizes, length)
    x, y = (
        numpy.zeros((len(rows), length, *first.shape[1:]), first.dtype) for first in documents[0]
    )
    mask, resets = (numpy.zeros((len(rows), length), bool) for _ in range(2))
    weights = numpy.zeros((len(rows), length), "float32")
    for row, members in enumerate(rows):
        start = 0
        for index in members:
            stop = start + sizes[index]
            x[row, start:stop], y[row, start:stop] = documents[index]
            mask[row, start:stop], resets[row, start] = True, True
            weights[row, start:stop] = 1 / sizes[index]
            start = stop
    return Batch(x, y, None if mask.all() else mask, weights if per_document else None, resets)


def _rows(sizes: Sequence[int], length: int) -> list[list[int]]:
    """Return the documents of each row."""
    rows: list[list[int]] = []
    room: list[tuple[int, int]] = []
    for index in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        # The heap holds negated room, so its first entry is the row with the most room.
        if not room or -room[0][0] < sizes[index]:
            heapq.heappush(room, (-length, len(rows)))
            rows.append([])
        most, row = room[0]
        heapq.heapreplace(room, (most + sizes[index], row))
        rows[row].append(index)
    return rows

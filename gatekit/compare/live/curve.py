"""The validation curve of one run, of bounded size, and which points are new to a reader."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

MOST = 400
"""The most points of a curve; beyond, only every second one is kept, then every fourth, ..."""


class LiveCurve:
    """Points (epoch, value) in the order in which they were added, each with a revision.

    Attributes:
        began: the revision from which on all points must be sent again.
    """

    def __init__(self) -> None:
        self.clear(0)

    def __len__(self) -> int:
        return len(self._epochs)

    def clear(self, revision: int) -> None:
        """Forget all points."""
        self.began = revision
        self._epochs, self._revisions, self._values = array("q"), array("q"), array("d")
        self._every, self._count = 1, 0

    def add(self, points: Sequence[tuple[int, float]], revision: int) -> None:
        """Append points; of a long curve, evenly spaced ones are kept."""
        for epoch, value in points:
            self._count += 1
            if (self._count - 1) % self._every:
                continue
            self._epochs.append(max(-(2**62), min(epoch, 2**62)))
            self._values.append(value)
            self._revisions.append(revision)
            if len(self._epochs) > MOST:
                self._every *= 2
                self.began = revision
                self._epochs, self._revisions = self._epochs[::2], self._revisions[::2]
                self._values = self._values[::2]

    def since(self, revision: int) -> tuple[bool, list[list[float]]]:
        """Return whether a reader must begin again, and the points that it does not have.

        Args:
            revision: the latest that the reader has seen.
        """
        again = self.began > revision
        first = 0 if again else bisect_right(self._revisions, revision)
        pairs = zip(self._epochs[first:], self._values[first:], strict=True)
        return again, [[epoch, float(f"{value:.6g}")] for epoch, value in pairs]

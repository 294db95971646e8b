"""Temporal order: in which order came two or three symbols, long apart, among distractors?"""

from typing import Literal

import numpy

from gatekit import Batch, Metric, Signature, StreamedTask, Task, hookimpl

SYMBOLS = "EBabcdXY"
PLACES = {2: (10, 50), 3: (10, 33, 66)}
"""The first place where each relevant symbol may be, in percent of the length."""
WIDTH = 10
"""How far from there it may be, and by how much sequences differ in length, in percent."""


class TemporalOrder(StreamedTask):
    """Two or three symbols X or Y, long apart among distractors; which came in which order?

    A sequence begins with E, ends with B, and has 100 to 110 % of ``length`` steps, drawn evenly.
    Each relevant symbol is X or Y. Two are at steps drawn evenly between 10 and 20 % and between 50
    and 60 % of ``length`` (task 6a of the paper), three from 10 to 20, 33 to 43 and 66 to 76 %
    (6b); all other steps hold one of a, b, c, d. One-hot in the order E, B, a, b, c, d, X, Y. The
    label reads the relevant symbols as a binary number, X as 0.

    Args:
        length: steps of the shortest sequences; the paper has 100.
        relevant: relevant symbols: 2 gives 4 classes, 3 gives 8.

    Chance: 1/4; 1/8 with three relevant symbols

    Separates: Nothing that has been measured under one budget.

    Time: 58 s at length 30

    Measured: In gatekit, Adam 5e-3, 1,000 steps: LSTM at length 30 1.000, 58 s; chrono LSTM at
        length 100 1.000, 282 s. GRU at length 100, Adam 2e-3, 600 steps: 0.237, 165 s.

    Reference: Hochreiter & Schmidhuber, Long Short-Term Memory (1997), section 5.6,
        doi:10.1162/neco.1997.9.8.1735
    """

    length: int = 100
    relevant: Literal[2, 3] = 2
    test_size = 1000
    lowest = StreamedTask.lowest | {"length": 10}
    recipe = "temporal_order/1"
    metric = Metric("accuracy", direction="max", unit="share of sequences")
    reference = "doi:10.1162/neco.1997.9.8.1735"

    def signature(self) -> Signature:
        """Eight symbols in, the order at the end."""
        return Signature(
            features=len(SYMBOLS),
            vocabulary=None,
            outputs=2**self.relevant,
            loss="categorical",
        )

    def chance(self) -> float:
        """Return the accuracy of guessing one order: all are equally likely."""
        return 1 / 2**self.relevant

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x ``size x steps x 8``, padded, y ``size`` labels."""
        longest = self._share(100 + WIDTH)
        lengths = rng.integers(self.length, longest + 1, size)
        tokens = rng.integers(SYMBOLS.index("a"), SYMBOLS.index("X"), (size, longest))
        rows, label = numpy.arange(size), numpy.zeros(size, int)
        tokens[:, 0], tokens[rows, lengths - 1] = SYMBOLS.index("E"), SYMBOLS.index("B")
        for first in PLACES[self.relevant]:
            place = rng.integers(self._share(first), self._share(first + WIDTH) + 1, size)
            symbol = rng.integers(0, 2, size)
            tokens[rows, place] = SYMBOLS.index("X") + symbol
            label = 2 * label + symbol
        mask = numpy.arange(longest) < lengths[:, None]
        x = numpy.eye(len(SYMBOLS), dtype="float32")[tokens] * mask[:, :, None]
        return Batch(x.astype("float32"), label.astype("int32"), mask)

    def _share(self, percent: int) -> int:
        return self.length * percent // 100


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"temporal_order": TemporalOrder}

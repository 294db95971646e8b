"""The embedded Reber grammar: a symbol at the end must be that of the beginning."""

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, StreamedTask, Task, hookimpl

SYMBOLS = "BTPSXVE"
EDGES = (("T1", "P2"), ("S1", "X3"), ("T2", "V4"), ("X2", "S5"), ("P3", "V5"))
"""What may follow in each of the states 0 to 4, and where it leads; from state 5 on E."""
SHORTEST = 9


class EmbeddedReber(StreamedTask):
    """Predict each symbol of a string of the embedded Reber grammar; T or P must come again.

    A string is B, then T or P, a whole Reber string, the same T or P again, and E. In each state of
    the Reber grammar both edges are equally likely. Lengths are drawn as the grammar makes them,
    given that they are within ``shortest`` and ``length``. Training asks for every next symbol;
    validation and test sets score the second T or P alone. Hochreiter & Schmidhuber score whole
    strings, by whether the possible symbols are those predicted.

    Args:
        length: symbols of the longest strings.
        shortest: symbols of the shortest ones; the grammar has none below 9.

    Chance: 1/2

    Separates: Nothing under Adam with clipping: LSTM, GRU and plain RNN all solve it. In 1997
        the task separated the LSTM from earlier recurrent networks.

    Time: 10 to 14 s

    Measured: 32 units, 1,000 steps, mean lengths 12, 23 and 33: LSTM, GRU and RNN 1.00, 10 to 14 s
        (PyTorch, one CPU thread, one seed). In gatekit, 32 units, Adam 5e-3, 1,000 steps: LSTM, GRU
        and RNN 1.000, 34 to 74 s.

    Reference: Hochreiter & Schmidhuber, Long Short-Term Memory (1997),
        doi:10.1162/neco.1997.9.8.1735
    """

    length: int = 40
    shortest: int = SHORTEST
    test_size = 1000
    lowest = StreamedTask.lowest | {"length": SHORTEST, "shortest": SHORTEST}
    recipe = "embedded_reber/1"
    metric = Metric("accuracy", direction="max", unit="share of strings")
    reference = "doi:10.1162/neco.1997.9.8.1735"

    def check_options(self) -> None:
        """Refuse lengths that no string can have."""
        if self.shortest > self.length:
            raise ConfigError(
                f"EmbeddedReber: option shortest={self.shortest} should be at most "
                f"length={self.length}."
            )

    def signature(self) -> Signature:
        """Seven symbols in, the next one out, at every step."""
        return Signature(
            features=len(SYMBOLS),
            vocabulary=None,
            outputs=len(SYMBOLS),
            loss="categorical",
            emission="every",
        )

    def chance(self) -> float:
        """Return 1/2: T and P are equally likely."""
        return 1 / 2

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh strings, of which every next symbol counts."""
        strings, lengths = self._strings(rng, size)
        return _batch(strings, numpy.arange(self.length - 1) < lengths - 1, lengths)

    def judged(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return strings of which the symbol before the last counts."""
        strings, lengths = self._strings(rng, size)
        return _batch(strings, numpy.arange(self.length - 1) == lengths - 3, lengths)

    def _strings(
        self, rng: numpy.random.Generator, size: int
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return symbols ``size x length``, zero after the end, and lengths ``size x 1``."""
        leads = numpy.array([[int(edge[1]) for edge in edges] for edges in EDGES])
        emits = numpy.array([[SYMBOLS.index(edge[0]) for edge in edges] for edges in EDGES])
        # inner symbols are those between the inner B and the inner E
        most = self.length - 6
        ends = numpy.zeros((most + 1, 6))
        ends[0, 5] = 1
        for left in range(1, most + 1):
            ends[left, :5] = ends[left - 1][leads].mean(axis=1)
        odds = ends[self.shortest - 6 :, 0]
        left = self.shortest - 6 + rng.choice(len(odds), size, p=odds / odds.sum())
        lengths = left[:, None] + 6
        strings = numpy.zeros((size, self.length), int)
        rows, state = numpy.arange(size), numpy.zeros(size, int)
        branch = rng.integers(1, 3, size)
        strings[:, 1] = strings[rows, lengths[:, 0] - 2] = branch
        strings[rows, lengths[:, 0] - 3] = strings[rows, lengths[:, 0] - 1] = SYMBOLS.index("E")
        for step in range(most):
            going = rows[left > 0]
            edges = leads[state[going]]
            # both edges are equally likely, given that the string ends where it has to
            reach = numpy.take_along_axis(ends[left[going] - 1], edges, axis=1)
            second = rng.random(len(going)) * reach.sum(axis=1) >= reach[:, 0]
            strings[going, 3 + step] = emits[state[going], second.astype(int)]
            state[going] = edges[numpy.arange(len(going)), second.astype(int)]
            left = numpy.maximum(left - 1, 0)
        return strings, lengths


def _batch(strings: numpy.ndarray, counted: numpy.ndarray, lengths: numpy.ndarray) -> Batch:
    mask = numpy.arange(strings.shape[1] - 1) < lengths - 1
    x = numpy.eye(len(SYMBOLS), dtype="float32")[strings[:, :-1]] * mask[:, :, None]
    return Batch(x, (strings[:, 1:] * mask).astype("int32"), mask, counted.astype("float32"))


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"embedded_reber": EmbeddedReber}

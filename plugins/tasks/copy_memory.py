"""Copying: repeat symbols from long ago, all of them or those among blanks."""

import math

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, StreamedTask, Task, hookimpl


class Copy(StreamedTask):
    """Symbols first, then blanks; after a signal repeat the symbols in their order.

    A sequence is ``items`` symbols, ``length - 1`` blanks, the signal, ``items`` blanks; one-hot in
    the order symbols, blank, signal. The answer is a blank for the first ``length + items`` steps
    and then the symbols; the likelihood is pooled over all ``length + 2 items`` steps.

    Args:
        length: steps between the symbols and their repetition, T in the papers.
        symbols: number of different symbols.
        items: symbols to be kept.
        variable: whether each sequence draws its own lag evenly from 1 to ``length``, so that the
            signal has to be waited for.

    Chance: items ln(symbols) / (length + 2 items) = 0.173, knowing only when to answer

    Separates: Nothing in minutes: at length 60 all cells stay at chance. At length 500 and more,
        chrono initialisation and refine gates from other LSTMs, by the papers.

    Time: 11 s for 1,000 steps

    Measured: length 50, LSTM of 128 units, RMSprop 1e-3, 6,000 steps, 260 s: forget bias 1 0.251,
        chrono 0.227, chance 0.297 (PyTorch, one CPU thread, one seed). In gatekit, length 20, 4
        items, chance 0.297, GRU, Adam 5e-3, 1,500 steps: 0.024, less than 2 min.

    Published: Bai et al. Table 1, length 1,000, 16,000 parameters, chance 0.0204: LSTM 0.0204, GRU
        0.0197, RNN 0.0202. Tallec & Ollivier Figure 1, lengths 500 and 2,000: a chrono LSTM of 128
        units does not stay at chance, one with forget bias 1 does.

    Reference: Hochreiter & Schmidhuber (1997), doi:10.1162/neco.1997.9.8.1735; Arjovsky, Shah &
        Bengio (2016), arXiv:1511.06464; Bai, Kolter & Koltun (2018), arXiv:1803.01271; Tallec &
        Ollivier (2018), arXiv:1804.11188
    """

    length: int = 100
    symbols: int = 8
    items: int = 10
    variable: bool = False
    test_size = 1000
    lowest = StreamedTask.lowest | {"length": 1, "symbols": 2, "items": 1}
    recipe = "copy/1"
    metric = Metric("nll", direction="min", unit="nats/step")
    reference = (
        "doi:10.1162/neco.1997.9.8.1735; arXiv:1511.06464; arXiv:1803.01271; arXiv:1804.11188"
    )

    def signature(self) -> Signature:
        """Symbols, blank and signal in, symbols and blank out, at every step."""
        return Signature(
            features=self.symbols + 2,
            vocabulary=None,
            outputs=self.symbols + 1,
            loss="categorical",
            emission="every",
        )

    def chance(self) -> float:
        """Return the loss of a guess that knows when to answer a blank, but no symbol."""
        lag = (1 + self.length) / 2 if self.variable else self.length
        return self.items * math.log(self.symbols) / (lag + 2 * self.items)

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x ``size x steps x features``, y ``size x steps``."""
        blank, signal = self.symbols, self.symbols + 1
        lags = numpy.full(size, self.length)
        if self.variable:
            lags = rng.integers(1, self.length + 1, size)
        steps = self.length + 2 * self.items
        kept = rng.integers(0, self.symbols, (size, self.items))
        tokens, answers = numpy.full((2, size, steps), blank)
        rows, item = numpy.arange(size)[:, None], numpy.arange(self.items)
        tokens[:, : self.items] = kept
        tokens[rows[:, 0], self.items + lags - 1] = signal
        answers[rows, self.items + lags[:, None] + item] = kept
        mask = None
        if self.variable:
            mask = numpy.arange(steps) < lags[:, None] + 2 * self.items
        x = numpy.eye(self.symbols + 2, dtype="float32")[tokens]
        return Batch(x, answers.astype("int32"), mask)


class SelectiveCopy(StreamedTask):
    """A few symbols at random steps among blanks; afterwards repeat the symbols in their order.

    ``items`` symbols are at steps drawn evenly from the first ``length``, all others are blanks;
    then ``items`` query flags follow, each of which asks for the next symbol. One-hot in the order
    symbols, blank, query. Only the answers to queries count. The alphabet of sixteen in the papers
    counts blank and query.

    Args:
        length: steps before the first query.
        symbols: number of different symbols.
        items: symbols to be kept.

    Chance: 1 / symbols = 0.0714

    Separates: Recurrences whose update depends on the input from those where it does not, by the
        paper; length 64 is gatekit's own, and no published number belongs to it.

    Time: 8 s for 1,000 steps

    Measured: In gatekit, GRU, 1,500 steps: 0.449, 164 s.

    Reference: Gu & Dao, Mamba (2023), arXiv:2312.00752; Feng et al., Were RNNs All We Needed?
        (2024), arXiv:2410.01201
    """

    length: int = 64
    symbols: int = 14
    items: int = 8
    test_size = 1000
    lowest = StreamedTask.lowest | {"length": 1, "symbols": 2, "items": 1}
    recipe = "selective_copy/1"
    metric = Metric("accuracy", direction="max", unit="share of symbols")
    reference = "arXiv:2312.00752; arXiv:2410.01201"

    def check_options(self) -> None:
        """Refuse more symbols than there are steps."""
        if self.items > self.length:
            raise ConfigError(
                f"SelectiveCopy: option items={self.items} should be at most "
                f"length={self.length}: each symbol needs a step of its own."
            )

    def signature(self) -> Signature:
        """Symbols, blank and query in, symbols out, at every step."""
        return Signature(
            features=self.symbols + 2,
            vocabulary=None,
            outputs=self.symbols,
            loss="categorical",
            emission="every",
        )

    def chance(self) -> float:
        """Return the accuracy of guessing one symbol: all are equally likely."""
        return 1 / self.symbols

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x ``size x steps x features``, y and weights ``size x steps``."""
        blank, query = self.symbols, self.symbols + 1
        steps = self.length + self.items
        kept = rng.integers(0, self.symbols, (size, self.items))
        places = rng.random((size, self.length)).argsort(axis=1)[:, : self.items]
        tokens = numpy.full((size, steps), blank)
        numpy.put_along_axis(tokens, numpy.sort(places, axis=1), kept, axis=1)
        tokens[:, self.length :] = query
        answers = numpy.zeros((size, steps), "int32")
        answers[:, self.length :] = kept
        weights = numpy.zeros((size, steps), "float32")
        weights[:, self.length :] = 1
        x = numpy.eye(self.symbols + 2, dtype="float32")[tokens]
        return Batch(x, answers, weights=weights)


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the tasks."""
    return {"copy": Copy, "selective_copy": SelectiveCopy}

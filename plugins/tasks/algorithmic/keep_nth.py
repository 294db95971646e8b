"""Keeping one token by its position: a counter and a memory."""

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, StreamedTask, Task, hookimpl


class KeepNth(StreamedTask):
    """Random tokens; at the end give the one at a fixed position.

    ``y = x_n``, counted from 1. Nothing marks the token, so that a cell has to count the steps to
    it, and then ignore all others.

    The task is named after one of ParaRNN's appendix C.2. Its text was not available, and the
    authors' repository has no generator, so nothing could be compared: details and sizes are
    gatekit's own.

    Args:
        length: steps of a sequence.
        n: the position of the token, counted from 1.
        symbols: number of different tokens.

    Chance: 1/8, one of the tokens

    Separates: Nothing that has been measured here.

    Time: 11 s for 1,000 steps

    Measured: In gatekit, LSTM, 800 steps: 0.132, which is chance.

    Published: None in this form.

    Reference: Danieli et al., ParaRNN: Unlocking Parallel Training of Nonlinear RNNs for Large
        Language Models (2025), arXiv:2510.21450
    """

    length: int = 100
    n: int = 10
    symbols: int = 8
    test_size = 1000
    lowest = StreamedTask.lowest | {"length": 1, "n": 1, "symbols": 2}
    recipe = "keep_nth/1"
    metric = Metric("accuracy", direction="max", unit="share of sequences")
    reference = "arXiv:2510.21450"

    def check_options(self) -> None:
        """Refuse a position after the end."""
        if self.n > self.length:
            raise ConfigError(
                f"KeepNth: option n={self.n} should be at most length={self.length}; type "
                f"task.n={self.length}."
            )

    def signature(self) -> Signature:
        """Tokens in, one token out at the end."""
        return Signature(
            features=None, vocabulary=self.symbols, outputs=self.symbols, loss="categorical"
        )

    def chance(self) -> float:
        """Return the accuracy of guessing one token: all are equally likely."""
        return 1 / self.symbols

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x ``size x length``, y ``size``."""
        x = rng.integers(0, self.symbols, (size, self.length)).astype("int32")
        return Batch(x, x[:, self.n - 1])


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"keep_nth": KeepNth}

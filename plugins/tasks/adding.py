"""The adding problem: remember two marked numbers over a long stretch and give their sum."""

from typing import Literal

import numpy

from gatekit import Batch, Metric, Signature, StreamedTask, Task, hookimpl


class Adding(StreamedTask):
    """Uniform numbers, two of them marked by a one in the second channel; give the sum of these.

    ``x_1 ~ U[0, 1)``, ``x_2`` is one at two steps and zero at all others,
    ``y = sum over time of x_1 x_2``, one number at the end.

    Args:
        length: steps of a sequence.
        markers: ``halves`` puts one marker in each half (Tallec & Ollivier), ``anywhere`` draws
            both positions without replacement from the whole sequence (the code of Bai et al.).

    Chance: 1/6 = 0.167, the variance of the sum of two uniform numbers, by the constant guess 1.

    Separates: GRU and chrono-initialised LSTM from a plain RNN, which stays at chance. An LSTM with
        forget bias 1 learns later: at length 100 it solves the task on 9 of 10 seeds.

    Time: 55 s

    Measured: length 100, 128 units, batch 50, Adam 3e-3, 1,200 steps: LSTM 0.170, chrono LSTM
        0.0053, GRU 0.0008, RNN 0.200, about 55 s each (PyTorch, one CPU thread, one seed). In
        gatekit, the same, means of 10 seeds: LSTM 0.021, chrono LSTM 0.0014, GRU 0.0012, RNN 0.167.

    Published: Bai et al. Table 1, length 600, 70,000 parameters: LSTM 0.164, GRU 5.3e-5, RNN 0.177.
        Tallec & Ollivier Figure 2: at length 750 a chrono LSTM of 128 units converges 7 times
        faster than one with forget bias 1 (RMSprop, learning rate 1e-3).

    Reference: Hochreiter & Schmidhuber, Long Short-Term Memory (1997),
        doi:10.1162/neco.1997.9.8.1735; Tallec & Ollivier, Can recurrent neural networks warp time?
        (2018), arXiv:1804.11188; Bai, Kolter & Koltun (2018), arXiv:1803.01271
    """

    length: int = 100
    markers: Literal["halves", "anywhere"] = "halves"
    lowest = StreamedTask.lowest | {"length": 2}
    recipe = "adding/1"
    metric = Metric("mse", direction="min", unit="squared error")
    reference = "doi:10.1162/neco.1997.9.8.1735; arXiv:1804.11188; arXiv:1803.01271"

    def signature(self) -> Signature:
        """Two numbers a step; one number at the end."""
        return Signature(features=2, vocabulary=None, outputs=1, loss="mse", emission="last")

    def chance(self) -> float:
        """Return 1/6, the score of the constant guess 1: the variance of a sum of two numbers."""
        return 1 / 6

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x ``size x length x 2``, y ``size x 1``."""
        x = numpy.zeros((size, self.length, 2), "float32")
        x[:, :, 0] = rng.random((size, self.length), "float32")
        rows = numpy.arange(size)
        if self.markers == "halves":
            half = self.length // 2
            first, second = rng.integers(0, half, size), rng.integers(half, self.length, size)
        else:
            first = rng.integers(0, self.length, size)
            # one of the other positions, all equally likely
            second = (first + rng.integers(1, self.length, size)) % self.length
        x[rows, first, 1] = x[rows, second, 1] = 1
        return Batch(x, x[rows, first, :1] + x[rows, second, :1])


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"adding": Adding}

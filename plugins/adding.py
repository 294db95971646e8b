"""The adding problem: remember two marked numbers over a long stretch and give their sum."""

from typing import Literal

import numpy

from gatekit import Batch, Metric, Signature, StreamedTask, Task, hookimpl


class Adding(StreamedTask):
    """Uniform numbers, two of them marked by a one in the second channel; give the sum of these.

    ``x_1 ~ U[0, 1)``, ``y = sum over time of x_1 x_2``. Validation and test sets are the same for
    every run.

    Args:
        length: steps of a sequence.
        markers: ``halves`` puts one marker in each half (Tallec & Ollivier), ``anywhere`` draws
            both positions without replacement from the whole sequence (the code of Bai et al.).
        validation_size: sequences of the validation set.
        test_size: sequences of the test set.
        data_seed: seed of the validation and test sets.

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
        """Return 1/6, what the constant guess 1 attains: the variance of two uniform numbers."""
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
            # one of the other positions, each as likely
            second = (first + rng.integers(1, self.length, size)) % self.length
        x[rows, first, 1] = x[rows, second, 1] = 1
        return Batch(x, x[rows, first, :1] + x[rows, second, :1])


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"adding": Adding}

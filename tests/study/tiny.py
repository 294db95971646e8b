"""Tasks that take no time, for the tests of the study."""

from typing import Any

import numpy

from gatekit import Batch, Metric, Signature, Task


class Sum(Task):
    """The sum of a short sequence; fresh data for every step."""

    length: int = 5
    metric = Metric("mse", direction="min", unit="squared error")

    def chance(self) -> float:
        return 1.0

    def signature(self) -> Signature:
        return Signature(features=2, vocabulary=None, outputs=1, loss="mse", emission="last")

    def data_hash(self) -> str:
        return f"sum-{self.length}"

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        x = rng.random((size, self.length, 2), dtype="float32")
        return Batch(x, x[:, :, 0].mean(axis=1, keepdims=True))

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        return {"validation": self.sample(rng, 20), "test": self.sample(rng, 20)}


class Echo(Task):
    """The bits of the step before, in sequences of unequal length."""

    size: int = 21
    metric = Metric("nll", direction="min", unit="nats/step")

    def chance(self) -> float:
        return 2.0

    def signature(self) -> Signature:
        return Signature(features=9, vocabulary=None, outputs=9, loss="bits", emission="every")

    def data_hash(self) -> str:
        return f"echo-{self.size}"

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        def make(count: int) -> Batch:
            x = (rng.random((count, 6, 9)) < 0.5).astype("float32")
            y = numpy.roll(x, 1, axis=1)
            mask = numpy.arange(6)[None] < rng.integers(3, 7, count)[:, None]
            return Batch(x, y, mask)

        return {"train": make(self.size), "validation": make(9), "test": make(9)}


class Odd(Task):
    """Whether the tokens' sum is odd."""

    metric = Metric("accuracy", direction="max", unit="share")

    def chance(self) -> float:
        return 0.5

    def signature(self) -> Signature:
        return Signature(features=None, vocabulary=4, outputs=2, loss="categorical")

    def data_hash(self) -> str:
        return "odd"

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        def make(count: int) -> Batch:
            x = rng.integers(0, 4, (count, 9)).astype("int32")
            return Batch(x, (x.sum(axis=1) % 2).astype("int32"))

        return {"train": make(16), "validation": make(8), "test": make(8)}


class Prose(Task):
    """The token of three steps before, in one document of 35 sequences."""

    metric = Metric("bits", direction="min", unit="bits/token")
    contiguous = True

    def chance(self) -> float:
        return 2.0

    def signature(self) -> Signature:
        return Signature(
            features=None, vocabulary=4, outputs=4, loss="categorical", emission="every"
        )

    def data_hash(self) -> str:
        return "prose"

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        def make(count: int) -> Batch:
            x = rng.integers(0, 4, count * 5).astype("int32")
            return Batch(x.reshape(count, 5), numpy.roll(x, 3).reshape(count, 5))

        return {"train": make(35), "validation": make(9), "test": make(9)}


TASKS: dict[str, type[Any]] = {"sum": Sum, "echo": Echo, "odd": Odd, "prose": Prose}

"""Memorization of MAD: a fixed map from keys to values, to be learned by heart."""

from functools import cached_property

import numpy

from gatekit import Batch, Metric, Signature, Task, hookimpl
from gatekit.tasks import SizedTask


class Memorization(SizedTask):
    """Keys, each followed by a blank at which its value is asked for; the input never shows values.

    The last token is the blank. The lower half of the others are keys, and each has a value of its
    own from the upper half, by a map that is the same in all sequences and sets. Keys are drawn
    with replacement. Only the answers at blanks count, in training, too. The map must be learned
    into the weights. With the default ``map_seed`` it is the authors' map.

    Args:
        length: steps of a sequence, two for each key; an odd one has a last key without a blank.
        vocabulary: number of tokens; 256 to 8,192 in the paper.
        map_seed: seed of the map.
        train_size: sequences of a fixed training set, 256 in the authors' configuration; 0 draws
            fresh ones for every step.

    Chance: 1/127, one of the values

    Separates: Nothing that has been measured here. The weights have to hold the map, the state
        only the last key.

    Time: 9 s for 1,000 steps

    Measured: In gatekit, LSTM, 800 steps: 1.000.

    Published: None at these options; see `in_context_recall`.

    Reference: Poli et al., Mechanistic Design and Scaling of Hybrid Architectures (2024),
        arXiv:2403.17844
    """

    length: int = 32
    vocabulary: int = 256
    map_seed: int = 12345
    test_size = 1280
    lowest = SizedTask.lowest | {"length": 2, "vocabulary": 3, "map_seed": 0}
    recipe = "memorization/1"
    metric = Metric("accuracy", direction="max", unit="share of values")
    reference = "arXiv:2403.17844"

    def signature(self) -> Signature:
        """Tokens in, tokens out, at every step."""
        return Signature(
            features=None,
            vocabulary=self.vocabulary,
            outputs=self.vocabulary,
            loss="categorical",
            emission="every",
        )

    def chance(self) -> float:
        """Return the accuracy of guessing one value: all are equally likely."""
        return 1 / len(self.values)

    @cached_property
    def values(self) -> numpy.ndarray:
        """The value of each key."""
        half = (self.vocabulary - 1) // 2
        keys, values = list(range(half)), list(range(half, self.vocabulary - 1))
        rng = numpy.random.default_rng(self.map_seed)
        rng.shuffle(keys)
        rng.shuffle(values)
        found = numpy.empty(half, "int32")
        found[keys] = values[:half]
        return found

    def draw(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x, y and weights ``size x length``."""
        keys = rng.integers(0, len(self.values), (size, (self.length + 1) // 2))
        x = numpy.full((size, self.length), self.vocabulary - 1, "int32")
        y, weights = numpy.zeros_like(x), numpy.zeros(x.shape, "float32")
        x[:, ::2] = keys
        y[:, 1::2] = self.values[keys[:, : self.length // 2]]
        weights[:, 1::2] = 1
        return Batch(x, y, weights=weights)


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"memorization": Memorization}

"""Compression of MAD: all tokens of a sequence from the state after its last step."""

import numpy

from gatekit import Batch, Metric, Signature, Task, hookimpl
from gatekit.tasks import SizedTask


class Compression(SizedTask):
    """Random tokens, then a marker; give each token again when its position is asked for.

    A sequence is ``length - 1`` tokens, each drawn evenly, and the marker, the last token of the
    vocabulary. Then ``length`` queries follow, one for each position in order, as tokens above the
    vocabulary. The answer to a query is the token at its position, for the last one the marker.
    Only answers to queries count.

    The sequence and the answers are the authors', but the set-up differs. Their model ends at the
    marker: an MLP of two layers as wide as the model gets what the last layer emits there, plus an
    encoding of the position, and decodes every position on its own. A task cannot add this decoder
    to a model. Here the cell goes on, and its whole state carries the sequence over the marker,
    even if the state is much larger than what the cell emits. A cell may also use the order of the
    queries. Scores are therefore not those of the paper.

    Args:
        length: tokens of a sequence, with the marker; 32 to 256 in the paper. A sequence has twice
            as many steps.
        vocabulary: number of tokens, with the marker; 16 to 128 in the paper.
        train_size: sequences of a fixed training set, 12,800 to 800 in the paper; 0 draws fresh
            ones for every step.

    Chance: 0.0958, the marker at the last query and one token at all others

    Separates: Nothing that has been measured here. The state has to hold the whole sequence.

    Time: 12 s for 1,000 steps

    Measured: In gatekit, LSTM, 800 steps: 0.261.

    Published: None in this set-up; see `in_context_recall`.

    Reference: Poli et al., Mechanistic Design and Scaling of Hybrid Architectures (2024),
        arXiv:2403.17844
    """

    length: int = 32
    vocabulary: int = 16
    test_size = 1280
    lowest = SizedTask.lowest | {"length": 2, "vocabulary": 2}
    recipe = "compression/1"
    metric = Metric("accuracy", direction="max", unit="share of tokens")
    reference = "arXiv:2403.17844"

    def signature(self) -> Signature:
        """Tokens and positions in, tokens out, at every step."""
        return Signature(
            features=None,
            vocabulary=self.vocabulary + self.length,
            outputs=self.vocabulary,
            loss="categorical",
            emission="every",
        )

    def chance(self) -> float:
        """Return the accuracy of a guess that knows the marker: other tokens are equally likely."""
        return (1 + (self.length - 1) / (self.vocabulary - 1)) / self.length

    def draw(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x, y and weights ``size x 2 length``."""
        x = numpy.empty((size, 2 * self.length), "int32")
        x[:, : self.length] = rng.integers(0, self.vocabulary - 1, (size, self.length))
        x[:, self.length - 1] = self.vocabulary - 1
        x[:, self.length :] = self.vocabulary + numpy.arange(self.length)
        y, weights = numpy.zeros_like(x), numpy.zeros(x.shape, "float32")
        y[:, self.length :] = x[:, : self.length]
        weights[:, self.length :] = 1
        return Batch(x, y, weights=weights)


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"compression": Compression}

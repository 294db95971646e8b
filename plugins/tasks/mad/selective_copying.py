"""Selective copying of MAD: repeat the tokens among blanks."""

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, Task, hookimpl
from gatekit.tasks import SizedTask


class SelectiveCopying(SizedTask):
    """Tokens among blanks; after a signal repeat the tokens in their order.

    The last two of the vocabulary are the blank and the signal. ``items`` tokens are drawn evenly.
    Each of the blanks is put before one of the tokens, drawn evenly, so that the last token is
    directly before the signal. After the signal as many blanks follow as there are tokens, and only
    the answers there count. The task `selective_copy` puts tokens at any steps, asks for each with
    a query flag and is one-hot.

    Args:
        length: steps of a sequence, with the answers; 256 to 1,024 in the paper.
        vocabulary: number of tokens, with blank and signal; 16 to 128 in the paper.
        items: tokens to be repeated; 16 to 96 in the paper.
        train_size: sequences of a fixed training set, 12,800 to 800 in the paper; 0 draws fresh
            ones for every step.

    Chance: 1/14, one of the tokens

    Separates: Recurrences whose update depends on the input, and can ignore blanks, from those
        where it does not, by the paper on Mamba.

    Time: 31 s for 1,000 steps

    Measured: In gatekit, LSTM, length 32 with 4 tokens, 200 steps: 0.317, 10 s.

    Published: None at these options; see `in_context_recall`.

    Reference: Poli et al., Mechanistic Design and Scaling of Hybrid Architectures (2024),
        arXiv:2403.17844; Gu & Dao, Mamba (2023), arXiv:2312.00752
    """

    length: int = 256
    vocabulary: int = 16
    items: int = 16
    test_size = 1280
    lowest = SizedTask.lowest | {"length": 4, "vocabulary": 3, "items": 1}
    recipe = "selective_copying/1"
    metric = Metric("accuracy", direction="max", unit="share of tokens")
    reference = "arXiv:2403.17844; arXiv:2312.00752"

    def check_options(self) -> None:
        """Refuse sequences without a blank."""
        if self.length <= (least := 2 * self.items + 1):
            raise ConfigError(
                f"SelectiveCopying: option length={self.length} should be more than twice "
                f"items={self.items} and the signal; type task.length={least + 1}, or "
                f"task.items={max(1, (self.length - 2) // 2)}."
            )

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
        """Return the accuracy of guessing one token: all are equally likely."""
        return 1 / (self.vocabulary - 2)

    def draw(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x, y and weights ``size x length``."""
        blank, signal = self.vocabulary - 2, self.vocabulary - 1
        kept = rng.integers(0, blank, (size, self.items))
        end = self.length - self.items
        gaps = rng.multinomial(end - self.items - 1, [1 / self.items] * self.items, size)
        places = gaps.cumsum(axis=1) + numpy.arange(self.items)
        x = numpy.full((size, self.length), blank, "int32")
        numpy.put_along_axis(x, places, kept, axis=1)
        x[:, end - 1] = signal
        y, weights = numpy.zeros_like(x), numpy.zeros(x.shape, "float32")
        y[:, end:] = kept
        weights[:, end:] = 1
        return Batch(x, y, weights=weights)


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"selective_copying": SelectiveCopying}

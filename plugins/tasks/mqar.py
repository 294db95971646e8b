"""Multi-query associative recall: look values up by keys that came before."""

from typing import Self

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, StreamedTask, Task, hookimpl

TRAINED = ((64, 4, 5), (128, 8, 1), (256, 16, 1), (256, 32, 1), (256, 64, 1))
"""Steps and pairs of training sequences in zoology, and how many of nine batches have them."""
JUDGED = ((64, 4), (64, 8), (64, 16), (128, 32), (256, 64), (512, 128), (1024, 256))
"""Steps and pairs of test sequences there."""


class MQAR(StreamedTask):
    """Pairs of a key and a value first; wherever a key comes again, give its value.

    Keys are tokens 1 to vocabulary / 2 - 1, values the upper half; ``pairs`` different keys, each
    followed by one of as many different values, fill the first ``2 pairs`` steps. Each key comes
    once more, at step ``2 pairs + 2 g``; the gaps g differ and have probabilities proportional to
    ``(g + 1) ** (power - 1)``. All other steps hold random tokens. Only answers to queries count.
    Arora et al. let the model choose among all tokens, here it chooses among values.

    Args:
        length: steps of a sequence, an even number; 64 to 512 in the paper.
        pairs: pairs of key and value; 4 to 64 in the paper.
        vocabulary: number of tokens, an even number; 8,192 in the paper.
        power: the smaller, the sooner keys come again; 1 draws gaps evenly.

    Chance: 2 / vocabulary = 0.0078

    Separates: Attention, which solves it, from recurrences with a state of fixed size, which must
        be wider the more pairs there are, by the paper.

    Time: 13 s for 1,000 steps

    Measured: In gatekit, LSTM: 0.067 after 800 steps. At length 32, 2 pairs, 64 tokens, Adam
        5e-3, 1,500 steps: 0.514. Guessing between the two values gives 0.5.

    Reference: Arora et al., Zoology: Measuring and Improving Recall in Efficient Language Models
        (2023), arXiv:2312.04927
    """

    length: int = 64
    pairs: int = 4
    vocabulary: int = 256
    power: float = 0.01
    test_size = 1000
    lowest = StreamedTask.lowest | {"length": 4, "pairs": 1, "vocabulary": 6}
    recipe = "mqar/1"
    metric = Metric("accuracy", direction="max", unit="share of queries")
    reference = "arXiv:2312.04927"

    def check_options(self) -> None:
        """Refuse what leaves no room for keys and queries."""
        for name in ("length", "vocabulary"):
            if (value := getattr(self, name)) % 2:
                raise ConfigError(
                    f"MQAR: option {name}={value} should be even; type task.{name}={value + 1}."
                )
        if 4 * self.pairs > self.length:
            raise ConfigError(
                f"MQAR: option pairs={self.pairs} should be at most length / 4 = "
                f"{self.length // 4}; type task.length={4 * self.pairs}."
            )
        if self.vocabulary <= max(self.length, 2 * self.pairs):
            raise ConfigError(
                f"MQAR: option vocabulary={self.vocabulary} should be more than "
                f"length={self.length}."
            )

    def signature(self) -> Signature:
        """Tokens in, values out, at every step."""
        return Signature(
            features=None,
            vocabulary=self.vocabulary,
            outputs=self.vocabulary // 2,
            loss="categorical",
            emission="every",
        )

    def chance(self) -> float:
        """Return the accuracy of guessing one value: all are equally likely."""
        return 2 / self.vocabulary

    def tokens(self, rng: numpy.random.Generator, size: int, among: int) -> numpy.ndarray:
        """Return ``size x pairs`` tokens below ``among``, no two of a row equal."""
        return _different(rng, size, among, self.pairs)

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x, y and weights ``size x length``."""
        half, context = self.vocabulary // 2, 2 * self.pairs
        keys = 1 + self.tokens(rng, size, half - 1)
        values = self.tokens(rng, size, half)
        gap = numpy.arange((self.length - context) // 2)
        places = context + 2 * _different(
            rng, size, len(gap), self.pairs, (self.power - 1) * numpy.log(gap + 1.0)
        )
        x = rng.integers(0, self.vocabulary, (size, self.length))
        x[:, :context:2], x[:, 1:context:2] = keys, half + values
        y = numpy.zeros((size, self.length), "int32")
        weights = numpy.zeros((size, self.length), "float32")
        for array, there in ((x, keys), (y, values), (weights, 1)):
            numpy.put_along_axis(array, places, there, axis=1)
        return Batch(x.astype("int32"), y, weights=weights)


class Zoology(MQAR):
    """As ``mqar`` with the vocabulary and the sizes of zoology: train short, test long.

    A training batch has one of five sizes: 64 steps and 4 pairs with probability 5/9, and 128 and
    8, 256 and 16, 256 and 32, 256 and 64 with 1/9 each, which are the shares of the authors'
    100,000 and four times 20,000 sequences. Sizes above ``length`` or ``pairs`` are left out. The
    model chooses among all tokens. Validation and test sets have ``length`` steps and ``pairs``
    pairs. The further test sets are named by both: ``test_64_4``, ``test_64_8``, ``test_64_16``,
    ``test_128_32``, ``test_512_128`` and ``test_1024_256``.

    Compared with the authors' generator (HazyResearch/zoology, zoology/data/multiquery_ar.py with
    the sizes of arxiv24_based_figure2): the ranges of keys and values, pairs first, gaps drawn
    without replacement by the power law, random tokens at all other steps. The authors repeat a
    fixed training set for 32 epochs; here it is always fresh.

    Args:
        length: steps of validation and test sequences, and the most in training.
        pairs: pairs in validation and test sequences, and the most in training.
        longest: further test sets with more steps are left out.
        vocabulary: number of tokens, an even number.
        power: the smaller, the sooner keys come again; 1 draws gaps evenly.

    Chance: 2 / vocabulary = 0.000244

    Separates: Recurrences by the size of their state, by the paper: recall grows with it.

    Time: 230 s for 1,000 steps

    Published: In the authors' figures, attention solves all sizes; models with a recurrent state
        improve with its size.

    Reference: Arora et al., Zoology: Measuring and Improving Recall in Efficient Language Models
        (2023), arXiv:2312.04927; sizes of Arora et al., Simple linear attention language models
        balance the recall-throughput tradeoff (2024), arXiv:2402.18668
    """

    length: int = 256
    pairs: int = 64
    longest: int = 1024
    vocabulary: int = 8192
    lowest = MQAR.lowest | {"length": 64, "longest": 4}
    recipe = "mqar_zoology/1"
    reference = "arXiv:2312.04927; arXiv:2402.18668"

    def signature(self) -> Signature:
        """Tokens in, tokens out, at every step."""
        return Signature(
            features=None,
            vocabulary=self.vocabulary,
            outputs=self.vocabulary,
            loss="categorical",
            emission="every",
        )

    def further_tests(self) -> dict[str, Self]:
        """Return the tasks of the other sizes."""
        return {
            f"test_{length}_{pairs}": self.replaced(length=length, pairs=pairs)
            for length, pairs in JUDGED
            if length <= self.longest and (length, pairs) != (self.length, self.pairs)
        }

    def tokens(self, rng: numpy.random.Generator, size: int, among: int) -> numpy.ndarray:
        """Return ``size x pairs`` tokens below ``among``, no two of a row equal.

        What equals an earlier token of its row is drawn again. No token is preferred, so all rows
        are equally likely.
        """
        drawn = rng.integers(0, among, (size, self.pairs))
        again = numpy.ones_like(drawn, bool)
        while again.any():
            order = numpy.argsort(drawn, axis=1, kind="stable")
            ranked = numpy.take_along_axis(drawn, order, axis=1)
            again[:] = False
            numpy.put_along_axis(again, order[:, 1:], ranked[:, 1:] == ranked[:, :-1], axis=1)
            drawn[again] = rng.integers(0, among, again.sum())
        return drawn

    def judged(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return validation or test data, ``size x length``."""
        return self._tokens(super().sample(rng, size))

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences of one of the sizes: x, y and weights ``size x steps``."""
        sizes = [s for s in TRAINED if s[0] <= self.length and s[1] <= self.pairs]
        shares = numpy.array([share for *_, share in sizes])
        length, pairs, _ = sizes[rng.choice(len(sizes), p=shares / shares.sum())]
        return self.replaced(length=length, pairs=pairs).judged(rng, size)

    def _tokens(self, batch: Batch) -> Batch:
        """Return a batch whose answers are tokens: values are the upper half."""
        y = numpy.where(batch.weights > 0, batch.y + self.vocabulary // 2, 0)
        return Batch(batch.x, y.astype("int32"), weights=batch.weights)


def _different(
    rng: numpy.random.Generator,
    size: int,
    among: int,
    count: int,
    log_odds: numpy.ndarray | float = 0.0,
) -> numpy.ndarray:
    """Return ``size x count`` numbers below ``among``, no two of a row equal.

    The indices of the largest log weights plus Gumbel noise are a draw without replacement.
    """
    scores = log_odds + rng.gumbel(size=(size, among))
    return numpy.argsort(-scores, axis=1)[:, :count]


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"mqar": MQAR, "mqar_zoology": Zoology}

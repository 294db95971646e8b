"""Multi-query associative recall: look values up by keys that came before."""

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, StreamedTask, Task, hookimpl


class MQAR(StreamedTask):
    """Pairs of a key and a value first; wherever a key comes again, give its value.

    Keys are tokens 1 to vocabulary / 2 - 1, values the upper half; ``pairs`` different keys, each
    followed by one of as many different values, fill the first ``2 pairs`` steps. Each key comes
    once more, at step ``2 pairs + 2 g``; the gaps g differ and are drawn with odds ``(g + 1) **
    (power - 1)``. All other steps hold random tokens. Only answers to queries count. Arora et al.
    let the model choose among all tokens, here it chooses among values.

    Args:
        length: steps of a sequence, an even number; 64 to 512 in the paper.
        pairs: pairs of key and value; 4 to 64 in the paper.
        vocabulary: number of tokens, an even number; 8,192 in the paper.
        power: the smaller, the sooner keys come again; 1 is even.

    Chance: 2 / vocabulary = 0.0078

    Separates: Attention, which solves it, from recurrences with a state of fixed size, which must
        be wider the more pairs there are, by the paper.

    Time: -

    Measured: In gatekit, LSTM: 0.067 after 800 steps, 194 s. At length 32 with 2 pairs of 64
        tokens, Adam 5e-3, 1,500 steps, 0.514, 70 s, which is who knows the values and not whose.

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

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x, y and weights ``size x length``."""
        half, context = self.vocabulary // 2, 2 * self.pairs
        keys = 1 + _different(rng, size, half - 1, self.pairs)
        values = _different(rng, size, half, self.pairs)
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


def _different(
    rng: numpy.random.Generator,
    size: int,
    among: int,
    count: int,
    log_odds: numpy.ndarray | float = 0.0,
) -> numpy.ndarray:
    """Return ``size x count`` numbers below ``among``, no two of a row equal.

    The largest of log odds plus Gumbel noise are a draw without replacement, in its order.
    """
    scores = log_odds + rng.gumbel(size=(size, among))
    return numpy.argsort(-scores, axis=1)[:, :count]


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"mqar": MQAR}

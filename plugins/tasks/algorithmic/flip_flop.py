"""The flip-flop language: keep one bit through instructions to ignore."""

from typing import Self

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, StreamedTask, Task, hookimpl

WRITE, READ, IGNORE, ZERO = range(4)


class FlipFlop(StreamedTask):
    """Instructions to write, read or ignore, each followed by a bit; read what was last written.

    The first instruction is a write, the last one a read. All others are an ignore with probability
    ``ignore``, and else a write or a read, equally likely. Bits after a write or an ignore are
    random, the bit after a read is the one last written. The answer is asked for at every read, and
    nothing else counts. Tokens are write, read, ignore, 0, 1, in this order. The bit after the last
    read is not part of the input, which has ``length - 1`` steps. The further test sets are
    ``test_sparse``, with 0.98 for ``ignore``, and ``test_dense``, with 0.1.

    Compared with the rules of canonical strings, with the distributions that others used to rebuild
    the authors' experiments (FFL(0.8) to train, FFL(0.98) and FFL(0.1) to test, 512 tokens, only
    reads in the loss), and with code that reads their data (``synthseq/flipflop``): no differences.
    The authors train on a fixed set; here it is always fresh.

    Args:
        length: tokens of a sequence, an even number; 512 in the paper.
        ignore: the probability of an ignore; 0.8 in the paper's training sets.

    Chance: 1/2

    Separates: Recurrences from attention, which makes sporadic errors on the further test sets, by
        the paper.

    Time: 70 s for 1,000 steps

    Published: Liu et al.: small LSTMs make no errors on the further test sets, Transformers do.

    Reference: Liu et al., Exposing Attention Glitches with Flip-Flop Language Modeling (2023),
        arXiv:2306.00946
    """

    length: int = 512
    ignore: float = 0.8
    test_size = 1000
    lowest = StreamedTask.lowest | {"length": 4, "ignore": 0}
    recipe = "flip_flop/1"
    metric = Metric("accuracy", direction="max", unit="share of reads")
    reference = "arXiv:2306.00946"

    def check_options(self) -> None:
        """Refuse half an instruction, and a probability above 1."""
        if self.length % 2:
            raise ConfigError(
                f"FlipFlop: option length={self.length} should be even; type "
                f"task.length={self.length + 1}."
            )
        if self.ignore > 1:
            raise ConfigError(
                f"FlipFlop: option ignore={self.ignore} should be from 0 to 1; type "
                "task.ignore=0.8."
            )

    def signature(self) -> Signature:
        """Instructions and bits in, a bit out, at every step."""
        return Signature(
            features=None, vocabulary=5, outputs=2, loss="categorical", emission="every"
        )

    def chance(self) -> float:
        """Return 1/2: both bits are equally likely."""
        return 1 / 2

    def further_tests(self) -> dict[str, Self]:
        """Return the tasks with few and with many writes and reads."""
        return {"test_sparse": self.replaced(ignore=0.98), "test_dense": self.replaced(ignore=0.1)}

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x, y and weights ``size x length - 1``."""
        shape = (size, self.length // 2)
        done = rng.choice([WRITE, READ], shape)
        done[rng.random(shape) < self.ignore] = IGNORE
        done[:, 0], done[:, -1] = WRITE, READ
        bits = rng.integers(0, 2, shape)
        steps = numpy.arange(shape[1])
        written = numpy.maximum.accumulate(numpy.where(done == WRITE, steps, 0), axis=1)
        answers = numpy.take_along_axis(bits, written, axis=1)
        bits = numpy.where(done == READ, answers, bits)
        tokens, y, weights = numpy.zeros((3, size, self.length), "int32")
        tokens[:, ::2], tokens[:, 1::2] = done, ZERO + bits
        y[:, ::2], weights[:, ::2] = answers, done == READ
        return Batch(tokens[:, :-1], y[:, :-1], weights=weights[:, :-1].astype("float32"))


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"flip_flop": FlipFlop}

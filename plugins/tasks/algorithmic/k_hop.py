"""Looking up from one step to another: the induction task, several times in a row."""

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, StreamedTask, Task, hookimpl


class KHop(StreamedTask):
    """Random tokens; go to the token after the last earlier occurrence of this one, ``hops`` times.

    One hop from step t leads to the step after the last step before t that has the same token:
    ``hop(t) = 1 + max{s < t: x_s = x_t}``. The answer at t is the token at the step that ``hops``
    hops lead to. Steps from which fewer hops are possible do not count. No token follows itself;
    each is drawn evenly from the others. With two hops, the token at t itself is the answer at a
    share of 2 / symbols of the steps, half of them by default: a cell has to score more than that.

    Compared with Sanford et al. (section 4, appendix G.1) and their code
    (chsanford/hop-induction-heads, src/tasks.py): the hop, the drawing of tokens, the steps that do
    not count, 100 steps and 4 tokens are theirs. They give a number of hops from 0 to 16 as the
    first token, to train one model for all; here ``hops`` is the same in all sequences.

    Args:
        length: steps of a sequence.
        hops: hops from a step to its answer; 1 is the induction task.
        symbols: number of different tokens.

    Chance: 1/4, one of the tokens

    Separates: Nothing that has been measured here.

    Time: 12 s for 1,000 steps

    Published: Sanford et al.: Transformers with floor(log2 hops) + 2 layers err on few steps;
        a recurrence of fixed width needs as many layers as hops (their corollary 5.2).

    Reference: Sanford, Hsu & Telgarsky, Transformers, parallel computation, and logarithmic depth
        (2024), arXiv:2402.09268; Danieli et al., ParaRNN (2025), arXiv:2510.21450
    """

    length: int = 100
    hops: int = 2
    symbols: int = 4
    test_size = 1000
    lowest = StreamedTask.lowest | {"hops": 1, "symbols": 3}
    recipe = "k_hop/2"
    metric = Metric("accuracy", direction="max", unit="share of steps")
    reference = "arXiv:2402.09268; arXiv:2510.21450"

    def check_options(self) -> None:
        """Refuse sequences that are too short for the hops."""
        if self.length < (least := 2 * self.hops * self.symbols):
            raise ConfigError(
                f"KHop: option length={self.length} should be at least 2 hops symbols = {least}; "
                f"type task.length={least}."
            )

    def signature(self) -> Signature:
        """Tokens in, a token out, at every step."""
        return Signature(
            features=None,
            vocabulary=self.symbols,
            outputs=self.symbols,
            loss="categorical",
            emission="every",
        )

    def chance(self) -> float:
        """Return the accuracy of guessing one token: all are equally likely."""
        return 1 / self.symbols

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x, y and weights ``size x length``."""
        # a step forward around the circle of tokens, never none
        ahead = rng.integers(1, self.symbols, (size, self.length))
        ahead[:, 0] = rng.integers(0, self.symbols, size)
        x = numpy.cumsum(ahead, axis=1) % self.symbols
        rows = numpy.arange(size)
        # where each token was followed last; 0 means nowhere, as no hop leads to step 0
        after = numpy.zeros((size, self.symbols), int)
        hop = numpy.zeros((size, self.length), int)
        for step in range(self.length):
            hop[:, step] = after[rows, x[:, step]]
            after[rows, x[:, step]] = step + 1
        place = hop
        for _ in range(self.hops - 1):
            place = numpy.take_along_axis(hop, place, axis=1)
        y = numpy.take_along_axis(x, place, axis=1)
        return Batch(x.astype("int32"), y.astype("int32"), weights=(place > 0).astype("float32"))


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"k_hop": KHop}

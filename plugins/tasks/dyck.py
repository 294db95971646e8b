"""Dyck languages: nested brackets of several kinds."""

import numpy

from gatekit import ConfigError, Task, TrackingTask, hookimpl


class Dyck(TrackingTask):
    """Nested brackets that open and close at random; which bracket may close now, if any?

    If none is open, one opens; if ``depth`` are open, the innermost one closes; otherwise either
    happens with probability 1/2. Kinds are drawn evenly. The answer is 0 if none is open, else the
    kind of the innermost one. This is what Suzgun et al. ask, who predict the set of symbols that
    may follow: every bracket may open, and that one may close. Brackets are one-hot, all opening
    before all closing ones. Training asks after every bracket, validation and test sets after the
    last one.

    Args:
        kinds: kinds of brackets: 1 asks for a counter, 2 and more ask for a stack.
        depth: the most brackets that may be open at once; null for no limit.
        length: brackets of the longest training sequences.
        shortest: brackets of the shortest ones.
        labels: whether training asks after ``every`` bracket or after the ``last`` one.
        test_lengths: the lengths of the further test sets.

    Chance: 0.448, one kind, at lengths 1 to 40

    Separates: Nothing that has been measured here.

    Time: 65 s

    Measured: In gatekit, LSTM, 1,000 steps, accuracy up to 40 and at 100 and 256: 0.987, 0.932,
        0.896, 65 s.

    Published: Suzgun et al., abstract: small LSTMs learn the language with one kind; none of their
        recurrent networks does well with two.

    Reference: Suzgun, Belinkov, Shieber & Gehrmann, LSTM Networks Can Perform Dynamic Counting
        (2019), arXiv:1906.03648
    """

    kinds: int = 2
    depth: int | None = None
    lowest = TrackingTask.lowest | {"kinds": 1}
    recipe = "dyck/1"
    reference = "arXiv:1906.03648"

    def check_options(self) -> None:
        """Refuse a depth at which nothing opens."""
        super().check_options()
        if self.depth is not None and self.depth < 1:
            raise ConfigError(
                f"Dyck: option depth={self.depth} should be at least 1, or null for no limit."
            )

    @property
    def symbols(self) -> int:
        """The number of brackets: each kind has an opening and a closing one."""
        return 2 * self.kinds

    @property
    def answers(self) -> int:
        """The number of answers: each kind, and none."""
        return self.kinds + 1

    def chance(self) -> float:
        """Return the share of the most frequent answer, exactly, over all lengths of training."""
        deepest = self._deepest(self.length)
        opens = numpy.full(deepest + 1, 0.5)
        opens[0], opens[-1] = 1, 0
        open_brackets, empty = numpy.eye(deepest + 1)[0], 0.0
        for step in range(1, self.length + 1):
            up, down = open_brackets * opens, open_brackets * (1 - opens)
            open_brackets = numpy.append(0, up[:-1]) + numpy.append(down[1:], 0)
            empty += open_brackets[0] if step >= self.shortest else 0
        share = empty / (self.length - self.shortest + 1)
        return float(max(share, (1 - share) / self.kinds))

    def walk(
        self, rng: numpy.random.Generator, size: int, length: int
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return random brackets and what may close after each, integers ``size x length``."""
        deepest = self._deepest(length)
        stack = numpy.zeros((size, deepest + 1), int)  # answers; that of the empty stack is 0
        rows, depth = numpy.arange(size), numpy.zeros(size, int)
        opens = rng.random((length, size)) < 0.5
        kinds = rng.integers(0, self.kinds, (length, size))
        symbols, answers = numpy.empty((2, length, size), int)
        for step in range(length):
            up = ((depth == 0) | opens[step]) & (depth < deepest)
            symbols[step] = numpy.where(up, kinds[step], self.kinds + stack[rows, depth] - 1)
            depth += numpy.where(up, 1, -1)
            stack[rows[up], depth[up]] = kinds[step, up] + 1
            answers[step] = stack[rows, depth]
        return symbols.T, answers.T

    def _deepest(self, length: int) -> int:
        return length if self.depth is None else min(self.depth, length)


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"dyck": Dyck}

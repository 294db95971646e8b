"""Strings to be changed: reversed, sorted, completed, or used as a stack."""

import abc
from typing import ClassVar

import numpy

from gatekit import Batch, Metric, Signature, Task, hookimpl
from gatekit.tasks import LengthsTask

CHOMSKY = "arXiv:2207.02098"


class StringTask(LengthsTask):
    """Base of tasks that read a string and answer with another one, a token at each blank."""

    metric = Metric("accuracy", direction="max", unit="share of tokens")
    reference = CHOMSKY
    answers: ClassVar[int] = 2
    """The number of different tokens of an answer."""

    @property
    def tokens(self) -> int:
        """The number of different tokens of a string."""
        return 2

    @abc.abstractmethod
    def string(self, rng: numpy.random.Generator, length: int) -> tuple[list[int], list[int]]:
        """Return one string and its answer."""

    def steps(self, length: int) -> int:
        """Return the most tokens that the answer to a string of this length may have."""
        return length

    def signature(self) -> Signature:
        """One-hot tokens and a blank in, an answer's tokens out, at every step."""
        return Signature(
            features=self.tokens + 1,
            vocabulary=None,
            outputs=self.answers,
            loss="categorical",
            emission="every",
        )

    def chance(self) -> float:
        """Return the accuracy of guessing one token: all are equally likely."""
        return 1 / self.answers

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh strings: x ``size x steps x tokens + 1``, y, mask and weights."""
        shape = (size, self.length + self.steps(self.length))
        symbols = numpy.full(shape, self.tokens)
        y, mask, weights = numpy.zeros(shape, "int32"), numpy.zeros(shape, bool), numpy.zeros(shape)
        for row, length in enumerate(rng.integers(self.shortest, self.length + 1, size).tolist()):
            string, answer = self.string(rng, length)
            end = length + len(answer)
            symbols[row, :length] = string
            y[row, length:end] = answer
            weights[row, length:end] = 1
            mask[row, : length + self.steps(length)] = True
        x = numpy.eye(self.tokens + 1, dtype="float32")[symbols] * mask[:, :, None]
        return Batch(x, y, mask, weights.astype("float32"))


class ReverseString(StringTask):
    """Random bits, then blanks; answer with the bits in reverse order.

    Each blank asks for one token of the answer. Bits and blank are one-hot. Each string draws its
    length; Delétang et al. give all strings of a batch one length, and test up to 500 tokens.

    Args:
        length: tokens of the longest training strings.
        shortest: tokens of the shortest ones.
        test_lengths: the lengths of the further test sets ``test_LENGTH``.

    Chance: 1/2

    Separates: Nothing that has been measured here.

    Time: 12 s for 1,000 steps

    Published: Delétang et al., abstract: only networks with a stack or a tape generalise on
        context-free tasks, of which this is one.

    Reference: Delétang et al., Neural Networks and the Chomsky Hierarchy (2023), arXiv:2207.02098
    """

    recipe = "reverse_string/1"

    def string(self, rng: numpy.random.Generator, length: int) -> tuple[list[int], list[int]]:
        """Return bits and the same bits from the last to the first."""
        bits = rng.integers(0, 2, length).tolist()
        return bits, bits[::-1]


class BucketSort(StringTask):
    """Random tokens of five kinds, then blanks; answer with the tokens in ascending order.

    Each blank asks for one token of the answer. Tokens and blank are one-hot.

    Args:
        length: tokens of the longest training strings.
        shortest: tokens of the shortest ones.
        test_lengths: the lengths of the further test sets ``test_LENGTH``.

    Chance: 1/5, one of the tokens, whatever its position

    Separates: Nothing that has been measured here.

    Time: 12 s for 1,000 steps

    Published: Delétang et al., abstract: LSTMs solve regular and counter tasks; this one can be
        solved by counting.

    Reference: Delétang et al., Neural Networks and the Chomsky Hierarchy (2023), arXiv:2207.02098
    """

    answers = 5
    recipe = "bucket_sort/1"

    @property
    def tokens(self) -> int:
        """Five kinds."""
        return 5

    def string(self, rng: numpy.random.Generator, length: int) -> tuple[list[int], list[int]]:
        """Return tokens and the same tokens in ascending order."""
        string = rng.integers(0, 5, length).tolist()
        return string, sorted(string)


class MissingDuplicate(StringTask):
    """Random bits twice, with one bit of the two copies replaced by a gap; give that bit.

    Tokens are one-hot in the order 0, 1, gap, filler, blank. The filler ends strings of odd length,
    and the blank asks for the answer.

    Args:
        length: tokens of the longest training strings.
        shortest: tokens of the shortest ones, at least two: a bit and its copy.
        test_lengths: the lengths of the further test sets ``test_LENGTH``.

    Chance: 1/2

    Separates: Nothing that has been measured here.

    Time: 8 s for 1,000 steps

    Published: Delétang et al., abstract: only networks with a stack or a tape generalise on
        context-free and context-sensitive tasks; this one is context-sensitive.

    Reference: Delétang et al., Neural Networks and the Chomsky Hierarchy (2023), arXiv:2207.02098
    """

    shortest = 2
    lowest = StringTask.lowest | {"length": 2, "shortest": 2}
    metric = Metric("accuracy", direction="max", unit="share of strings")
    recipe = "missing_duplicate/1"

    @property
    def tokens(self) -> int:
        """Two bits, the gap and the filler."""
        return 4

    def steps(self, length: int) -> int:
        """Return 1: the answer is one bit."""
        return 1

    def string(self, rng: numpy.random.Generator, length: int) -> tuple[list[int], list[int]]:
        """Return both copies with the gap, and the bit that is missing."""
        string = 2 * rng.integers(0, 2, length // 2).tolist()
        place = int(rng.integers(0, len(string)))
        missing, string[place] = string[place], 2
        return string + [3] * (length % 2), [missing]


class StackManipulation(StringTask):
    """A stack of bits, then instructions to pop or push; answer with the stack from its top.

    A string of n tokens begins with 1 to n - 1 bits, the stack from its bottom. The others are pop,
    push 0 or push 1, equally likely; a pop of an empty stack does nothing. Then n + 1 blanks
    follow. The answer is the stack from its top, then an end token; blanks after it do not
    count. Tokens are one-hot in the order 0, 1, pop, push 0, push 1, blank.

    Args:
        length: tokens of the longest training strings.
        shortest: tokens of the shortest ones, at least two: a bit and an instruction.
        test_lengths: the lengths of the further test sets ``test_LENGTH``.

    Chance: 0.467, one of the bits, at lengths 2 to 40

    Separates: Nothing that has been measured here.

    Time: 13 s for 1,000 steps

    Published: Delétang et al., abstract: only networks with a stack or a tape generalise on
        context-free tasks, of which this is one.

    Reference: Delétang et al., Neural Networks and the Chomsky Hierarchy (2023), arXiv:2207.02098
    """

    shortest = 2
    lowest = StringTask.lowest | {"length": 2, "shortest": 2}
    answers = 3
    recipe = "stack_manipulation/1"

    @property
    def tokens(self) -> int:
        """Two bits and three instructions."""
        return 5

    def steps(self, length: int) -> int:
        """Return the length of a stack on which everything was pushed, plus one for the end."""
        return length + 1

    def chance(self) -> float:
        """Return the share of the most frequent token of the answer, exactly."""
        # the probability of each depth after so many instructions, by the bits at the beginning
        size = self.length + 1
        odds, start = numpy.eye(size), numpy.arange(size)
        total = numpy.zeros(size)  # of a string's mean depth times its number of beginnings
        for instructions in range(1, size):
            later = numpy.zeros((size, size))
            later[:, 1:] = odds[:, :-1] * 2 / 3
            later[:, :-1] += odds[:, 1:] / 3
            later[:, 0] += odds[:, 0] / 3
            odds = later
            bits = start[1 : size - instructions]
            total[bits + instructions] += (odds @ start)[bits]
        lengths = numpy.arange(self.shortest, size)
        depth = float((total[lengths] / (lengths - 1)).mean())
        return max(depth / 2, 1) / (depth + 1)

    def string(self, rng: numpy.random.Generator, length: int) -> tuple[list[int], list[int]]:
        """Return stack and instructions, and the stack that they leave, from its top."""
        first = int(rng.integers(1, length))
        stack = rng.integers(0, 2, first).tolist()
        instructions = rng.integers(2, 5, length - first).tolist()
        string = stack + instructions
        for instruction in instructions:
            if instruction > 2:
                stack.append(instruction - 3)
            elif stack:
                stack.pop()
        return string, [*stack[::-1], 2]


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the tasks."""
    return {
        "reverse_string": ReverseString,
        "bucket_sort": BucketSort,
        "missing_duplicate": MissingDuplicate,
        "stack_manipulation": StackManipulation,
    }

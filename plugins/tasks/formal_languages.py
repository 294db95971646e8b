"""The training and test sets of Lan et al.: a^n b^n, a^n b^n c^n, Dyck-1, binary addition."""

import abc
import itertools
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

import numpy

from gatekit import Batch, Metric, Signature, Task, hookimpl
from gatekit.tasks import recipe_hash

SEED = 100
"""The authors' seed of NumPy's old generator; the validation set has the next one."""
P = 0.3

Strings = tuple[list[numpy.ndarray], numpy.ndarray]
"""Different strings, symbols counted from 1, and how often each occurs."""


class Corpus(Task):
    """Base of the languages: predict each symbol and the end of strings from a fixed set.

    Symbol 0 begins and ends a string. A string that occurs k times is one sequence whose steps have
    the weight k, so loss and metric are those of all strings.

    Args:
        strings: strings of the training set and of the validation set.
        test_size: strings of the test set.
    """

    strings: int = 100
    test_size: int = 1000
    lowest = {"strings": 1, "test_size": 1}
    metric = Metric("bits", direction="min", unit="bits per symbol")
    reference = "doi:10.1162/tacl_a_00489; arXiv:2111.00600"
    symbols: ClassVar[int]
    recipe: ClassVar[str]

    @abc.abstractmethod
    def drawn(self) -> dict[str, Strings]:
        """Return the strings of each split."""

    def signature(self) -> Signature:
        """One-hot symbols; the next symbol at every step."""
        return Signature(
            features=self.symbols,
            vocabulary=None,
            outputs=self.symbols,
            loss="categorical",
            emission="every",
        )

    def chance(self) -> float:
        """Return the entropy in bits of the frequencies of the symbols in the test set."""
        strings, counts = self.drawn()["test"]
        each = [numpy.bincount(text, minlength=self.symbols) for text in strings]
        found = counts @ numpy.array(each)
        found[0] = counts.sum()
        share = found / found.sum()
        return float(-(share * numpy.log2(share)).sum())

    def data_hash(self) -> str:
        """Return the hash of the recipe and its options."""
        return recipe_hash(self.recipe, self.options())

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return x ``strings x time x symbols``, y and weights ``strings x time``."""
        return {name: self._batch(*drawn) for name, drawn in self.drawn().items()}

    def _batch(self, strings: list[numpy.ndarray], counts: numpy.ndarray) -> Batch:
        lengths = numpy.array([len(text) + 1 for text in strings])
        rows = numpy.zeros((len(strings), lengths.max() + 1), "int32")
        for row, text in zip(rows, strings, strict=True):
            row[1 : len(text) + 1] = text
        mask = numpy.arange(lengths.max()) < lengths[:, None]
        x = numpy.eye(self.symbols, dtype="float32")[rows[:, :-1]] * mask[:, :, None]
        return Batch(x, rows[:, 1:], mask, (mask * counts[:, None]).astype("float32"))


class AnBn(Corpus):
    """A number of a and as many b; predict each symbol and the end.

    ``n`` is geometric with parameter 0.3, drawn by NumPy's old generator with seed 100, as the
    authors draw it. The test set has every n from 1 to ``test_size`` above the largest one of the
    training set. The next symbol is certain except after a: b follows with probability 0.3. The
    authors have no validation set and score the last weights; here it has as many strings again, of
    seed 101.

    Args:
        strings: strings of the training set, 100 or 500 in the paper, and of the validation set.
        test_size: strings of the test set.

    Chance: 1.010, the frequencies of the symbols in the test set

    Separates: Sizes more than cells. In the authors' file, RNN, GRU and LSTM of 2 and 4 units end
        between 0.51 and 3.0 bits after 1,000 steps, those of 32 and 128 units between 2.5 and 19:
        they learn the lengths of the training set.

    Time: not measured

    Published: Lan et al., their file of results, test bits per symbol, the least of 242 and of 243
        runs of RNN, GRU and LSTM, with 100 and 500 strings: 0.532 and 0.510. Best possible: 0.258.

    Reference: Lan, Geyer, Chemla & Katzir, Minimum Description Length Recurrent Neural Networks
        (2022), doi:10.1162/tacl_a_00489, arXiv:2111.00600
    """

    symbols = 3
    recipe = "an_bn/1"

    def drawn(self) -> dict[str, Strings]:
        """Return the strings of each split."""
        ns = {
            name: numpy.random.RandomState(seed).geometric(P, self.strings)
            for name, seed in (("train", SEED), ("validation", SEED + 1))
        }
        ns["test"] = ns["train"].max() + 1 + numpy.arange(self.test_size)
        letters = numpy.arange(1, self.symbols)
        found = {name: numpy.unique(n, return_counts=True) for name, n in ns.items()}
        return {
            name: ([letters.repeat(n) for n in each], counts)
            for name, (each, counts) in found.items()
        }


class AnBnCn(AnBn):
    """A number of a, as many b and as many c; predict each symbol and the end.

    ``n`` is drawn as for `an_bn`, so training sets of equal size have the same numbers. The next
    symbol is certain except after a: b follows with probability 0.3.

    Args:
        strings: strings of the training set, 100 or 500 in the paper, and of the validation set.
        test_size: strings of the test set.

    Chance: 1.592, the frequencies of the symbols in the test set

    Separates: Sizes more than cells. In the authors' file, RNN, GRU and LSTM of 2 and 4 units end
        between 0.55 and 3.2 bits after 1,000 steps, those of 32 and 128 units between 2.8 and 27.

    Time: 17 s for 1,000 steps of 4 units with 500 strings

    Measured: In gatekit, LSTM of 4 units, 500 strings, 1,000 steps of Adam 1e-3, initial values of
        torch with one bias, seed 0: 2.32 bits. The authors' three LSTMs: 2.15, 2.41, 2.88.

    Published: Lan et al., their file of results, test bits per symbol, the least of 252 and of 241
        runs of RNN, GRU and LSTM, with 100 and 500 strings: 0.626 and 0.554. Best possible: 0.172.

    Reference: Lan, Geyer, Chemla & Katzir, Minimum Description Length Recurrent Neural Networks
        (2022), doi:10.1162/tacl_a_00489, arXiv:2111.00600
    """

    symbols = 4
    recipe = "an_bn_cn/1"


class Dyck1(Corpus):
    """Balanced brackets of one kind; predict each symbol and the end.

    The grammar is ``S -> [ S ] S`` with probability 0.3, else empty, drawn as the authors draw it
    with NumPy's old generator and seed 100; the test set continues the same stream, so it shares
    short strings with the training set. `dyck` asks another question, of longer strings. The
    validation set has as many strings again, of seed 101. The authors discard strings of more than
    200 symbols; there are none.

    Args:
        strings: strings of the training set, 100 or 500 in the paper, and of the validation set.
        test_size: strings of the test set.

    Chance: 1.571, the frequencies of the symbols in the test set

    Separates: Little. In the authors' file, RNNs of 2 units end between 1.06 and 1.10 bits, GRUs
        between 1.02 and 1.05, LSTMs between 0.99 and 1.06.

    Time: not measured

    Published: Lan et al., their file of results, test bits per symbol, the least of 250 and of 246
        runs of RNN, GRU and LSTM, with 100 and 500 strings: 0.945 and 0.930. Best possible: 0.882.

    Reference: Lan, Geyer, Chemla & Katzir, Minimum Description Length Recurrent Neural Networks
        (2022), doi:10.1162/tacl_a_00489, arXiv:2111.00600
    """

    test_size = 50_000
    symbols = 3
    recipe = "dyck_1/1"

    def drawn(self) -> dict[str, Strings]:
        """Return the strings of each split."""
        first, second = _opens(SEED), _opens(SEED + 1)
        return {
            "train": _counted(first, self.strings),
            "validation": _counted(second, self.strings),
            "test": _counted(first, self.test_size),
        }


def _opens(seed: int) -> Iterator[bool]:
    random = numpy.random.RandomState(seed)
    while True:
        yield from (random.random_sample(4096) < P).tolist()


def _counted(opens: Iterator[bool], count: int) -> Strings:
    found = Counter(_brackets(opens) for _ in range(count))
    return [numpy.array(text, int) for text in found], numpy.array(list(found.values()))


def _brackets(opens: Iterator[bool]) -> tuple[int, ...]:
    """Return a derivation, leftmost symbol first: 1 opens a bracket, 2 closes it."""
    found, left = [], ["S"]
    while left:
        if left.pop() == "]":
            found.append(2)
        elif next(opens):
            found.append(1)
            left += ["S", "]", "S"]
    return tuple(found)


class BinaryAddition(Task):
    """The bits of two numbers, the lowest first; give the bits of their sum.

    The training set has all pairs of numbers from 0 to ``numbers`` - 1, the test set all pairs of
    the ``test_numbers`` numbers above ``numbers``. Sequences have as many steps as the authors'.
    The validation set has the pairs that the authors leave out: one number is ``numbers``, the
    other one at most that.

    Args:
        numbers: the training set has the numbers below this one; 10 and 20 in the paper.
        test_numbers: the test set has so many numbers.

    Chance: 0.979, the frequency of ones in the test set

    Separates: Little. In the authors' file, RNN, GRU and LSTM of 2 and 4 units end between 0.72 and
        1.02 bits after 1,000 steps.

    Time: not measured

    Published: Lan et al., their file of results, test bits per answer, the least of 246 and of 248
        runs of RNN, GRU and LSTM, with numbers below 10 and 20: 0.758 and 0.721. Best possible: 0.

    Reference: Lan, Geyer, Chemla & Katzir, Minimum Description Length Recurrent Neural Networks
        (2022), doi:10.1162/tacl_a_00489, arXiv:2111.00600
    """

    numbers: int = 10
    test_numbers: int = 250
    lowest = {"numbers": 2, "test_numbers": 1}
    metric = Metric("bits", direction="min", unit="bits per answer")
    reference = Corpus.reference

    def signature(self) -> Signature:
        """A bit of each number; a bit of the sum at every step."""
        return Signature(features=2, vocabulary=None, outputs=1, loss="bits", emission="every")

    @cached_property
    def _pairs(self) -> dict[str, numpy.ndarray]:
        low, high = self.numbers, self.numbers + 1 + self.test_numbers
        sides = [(n, low) for n in range(low)] + [(low, n) for n in range(low + 1)]
        pairs = {
            "train": list(itertools.product(range(low), repeat=2)),
            "validation": sides,
            "test": list(itertools.product(range(low + 1, high), repeat=2)),
        }
        return {name: numpy.array(each) for name, each in pairs.items()}

    def chance(self) -> float:
        """Return the entropy in bits of the frequency of ones in the test set."""
        ones = _bits(self._pairs["test"].sum(axis=1)).mean()
        return float(-(ones * numpy.log2(ones) + (1 - ones) * numpy.log2(1 - ones)))

    def data_hash(self) -> str:
        """Return the hash of the recipe and its options."""
        return recipe_hash("binary_addition/1", self.options())

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return the fixed sets: x ``pairs x time x 2``, y ``pairs x time x 1``."""
        found = {}
        for name, pairs in self._pairs.items():
            y = _bits(pairs.sum(axis=1))
            x = _bits(pairs, y.shape[1])
            found[name] = Batch(x.swapaxes(1, 2), y[:, :, None])
        return found


def _bits(numbers: numpy.ndarray, count: int | None = None) -> numpy.ndarray:
    """Return bits in a new last axis, by default as many as the authors give to sums."""
    count = int(numpy.ceil(numpy.log2(numbers.max()))) + 1 if count is None else count
    return (numbers[..., None] >> numpy.arange(count) & 1).astype("float32")


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the tasks."""
    return {
        "an_bn": AnBn,
        "an_bn_cn": AnBnCn,
        "dyck_1": Dyck1,
        "binary_addition": BinaryAddition,
    }

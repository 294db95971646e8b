"""The embedded Reber grammar as Hochreiter & Schmidhuber use it: fixed sets, possible symbols."""

from collections import Counter
from functools import cached_property
from itertools import pairwise

import numpy

from gatekit import Batch, Metric, Signature, Task, hookimpl
from gatekit.tasks import generator, recipe_hash

SYMBOLS = "BTPSXVE"
EDGES = (("T1", "P2"), ("S1", "X3"), ("T2", "V4"), ("X2", "S5"), ("P3", "V5"))
"""What may follow in each of the states 0 to 4, and where it leads; from state 5 on E."""

String = tuple[tuple[str, str], ...]
"""For each step a symbol, and the symbols that may come next."""


class EmbeddedReber1997(Task):
    """Predict which symbols may come next in a string of the embedded Reber grammar.

    A string is B, then T or P, a whole Reber string, the same T or P again, and E; all choices are
    equally likely, and a string may have any length. Batches are drawn with replacement from a
    fixed training set, in which a target is the symbol that comes next. In the other sets, each
    symbol that may come next is a target. The validation set has the strings of the training set
    and those of the test set: if its metric is 1, both are solved. A string that occurs k times is
    one sequence whose steps have the weight k. `embedded_reber` scores only the second T or P.

    Args:
        train_size: strings of the training set.
        test_size: strings of the test set.
        data_seed: seed of both sets.

    Chance: 5/22, the best fixed order of the symbols

    Separates: Nothing that has been measured here.

    Time: not measured

    Published: Hochreiter & Schmidhuber, Table 1, strings until both sets are solved, mean of 30
        trials: 39,740 to 8,440 with 3 or 4 memory blocks and rates of 0.1 to 0.5.

    Reference: Hochreiter & Schmidhuber, Long Short-Term Memory (1997),
        doi:10.1162/neco.1997.9.8.1735
    """

    train_size: int = 256
    test_size: int = 256
    data_seed: int = 0
    lowest = {"train_size": 1, "test_size": 1, "data_seed": 0}
    metric = Metric("most_active", direction="max", unit="share of steps")
    reference = "doi:10.1162/neco.1997.9.8.1735"

    def signature(self) -> Signature:
        """Seven symbols; a target for each of them at every step."""
        count = len(SYMBOLS)
        return Signature(
            features=count, vocabulary=None, outputs=count, loss="squared", emission="every"
        )

    def chance(self) -> float:
        """Return 5/22, for T before V, X, S, P: right if T and V, S and X, or T alone may come."""
        return 5 / 22

    def data_hash(self) -> str:
        """Return the hash of the recipe and its options."""
        return recipe_hash("embedded_reber_1997/1", self.options())

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return the validation and test sets, with all possible symbols as targets."""
        train, test = self._strings["train"], self._strings["test"]
        counted = {"validation": Counter([*train, *test]), "test": Counter(test)}
        return {name: _batch([*each], [*each.values()]) for name, each in counted.items()}

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return strings of the training set, with the next symbols as targets."""
        train = self._strings["train"]
        chosen = [train[row] for row in rng.integers(0, len(train), size)]
        followed = [
            tuple((symbol, after) for (symbol, _), (after, _) in pairwise(each)) for each in chosen
        ]
        return _batch(followed, [1] * size)

    @cached_property
    def _strings(self) -> dict[str, list[String]]:
        found = {}
        for name, size in (("train", self.train_size), ("test", self.test_size)):
            random = generator(self.data_seed, name)
            found[name] = [_walk(random) for _ in range(size)]
        return found


def _walk(random: numpy.random.Generator) -> String:
    """Return a random string; nothing comes after its last symbol."""
    branch = "TP"[random.integers(2)]
    string, state = [("B", "TP"), (branch, "B"), ("B", "TP")], 0
    while state < 5:
        symbol, following = EDGES[state][random.integers(2)]
        state = int(following)
        after = "".join(edge[0] for edge in EDGES[state]) if state < 5 else "E"
        string.append((symbol, after))
    return (*string, ("E", branch), (branch, "E"), ("E", ""))


def _batch(strings: list[String], counts: list[int]) -> Batch:
    """Return the steps that something comes after, weighted by the counts of their strings."""
    lengths = [sum(bool(after) for _, after in string) for string in strings]
    x = numpy.zeros((len(strings), max(lengths), len(SYMBOLS)), "float32")
    y = numpy.zeros_like(x)
    for row, string in enumerate(strings):
        for step, (symbol, after) in enumerate(string[: lengths[row]]):
            x[row, step, SYMBOLS.index(symbol)] = 1
            y[row, step, [SYMBOLS.index(each) for each in after]] = 1
    mask = numpy.arange(x.shape[1]) < numpy.array(lengths)[:, None]
    return Batch(x, y, mask, (mask * numpy.array(counts)[:, None]).astype("float32"))


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"embedded_reber_1997": EmbeddedReber1997}

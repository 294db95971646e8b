"""Fuzzy recall of MAD: keys and values are words of several tokens."""

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, Task, hookimpl
from gatekit.tasks import SizedTask

Word = tuple[int, ...]


class FuzzyRecall(SizedTask):
    """Pairs of a key and a value of several tokens each; when a key comes again, give its value.

    The last token of the vocabulary pads. The lower half of the others spell keys, the upper half
    values. A word has 1 to ``key_size`` or ``value_size`` different tokens: its length is drawn
    evenly, then the tokens. Pairs are drawn one after the other, and a key keeps its first value.
    One pair, the probe, is drawn beforehand, inserted after a step that is drawn evenly, and comes
    again at the end. Padding fills the beginning. Training predicts the next token at every step.
    In validation and test sets all keys have ``key_size`` tokens, and only the values of keys that
    came before, and that of the probe at the end, count.

    As in the authors' generator, the step of the probe may be after the last pair. In 2 % of the
    sequences of a test set the probe at the end was therefore never shown, and its value can only
    be guessed.

    Args:
        length: steps of a sequence; 128 to 1,024 in the paper.
        vocabulary: number of tokens; 16 to 128 in the paper.
        key_size: tokens of the longest keys.
        value_size: tokens of the longest values.
        train_size: sequences of a fixed training set, 12,800 to 800 in the paper; 0 draws fresh
            ones for every step.

    Chance: 1/8, one of the tokens that spell values

    Separates: Nothing that has been measured here. A key has to be put together from neighbouring
        tokens before it can be looked up.

    Time: 19 s for 1,000 steps

    Published: None at these options; see `in_context_recall`.

    Reference: Poli et al., Mechanistic Design and Scaling of Hybrid Architectures (2024),
        arXiv:2403.17844
    """

    length: int = 128
    vocabulary: int = 16
    key_size: int = 3
    value_size: int = 3
    test_size = 1280
    lowest = SizedTask.lowest | {"length": 5, "vocabulary": 3, "key_size": 1, "value_size": 1}
    recipe = "fuzzy_recall/1"
    metric = Metric("accuracy", direction="max", unit="share of tokens")
    reference = "arXiv:2403.17844"

    def check_options(self) -> None:
        """Refuse words longer than their alphabet, and sequences too short for the probe."""
        longest = max(self.key_size, self.value_size)
        if longest > (self.vocabulary - 1) // 2:
            raise ConfigError(
                f"FuzzyRecall: option vocabulary={self.vocabulary} is too small for words of "
                f"{longest} different tokens; type task.vocabulary={2 * longest + 1}."
            )
        if self.length <= (room := 2 * (self.key_size + self.value_size)):
            raise ConfigError(
                f"FuzzyRecall: option length={self.length} should be more than two pairs of the "
                f"longest words; type task.length={room + 1}."
            )

    def signature(self) -> Signature:
        """Tokens in, the next token out, at every step."""
        return Signature(
            features=None,
            vocabulary=self.vocabulary,
            outputs=self.vocabulary,
            loss="categorical",
            emission="every",
        )

    def chance(self) -> float:
        """Return the accuracy of guessing one token of values: all are equally likely."""
        return 1 / (self.vocabulary - 1 - self._keys)

    @property
    def _keys(self) -> int:
        return (self.vocabulary - 1) // 2

    def draw(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x and y ``size x length``, y the next token."""
        tokens, _ = self._sequences(rng, size, shortest_key=1)
        return Batch(tokens[:, :-1], tokens[:, 1:])

    def judged(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return sequences of the longest keys, in which only known values count."""
        tokens, known = self._sequences(rng, size, shortest_key=self.key_size)
        return Batch(tokens[:, :-1], tokens[:, 1:], weights=known[:, 1:].astype("float32"))

    def _sequences(
        self, rng: numpy.random.Generator, size: int, shortest_key: int
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return tokens ``size x length + 1``, and which of them are values that count."""
        shape = (size, self.length // 2 + 1)
        keys = _words(rng, shape, range(self._keys), shortest_key, self.key_size)
        values = _words(rng, shape, range(self._keys, self.vocabulary - 1), 1, self.value_size)
        starts = rng.random(size)
        tokens = numpy.full((size, self.length + 1), self.vocabulary - 1, "int32")
        known = numpy.zeros(tokens.shape, bool)
        for row in range(size):
            spelled, counted = self._sequence(keys[row], values[row], starts[row])
            tokens[row, -len(spelled) :] = spelled
            known[row, -len(counted) :] = counted
        return tokens, known

    def _sequence(
        self, keys: list[Word], values: list[Word], start: float
    ) -> tuple[list[int], list[bool]]:
        """Return one sequence; the first key and value are the probe."""
        probe, *later = zip(keys, values, strict=True)
        ends = len(probe[0]) + len(probe[1])
        start = int(start * (self.length - 2 * ends))
        full = self.length - ends - self.key_size - self.value_size
        meaning = dict([probe])
        shown: set[Word] = set()
        tokens: list[int] = []
        counted: list[bool] = []
        pairs = iter(later)
        while True:
            last = len(tokens) >= full
            placed = len(tokens) >= start and probe[0] not in shown
            key, value = probe if last or placed else next(pairs)
            value = meaning.setdefault(key, value)
            tokens += key + value
            counted += [False] * len(key) + [last or key in shown] * len(value)
            if last:
                return tokens, counted
            shown.add(key)


def _words(
    rng: numpy.random.Generator,
    shape: tuple[int, int],
    alphabet: range,
    shortest: int,
    longest: int,
) -> list[list[Word]]:
    """Return words of different tokens, each length and each word of a length equally likely."""
    sizes = rng.integers(shortest, longest + 1, shape)
    letters = numpy.empty((*shape, longest), int)
    for place in range(longest):
        # one of those left: skip the earlier ones, in ascending order
        letter = rng.integers(0, len(alphabet) - place, shape)
        for earlier in range(place):
            letter += letter >= numpy.sort(letters[..., :place], axis=2)[..., earlier]
        letters[..., place] = letter
    words = (letters + alphabet.start).tolist()
    return [
        [tuple(word[:size]) for word, size in zip(*pair, strict=True)]
        for pair in zip(words, sizes.tolist(), strict=True)
    ]


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"fuzzy_recall": FuzzyRecall}

"""In-context recall of MAD: look values up by keys that came before, without and with noise."""

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, Task, hookimpl
from gatekit.tasks import SizedTask


class InContextRecall(SizedTask):
    """Pairs of a key and a value; when a key comes again, give its value.

    The lower half of the tokens are keys, the upper half are values. Each sequence draws a value
    for every key, and then ``length / 2`` keys with replacement, each followed by its value. The
    last key is drawn from the different ones that came before. Its value is not part of the input,
    which has ``length - 1`` steps. Training predicts the next token at every step. In validation
    and test sets only the values of keys that came before count.

    Args:
        length: tokens of a sequence, an even number; 128 to 1,024 in the paper.
        vocabulary: number of tokens; 16 to 128 in the paper.
        train_size: sequences of a fixed training set, 12,800 to 800 in the paper; 0 draws fresh
            ones for every step.

    Chance: 1/8, one of the values

    Separates: Nothing that has been measured here. The state has to hold the value of every key.

    Time: 16 s for 1,000 steps

    Measured: In gatekit, LSTM, 800 steps: 0.300.

    Published: None at these options. A score of MAD is a mean over all difficulties, each with the
        best of six learning rates and weight decays, by an accuracy that weighs all values equally.
        gatekit weighs all answers equally. The values are equally likely, so the two hardly differ.

    Reference: Poli et al., Mechanistic Design and Scaling of Hybrid Architectures (2024),
        arXiv:2403.17844
    """

    length: int = 128
    vocabulary: int = 16
    test_size = 1280
    lowest = SizedTask.lowest | {"length": 4, "vocabulary": 2}
    recipe = "in_context_recall/1"
    metric = Metric("accuracy", direction="max", unit="share of values")
    reference = "arXiv:2403.17844"

    def check_options(self) -> None:
        """Refuse half a pair."""
        if self.length % 2:
            raise ConfigError(
                f"{type(self).__name__}: option length={self.length} should be even; type "
                f"task.length={self.length + 1}."
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
        """Return the accuracy of guessing one value: all are equally likely."""
        keys, values, _ = self._sorts()
        return 1 / (values - keys)

    def draw(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x and y ``size x length - 1``, y the next token."""
        tokens, _ = self._sequences(rng, size)
        return Batch(tokens[:, :-1], tokens[:, 1:])

    def judged(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return sequences in which only values of keys that came before count."""
        tokens, known = self._sequences(rng, size)
        weights = numpy.zeros(tokens.shape, "float32")
        weights[:, ::2] = known
        return Batch(tokens[:, :-1], tokens[:, 1:], weights=weights[:, :-1])

    def _sorts(self) -> tuple[int, int, float]:
        """Return where keys end, where values end and noise begins, and the share of noise."""
        return self.vocabulary // 2, self.vocabulary, 0.0

    def _sequences(
        self, rng: numpy.random.Generator, size: int
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return tokens ``size x length`` and, for each pair, whether its key came before."""
        keys_end, values_end, share = self._sorts()
        count = self.length // 2
        rows, pair = numpy.arange(size)[:, None], numpy.arange(count)
        keys = rng.integers(0, keys_end, (size, count))
        meaning = rng.integers(keys_end, values_end, (size, keys_end))
        real = rng.random((size, count)) >= share
        real[rows[:, 0], rng.integers(0, count, size)] = real[:, -1] = True
        real[~real[:, :-1].any(axis=1), 0] = True

        # where each key comes first among the pairs before the last
        first = numpy.full((size, keys_end), count)
        before = real & (pair < count - 1)
        row, at = numpy.nonzero(before)
        numpy.minimum.at(first, (row, keys[row, at]), at)
        keys[:, -1] = numpy.where(first < count, rng.random(first.shape), -1).argmax(axis=1)

        pairs = numpy.stack([keys, meaning[rows, keys]], axis=2)
        if share:
            noise = rng.integers(values_end, self.vocabulary, pairs.shape)
            pairs = numpy.where(real[:, :, None], pairs, noise)
        known = real & (first[rows, keys] < pair)
        return pairs.reshape(size, self.length).astype("int32"), known


class NoisyRecall(InContextRecall):
    """Pairs of a key and a value among pairs of noise; when a key comes again, give its value.

    As `in_context_recall`, but a pair is replaced by two tokens of noise with probability
    ``noise``. The last ``noise_vocabulary`` tokens are noise, and half of the others are keys. One
    pair, drawn evenly, and the last pair are never noise.

    Args:
        length: tokens of a sequence, an even number; 128 to 1,024 in the paper.
        vocabulary: number of tokens, with those of noise; 32 to 144 in the paper.
        noise: the probability that a pair is noise; 0.2 to 0.8 in the paper.
        noise_vocabulary: number of tokens of noise.
        train_size: sequences of a fixed training set, 12,800 to 800 in the paper; 0 draws fresh
            ones for every step.

    Chance: 1/8, one of the values

    Separates: Nothing that has been measured here. An update that depends on the input can ignore
        noise.

    Time: 20 s for 1,000 steps

    Measured: In gatekit, LSTM, 800 steps: 0.301.

    Published: None at these options; see `in_context_recall`.

    Reference: Poli et al., Mechanistic Design and Scaling of Hybrid Architectures (2024),
        arXiv:2403.17844
    """

    vocabulary = 32
    noise: float = 0.2
    noise_vocabulary: int = 16
    lowest = InContextRecall.lowest | {"noise": 0, "noise_vocabulary": 1}
    recipe = "noisy_recall/1"

    def check_options(self) -> None:
        """Refuse half a pair, nothing but noise, and noise that takes all tokens."""
        super().check_options()
        if self.noise >= 1:
            raise ConfigError(
                f"NoisyRecall: option noise={self.noise} should be below 1; type task.noise=0.8."
            )
        if self.vocabulary < self.noise_vocabulary + 2:
            raise ConfigError(
                f"NoisyRecall: option vocabulary={self.vocabulary} leaves no key and value beside "
                f"noise_vocabulary={self.noise_vocabulary}; type "
                f"task.vocabulary={self.noise_vocabulary + 16}."
            )

    def _sorts(self) -> tuple[int, int, float]:
        values_end = self.vocabulary - self.noise_vocabulary
        return values_end // 2, values_end, self.noise


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the tasks."""
    return {"in_context_recall": InContextRecall, "noisy_recall": NoisyRecall}

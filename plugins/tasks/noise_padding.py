"""Noise padding: keep what a signal was while noise of the same size follows."""

import math

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, StreamedTask, Task, hookimpl
from gatekit.tasks import generator


class NoisePadding(StreamedTask):
    """A noisy signal of one of ten kinds first, then nothing but noise; which kind was it?

    Each kind has a fixed pattern of ``signal x features`` numbers from N(0, 1), which follows from
    ``data_seed``. A sequence is the pattern plus ``noise`` times N(0, 1), then numbers from
    N(0, 1 + noise^2), so that mean and variance never show where the signal ends. The recipe is
    gatekit's own, after the noise padded images of Chang et al., whose rows are followed by noise;
    no published number belongs to it.

    Args:
        length: steps of a sequence.
        signal: steps of the signal.
        features: numbers at a step.
        classes: kinds of signals.
        noise: standard deviation of the noise upon the signal.

    Chance: 1 / classes = 0.1

    Separates: Chrono initialisation from an LSTM with forget bias 1, GRU and plain RNN, which stay
        at chance.

    Time: 38 to 124 s

    Measured: In gatekit, length 100: chrono LSTM 0.982, LSTM 0.107, 1,000 steps; GRU 0.102, RNN
        0.110, 600 steps; GRU at length 30, 1,000 steps, 0.092; 38 to 124 s.

    Reference: Chang, Chen, Haber & Chi, AntisymmetricRNN (2019), arXiv:1902.09689
    """

    length: int = 100
    signal: int = 10
    features: int = 4
    classes: int = 10
    noise: float = 0.5
    test_size = 1000
    lowest = StreamedTask.lowest | {
        "length": 1,
        "signal": 1,
        "features": 1,
        "classes": 2,
        "noise": 0,
    }
    recipe = "noise_padding/1"
    metric = Metric("accuracy", direction="max", unit="share of sequences")
    reference = "arXiv:1902.09689"

    def check_options(self) -> None:
        """Refuse a signal that is longer than the sequence."""
        if self.signal > self.length:
            raise ConfigError(
                f"NoisePadding: option signal={self.signal} should be at most length={self.length}."
            )

    def signature(self) -> Signature:
        """Numbers in, the kind at the end."""
        return Signature(self.features, vocabulary=None, outputs=self.classes, loss="categorical")

    def chance(self) -> float:
        """Return the accuracy of guessing one kind: all are equally likely."""
        return 1 / self.classes

    def patterns(self) -> numpy.ndarray:
        """Return the pattern of each kind, ``classes x signal x features``."""
        random = generator(self.data_seed, "patterns")
        return random.standard_normal((self.classes, self.signal, self.features))

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x ``size x length x features``, y ``size`` labels."""
        kind = rng.integers(0, self.classes, size)
        x = rng.standard_normal((size, self.length, self.features))
        x[:, : self.signal] = self.patterns()[kind] + self.noise * x[:, : self.signal]
        x[:, self.signal :] *= math.hypot(1, self.noise)
        return Batch(x.astype("float32"), kind.astype("int32"))


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"noise_padding": NoisePadding}

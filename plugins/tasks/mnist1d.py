"""MNIST-1D: ten shapes on a line, moved, scaled, sheared and noisy; made here as its authors do."""

import numpy

from gatekit import Batch, ConfigError, Metric, Signature, Task, hookimpl
from gatekit.tasks import recipe_hash

SHAPES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)
"""The ten shapes, one for each digit."""
SEED = 42
COUNT, TRAIN = 5000, 4000
PADDING = (36, 60)
"""How many zeros follow a shape, both ends included."""
STEPS = 40


class MNIST1D(Task):
    """Ten shapes on a line of 40 numbers, moved, scaled, sheared and noisy; which one is it?

    The data are those of the authors, made again from their recipe, NumPy's old generator with
    seed 42: a shape of 12 numbers is followed by 36 to 60 zeros, stretched to 72, scaled by 0.8 to
    1.2, rolled by up to 47; the zeros become smooth noise (standard deviation 0.25, Gaussian
    filter of width 2), all get noise (0.02) and a shear, and 40 evenly spaced numbers are taken.
    4,000 are for training, 1,000 for the test; the last ``validation_size`` training ones are set
    aside to choose the epoch.

    Args:
        shuffled: whether the 40 numbers are in one fixed random order, so that neighbours mean
            nothing.
        validation_size: how many training examples are set aside.

    Chance: 0.1

    Separates: GRU and LSTM from a plain RNN.

    Time: 15 to 33 s

    Measured: 64 units, last state, 60 epochs, 15 to 33 s: GRU 97.9 %, LSTM 95.5 %, RNN 45.0 %
        (PyTorch, one CPU thread, one seed). In gatekit, 64 units, batch 100, Adam 5e-3, 60 epochs,
        means of 10 seeds: GRU 97.7 %, LSTM 96.2 %, RNN 55.9 %.

    Published: Greydanus & Kobak: logistic regression 32 %, MLP 68 %, CNN 94 %, GRU 91 %, people
        96 %; shuffled 32, 68, 56, 57 and about 30 %. Their GRU has 6 units in both directions and
        all 40 outputs go into the linear layer (Adam 1e-2, batch 100, 6,000 steps).

    Reference: Greydanus & Kobak, Scaling Down Deep Learning with MNIST-1D (2024), arXiv:2011.14439
    """

    shuffled: bool = False
    validation_size: int = 400
    lowest = {"validation_size": 1}
    metric = Metric("accuracy", direction="max", unit="share of examples")
    reference = "arXiv:2011.14439"

    def check_options(self) -> None:
        """Refuse to set all training examples aside."""
        if self.validation_size >= TRAIN:
            raise ConfigError(
                f"MNIST1D: option validation_size={self.validation_size} should be less than "
                f"{TRAIN}, the number of training examples."
            )

    def signature(self) -> Signature:
        """One number a step, the shape at the end."""
        return Signature(features=1, vocabulary=None, outputs=10, loss="categorical")

    def chance(self) -> float:
        """Return 1/10: all shapes are equally frequent in training and test set together."""
        return 1 / 10

    def data_hash(self) -> str:
        """Return the hash of the recipe and its options."""
        return recipe_hash("mnist1d/1", self.options())

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return x ``examples x 40 x 1`` and y ``examples`` labels."""
        x, y = examples(self.shuffled)
        ends = [TRAIN - self.validation_size, TRAIN]
        names = ("train", "validation", "test")
        parts = zip(numpy.split(x, ends), numpy.split(y, ends), strict=True)
        return {
            name: Batch(signals[:, :, None].astype("float32"), labels.astype("int32"))
            for name, (signals, labels) in zip(names, parts, strict=True)
        }


def examples(shuffled: bool = False) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return all examples, ``5000 x 40`` float64 with mean 0 and standard deviation 1, and labels.

    Args:
        shuffled: whether the 40 numbers are in one fixed random order.
    """
    # The old generator, in a state of its own: the authors seed the global one.
    random = numpy.random.RandomState(SEED)
    shapes = numpy.array(SHAPES)
    shapes -= shapes.mean(axis=1, keepdims=True)
    shapes /= shapes.std(axis=1, keepdims=True)
    shapes = (shapes - shapes[:, :1]) / 6
    labels = numpy.repeat(numpy.arange(10), COUNT // 10)
    signals = numpy.stack([_transformed(shapes[label], random) for label in labels])
    order = random.permutation(COUNT)
    signals, labels = signals[order], labels[order]
    if shuffled:
        signals = signals[:, random.permutation(STEPS)]
    return (signals - signals.mean()) / signals.std(), labels


def _transformed(shape: numpy.ndarray, random: numpy.random.RandomState) -> numpy.ndarray:
    # Imported here: every command loads this file, and importing SciPy is slow.
    from scipy.ndimage import gaussian_filter

    low, high = PADDING
    zeros = low + int(random.rand() * (high - low + 1))
    # a shape's own zeros are lifted a little, so that what is exactly zero is padding
    signal = _resampled(numpy.append(shape + 1e-8, numpy.zeros(zeros)), len(shape) + high)
    signal = signal * (1 + 0.4 * (random.rand() - 0.5))
    signal = numpy.roll(signal, random.choice(48))
    smooth = gaussian_filter(0.25 * random.randn(len(signal)), 2)
    signal = numpy.where(signal != 0, signal, smooth)
    signal = signal + 0.02 * random.randn(len(signal))
    shear = 0.75 * (random.rand() - 0.5)
    return _resampled(signal - shear * numpy.linspace(-0.5, 0.5, len(signal)), STEPS)


def _resampled(signal: numpy.ndarray, count: int) -> numpy.ndarray:
    place = numpy.linspace(0, 1, len(signal))
    return numpy.interp(numpy.linspace(0, 1, count), place, signal)


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"mnist1d": MNIST1D}

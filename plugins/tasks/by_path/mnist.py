"""MNIST pixel by pixel, in order or permuted, from the four files that you provide."""

import hashlib
from pathlib import Path
from typing import ClassVar

import numpy

from gatekit import Batch, DataError, Metric, Signature, Task, hookimpl
from gatekit.tasks import read_idx, recipe_hash

VALIDATION = 5000


class MNIST(Task):
    """Base of the two MNIST tasks, which differ in the order of the pixels."""

    path: str | None = None
    metric = Metric("accuracy", direction="max", unit="share of images")
    places = ("path",)
    reference = "arXiv:1504.00941"
    files: ClassVar[dict[str, tuple[tuple[int, ...], str]]] = {
        "train-images-idx3-ubyte": (
            (60000, 28, 28),
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        "train-labels-idx1-ubyte": (
            (60000,),
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        "t10k-images-idx3-ubyte": (
            (10000, 28, 28),
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        "t10k-labels-idx1-ubyte": (
            (10000,),
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    }
    """The four files, with or without ``.gz``: their shape, and the SHA-256 of each unzipped."""
    own_file = (
        "a folder with train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
        "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz of MNIST, zipped or not, as Keras "
        "and torchvision download them"
    )

    def signature(self) -> Signature:
        """A pixel a step; one of ten classes at the end."""
        return Signature(1, vocabulary=None, outputs=10, loss="categorical")

    def order(self, pixels: int) -> numpy.ndarray:
        """Return the order in which pixels are read."""
        return numpy.arange(pixels)

    def chance(self) -> float:
        """Return the share of test images of the class that is most frequent in training."""
        _, train, _, test = self._arrays()
        common = numpy.bincount(train[: self._kept(train)], minlength=10).argmax()
        return float((test == common).mean())

    def data_hash(self) -> str:
        """Return the hash of the images that are expected, and of the order of their pixels."""
        pixels = int(numpy.prod(next(iter(self.files.values()))[0][1:]))
        facts = {name: sha256 for name, (_, sha256) in self.files.items()}
        return recipe_hash("mnist/1", {**facts, "order": self.order(pixels).tolist()})

    def require(self) -> None:
        """Check that the four files are there; their content is checked when it is read."""
        for name in self.files:
            self._own(name)

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return the shipped sets; the last 5000 training images are for validation."""
        x, y, test, labels = self._arrays()
        kept = self._kept(y)
        return {
            "train": self._batch(x[:kept], y[:kept]),
            "validation": self._batch(x[kept:], y[kept:]),
            "test": self._batch(test, labels),
        }

    @staticmethod
    def _kept(labels: numpy.ndarray) -> int:
        return len(labels) - min(VALIDATION, len(labels) // 12)

    def _batch(self, x: numpy.ndarray, y: numpy.ndarray) -> Batch:
        flat = x.reshape(len(x), -1)
        steps = flat[:, self.order(flat.shape[1]), None]
        return Batch(steps.astype("float32") / 255, y.astype("int32"))

    def _arrays(self) -> list[numpy.ndarray]:
        found = []
        for name, (shape, sha256) in self.files.items():
            path = self._own(name)
            content = path.read_bytes()
            array = read_idx(content, shape, str(path))
            sizes = numpy.array(shape, ">u4").tobytes()
            whole = bytes([0, 0, 8, len(shape)]) + sizes + array.tobytes()
            if hashlib.sha256(whole).hexdigest() != sha256:
                raise DataError(f"{path} holds other data. Needed: {self.own_file}.")
            found.append(array)
        return found

    def _own(self, name: str) -> Path:
        if self.path is None:
            raise DataError(f"task.path is missing; type task.path=FOLDER: {self.own_file}.")
        folder = Path(self.path).expanduser()
        for candidate in (folder / f"{name}.gz", folder / name):
            if candidate.is_file():
                return candidate
        raise DataError(f"task.path={self.path}: there is no {name}.gz. Needed: {self.own_file}.")


class SequentialMNIST(MNIST):
    """Recognise a digit, pixel by pixel: 784 steps of one pixel, in lines from the top left.

    60000 images to train with, of which the last 5000 are for validation, 10000 to test with, as
    shipped; greys divided by 255. Each file is compared with its SHA-256.

    Args:
        path: a folder with the four files of MNIST. It is not part of a run's fingerprint.

    Chance: 0.1135, the share of ones.

    Separates: Cells by the length of their memory, by the papers; not tried here.

    Time: 2 min an epoch

    Published: van der Westhuizen & Lasenby (2018): LSTM 98.5 %, JANET 99 %.

    Reference: Le, Jaitly & Hinton, A Simple Way to Initialize Recurrent Networks of Rectified
        Linear Units (2015), arXiv:1504.00941
    """


class PermutedMNIST(MNIST):
    """Recognise a digit whose pixels come in a fixed, random order.

    As ``sequential_mnist``. The order is one of several in use,
    ``numpy.random.RandomState(92916).permutation(784)``; S4's code reverses bits instead.

    Args:
        path: a folder with the four files of MNIST. It is not part of a run's fingerprint.

    Chance: 0.1135, the share of ones.

    Separates: Cells by the length of their memory, by the papers; not tried here.

    Time: 2 min an epoch

    Published: van der Westhuizen & Lasenby (2018): JANET 92.5 %, LSTM 91 %. Tallec & Ollivier
        (2018): LSTM with chrono initialisation 96.3 %, without 95.4 %.

    Reference: Le, Jaitly & Hinton, A Simple Way to Initialize Recurrent Networks of Rectified
        Linear Units (2015), arXiv:1504.00941
    """

    def order(self, pixels: int) -> numpy.ndarray:
        """Return the permutation; NumPy's legacy generator never changes."""
        return numpy.random.RandomState(92916).permutation(pixels)


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the tasks."""
    return {"sequential_mnist": SequentialMNIST, "permuted_mnist": PermutedMNIST}

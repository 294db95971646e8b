"""Fashion-MNIST as sequences of rows or pixels, from a Debian package or your own folder."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy

from gatekit import Batch, DataError, Metric, Signature, Task, hookimpl
from gatekit.tasks import PackageSource, contents, located, read_idx, recipe_hash

FILES = {
    "train-images-idx3-ubyte": (60000, 28, 28),
    "train-labels-idx1-ubyte": (60000,),
    "t10k-images-idx3-ubyte": (10000, 28, 28),
    "t10k-labels-idx1-ubyte": (10000,),
}
"""The four files, with or without ``.gz``, and the shape of what they hold."""
CONTENT = "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f"
"""SHA-256 of the four arrays, one after the other."""
VALIDATION = 5000


class FashionMNIST(Task):
    """Base of the two tasks on Fashion-MNIST, which differ in what a step is."""

    path: str | None = None
    metric = Metric("accuracy", direction="max", unit="share of images")
    reference = "arXiv:1708.07747"
    places = ("path",)
    own_file = (
        "a folder with train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
        "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz of Fashion-MNIST, zipped or not"
    )
    source = PackageSource(
        "dataset-fashion-mnist",
        "0.0~git20200523.55506a9-1",
        sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
        members=tuple(f"usr/share/datasets/fashion-mnist/{name}.gz" for name in FILES),
        name="fashion_mnist",
        form="deb",
    )

    def chance(self) -> float:
        """Return 1/10: all classes are equally frequent."""
        return 0.1

    def data_hash(self) -> str:
        """Return the hash of the images that are expected, and of the recipe."""
        features = self.signature().features
        return recipe_hash("fashion_mnist/1", {"content": CONTENT, "features": features})

    def require(self) -> None:
        """Check that the package's files, or those at ``path``, are there."""
        if self.path is None:
            located(self.source)
        else:
            for name in FILES:
                self._own(name)

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return the shipped sets; the last 5000 training images are for validation."""
        arrays = self._arrays()
        x, y = arrays["train-images-idx3-ubyte"], arrays["train-labels-idx1-ubyte"]
        return {
            "train": self._batch(x[:-VALIDATION], y[:-VALIDATION]),
            "validation": self._batch(x[-VALIDATION:], y[-VALIDATION:]),
            "test": self._batch(arrays["t10k-images-idx3-ubyte"], arrays["t10k-labels-idx1-ubyte"]),
        }

    def _batch(self, x: numpy.ndarray, y: numpy.ndarray) -> Batch:
        features = self.signature().features or 1
        steps = x.reshape(len(x), -1, features)
        return Batch(steps.astype("float32") / 255, y.astype("int32"))

    def _arrays(self) -> dict[str, numpy.ndarray]:
        found = {name: read_idx(content, FILES[name], name) for name, content in self._files()}
        digest = hashlib.sha256()
        for name in FILES:
            digest.update(found[name].tobytes())
        if digest.hexdigest() != CONTENT:
            raise DataError(f"{self.path} holds other images. Needed: {self.own_file}.")
        return found

    def _files(self) -> Iterator[tuple[str, bytes]]:
        if self.path is not None:
            for name in FILES:
                yield name, self._own(name).read_bytes()
        else:
            for member, content in contents(self.source):
                yield Path(member).stem, content

    def _own(self, name: str) -> Path:
        folder = Path(str(self.path)).expanduser()
        for candidate in (folder / f"{name}.gz", folder / name):
            if candidate.is_file():
                return candidate
        raise DataError(f"task.path={self.path}: there is no {name}.gz. Needed: {self.own_file}.")


class FashionMNISTRows(FashionMNIST):
    """Recognise a piece of clothing, row by row: 28 steps of 28 pixels.

    60000 images to train with, of which the last 5000 are for validation, 10000 to test with, as
    shipped; greys divided by 255. The images are checked by their SHA-256.

    Args:
        path: a folder with the four files of Fashion-MNIST, as Keras and torchvision keep them;
            the package is not needed then. The path is not part of a run's fingerprint.

    Chance: 0.1, all classes being equally frequent.

    Separates: Not tried: a larger set of real data, for workloads and rankings.

    Time: 5 s an epoch

    Measured: 64 units, 2 epochs: LSTM 84.0 %, 10 s (PyTorch, one CPU thread, one seed).

    Reference: Xiao, Rasul & Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
        Learning Algorithms (2017), arXiv:1708.07747
    """

    def signature(self) -> Signature:
        """A row a step; one of ten classes at the end."""
        return Signature(28, vocabulary=None, outputs=10, loss="categorical")


class FashionMNISTPixels(FashionMNIST):
    """Recognise a piece of clothing, pixel by pixel: 784 steps of one pixel.

    The same images as ``fashion_mnist_rows``, read in lines from the top left.

    Args:
        path: a folder with the four files of Fashion-MNIST, as Keras and torchvision keep them;
            the package is not needed then. The path is not part of a run's fingerprint.

    Chance: 0.1, all classes being equally frequent.

    Separates: Not tried. The published numbers for pixel by pixel are those of MNIST, other data.

    Time: not measured

    Reference: Xiao, Rasul & Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
        Learning Algorithms (2017), arXiv:1708.07747
    """

    def signature(self) -> Signature:
        """A pixel a step; one of ten classes at the end."""
        return Signature(1, vocabulary=None, outputs=10, loss="categorical")


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the tasks."""
    return {"fashion_mnist_rows": FashionMNISTRows, "fashion_mnist_pixels": FashionMNISTPixels}

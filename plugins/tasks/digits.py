"""Handwritten digits of 8 x 8 pixels, from the package scikit-learn.

scikit-learn is neither imported nor installed: its file is read from its archive.
"""

import gzip
from typing import Literal

import numpy

from gatekit import Batch, DataError, Metric, Signature, Task, hookimpl
from gatekit.tasks import PackageSource, contents, generator, located, majority, recipe_hash

COUNT, PIXELS, GREYS, CLASSES = 1797, 64, 16, 10
HELD = {"test": 360, "validation": 180}
"""Images of the splits that are no training data, taken from the end of a fixed order."""


class Digits(Task):
    """Recognise a handwritten digit, row by row or pixel by pixel.

    1797 images of 8 x 8 pixels with 17 greys, divided by 16. No split is shipped: in a fixed random
    order the last 360 are for testing, the 180 before them for validation, 1257 are to train with.
    The same 13 people wrote all of them, so that no writer is new in the test.

    Args:
        steps: ``rows`` gives 8 steps of 8 pixels, ``pixels`` 64 steps of one.

    Chance: 0.061, the most frequent digit of training.

    Separates: Nothing by rows: LSTM, GRU and RNN reach the same. For a first try.

    Time: 4 to 11 s

    Measured: 64 units: rows 98.1 % for LSTM, GRU and RNN, 4 to 6 s; pixels, LSTM, 40 epochs 90.3 %,
        11 s (PyTorch, one CPU thread, one seed, another split).

    Reference: Alpaydin & Kaynak, Optical Recognition of Handwritten Digits (1998), UCI Machine
        Learning Repository, https://archive.ics.uci.edu/dataset/80
    """

    steps: Literal["rows", "pixels"] = "rows"
    metric = Metric("accuracy", direction="max", unit="share of images")
    reference = "https://archive.ics.uci.edu/dataset/80"
    source = PackageSource(
        "scikit-learn",
        "1.9.1",
        sha256="52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
        members=("sklearn/datasets/data/digits.csv.gz",),
        name="digits",
        tags="cp311-cp311-manylinux_2_28_x86_64",
    )

    def signature(self) -> Signature:
        """A row or a pixel a step; one of ten digits at the end."""
        features = 8 if self.steps == "rows" else 1
        return Signature(features, vocabulary=None, outputs=CLASSES, loss="categorical")

    def chance(self) -> float:
        """Return the accuracy of naming the most frequent digit of the training set."""
        found = self.splits(numpy.random.default_rng(0))
        return majority(found["train"].y, found["test"].y)

    def data_hash(self) -> str:
        """Return the hash of archive and recipe."""
        return recipe_hash("digits/1", {"archive": self.source.sha256, "steps": self.steps})

    def require(self) -> None:
        """Check that the file is there."""
        located(self.source)

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return the three splits, the same for every run."""
        ((name, content),) = contents(self.source)
        table = read_table(content, name)
        table = table[generator(0, "digits").permutation(COUNT)]
        x = (table[:, :PIXELS] / GREYS).astype("float32").reshape(COUNT, *self._shape())
        y = table[:, PIXELS].astype("int32")
        test = COUNT - HELD["test"]
        validation = test - HELD["validation"]
        return {
            "train": Batch(x[:validation], y[:validation]),
            "validation": Batch(x[validation:test], y[validation:test]),
            "test": Batch(x[test:], y[test:]),
        }

    def _shape(self) -> tuple[int, int]:
        return (8, 8) if self.steps == "rows" else (PIXELS, 1)


def read_table(content: bytes, where: str) -> numpy.ndarray:
    """Return the zipped table: in each row 64 greys and the digit.

    Raises:
        DataError: it is damaged, or has another shape.
    """
    try:
        lines = gzip.decompress(content).decode("ascii").split()
        # NumPy would warn about an empty list
        table = numpy.loadtxt(lines or ["0"], delimiter=",", ndmin=2)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{where} is damaged: {error}") from None
    if table.shape != (COUNT, PIXELS + 1):
        raise DataError(
            f"{where} should hold {COUNT} rows of {PIXELS + 1} numbers; it holds {table.shape}."
        )
    return table


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"digits": Digits}

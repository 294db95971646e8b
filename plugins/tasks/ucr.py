"""Small sets of the UCR and UEA time series archives, from the package aeon.

aeon is neither imported nor installed: its files are read from its archive.
"""

from typing import ClassVar, Literal

import numpy

from gatekit import Batch, Metric, Signature, Task, hookimpl
from gatekit.tasks import (
    Labelled,
    PackageSource,
    contents,
    every_fifth,
    located,
    majority,
    read_ts,
    recipe_hash,
)

SIZES = {
    "JapaneseVowels": (12, 9),
    "ItalyPowerDemand": (1, 2),
    "GunPoint": (1, 2),
    "ArrowHead": (1, 3),
    "OSULeaf": (1, 6),
    "BasicMotions": (6, 4),
    "ACSF1": (1, 10),
    "PickupGestureWiimoteZ": (1, 10),
}
"""Features and classes of each set."""
PARTS = ("TRAIN", "TEST")


def _member(name: str, part: str) -> str:
    return f"aeon/datasets/data/{name}/{name}_{part}.ts"


class Archived(Task):
    """Base of tasks with a set of the archives; a subclass names it in ``dataset``."""

    dataset: ClassVar[str]
    metric = Metric("accuracy", direction="max", unit="share of sequences")
    source = PackageSource(
        "aeon",
        "1.6.0",
        sha256="d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
        members=tuple(_member(name, part) for name in SIZES for part in PARTS),
        name="ucr",
    )

    def signature(self) -> Signature:
        """The set's features, and one of its classes at the end."""
        features, classes = SIZES[self.dataset]
        return Signature(features, vocabulary=None, outputs=classes, loss="categorical")

    def chance(self) -> float:
        """Return the accuracy of naming the most frequent class of the training set."""
        found = self.parts()
        return majority(found["TRAIN"].labels, found["TEST"].labels)

    def data_hash(self) -> str:
        """Return the hash of archive, set and recipe."""
        facts = {"archive": self.source.sha256, "dataset": self.dataset}
        return recipe_hash("ucr/1", facts)

    def require(self) -> None:
        """Check that the files are there."""
        located(self.source)

    def parts(self) -> dict[str, Labelled]:
        """Return the two parts as they are shipped."""
        wanted = {_member(self.dataset, part): part for part in PARTS}
        return {
            wanted[name]: read_ts(content, name)
            for name, content in contents(self.source)
            if name in wanted
        }

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return the shipped sets; every fifth training sequence of a class is for validation."""
        found = self.parts()
        train, held = found["TRAIN"], every_fifth(found["TRAIN"].labels)
        return {
            "train": train.taken(numpy.flatnonzero(~held)).batch(),
            "validation": train.taken(numpy.flatnonzero(held)).batch(),
            "test": found["TEST"].batch(),
        }


class JapaneseVowels(Archived):
    """Recognise nine speakers by two vowels: 12 numbers a step, 7 to 29 steps.

    Real speech, encoded by linear prediction; 270 sequences to train with, of which every fifth of
    a speaker is for validation, 370 to test with, as shipped. Sequences are padded and masked.

    Chance: 1 / 9 = 0.111, all speakers being equally frequent in training.

    Separates: Nothing: all cells reach the same. For masks and for a first try.

    Time: 1 to 3 s

    Measured: 64 units, 60 epochs: LSTM 94.3 %, GRU 94.9 %, RNN 93.5 % (PyTorch, one CPU thread, one
        seed).

    Reference: Kudo, Toyama & Shimbo, Multidimensional Curve Classification Using Passing-Through
        Regions (1999), Pattern Recognition Letters 20(11-13):1103-1111,
        https://archive.ics.uci.edu/ml/datasets/Japanese+Vowels
    """

    dataset = "JapaneseVowels"
    reference = "https://archive.ics.uci.edu/ml/datasets/Japanese+Vowels"


class UCR(Archived):
    """Predict the class of a sequence, of one of seven small sets of the UCR and UEA archives.

    Sequences are used as shipped, without further normalisation; those of unequal length are padded
    and masked. Training and test sets are the shipped ones; every fifth training sequence of a
    class is for validation. Train and test sizes, steps, features and classes: ItalyPowerDemand
    67/1029, 24, 1, 2; GunPoint 50/150, 150, 1, 2; ArrowHead 36/175, 251, 1, 3; OSULeaf 200/242,
    427, 1, 6; BasicMotions 40/40, 100, 6, 4; ACSF1 100/100, 1460, 1, 10; PickupGestureWiimoteZ
    50/50, 29 to 361, 1, 10.

    Args:
        dataset: the set, by its name in the archive.

    Chance: 0.49 for GunPoint, 0.50 ItalyPowerDemand, 0.33 ArrowHead, 0.18 OSULeaf, 0.25
        BasicMotions, 0.1 ACSF1 and PickupGestureWiimoteZ, by the most frequent class of training.

    Separates: Not tried. With so few test sequences, a single one decides the last percent.

    Time: not measured

    Reference: Dau et al., The UCR Time Series Archive (2018), arXiv:1810.07758; Bagnall et al., The
        UEA multivariate time series classification archive (2018), arXiv:1811.00075
    """

    dataset: Literal[
        "ItalyPowerDemand",
        "GunPoint",
        "ArrowHead",
        "OSULeaf",
        "BasicMotions",
        "ACSF1",
        "PickupGestureWiimoteZ",
    ] = "GunPoint"
    reference = "arXiv:1810.07758; arXiv:1811.00075"


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the tasks."""
    return {"japanese_vowels": JapaneseVowels, "ucr": UCR}

"""The sizes at which layers are timed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Sizes of the input, ``batch x time x features``, and the ``units`` of the layer on it."""

    batch: int = 32
    time: int = 100
    features: int = 32
    units: int = 64

    def __str__(self) -> str:
        return f"{self.batch},{self.time},{self.features},{self.units}"


def read_size(text: str) -> Size:
    """Return the size that a string such as ``32,100,32,64`` gives.

    Args:
        text: batch, time, features and units, separated by commas.

    Raises:
        ValueError: these are not four whole numbers from 1.
    """
    numbers = text.split(",")
    if len(numbers) != 4 or not all(n.strip().isdecimal() and int(n) > 0 for n in numbers):
        raise ValueError(
            f"{text!r} is not a size; type batch, time, features and units, as in 32,100,32,64"
        )
    return Size(*map(int, numbers))

"""The data that everybody trains on."""

from __future__ import annotations

import numpy as np

from .size import Size


def arrays(size: Size, every_step: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return fixed random input, ``batch x time x features``, and targets of one unit, float32.

    Args:
        size: the sizes.
        every_step: whether there is a target at every step, or at the last only.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal((size.batch, size.time, size.features))
    y = rng.standard_normal((size.batch, size.time, 1) if every_step else (size.batch, 1))
    return x.astype("float32"), y.astype("float32")

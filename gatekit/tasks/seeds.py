"""Split one seed by name; adding a name never changes the random numbers of another name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy

PARTS = ("init", "order", "data")
"""The parts of a run's randomness; the key ``vary`` chooses one of them."""

FIXED = 0
"""The seed of the parts that ``vary`` keeps fixed."""


def part(config: Mapping[str, Any], name: str) -> int:
    """Return the seed of one part of a run: the run's seed, or 0 if ``vary`` names another part.

    Args:
        config: a run's configuration.
        name: ``init`` (weights, dropout, zoneout), ``order`` (of training examples) or ``data``
            (splits and drawn training data).
    """
    vary = config.get("vary")
    return int(config["seed"]) if vary is None or vary == name else FIXED


def integer(seed: int, *path: str | int, bits: int = 63) -> int:
    """Return the seed of one named purpose.

    Args:
        seed: the run's seed.
        path: the purpose, for example ``"data"``, ``"order", epoch`` or ``"init", layer, weight``.
        bits: the most bits of the result.

    Returns:
        A number that depends only on the arguments, on every machine.
    """
    digest = hashlib.sha256(json.dumps([seed, *path]).encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - bits)


def generator(seed: int, *path: str | int) -> numpy.random.Generator:
    """Return a fresh counter-based generator for one named purpose."""
    return numpy.random.Generator(numpy.random.Philox(key=integer(seed, *path, bits=128)))

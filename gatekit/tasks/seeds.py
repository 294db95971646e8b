"""One seed, split by name: adding a name never moves what another name draws."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy

PARTS = ("init", "order", "data")
"""The parts of a run's randomness, of which the key ``vary`` chooses one."""

FIXED = 0
"""The seed of the parts that ``vary`` keeps fixed."""


def part(config: Mapping[str, Any], name: str) -> int:
    """Return the seed of one part of a run: the run's seed, or 0 if ``vary`` is another part.

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
        bits: how many bits the result has at most.

    Returns:
        A number that is a pure function of the arguments, on every machine.
    """
    digest = hashlib.sha256(json.dumps([seed, *path]).encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - bits)


def generator(seed: int, *path: str | int) -> numpy.random.Generator:
    """Return a fresh counter-based generator for one named purpose."""
    return numpy.random.Generator(numpy.random.Philox(key=integer(seed, *path, bits=128)))

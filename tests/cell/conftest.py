"""Cells made of plain data, with gatekit's own plugins."""

import pytest
import seams
from seams import read_cell

from gatekit.registry import catalogue, load_cell

LSTM = {
    "name": "small",
    "gates": {n: {"kind": n} for n in ("input", "forget", "output", "candidate")},
    "equations": {"c": "forget * c_prev + input * candidate", "h": "output * tanh(c)"},
    "emits": "h",
}


@pytest.fixture(scope="session")
def known():
    """What is registered."""
    return catalogue()


@pytest.fixture
def lstm():
    """Return the mapping of an LSTM, its sections changed key by key; None removes."""

    def lstm(**changes):
        config = dict(LSTM)
        for key, value in changes.items():
            old = config.get(key)
            merge = isinstance(old, dict) and isinstance(value, dict)
            config[key] = {**old, **value} if merge else value
        return {key: value for key, value in config.items() if value is not None}

    return lstm


@pytest.fixture
def read(known):
    """Read a cell: a mapping, or the name of a bundled one."""

    def read(config):
        return load_cell(config, known) if isinstance(config, str) else read_cell(config, known)

    return read


@pytest.fixture
def built(known, read):
    """Read and build a cell."""

    def built(config, units=4, features=3, output_unit="hidden"):
        return seams.cell(config, units, features, output_unit, known)

    return built

"""What every test of executors shares: nothing of a test outlives it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tensorflow.python.framework import ops


@pytest.fixture(autouse=True)
def _forgotten_gradients() -> Iterator[None]:
    """Forget the custom gradients that a test's graphs registered.

    TensorFlow keeps each of them for ever, and with it the graph that it was traced in: thousands
    of tests in one process would need as many gigabytes.
    """
    registered = ops.gradient_registry._registry
    before = set(registered)
    yield
    for name in registered.keys() - before:
        if name.startswith("CustomGradient-"):
            del registered[name]

"""The functions that are copied into files."""

from __future__ import annotations

import numpy as np
import pytest
from seams import code_sources as sources
from seams import language_ops as ops

from .agreement import library

BATCH = 2


def test_keras_has_no_types_and_each_module_its_own_name() -> None:
    assert sources("ops")["flat"].startswith("def flat(x):\n    return ops.reshape(")
    assert "np." not in "".join(sources("ops").values())
    assert sources("jnp")["softmax"].startswith("def softmax(x: jax.Array) -> jax.Array:")
    assert sources("ops")["convolve"].startswith("def convolve(x, kernel, earlier, mask):")


def test_small_functions_of_torch_are_those_of_equations() -> None:
    torch = library("torch")
    from seams import torch_runtime as functions

    rng = np.random.default_rng(3)
    x, b = rng.normal(size=(BATCH, 6)), rng.normal(size=6)
    found = functions.modrelu(torch.from_numpy(x), torch.from_numpy(b))
    np.testing.assert_array_equal(found, ops.modrelu(x, b))
    blocks = rng.normal(size=(2, 3, 3))
    found = functions.block_product(torch.from_numpy(x), torch.from_numpy(blocks))
    expected = np.concatenate([x[:, :3] @ blocks[0], x[:, 3:] @ blocks[1]], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_reservoir_has_its_radius_and_density() -> None:
    library("torch").manual_seed(4)
    from seams import torch_runtime as functions

    drawn = functions.reservoir(40, 0.9, 0.25).numpy()
    assert np.abs(np.linalg.eigvals(drawn)).max() == pytest.approx(0.9, rel=1e-5)
    assert 0.2 < (drawn != 0).mean() < 0.3
    assert not functions.reservoir(3, 0.9, 0.0).any()

"""A block twice: as gatekit's layer computes it, and as a generated file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from seams import BuiltBlock

import gatekit
from gatekit.code import FRAMEWORKS, Generated, generate

from .cases import BATCH, CLOSE, MASK, run, scale

# Valid steps in the middle are masked, too, and the sequence is longer than the convolution.
STEPS = 7
LONG_MASK = np.concatenate([MASK, MASK[:, :3]], axis=1)
PRESETS = ("plain", "residual", "modern", "mingru", "griffin", "mamba", "gla", "slstm")


@dataclass(frozen=True)
class BlockCase:
    """A block with random weights, inputs and states, and what gatekit's layer gives."""

    built: BuiltBlock
    weights: dict[str, Any]
    x: Any
    first: list[Any]
    y: Any
    states: list[Any]
    gradients: dict[str, Any]

    def file(self, to: str) -> tuple[Generated, Any]:
        """Return the generated file, and the module that it is."""
        generated = generate(self.built, to)
        return generated, run(generated.text)

    def assert_same(self, y: Any, states: Any) -> None:
        """Compare outputs and states, matrices as vectors."""
        np.testing.assert_allclose(np.asarray(y), self.y, CLOSE, CLOSE)
        assert len(states) == len(self.states)
        for own, theirs in zip(states, self.states, strict=True):
            np.testing.assert_allclose(np.asarray(own).reshape(theirs.shape), theirs, CLOSE, CLOSE)

    def assert_gradients(self, made: Generated, gradients: dict[str, Any]) -> None:
        """Compare gradients by the names of the generated file."""
        expected = made.layout.pack(self.gradients)
        assert set(gradients) == set(expected)
        for name, own in gradients.items():
            limit = CLOSE * (1 + np.abs(expected[name]).max())
            np.testing.assert_allclose(np.asarray(own), expected[name], 0, limit, err_msg=name)


def block_case(
    block: Any, cell: Any, *, width: int = 8, units: int | None = None, **options: Any
) -> BlockCase:
    """Return a block's case.

    Args:
        block: the block, as `gatekit.BlockLayer` takes it.
        cell: the cell.
        width: the model's width.
        units: the cell's units.
        options: of `gatekit.BlockLayer`.
    """
    layer = gatekit.BlockLayer(
        block,
        cell,
        units,
        return_sequences=True,
        return_state=True,
        executor="reference",
        seed=1,
        dtype="float64",
        **{"finish": True, **options},
    )
    rng = np.random.default_rng(0)
    layer.build((None, None, width))
    variables = {}
    for name, part in parts_of(layer).items():
        own = part.named_weights if name == "rnn" else {v.name: v for v in part.weights}
        variables.update({f"{name}/{key}": variable for key, variable in own.items()})
    weights = {}
    for name, variable in variables.items():
        weights[name] = np.asarray(variable) + 0.1 * rng.normal(size=variable.shape)
        variable.assign(weights[name])
    x = rng.normal(size=(BATCH, STEPS, width))
    first = [rng.uniform(0.1, 0.9, s.shape) for s in layer.get_initial_state(BATCH)]
    with tf.GradientTape() as tape:
        y, *states = layer(x, initial_state=first, mask=tf.constant(LONG_MASK))
        loss = tf.reduce_sum(y * scale(y.shape)) + sum(tf.reduce_sum(tf.sin(s)) for s in states)
    values = [v.value for v in variables.values()]
    made = tape.gradient(loss, values, unconnected_gradients="zero")
    gradients = dict(zip(weights, map(np.asarray, made), strict=True))
    # The file has no state for a convolution of one step.
    shown = [(f, s) for f, s in zip(first, map(np.asarray, states), strict=True) if f.size]
    first, states = [f for f, _ in shown], [s for _, s in shown]
    return BlockCase(layer.built_block, weights, x, first, np.asarray(y), states, gradients)


def parts_of(layer: Any) -> dict[str, Any]:
    """Return the Keras layers of a block's parts, by name."""
    names = (part.name for _, part in layer.built_block._counted() if part.kind != "dropout")
    return {name: getattr(layer, f"part_{name}") for name in names}


@cache
def of_preset(name: str) -> BlockCase:
    """Return the case of a bundled block; several tests share it."""
    cells = {"griffin": "rg_lru", "mamba": "mamba", "gla": "gla", "slstm": "slstm"}
    known = {**cells, "mingru": "mingru"}
    return block_case(name, known.get(name, "lstm"), width=8)


LAYER_NORMS: dict[str, Any] = {
    "block": {"kind": "modern", "norm": "layer", "mlp": "gelu", "ratio": 2.7},
    "cell": "gru",
    "units": 6,
}


def files(folder: Path) -> None:
    """Write the files of all presets, and of a block with options."""
    cases = {name: of_preset(name).built for name in PRESETS}
    cases["options"] = block_case(**LAYER_NORMS).built
    for name, built in cases.items():
        for to in FRAMEWORKS:
            generated = generate(built, to)
            assert generated.sized
            (folder / f"{to}_{name}.py").write_text(generated.text)

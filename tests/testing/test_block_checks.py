"""Each check of a block fails for what is wrong there, even behind a norm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatekit.testing import FAIL, PASS, Outcome, block_checks

Write = Callable[[str, str], Path]

BLOCK = '''"""A planted block."""

from gatekit import Block, hookimpl


class Planted(Block):
    """A planted block: ``y = x + mixer(h) + tap(h)``."""

    def mix(self, parts, x):
        h = parts.norm("norm", x, "layer")
        size = parts.width * parts.units

        def make():
            import keras
            import tensorflow as tf

            class RowsMix(keras.layers.Layer):
                def call(self, x):
                    return x - tf.reduce_mean(x, 0, keepdims=True)

            return MADE

        tap = parts.layer("tap", h, make, parts.units, count=COUNT)
        return parts.mixer(h) + TAP


@hookimpl
def gatekit_blocks():
    return {"planted": Planted}
'''
LATER = "keras.layers.Conv1D(parts.units, 3, padding='same', use_bias=False)"
EARLIER = "keras.layers.Conv1D(parts.units, 3, padding='causal', use_bias=False)"
RIGHT = "keras.layers.Conv1D(parts.units, 1, use_bias=False)"
PLANTED = {
    "later steps": ("causal", LATER, "3 * size", "tap", "change earlier outputs"),
    "rows": ("causal", "RowsMix()", "0", "tap", "rows of the batch mix"),
    "masked steps": ("masked_steps_skipped", EARLIER, "3 * size", "tap", "masked steps change"),
    "no state": ("chunks_are_whole", EARLIER, "3 * size", "tap", "in two parts"),
    "idle": ("everything_learns", RIGHT, "size", "0.0 * tap", "has a zero gradient"),
    "count": ("parts_fit", RIGHT, "size + 1", "tap", "write count=64"),
}


def outcome(check: str, made: str, count: str, tap: str, write: Write) -> Outcome:
    text = BLOCK.replace("MADE", made).replace("COUNT", count).replace("TAP", tap)
    path = write("block.py", text)
    (found,) = [c for c in block_checks("planted", [str(path)]) if c.name == check]
    return found.outcome()


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_block_fails(case: str, write: Write) -> None:
    check, made, count, tap, says = PLANTED[case]
    found = outcome(check, made, count, tap, write)
    assert found.status == FAIL
    assert says in found.reason


@pytest.mark.parametrize("check", sorted({check for check, *_ in PLANTED.values()}))
def test_a_block_without_a_fault_passes(check: str, write: Write) -> None:
    assert outcome(check, RIGHT, "size", "tap", write).status == PASS

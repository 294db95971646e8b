"""The algorithm of 1997 by hand changes weights as the cells of the experiment do."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from seams import plan

import gatekit
from experiments.reber_1997 import appendix
from gatekit.registry import tasks

TASK = tasks()["embedded_reber_1997"](train_size=4, test_size=4)


def one_string(seed: int) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """Return the steps of a string."""
    return list(appendix.ends(TASK.sample(np.random.default_rng(seed), 1)))


@pytest.mark.slow
@pytest.mark.parametrize(("blocks", "size"), [(4, 1), (3, 2)])
def test_a_string_changes_each_weight_as_in_the_experiment(blocks: int, size: int) -> None:
    runs = plan(["-m", "+experiment=reber_1997", "seeds=1", "task.data_seed=0"]).runs
    units = blocks * size
    cell = next(run.config["cell"] for run in runs if run.config["units"] == units)
    layer = gatekit.RNN(cell, units, return_sequences=True, dtype="float64", executor="reference")
    layer.build((None, None, 7))
    network = appendix.Network(blocks, size, 2.0, 1.0)
    weights = {name: value[None] for name, value in network.begin(1).items()}
    rows = np.cumsum([0, 7, units, blocks, blocks, 1])
    for gate, name in (("input", "i"), ("output", "o"), ("candidate", "c")):
        own = [each for each in layer.weights if f"/{gate}." in each.path]
        for weight, begin, end in zip(own, rows[:-1], rows[1:], strict=gate != "candidate"):
            part = weights[name][0][:, begin:end].T
            weight.assign(part[0] if weight.path.endswith("bias") else part)

    string = one_string(3)
    x, target = (np.stack([step[place] for step in string]) for place in (0, 1))
    head = tf.Variable(weights["head"][0].T)
    with tf.GradientTape() as tape:
        p = tf.sigmoid(layer(x[None].astype("float64"))[0] @ head)
        loss = tf.reduce_sum(tf.square(p - target)) / 2
    expected = tape.gradient(loss, [*(each.value for each in layer.weights), head])

    state, carried = network.zeros(1, 1), network.carried(weights)
    total = {name: np.zeros_like(value) for name, value in weights.items()}
    for now, after, _ in string:
        state = network.step(weights, now[None, None], state)
        for name, value in network.gradient(weights, state, carried, after[None]).items():
            total[name] += value
    np.testing.assert_allclose(-total["head"][0].T, expected[-1], rtol=1e-9, atol=1e-12)
    for gate, name in (("input", "i"), ("output", "o"), ("candidate", "c")):
        own = [e for w, e in zip(layer.weights, expected, strict=False) if f"/{gate}." in w.path]
        whole = np.concatenate([np.reshape(each, (-1, len(total[name][0]))) for each in own])
        assert np.abs(whole).max() > 1e-4
        np.testing.assert_allclose(-total[name][0].T, whole, rtol=1e-9, atol=1e-12)


def test_trials_that_are_solved_keep_their_number_of_strings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = iter([np.array([0.5, 1.0]), np.array([1.0, 0.2]), np.array([0.1, 1.0])])
    monkeypatch.setattr(appendix, "share", lambda *_: next(shares))
    network = appendix.Network(1, 1, 2.0, 1.0)
    needed, best = appendix.solved(network, [TASK] * 2, [0, 1], 0.5, at_once=True, most=300)
    assert needed.tolist() == [200, 100]
    assert best.tolist() == [1, 1]


def test_the_share_is_that_of_steps_whose_possible_symbols_are_most_active() -> None:
    network = appendix.Network(1, 1, 2.0, 1.0)
    weights = {name: value[None] for name, value in network.begin(0).items()}
    batch = TASK.splits(np.random.default_rng(0))["validation"]
    right, steps = 0, 0
    for x, may, mask in zip(batch.x, batch.y, np.asarray(batch.mask), strict=True):
        state = network.zeros(1, 1)
        for t in range(int(mask.sum())):
            state = network.step(weights, x[None, None, t], state)
            active = set(np.argsort(-state["p"][0, 0])[: int(may[t].sum())])
            right += active == set(np.flatnonzero(may[t]))
            steps += 1
    wide = appendix.padded(batch, len(batch.x) + 2, batch.x.shape[1] + 3)
    assert right > 0
    assert appendix.share(network, weights, [wide]) == right / steps

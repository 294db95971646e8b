"""Appendix A of Hochreiter & Schmidhuber by hand: ``python -m experiments.reber_1997.appendix``.

With u = [x, y, i, o], the inputs of this step and the cells and gates of the step before, of a
block's input gate i, its output gate o and each of its cells:

    i, o = s(W u + b)            s(z) = 1 / (1 + exp(-z))
    c    = c + i g(W u)          g(z) = G (2 s(z) - 1)
    y    = o h(c)                h(z) = H (2 s(z) - 1)
    p    = s(W y)

The gradient of sum (t - p)^2 / 2 flows back through c alone; its parts dc/dW of input gates and
cells are carried along with c (equations 16 to 28). Section 5 and the appendix have G = 2 and
H = 1, the caption of Table 10 has G = 1 and H = 2. All trials advance together.

``--second`` runs the second reading of the README and writes ``steps_CAP.csv``.

Source: doi:10.1162/neco.1997.9.8.1735
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gatekit import Batch, Task
from gatekit.registry.queries import tasks
from gatekit.runs import durable

Array = np.ndarray[Any, np.dtype[np.float64]]
Weights = dict[str, Array]

SYMBOLS = 7
BETWEEN = 100
"""Strings between two tests."""
ROWS = ((4, 1, 0.5), (3, 2, 0.2), (3, 2, 0.5))
"""Blocks, cells of each, and rate of the printed rows."""
SECOND_SEEDS = range(100, 110)
"""Seeds of the second reading for each pair of sets."""


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z))."""
    result: Array = 1 / (1 + np.exp(-z))
    return result


@dataclass(frozen=True)
class Network:
    """Blocks of cells that share their gates.

    Args:
        blocks: the number of blocks.
        size: cells of a block.
        candidate: G, the range of the cells' inputs.
        output: H, the range of the cells' outputs.
    """

    blocks: int
    size: int
    candidate: float
    output: float

    @property
    def owner(self) -> Any:
        """The block of each cell."""
        return np.repeat(np.arange(self.blocks), self.size)

    def begin(self, seed: int) -> Weights:
        """Return one trial's first weights: U[-0.2, 0.2]; output gates' biases are -1, -2, ..."""
        random, cells = np.random.default_rng(seed), self.blocks * self.size
        read = SYMBOLS + cells + 2 * self.blocks
        shapes = {"i": (self.blocks, read + 1), "o": (self.blocks, read + 1), "c": (cells, read)}
        shapes["head"] = (SYMBOLS, cells)
        weights = {name: random.uniform(-0.2, 0.2, shape) for name, shape in shapes.items()}
        weights["o"][:, -1] = -1.0 - np.arange(self.blocks)
        return weights

    def step(self, weights: Weights, x: Array, state: dict[str, Array]) -> dict[str, Array]:
        """Return the next state of (trials, strings), with all that its gradient needs."""
        u = np.concatenate([x, state["y"], state["i"], state["o"], np.ones_like(x[..., :1])], -1)
        i, o = (sigmoid(u @ weights[name].swapaxes(-1, -2)) for name in ("i", "o"))
        raw = sigmoid(u[..., :-1] @ weights["c"].swapaxes(-1, -2))
        c = state["c"] + i[..., self.owner] * self.candidate * (2 * raw - 1)
        squashed = sigmoid(c)
        y = o[..., self.owner] * self.output * (2 * squashed - 1)
        p = sigmoid(y @ weights["head"].swapaxes(-1, -2))
        return {"u": u, "i": i, "o": o, "raw": raw, "c": c, "squashed": squashed, "y": y, "p": p}

    def zeros(self, *shape: int) -> dict[str, Array]:
        """Return the state before a string."""
        widths = {"y": self.blocks * self.size, "c": self.blocks * self.size}
        widths |= {"i": self.blocks, "o": self.blocks}
        return {name: np.zeros((*shape, width)) for name, width in widths.items()}

    def carried(self, weights: Weights) -> Weights:
        """Return dc/dW before a string: for each cell, of its block's input gate and of itself."""
        shape = weights["c"].shape
        return {"i": np.zeros((*shape[:-1], shape[-1] + 1)), "c": np.zeros(shape)}

    def gradient(
        self, weights: Weights, now: dict[str, Array], carried: Weights, target: Array
    ) -> Weights:
        """Return -dE/dW of a step of each trial, and add the step to what is carried.

        Args:
            weights: the weights of the trials.
            now: what `step` returned, for one string of each trial.
            carried: dc/dW; it is changed.
            target: the next symbol, shape (trials, 7).
        """
        now = {name: value[:, 0] for name, value in now.items()}
        u, i, o = now["u"][:, None], now["i"][:, self.owner], now["o"][:, self.owner]
        g = self.candidate * (2 * now["raw"] - 1)
        slope = self.candidate * 2 * now["raw"] * (1 - now["raw"])
        carried["i"] += (g * i * (1 - i))[..., None] * u  # (25)
        carried["c"] += (slope * i)[..., None] * u[..., :-1]  # (27)
        error = now["p"] * (1 - now["p"]) * (target - now["p"])  # (19)
        back = np.einsum("rk,rkn->rn", error, weights["head"])
        h = self.output * (2 * now["squashed"] - 1)
        of_state = o * self.output * 2 * now["squashed"] * (1 - now["squashed"]) * back  # (23)
        return {
            "head": error[..., None] * now["y"][:, None],
            "o": self._summed((h * o * (1 - o) * back)[..., None] * u),  # (21)
            "i": self._summed(of_state[..., None] * carried["i"]),  # (26)
            "c": of_state[..., None] * carried["c"],  # (28)
        }

    def _summed(self, of_cells: Array) -> Array:
        shape = (len(of_cells), self.blocks, self.size, of_cells.shape[-1])
        summed: Array = of_cells.reshape(shape).sum(2)
        return summed


def share(network: Network, weights: Weights, sets: Sequence[Batch]) -> Array:
    """Return each trial's share of steps at which the symbols that may come are most active."""
    x, may, mask = (np.stack([getattr(each, name) for each in sets]) for name in ("x", "y", "mask"))
    state, right = network.zeros(*mask.shape[:2]), np.zeros(mask.shape, bool)
    for t in range(mask.shape[2]):
        state = network.step(weights, x[:, :, t], state)
        lowest = np.where(may[:, :, t] > 0, state["p"], np.inf).min(-1)
        highest = np.where(may[:, :, t] > 0, -np.inf, state["p"]).max(-1)
        right[:, :, t] = lowest > highest
    result: Array = (right & mask).sum((1, 2)) / mask.sum((1, 2))
    return result


def padded(batch: Batch, count: int, steps: int) -> Batch:
    """Return the batch with further rows and steps that are masked."""
    room = [(0, count - len(batch.x)), (0, steps - batch.x.shape[1])]
    x, y = (np.pad(value, [*room, (0, 0)]) for value in (batch.x, batch.y))
    return Batch(x, y, np.pad(np.asarray(batch.mask), room))


def together(batches: Sequence[Batch]) -> list[Batch]:
    """Return the batches with as many rows and steps as the largest have."""
    count, steps = (max(batch.x.shape[axis] for batch in batches) for axis in (0, 1))
    return [padded(batch, count, steps) for batch in batches]


def ends(batch: Batch) -> Iterator[tuple[Array, Array, bool]]:
    """Return the steps of a batch's strings, one string after another, and whether it ends."""
    for x, y, mask in zip(batch.x, batch.y, np.asarray(batch.mask), strict=True):
        length = int(mask.sum())
        for t in range(length):
            yield x[t], y[t], t == length - 1


def solved(
    network: Network,
    sets: Sequence[Task],
    seeds: Sequence[int],
    rate: float,
    *,
    at_once: bool,
    most: int,
) -> tuple[Array, Array]:
    """Return strings until solved, NaN if that was never, and the best share of right steps.

    Args:
        network: the network.
        sets: the task of each trial, with its pair of sets.
        seeds: the seed of each trial.
        rate: the learning rate.
        at_once: whether weights change after each step, or after each string.
        most: the strings after which a trial is a failure.
    """
    first = [network.begin(seed) for seed in seeds]
    weights = {name: np.stack([each[name] for each in first]) for name in first[0]}
    random = [np.random.default_rng([seed, 1]) for seed in seeds]
    tests = together([task.splits(random[0])["validation"] for task in sets])
    needed, best = np.full(len(seeds), np.nan), np.zeros(len(seeds))
    for strings in range(BETWEEN, most + 1, BETWEEN):
        drawn = [task.sample(each, BETWEEN) for task, each in zip(sets, random, strict=True)]
        streams = [list(ends(batch)) for batch in drawn]
        state, carried = network.zeros(len(seeds), 1), network.carried(weights)
        change = {name: np.zeros_like(value) for name, value in weights.items()}
        for t in range(max(map(len, streams))):
            live = np.array([t < len(stream) for stream in streams]) & np.isnan(needed)
            steps = [stream[min(t, len(stream) - 1)] for stream in streams]
            x, target = (np.stack([step[place] for step in steps]) for place in (0, 1))
            over = np.array([step[2] for step in steps])
            state = network.step(weights, x[:, None], state)
            gradient = network.gradient(weights, state, carried, target)
            changes = live & (at_once | over)
            for name, value in gradient.items():
                change[name] += value
                weights[name] += rate * np.where(changes[:, None, None], change[name], 0)
                change[name][changes] = 0
            for value in (*state.values(), *carried.values()):
                value[over] = 0
        right = share(network, weights, tests)
        best = np.maximum(best, right)
        needed[np.isnan(needed) & (right == 1)] = strings
    return needed, best


def second(most: int, rows: Sequence[tuple[int, int, float]]) -> str:
    """Return the strings of each trial of the second reading as CSV, infinity if unsolved."""
    kind = tasks()["embedded_reber_1997"]
    pairs = [kind(data_seed=pair) for pair in range(3)]
    places = [(pair, seed) for pair in range(3) for seed in SECOND_SEEDS]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["blocks", "cells", "rate", "cap", "sets", "seed", "strings"])
    for blocks, cells, rate in rows:
        needed, _ = solved(
            Network(blocks, cells, 2.0, 1.0),
            [pairs[pair] for pair, _ in places],
            [seed for _, seed in places],
            rate,
            at_once=True,
            most=most,
        )
        for (pair, seed), strings in zip(places, needed, strict=True):
            found = np.inf if np.isnan(strings) else strings
            writer.writerow([blocks, cells, rate, most, pair, seed, f"{found:.0f}"])
    return text.getvalue()


def main() -> None:
    """Print how many trials of the third row are solved with each reading of the paper."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--strings", type=int, default=30_000, help="strings of a trial, at most")
    parser.add_argument("--seeds", type=int, default=10, help="seeds for each pair of sets")
    parser.add_argument("--second", action="store_true", help="run the second reading")
    asked = parser.parse_args()
    if asked.second:
        path = Path(__file__).with_name(f"steps_{asked.strings}.csv")
        durable.write(path, second(asked.strings, ROWS))
        return
    kind = tasks()["embedded_reber_1997"]
    sets = [kind(data_seed=pair) for pair in range(3) for _ in range(asked.seeds)]
    seeds = [seed for _ in range(3) for seed in range(asked.seeds)]
    for candidate, output in ((2.0, 1.0), (1.0, 2.0)):
        for at_once in (False, True):
            network = Network(3, 2, candidate, output)
            needed, best = solved(network, sets, seeds, 0.5, at_once=at_once, most=asked.strings)
            done = needed[~np.isnan(needed)]
            sys.stdout.write(
                f"g in +-{candidate:g}, h in +-{output:g}, weights change after each "
                f"{'step' if at_once else 'string'}: {len(done)} of {len(needed)} solved, "
                f"after {done.mean() if len(done) else np.nan:,.0f} strings in the mean; "
                f"right steps, median of the best: {np.median(best):.3f}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()

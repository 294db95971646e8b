"""Times modules that `gatekit code` writes for PyTorch against torchrecurrent, eager and compiled.

``python -m experiments.speed.generated`` prints the medians of paired ratios of processor time.
torchrecurrent has no LSTM and no GRU: these are compared with torch's own layers.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torchrecurrent

import gatekit
from gatekit.code.identifiers import class_name

BATCH, WIDTH = 32, 64
PEERS: dict[str, Any] = {
    "lstm": torch.nn.LSTM,
    "gru": torch.nn.GRU,
    "peephole": torchrecurrent.PeepholeLSTM,
    "mgu": torchrecurrent.MGU,
    "janet": torchrecurrent.JANET,
}


def generated(name: str) -> torch.nn.Module:
    """Return the generated module of a cell."""
    module: dict[str, Any] = {}
    exec(gatekit.code(name, units=WIDTH, features=WIDTH), module)
    layer: torch.nn.Module = module[class_name(name)]()
    return layer


def training_step(layer: torch.nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """Return a function that computes outputs and gradients of all weights."""

    def step() -> None:
        y, _ = layer(x)
        y.sum().backward()
        layer.zero_grad(set_to_none=True)

    return step


def seconds(step: Callable[[], None], repeats: int) -> float:
    """Return the mean processor time of a training step, in seconds."""
    start = time.process_time()
    for _ in range(repeats):
        step()
    return (time.process_time() - start) / repeats


def compared(name: str, mode: str, steps: int, rounds: int, repeats: int) -> str:
    """Return a row: milliseconds of both, and the ratio with its quartiles; above 1 ours is faster.

    Args:
        name: the cell.
        mode: ``eager``, or ``compiled`` for both.
        steps: steps of a sequence.
        rounds: pairs of measurements.
        repeats: training steps of one measurement.
    """
    ours, peer = generated(name), PEERS[name](WIDTH, WIDTH, batch_first=True)
    x = torch.randn(BATCH, steps, WIDTH)
    first = ""
    if mode == "compiled":
        torch._dynamo.reset()
        ours, peer = torch.compile(ours), torch.compile(peer)
    both = []
    for layer in (ours, peer):
        step = training_step(layer, x)
        start = time.process_time()
        step()
        first += f" {time.process_time() - start:.1f}"
        seconds(step, repeats)
        both.append(step)
    pairs = [[seconds(step, repeats) for step in both] for _ in range(rounds)]
    low, middle, high = statistics.quantiles([peer / own for own, peer in pairs])
    own, other = (1000 * statistics.median(each) for each in zip(*pairs, strict=True))
    peer_name = PEERS[name].__name__
    return (
        f"| {name} | {peer_name} | {mode} | {own:.2f} | {other:.2f} "
        f"| {middle:.2f}x ({low:.2f} to {high:.2f}) |{first if mode == 'compiled' else ''}\n"
    )


def main() -> None:
    """Print a row for each cell and mode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--cells", nargs="+", default=list(PEERS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for mode in ("eager", "compiled"):
        for name in options.cells:
            row = compared(name, mode, options.steps, options.rounds, options.repeats)
            sys.stdout.write(row)
            sys.stdout.flush()


if __name__ == "__main__":
    main()

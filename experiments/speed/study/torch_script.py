"""The study as a plain torch script: a loop over cells and seeds in one process, one thread."""

from __future__ import annotations

import sys

import numpy
import torch

from .adding import BATCH, CELLS, EVALUATIONS, TEST, UNITS, VALIDATION, batch

KINDS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def train(cell: str, seed: int, steps: int) -> float:
    """Train one model and return its mean squared error on the test data."""
    torch.manual_seed(seed)
    random = numpy.random.default_rng(seed)
    layer, head = KINDS[cell](2, UNITS, batch_first=True), torch.nn.Linear(UNITS, 1)
    weights = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, fused=True)
    held = {name: batch(random, size) for name, size in (("val", VALIDATION), ("test", TEST))}

    def loss(x: numpy.ndarray, y: numpy.ndarray) -> torch.Tensor:
        outputs, _ = layer(torch.from_numpy(x))
        return torch.nn.functional.mse_loss(head(outputs[:, -1]), torch.from_numpy(y))

    for step in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss(*batch(random, BATCH)).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if (step + 1) % max(1, steps // EVALUATIONS) == 0:
            with torch.inference_mode():
                loss(*held["val"])
    with torch.inference_mode():
        return float(loss(*held["test"]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for cell in CELLS:
        for seed in range(int(sys.argv[1])):
            sys.stdout.write(f"{cell} {seed} {train(cell, seed, int(sys.argv[2])):.4g}\n")

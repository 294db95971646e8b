"""torch's own layers, `torch.nn.LSTM` and `torch.nn.GRU`."""

from __future__ import annotations

from typing import Any

import torch

from .contender import Started
from .data import arrays
from .size import Size


def layer(cell: str, features: int, units: int, **options: Any) -> Any:
    """Return torch's layer with this cell, batch first; its GRU resets after the product.

    Args:
        cell: ``lstm`` or ``gru_reset_after``.
        features: the width of x.
        units: the layer's width.
        options: further arguments of torch's recurrent layers.
    """
    kind = torch.nn.LSTM if cell == "lstm" else torch.nn.GRU
    return kind(features, units, batch_first=True, **options)


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the steps of torch's layer."""
    flush()
    built = layer(cell, size.features, size.units)
    return started(built, size, every_step, note=f"torch.nn.{type(built).__name__}")


def flush() -> None:
    """Have torch treat subnormal numbers as zero; call it before torch starts threads.

    Its threads inherit the setting. Gradients that fade over the steps become subnormal, and a
    processor then takes many times as long for a product. TensorFlow and JAX do this by themselves.
    """
    torch.set_flush_denormal(True)


def started(layer: Any, size: Size, every_step: bool, note: str) -> Started:
    """Return the steps of a torch layer with a head of one unit on it.

    Args:
        layer: a module from ``batch x time x features`` to outputs of every step and states.
        size: the sizes.
        every_step: whether the loss is taken at every step, or at the last only.
        note: what runs inside.
    """
    torch.manual_seed(0)
    x, y = (torch.from_numpy(value) for value in arrays(size, every_step))
    head = torch.nn.Linear(size.units, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], fused=True)

    def model() -> Any:
        outputs, _ = layer(x)
        return head(outputs if every_step else outputs[:, -1])

    def train() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(model(), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    def forward() -> Any:
        with torch.inference_mode():
            return model().numpy()

    return Started(train, forward, note, sum(p.numel() for p in layer.parameters()))

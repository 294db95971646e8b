"""The cells by hand in chunks in torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from .chunk_by_hand import IN_CHUNKS, layer_outputs
from .contender import Started
from .size import Size
from .torch_step import flush, started


class Arrays:
    """The array functions that the cells in chunks use, in torch."""

    matmul, reshape, exp, sigmoid = torch.matmul, torch.reshape, torch.exp, torch.sigmoid
    silu, elu, rsqrt = torch.nn.functional.silu, torch.nn.functional.elu, torch.rsqrt
    log_sigmoid, cumsum, sum = torch.nn.functional.logsigmoid, torch.cumsum, torch.sum
    transpose = torch.permute

    @staticmethod
    def constant(value: Any, like: Any) -> Any:
        """Return a NumPy array as a tensor with the type and device of ``like``."""
        return torch.as_tensor(value, dtype=like.dtype, device=like.device)

    @staticmethod
    def pad(x: Any, more: int) -> Any:
        """Return x with ``more`` steps of zeros after its last step."""
        return torch.nn.functional.pad(x, (0, 0, 0, more)) if more else x

    @staticmethod
    def split(value: Any, widths: Sequence[int]) -> Any:
        """Return parts of the last axis."""
        return torch.split(value, list(widths), dim=-1)

    @staticmethod
    def concat(values: Sequence[Any]) -> Any:
        """Return values side by side along the last axis."""
        return torch.cat(list(values), -1)

    @staticmethod
    def swapped(value: Any) -> Any:
        """Return a value with its last two axes swapped."""
        return value.transpose(-1, -2)

    @staticmethod
    def solve_unit_lower(below: Any, right: Any) -> Any:
        """Return ``(1 + below)^-1 right``, with a strictly lower triangular ``below``."""
        return torch.linalg.solve_triangular(below, right, upper=False, unitriangular=True)

    @staticmethod
    def scan(step: Callable[..., Any], values: Sequence[Any], state: Any) -> list[Any]:
        """Return what each chunk yields; ``step(state, *values)`` returns state and yields."""
        yielded = []
        for chunk in range(values[0].shape[2]):
            state, out = step(state, *(value[:, :, chunk] for value in values))
            yielded.append(out)
        return [torch.stack(parts, 2) for parts in zip(*yielded, strict=True)]


class InChunks(torch.nn.Module):
    """A cell with a matrix as state, in chunks; returns outputs and None for the states."""

    def __init__(self, cell: str, features: int, units: int) -> None:
        super().__init__()
        self.cell, self.units = IN_CHUNKS[cell], units
        self.own = torch.nn.ParameterDict()
        for name, shape in self.cell.shapes(features, units).items():
            value = torch.zeros(shape)
            if len(shape) > 1:
                torch.nn.init.xavier_uniform_(value)
            self.own[name.replace(".", "_")] = torch.nn.Parameter(value)

    def forward(self, x: Any) -> Any:
        """Return the outputs, ``batch x time x units``, and None."""
        weights = {name: self.own[name.replace(".", "_")] for name in self.shapes()}
        return layer_outputs(self.cell, Arrays, weights, x, self.units), None

    def shapes(self) -> list[str]:
        """Return the names of the weights."""
        return ["kernel", *self.cell.others]


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the steps of the torch module."""
    flush()
    built = InChunks(cell, size.features, size.units)
    return started(built, size, every_step, note="in chunks, by hand")

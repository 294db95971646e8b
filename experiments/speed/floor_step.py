"""The floor: the matrix products that a cell needs, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .by_hand import BY_HAND
from .contender import Started
from .size import Size

Product = Callable[[Any, Any, Any], None]


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the products of a forward pass, and of a training step, by NumPy or by torch.

    Forward: one product with x over all steps, and one a step for each recurrent matrix. Backward:
    one a step for each recurrent matrix, and one over all steps for each matrix' gradient; none for
    the gradient of x, which no layer needs.
    """
    if mode == "torch":
        import torch

        def array(*shape: int) -> Any:
            return torch.from_numpy(_drawn(shape))

        def product(a: Any, b: Any, out: Any) -> None:
            torch.mm(a, b, out=out)

    else:

        def array(*shape: int) -> Any:
            return _drawn(shape)

        def product(a: Any, b: Any, out: Any) -> None:
            np.matmul(a, b, out=out)

    forward, backward = passes(cell, size, array, product)

    def train() -> float:
        forward()
        backward()
        return 0.0

    return Started(
        train=train,
        forward=forward,
        note="matrix products only",
        parameters=BY_HAND[cell].count(size.features, size.units),
    )


def passes(
    cell: str, size: Size, array: Callable[..., Any], product: Product
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the products of the forward and of the backward pass.

    Args:
        cell: the cell's name.
        size: the sizes.
        array: ``array(*shape)`` returns an array.
        product: ``product(a, b, out)`` multiplies two of them.
    """
    shapes = BY_HAND[cell].shapes(size.features, size.units)
    square = {n: s for n, s in shapes.items() if len(s) == 2 and n != "kernel"}
    rows, steps = size.batch * size.time, range(size.time)
    x, kernel = array(rows, size.features), array(*shapes["kernel"])
    z = array(rows, shapes["kernel"][1])
    kernel_gradient = array(*shapes["kernel"])
    recurrent = {n: array(*s) for n, s in square.items()}
    gradient = {n: array(*s) for n, s in square.items()}
    read = {n: array(rows, s[0]) for n, s in square.items()}
    pre = {n: array(rows, s[1]) for n, s in square.items()}
    back = {n: array(rows, s[0]) for n, s in square.items()}
    place = [slice(step * size.batch, (step + 1) * size.batch) for step in steps]

    def forward() -> None:
        product(x, kernel, z)
        for at in place:
            for name, matrix in recurrent.items():
                product(read[name][at], matrix, pre[name][at])

    def backward() -> None:
        for at in reversed(place):
            for name, matrix in recurrent.items():
                product(pre[name][at], matrix.T, back[name][at])
        product(x.T, z, kernel_gradient)
        for name in recurrent:
            product(read[name].T, pre[name], gradient[name])

    return forward, backward


def _drawn(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype("float32")

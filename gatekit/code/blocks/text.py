"""A block as text, from which each framework's frame is filled."""

from __future__ import annotations

from dataclasses import dataclass

from gatekit.code.products import Layout


@dataclass(frozen=True)
class Carried:
    """The last inputs of a convolution: its name, their number, and the text of their width."""

    name: str
    steps: int
    width: str


@dataclass(frozen=True)
class BlockText:
    """What a frame puts around a cell.

    Attributes:
        title: the name of the class.
        about: the docstring of the file, as paragraphs.
        sized: whether sizes are arguments.
        tied: whether the cell has as many units as the model is wide, which is then one argument.
        width, units: the model's width and the cell's units.
        fed: the text of the width that the cell reads, where it is created.
        given_units: the text of the cell's units there.
        first: the lines that create the weights.
        last: the lines that create the weights that only the last block of a stack has.
        lines: the lines of the block.
        value: the text of its output.
        finish: the lines after the last block, which give the output another value.
        carried: the last inputs of convolutions.
        helpers: helper functions: source by name.
        layout: how weights are arranged, the cell's included.
        rate: the rate of the block's dropout.
        draws_noise: whether the block has dropout and the file draws it.
    """

    title: str
    about: list[str]
    sized: bool
    tied: bool
    width: int
    units: int
    fed: str
    given_units: str
    first: list[str]
    last: list[str]
    lines: list[str]
    value: str
    finish: list[str]
    carried: tuple[Carried, ...]
    helpers: dict[str, str]
    layout: Layout
    rate: float
    draws_noise: bool

"""The declarations of a block's methods as plain data: parts with their sizes, and a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatekit.cell.language.expression import Expr


@dataclass(frozen=True)
class Part:
    """One part of a block, with its sizes.

    Attributes:
        name: unique in its block.
        kind: ``norm``, ``dense``, ``convolution``, ``dropout``, ``mixer`` or ``layer``.
        of: its input.
        fed: the width of its input.
        width: the width of its output.
        options: other settings of its computation.
        count: the number of trained weights.
        flops: the floating-point operations of one step of a sequence.
        carried: the state size: the numbers that are carried between steps, per sequence.
    """

    name: str
    kind: str
    of: Expr
    fed: int
    width: int
    options: Mapping[str, Any] = field(default_factory=dict)
    count: int = 0
    flops: int = 0
    carried: int = 0


@dataclass(frozen=True)
class Mixer:
    """The properties of a built recurrent layer that a block uses.

    Attributes:
        width: the width of its output.
        count: the number of trained weights.
        flops: the floating-point operations of one step of a sequence.
        carried: the state size, per sequence.
    """

    width: int
    count: int = 0
    flops: int = 0
    carried: int = 0


@dataclass(frozen=True)
class Sketch:
    """The computation of one method of a block.

    Attributes:
        parts: the parts in the order in which they are computed.
        value: the result, in terms of parts and inputs.
        width: the width of the result.
        flops: the floating-point operations of one step that belong to no part.
    """

    parts: tuple[Part, ...]
    value: Expr
    width: int
    flops: int

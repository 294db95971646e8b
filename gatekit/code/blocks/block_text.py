"""Writes a block in the notation of a framework, with sizes as arguments if possible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gatekit.cell.block.built_block import BuiltBlock, build_block
from gatekit.cell.block.sequence import Own
from gatekit.cell.errors import ConfigError, GatekitError, listed
from gatekit.code.access import ACCESS
from gatekit.code.cell_text import CellText
from gatekit.code.sizes import FACTORS, Dim, agreed

from .emit import BlockText, Emitter, rate
from .operations import with_parts


def write(built: BuiltBlock, cell: CellText, to: str, prefix: str = "cell_") -> BlockText:
    """Return a block as text.

    Args:
        built: the block with its sizes.
        cell: its cell as text.
        to: the framework.
        prefix: the prefix of the names of the cell's functions.

    Raises:
        ConfigError: a part of the block cannot be written as code.
    """
    _refuse(built)
    framework, access = with_parts(to), ACCESS[to]

    def written(of: BuiltBlock, tied: bool) -> BlockText:
        return Emitter(of, cell, framework, access, tied, prefix).write()

    fixed = written(built, False)
    own: dict[str, Any] = {"about": fixed.about, "width": fixed.width, "units": fixed.units}
    for tied in (False, True) if cell.sized else ():
        if not tied or built.cell.units == built.width:
            text = agreed(replace(written(of, tied), **own) for of in _at_sizes(built, tied))
            if text is not None:
                return text
    return fixed


def _refuse(built: BuiltBlock) -> None:
    """Refuse a block that cannot be written as code."""
    if len(built.cell.inputs) > 1:
        raise ConfigError(
            f"the cell reads {listed(built.cell.inputs)}, but a block gives it one input; "
            "omit block to write the cell alone"
        )
    for op in (op for program in built.programs for op in program.ops):
        if isinstance(op, Own):
            raise ConfigError(
                f"the part {op.name!r} of the block {built.spec.kind!r} is a custom Keras layer, "
                "whose Python cannot be translated; build it from parts.dense, "
                "parts.convolution, parts.norm and gatekit.ops, or write the cell alone: omit block"
            )


def _at_sizes(built: BuiltBlock, tied: bool) -> Iterator[BuiltBlock]:
    """Yield the block at multiples of its sizes, which have names there, if its parts are equal."""
    for units, width in FACTORS:
        wide = Dim.named("width", built.width * (units if tied else width))
        with suppress(GatekitError):
            other = build_block(
                built.spec,
                built.cell.spec,
                built.cell.output.spec,
                width=wide,
                units=wide if tied else Dim.named("units", built.cell.units * units),
                dropout=rate(built),
                directions=built.directions,
                last=built.finish is not None,
            )
            if _names(other) == _names(built):
                yield other


def _names(built: BuiltBlock) -> list[str]:
    return [op.name for program in built.programs for op in program.ops]

"""Writes a block in the notation of a framework, with sizes as arguments if possible."""

from __future__ import annotations

from dataclasses import replace

from gatekit.cell.block.built_block import BuiltBlock, build_block
from gatekit.cell.block.sequence import Own
from gatekit.cell.errors import ConfigError, GatekitError, listed
from gatekit.code.cell_text import Access, CellText
from gatekit.code.sizes import MULTIPLES, SizeTexts, formulas

from .emit import BlockText, Emitter, rate
from .operations import with_parts


def write(
    built: BuiltBlock, cell: CellText, to: str, access: Access, prefix: str = "cell_"
) -> BlockText:
    """Return a block as text.

    Args:
        built: the block with its sizes.
        cell: its cell as text.
        to: the framework.
        access: how code in the frame refers to weights and sizes.
        prefix: the prefix of the names of the cell's functions.

    Raises:
        ConfigError: a part of the block cannot be written as code.
    """
    _refuse(built)
    framework = with_parts(to)

    def written(of: BuiltBlock, sizes: SizeTexts, tied: bool) -> BlockText:
        return Emitter(of, cell, framework, access, sizes, tied, prefix).write()

    for tied in (False, True) if cell.sized else ():
        others = _multiples(built, tied)
        if not others or (tied and built.cell.units != built.width):
            continue
        numbers = []
        for other in others:
            sizes = SizeTexts()
            written(other, sizes, tied)
            numbers.append(sizes.seen)
        at = [(other.cell.units, other.width) for other in others]
        texts = formulas(at, numbers)
        if texts is not None:
            text = written(built, SizeTexts(texts), tied)
            return replace(text, sized=True, tied=tied)
    return written(built, SizeTexts(), False)


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


def _multiples(built: BuiltBlock, tied: bool) -> list[BuiltBlock]:
    """Return the block at several sizes; an empty list if it cannot be built or its parts vary."""
    blocks, unit = [], built.cell.output.spec
    for units, width in MULTIPLES:
        try:
            other = build_block(
                built.spec,
                built.cell.spec,
                unit,
                width=built.width * (units if tied else width),
                units=built.cell.units * units,
                dropout=rate(built),
                directions=built.directions,
                last=built.finish is not None,
            )
        except GatekitError:
            return []
        if _names(other) != _names(built):
            return []
        blocks.append(other)
    return blocks


def _names(built: BuiltBlock) -> list[str]:
    return [op.name for program in built.programs for op in program.ops]

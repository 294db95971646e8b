"""Fills the template of each framework: a cell, a block around one, or a stack as a file.

The templates are in ``gatekit/code/templates``. `torch`, `jax` and `keras` have what the template
of each framework needs besides the texts, `shared` what all of them need. `file` puts the code into
a file with its imports.

No module here is public.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gatekit.code.blocks.emit import BlockText
from gatekit.code.cell_text import CellText
from gatekit.code.notations import FRAMEWORKS
from gatekit.code.stacks.around import NOTHING_AROUND
from gatekit.code.stacks.kinds import Kind, StackText

from . import jax, keras, torch
from .file import file_text, filled

_VIEWS = {"torch": torch, "jax": jax, "keras": keras}


def cell_file(cell: CellText, to: str) -> str:
    """Return the file of a cell."""
    view = _VIEWS[to]
    fixed = "" if cell.sized else f"{cell.features} features, {cell.units} units"
    helpers = with_hold(cell.all_helpers, to)
    body = body_of(cell, None, to)
    return file_text(cell.about, helpers, view.IMPORTS, view.constants(fixed), body)


def block_file(cell: CellText, block: BlockText, to: str) -> str:
    """Return the file of a block around a cell."""
    view = _VIEWS[to]
    fixed = "" if block.sized else f"width {block.width}, {block.units} units"
    helpers = with_hold({**cell.all_helpers, **block.helpers}, to)
    body = body_of(cell, block, to)
    return file_text(block.about, helpers, view.IMPORTS, view.constants(fixed), body)


def stack_file(stack: StackText, to: str) -> str:
    """Return the file of a stack: its kinds of layers, then the stack."""
    view, one = _VIEWS[to], stack.kinds[0]
    fixed = "" if any(kind.sized for kind in stack.kinds) else _fixed(one)
    around = stack.around or NOTHING_AROUND
    body = f"{kinds_of(stack, to)}\n\n{filled(to, 'stack', stack, view.stack(stack), around)}"
    helpers = with_hold(stack.helpers, to)
    return file_text(stack.about, helpers, view.IMPORTS, view.constants(fixed), body)


def with_hold(helpers: Mapping[str, str], to: str) -> dict[str, str]:
    """Return helper functions with the one that keeps states of several axes at masked steps."""
    hold = FRAMEWORKS[to].helpers.get("hold")
    return {**helpers, **({"hold": hold} if hold else {})}


def kinds_of(stack: StackText, to: str) -> str:
    """Return the code of the kinds of a stack's layers."""
    return "\n\n".join(body_of(kind.cell, kind.block, to, kind.prefix) for kind in stack.kinds)


def body_of(cell: CellText, block: BlockText | None, to: str, prefix: str = "") -> str:
    """Return the code of a cell, and of the block around it if there is one.

    Args:
        cell: the cell as text.
        block: the block, or None.
        to: the framework.
        prefix: what the names of functions begin with, where the framework has no classes.
    """
    view = _VIEWS[to]
    if to == "jax":
        own = jax.cell(cell, f"{prefix}cell_" if block else prefix)
        of_block = jax.block(replace(cell, constants={}), block, prefix) if block else {}
    else:
        own, of_block = view.cell(cell), view.block(cell, block) if block else {}
    body = filled(to, "cell", cell, own)
    return f"{body}\n\n{filled(to, 'block', block, of_block)}" if block else body


def _fixed(kind: Kind) -> str:
    if kind.block is not None:
        return f"width {kind.block.width}, {kind.block.units} units"
    return f"{kind.cell.features} features, {kind.cell.units} units"

"""What the template of PyTorch needs: a cell, a block around one, and a stack as modules."""

from __future__ import annotations

import re

from gatekit.code.blocks.emit import BlockText
from gatekit.code.cell_text import CellText
from gatekit.code.stacks.kinds import StackText

from .shared import (
    FirstStates,
    View,
    as_tuple,
    block_doc,
    block_view,
    call_doc,
    created,
    doc,
    first_states,
    layer_loop,
    listed,
    stack_call_doc,
    stack_doc,
    state_doc,
)

IMPORTS = {
    "import math": r"\bmath\.",
    "from pathlib import Path": r"\bPath\(",
    "from safetensors.torch import load_file": r"\bload_file\(",
    "import torch": r"\btorch\.",
    "import torch.nn.functional as F": r"\bF\.",
    "from torch import Tensor, nn": r"\bnn\.",
}
_FIRST = FirstStates(
    zeros="like.new_zeros({shape})",
    full="like.new_full({shape}, {value})",
    weight="self.{name}",
    learned="{weight}.expand(batch{rest})",
)


def constants(fixed: str) -> list[str]:
    """Return the lines before the helper functions; the docstring of a class says its sizes."""
    del fixed
    return ["State = tuple[Tensor, ...]"]


def cell(cell: CellText) -> View:
    """Return what the template needs of a cell."""
    stacks = cell.layout.stacks
    like = f"self.{stacks[0].attribute}" if stacks else "torch.zeros(0)"
    before, firsts = first_states(cell, _FIRST)
    uses = sum(text.count("like.") for text in firsts)
    if uses == 1:
        firsts = [text.replace("like.", f"{like}.") for text in firsts]
    before = [f"like = {like}", *before] if uses > 1 else before
    used = "\n".join([*cell.lines, *before, *firsts])
    sizes = [n for n in cell.sizes if re.search(rf"self\.{n}\b", used)]
    fixed = f"For {cell.features} features and {cell.units} units."
    names, project = ["x", *cell.inputs], cell.project
    inputs = arrays = names
    if project is not None:
        inputs = [*project.passed, *project.values]
        star = "*" if len(project.values) > 1 else ""
        arrays = [*project.passed, f"{star}self.project({', '.join(project.inputs)})"]
    parallel = cell.parallel
    return {
        "doc": doc(
            [
                f"A layer over the cell; states are {state_doc(cell)}.",
                *([] if cell.sized else [fixed]),
            ],
            4,
        ),
        # Type checkers cannot infer the types of weights that are not trained.
        "buffers": re.findall(r'register_buffer\("(\w+)"', "\n".join(cell.first)),
        "create": [*(f"self.{name} = {name}" for name in sizes), *cell.first],
        "like": like,
        "before": before,
        "first_states": as_tuple(firsts),
        "names": names,
        "step_inputs": inputs,
        "arrays": arrays,
        "starred": project is not None and len(project.values) > 1,
        "project": _returned(project.lines, project.values) if project else [],
        "new_states": as_tuple(cell.new),
        "last_states": as_tuple(parallel.new) if parallel else "",
        "call_doc": doc(call_doc(), 8),
        "parallel_doc": doc(["Return what forward returns, all steps at once."], 8),
    }


def _returned(lines: list[str], values: list[str]) -> list[str]:
    """Return the lines with a return of the values."""
    value = ", ".join(values)
    if lines[-1].startswith(f"{value} = "):
        return [*lines[:-1], lines[-1].replace(f"{value} =", "return", 1)]
    return [*lines, f"return {value}"]


def block(cell: CellText, block: BlockText) -> View:
    """Return what the template needs of a block."""
    view = block_view(cell, block, state_doc(cell))
    used = "\n".join([*block.lines, *(each.width for each in block.carried)])
    return {
        **view,
        "doc": block_doc(view, block),
        "attributes": [
            *(name for name in block.sizes if f"self.{name}" in used),
            *(["last"] if block.last else []),
        ],
        "like": block.layout.stacks[0].attribute,
        "call_doc": doc(call_doc("width", "width", *view["both"]), 8),
    }


def stack(stack: StackText) -> View:
    """Return what the template needs of a stack."""
    ends = ", {layer} is self.layers[-1]" if stack.ends else ""
    around = stack.around
    loop = layer_loop(stack, f"{{y}}, {{new}} = {{layer}}({{x}}, {{own}}, {{mask}}{ends})")
    return {
        "doc": stack_doc(stack),
        "layers": listed([created(stack, each, each.kind.title) for each in stack.layers]),
        "call_doc": doc(stack_call_doc(stack), 8),
        "lines": [*around.before, *loop, *around.after] if around else loop,
    }

"""The frame of PyTorch: a module."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gatekit.code import distributions
from gatekit.code.cell_text import Access, CellText
from gatekit.code.identifiers import WIDTH, docstring, wrapped

from .shared import (
    CALL,
    FirstStates,
    Lines,
    call_lines,
    file_text,
    first_states,
    indented,
    looped,
    mask_lines,
    return_lines,
    size_arguments,
    state_doc,
    step_lines,
    tuple_lines,
)

TORCH = Access(
    assign=lambda name, learned: (
        (f"self.{name} = nn.Parameter(", ")")
        if learned
        else (f'self.register_buffer("{name}", ', ")")
    ),
    draws=distributions.TORCH,
)


IMPORTS = {
    "import math": r"\bmath\.",
    "from pathlib import Path": r"\bPath\(",
    "from safetensors.torch import load_file": r"\bload_file\(",
    "import torch": r"\btorch\.",
    "import torch.nn.functional as F": r"\bF\.",
    "from torch import Tensor, nn": r"\bnn\.",
}
CONSTANTS = ["", "State = tuple[Tensor, ...]"]


def torch_file(cell: CellText) -> str:
    """Return the file for PyTorch: an `nn.Module`."""
    return file_text(cell, IMPORTS, CONSTANTS, [*torch_class(cell), *hold(cell)])


def torch_class(cell: CellText) -> Lines:
    """Return the lines of the class."""
    drops = ["drops"] if cell.drops else []
    like = f"self.{cell.layout.stacks[0].attribute}" if cell.layout.stacks else "torch.zeros(0)"
    before, firsts = first_states(
        cell,
        FirstStates(
            zeros="like.new_zeros({shape})",
            full="like.new_full({shape}, {value})",
            weight="self.{name}",
            learned="{weight}.expand(batch{rest})",
        ),
    )
    uses_like = any("like." in text for text in firsts)
    if uses_like and sum(text.count("like.") for text in firsts) == 1:
        firsts = [text.replace("like.", f"{like}.") for text in firsts]
        uses_like = False
    create = call_lines("def __init__(", ["self", *size_arguments(cell)], ") -> None:", WIDTH - 4)
    used = "\n".join([*cell.lines, *before, *firsts])
    attributes = [f"self.{n} = {n}" for n in cell.sizes if re.search(rf"self\.{n}\b", used)]
    doc = [
        f"A layer over the cell; states are {state_doc(cell)}.",
        *([] if cell.sized else [f"For {cell.features} features and {cell.units} units."]),
    ]

    def define(name: str, arrays: Sequence[str], values: int) -> Lines:
        given = [f"{array}: Tensor" for array in arrays]
        states = [] if values else [f"{each}: State" for each in ("state", *drops)]
        given = ["self", *(states + given if name == "advance" else given + states)]
        result = "tuple[Tensor, State]" if not values else "Tensor" if values == 1 else "State"
        return ["", *call_lines(f"def {name}(", given, f") -> {result}:", WIDTH - 4)]

    return [
        "",
        "",
        f"class {cell.title}(nn.Module):",
        *docstring(doc, "    "),
        "",
        *_buffers(cell),
        *indented(create),
        *indented(["super().__init__()", *attributes, *cell.first], 8),
        "",
        "    def initial_state(self, batch: int) -> State:",
        '        """Return the states before the first step."""',
        *([f"        like = {like}"] if uses_like else []),
        *indented([part for line in before for part in wrapped(line, WIDTH - 8)], 8),
        *indented(tuple_lines("return ", firsts, WIDTH - 8), 8),
        *_drops(cell, like),
        *indented(step_lines(cell, define, "", ["state", *drops], WIDTH - 8, "self.{}")),
        "",
        *over_time("forward", CALL, cell.inputs),
        *_at_once(cell),
        *indented(mask_lines("{0}.masked_fill(~mask[..., None], 0.0)", cell)),
        *_noise(cell),
        f"        y, outputs = x.new_zeros(x.shape[0], {cell.width}), []",
        *indented(_loop(cell, ["state", *drops]), 8),
        "            if mask is not None:",
        *indented(_torch_hold(cell), 16),
        "            y, state = new_y, new_state",
        "            outputs.append(y)",
        "        return torch.stack(outputs or [y], dim=1)[:, : x.shape[1]], state",
        *_parallel(cell),
    ]


def _loop(cell: CellText, more: list[str]) -> Lines:
    """Return the lines that begin the loop over time, up to the call of a step."""
    function, arrays = looped(cell, "self.project(")
    if function == "step" and len(arrays) > 1:
        lines, now = ["for t in range(x.shape[1]):"], ", ".join(f"{each}[:, t]" for each in arrays)
    elif len(arrays) > 1 or arrays[0].startswith("*"):
        listed = call_lines("arrays = [", arrays, "]", WIDTH - 8)
        lines = [*listed, "for t, now in enumerate(zip(*(each.unbind(1) for each in arrays))):"]
        now = "*now"
    else:
        lines, now = [f"for t, now in enumerate({arrays[0]}.unbind(1)):"], "now"
    given = [now, *more] if function == "step" else [*more, now]
    call = f"new_y, new_state = self.{function}({', '.join(given)})"
    return [*lines, *indented(wrapped(call, WIDTH - 12))]


def hold(cell: CellText) -> Lines:
    """Return the helper that keeps states of several axes at masked steps."""
    return [] if cell.vectors else _TORCH_HOLD.split("\n")


def _buffers(cell: CellText) -> Lines:
    """Return annotations of weights that are not trained; type checkers cannot infer them."""
    names = re.findall(r'register_buffer\(\s*"(\w+)"', "\n".join(cell.first))
    return [*(f"    {name}: Tensor" for name in names), *([""] if names else [])]


def over_time(
    name: str, doc: list[str], inputs: Iterable[str] = (), more: Iterable[str] = ()
) -> Lines:
    """Return the beginning of a method over all steps, up to its initial states."""
    given = ["self", "x: Tensor", *(f"{each}: Tensor" for each in inputs)]
    given += ["state: State | None = None", "mask: Tensor | None = None", *more]
    return [
        *indented(call_lines(f"def {name}(", given, ") -> tuple[Tensor, State]:", WIDTH - 4)),
        *docstring(doc, "        "),
        "        if state is None:",
        "            state = self.initial_state(x.shape[0])",
    ]


def _at_once(cell: CellText) -> Lines:
    """Return the lines that compute more than a few steps at once, where this is faster."""
    if cell.parallel is None or not cell.parallel.wins:
        return []
    names = ", ".join(["x", *cell.inputs, "state", "mask"])
    return ["        if x.shape[1] > 8:", f"            return self.parallel({names})"]


def _parallel(cell: CellText) -> Lines:
    """Return the method that computes all steps together, if there is one."""
    body = cell.parallel
    if body is None:
        return []
    names = ["x", *cell.inputs]
    return [
        "",
        *over_time("parallel", ["Return what forward returns, all steps at once."], cell.inputs),
        "        if x.shape[1] == 0:",
        f"            return self.forward({', '.join(names)}, state)",
        "        if mask is None:",
        "            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)",
        *(f"        {name} = {name}.masked_fill(~mask[..., None], 0.0)" for name in names),
        *indented(body.lines, 8),
        *indented(return_lines(body.emitted, body.new, WIDTH - 8), 8),
    ]


def _noise(cell: CellText) -> Lines:
    """Return the lines that draw a sequence's dropout masks; outside training they are ones."""
    lines: Lines = []
    if cell.dropout is not None:
        rate, width = cell.dropout
        lines += [
            f"        ones = x.new_ones(x.shape[0], 1, {width})",
            f"        x = x * F.dropout(ones, {rate}, self.training)",
        ]
    if cell.drops:
        lines.append("        drops = self.drops(x.shape[0])")
    return lines


def _drops(cell: CellText, like: str) -> Lines:
    """Return the method that draws the masks of recurrent dropout."""
    if not cell.drops:
        return []
    masks = [
        f"F.dropout(ones.expand(batch, {width}), {cell.recurrent_dropout}, self.training)"
        for width in cell.drops
    ]
    return [
        "",
        "    def drops(self, batch: int) -> State:",
        '        """Return the masks of recurrent dropout, one for each sequence."""',
        f"        ones = {like}.new_ones(1)",
        *indented(tuple_lines("return ", masks, WIDTH - 8), 8),
    ]


def _torch_hold(cell: CellText) -> Lines:
    if cell.vectors:
        held, axis = "torch.where(valid, new, old)", ", None"
    else:
        held, axis = "hold(valid, new, old)", ""
    return [
        f"valid = mask[:, t{axis}]",
        f"new_y = {held.replace('new, old', 'new_y, y')}",
        "pairs = zip(new_state, state)",
        f"new_state = tuple({held} for new, old in pairs)",
    ]


_TORCH_HOLD = """

def hold(valid: Tensor, new: Tensor, old: Tensor) -> Tensor:
    \"\"\"Return the old value where a step is masked.\"\"\"
    return torch.where(valid.view(-1, *[1] * (new.ndim - 1)), new, old)"""

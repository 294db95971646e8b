"""The frame of PyTorch: a module."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gatekit.code import draws
from gatekit.code.identifiers import WIDTH, docstring, wrapped
from gatekit.code.parts import Access, Parts

from .shared import (
    CALL,
    FirstStates,
    Lines,
    call_lines,
    file_text,
    first_states,
    indented,
    masked,
    returned,
    signature,
    state_doc,
    tuple_lines,
)

TORCH = Access(
    weight=lambda name: f"self.{name}",
    fixed=lambda name: f"self.{name}",
    units="self.units",
    features="self.features",
    first_units="units",
    first_features="features",
    assign=lambda name, learned: (
        (f"self.{name} = nn.Parameter(", ")")
        if learned
        else (f'self.register_buffer("{name}", ', ")")
    ),
    draws=draws.TORCH,
    indent=8,
)


IMPORTS = {
    "import math": r"\bmath\.",
    "import torch": r"\btorch\.",
    "import torch.nn.functional as F": r"\bF\.",
    "from torch import Tensor, nn": r"\bnn\.",
}
CONSTANTS = ["", "State = tuple[Tensor, ...]"]


def torch_file(parts: Parts) -> str:
    """Return the file for PyTorch: an `nn.Module`."""
    return file_text(parts, IMPORTS, CONSTANTS, [*torch_class(parts), *hold(parts)])


def torch_class(parts: Parts) -> Lines:
    """Return the lines of the class."""
    more = "".join(f", {name}: Tensor" for name in parts.inputs)
    drops, given_drops = (", drops: State", ", drops") if parts.drops else ("", "")
    given = "".join(f", {name}[:, t]" for name in parts.inputs)
    like = f"self.{parts.layout.stacks[0].attribute}" if parts.layout.stacks else "torch.zeros(0)"
    before, firsts = first_states(
        parts,
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
    if parts.sized:
        sizes = f"features: int = {parts.features}, units: int = {parts.units}"
        create = f"def __init__(self, {sizes}) -> None:"
        kept = ["super().__init__()"]
        used = "\n".join(
            [*parts.step, *before, *firsts, parts.width, *_noise(parts), *_drops(parts, like)]
        )
        kept += [f"self.{n} = {n}" for n in ("features", "units") if f"self.{n}" in used]
    else:
        create, kept = "def __init__(self) -> None:", ["super().__init__()"]
    doc = [
        f"A layer over the cell; states are {state_doc(parts)}.",
        *([] if parts.sized else [f"For {parts.features} features and {parts.units} units."]),
    ]
    stepped = f"self.step(x[:, t]{given}, state{given_drops})"
    return [
        "",
        "",
        f"class {parts.title}(nn.Module):",
        *docstring(doc, "    "),
        "",
        *_buffers(parts),
        f"    {create}",
        *indented([*kept, *parts.first], 8),
        "",
        "    def initial_state(self, batch: int) -> State:",
        '        """Return the states before the first step."""',
        *([f"        like = {like}"] if uses_like else []),
        *indented([*before, *tuple_lines("return ", firsts, WIDTH - 8)], 8),
        "",
        *_drops(parts, like),
        *indented(
            signature(
                f"def step(self, x: Tensor{more}, state: State{drops})",
                "tuple[Tensor, State]",
                WIDTH - 4,
            )
        ),
        '        """Return what a step emits, and its states; x is batch x features."""',
        *indented(parts.step, 8),
        *indented(returned(parts.emitted, parts.new, WIDTH - 8), 8),
        "",
        *over_time("forward", CALL, parts.inputs),
        *indented(masked("{0}.masked_fill(~mask[..., None], 0.0)", parts)),
        *_noise(parts),
        f"        y, outputs = x.new_zeros(len(x), {parts.width}), []",
        "        for t in range(x.shape[1]):",
        *indented(wrapped(f"new_y, new_state = {stepped}", WIDTH - 12), 12),
        "            if mask is not None:",
        *indented(_torch_hold(parts), 16),
        "            y, state = new_y, new_state",
        "            outputs.append(y)",
        "        return torch.stack(outputs or [y], dim=1)[:, : x.shape[1]], state",
        *_parallel(parts),
    ]


def hold(parts: Parts) -> Lines:
    """Return the function that keeps states of several axes where a step is masked."""
    return [] if parts.vectors else _TORCH_HOLD.split("\n")


def _buffers(parts: Parts) -> Lines:
    """Return the types of weights that are not trained, which type checkers cannot know."""
    names = re.findall(r'register_buffer\(\s*"(\w+)"', "\n".join(parts.first))
    return [*(f"    {name}: Tensor" for name in names), *([""] if names else [])]


def over_time(name: str, doc: list[str], inputs: Iterable[str] = ()) -> Lines:
    """Return how a method over all steps begins: until it has states."""
    given = ["self", "x: Tensor", *(f"{each}: Tensor" for each in inputs)]
    given += ["state: State | None = None", "mask: Tensor | None = None"]
    return [
        *indented(call_lines(f"def {name}(", given, ") -> tuple[Tensor, State]:", WIDTH - 4)),
        *docstring(doc, "        "),
        "        if state is None:",
        "            state = self.initial_state(len(x))",
    ]


def _parallel(parts: Parts) -> Lines:
    """Return the method that computes all steps at once, if there is one."""
    body = parts.parallel
    if body is None:
        return []
    names = ["x", *parts.inputs]
    return [
        "",
        *over_time("parallel", ["Return what forward returns, all steps at once."], parts.inputs),
        "        if mask is None:",
        "            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)",
        *(f"        {name} = {name}.masked_fill(~mask[..., None], 0.0)" for name in names),
        *indented(body.lines, 8),
        *indented(returned(body.emitted, body.new, WIDTH - 8), 8),
    ]


def _noise(parts: Parts) -> Lines:
    """Return the lines that draw a sequence's masks of dropout; outside training they are ones."""
    lines: Lines = []
    if parts.dropout is not None:
        rate, width = parts.dropout
        lines += [
            f"        ones = x.new_ones(len(x), 1, {width})",
            f"        x = x * F.dropout(ones, {rate}, self.training)",
        ]
    if parts.drops:
        lines.append("        drops = self.drops(len(x))")
    return lines


def _drops(parts: Parts, like: str) -> Lines:
    """Return the method that draws the masks of recurrent dropout."""
    if not parts.drops:
        return []
    masks = [
        f"F.dropout(ones.expand(batch, {width}), {parts.recurrent_dropout}, self.training)"
        for width in parts.drops
    ]
    return [
        "    def drops(self, batch: int) -> State:",
        '        """Return the masks of recurrent dropout, one for each sequence."""',
        f"        ones = {like}.new_ones(1)",
        *indented(tuple_lines("return ", masks, WIDTH - 8), 8),
        "",
    ]


def _torch_hold(parts: Parts) -> Lines:
    if parts.vectors:
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

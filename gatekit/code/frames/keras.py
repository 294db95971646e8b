"""What the template of Keras 3 needs: a step cell, and a block and a stack as layers."""

from __future__ import annotations

import re
from collections import Counter

from gatekit.cell.owned import NOISES
from gatekit.code.blocks.emit import BlockText
from gatekit.code.cell_text import CellText
from gatekit.code.stacks.kinds import StackText

from .shared import (
    FirstStates,
    View,
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
    "from safetensors.numpy import load_file": r"\bload_file\(",
    "import keras": r"\bkeras\.",
    "from keras import ops": r"\bops\.",
}
_FIRST = FirstStates(
    zeros="ops.zeros({shape}, dtype)",
    full="ops.full({shape}, {value}, dtype)",
    weight="self.{name}",
    learned="ops.tile({weight}[None], (batch{ones}))",
)

_UNIFORM = ["keras.random.uniform(shape, 1e-7, 1 - 1e-7, seed=seed)"]
_DRAWS = {
    "uniform": _UNIFORM,
    "normal": ["keras.random.normal(shape, seed=seed)"],
    "gumbel": [*_UNIFORM, "-ops.log(-ops.log(draw))"],
    "logistic": [*_UNIFORM, "-ops.log(1 / draw - 1)"],
}


def constants(fixed: str) -> list[str]:
    """Return the lines before the helper functions: none."""
    del fixed
    return []


def layer_of(cell: CellText) -> str:
    """Return the class that runs the cell over time."""
    return cell.title if cell.draws_noise else "keras.layers.RNN"


def cell(cell: CellText) -> View:
    """Return what the template needs of a cell."""
    _, firsts = first_states(cell, _FIRST)
    sizes, new = [state.shape[0] for state in cell.states], cell.new
    if last_first := _carries_output(cell):
        sizes.insert(0, cell.width)
        firsts.insert(0, f"ops.zeros((batch, {cell.width}), dtype)")
        new = [cell.emitted, *new]
    ends = _ends(cell)
    unpacked = _unpacked(cell, "states[1:]" if last_first else "states")
    read = [*sizes, *firsts, *cell.step, *ends, *unpacked, cell.width]
    inner = {name: _inner(width) for name, width in (cell.inputs or {}).items()}
    features = _inner(cell.dropout[1]) if cell.dropout else ""
    read += [features] if inner else []
    call = ["Return what a step emits, and its states; inputs are batch x features."]
    call += [f"In training, what {cell.title} draws comes beside them."] if ends else []
    arguments, again = _arguments(cell, "\n".join(read))
    means = [f"ops.full((1, {w}), {r}, inputs.dtype)" if m else str(r) for r, w, m in cell.zoneout]
    means += [f"ops.full((1, {w}), {NOISES[kind]}, inputs.dtype)" for kind, w in cell.noises]
    return {
        "doc": doc(_about(cell), 4),
        "arguments": arguments,
        "again": again,
        "state_sizes": sizes,
        "first_states": firsts,
        "typed": any("dtype" in text for text in firsts),
        "new_states": new,
        "call_doc": doc(call, 8),
        "ends": ends,
        "means": [*["1.0"] * len(cell.drops), *means],
        "unpacked": unpacked,
        "noise": [
            *(["dropout"] if cell.dropout or cell.drops else []),
            *(["zoneout"] if cell.zoneout else []),
            *(["noise"] if cell.noises else []),
        ],
        "drops_features": cell.dropout is not None and not cell.inputs,
        "features": features,
        "drops": [_inner(width) for width in cell.drops],
        "zoneout": [f"({rate}, {_inner(width)})" for rate, width, _ in cell.zoneout],
        "noises": [(_DRAWS[kind], _inner(width)) for kind, width in cell.noises],
    }


def _inner(width: str) -> str:
    """Return a width as the layer over time has it."""
    return width.replace("self.", "self.cell.")


def _about(cell: CellText) -> list[str]:
    title = f"{cell.title}Cell"
    about = [
        f"One step; states are {state_text(cell)}.",
        "A layer over time, which heeds masks: "
        f"{layer_of(cell)}({title}(), return_sequences=True).",
    ]
    if cell.inputs:  # keras.layers.RNN passes only one
        names = ", ".join(["x", *cell.inputs])
        about.append(f"Its inputs are side by side: ops.concatenate([{names}], axis=-1).")
    return about


def _arguments(cell: CellText, read: str) -> tuple[list[str], list[str]]:
    """Return the arguments for sizes, and the lines of build that take them up again."""
    arguments = [f"{name}: int = {size}" for name, size in cell.sizes.items()]
    used = [name for name in cell.sizes if name in cell.sizes_in(cell.first)]
    again = [f"{name} = self.{name}" for name in used]
    if "features" in used and "features" not in read:
        # Only the weights need the width of the input, which Keras knows when it builds them.
        arguments[0] = "features: int | None = None"
        again[0] = "features = self.features = self.features or input_shape[-1]"
    return arguments, again


def _carries_output(cell: CellText) -> bool:
    """Return whether the file adds the last output to the states, for masked steps.

    Keras on JAX takes the output of a masked step from the first state.
    """
    return not cell.new or cell.new[0] != cell.emitted


def state_text(cell: CellText) -> str:
    """Return the states with their shapes, for a docstring."""
    if not _carries_output(cell):
        return state_doc(cell)
    of_cell = [state_doc(cell)] if cell.states else []
    width = cell.width.replace("self.", "")
    return ", ".join([f"the last output (batch x {width})", *of_cell])


def _input_widths(cell: CellText) -> list[str]:
    return ["self.features" if cell.sized else str(cell.features), *cell.inputs.values()]


def _ends(cell: CellText) -> list[str]:
    """Return where the inputs and each draw of a step end: masks, where zoneout holds, noises."""
    drawn = [*cell.drops, *(width for _, width, _ in cell.zoneout)]
    drawn += [width for _, width in cell.noises]
    whole = [*_input_widths(cell), *drawn]
    return [_total(whole[:count]) for count in range(len(whole) - len(drawn), len(whole))]


def _unpacked(cell: CellText, states: str) -> list[str]:
    if not cell.states:
        states = ""
    if not cell.inputs:
        return [f"x, state = inputs, {states}"] if states else ["x = inputs"]
    widths = _input_widths(cell)
    ends = [_total(widths[:count]) for count in range(1, len(widths))]
    cut = str(len(widths)) if len(set(widths)) == 1 else f"[{', '.join(ends)}]"
    line = f"{', '.join(['x', *cell.inputs])} = ops.split(inputs, {cut}, axis=-1)"
    return [*([f"state = {states}"] if states else []), line]


def _total(widths: list[str]) -> str:
    counts = Counter(widths)
    return " + ".join(f"{n} * {width}" if n > 1 else width for width, n in counts.items())


def block(cell: CellText, block: BlockText) -> View:
    """Return what the template needs of a block."""
    view = block_view(cell, block, state_text(cell))
    first = "\n".join([*block.first, *block.last, block.fed])
    call = call_doc("width", "width", *view["both"])
    call[0] = call[0].replace("the last states", "a list of the last states")
    call[1] = call[1].replace("x is", "inputs are", 1)
    return {
        **view,
        "doc": block_doc(view, block),
        "attributes": [*block.sizes, *(["last"] if block.last else [])],
        "again": [n for n in block.sizes if re.search(rf"\b{n}\b", first)],
        "cell_sizes": f"{view['cell_sizes']}, " if block.sized else "",
        "layer": layer_of(cell),
        "noisy": block.draws_noise or cell.draws_noise,
        "call_doc": doc(call, 8),
    }


def stack(stack: StackText) -> View:
    """Return what the template needs of a stack."""
    block, around = stack.kinds[0].block, stack.around
    owner = "layers" if around is None else "recurrent"  # a keras.Model has layers of its own
    titles = [f"{layer.kind.title}{'' if block else 'Cell'}" for layer in stack.layers]
    pairs = zip(stack.layers, titles, strict=True)
    over_time = [layer_of(layer.kind.cell) for layer in stack.layers]
    widths = listed([layer.features for layer in stack.layers])
    call = "{y}, {new} = " if block else "{y}, *{new} = "
    call += "{layer}({x}, initial_state={own}, mask={mask}"
    call += ", training=training" if stack.noisy else ""
    call += f", ends={{layer}} is self.{owner}[-1])" if stack.ends else ")"
    loop = layer_loop(stack, call, f"self.{owner}")
    shape = f"(None, None, {block.width})" if block and around else "input_shape"
    return {
        "doc": stack_doc(stack),
        "layers_name": owner,
        "layers": listed([created(stack, *pair, after="dtype=dtype") for pair in pairs]),
        "blocks": shape if block else "",
        "kinds": listed(over_time) if len(set(over_time)) > 1 else [],
        "over_time": over_time[0],
        "again": [n for n in stack.sizes if any(n in width for width in widths)],
        "widths": widths,
        "call_doc": doc(stack_call_doc(stack, "inputs are"), 8),
        "lines": [*around.before, *loop, *around.after] if around else loop,
    }

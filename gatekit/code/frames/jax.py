"""What the template of JAX needs: a cell, a block around one, and a stack as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatekit.code.blocks.emit import BlockText
from gatekit.code.cell_text import CellText
from gatekit.code.stacks.kinds import StackText, noisy

from .shared import (
    LAST,
    RNG,
    FirstStates,
    View,
    as_tuple,
    backward_mask,
    block_view,
    call_doc,
    created,
    doc,
    first_states,
    listed,
    stack_call_doc,
    state_doc,
)

IMPORTS = {
    "import math": r"\bmath\.",
    "from pathlib import Path": r"\bPath\(",
    "from collections.abc import Iterator": r"\bIterator\b",
    "import jax": r"\bjax\.",
    "import jax.numpy as jnp": r"\bjnp\.",
    "from safetensors.flax import load_file": r"\bload_file\(",
}
_RNG = "rng: jax.Array | None = None"


def constants(fixed: str) -> list[str]:
    """Return the type aliases of a file, after a comment on sizes that are fixed."""
    about = [f"# The sizes are fixed: {fixed}."] if fixed else []
    return [*about, "Weights = dict[str, jax.Array]", "State = tuple[jax.Array, ...]"]


def cell(cell: CellText, prefix: str = "") -> View:
    """Return what the template needs of a cell; names of functions start with the prefix."""
    stacks = cell.layout.stacks
    dtype = f'params["{stacks[0].attribute}"].dtype' if stacks else ""
    before, firsts = first_states(
        cell,
        FirstStates(
            zeros=f"jnp.zeros({{shape}}{', dtype' if dtype else ''})",
            full=f"jnp.full({{shape}}, {{value}}{', dtype' if dtype else ''})",
            weight='params["{name}"]',
            learned="jnp.tile({weight}, (batch{ones}))",
        ),
    )
    if any("dtype" in text for text in firsts):
        before.insert(0, f"dtype = {dtype}")
    noise = cell.draws_noise
    init = {"features", "units", *cell.sizes_in(cell.first)}
    width = (cell.sizes_from or {}).get(cell.width, "")
    width = cell.width if not width or cell.width in cell.sizes_in(cell.drops) else width
    parallel = cell.parallel
    return {
        "prefix": prefix,
        "inputs": [*cell.inputs],
        "names": ["x", *cell.inputs],
        "init_sizes": {name: size for name, size in cell.sizes.items() if name in init},
        "draws": "next(keys)" in "\n".join(cell.first),
        "parameters": [f"{name}: int = {cell.constants[name]}" for name in cell.given],
        "passed": "".join(f", {name}={name}" for name in cell.given),
        "doc": doc([f"Return the states before the first step: {state_doc(cell)}."], 4),
        "before": [*_sizes(cell, [*before, *firsts]), *before],
        "first_states": as_tuple(firsts),
        "step": [*_sizes(cell, cell.step), *cell.step],
        "new_states": as_tuple(cell.new),
        "call_doc": doc(call_doc("units", "features", *([RNG] if noise else [])), 4),
        "rng": [_RNG] if noise else [],
        "dtype": dtype,
        "inline": not cell.inputs and not cell.drops,
        "sizes_of_apply": _sizes(cell, [*cell.drops, width]),
        "draw": len(cell.drops) + 1,
        "width": width,
        "parallel": [*_sizes(cell, parallel.lines), *parallel.lines] if parallel else [],
        "parallel_doc": doc([f"Return what {prefix}apply returns, all steps at once."], 4),
        "last_states": as_tuple(parallel.new) if parallel else "",
    }


def _sizes(cell: CellText, lines: Sequence[str]) -> list[str]:
    """Return the definitions of the sizes that lines read, unless they are arguments."""
    known = {"features": "x.shape[-1]", **(cell.sizes_from or {})}
    read = cell.sizes_in(lines)
    read |= cell.sizes_in(known.get(name, "") for name in read)
    order = sorted(read.difference(cell.given), key=lambda name: (name not in cell.constants, name))
    return [f"{name} = {known[name]}" for name in order]


def block(cell: CellText, block: BlockText, prefix: str = "") -> View:
    """Return what the template needs of a block; names of functions start with the prefix."""
    view = block_view(cell, block, state_doc(cell))
    noise = block.draws_noise or cell.draws_noise
    of_cells = block.directions * len(cell.layout.stacks)
    about = "Return the initial values of the weights by name."
    sizes = view["cell_sizes"]
    return {
        **view,
        "prefix": prefix,
        "inputs": [],
        "passed": "",
        "cell_sizes": f", {sizes}" if sizes else "",
        "init_doc": doc([about, *([LAST] if block.last else [])], 4),
        "doc": doc([f"Return the states before the first step: {view['states']}."], 4),
        "call_doc": doc(call_doc("width", "width", *([RNG] if noise else []), *view["both"]), 4),
        "rng": [
            *([_RNG] if noise else []),
            *(["ends: bool = False"] if block.directions > 1 else []),
        ],
        "final": block.layout.stacks[len(block.layout.stacks) - of_cells - 1].attribute,
    }


def stack(stack: StackText) -> View:
    """Return what the template needs of a stack."""
    around: Any = stack.around
    params = 'params["layers"]' if around else "params"
    layers = [
        created(stack, layer, f"{layer.kind.prefix}init", before="next(keys)")
        for layer in stack.layers
    ]
    lines = _rows(stack, params)
    about = "Return the initial values of the weights; those of layers are in a list."
    return {
        "weights": "dict" if around else "list[Weights]",
        "init_doc": about if around else "Return the initial values of the weights of each layer.",
        "layers": listed(layers),
        "params": params,
        "call_doc": doc([*stack_call_doc(stack), *([RNG] if stack.noisy else [])], 4),
        "lines": [*around.before, *lines, *around.after] if around else lines,
    }


def _rows(stack: StackText, params: str) -> list[str]:
    """Return the lines that compute the layers, one after the other."""
    count = len(stack.layers)
    lines = backward_mask(stack)
    if stack.noisy:
        lines = [
            f"keys: list = [None] * {count}",
            "if rng is not None:",
            f"    keys = list(jax.random.split(rng, {count}))",
            *lines,
        ]
    for number, row in enumerate(stack.built.rows):
        first_of = number * stack.built.directions

        def called(place: int, y: str, x: str, first_of: int = first_of) -> str:
            index, mask = first_of + place, "mask_back" if place else "mask"
            layer = stack.layers[index].kind
            rng = f", keys[{index}]" if stack.noisy and noisy(layer) else ""
            rng += ", ends=True" if stack.ends and index + 1 == count else ""
            given = f"{params}[{index}], {x}, states[{index}], {mask}{rng}"
            return f"{y}, state_{index} = {layer.prefix}apply({given})"

        lines += stack.spelling.row(row, called, rng=f"keys[{first_of}]")
    return lines

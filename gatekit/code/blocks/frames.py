"""Writes the file of a block: the cell's class or functions, then those of the block."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gatekit.code.cell_text import CellText
from gatekit.code.frames import jax, keras, torch
from gatekit.code.frames.shared import (
    Lines,
    call_lines,
    file_text,
    indented,
    state_doc,
)
from gatekit.code.identifiers import WIDTH, docstring

from .emit import BlockText

_LAST = "last: whether it is the last block of a stack, whose output has a further norm."
_KERAS_CALL = [
    "Return what every step emits, batch x time x width, and a list of the last states.",
    "inputs are batch x time x width; mask is batch x time, true where a step is valid.",
]
_CALL = [
    "Return what every step emits, batch x time x width, and the last states.",
    "x is batch x time x width; mask is batch x time, true where a step is valid.",
]


def _file(
    cell: CellText, block: BlockText, imports: Mapping[str, str], constants: Lines, body: Lines
) -> str:
    about = replace(cell, about=block.about, helpers={**cell.helpers, **block.helpers})
    return file_text(about, imports, constants, body)


def torch_file(cell: CellText, block: BlockText) -> str:
    """Return the file for PyTorch: two modules, the cell and the block around it."""
    body = [*torch_body(cell, block), *torch.hold(cell)]
    return _file(cell, block, torch.IMPORTS, torch.CONSTANTS, body)


def torch_body(cell: CellText, block: BlockText) -> Lines:
    """Return the lines of the cell's module and of the block's module."""
    sizes, attributes = _sizes(block)
    used = "\n".join([*block.lines, *(each.width for each in block.carried)])
    attributes = [line for line in attributes if line.split(" = ")[0] in used]
    given = ["self", *sizes, *(["last: bool = True"] if block.last else [])]
    turns = ("", "backward_")[: block.directions]
    first = [f"self.{turn}rnn = {cell.title}({_cell_sizes(block)})" for turn in turns]
    first += block.first
    zeros = [f"like.new_zeros((batch, {each.steps}, {each.width}))" for each in block.carried]
    like = block.layout.stacks[0].attribute
    body = [
        "",
        "",
        f"class {block.title}(nn.Module):",
        *docstring(
            [
                f"The block around the cell; states are {_states(state_doc(cell), block)}.",
                *([_LAST] if block.last else []),
            ],
            "    ",
        ),
        "",
        *indented(call_lines("def __init__(", given, ") -> None:", WIDTH - 4)),
        "        super().__init__()",
        *indented([*attributes, *(["self.last = last"] if block.last else []), *first], 8),
        *_if(block.last, "        if last:"),
        "",
        "    def initial_state(self, batch: int) -> State:",
        '        """Return the states before the first step."""',
        *([f"        like = self.{like}"] if zeros else []),
        *indented(_first_states("self.rnn.initial_state(batch)", zeros, WIDTH - 8), 8),
        "",
        *torch.over_time("forward", [*_CALL, *_ends(block)], more=_given_ends(block, ": bool")),
        *indented(_body(block, "x.masked_fill(~mask[..., None], 0.0)", "self.last"), 8),
    ]
    return [*torch.torch_class(cell), *body]


def keras_file(cell: CellText, block: BlockText) -> str:
    """Return the file for Keras 3: a step cell, and a layer of the block around it."""
    cell_lines = [*keras.keras_class(cell), *keras.noisy_layer(cell)]
    return _file(cell, block, keras.IMPORTS, [], [*cell_lines, *keras_body(cell, block)])


def keras_body(cell: CellText, block: BlockText) -> Lines:
    """Return the lines of the layer around the step cell."""
    sizes, attributes = _sizes(block)
    names = [*block.sizes]
    given = ["self", *sizes, *(["last: bool = True"] if block.last else []), "**options"]
    attributes += ["self.last = last"] if block.last else []
    first = "\n".join([*block.first, *block.last, block.fed])
    again = [f"{n} = self.{n}" for n in names if re.search(rf"\b{n}\b", first)]
    zeros = [
        f"ops.zeros((batch, {each.steps}, {each.width}), self.variable_dtype)"
        for each in block.carried
    ]
    cell_sizes = f"{_cell_sizes(block)}, " if block.sized else ""
    rate = f"{block.rate}, dtype=self.dtype_policy"
    noisy, both = block.draws_noise or cell.draws_noise, block.directions > 1
    return [
        "",
        "",
        keras.REGISTERED,
        f"class {block.title}(keras.layers.Layer):",
        *docstring(
            [
                f"The block around the cell; states are {_states(keras.state_text(cell), block)}.",
                *([_LAST] if block.last else []),
            ],
            "    ",
        ),
        "",
        *indented(call_lines("def __init__(", given, "):", WIDTH - 4)),
        "        super().__init__(**options)",
        *indented(attributes, 8),
        "        self.supports_masking = True",
        *_keras_cell(cell, cell_sizes, "rnn", ""),
        *(_keras_cell(cell, cell_sizes, "backward_rnn", "backward") if both else []),
        *([f"        self.dropout = keras.layers.Dropout({rate})"] if block.draws_noise else []),
        *keras.NEW_WEIGHT,
        "    def build(self, input_shape):",
        '        """Create the weights."""',
        *indented(again, 8),
        f"        self.rnn.build((None, None, {block.fed}))",
        *([f"        self.backward_rnn.build((None, None, {block.fed}))"] if both else []),
        *indented(block.first, 8),
        *_if(block.last, "        if self.last:"),
        "",
        "    def get_initial_state(self, batch_size=None):",
        '        """Return the states before the first step."""',
        "        batch = batch_size",
        *indented(_first_states("self.rnn.get_initial_state(batch)", zeros, WIDTH - 8, "[]"), 8),
        "",
        "    def call(self, inputs, initial_state=None, mask=None"
        f"{', training=False' if noisy else ''}{', ends=False' if both else ''}):",
        *docstring([*_KERAS_CALL, *_ends(block)], "        "),
        "        x, state = inputs, initial_state",
        "        if state is None:",
        "            state = self.get_initial_state(ops.shape(x)[0])",
        *indented(_body(block, "ops.where(mask[..., None], x, 0.0)", "self.last", listed=True), 8),
        *keras.get_config("layer", [*names, *(["last"] if block.last else [])]),
    ]


def jax_file(cell: CellText, block: BlockText) -> str:
    """Return the file for JAX: functions that take a dictionary of weights."""
    body = [*jax.functions_body(cell, "cell_"), *functions_of(cell, block)]
    return _file(cell, block, jax.IMPORTS, jax.type_aliases(fixed_sizes(block)), body)


FRAMES: dict[str, Callable[[CellText, BlockText], str]] = {
    "torch": torch_file,
    "jax": jax_file,
    "keras": keras_file,
}


def functions_of(cell: CellText, block: BlockText, prefix: str = "") -> Lines:
    """Return the functions of a block for JAX, after those of its cell.

    Args:
        cell: the cell as text.
        block: the block.
        prefix: the prefix of the names of its functions.
    """
    cell_prefix = f"{prefix}cell_"
    doc = ["Return the initial values of the weights by name.", *([_LAST] if block.last else [])]
    given = [*_sizes(block)[0], *(["last: bool = True"] if block.last else [])]
    noise = block.draws_noise or cell.draws_noise
    rng = ["rng: jax.Array | None = None"] if noise else []
    rng += _given_ends(block, ": bool")
    doc_of_call = [*_CALL, *([jax.RNG] if noise else []), *_ends(block)]
    given_cell = ", ".join(filter(None, ["next(keys)", _cell_sizes(block)]))
    first_cell = f"{cell_prefix}init({given_cell})"
    kernels = [f'{each.kernel} = params["{each.kernel}"]' for each in block.carried]
    zeros = [
        f"jnp.zeros((batch, {each.steps}, {each.kernel}.shape[1]), {each.kernel}.dtype)"
        for each in block.carried
    ]
    of_cells = block.directions * len(cell.layout.stacks)
    final = block.layout.stacks[len(block.layout.stacks) - of_cells - 1].attribute
    return [
        "",
        "",
        *call_lines(f"def {prefix}init(", ["key: jax.Array", *given], ") -> Weights:"),
        *docstring(doc, "    "),
        "    keys = keys_from(key)",
        f"    params = {first_cell}",
        *(
            [
                f"    back = {first_cell}",
                '    params |= {f"backward_{name}": weight for name, weight in back.items()}',
            ]
            if block.directions > 1
            else []
        ),
        *indented(block.first),
        *_if(block.last, "    if last:"),
        "    return params",
        "",
        "",
        f"def {prefix}initial_state(params: Weights, batch: int) -> State:",
        *docstring(
            [f"Return the states before the first step: {_states(state_doc(cell), block)}."],
            "    ",
        ),
        *indented(kernels),
        *indented(_first_states(f"{cell_prefix}initial_state(params, batch)", zeros, WIDTH - 4)),
        "",
        "",
        *jax.over_time("apply", replace(cell, constants={}), doc_of_call, rng, prefix),
        *indented(
            _body(
                block,
                "jnp.where(mask[..., None], x, 0.0)",
                f'"{final}" in params' if block.last else "",
            )
        ),
    ]


def fixed_sizes(block: BlockText) -> str:
    """Return the sizes of a block that are fixed, for a comment; empty if they are arguments."""
    return "" if block.sized else f"width {block.width}, {block.units} units"


def _ends(block: BlockText) -> list[str]:
    """Return what is documented of the argument of blocks that read time in both directions."""
    both = "Time is read in both directions; states are those of the forward direction."
    ends = "ends: whether to return only the last valid step of each direction."
    return [both, ends] if block.directions > 1 else []


def _given_ends(block: BlockText, typed: str) -> list[str]:
    return [f"ends{typed} = False"] if block.directions > 1 else []


def _keras_cell(cell: CellText, sizes: str, attribute: str, name: str) -> Lines:
    """Return the lines that create the recurrent layer of a direction."""
    options = ["return_sequences=True", "return_state=True", "dtype=self.dtype_policy"]
    given = ["cell", *options, *([f'name="{name}"'] if name else [])]
    line = f"            {', '.join(given)}"
    return [
        f"        cell = {cell.title}Cell({sizes}dtype=self.dtype_policy)",
        f"        self.{attribute} = {keras.layer_of(cell)}(",
        *([line] if len(line) <= WIDTH else [f"            {each}," for each in given]),
        "        )",
    ]


def _sizes(block: BlockText) -> tuple[list[str], Lines]:
    """Return the size arguments of a class, and the lines that store them."""
    return (
        [f"{name}: int = {size}" for name, size in block.sizes.items()],
        [f"self.{name} = {name}" for name in block.sizes],
    )


def _cell_sizes(block: BlockText) -> str:
    return f"{block.fed}, {block.given_units}" if block.sized else ""


def _states(of_cell: str, block: BlockText) -> str:
    texts = [
        f"{each.name} (batch x {each.steps} x {each.width})".replace("self.", "")
        for each in block.carried
    ]
    cell_states = [] if of_cell == "none" else [of_cell]
    return ", ".join([*cell_states, *texts]) or "none"


def _if(lines: Lines, condition: str) -> Lines:
    by = len(condition) - len(condition.lstrip()) + 4
    return [condition, *indented(lines, by)] if lines else []


def _first_states(cell_state: str, zeros: Sequence[str], room: int, brackets: str = "()") -> Lines:
    if not zeros:
        return [f"return {cell_state}"]
    return call_lines(f"return {brackets[0]}", [f"*{cell_state}", *zeros], brackets[1], room)


def _body(block: BlockText, masked: str, last: str, listed: bool = False) -> Lines:
    """Return the lines of a block, from its states to its return."""
    carried = [each.name for each in block.carried]
    count = len(carried)
    split = f"cell_state, ({', '.join(carried)}) = state[:-{count}], state[-{count}:]"
    if count == 1:
        split = f"cell_state, {carried[0]} = state[:-1], state[-1]"
    finish = _if(block.finish, f"if {last}:") if last and block.last else block.finish
    state = f"*cell_state, {', '.join(carried)}"
    state = (f"[{state}]" if listed else f"({state})") if carried else "state"
    return [
        *([split] if carried else []),
        "if mask is not None:",
        f"    x = {masked}",
        *block.lines,
        *finish,
        "if mask is not None:",
        f"    {block.value} = repeat_valid({block.value}, mask)",
        f"return {block.value}, {state}",
    ]

"""The frame of Keras 3: a cell for `keras.layers.RNN`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gatekit.code import distributions
from gatekit.code.cell_text import Access, CellText
from gatekit.code.identifiers import WIDTH, docstring, wrapped

from .shared import (
    FirstStates,
    Lines,
    call_lines,
    file_text,
    first_states,
    indented,
    size_arguments,
    state_doc,
    tuple_lines,
)

KERAS = Access(
    assign=lambda name, learned: (
        f"self.{name} = self.weight({name!r}, ".replace("'", '"'),
        ")" if learned else ", False)",
    ),
    draws=distributions.KERAS,
)


IMPORTS = {
    "import math": r"\bmath\.",
    "from pathlib import Path": r"\bPath\(",
    "from safetensors.numpy import load_file": r"\bload_file\(",
    "import keras": r"\bkeras\.",
    "from keras import ops": r"\bops\.",
}
REGISTERED = '@keras.saving.register_keras_serializable(package="gatekit_code")'
NEW_WEIGHT = [
    "",
    "    def weight(self, name, value, trainable=True):",
    '        """Return a new weight with the given initial value."""',
    "        return self.add_weight(",
    "            shape=value.shape,",
    "            initializer=lambda shape, dtype=None: ops.cast(value, dtype),",
    "            name=name,",
    "            trainable=trainable,",
    "        )",
    "",
]


def keras_file(cell: CellText) -> str:
    """Return the file for Keras 3: a cell for `keras.layers.RNN`."""
    return file_text(cell, IMPORTS, [], [*keras_class(cell), *noisy_layer(cell)])


def layer_of(cell: CellText) -> str:
    """Return the class that runs the cell over time."""
    return cell.title if cell.draws_noise else "keras.layers.RNN"


def keras_class(cell: CellText) -> Lines:
    """Return the lines of the class."""
    _, firsts = first_states(
        cell,
        FirstStates(
            zeros="ops.zeros({shape}, dtype)",
            full="ops.full({shape}, {value}, dtype)",
            weight="self.{name}",
            learned="ops.tile({weight}[None], (batch{ones}))",
        ),
    )
    sizes = [state.shape[0] for state in cell.states]
    new, about = cell.new, state_text(cell)
    if last_first := carries_output(cell):
        sizes.insert(0, cell.width)
        firsts.insert(0, f"ops.zeros((batch, {cell.width}), dtype)")
        new = [cell.emitted, *new]
    title = f"{cell.title}Cell"
    widths = _drawn_widths(cell)
    unpacked = _unpacked(cell, "states[1:]" if last_first else "states")
    drawn = _drawn(cell, widths)
    if cell.sized:
        given = size_arguments(cell)
        attributes = [f"self.{name} = {name}" for name in cell.sizes]
        used = [name for name in cell.sizes if name in cell.sizes_in(cell.first)]
        again = [f"{n} = self.{n}" for n in used]
        others = [*sizes, *firsts, *cell.step, *drawn, *unpacked, cell.width, *noisy_layer(cell)]
        if "features" in used and "features" not in "\n".join(others):
            # Only the weights need the width of the input, which Keras knows when it builds them.
            given[0] = "features: int | None = None"
            again[0] = "features = self.features = self.features or input_shape[-1]"
    else:
        given, attributes, again = [], [], []
    doc = ["Return what a step emits, and its states; inputs are batch x features."]
    doc += [f"In training, what {cell.title} draws comes beside them."] if widths else []
    needs_dtype = any("dtype" in text for text in firsts)
    return [
        "",
        "",
        REGISTERED,
        f"class {title}(keras.layers.Layer):",
        *docstring(
            [
                f"One step; states are {about}.",
                "A layer over time, which heeds masks: "
                f"{layer_of(cell)}({title}(), return_sequences=True).",
                *_several(cell),
            ],
            "    ",
        ),
        "",
        *indented(call_lines("def __init__(", ["self", *given, "**options"], "):", WIDTH - 4)),
        "        super().__init__(**options)",
        *indented(attributes, 8),
        *indented(bracketed("self.state_size = ", sizes, WIDTH - 8), 8),
        f"        self.output_size = {cell.width}",
        *NEW_WEIGHT,
        "    def build(self, input_shape):",
        '        """Create the weights."""',
        *indented([*again, *cell.first], 8),
        "",
        "    def get_initial_state(self, batch_size=None):",
        '        """Return the states before the first step."""',
        "        batch, dtype = batch_size, self.compute_dtype"
        if needs_dtype
        else "        batch = batch_size",
        *indented(bracketed("return ", firsts, WIDTH - 8), 8),
        "",
        f"    def call(self, inputs, states{', training=False' if widths else ''}):",
        *docstring(doc, "        "),
        *indented(drawn, 8),
        *indented(unpacked, 8),
        *indented(cell.step, 8),
        *indented(bracketed(f"return {cell.emitted}, ", new, WIDTH - 8), 8),
        *get_config("cell", [*cell.sizes]),
    ]


def get_config(what: str, names: Sequence[str]) -> Lines:
    """Return the method with which Keras saves the arguments of a cell or layer."""
    saved = [f'"{name}": self.{name}' for name in names]
    return [
        "",
        "    def get_config(self):",
        f'        """Return what from_config creates the {what} from."""',
        *indented(call_lines(f"config{'' if saved else ': dict'} = {{", saved, "}", WIDTH - 8), 8),
        "        return {**super().get_config(), **config}",
    ]


def carries_output(cell: CellText) -> bool:
    """Return whether the file adds the last output to the states, for masked steps.

    Keras on JAX takes the output of a masked step from the first state.
    """
    return not cell.new or cell.new[0] != cell.emitted


def state_text(cell: CellText) -> str:
    """Return the states with their shapes, for a docstring."""
    if not carries_output(cell):
        return state_doc(cell)
    of_cell = [state_doc(cell)] if cell.states else []
    width = cell.width.replace("self.", "")
    return ", ".join([f"the last output (batch x {width})", *of_cell])


def _several(cell: CellText) -> list[str]:
    """Return the note on a cell with several inputs, because keras.layers.RNN passes only one."""
    if not cell.inputs:
        return []
    names = ", ".join(["x", *cell.inputs])
    return [f"Its inputs are side by side: ops.concatenate([{names}], axis=-1)."]


def _input_widths(cell: CellText) -> list[str]:
    return ["self.features" if cell.sized else str(cell.features), *cell.inputs.values()]


def _drawn_widths(cell: CellText) -> list[str]:
    """Return the widths of a step's draws: dropout masks, and where zoneout holds states."""
    return [*cell.drops, *(width for _, width, _ in cell.zoneout)]


def _drawn(cell: CellText, widths: list[str]) -> Lines:
    """Return the lines by which a step gets its draws, or their means outside training."""
    if not widths:
        return []
    means = ["1.0"] * len(cell.drops)
    for rate, width, matrix in cell.zoneout:
        full = f"ops.full((1, {width}), {rate}, inputs.dtype)"
        means.append(full if matrix else str(rate))
    whole = [*_input_widths(cell), *widths]
    first = len(whole) - len(widths)
    ends = [_total(whole[:count]) for count in range(first, len(whole))]
    return [
        *tuple_lines("drawn = ", means, WIDTH - 8),
        "if training:",
        *indented(bracketed("ends = ", ends, WIDTH - 12)),
        "    inputs, *drawn = ops.split(inputs, ends, axis=-1)",
    ]


def noisy_layer(cell: CellText) -> Lines:
    """Return the class that runs a cell over time and draws its noise, if the cell has any."""
    if not cell.draws_noise:
        return []
    kinds = ["dropout"] if cell.dropout or cell.drops else []
    kinds += ["zoneout"] if cell.zoneout else []
    return [
        "",
        "",
        REGISTERED,
        f"class {cell.title}(keras.layers.RNN):",
        *docstring([f"The cell over time, with {' and '.join(kinds)} in training."], "    "),
        "",
        "    def __init__(self, cell, seed=None, **options):",
        "        super().__init__(cell, **options)",
        "        self.seed = seed",
        "        self.seed_generator = keras.random.SeedGenerator(seed)",
        "",
        "    def call(self, sequences, initial_state=None, mask=None, training=False):",
        '        """Return what keras.layers.RNN returns; with noise in training."""',
        "        if training:",
        "            sequences = self.with_noise(sequences)",
        "        return super().call(sequences, initial_state, mask, training)",
        "",
        "    def with_noise(self, sequences):",
        '        """Return the sequences, and beside them what is drawn for each step."""',
        *indented(_draws(cell), 8),
        "",
        "    def get_config(self):",
        '        """Return what from_config creates the layer from."""',
        '        return {**super().get_config(), "seed": self.seed}',
    ]


def _draws(cell: CellText) -> Lines:
    """Return the lines that draw dropout masks, and where zoneout holds states."""
    beside = bool(cell.drops or cell.zoneout)
    first = "batch, steps, _ = ops.shape(sequences)"
    lines = ["seed = self.seed_generator", "drawn = [sequences]"]
    if cell.dropout is not None:
        rate, width = cell.dropout
        noise = f"{rate}, (batch, 1, {{width}}), seed)"
        if cell.inputs:
            width = width.replace("self.", "self.cell.")
            lines[1:] = [
                *wrapped(f"x, others = ops.split(sequences, [{width}], axis=-1)", WIDTH - 8),
                *wrapped(f"x = keras.random.dropout(x, {noise.format(width=width)}", WIDTH - 8),
                "drawn = [x, others]",
            ]
        else:
            first = f"batch, {'steps' if beside else '_'}, features = ops.shape(sequences)"
            drop = f"keras.random.dropout(sequences, {noise.format(width='features')}"
            if not beside:
                return [first, lines[0], f"return {drop}"]
            lines[1] = f"drawn = [{drop}]"
    if drops := [width.replace("self.", "self.cell.") for width in cell.drops]:
        drop = f"keras.random.dropout(ones, {cell.recurrent_dropout}, (batch, 1, width), seed)"
        lines += [
            "# One mask for all steps.",
            *_loop(
                "width",
                drops,
                "ones = ops.ones((batch, steps, width), sequences.dtype)",
                f"drawn.append({drop})",
            ),
        ]
    if cell.zoneout:
        pairs = [
            f"{rate}, {width.replace('self.', 'self.cell.')}" for rate, width, _ in cell.zoneout
        ]
        lines += _loop(
            "rate, width",
            pairs,
            "draw = keras.random.uniform((batch, steps, width), seed=seed)",
            "drawn.append(ops.cast(draw < rate, sequences.dtype))",
        )
    if cell.inputs and not beside:
        lines[-1] = "return ops.concatenate([x, others], axis=-1)"
        return ["batch = ops.shape(sequences)[0]", *lines]
    return [first, *lines, "return ops.concatenate(drawn, axis=-1)"]


def _loop(target: str, items: list[str], *body: str) -> Lines:
    """Return a loop over several items, or its body for a single one."""
    if len(items) == 1:
        return [f"{target} = {items[0]}", *body]
    each = [f"({item})" if "," in target else item for item in items]
    return [*call_lines(f"for {target} in [", each, "]:", WIDTH - 8), *indented([*body])]


def _unpacked(cell: CellText, states: str) -> Lines:
    if not cell.states:
        states = ""
    if not cell.inputs:
        return [f"x, state = inputs, {states}"] if states else ["x = inputs"]
    widths = _input_widths(cell)
    ends = [_total(widths[:count]) for count in range(1, len(widths))]
    cut = str(len(widths)) if len(set(widths)) == 1 else f"[{', '.join(ends)}]"
    line = f"{', '.join(['x', *cell.inputs])} = ops.split(inputs, {cut}, axis=-1)"
    return [*([f"state = {states}"] if states else []), *wrapped(line, WIDTH - 8)]


def _total(widths: list[str]) -> str:
    counts = Counter(widths)
    return " + ".join(f"{n} * {width}" if n > 1 else width for width, n in counts.items())


def bracketed(before: str, items: list[str], room: int) -> Lines:
    return call_lines(f"{before}[", items, "]", room)

"""The frame of Keras 3: a cell for `keras.layers.RNN`."""

from __future__ import annotations

import re
from collections import Counter

from gatekit.code import draws
from gatekit.code.identifiers import WIDTH, docstring, wrapped
from gatekit.code.parts import Access, Parts

from .shared import (
    FirstStates,
    Lines,
    call_lines,
    file_text,
    first_states,
    indented,
    state_doc,
    tuple_lines,
)

KERAS = Access(
    weight=lambda name: f"self.{name}",
    fixed=lambda name: f"self.{name}",
    units="self.units",
    features="self.features",
    first_units="units",
    first_features="features",
    assign=lambda name, learned: (
        f"self.{name} = self.weight({name!r}, ".replace("'", '"'),
        ")" if learned else ", False)",
    ),
    draws=draws.KERAS,
    indent=8,
)


IMPORTS = {
    "import math": r"\bmath\.",
    "import keras": r"\bkeras\.",
    "from keras import ops": r"\bops\.",
}
REGISTERED = '@keras.saving.register_keras_serializable(package="gatekit_code")'
NEW_WEIGHT = [
    "",
    "    def weight(self, name, value, trainable=True):",
    '        """Return a new weight with the given first value."""',
    "        return self.add_weight(",
    "            shape=value.shape,",
    "            initializer=lambda shape, dtype=None: ops.cast(value, dtype),",
    "            name=name,",
    "            trainable=trainable,",
    "        )",
    "",
]


def keras_file(parts: Parts) -> str:
    """Return the file for Keras 3: a cell for `keras.layers.RNN`."""
    return file_text(parts, IMPORTS, [], [*keras_class(parts), *noisy_layer(parts)])


def layer_of(parts: Parts) -> str:
    """Return the class that runs the cell over time."""
    return parts.title if parts.draws_noise else "keras.layers.RNN"


def keras_class(parts: Parts) -> Lines:
    """Return the lines of the class."""
    _, firsts = first_states(
        parts,
        FirstStates(
            zeros="ops.zeros({shape}, dtype)",
            full="ops.full({shape}, {value}, dtype)",
            weight="self.{name}",
            learned="ops.tile({weight}[None], (batch{ones}))",
        ),
    )
    sizes = [state.shape[0] for state in parts.states]
    new, about = parts.new, state_text(parts)
    if last_first := carries_output(parts):
        sizes.insert(0, parts.width)
        firsts.insert(0, f"ops.zeros((batch, {parts.width}), dtype)")
        new = [parts.emitted, *new]
    title = f"{parts.title}Cell"
    if parts.sized:
        given = [f"features: int = {parts.features}", f"units: int = {parts.units}"]
        kept = ["self.features = features", "self.units = units"]
        local = "\n".join(parts.first)
        used = [n for n in ("features", "units") if re.search(rf"\b{n}\b", local)]
        again = [f"{n} = self.{n}" for n in used]
        config = ['config = {"features": self.features, "units": self.units}']
    else:
        given, kept, again, config = [], [], [], ["config: dict = {}"]
    widths = _drawn_widths(parts)
    doc = ["Return what a step emits, and its states; inputs are batch x features."]
    doc += [f"In training, what {parts.title} draws comes beside them."] if widths else []
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
                f"{layer_of(parts)}({title}(), return_sequences=True).",
                *_several(parts),
            ],
            "    ",
        ),
        "",
        *indented(call_lines("def __init__(", ["self", *given, "**options"], "):", WIDTH - 4)),
        "        super().__init__(**options)",
        *indented(kept, 8),
        *indented(bracketed("self.state_size = ", sizes, WIDTH - 8), 8),
        f"        self.output_size = {parts.width}",
        *NEW_WEIGHT,
        "    def build(self, input_shape):",
        '        """Create the weights."""',
        *indented([*again, *parts.first], 8),
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
        *indented(_drawn(parts, widths), 8),
        *indented(_unpacked(parts, "states[1:]" if last_first else "states"), 8),
        *indented(parts.step, 8),
        *indented(bracketed(f"return {parts.emitted}, ", new, WIDTH - 8), 8),
        "",
        "    def get_config(self):",
        '        """Return what from_config creates the cell from."""',
        *indented(config, 8),
        "        return {**super().get_config(), **config}",
    ]


def carries_output(parts: Parts) -> bool:
    """Return whether the last output is a state; Keras on JAX repeats the first one in a mask."""
    return not parts.new or parts.new[0] != parts.emitted


def state_text(parts: Parts) -> str:
    """Return the states with their shapes, for a docstring."""
    if not carries_output(parts):
        return state_doc(parts)
    own = [state_doc(parts)] if parts.states else []
    width = parts.width.replace("self.", "")
    return ", ".join([f"the last output (batch x {width})", *own])


def _several(parts: Parts) -> list[str]:
    """Return how a cell with several inputs gets them: keras.layers.RNN passes one."""
    if not parts.inputs:
        return []
    names = ", ".join(["x", *parts.inputs])
    return [f"Its inputs are side by side: ops.concatenate([{names}], axis=-1)."]


def _input_widths(parts: Parts) -> list[str]:
    return ["self.features" if parts.sized else str(parts.features), *parts.inputs.values()]


def _drawn_widths(parts: Parts) -> list[str]:
    """Return the widths of what is drawn for a step: masks, and where states are held."""
    return [*parts.drops, *(width for _, width, _ in parts.zoneout)]


def _drawn(parts: Parts, widths: list[str]) -> Lines:
    """Return the lines by which a step gets what is drawn; without training, its means."""
    if not widths:
        return []
    means = ["1.0"] * len(parts.drops)
    for rate, width, matrix in parts.zoneout:
        full = f"ops.full((1, {width}), {rate}, inputs.dtype)"
        means.append(full if matrix else str(rate))
    whole = [*_input_widths(parts), *widths]
    first = len(whole) - len(widths)
    ends = [_total(whole[:count]) for count in range(first, len(whole))]
    return [
        *tuple_lines("drawn = ", means, WIDTH - 8),
        "if training:",
        *indented(bracketed("ends = ", ends, WIDTH - 12)),
        "    inputs, *drawn = ops.split(inputs, ends, axis=-1)",
    ]


def noisy_layer(parts: Parts) -> Lines:
    """Return the class that draws the noise of a cell over time, if the cell has any."""
    if not parts.draws_noise:
        return []
    kinds = ["dropout"] if parts.dropout or parts.drops else []
    kinds += ["zoneout"] if parts.zoneout else []
    return [
        "",
        "",
        REGISTERED,
        f"class {parts.title}(keras.layers.RNN):",
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
        *indented(_draws(parts), 8),
        "",
        "    def get_config(self):",
        '        """Return what from_config creates the layer from."""',
        '        return {**super().get_config(), "seed": self.seed}',
    ]


def _draws(parts: Parts) -> Lines:
    """Return the lines that draw the masks of dropout, and where zoneout holds states."""
    beside = bool(parts.drops or parts.zoneout)
    first = "batch, steps, _ = ops.shape(sequences)"
    lines = ["seed = self.seed_generator", "drawn = [sequences]"]
    if parts.dropout is not None:
        rate, width = parts.dropout
        noise = f"{rate}, (batch, 1, {{width}}), seed)"
        if parts.inputs:
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
    if drops := [width.replace("self.", "self.cell.") for width in parts.drops]:
        drop = f"keras.random.dropout(ones, {parts.recurrent_dropout}, (batch, 1, width), seed)"
        lines += [
            "# One mask for all steps.",
            *_loop(
                "width",
                drops,
                "ones = ops.ones((batch, steps, width), sequences.dtype)",
                f"drawn.append({drop})",
            ),
        ]
    if parts.zoneout:
        pairs = [
            f"{rate}, {width.replace('self.', 'self.cell.')}" for rate, width, _ in parts.zoneout
        ]
        lines += _loop(
            "rate, width",
            pairs,
            "draw = keras.random.uniform((batch, steps, width), seed=seed)",
            "drawn.append(ops.cast(draw < rate, sequences.dtype))",
        )
    if parts.inputs and not beside:
        lines[-1] = "return ops.concatenate([x, others], axis=-1)"
        return ["batch = ops.shape(sequences)[0]", *lines]
    return [first, *lines, "return ops.concatenate(drawn, axis=-1)"]


def _loop(target: str, items: list[str], *body: str) -> Lines:
    """Return a loop over several items, or its body for a single one."""
    if len(items) == 1:
        return [f"{target} = {items[0]}", *body]
    each = [f"({item})" if "," in target else item for item in items]
    return [*call_lines(f"for {target} in [", each, "]:", WIDTH - 8), *indented([*body])]


def _unpacked(parts: Parts, states: str) -> Lines:
    if not parts.states:
        states = ""
    if not parts.inputs:
        return [f"x, state = inputs, {states}"] if states else ["x = inputs"]
    widths = _input_widths(parts)
    ends = [_total(widths[:count]) for count in range(1, len(widths))]
    cut = str(len(widths)) if len(set(widths)) == 1 else f"[{', '.join(ends)}]"
    line = f"{', '.join(['x', *parts.inputs])} = ops.split(inputs, {cut}, axis=-1)"
    return [*([f"state = {states}"] if states else []), *wrapped(line, WIDTH - 8)]


def _total(widths: list[str]) -> str:
    counts = Counter(widths)
    return " + ".join(f"{n} * {width}" if n > 1 else width for width, n in counts.items())


def bracketed(before: str, items: list[str], room: int) -> Lines:
    return call_lines(f"{before}[", items, "]", room)

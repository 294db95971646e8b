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
    return file_text(parts, IMPORTS, [], keras_class(parts))


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
    needs_dtype = any("dtype" in text for text in firsts)
    return [
        "",
        "",
        REGISTERED,
        f"class {title}(keras.layers.Layer):",
        *docstring(
            [
                f"One step; states are {state_doc(parts)}.",
                "A layer over time, which heeds masks: "
                f"keras.layers.RNN({title}(), return_sequences=True).",
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
        "    def call(self, inputs, states):",
        '        """Return what a step emits, and its states; inputs are batch x features."""',
        *indented(_unpacked(parts), 8),
        *indented(parts.step, 8),
        *indented(bracketed(f"return {parts.emitted}, ", parts.new, WIDTH - 8), 8),
        "",
        "    def get_config(self):",
        '        """Return what from_config creates the cell from."""',
        *indented(config, 8),
        "        return {**super().get_config(), **config}",
    ]


def _several(parts: Parts) -> list[str]:
    """Return how a cell with several inputs gets them: keras.layers.RNN passes one."""
    if not parts.inputs:
        return []
    names = ", ".join(["x", *parts.inputs])
    return [f"Its inputs are side by side: ops.concatenate([{names}], axis=-1)."]


def _unpacked(parts: Parts) -> Lines:
    if not parts.inputs:
        return ["x, state = inputs, states"]
    widths = ["self.features" if parts.sized else str(parts.features), *parts.inputs.values()]
    ends = [_total(widths[:count]) for count in range(1, len(widths))]
    cut = str(len(widths)) if len(set(widths)) == 1 else f"[{', '.join(ends)}]"
    line = f"{', '.join(['x', *parts.inputs])} = ops.split(inputs, {cut}, axis=-1)"
    return ["state = states", *wrapped(line, WIDTH - 8)]


def _total(widths: list[str]) -> str:
    counts = Counter(widths)
    return " + ".join(f"{n} * {width}" if n > 1 else width for width, n in counts.items())


def bracketed(before: str, items: list[str], room: int) -> Lines:
    return call_lines(f"{before}[", items, "]", room)

"""The file of a stack: the classes or functions of its layers, then those of the stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

from gatekit.code.blocks import frames as blocks
from gatekit.code.frames import keras, numpy_and_jax, torch
from gatekit.code.frames.numpy_and_jax import FUNCTIONS
from gatekit.code.frames.shared import Lines, call_lines, file_text, indented
from gatekit.code.identifiers import WIDTH, docstring

from .write import LayerText, StackText, noisy

_CALL = [
    "Return what every step of the last layer emits, and the last states of each layer.",
    "x is batch x time x width; mask is batch x time, true where a step is valid.",
]
_LONGEST_RUN = 2


def _file(
    stack: StackText, imports: Mapping[str, str], constants: Lines, bodies: list[Lines]
) -> str:
    """Return the file; code that several kinds share is in it once."""
    chunks = dict.fromkeys(
        chunk for body in bodies for chunk in "\n".join(body).strip("\n").split("\n\n\n")
    )
    cell = replace(stack.kinds[0].cell, about=stack.about, helpers=stack.helpers)
    body = [line for chunk in chunks for line in ("", "", *chunk.split("\n"))]
    return file_text(cell, imports, constants, body)


def _listed(items: Sequence[str]) -> list[str]:
    """Return the items of a list; more than two equal neighbours become a generator expression."""
    listed: list[str] = []
    for item, run in groupby(items):
        count = len(list(run))
        several = count > _LONGEST_RUN
        listed += [f"*({item} for _ in range({count}))"] if several else [item] * count
    return listed


def _created(stack: StackText, layer: LayerText, more: str = "") -> str:
    """Return the code that creates a layer; for Keras, its step cell."""
    block = layer.kind.block
    sizes = [layer.features, layer.units] if layer.kind.sized else []
    title = layer.kind.title
    if block is not None:
        sizes = [*stack.sizes] if stack.sizes else _numbers(layer)
        sizes += ["last=False"] if block.last and not layer.last else []
    elif more:
        title = f"{title}Cell"
    return f"{title}({', '.join([*sizes, *([more] if more else [])])})"


def _numbers(layer: LayerText) -> list[str]:
    block = layer.kind.block
    assert block is not None
    if not block.sized:
        return []
    return [str(block.width), *([] if block.tied else [str(block.units)])]


def _docstring(stack: StackText) -> list[str]:
    return [f"{len(stack.layers)} layers one after the other; each has states of its own."]


def _arguments(stack: StackText) -> list[str]:
    return [f"{name}: int = {size}" for name, size in stack.sizes.items()]


def torch_file(stack: StackText) -> str:
    """Return the file for PyTorch."""
    bodies = [
        blocks.torch_body(kind.cell, kind.block) if kind.block else torch.torch_class(kind.cell)
        for kind in stack.kinds
    ]
    bodies += [torch.hold(kind.cell) for kind in stack.kinds]
    items = _listed([_created(stack, layer) for layer in stack.layers])
    count = len(stack.layers)
    whole = [
        f"class {stack.title}(nn.Module):",
        *docstring(_docstring(stack), "    "),
        "",
        *indented(
            call_lines("def __init__(", ["self", *_arguments(stack)], ") -> None:", WIDTH - 4)
        ),
        "        super().__init__()",
        *indented(_module_list(items), 8),
        "",
        "    def forward(",
        "        self,",
        "        x: Tensor,",
        "        state: tuple[State, ...] | None = None,",
        "        mask: Tensor | None = None,",
        "    ) -> tuple[Tensor, tuple[State, ...]]:",
        *docstring(_CALL, "        "),
        f"        states = [None] * {count} if state is None else list(state)",
        "        last = []",
        "        for layer, own in zip(self.layers, states):",
        "            x, new = layer(x, own, mask)",
        *(
            [f"            x = F.dropout(x, {stack.dropout}, self.training)"]
            if stack.dropout
            else []
        ),
        "            last.append(new)",
        "        return x, tuple(last)",
    ]
    return _file(stack, torch.IMPORTS, torch.CONSTANTS, [*(b for b in bodies if b), whole])


def _module_list(items: list[str]) -> Lines:
    line = f"self.layers = nn.ModuleList([{', '.join(items)}])"
    if len(line) <= WIDTH - 8:
        return [line]
    inner = call_lines("[", items, "]", WIDTH - 12)
    return ["self.layers = nn.ModuleList(", *indented(inner), ")"]


def keras_file(stack: StackText) -> str:
    """Return the file for Keras 3."""
    bodies = []
    for kind in stack.kinds:
        cell = [*keras.keras_class(kind.cell), *keras.noisy_layer(kind.cell)]
        bodies.append([*cell, *(blocks.keras_body(kind.cell, kind.block) if kind.block else [])])
    items = _listed([_created(stack, layer, "dtype=dtype") for layer in stack.layers])
    of_blocks = stack.kinds[0].block is not None
    names = list(stack.sizes)
    training = ", training=False" if stack.noisy else ""
    passed = ", training=training" if stack.noisy else ""
    attributes = [f"self.{name} = {name}" for name in names]
    if stack.dropout:
        attributes.append(f"self.dropout = keras.layers.Dropout({stack.dropout}, dtype=dtype)")
    drop = ["            x = self.dropout(x, training=training)"] if stack.dropout else []
    result = ["x, last = layer(x, {0})"] if of_blocks else ["x, *last = layer(x, {0})"]
    given = f"initial_state=own, mask=mask{passed}"
    whole = [
        keras.REGISTERED,
        f"class {stack.title}(keras.layers.Layer):",
        *docstring(_docstring(stack), "    "),
        "",
        *indented(
            call_lines("def __init__(", ["self", *_arguments(stack), "**options"], "):", WIDTH - 4)
        ),
        "        super().__init__(**options)",
        "        dtype = self.dtype_policy",
        *indented(attributes, 8),
        "        self.supports_masking = True",
        *indented(_keras_layers(stack, items), 8),
        "",
        "    def build(self, input_shape):",
        '        """Create the weights."""',
        *indented(_keras_build(stack), 8),
        "",
        f"    def call(self, inputs, initial_state=None, mask=None{training}):",
        *docstring([_CALL[0], _CALL[1].replace("x is", "inputs are")], "        "),
        "        x, states = inputs, []",
        "        for i, layer in enumerate(self.layers):",
        "            own = None if initial_state is None else initial_state[i]",
        *(f"            {line.format(given)}" for line in result),
        *drop,
        "            states.append(last)",
        "        return x, states",
        *keras.get_config("layer", names),
    ]
    return _file(stack, keras.IMPORTS, [], [*bodies, whole])


def _keras_layers(stack: StackText, items: list[str]) -> Lines:
    """Return the lines that create the layers."""
    if stack.kinds[0].block is not None:
        return call_lines("self.layers = [", items, "]", WIDTH - 8)
    over_time = [keras.layer_of(layer.kind.cell) for layer in stack.layers]
    options = '{"return_sequences": True, "return_state": True, "dtype": dtype}'
    cells = call_lines("cells = [", items, "]", WIDTH - 8)
    if len(set(over_time)) == 1:
        each = [f"{over_time[0]}(cell, **options)", "for cell in cells"]
    else:
        kinds = call_lines("kinds = [", _listed(over_time), "]", WIDTH - 8)
        cells += kinds
        each = ["kind(cell, **options)", "for kind, cell in zip(kinds, cells)"]
    line = f"self.layers = [{' '.join(each)}]"
    whole = [line] if len(line) <= WIDTH - 8 else ["self.layers = [", *indented(each), "]"]
    return [*cells, f"options = {options}", *whole]


def _keras_build(stack: StackText) -> Lines:
    if stack.kinds[0].block is not None:
        return ["for layer in self.layers:", "    layer.build(input_shape)"]
    widths = _listed([layer.features for layer in stack.layers])
    again = [n for n in stack.sizes if any(n in width for width in widths)]
    return [
        *(f"{name} = self.{name}" for name in again),
        *call_lines("widths = [", widths, "]", WIDTH - 8),
        "for layer, width in zip(self.layers, widths):",
        "    layer.build((None, None, width))",
    ]


def functions_file(to: str, stack: StackText) -> str:
    """Return the file for NumPy or JAX."""
    code = FUNCTIONS[to]
    array = code.array
    bodies = []
    # All layers share the function that keeps states at masked steps.
    vectors = all(kind.cell.vectors for kind in stack.kinds)
    for kind in stack.kinds:
        cell = kind.prefix if kind.block is None else f"{kind.prefix}cell_"
        body = numpy_and_jax.functions_body(to, kind.cell, cell, vectors)
        if kind.block is not None:
            body += blocks.functions_of(kind.cell, kind.block, to, kind.prefix)
        bodies.append(body)
    first = []
    for layer in stack.layers:
        given = [code.drawn]
        if layer.kind.block is not None:
            given += ["last=False"] if layer.kind.block.last and not layer.last else []
        elif numpy_and_jax.takes_features(layer.kind.cell):
            given.append(layer.features)
        first.append(f"{layer.kind.prefix}init({', '.join(given)})")
    count = len(stack.layers)
    noise = code.noise and stack.noisy
    lines = []
    for index, layer in enumerate(stack.layers):
        rng = f", keys[{index}]" if noise and noisy(layer.kind) else ""
        call = f"{layer.kind.prefix}{code.loop}(params[{index}], x, states[{index}], mask{rng})"
        lines.append(f"x, state_{index} = {call}")
        if stack.dropout:
            lines.append(f"x = dropout(x, {stack.dropout}, keys[{index}], 99)")
    keys = [
        f"keys: list = [None] * {count}",
        "if rng is not None:",
        f"    keys = list(jax.random.split(rng, {count}))",
    ]
    last = [f"state_{index}" for index in range(count)]
    doc = [*_CALL, *([numpy_and_jax.RNG] if noise else [])]
    given = ["params: list[Weights]", f"x: {array}", "state: tuple[State, ...] | None = None"]
    given += [f"mask: {array} | None = None"]
    given += [f"rng: {array} | None = None"] if noise else []
    returned = call_lines("return x, (", last, ")", WIDTH - 4)
    if len(returned) > 1:
        returned = [*call_lines("state = (", last, ")", WIDTH - 4), "return x, state"]
    whole = [
        f"def init({code.generator}) -> list[Weights]:",
        '    """Return the initial values of the weights of each layer, by name."""',
        *(["    keys = keys_from(key)"] if "next(keys)" in code.drawn else []),
        *indented(call_lines("return [", _listed(first), "]", WIDTH - 4)),
        "",
        "",
        *call_lines(f"def {code.loop}(", given, f") -> tuple[{array}, tuple[State, ...]]:"),
        *docstring(doc, "    "),
        f"    states = [None] * {count} if state is None else state",
        *(indented(keys) if noise else []),
        *indented(lines),
        *indented(returned),
    ]
    one = stack.kinds[0]
    sized = bool(stack.sizes)
    constants = numpy_and_jax.sizes(replace(one.cell, sized=sized), array)
    if one.block is not None:
        constants = blocks.constants(replace(one.block, sized=sized), to)
    return _file(stack, code.imports, constants, [*bodies, whole])


FRAMES: dict[str, Callable[[StackText], str]] = {
    "torch": torch_file,
    "jax": partial(functions_file, "jax"),
    "keras": keras_file,
    "numpy": partial(functions_file, "numpy"),
}

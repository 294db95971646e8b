"""The file of a stack: the classes or functions of its layers, then those of the stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from gatekit.code.blocks import frames as blocks
from gatekit.code.frames import jax, keras, torch
from gatekit.code.frames.shared import Lines, call_lines, file_text, indented, return_lines
from gatekit.code.identifiers import WIDTH, docstring, wrapped

from .around import NOTHING_AROUND
from .kinds import LayerText, StackText, noisy

_CALL = [
    "Return what every step of the last layer emits, and the last states of each layer.",
    "x is batch x time x width; mask is batch x time, true where a step is valid.",
]
_LONGEST_RUN = 2
# The names of a loop for the layer of each direction of time.
_LAYERS = ("layer", "back")


def whole_file(
    stack: StackText, imports: Mapping[str, str], constants: Lines, bodies: list[Lines]
) -> str:
    """Return the file; code that several kinds share is in it once.

    Args:
        stack: the stack.
        imports: the import lines, each with a pattern of the code that needs it.
        constants: the lines before the helper functions.
        bodies: the code of the kinds, and of the stack.
    """
    chunks = dict.fromkeys(
        chunk for body in bodies if body for chunk in "\n".join(body).strip("\n").split("\n\n\n")
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


def _created(
    stack: StackText, layer: LayerText, function: str, before: str = "", after: str = ""
) -> str:
    """Return the call of a function that creates a layer, given its first or last arguments."""
    kind, block = layer.kind, layer.kind.block
    given = [layer.features, layer.units] if kind.sized else []
    if block is not None:
        given = [*stack.sizes] or [*map(str, block.sizes.values())]
    if block is not None and block.last and not layer.last:
        given.append("last=False")
    return f"{function}({', '.join(filter(None, [before, *given, after]))})"


def _call_doc(stack: StackText) -> list[str]:
    around = stack.built.around
    if around is None:
        return _CALL
    of_steps = " of every step" if around.reads == "every" else ""
    shape = "batch x time x features" if around.tokens is None else "tokens, batch x time"
    return [
        f"Return the output{of_steps}, and the last states of each layer.",
        f"x is {shape}; mask is batch x time, true where a step is valid.",
    ]


def _docstring(stack: StackText) -> list[str]:
    if stack.around is not None:
        return [f"The whole model; each of its {len(stack.layers)} layers has states of its own."]
    return [f"{len(stack.layers)} layers one after the other; each has states of its own."]


def layer_loop(stack: StackText, call: str) -> Lines:
    """Return the lines of a loop over layers; ``call`` has ``{y}``, ``{x}``, ``{layer}`` ..."""
    rows, both = stack.built.rows, stack.built.directions > 1
    longest = max(rows, key=len)
    adds = tuple(len(row) == len(longest) for row in rows)
    layers = ["self.layers[::2]", "self.layers[1::2]"] if both else ["self.layers"]
    each = [*layers, *(text.replace("self.layers", "states") for text in layers)]
    owns = [f"own_{name}" for name in _LAYERS] if both else ["own"]
    new = [f"new_{name}" for name in _LAYERS] if both else ["new"]
    given = [*_LAYERS[: len(owns)], *owns]
    if not all(adds):
        given, each = [*given, "adds"], [*each, repr(adds)]

    def called(place: int, y: str, x: str) -> str:
        mask = "mask_back" if place else "mask"
        own = {"layer": _LAYERS[place], "own": owns[place], "new": new[place]}
        return call.format(y=y, x=x, mask=mask, **own)

    loop = f"for {', '.join(given)} in zip({', '.join(each)}):"
    if len(loop) > WIDTH - 8:
        loop = f"for {', '.join(given)} in each:"
    body = stack.spelling.row(longest, called, "" if all(adds) else " if adds else y")
    return [
        *_backward_mask(stack),
        *(wrapped(f"each = zip({', '.join(each)})", WIDTH - 8) if "in each" in loop else []),
        loop,
        *indented([w for ln in body for w in wrapped(ln, WIDTH - 12)]),
        f"    last += [{', '.join(new)}]" if both else "    last.append(new)",
    ]


def _backward_mask(stack: StackText) -> Lines:
    line = f"mask_back = None if mask is None else {stack.spelling.flipped('mask')}"
    return [line] if stack.built.directions > 1 else []


def _arguments(stack: StackText) -> list[str]:
    return [f"{name}: int = {size}" for name, size in stack.sizes.items()]


def torch_bodies(stack: StackText) -> list[Lines]:
    """Return the classes of the kinds of layers for PyTorch, and the functions that they call."""
    bodies = [
        blocks.torch_body(kind.cell, kind.block) if kind.block else torch.torch_class(kind.cell)
        for kind in stack.kinds
    ]
    return bodies + [torch.hold(kind.cell) for kind in stack.kinds]


def torch_file(stack: StackText) -> str:
    """Return the file for PyTorch."""
    items = _listed([_created(stack, layer, layer.kind.title) for layer in stack.layers])
    around = stack.around or NOTHING_AROUND
    ends = ", {layer} is self.layers[-1]" if stack.ends else ""
    call = f"{{y}}, {{new}} = {{layer}}({{x}}, {{own}}, {{mask}}{ends})"
    whole = [
        f"class {stack.title}(nn.Module):",
        *docstring(_docstring(stack), "    "),
        "",
        *indented(
            call_lines("def __init__(", ["self", *_arguments(stack)], ") -> None:", WIDTH - 4)
        ),
        "        super().__init__()",
        *indented([*_module_list(items), *stack.spelling.first], 8),
        "",
        "    def forward(",
        "        self,",
        "        x: Tensor,",
        "        state: tuple[State, ...] | None = None,",
        "        mask: Tensor | None = None,",
        "    ) -> tuple[Tensor, tuple[State, ...]]:",
        *docstring(_call_doc(stack), "        "),
        f"        states = [None] * {len(stack.layers)} if state is None else list(state)",
        "        last = []",
        *indented([*around.before, *layer_loop(stack, call), *around.after], 8),
        f"        return {around.value}, tuple(last)",
        *around.functions,
    ]
    return whole_file(stack, torch.IMPORTS, torch.CONSTANTS, [*torch_bodies(stack), whole])


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
    ending = "" if stack.kinds[0].block else "Cell"
    titles = [f"{layer.kind.title}{ending}" for layer in stack.layers]
    pairs = zip(stack.layers, titles, strict=True)
    items = _listed([_created(stack, *pair, after="dtype=dtype") for pair in pairs])
    around = stack.around or NOTHING_AROUND
    training = ", training=False" if stack.noisy else ""
    attributes = [f"self.{name} = {name}" for name in stack.sizes]
    if stack.dropout:
        attributes.append(f"self.dropout = keras.layers.Dropout({stack.dropout}, dtype=dtype)")
    call = "{y}, {new} = {layer}({x}, initial_state={own}, mask={mask}"
    call += ", training=training" if stack.noisy else ""
    call += ", ends={layer} is self.layers[-1])" if stack.ends else ")"
    if stack.kinds[0].block is None:
        call = call.replace(" {new}", " *{new}")
    loop = [*around.before, *layer_loop(stack, call), *around.after]
    base = "keras.layers.Layer" if stack.around is None else "keras.Model"
    doc = _call_doc(stack)
    whole = [
        keras.REGISTERED,
        f"class {stack.title}({base}):",
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
        *(keras.NEW_WEIGHT if stack.spelling.first else [""]),
        "    def build(self, input_shape):",
        '        """Create the weights."""',
        *indented([*_keras_build(stack), *stack.spelling.first], 8),
        "",
        *_keras_call(stack, training),
        *docstring([doc[0], doc[1].replace("x is", "inputs are")], "        "),
        f"        states = initial_state or [None] * {len(stack.layers)}",
        "        x, last = inputs, []",
        *indented(loop, 8),
        f"        return {around.value}, last",
        *(_named_weights(stack) if stack.around else []),
        *keras.get_config("layer", [*stack.sizes]),
        *around.functions,
    ]
    file = whole_file(stack, keras.IMPORTS, [], [*bodies, whole])
    return file if stack.around is None else file.replace("self.layers", "self.recurrent")


def _named_weights(stack: StackText) -> Lines:
    own = ", ".join(f'"{weight.attribute}"' for weight in stack.spelling.weights)
    return [
        "",
        "    def named_weights(self):",
        '        """Return the weights by their names in a file."""',
        f"        own = [{own}]",
        "        named = {name: getattr(self, name) for name in own}",
        "        for i, layer in enumerate(self.layers):",
        "            for weight in layer.weights:",
        *(
            [
                '                turn = "backward_" if "/backward/" in weight.path else ""',
                '                named[f"layers.{i}.{turn}{weight.name}"] = weight',
            ]
            if stack.turned
            else ['                named[f"layers.{i}.{weight.name}"] = weight']
        ),
        "        return named",
    ]


def _keras_call(stack: StackText, training: str) -> Lines:
    """Return the beginning of what computes outputs and states; a model returns outputs alone."""
    given = f"inputs, initial_state=None, mask=None{training}"
    if stack.around is None:
        return [f"    def call(self, {given}):"]
    passed = ", training=training" if training else ""
    return [
        f"    def call(self, inputs, mask=None{training}):",
        '        """Return the output; see forward."""',
        f"        return self.forward(inputs, None, mask{passed})[0]",
        "",
        f"    def forward(self, {given}):",
    ]


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
    block = stack.kinds[0].block
    if block is not None:
        shape = f"(None, None, {block.width})" if stack.around else "input_shape"
        return ["for layer in self.layers:", f"    layer.build({shape})"]
    widths = _listed([layer.features for layer in stack.layers])
    again = [n for n in stack.sizes if any(n in width for width in widths)]
    return [
        *(f"{name} = self.{name}" for name in again),
        *call_lines("widths = [", widths, "]", WIDTH - 8),
        "for layer, width in zip(self.layers, widths):",
        "    layer.build((None, None, width))",
    ]


def jax_file(stack: StackText) -> str:
    """Return the file for JAX."""
    bodies = []
    # All layers share the function that keeps states at masked steps.
    vectors = all(kind.cell.vectors for kind in stack.kinds)
    for kind in stack.kinds:
        cell = kind.prefix if kind.block is None else f"{kind.prefix}cell_"
        body = jax.functions_body(kind.cell, cell, vectors)
        if kind.block is not None:
            body += blocks.functions_of(kind.cell, kind.block, kind.prefix)
        bodies.append(body)
    first = [
        _created(stack, layer, f"{layer.kind.prefix}init", before="next(keys)")
        for layer in stack.layers
    ]
    count = len(stack.layers)
    noise = stack.noisy
    around = stack.around or NOTHING_AROUND
    layers = "params" if stack.around is None else 'params["layers"]'
    weights = "list[Weights]" if stack.around is None else "dict"
    lines = [*around.before, *_backward_mask(stack)]
    if noise:
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
            rng = f", keys[{index}]" if noise and noisy(layer) else ""
            rng += ", ends=True" if stack.ends and index + 1 == count else ""
            given = f"{layers}[{index}], {x}, states[{index}], {mask}{rng}"
            return f"{y}, state_{index} = {layer.prefix}apply({given})"

        for line in stack.spelling.row(row, called, rng=f"keys[{first_of}]"):
            lines += wrapped(line, WIDTH - 4)
    last = [f"state_{index}" for index in range(count)]
    doc = [*_call_doc(stack), *([jax.RNG] if noise else [])]
    given = [f"params: {weights}", "x: jax.Array", "state: tuple[State, ...] | None = None"]
    given += ["mask: jax.Array | None = None"]
    given += ["rng: jax.Array | None = None"] if noise else []
    new = call_lines("return [", _listed(first), "]", WIDTH - 4)
    about_init = "Return the initial values of the weights of each layer, by name."
    if stack.around is not None:
        new = call_lines("layers = [", _listed(first), "]", WIDTH - 4)
        new += ['params: dict = {"layers": layers}', *stack.spelling.first, "return params"]
        about_init = "Return the initial values of the weights; those of layers are in a list."
    whole = [
        *call_lines("def init(", ["key: jax.Array", *_arguments(stack)], f") -> {weights}:"),
        f'    """{about_init}"""',
        "    keys = keys_from(key)",
        *indented(new),
        "",
        "",
        *call_lines("def apply(", given, ") -> tuple[jax.Array, tuple[State, ...]]:"),
        *docstring(doc, "    "),
        f"    states = [None] * {count} if state is None else state",
        *indented([*lines, *around.after, *return_lines(around.value, last, WIDTH - 4)]),
        *around.functions,
    ]
    one = stack.kinds[0]
    fixed = "" if any(kind.sized for kind in stack.kinds) else jax.fixed_sizes(one.cell)
    fixed = blocks.fixed_sizes(one.block) if fixed and one.block else fixed
    return whole_file(stack, jax.IMPORTS, jax.type_aliases(fixed), [*bodies, whole])


FRAMES: dict[str, Callable[[StackText], str]] = {
    "torch": torch_file,
    "jax": jax_file,
    "keras": keras_file,
}

"""The frame of each framework: imports, class or functions, the loop over time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from gatekit.cell.errors import ConfigError, listed

from . import draws
from .identifiers import WIDTH, docstring, number
from .parts import Access, Parts

Lines = list[str]
_CALL = [
    "Return what every step emits, batch x time x units, and the last states.",
    "x is batch x time x features; mask is batch x time, true where a step is valid.",
]


def indented(lines: Lines, by: int = 4) -> Lines:
    """Return the lines with spaces before them."""
    return [f"{' ' * by}{line}" if line else line for line in lines]


def call_lines(before: str, items: list[str], after: str, room: int = WIDTH) -> Lines:
    """Return ``before(items)after`` in one line, or with a line for each item."""
    line = f"{before}{', '.join(items)}{after}"
    if len(line) <= room:
        return [line]
    return [before, *(f"    {item}," for item in items), after]


def tuple_lines(before: str, items: list[str], room: int) -> Lines:
    """Return ``before (items)`` as the code of a tuple."""
    if len(items) == 1:
        return [f"{before}({items[0]},)"]
    if not items:
        return [f"{before}()"]
    return call_lines(f"{before}(", items, ")", room)


def state_doc(parts: Parts) -> str:
    """Return the states with their shapes, for a docstring."""
    texts = [
        f"{s.name} (batch x {' x '.join(s.shape)})".replace("self.", "").replace("UNITS", "units")
        for s in parts.states
    ]
    return ", ".join(texts).replace("FEATURES", "features") or "none"


def first_states(parts: Parts, full: str, learned: str) -> list[str]:
    """Return the code of each state's first value.

    Args:
        parts: the parts.
        full: a template with ``{shape}``, a tuple with the batch, and ``{value}``.
        learned: one with ``{shape}`` and ``{weight}``.
    """
    found = []
    for state in parts.states:
        shape = f"(batch, {', '.join(state.shape)})"
        if state.learned is None:
            found.append(full.format(shape=shape, value=number(state.initial)))
        else:
            own = state.learned
            found.append(learned.format(shape=shape, weight=own, own=", ".join(state.shape)))
    return found


_FOR_FIRST_VALUES = {
    "import numpy as np": r"\bnp\.",
    "from scipy.signal import cont2discrete": r"\bcont2discrete\(",
}
_STANDARD = ("import math", "from collections.abc import Iterator")


def file_text(
    parts: Parts, imports: dict[str, str], constants: Lines, body: Lines
) -> str:
    """Return a whole file.

    Args:
        parts: the parts.
        imports: the import lines; each with a pattern of the code that needs it.
        constants: what comes before the helper functions.
        body: the code after the helper functions.
    """
    helpers: Lines = []
    for source in parts.helpers.values():
        helpers += ["", "", *source.split("\n")]
    code = "\n".join([*constants, *helpers, *body])
    imports = {**imports, **_FOR_FIRST_VALUES}
    needed = sorted(
        (line for line, pattern in imports.items() if re.search(pattern, code)),
        key=lambda line: (line.startswith("from"), line.replace("import ", "").replace("from ", "")),
    )
    standard = [line for line in needed if line in _STANDARD]
    others = [line for line in needed if line not in standard]
    gap = [""] if standard else []
    lines = [*docstring(parts.about), "", *standard, *gap, *others, *code.split("\n")]
    return "\n".join(lines).rstrip() + "\n"


def _sizes(parts: Parts, array: str) -> Lines:
    """Return the constants of a file of functions: sizes, and names of types."""
    types = [f"Weights = dict[str, {array}]", f"State = tuple[{array}, ...]"]
    if parts.sized:
        return ["", f"FEATURES = {parts.features}", f"UNITS = {parts.units}", *types]
    return ["", f"# The sizes are fixed: {parts.features} features, {parts.units} units.", *types]


# --- NumPy ------------------------------------------------------------------

NUMPY = Access(
    weight=lambda name: f'params["{name}"]',
    units="UNITS",
    features="FEATURES",
    first_units="UNITS",
    first_features="FEATURES",
    assign=lambda name, _: (f'params["{name}"] = ', ""),
    draws=draws.NUMPY,
    indent=4,
)
_ARRAY = "np.ndarray"


def numpy_file(parts: Parts) -> str:
    """Return the file for NumPy: functions of a dictionary of weights."""
    a = _ARRAY
    more = "".join(f", {name}: {a}" for name in parts.inputs)
    given = "".join(f", {name}[:, t]" for name in parts.inputs)
    firsts = first_states(
        parts,
        "np.full({shape}, {value})",
        'np.tile(params["{weight}"].reshape(1, {own}), (batch, *[1] * len(({own},))))',
    )
    firsts = [re.sub(r"np\.full\((.*), 0\.0\)", r"np.zeros(\1)", text) for text in firsts]
    body = [
        "",
        "",
        f"def init(rng: np.random.Generator) -> Weights:",
        '    """Return the first values of the weights by name."""',
        f"    params: Weights = {{}}",
        *indented(parts.first),
        "    return params",
        "",
        "",
        f"def initial_state(params: Weights, batch: int) -> State:",
        *docstring([f"Return the states before the first step: {state_doc(parts)}."], "    "),
        *indented(tuple_lines("return ", firsts, WIDTH - 4)),
        "",
        "",
        *_signature(f"def step(params: Weights, x: {a}{more}, state: State)", f"tuple[{a}, State]"),
        '    """Return what a step emits, and its states; x is batch x features."""',
        *indented(parts.step),
        *indented(_returned(parts, WIDTH - 4)),
        "",
        "",
        f"def hold(valid: {a}, new: {a}, old: {a}) -> {a}:",
        '    """Return the old value where a step is masked."""',
        "    return np.where(valid.reshape(-1, *[1] * (new.ndim - 1)), new, old)",
        "",
        "",
        *call_lines(
            "def forward(",
            [
                f"params: Weights",
                f"x: {a}",
                *(f"{name}: {a}" for name in parts.inputs),
                f"state: State | None = None",
                f"mask: {a} | None = None",
            ],
            f") -> tuple[{a}, State]:",
        ),
        *docstring(_CALL, "    "),
        "    if state is None:",
        "        state = initial_state(params, len(x))",
        *_masked("np.where(mask[..., None], {0}, 0.0)", parts),
        f"    y, outputs = np.zeros((len(x), {parts.width})), []",
        "    for t in range(x.shape[1]):",
        f"        new_y, new_state = step(params, x[:, t]{given}, state)",
        "        if mask is not None:",
        "            valid = mask[:, t]",
        "            new_y = hold(valid, new_y, y)",
        "            pairs = zip(new_state, state)",
        "            new_state = tuple(hold(valid, new, old) for new, old in pairs)",
        "        y, state = new_y, new_state",
        "        outputs.append(y)",
        "    return np.stack(outputs, axis=1), state",
    ]
    return file_text(parts, {"import math": r"\bmath\.", "import numpy as np": r"\bnp\."}, _sizes(parts, a), body)


def _masked(where: str, parts: Parts) -> Lines:
    lines = ["    if mask is not None:"]
    for name in ("x", *parts.inputs):
        lines.append(f"        {name} = {where.format(name)}")
    return lines


def _signature(start: str, returned: str, room: int = WIDTH) -> Lines:
    line = f"{start} -> {returned}:"
    if len(line) <= room:
        return [line]
    name, _, inner = start.partition("(")
    items = re.split(r", (?=\w+(?::|$| =|=))", inner[:-1])
    return [f"{name}(", *(f"    {item}," for item in items), f") -> {returned}:"]


def _returned(parts: Parts, room: int) -> Lines:
    new = parts.new
    states = f"({new[0]},)" if len(new) == 1 else f"({', '.join(new)})"
    line = f"return {parts.emitted}, {states}"
    if len(line) <= room:
        return [line]
    return [*tuple_lines("state = ", new, room), f"return {parts.emitted}, state"]


# --- torch ------------------------------------------------------------------

TORCH = Access(
    weight=lambda name: f"self.{name}",
    units="self.units",
    features="self.features",
    first_units="units",
    first_features="features",
    assign=lambda name, learned: (
        (f"self.{name} = nn.Parameter(", ")") if learned else (f'self.register_buffer("{name}", ', ")")
    ),
    draws=draws.TORCH,
    indent=8,
)


def torch_file(parts: Parts) -> str:
    """Return the file for PyTorch: an `nn.Module`."""
    more = "".join(f", {name}: Tensor" for name in parts.inputs)
    given = "".join(f", {name}[:, t]" for name in parts.inputs)
    like = f"self.{parts.layout.stacks[0].attribute}" if parts.layout.stacks else "torch.zeros(0)"
    firsts = first_states(
        parts,
        "like.new_full({shape}, {value})",
        "self.{weight}.reshape(1, {own}).expand({shape})",
    )
    firsts = [re.sub(r"new_full\((.*), 0\.0\)", r"new_zeros(\1)", text) for text in firsts]
    uses_like = any("like." in text for text in firsts)
    if uses_like and sum(text.count("like.") for text in firsts) == 1:
        firsts = [text.replace("like.", f"{like}.") for text in firsts]
        uses_like = False
    if parts.sized:
        create = f"def __init__(self, features: int = {parts.features}, units: int = {parts.units}) -> None:"
        kept = ["super().__init__()"]
        used = "\n".join([*parts.step, *firsts, parts.width])
        kept += [f"self.{n} = {n}" for n in ("features", "units") if f"self.{n}" in used]
    else:
        create, kept = "def __init__(self) -> None:", ["super().__init__()"]
    doc = [
        f"A layer over the cell; states are {state_doc(parts)}.",
        *([] if parts.sized else [f"For {parts.features} features and {parts.units} units."]),
    ]
    body = [
        "",
        "",
        f"class {parts.title}(nn.Module):",
        *docstring(doc, "    "),
        "",
        f"    {create}",
        *indented([*kept, *parts.first], 8),
        "",
        f"    def initial_state(self, batch: int) -> State:",
        '        """Return the states before the first step."""',
        *([f"        like = {like}"] if uses_like else []),
        *indented(tuple_lines("return ", firsts, WIDTH - 8), 8),
        "",
        *indented(_signature(f"def step(self, x: Tensor{more}, state: State)", f"tuple[Tensor, State]", WIDTH - 4)),
        '        """Return what a step emits, and its states; x is batch x features."""',
        *indented(parts.step, 8),
        *indented(_returned(parts, WIDTH - 8), 8),
        "",
        *indented(
            call_lines(
                "def forward(",
                [
                    "self",
                    "x: Tensor",
                    *(f"{name}: Tensor" for name in parts.inputs),
                    f"state: State | None = None",
                    "mask: Tensor | None = None",
                ],
                f") -> tuple[Tensor, State]:",
                WIDTH - 4,
            )
        ),
        *docstring(_CALL, "        "),
        "        if state is None:",
        "            state = self.initial_state(len(x))",
        *indented(_masked("{0}.masked_fill(~mask[..., None], 0.0)", parts)),
        f"        y, outputs = x.new_zeros(len(x), {parts.width}), []",
        "        for t in range(x.shape[1]):",
        f"            new_y, new_state = self.step(x[:, t]{given}, state)",
        "            if mask is not None:",
        *indented(_torch_hold(parts), 16),
        "            y, state = new_y, new_state",
        "            outputs.append(y)",
        "        return torch.stack(outputs, dim=1), state",
    ]
    imports = {
        "import math": r"\bmath\.",
        "import torch": r"\btorch\.",
        "import torch.nn.functional as F": r"\bF\.",
        "from torch import Tensor, nn": r"\bnn\.",
    }
    if not all(state.vector for state in parts.states):
        body += _TORCH_HOLD.split("\n")
    return file_text(parts, imports, ["", "State = tuple[Tensor, ...]"], body)


def _torch_hold(parts: Parts) -> Lines:
    if all(state.vector for state in parts.states):
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


# --- JAX --------------------------------------------------------------------

JAX = replace(NUMPY, draws=draws.JAX)


def jax_file(parts: Parts) -> str:
    """Return the file for JAX: pure functions of a dictionary of weights, and a scan over time."""
    a = "jax.Array"
    more = "".join(f", {name}: {a}" for name in parts.inputs)
    names = ["x", *parts.inputs]
    firsts = first_states(
        parts,
        "jnp.full({shape}, {value})",
        'jnp.broadcast_to(params["{weight}"].reshape(1, {own}), {shape})',
    )
    firsts = [re.sub(r"jnp\.full\((.*), 0\.0\)", r"jnp.zeros(\1)", text) for text in firsts]
    draws_any = "next(keys)" in "\n".join(parts.first)
    body = [
        "",
        "",
        f"def init(key: {a}) -> Weights:",
        '    """Return the first values of the weights by name."""',
        *(["    keys = keys_from(key)"] if draws_any else []),
        "    params: Weights = {}",
        *indented(parts.first),
        "    return params",
        "",
        "",
        "def initial_state(params: Weights, batch: int) -> State:",
        *docstring([f"Return the states before the first step: {state_doc(parts)}."], "    "),
        *indented(tuple_lines("return ", firsts, WIDTH - 4)),
        "",
        "",
        *_signature(f"def step(params: Weights, x: {a}{more}, state: State)", f"tuple[{a}, State]"),
        '    """Return what a step emits, and its states; x is batch x features."""',
        *indented(parts.step),
        *indented(_returned(parts, WIDTH - 4)),
        "",
        "",
        *call_lines(
            "def apply(",
            [
                "params: Weights",
                f"x: {a}",
                *(f"{name}: {a}" for name in parts.inputs),
                "state: State | None = None",
                f"mask: {a} | None = None",
            ],
            f") -> tuple[{a}, State]:",
        ),
        *docstring(_CALL, "    "),
        "    if state is None:",
        "        state = initial_state(params, len(x))",
        "    if mask is None:",
        "        mask = jnp.ones(x.shape[:2], bool)",
        *(f"    {name} = jnp.where(mask[..., None], {name}, 0.0)" for name in names),
        "",
        "    def body(carry, inputs):",
        "        valid, *now = inputs",
        "        new = step(params, *now, carry[1])",
        "        carry = jax.tree.map(lambda n, o: hold(valid, n, o), new, carry)",
        "        return carry, carry[0]",
        "",
        f"    y = jnp.zeros((len(x), {parts.width}))",
        f"    inputs = [jnp.swapaxes(each, 0, 1) for each in ({', '.join(['mask', *names])})]",
        "    (_, state), outputs = jax.lax.scan(body, (y, state), inputs)",
        "    return jnp.swapaxes(outputs, 0, 1), state",
        "",
        "",
        f"def hold(valid: {a}, new: {a}, old: {a}) -> {a}:",
        '    """Return the old value where a step is masked."""',
        "    return jnp.where(valid.reshape(-1, *[1] * (new.ndim - 1)), new, old)",
    ]
    imports = {
        "import math": r"\bmath\.",
        "from collections.abc import Iterator": r"\bIterator\b",
        "import jax": r"\bjax\.",
        "import jax.numpy as jnp": r"\bjnp\.",
    }
    return file_text(parts, imports, _sizes(parts, a), body)


# --- Keras ------------------------------------------------------------------

KERAS = Access(
    weight=lambda name: f"self.{name}",
    units="self.units",
    features="self.features",
    first_units="units",
    first_features="features",
    assign=lambda name, learned: (f"self.{name} = self.weight({name!r}, ".replace("'", '"'), ")" if learned else ", False)"),
    draws=draws.KERAS,
    indent=8,
)


def keras_file(parts: Parts) -> str:
    """Return the file for Keras 3: a cell for `keras.layers.RNN`.

    Raises:
        ConfigError: the cell has several inputs.
    """
    if parts.inputs:
        raise ConfigError(
            f"the cell reads {listed(['x', *parts.inputs])}, and keras.layers.RNN passes one input to "
            "its cell; type --to torch, jax or numpy"
        )
    firsts = first_states(
        parts,
        "ops.full({shape}, {value}, dtype)",
        "ops.broadcast_to(ops.reshape(self.{weight}, (1, {own})), {shape})",
    )
    firsts = [re.sub(r"ops\.full\((.*), 0\.0, dtype\)", r"ops.zeros(\1, dtype)", t) for t in firsts]
    sizes = [s.shape[0] if s.vector else f"({', '.join(s.shape)})" for s in parts.states]
    title = f"{parts.title}Cell" if not parts.title.endswith("Cell") else parts.title
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
    body = [
        "",
        "",
        '@keras.saving.register_keras_serializable(package="gatekit_code")',
        f"class {title}(keras.layers.Layer):",
        *docstring(
            [
                f"One step; states are {state_doc(parts)}.",
                f"A layer over time, with masks: keras.layers.RNN({title}(), return_sequences=True).",
            ],
            "    ",
        ),
        "",
        *indented(call_lines("def __init__(", ["self", *given, "**options"], "):", WIDTH - 4)),
        "        super().__init__(**options)",
        *indented(kept, 8),
        *indented(_bracketed("self.state_size = ", sizes, WIDTH - 8), 8),
        f"        self.output_size = {parts.width}",
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
        "    def build(self, input_shape):",
        '        """Create the weights."""',
        *indented([*again, *parts.first], 8),
        "",
        "    def get_initial_state(self, batch_size=None):",
        '        """Return the states before the first step."""',
        "        batch, dtype = batch_size, self.compute_dtype" if needs_dtype else "        batch = batch_size",
        *indented(_bracketed("return ", firsts, WIDTH - 8), 8),
        "",
        "    def call(self, inputs, states):",
        '        """Return what a step emits, and its states; inputs are batch x features."""',
        "        x, state = inputs, states",
        *indented(parts.step, 8),
        *indented(_bracketed(f"return {parts.emitted}, ", parts.new, WIDTH - 8), 8),
        "",
        "    def get_config(self):",
        '        """Return what from_config creates the cell from."""',
        *indented(config, 8),
        "        return {**super().get_config(), **config}",
    ]
    imports = {
        "import math": r"\bmath\.",
        "import keras": r"\bkeras\.",
        "from keras import ops": r"\bops\.",
    }
    return file_text(replace(parts, title=title), imports, [], body)


def _bracketed(before: str, items: list[str], room: int) -> Lines:
    return call_lines(f"{before}[", items, "]", room)


FRAMES: dict[str, tuple[Access, Callable[[Parts], str]]] = {
    "torch": (TORCH, torch_file),
    "jax": (JAX, jax_file),
    "keras": (KERAS, keras_file),
    "numpy": (NUMPY, numpy_file),
}

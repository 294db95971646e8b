"""The frame of JAX: functions that take a dictionary of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gatekit.code import distributions
from gatekit.code.cell_text import Access, CellText
from gatekit.code.identifiers import WIDTH, docstring, wrapped

from .shared import (
    CALL,
    FirstStates,
    Lines,
    call_lines,
    file_text,
    first_states,
    indented,
    passed,
    return_lines,
    size_arguments,
    state_doc,
    step_lines,
    tuple_lines,
)


def fixed_sizes(cell: CellText) -> str:
    """Return the sizes of a cell that are fixed, for a comment; empty if they are arguments."""
    return "" if cell.sized else f"{cell.features} features, {cell.units} units"


JAX = Access(
    assign=lambda name, _: (f'params["{name}"] = ', ""),
    draws=distributions.JAX,
    weight='params["{}"]'.format,
    fixed=lambda name: f'jax.lax.stop_gradient(params["{name}"])',
    size=str,
    indent=4,
)
IMPORTS = {
    "import math": r"\bmath\.",
    "from pathlib import Path": r"\bPath\(",
    "from collections.abc import Iterator": r"\bIterator\b",
    "import jax": r"\bjax\.",
    "import jax.numpy as jnp": r"\bjnp\.",
    "from safetensors.flax import load_file": r"\bload_file\(",
}
_LONG = 38
RNG = "Give rng in training: it draws dropout and zoneout."


def type_aliases(fixed: str) -> Lines:
    """Return the type aliases of a file, after a comment on sizes that are fixed."""
    about = [f"# The sizes are fixed: {fixed}."] if fixed else []
    return ["", *about, "Weights = dict[str, jax.Array]", "State = tuple[jax.Array, ...]"]


def jax_file(cell: CellText) -> str:
    """Return the file for JAX: functions that take a dictionary of weights."""
    return file_text(cell, IMPORTS, type_aliases(fixed_sizes(cell)), functions_body(cell))


def functions_body(cell: CellText, prefix: str = "", vectors: bool | None = None) -> Lines:
    """Return the functions of a cell.

    Args:
        cell: the cell as text.
        prefix: the prefix of the names of functions.
        vectors: whether all states of the file are vectors; by default, whether the cell's are.
    """
    noise = Noise(cell)
    given = size_arguments(cell, {"features", "units", *cell.sizes_in(cell.first)})
    return [
        "",
        "",
        *call_lines(f"def {prefix}init(", ["key: jax.Array", *given], ") -> Weights:"),
        '    """Return the initial values of the weights by name."""',
        *(["    keys = keys_from(key)"] if "next(keys)" in "\n".join(cell.first) else []),
        *_until_step(cell, prefix, noise),
        *_loop(cell, prefix, _hold(cell.vectors if vectors is None else vectors), noise),
    ]


def _loop(cell: CellText, prefix: str, hold: Lines, noise: Noise) -> Lines:
    given = ", ".join(["params", "*now", "carry[1]", *noise.passed, *passed(cell)])
    sizes, y = _first_output(cell, "y = jnp.zeros((len(x), {}), x.dtype)", noise.lines)
    return [
        *over_time("apply", cell, [*CALL, *noise.doc], noise.given, prefix),
        *_valid(cell, noise.lines),
        *indented(sizes),
        *noise.lines,
        "",
        "    def body(carry, inputs):",
        f"        {'rng, (valid, *now)' if noise.each_step else 'valid, *now'} = inputs",
        *indented(wrapped(f"new = {prefix}step({given})", WIDTH - 8), 8),
        "        carry = jax.tree.map(lambda n, o: hold(valid, n, o), new, carry)",
        "        return carry, carry[0]",
        "",
        f"    {y}",
        *indented(_swapped(["mask", "x", *cell.inputs])),
        "    (_, last), outputs = jax.lax.scan(body, (y, state), "
        + ("(rngs, inputs))" if noise.each_step else "inputs)"),
        "    return jnp.swapaxes(outputs, 0, 1), last",
        "",
        "",
        *hold,
        *_parallel(cell, prefix),
    ]


def dtype_of(cell: CellText) -> str:
    """Return the type of the first weight, which is that of states; empty without weights."""
    stacks = cell.layout.stacks
    return f'params["{stacks[0].attribute}"].dtype' if stacks else ""


def _parameters(cell: CellText, lines: Lines | None = None) -> list[str]:
    """Return the parameters of the constants that lines read; by default those of all functions."""
    names = cell.given if lines is None else cell.sizes_in(lines)
    return [f"{name}: int = {cell.constants[name]}" for name in cell.given if name in names]


def _sizes(cell: CellText, lines: Lines) -> Lines:
    """Return the definitions of the sizes that lines read, unless they are arguments."""
    known = {"features": "x.shape[-1]", **(cell.sizes_from or {})}
    read = cell.sizes_in(lines)
    read |= cell.sizes_in(known.get(name, "") for name in read)
    order = sorted(read.difference(cell.given), key=lambda name: (name not in cell.constants, name))
    return [f"{name} = {known[name]}" for name in order]


def _first_output(cell: CellText, line: str, others: Sequence[str] = ()) -> tuple[Lines, str]:
    """Return the definitions of sizes of other lines, and a line with the output's width in it."""
    width = (cell.sizes_from or {}).get(cell.width, "")
    if cell.width in cell.sizes_in(others) or len(line) + len(width) > WIDTH - 4:
        width = ""
    line = line.format(width or cell.width)
    return _sizes(cell, [*others, line]), line


def _with_sizes(cell: CellText, lines: Lines) -> Lines:
    return [*_sizes(cell, lines), *lines]


def _valid(cell: CellText, noise: Sequence[str] = ()) -> Lines:
    """Return the lines that set masked inputs to zero, in the type of the weights."""
    dtype = dtype_of(cell)
    once = not cell.inputs and "dtype" not in "".join(noise) and len(dtype) < _LONG
    cast = f".astype({dtype if once else 'dtype'})" if dtype else ""
    return [
        "    if mask is None:",
        "        mask = jnp.ones(x.shape[:2], bool)",
        *([f"    dtype = {dtype}"] if dtype and not once else []),
        *(
            f"    {name} = jnp.where(mask[..., None], {name}, 0.0){cast}"
            for name in ("x", *cell.inputs)
        ),
    ]


def _parallel(cell: CellText, prefix: str) -> Lines:
    """Return the function that computes all steps together, if there is one."""
    body = cell.parallel
    if body is None:
        return []
    doc = [f"Return what {prefix}apply returns, all steps at once."]
    given = ["params", "x", *cell.inputs, "state", *passed(cell)]
    return [
        "",
        "",
        *over_time("parallel", cell, doc, prefix=prefix),
        "    if x.shape[1] == 0:",
        f"        return {prefix}apply({', '.join(given)})",
        *_valid(cell),
        *indented(_with_sizes(cell, body.lines)),
        *indented(return_lines(body.emitted, body.new, WIDTH - 4)),
    ]


class Noise:
    """The code for dropout and zoneout in the functions of JAX.

    Args:
        cell: the cell as text.
    """

    def __init__(self, cell: CellText) -> None:
        array = "jax.Array | None = None"
        self.each_step = bool(cell.zoneout)
        self.passed = ["drops"] if cell.drops else []
        self.parameters = [f"{each}: State" for each in self.passed]
        if self.each_step:
            self.passed.append("rng")
            self.parameters.append(f"rng: {array}")
        self.lines: Lines = []
        if cell.dropout is not None:
            drop = f"dropout(jnp.ones_like(x[:, :1]), {cell.dropout[0]}, rng, 0)"
            self.lines.append(f"    x = x * {drop}")
        masks = [
            f"dropout(jnp.ones((len(x), {width}), dtype), {cell.recurrent_dropout}, rng, {place})"
            for place, width in enumerate(cell.drops, 1)
        ]
        if masks:
            self.lines += indented(tuple_lines("drops = ", masks, WIDTH - 4))
        if self.each_step:
            place = f"jax.random.fold_in(rng, {1 + len(masks)})"
            self.lines += [
                "    rngs = None",
                "    if rng is not None:",
                f"        rngs = jax.random.split({place}, x.shape[1])",
            ]
        self.given = [f"rng: {array}"] if self.lines else []
        self.doc = [RNG] if self.lines else []


def _until_step(cell: CellText, prefix: str, noise: Noise) -> Lines:
    """Return the body of ``init``, then ``initial_state`` and ``step``."""
    dtype = dtype_of(cell)
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
    starts = ["params: Weights", "batch: int", *_parameters(cell)]
    before = [*_sizes(cell, [*before, *firsts]), *before]

    def define(name: str, arrays: Sequence[str], values: int) -> Lines:
        given = [f"{each}: jax.Array" for each in arrays]
        states = [] if values else ["state: State", *noise.parameters]
        given = ["params: Weights", *(states + given if name == "advance" else given + states)]
        sizes = _parameters(cell, cell.project.lines if cell.project and values else None)
        # The values before them come from an argument with a star.
        given += ["*", *sizes] if sizes and name == "advance" else sizes
        one = "jax.Array" if values == 1 else "State"
        result = one if values else "tuple[jax.Array, State]"
        return ["", "", *call_lines(f"def {prefix}{name}(", given, f") -> {result}:")]

    written = replace(cell, step=_with_sizes(cell, cell.step))
    if cell.project is not None:
        project = replace(cell.project, lines=_with_sizes(cell, cell.project.lines))
        written = replace(written, project=project)
    return [
        "    params: Weights = {}",
        *indented(cell.first),
        "    return params",
        "",
        "",
        *call_lines(f"def {prefix}initial_state(", starts, ") -> State:"),
        *docstring([f"Return the states before the first step: {state_doc(cell)}."], "    "),
        *indented([*before, *tuple_lines("return ", firsts, WIDTH - 4)]),
        *step_lines(
            written, define, "params, ", ["state", *noise.passed], WIDTH - 4, f"{prefix}{{}}"
        ),
        "",
        "",
    ]


def over_time(
    name: str,
    cell: CellText,
    doc: list[str],
    more: Sequence[str] = (),
    prefix: str = "",
) -> Lines:
    """Return the beginning of a function over all steps, up to its initial states."""
    given = ", ".join(["params", "len(x)", *passed(cell)])
    return [
        *call_lines(
            f"def {prefix}{name}(",
            [
                "params: Weights",
                "x: jax.Array",
                *(f"{each}: jax.Array" for each in cell.inputs),
                "state: State | None = None",
                "mask: jax.Array | None = None",
                *more,
                *_parameters(cell),
            ],
            ") -> tuple[jax.Array, State]:",
        ),
        *docstring(doc, "    "),
        "    if state is None:",
        f"        state = {prefix}initial_state({given})",
    ]


def _hold(vectors: bool) -> Lines:
    valid = "valid[:, None]" if vectors else "valid.reshape(-1, *[1] * (new.ndim - 1))"
    return [
        "def hold(valid: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:",
        '    """Return the old value where a step is masked."""',
        f"    return jnp.where({valid}, new, old)",
    ]


def _swapped(names: list[str]) -> Lines:
    each = f"jnp.swapaxes(each, 0, 1) for each in ({', '.join(names)})"
    line = f"inputs = [{each}]"
    return [line] if len(line) <= WIDTH - 4 else ["inputs = [", f"    {each}", "]"]

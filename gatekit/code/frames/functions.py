"""The frames of NumPy and JAX: functions of a dictionary of weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from gatekit.code import draws
from gatekit.code.identifiers import WIDTH, docstring, wrapped
from gatekit.code.parts import Access, Parts

from .shared import (
    CALL,
    FirstStates,
    Lines,
    call_lines,
    file_text,
    first_states,
    indented,
    masked,
    returned,
    signature,
    state_doc,
    tuple_lines,
)


def sizes(parts: Parts, array: str) -> Lines:
    """Return the constants of a file of functions: sizes, and names of types."""
    types = [f"Weights = dict[str, {array}]", f"State = tuple[{array}, ...]"]
    if parts.sized:
        return ["", f"FEATURES = {parts.features}", f"UNITS = {parts.units}", *types]
    return ["", f"# The sizes are fixed: {parts.features} features, {parts.units} units.", *types]


NUMPY = Access(
    weight=lambda name: f'params["{name}"]',
    fixed=lambda name: f'params["{name}"]',
    units="UNITS",
    features="FEATURES",
    first_units="UNITS",
    first_features="FEATURES",
    assign=lambda name, _: (f'params["{name}"] = ', ""),
    draws=draws.NUMPY,
    indent=4,
)
ARRAYS = {"numpy": "np.ndarray", "jax": "jax.Array"}
NUMPY_IMPORTS = {"import math": r"\bmath\.", "import numpy as np": r"\bnp\."}
JAX_IMPORTS = {
    "import math": r"\bmath\.",
    "from collections.abc import Iterator": r"\bIterator\b",
    "import jax": r"\bjax\.",
    "import jax.numpy as jnp": r"\bjnp\.",
}


def takes_features(parts: Parts) -> bool:
    """Return whether the width of the input is an argument, as in a stack."""
    return _uses_features(parts.first)


def _features(parts: Parts) -> str:
    return ", features: int" if takes_features(parts) else ""


def _uses_features(lines: Sequence[str]) -> bool:
    code = "\n".join(line.partition("  #")[0] for line in lines)
    return re.search(r"\bfeatures\b", code) is not None


def _with_features(lines: Lines) -> Lines:
    """Return the lines, after one that defines the width of the input if they read it."""
    return ["features = x.shape[-1]", *lines] if _uses_features(lines) else lines


def numpy_file(parts: Parts) -> str:
    """Return the file for NumPy: functions of a dictionary of weights."""
    return file_text(parts, NUMPY_IMPORTS, sizes(parts, ARRAYS["numpy"]), numpy_body(parts))


def numpy_body(parts: Parts, cell: str = "", vectors: bool | None = None) -> Lines:
    """Return the functions for NumPy.

    Args:
        parts: the parts of the file.
        cell: what the names of functions start with.
        vectors: whether all states of the file are vectors, by default those of the parts.
    """
    a = ARRAYS["numpy"]
    given = "".join(f", {name}[:, t]" for name in parts.inputs)
    firsts = first_states(parts, _first_states("np"))
    return [
        "",
        "",
        f"def {cell}init(rng: np.random.Generator{_features(parts)}) -> Weights:",
        '    """Return the first values of the weights by name."""',
        *_until_step(parts, a, firsts, cell),
        *_hold("np", a, parts, vectors),
        "",
        "",
        *over_time("forward", parts, a, CALL, cell=cell),
        *masked("np.where(mask[..., None], {0}, 0.0)", parts),
        f"    y, outputs = np.zeros((len(x), {parts.width})), []",
        "    for t in range(x.shape[1]):",
        *indented(
            wrapped(f"new_y, new_state = {cell}step(params, x[:, t]{given}, state)", WIDTH - 8), 8
        ),
        "        if mask is not None:",
        "            valid = mask[:, t]",
        "            new_y = hold(valid, new_y, y)",
        "            pairs = zip(new_state, state)",
        "            new_state = tuple(hold(valid, new, old) for new, old in pairs)",
        "        y, state = new_y, new_state",
        "        outputs.append(y)",
        "    return np.stack(outputs or [y], axis=1)[:, : x.shape[1]], state",
    ]


JAX = replace(NUMPY, fixed=lambda n: f'jax.lax.stop_gradient(params["{n}"])', draws=draws.JAX)


def jax_file(parts: Parts) -> str:
    """Return the file for JAX: pure functions of a dictionary of weights, and a scan over time."""
    return file_text(parts, JAX_IMPORTS, sizes(parts, ARRAYS["jax"]), jax_body(parts))


def jax_body(parts: Parts, cell: str = "", vectors: bool | None = None) -> Lines:
    """Return the functions for JAX.

    Args:
        parts: the parts of the file.
        cell: what the names of functions start with.
        vectors: whether all states of the file are vectors, by default those of the parts.
    """
    a = ARRAYS["jax"]
    names = ["x", *parts.inputs]
    firsts = first_states(parts, _first_states("jnp"))
    noise = Noise(parts)
    draws_any = "next(keys)" in "\n".join(parts.first)
    return [
        "",
        "",
        f"def {cell}init(key: {a}{_features(parts)}) -> Weights:",
        '    """Return the first values of the weights by name."""',
        *(["    keys = keys_from(key)"] if draws_any else []),
        *_until_step(parts, a, firsts, cell, noise.step),
        *over_time("apply", parts, a, [*CALL, *noise.doc], noise.given, cell),
        *_valid(names),
        *noise.lines,
        "",
        "    def body(carry, inputs):",
        f"        {'rng, (valid, *now)' if noise.each_step else 'valid, *now'} = inputs",
        f"        new = {cell}step(params, *now, carry[1]{noise.passed})",
        "        carry = jax.tree.map(lambda n, o: hold(valid, n, o), new, carry)",
        "        return carry, carry[0]",
        "",
        f"    y = jnp.zeros((len(x), {parts.width}))",
        *indented(_swapped(["mask", *names])),
        "    (_, last), outputs = jax.lax.scan(body, (y, state), "
        + ("(rngs, inputs))" if noise.each_step else "inputs)"),
        "    return jnp.swapaxes(outputs, 0, 1), last",
        "",
        "",
        *_hold("jnp", a, parts, vectors),
        *_parallel(parts, a, cell),
    ]


def _valid(names: list[str]) -> Lines:
    return [
        "    if mask is None:",
        "        mask = jnp.ones(x.shape[:2], bool)",
        *(f"    {name} = jnp.where(mask[..., None], {name}, 0.0)" for name in names),
    ]


def _parallel(parts: Parts, array: str, cell: str) -> Lines:
    """Return the function that computes all steps at once, if there is one."""
    body = parts.parallel
    if body is None:
        return []
    doc = [f"Return what {cell}apply returns, all steps at once."]
    return [
        "",
        "",
        *over_time("parallel", parts, array, doc, cell=cell),
        *_valid(["x", *parts.inputs]),
        *indented(_with_features(body.lines)),
        *indented(returned(body.emitted, body.new, WIDTH - 4)),
    ]


class Noise:
    """Dropout and zoneout in training: what they add to the functions of JAX.

    Args:
        parts: the parts of the file.
    """

    def __init__(self, parts: Parts) -> None:
        array = "jax.Array | None = None"
        self.each_step = bool(parts.zoneout)
        self.step = (", drops: State" if parts.drops else "") + (
            f", rng: {array}" if self.each_step else ""
        )
        self.passed = (", drops" if parts.drops else "") + (", rng" if self.each_step else "")
        self.lines: Lines = []
        if parts.dropout is not None:
            drop = f"dropout(jnp.ones_like(x[:, :1]), {parts.dropout[0]}, rng, 0)"
            self.lines.append(f"    x = x * {drop}")
        masks = [
            f"dropout(jnp.ones((len(x), {width})), {parts.recurrent_dropout}, rng, {place})"
            for place, width in enumerate(parts.drops, 1)
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
        self.doc = ["Give rng in training: it draws dropout and zoneout."] if self.lines else []


def _first_states(module: str) -> FirstStates:
    return FirstStates(
        zeros=f"{module}.zeros({{shape}})",
        full=f"{module}.full({{shape}}, {{value}})",
        weight='params["{name}"]',
        learned=f"{module}.tile({{weight}}, (batch{{ones}}))",
    )


def _until_step(
    parts: Parts, array: str, first: tuple[Lines, list[str]], cell: str, noise: str = ""
) -> Lines:
    """Return the body of ``init``, then ``initial_state`` and ``step``."""
    before, firsts = first
    more_sizes = ", features: int" if _uses_features(firsts) else ""
    more = "".join(f", {name}: {array}" for name in parts.inputs)
    return [
        "    params: Weights = {}",
        *indented(parts.first),
        "    return params",
        "",
        "",
        f"def {cell}initial_state(params: Weights, batch: int{more_sizes}) -> State:",
        *docstring([f"Return the states before the first step: {state_doc(parts)}."], "    "),
        *indented([*before, *tuple_lines("return ", firsts, WIDTH - 4)]),
        "",
        "",
        *signature(
            f"def {cell}step(params: Weights, x: {array}{more}, state: State{noise})",
            f"tuple[{array}, State]",
        ),
        '    """Return what a step emits, and its states; x is batch x features."""',
        *indented(_with_features(parts.step)),
        *indented(returned(parts.emitted, parts.new, WIDTH - 4)),
        "",
        "",
    ]


def over_time(
    name: str, parts: Parts, array: str, doc: list[str], more: Sequence[str] = (), cell: str = ""
) -> Lines:
    """Return how the function over all steps begins: until it has states."""
    shapes = [size for state in parts.states for size in state.shape]
    width = ", x.shape[-1]" if _uses_features(shapes) else ""
    return [
        *call_lines(
            f"def {cell}{name}(",
            [
                "params: Weights",
                f"x: {array}",
                *(f"{each}: {array}" for each in parts.inputs),
                "state: State | None = None",
                f"mask: {array} | None = None",
                *more,
            ],
            f") -> tuple[{array}, State]:",
        ),
        *docstring(doc, "    "),
        "    if state is None:",
        f"        state = {cell}initial_state(params, len(x){width})",
    ]


def _hold(module: str, array: str, parts: Parts, vectors: bool | None) -> Lines:
    if vectors is None:
        vectors = parts.vectors
    valid = "valid[:, None]" if vectors else "valid.reshape(-1, *[1] * (new.ndim - 1))"
    return [
        f"def hold(valid: {array}, new: {array}, old: {array}) -> {array}:",
        '    """Return the old value where a step is masked."""',
        f"    return {module}.where({valid}, new, old)",
    ]


def _swapped(names: list[str]) -> Lines:
    each = f"jnp.swapaxes(each, 0, 1) for each in ({', '.join(names)})"
    line = f"inputs = [{each}]"
    return [line] if len(line) <= WIDTH - 4 else ["inputs = [", f"    {each}", "]"]

"""Writes what goes with a generated file: a test, and the code that loads the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.block.built_block import BuiltBlock
from gatekit.cell.block.stack import Stack
from gatekit.cell.graph import Cell

from .generate import Generated, generate
from .identifiers import WIDTH, number

BATCH, STEPS, SHOWN = 2, 5, 4


def loading_code(generated: Generated, to: str, module: str) -> str:
    """Return code that loads the weights of a file from the ``.npz`` archive beside it.

    Args:
        generated: the file.
        to: its framework.
        module: the file's name without ``.py``.
    """
    archive = f'np.load("{module}.npz")'
    if to == "torch":
        lines = [
            f"layer = {generated.title}({_given(generated)})",
            f"weights = {{name: torch.from_numpy(w) for name, w in {archive}.items()}}",
            "layer.load_state_dict(weights)",
        ]
        return _usage(["numpy as np", "torch"], module, generated.title, lines)
    if to == "keras":
        lines = [
            *_keras_layer(generated),
            f"layer.build((None, None, {generated.features}))",
            f"weights = {archive}",
        ]
        # The names of a stack's weights start with the number of the layer.
        lines += (
            [
                "for i, part in enumerate(layer.layers):",
                "    for weight in part.weights:",
                '        weight.assign(weights[f"layers.{i}.{weight.name}"])',
            ]
            if generated.layers
            else ["for weight in layer.weights:", "    weight.assign(weights[weight.name])"]
        )
        return _usage(["keras", "numpy as np"], module, _keras_names(generated), lines)
    call = "apply" if to == "jax" else "forward"
    lines = [f"params = dict({archive})", f"y, state = {call}(params, x)"]
    if generated.layers:
        lines = [
            f"params = [{{}} for _ in range({generated.layers})]",
            f"for name, weight in {archive}.items():",
            '    _, i, own = name.split(".")',
            "    params[int(i)][own] = weight",
            f"y, states = {call}(params, x)",
        ]
    return _usage(["numpy as np"], module, call, lines)


def _keras_names(generated: Generated) -> str:
    """Return the names that are imported from a file for Keras."""
    if generated.noisy and not generated.block and not generated.layers:
        return f"{generated.title.removesuffix('Cell')}, {generated.title}"
    return generated.title


def _keras_layer(generated: Generated) -> list[str]:
    if generated.block or generated.layers:
        return [f"layer = {generated.title}({_given(generated)})"]
    return [
        f"cell = {generated.title}({_given(generated)})",
        f"layer = {generated.title.removesuffix('Cell') if generated.noisy else 'keras.layers.RNN'}"
        "(cell, return_sequences=True)",
    ]


def _given(generated: Generated) -> str:
    return ", ".join(f"{name}={size}" for name, size in generated.sizes.items())


def _usage(modules: list[str], module: str, name: str, lines: list[str]) -> str:
    return "\n".join(
        [*(f"import {m}" for m in modules), f"from {module} import {name}", "", *lines]
    )


def test_text(built: Cell | BuiltBlock | Stack, generated: Generated, to: str, module: str) -> str:
    """Return a test of the outputs of a file for fixed weights and inputs.

    The expected outputs are those of the NumPy file, which is executed here in double precision.

    Args:
        built: the built cell, the block around it, or a stack.
        generated: the file.
        to: its framework.
        module: the file's name without ``.py``.
    """
    expected = ", ".join(number(round(float(value), 10)) for value in _expected(built))
    shapes = [f"({', '.join(map(str, (BATCH, STEPS, n)))})" for n in _widths(built)]
    inputs = f"[{', '.join(f'wave({shape})' for shape in shapes)}]"
    names = {
        "torch": generated.title,
        "keras": _keras_names(generated),
        "jax": "apply, init",
        "numpy": "forward, init",
    }
    imports = {
        "torch": ["import numpy as np", "import torch"],
        "keras": ["import keras", "import numpy as np"],
        "jax": ["import jax", "import numpy as np"],
        "numpy": ["import numpy as np"],
    }[to]
    tolerance = "1e-8" if to in ("torch", "numpy") else "1e-4"
    lines = [
        f'"""Tests {module}.py: its outputs on fixed weights, as gatekit computes them."""',
        "",
        *imports,
        f"from {module} import {names[to]}",
        "",
        f"EXPECTED = [{expected}]",
        "",
        "",
        "def wave(shape, scale=1.0):",
        '    """Return fixed numbers between -scale and scale."""',
        "    return scale * np.sin(1.0 + np.arange(np.prod(shape))).reshape(shape)",
        "",
        "",
        "def test_outputs():",
        '    """The first outputs of the last step are those that gatekit computes."""',
        f"    inputs = {inputs}",
        *(f"    {line}" for line in _run(generated, to)),
        f"    np.testing.assert_allclose(y[0, -1, :{SHOWN}], EXPECTED, {tolerance}, {tolerance})",
    ]
    return "\n".join(lines) + "\n"


def _run(generated: Generated, to: str) -> list[str]:
    if to == "torch":
        return [
            f"layer = {generated.title}({_given(generated)}).double().eval()",
            "for _, weight in sorted(layer.state_dict().items()):",
            "    weight.copy_(torch.from_numpy(wave(weight.shape, 0.3)))",
            "with torch.no_grad():",
            "    y, _ = layer(*map(torch.from_numpy, inputs))",
        ]
    if to == "keras":
        whole = "[0]" if generated.block or generated.layers else ""
        return [
            *_keras_layer(generated),
            "x = np.concatenate(inputs, axis=-1)",
            "layer.build(x.shape)",
            "for weight in layer.weights:",
            "    weight.assign(wave(weight.shape, 0.3))",
            f"y = keras.ops.convert_to_numpy(layer(x){whole})",
        ]
    first = "jax.random.key(0)" if to == "jax" else "np.random.default_rng(0)"
    call = "apply" if to == "jax" else "forward"
    waves = "{name: wave(value.shape, 0.3) for name, value in first.items()}"
    params = f"params = {waves}"
    if generated.layers:
        params = f"params = [{waves} for first in layers]"
    return [
        f"{'layers' if generated.layers else 'first'} = init({first})",
        *(
            [params]
            if len(params) <= WIDTH - 4
            else ["params = [", f"    {waves}", "    for first in layers", "]"]
        ),
        f"y, _ = {call}(params, *inputs)",
    ]


def _wave(shape: tuple[int, ...], scale: float = 1.0) -> NDArray[Any]:
    wave: NDArray[Any] = scale * np.sin(1.0 + np.arange(np.prod(shape))).reshape(shape)
    return wave


def _widths(built: Cell | BuiltBlock | Stack) -> list[int]:
    built = built.layers[0] if isinstance(built, Stack) else built
    return [built.width] if isinstance(built, BuiltBlock) else list(built.inputs.values())


def _expected(built: Cell | BuiltBlock | Stack) -> NDArray[Any]:
    module: dict[str, Any] = {}
    exec(generate(built, "numpy").text, module)
    first = module["init"](np.random.default_rng(0))
    layers = first if isinstance(built, Stack) else [first]
    waves = [{name: _wave(w.shape, 0.3) for name, w in of_layer.items()} for of_layer in layers]
    params = waves if isinstance(built, Stack) else waves[0]
    inputs = [_wave((BATCH, STEPS, width)) for width in _widths(built)]
    y, _ = module["forward"](params, *inputs)
    return np.asarray(y)[0, -1, :SHOWN]

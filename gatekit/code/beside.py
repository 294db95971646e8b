"""What is written beside a generated file: a test of it, and how to load its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.block.built import BuiltBlock
from gatekit.cell.graph import Cell

from .generate import Generated, generate
from .identifiers import number

BATCH, STEPS, SHOWN = 2, 5, 4


def loading(made: Generated, to: str, module: str) -> str:
    """Return how the weights beside a file are loaded.

    Args:
        made: the file.
        to: its framework.
        module: the file's name without ``.py``.
    """
    archive = f'np.load("{module}.npz")'
    if to == "torch":
        lines = [
            f"layer = {made.title}({_given(made)})",
            f"weights = {{name: torch.from_numpy(w) for name, w in {archive}.items()}}",
            "layer.load_state_dict(weights)",
        ]
        return _usage(["numpy as np", "torch"], module, made.title, lines)
    if to == "keras":
        lines = [
            *_keras_layer(made),
            f"layer.build((None, None, {made.features}))",
            f"weights = {archive}",
            "for weight in layer.weights:",
            "    weight.assign(weights[weight.name])",
        ]
        return _usage(["keras", "numpy as np"], module, made.title, lines)
    call = "apply" if to == "jax" else "forward"
    lines = [f"params = dict({archive})", f"y, state = {call}(params, x)"]
    return _usage(["numpy as np"], module, call, lines)


def _keras_layer(made: Generated) -> list[str]:
    if made.block:
        return [f"layer = {made.title}({_given(made)})"]
    return [
        f"cell = {made.title}({_given(made)})",
        "layer = keras.layers.RNN(cell, return_sequences=True)",
    ]


def _given(made: Generated) -> str:
    return ", ".join(f"{name}={size}" for name, size in made.sizes.items())


def _usage(modules: list[str], module: str, name: str, lines: list[str]) -> str:
    return "\n".join(
        [*(f"import {m}" for m in modules), f"from {module} import {name}", "", *lines]
    )


def test_text(built: Cell | BuiltBlock, made: Generated, to: str, module: str) -> str:
    """Return a test of a file: its outputs on fixed weights and inputs.

    The expected outputs are those of the NumPy form in double precision.

    Args:
        built: the built cell, or the block around it.
        made: the file.
        to: its framework.
        module: the file's name without ``.py``.
    """
    expected = ", ".join(number(round(float(value), 10)) for value in _expected(built))
    shapes = [f"({', '.join(map(str, (BATCH, STEPS, n)))})" for n in _widths(built)]
    inputs = f"[{', '.join(f'wave({shape})' for shape in shapes)}]"
    names = {
        "torch": made.title,
        "keras": made.title,
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
        *(f"    {line}" for line in _run(made, to)),
        f"    np.testing.assert_allclose(y[0, -1, :{SHOWN}], EXPECTED, {tolerance}, {tolerance})",
    ]
    return "\n".join(lines) + "\n"


def _run(made: Generated, to: str) -> list[str]:
    if to == "torch":
        return [
            f"layer = {made.title}({_given(made)}).double().eval()",
            "for _, weight in sorted(layer.state_dict().items()):",
            "    weight.copy_(torch.from_numpy(wave(weight.shape, 0.3)))",
            "with torch.no_grad():",
            "    y, _ = layer(*map(torch.from_numpy, inputs))",
        ]
    if to == "keras":
        return [
            *_keras_layer(made),
            "x = np.concatenate(inputs, axis=-1)",
            "layer.build(x.shape)",
            "for weight in layer.weights:",
            "    weight.assign(wave(weight.shape, 0.3))",
            f"y = keras.ops.convert_to_numpy(layer(x){'[0]' if made.block else ''})",
        ]
    first = "jax.random.key(0)" if to == "jax" else "np.random.default_rng(0)"
    call = "apply" if to == "jax" else "forward"
    return [
        f"first = init({first})",
        "params = {name: wave(value.shape, 0.3) for name, value in first.items()}",
        f"y, _ = {call}(params, *inputs)",
    ]


def _wave(shape: tuple[int, ...], scale: float = 1.0) -> NDArray[Any]:
    wave: NDArray[Any] = scale * np.sin(1.0 + np.arange(np.prod(shape))).reshape(shape)
    return wave


def _widths(built: Cell | BuiltBlock) -> list[int]:
    return [built.width] if isinstance(built, BuiltBlock) else list(built.inputs.values())


def _expected(built: Cell | BuiltBlock) -> NDArray[Any]:
    module: dict[str, Any] = {}
    exec(generate(built, "numpy").text, module)
    shapes = {n: w.shape for n, w in module["init"](np.random.default_rng(0)).items()}
    params = {name: _wave(shape, 0.3) for name, shape in shapes.items()}
    inputs = [_wave((BATCH, STEPS, width)) for width in _widths(built)]
    y, _ = module["forward"](params, *inputs)
    return np.asarray(y)[0, -1, :SHOWN]

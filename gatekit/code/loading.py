"""Writes the code that loads the weights of a generated file."""

from __future__ import annotations

from .generate import Generated


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
    lines = [f"params = dict({archive})", "y, state = apply(params, x)"]
    if generated.layers:
        lines = [
            f"params = [{{}} for _ in range({generated.layers})]",
            f"for name, weight in {archive}.items():",
            '    _, i, own = name.split(".")',
            "    params[int(i)][own] = weight",
            "y, states = apply(params, x)",
        ]
    return _usage(["numpy as np"], module, "apply", lines)


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

"""The notation of Keras 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .arrays import HIPPO, LEGENDRE, array_framework, array_functions, array_helpers, rotation

_KERAS = {
    **array_functions("ops"),
    **{
        name: f"ops.{name}({{0}})"
        for name in ("sigmoid", "relu", "softplus", "silu", "log_sigmoid", "elu", "selu")
    },
    "softsign": "ops.soft_sign({0})",
    "stop": "ops.stop_gradient({0})",
    "softmax": "ops.softmax({0}, axis=-1)",
    "cumax": "ops.cumsum(ops.softmax({0}, axis=-1), axis=-1)",
}
_KERAS_HELPERS = {
    "legendre": LEGENDRE,
    "hippo": HIPPO,
    "reservoir": """def reservoir(size: int, radius: float, density: float) -> A:
    normal = ops.convert_to_numpy(keras.random.normal((size, size)))
    kept = ops.convert_to_numpy(keras.random.uniform((size, size))) < density
    matrix = normal * kept
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    return ops.convert_to_tensor(matrix * (radius / largest if largest > 0 else 0.0))""",
    **array_helpers("ops"),
    "rotation": rotation("ops"),
    "glorot": """def glorot(*shape: int) -> A:
    return keras.initializers.GlorotUniform()(shape)""",
    "orthogonal": """def orthogonal(*shape: int) -> A:
    return keras.initializers.Orthogonal()(shape)""",
    # Keras' own gelu has a constant in single precision on TensorFlow.
    "gelu": """def gelu(x: A) -> A:
    return x * (0.5 + 0.5 * ops.erf(x / math.sqrt(2)))""",
    # The size of the batch may be unknown.
    "split": """def split(x: A, rows: int) -> A:
    return ops.reshape(x, (-1, *x.shape[1:-1], rows, x.shape[-1] // rows))""",
    "flat": """def flat(x: A) -> A:
    return ops.reshape(x, (-1, *x.shape[1:-2], x.shape[-2] * x.shape[-1]))""",
    "block_product": """def block_product(u: A, blocks: A) -> A:
    parts = split(u, blocks.shape[0])
    return flat(ops.einsum("...kn,knm->...km", parts, blocks))""",
}


def _keras_numbers(name: str, numbers: Sequence[bool]) -> str | None:
    """Return ``where`` for two plain numbers, which Keras would make single precision."""
    if name == "where" and numbers[1] and numbers[2]:
        return "ops.where({0:1} > 0, {1:5} * ops.ones_like({0}), {2})"
    return None


KERAS = replace(
    array_framework(
        "keras", "ops", _KERAS, _KERAS_HELPERS, "", "keras ops np math self cont2discrete"
    ),
    numbers=_keras_numbers,
    # Under a mask, keras.layers.RNN can only carry vectors on some backends.
    reshape="ops.reshape({value}, (-1, {shape}))",
    draws_noise=True,
    drawn="drawn",
    held="{hold} * {old} + (1 - {hold}) * {new}",
)

"""The notation of NumPy, and the part that NumPy, jax.numpy and keras.ops share."""

from __future__ import annotations

from collections.abc import Mapping

from gatekit.code.copied import sources

from .notation import ALIKE, Framework


def array_functions(m: str) -> dict[str, str]:
    """Return the functions that are alike in NumPy, jax.numpy and keras.ops, for one module."""
    same = (*ALIKE, "minimum", "maximum", "where")
    return {
        **{name: f"{m}.{name}({{0}})" for name in same},
        "minimum": f"{m}.minimum({{0}}, {{1}})",
        "maximum": f"{m}.maximum({{0}}, {{1}})",
        "where": f"{m}.where({{0:1}} > 0, {{1}}, {{2}})",
        "stop": "{0:5}",
        "relu": f"{m}.maximum({{0}}, 0.0)",
        "clip": f"{m}.minimum({m}.maximum({{0}}, {{1}}), {{2}})",
        "hard_sigmoid": f"{m}.clip({{0:2}} / 6 + 0.5, 0.0, 1.0)",
        "cumsum": f"{m}.cumsum({{0}}, axis=-1)",
        "cumax": f"{m}.cumsum(softmax({{0}}), axis=-1)",
        "sum": f"{m}.sum({{0}}, axis=-1, keepdims=True)",
        "mean": f"{m}.mean({{0}}, axis=-1, keepdims=True)",
        "var": f"{m}.var({{0}}, axis=-1, keepdims=True)",
        "repeat": f"{m}.repeat({{0}}, {{1}}, axis=-1)",
        "outer": f'{m}.einsum("...i,...j->...ij", {{0}}, {{1}})',
        "matvec": f'{m}.einsum("...ij,...j->...i", {{0}}, {{1}})',
        "vecmat": f'{m}.einsum("...i,...ij->...j", {{0}}, {{1}})',
        "dot": f"{m}.sum({{0:2}} * {{1:3}}, axis=-1, keepdims=True)",
        "transpose": f"{m}.swapaxes({{0}}, -1, -2)",
        "column": "{0:5}[..., None]",
        "row": "{0:5}[..., None, :]",
        "concat": f"{m}.concatenate([{{0}}], axis=-1)",
    }


def array_framework(
    name: str, m: str, table: dict[str, str], helpers: Mapping[str, str], array: str, modules: str
) -> Framework:
    return Framework(
        name,
        table,
        helpers,
        array,
        frozenset(modules.split()),
        chunk=f"{m}.split({{z}}, {{count}}, axis=-1)",
        cut=f"{m}.split({{z}}, [{{sizes}}], axis=-1)",
        append=f"{m}.concatenate([{{earlier}}, {{now}}[:, None]], axis=1)",
    )


_NUMPY = {
    **array_functions("np"),
    "softplus": "np.logaddexp(0.0, {0})",
    "softmax": "softmax({0})",
    "layer_norm": "layer_norm({0}, {1})",
}


NUMPY = array_framework(
    "numpy",
    "np",
    _NUMPY,
    {**sources("numpy"), **sources("arrays")},
    "np.ndarray",
    "np math rng params cont2discrete init initial_state step forward hold",
)

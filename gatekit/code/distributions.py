"""Templates of each framework for initial values, with ``{shape}``, ``{size}`` and ``{sizes}``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Draws:
    """Templates of a framework.

    ``{shape}`` is a tuple and ``{sizes}`` its items; ``{size}`` is a number if there is one axis,
    otherwise a tuple.
    """

    uniform: str
    normal: str
    gamma: str
    full: str
    zeros: str
    ones: str
    eye: str
    arange: str
    linspace: str
    glorot: str
    orthogonal: str
    stack: str
    concat: str
    reservoir: str
    array: str


def _of_module(
    module: str, uniform: str, normal: str, gamma: str, generator: str, array: str
) -> Draws:
    """Return the templates of a framework whose functions have NumPy's names."""
    return Draws(
        uniform=uniform,
        normal=normal,
        gamma=gamma,
        full=f"{module}.full({{size}}, {{value}})",
        zeros=f"{module}.zeros({{size}})",
        ones=f"{module}.ones({{size}})",
        eye=f"{module}.eye({{sizes}})",
        arange=f"{module}.arange(float({{sizes}}))",
        linspace=f"{module}.linspace(0.0, 1.0, {{sizes}})",
        glorot=f"glorot({generator}{{sizes}})",
        orthogonal=f"orthogonal({generator}{{sizes}})",
        stack=f"{module}.stack([{{one}} for _ in range({{count}})])",
        concat=f"{module}.hstack({{pieces}})",  # of vectors or matrices: along their last axis
        reservoir=f"reservoir({generator}{{size}}, {{radius}}, {{density}})",
        array=array,
    )


JAX = _of_module(
    "jnp",
    uniform="uniform(next(keys), {low}, {high}, {shape})",
    normal="{mean} + {stddev} * jax.random.normal(next(keys), {shape})",
    gamma="jax.random.gamma(next(keys), {alpha}, {shape})",
    generator="next(keys), ",
    array="jnp.asarray({value})",
)
_KERAS = _of_module(
    "ops",
    uniform="keras.random.uniform({shape}, {low}, {high})",
    normal="keras.random.normal({shape}, {mean}, {stddev})",
    gamma="keras.random.gamma({shape}, {alpha})",
    generator="",
    array="ops.convert_to_tensor({value})",
)
# Keras only accepts a shape as a tuple.
KERAS = replace(
    _KERAS,
    full="ops.full({shape}, {value})",
    zeros="ops.zeros({shape})",
    ones="ops.ones({shape})",
    concat="ops.concatenate({pieces}, axis=-1)",
)
TORCH = Draws(
    uniform="torch.empty({sizes}).uniform_({low}, {high})",
    normal="torch.empty({sizes}).normal_({mean}, {stddev})",
    gamma="torch.distributions.Gamma({alpha}, 1.0).sample({shape})",
    full="torch.full({shape}, {value})",
    zeros="torch.zeros({sizes})",
    ones="torch.ones({sizes})",
    eye="torch.eye({sizes})",
    arange="torch.arange(float({sizes}))",
    linspace="torch.linspace(0.0, 1.0, {sizes})",
    glorot="nn.init.xavier_uniform_(torch.empty({sizes}))",
    orthogonal="nn.init.orthogonal_(torch.empty({sizes}))",
    stack="torch.stack([{one} for _ in range({count})])",
    concat="torch.cat({pieces}, dim=-1)",
    reservoir="reservoir({size}, {radius}, {density})",
    array="torch.tensor({value}).to(torch.zeros(0))",
)


def fill(template: str, sizes: Sequence[str], **values: object) -> str:
    """Return a template filled with the texts of a shape and other values."""
    whole = f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
    size = sizes[0] if len(sizes) == 1 else whole
    return template.format(shape=whole, size=size, sizes=", ".join(sizes), **values)

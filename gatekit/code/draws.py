"""How each framework draws first values: templates with ``{shape}``, ``{size}`` and ``{sizes}``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Draws:
    """Templates of a framework.

    ``{shape}`` is a tuple, ``{sizes}`` its items, ``{size}`` a number for one axis, else a tuple.
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


NUMPY = Draws(
    uniform="rng.uniform({low}, {high}, {size})",
    normal="rng.normal({mean}, {stddev}, {size})",
    gamma="rng.gamma({alpha}, size={size})",
    full="np.full({size}, {value})",
    zeros="np.zeros({size})",
    ones="np.ones({size})",
    eye="np.eye({sizes})",
    arange="np.arange(float({sizes}))",
    linspace="np.linspace(0.0, 1.0, {sizes})",
    glorot="glorot(rng, {sizes})",
    orthogonal="orthogonal(rng, {sizes})",
    stack="np.stack([{one} for _ in range({count})])",
    concat="np.concatenate({pieces}, axis=-1)",
    reservoir="reservoir(rng, {size}, {radius}, {density})",
    array="{value}",
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
JAX = Draws(
    uniform="uniform(next(keys), {low}, {high}, {shape})",
    normal="{mean} + {stddev} * jax.random.normal(next(keys), {shape})",
    gamma="jax.random.gamma(next(keys), {alpha}, {shape})",
    full="jnp.full({size}, {value})",
    zeros="jnp.zeros({size})",
    ones="jnp.ones({size})",
    eye="jnp.eye({sizes})",
    arange="jnp.arange(float({sizes}))",
    linspace="jnp.linspace(0.0, 1.0, {sizes})",
    glorot="glorot(next(keys), {sizes})",
    orthogonal="orthogonal(next(keys), {sizes})",
    stack="jnp.stack([{one} for _ in range({count})])",
    concat="jnp.concatenate({pieces}, axis=-1)",
    reservoir="reservoir(next(keys), {size}, {radius}, {density})",
    array="jnp.asarray({value})",
)
KERAS = Draws(
    uniform="keras.random.uniform({shape}, {low}, {high})",
    normal="keras.random.normal({shape}, {mean}, {stddev})",
    gamma="keras.random.gamma({shape}, {alpha})",
    full="ops.full({shape}, {value})",
    zeros="ops.zeros({shape})",
    ones="ops.ones({shape})",
    eye="ops.eye({sizes})",
    arange="ops.arange(float({sizes}))",
    linspace="ops.linspace(0.0, 1.0, {sizes})",
    glorot="glorot({sizes})",
    orthogonal="orthogonal({sizes})",
    stack="ops.stack([{one} for _ in range({count})])",
    concat="ops.concatenate({pieces}, axis=-1)",
    reservoir="reservoir({size}, {radius}, {density})",
    array="ops.convert_to_tensor({value})",
)


def filled(template: str, sizes: Sequence[str], **values: object) -> str:
    """Return a template with the texts of a shape, and further values."""
    whole = f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
    size = sizes[0] if len(sizes) == 1 else whole
    return template.format(shape=whole, size=size, sizes=", ".join(sizes), **values)

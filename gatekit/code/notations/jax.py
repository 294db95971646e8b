"""The notation of JAX."""

from __future__ import annotations

from dataclasses import replace

from gatekit.code.parallel.helpers import HELPERS

from .arrays import HIPPO, LEGENDRE, array_framework, array_functions, array_helpers

_JAX = {
    **array_functions("jnp"),
    **{
        name: f"jax.nn.{name}({{0}})"
        for name in (
            "sigmoid",
            "relu",
            "softplus",
            "silu",
            "log_sigmoid",
            "elu",
            "selu",
            "hard_sigmoid",
        )
    },
    "stop": "jax.lax.stop_gradient({0})",
    "gelu": "jax.nn.gelu({0}, approximate=False)",
    "softsign": "jax.nn.soft_sign({0})",
    "softmax": "jax.nn.softmax({0}, axis=-1)",
    "cumax": "jnp.cumsum(jax.nn.softmax({0}, axis=-1), axis=-1)",
    "rotation": "jax.scipy.linalg.expm({0})",
}
_JAX_HELPERS = {
    "legendre": LEGENDRE,
    "hippo": HIPPO,
    "reservoir": """def reservoir(key: A, size: int, radius: float, density: float) -> A:
    first, second = jax.random.split(key)
    kept = jax.random.uniform(second, (size, size)) < density
    matrix = np.asarray(jax.random.normal(first, (size, size)) * kept)
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    return jnp.asarray(matrix * (radius / largest if largest > 0 else 0.0))""",
    **array_helpers("jnp"),
    "zoneout": """def zoneout(new: A, old: A, rate: float, rng: A | None, place: int) -> A:
    if rng is None:
        return rate * old + (1 - rate) * new
    held = jax.random.bernoulli(jax.random.fold_in(rng, place), rate, new.shape)
    return jnp.where(held, old, new)""",
    "dropout": """def dropout(x: A, rate: float, rng: A | None, place: int) -> A:
    if rng is None:
        return x
    dropped = jax.random.bernoulli(jax.random.fold_in(rng, place), rate, x.shape)
    return jnp.where(dropped, 0.0, x / (1 - rate))""",
    "keys_from": """def keys_from(key: A) -> Iterator[A]:
    while True:
        key, own = jax.random.split(key)
        yield own""",
    "uniform": """def uniform(key: A, low: float, high: float, shape: tuple[int, ...]) -> A:
    return jax.random.uniform(key, shape, minval=low, maxval=high)""",
    "glorot": """def glorot(key: A, *shape: int) -> A:
    return jax.nn.initializers.glorot_uniform()(key, shape)""",
    "orthogonal": """def orthogonal(key: A, *shape: int) -> A:
    return jax.nn.initializers.orthogonal()(key, shape)""",
}
JAX = replace(
    array_framework(
        "jax",
        "jnp",
        _JAX,
        {**_JAX_HELPERS, **HELPERS["jax"]},
        "jax.Array",
        "jax jnp np math params keys rng drops cont2discrete "
        "init initial_state step apply hold parallel",
    ),
    zeros_like="jnp.zeros({shape})",
    zeros="jnp.zeros_like({like})",
    stack="jnp.stack([{pieces}], axis=-2)",
    constant="jnp.asarray({value})",
    draws_noise=True,
    held="zoneout({new}, {old}, {rate}, rng, {place})",
    count="jnp.cumsum({mask}, axis=1)",
)

"""The notation of JAX."""

from __future__ import annotations

from dataclasses import replace

from gatekit.code.copied import sources

from .arrays import array_framework, array_functions

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
_HELPERS = {
    **{name: sources("numpy")[name] for name in ("legendre", "hippo")},
    **{name: source for name, source in sources("jnp").items() if name != "rotation"},
    **sources("jax"),
}
JAX = replace(
    array_framework(
        "jax",
        "jnp",
        _JAX,
        _HELPERS,
        "jax.Array",
        "jax jnp np math params keys rng drops cont2discrete "
        "init initial_state step apply hold parallel",
    ),
    zeros_like="jnp.zeros({shape})",
    zeros="jnp.zeros_like({like})",
    stack="jnp.stack([{pieces}], axis=-2)",
    constant="jnp.asarray({value})",
    all_steps=True,
    draws_noise=True,
    held="zoneout({new}, {old}, {rate}, rng, {place})",
    count="jnp.cumsum({mask}, axis=1)",
)

"""The notation of JAX."""

from __future__ import annotations

from dataclasses import replace

from gatekit.code.sources import sources

from .arrays import array_framework

_HELPERS = {
    **{name: sources("numpy")[name] for name in ("legendre", "hippo")},
    **{name: source for name, source in sources("jnp").items() if name != "rotation"},
    **sources("jax"),
}
JAX = replace(
    array_framework(
        "jax",
        "jnp",
        {"rotation": "jax.scipy.linalg.expm({0})"},
        _HELPERS,
        "jax.Array",
        "jax jnp np math params keys rng drops cont2discrete "
        "init initial_state step apply hold parallel",
    ),
    zeros_like="jnp.zeros({shape}, {like}.dtype)",
    constant="jnp.asarray({value})",
    all_steps=True,
    projects=False,
    noise='draw_noise({like}, {width}, "{kind}", rng, {place})',
    held="zoneout({new}, {old}, {rate}, rng, {place})",
    count="jnp.cumsum({mask}, axis=1)",
)

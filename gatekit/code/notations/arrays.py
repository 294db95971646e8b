"""What the notations of jax.numpy and keras.ops share."""

from __future__ import annotations

from collections.abc import Mapping

from .notation import Framework, functions


def array_framework(
    name: str, m: str, more: Mapping[str, str], helpers: Mapping[str, str], array: str, modules: str
) -> Framework:
    concat = {"concat": f"{m}.concatenate([{{0}}], axis=-1)"}
    return Framework(
        name,
        {**functions(name, m), **concat, **more},
        helpers,
        array,
        frozenset(modules.split()),
        chunk=f"{m}.split({{z}}, {{count}}, axis=-1)",
        cut=f"{m}.split({{z}}, [{{sizes}}], axis=-1)",
        append=f"{m}.concatenate([{{earlier}}, {{now}}[:, None]], axis=1)",
    )

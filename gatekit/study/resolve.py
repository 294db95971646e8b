"""From a composed DictConfig to plain data, once: nothing missing, interpolated, or secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gatekit.cell.errors import ConfigError, listed

RESOLVERS = ("oc.select",)
"""Resolvers that are pure functions of the configuration; every other one is refused."""

_RESOLVER = re.compile(r"\$\{\s*([^{}:$]*?)\s*:")


def plain(composed: DictConfig, task_defaults: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the configuration as plain data.

    Args:
        composed: what Hydra composed; a ``hydra`` node is ignored.
        task_defaults: the options of each registered task, so that ``${task.length}`` has a value
            even where only ``task: {name: adding}`` is written.

    Raises:
        ConfigError: a value is missing (``???``), an interpolation leads nowhere or in a circle, or
            uses a resolver that is not allowed.
    """
    raw = OmegaConf.to_container(composed, resolve=False)
    assert isinstance(raw, dict)
    raw.pop("hydra", None)
    _inspect(raw, "")
    task = raw.get("task")
    if isinstance(task, dict) and isinstance(task.get("name"), str):
        raw["task"] = {"name": task["name"], **task_defaults.get(task["name"], {}), **task}
    try:
        node = OmegaConf.create(raw)
        resolved = OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    except RecursionError:
        raise ConfigError(f"the interpolations {_interpolations(raw)} lead in a circle.") from None
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "the configuration"
        told = str(error).splitlines()[0]
        circle = "RecursionError" in str(error) or "recursion" in told.lower()
        said = "leads in a circle" if circle else told
        raise ConfigError(f"{key}: {said}. Interpolations: {_interpolations(raw)}.") from None
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def _inspect(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _inspect(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _inspect(inner, f"{path}.{index}")
    elif value == "???":
        raise ConfigError(f"{path} has no value yet (???); type {path}=VALUE.")
    elif isinstance(value, str) and "${" in value:
        if re.search(r"\$\{[^}]*\$\{[^}]*\}[^}]*:", value):
            raise ConfigError(
                f"{path}={value!r}: the name of a resolver is written out, not computed."
            )
        for name in _RESOLVER.findall(value):
            if name == "oc.env":
                raise ConfigError(
                    f"{path}={value!r} reads the environment, which no one else has: a run must be "
                    f"a function of its configuration. Type {path}=VALUE instead."
                )
            if name not in RESOLVERS:
                raise ConfigError(
                    f"{path}={value!r}: the resolver {name!r} is not allowed; "
                    f"allowed: {listed(RESOLVERS)}, and plain references such as ${{units}}."
                )


def _interpolations(value: Any) -> str:
    found: list[str] = []

    def walk(inner: Any) -> None:
        if isinstance(inner, dict):
            for item in inner.values():
                walk(item)
        elif isinstance(inner, list):
            for item in inner:
                walk(item)
        elif isinstance(inner, str) and "${" in inner:
            found.append(inner)

    walk(value)
    return listed(found, 6)

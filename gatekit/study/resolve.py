"""From a composed DictConfig to plain data, once: nothing missing, interpolated, or secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gatekit.cell.errors import ConfigError, listed

from .references import refuse_large, refuse_resolvers


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
    raw = unresolved(composed)
    _refuse_missing(raw, "")
    task = raw.get("task")
    if isinstance(task, dict) and isinstance(task.get("name"), str):
        raw["task"] = {"name": task["name"], **task_defaults.get(task["name"], {}), **task}
    try:
        refuse_large(raw)
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


def unresolved(composed: DictConfig) -> dict[str, Any]:
    """Return the configuration as plain data with its references as they are written.

    Args:
        composed: what Hydra composed; a ``hydra`` node is left out.

    Raises:
        ConfigError: an interpolation uses a resolver.
    """
    raw = OmegaConf.to_container(composed, resolve=False)
    assert isinstance(raw, dict)
    raw.pop("hydra", None)
    refuse_resolvers(raw, "")
    return {str(key): value for key, value in raw.items()}


def _refuse_missing(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_missing(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_missing(inner, f"{path}.{index}")
    elif value == "???":
        raise ConfigError(f"{path} has no value yet (???); type {path}=VALUE.")


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

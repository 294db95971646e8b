"""Turn a composed DictConfig into plain data, with no value missing or interpolated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from gatekit.cell.block.contract import units_of
from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.registry import catalogue

from .config import refuse_no_file
from .interpolations import references, refuse_large, refuse_resolvers
from .keys import USUAL

DEFAULT_WIDTH = 64
"""The width of a model if neither width nor units are given."""


def plain(composed: DictConfig, task_defaults: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the configuration as plain data.

    Args:
        composed: the composed configuration; a ``hydra`` node is ignored.
        task_defaults: the options of each registered task; with them ``${task.length}`` has a
            value even if only ``task: {name: adding}`` is written.

    Raises:
        ConfigError: a value is missing (``???``), a file chooses none of a group, or an
            interpolation is undefined, circular, or uses a resolver that is not allowed.
    """
    raw = unresolved(composed)
    choices = OmegaConf.select(composed, "hydra.runtime.choices", default=None) or {}
    for group in ("output_unit", "block", "optimizer", "trainer"):
        if group in choices and choices[group] is None:
            refuse_no_file(group)
    if "change" in raw:
        raise ConfigError(
            "change has no keys of its own; type change=NAME for the file conf/change/NAME.yaml."
        )
    change = choices.get("change")
    raw["change"] = None if change == USUAL["change"] else change
    _refuse_missing(raw, "")
    if raw.get("units") is None:
        raw["units"] = _units(raw)
    task = raw.get("task")
    if isinstance(task, dict) and isinstance(task.get("name"), str):
        raw["task"] = {"name": task["name"], **task_defaults.get(task["name"], {}), **task}
    try:
        refuse_large(raw)
        node = OmegaConf.create(raw)
        resolved = OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    except RecursionError:
        raise ConfigError(f"the references {_interpolations(raw)} are circular.") from None
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "the configuration"
        message = str(error).splitlines()[0]
        if missing := [n for n in references(raw, key) if n not in keys_of(raw)]:
            name, last = missing[0], missing[0].rpartition(".")[2]
            same = [k for k in keys_of(raw) if k.rpartition(".")[2] == last and k != key]
            near = f"; did you mean {same[0]!r}?" if same else nearest(name, keys_of(raw))
            near = f"; type {key}=VALUE" if last == key and not same else near
            message = f"there is no key {name!r}{near}"
        elif isinstance(error, InterpolationResolutionError):
            message = "the reference is circular"
        raise ConfigError(f"{key}: {message}. References: {_interpolations(raw)}.") from None
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def _units(raw: dict[str, Any]) -> int:
    """Return the default units of the cell; if the block expands, also set the default width."""
    block, width = raw.get("block"), raw.get("width")
    kind = block.get("kind") if isinstance(block, dict) else None
    plugins = raw.get("plugins") or ()
    known = catalogue([str(p) for p in plugins] if isinstance(plugins, list) else ()).blocks
    expand = getattr(known.get(str(kind)), "expand", 1.0)
    if isinstance(block, dict) and isinstance(block.get("expand"), (int, float)):
        expand = block["expand"]
    if not isinstance(width, (int, type(None))):
        return DEFAULT_WIDTH
    units = units_of(width or DEFAULT_WIDTH, expand)
    if width is None and units != DEFAULT_WIDTH:
        raw["width"] = DEFAULT_WIDTH
    return units


def keys_of(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return every key of nested mappings, such as ``task.length``."""
    keys: list[str] = []
    for key, value in values.items():
        keys.append(f"{prefix}{key}")
        keys += keys_of(value, f"{prefix}{key}.") if isinstance(value, Mapping) else []
    return keys


def unresolved(composed: DictConfig) -> dict[str, Any]:
    """Return the configuration as plain data, with its references unresolved.

    Args:
        composed: the composed configuration; a ``hydra`` node is omitted.

    Raises:
        ConfigError: an interpolation uses a resolver.
    """
    raw = OmegaConf.to_container(composed, resolve=False)
    assert isinstance(raw, dict)
    raw.pop("hydra", None)
    refuse_resolvers(raw, "")
    return {str(key): value for key, value in raw.items()}


def _refuse_missing(value: object, path: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_missing(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_missing(inner, f"{path}.{index}")
    elif value == "???":
        raise ConfigError(f"{path} has no value yet (???); type {path}=VALUE.")


def _interpolations(value: object) -> str:
    references: list[str] = []

    def walk(inner: object) -> None:
        if isinstance(inner, dict):
            for item in inner.values():
                walk(item)
        elif isinstance(inner, list):
            for item in inner:
                walk(item)
        elif isinstance(inner, str) and "${" in inner:
            references.append(inner)

    walk(value)
    return listed(references, 6)

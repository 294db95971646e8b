"""Refuse values that Hydra would execute, and references that expand to something huge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gatekit.cell.errors import ConfigError, as_plain
from gatekit.faults import NOTHING, Fault, Kind, Place

MAX_SIZE = 2_000_000
"""The largest size of a configuration with every reference expanded; see `size`."""

KEPT = "\ue000"
"""Replaces the ``$`` of references in swept values, which Hydra would otherwise resolve."""

_PER_VALUE = 100
_KEYWORD = re.compile(r"_\w*_", re.ASCII)
_PLAIN = re.compile(r"(?<!\\)\$\{([A-Za-z_]\w*(?:\.[A-Za-z0-9_][\w-]*)*)\}", re.ASCII)
_RESOLVER = re.compile(r"\$\{\s*([^{}:$]*?)\s*:")
_COMPUTED = re.compile(r"\$\{[^}]*\$\{")


def refuse_keywords(value: object, where: str) -> None:
    """Refuse keys such as ``_target_``, from which Hydra would create an object.

    Args:
        value: plain data.
        where: the key of the value with a dot at its end; empty for a whole configuration.

    Raises:
        ConfigError: a mapping has such a key.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(key, str) and _KEYWORD.fullmatch(key):
                place, why = Place.of(where.removesuffix(".")) / key, "no class path is called"
                raise ConfigError(Fault(Kind.REFUSED, place, as_plain(inner), why=why))
            refuse_keywords(inner, f"{where}{key}.")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            refuse_keywords(inner, f"{where}{index}.")


def refuse_resolvers(value: object, where: str) -> None:
    """Refuse every interpolation but plain references to keys of the configuration.

    Args:
        value: plain data.
        where: the key that the value belongs to, for messages.

    Raises:
        ConfigError: a string contains something like ``${oc.env:HOME}``.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            refuse_resolvers(key, where)
            refuse_resolvers(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            refuse_resolvers(inner, f"{where}.{index}")
    elif isinstance(value, str) and "${" in value:
        _refuse_string(value, where)


def _refuse_string(value: str, where: str) -> None:
    why, resolvers = "", _RESOLVER.findall(value)
    if "oc.env" in resolvers:
        why = "a run depends only on its configuration, and not on an environment variable"
    elif _COMPUTED.search(value):
        why = "a reference cannot be computed"
    elif resolvers:
        why = f"there is no resolver {resolvers[0]!r}"
    elif "${" in _PLAIN.sub("", value):
        why = "it is not a reference"
    elif any(name.partition(".")[0] == "hydra" for name in _PLAIN.findall(value)):
        why = "it refers to Hydra's own keys"
    if why:
        # A key at the top has no place but itself.
        place, given = (Place.of(where), value) if where else (Place((value,)), NOTHING)
        raise ConfigError(Fault(Kind.REFUSED, place, given, why=why))


def refuse_large(raw: Mapping[str, Any]) -> None:
    """Refuse a configuration that becomes huge when its references are expanded.

    Raises:
        ConfigError: the expanded configuration is larger than `MAX_SIZE`.
    """
    if size(raw) > MAX_SIZE:
        raise ConfigError(
            "the references ${...} of this configuration make it larger than "
            f"{MAX_SIZE // _PER_VALUE:,} values"
        )


def size(raw: Mapping[str, Any]) -> int:
    """Return the size of a configuration with every reference expanded.

    Args:
        raw: plain data with references.

    Returns:
        The number of characters of all string values, plus 100 for each value. An undefined
        reference counts as one value; a circular one is not followed again.
    """
    known: dict[str, int] = {}

    def of(value: object) -> int:
        total = _PER_VALUE
        if isinstance(value, Mapping):
            total += sum(of(inner) for inner in value.values())
        elif isinstance(value, (list, tuple)):
            total += sum(of(inner) for inner in value)
        elif isinstance(value, str):
            total += len(value) + sum(of_reference(name) for name in _PLAIN.findall(value))
        return total

    def of_reference(name: str) -> int:
        if name not in known:
            known[name] = 0
            known[name] = of(_target(raw, name))
        return known[name]

    return of(raw)


def references(raw: Mapping[str, Any], key: str) -> list[str]:
    """Return the keys to which the value of a key refers."""
    return _PLAIN.findall(str(_target(raw, key)))


def _target(raw: object, name: str) -> Any:
    """Return the value that a reference names, or the next reference on the way to it."""
    for key in name.split("."):
        if isinstance(raw, Mapping):
            raw = raw.get(key)
        elif isinstance(raw, (list, tuple)):
            raw = raw[int(key)] if key.isdigit() and int(key) < len(raw) else None
        else:
            return raw
    return raw

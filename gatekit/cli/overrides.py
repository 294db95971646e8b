"""``key=value`` arguments of ``gatekit show``: a cell's configuration and its sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from gatekit.cell.errors import ConfigError, listed, nearest

KEYS = ("cell", "units", "features", "output_unit", "plugins")
PREFIXES = ("cell.", "swap.", "output_unit.")
MAX_VALUE = 4000


@dataclass
class Overrides:
    """The parsed arguments of ``gatekit show``.

    Args:
        cell: the cell's name.
        units: the layer's units.
        features: the width of the input.
        output_unit: the output unit's name.
        plugins: files of additional plugins.
        swap: gates by role.
        cell_values: values by path inside the cell, such as ``gates.forget.eps``.
        output_values: values by option of the output unit.
    """

    cell: str = ""
    units: int = 64
    features: int = 32
    output_unit: str = "hidden"
    plugins: list[str] = field(default_factory=list)
    swap: dict[str, Any] = field(default_factory=dict)
    cell_values: dict[str, Any] = field(default_factory=dict)
    output_values: dict[str, Any] = field(default_factory=dict)


def read_overrides(arguments: Sequence[str]) -> Overrides:
    """Parse ``key=value`` arguments.

    Raises:
        ConfigError: an argument is not ``key=value``, a key is unknown or given twice, or a value
            has the wrong type.
    """
    overrides = Overrides()
    seen: set[str] = set()
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals:
            raise ConfigError(f"{argument!r} is not KEY=VALUE; type for example cell={argument}")
        if key not in KEYS and not key.startswith(PREFIXES):
            known = [*KEYS, *(f"{prefix}NAME" for prefix in PREFIXES)]
            raise ConfigError(
                f"there is no key {key!r}{nearest(key, KEYS) or '.'} "
                f"Keys of `gatekit show`: {listed(known)}."
            )
        if key in seen:
            raise ConfigError(f"{key} is given twice; remove one of them")
        seen.add(key)
        _assign(overrides, key, _value(key, text))
    if not overrides.cell:
        raise ConfigError("no cell is named; type cell=NAME, for example `gatekit show cell=lstm`")
    return overrides


def with_values(config: Mapping[str, Any], values: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Return a configuration with values set at dotted paths.

    Args:
        config: plain data.
        values: value by path, such as ``gates.forget.eps``.
        root: name of the configuration in messages.

    Raises:
        ConfigError: a path leads through something that is not a mapping.
    """
    result = dict(config)
    for path, value in values.items():
        *parents, last = path.split(".")
        place = result
        for depth, part in enumerate(parents):
            inner = place.get(part)
            if inner is not None and not isinstance(inner, Mapping):
                reached = ".".join([root, *parents[: depth + 1]])
                raise ConfigError(f"{root}.{path}: {reached} is {inner!r}, which has no keys")
            place[part] = dict(inner or {})
            place = place[part]
        place[last] = value
    return result


def _assign(overrides: Overrides, key: str, value: Any) -> None:
    head, _, rest = key.partition(".")
    if head == "swap":
        overrides.swap[rest] = value
    elif rest:
        (overrides.cell_values if head == "cell" else overrides.output_values)[rest] = value
    elif key in ("units", "features"):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{key}={value!r}: an integer from 1 is expected, such as {key}=64")
        setattr(overrides, key, value)
    elif key == "plugins":
        files = [value] if isinstance(value, str) else value
        if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
            raise ConfigError(
                f"plugins={value!r}: a list of files is expected, such as plugins=[my_gate.py]"
            )
        overrides.plugins = files
    else:
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{key}={value!r}: a name is expected, such as {key}=hidden")
        setattr(overrides, key, value)


def _value(key: str, text: str) -> Any:
    if len(text) > MAX_VALUE:
        raise ConfigError(f"{key}: the value has {len(text):,} characters; at most {MAX_VALUE:,}")
    try:
        events = list(yaml.parse(text, Loader=yaml.SafeLoader))
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            raise ConfigError(f"{key}={text}: aliases (*name) are not allowed; quote the value")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{key}={text[:80]}: the value is not YAML; quote it") from None

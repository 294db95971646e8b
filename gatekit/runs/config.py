"""Write and read ``config.yaml``, fast enough for ten thousand runs."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gatekit.cell.errors import GatekitError, RunError, one_line

from . import durable

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SECTION = re.compile(r"^(?=[A-Za-z_][A-Za-z0-9_]*:)", re.MULTILINE)
_MOST_BYTES = 1_000_000
_MOST_NODES = 20_000
_MOST_DIGITS = 300
_PLAIN = (str, int, float, type(None))

NOT_VARIANTS = (
    *("study", "root", "seeds", "n_jobs", "threads", "retry", "match", "probe", "plugins"),
    *("seed", "chosen", "devices"),
)
"""Settings that do not distinguish variants.

They do not change a run's numbers, with three exceptions: the code of plugins, whose hashes are
compared instead; the seed, over which groups are averaged; and ``chosen``, which follows from the
cell, and of which results record the executor.
"""


BUDGETS = ("parameters", "state", "flops", "total")
"""The budgets of ``match=``, as the word before its colon."""


def chosen_by(match: object) -> str | None:
    """Return the budget that chose a run's size; None if its size was typed.

    Args:
        match: the key ``match``, as typed or as recorded.
    """
    asked = match.get("to") if isinstance(match, Mapping) else match
    kind = str(asked).partition(":")[0]
    return kind if kind in BUDGETS else None


def sized_alike(config: Mapping[str, Any]) -> str | None:
    """Return what decides a model's size, apart from the gates and equations of its cell.

    Args:
        config: a run's configuration, from `read`.

    Returns:
        A string that is equal for models to which the cost of a gate can be attributed; None if the
        configuration has no cell.
    """
    mixers = config.get("mixers")
    cells = [config.get("cell"), *(mixers if isinstance(mixers, list) else ())]
    if not all(isinstance(cell, Mapping) for cell in cells):
        return None
    keys = ("task", "units", "width", "layers", "bidirectional", "block", "output_unit")
    sizes = {key: config.get(key) for key in keys}
    return repr([sizes, [cell.get("name") for cell in cells]])


def with_plugins(config: Mapping[str, object], plugins: Sequence[str]) -> dict[str, Any]:
    """Return a run's configuration with the typed plugin files instead of those that it names.

    A configuration may come from someone else, and a plugin is executed.

    Args:
        config: the configuration, from `read`.
        plugins: the typed files.
    """
    return {**config, "plugins": list(plugins)}


def untyped(config: Mapping[str, object], plugins: Sequence[str]) -> str:
    """Return what to type if a run needs plugin files that were not typed; otherwise empty.

    Args:
        config: the configuration, from `read`.
        plugins: the typed files.
    """
    named = config.get("plugins")
    if plugins or not isinstance(named, list) or not named:
        return ""
    files = ",".join(str(file) for file in named)
    return f" The run was trained with plugins=[{files}]: type this, too, if you trust these files."


def dumped(config: Mapping[str, object]) -> str:
    """Return a configuration as YAML."""
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100)


def read(path: Path) -> dict[str, Any]:
    """Return the configuration in one file.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not a configuration.
    """
    return dict(ConfigReader().read(durable.read(path)))


class _ConfigLoader(_SafeLoader):  # type: ignore[misc]
    """Rejects integers that are too long to convert or print quickly."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > _MOST_DIGITS:
            raise ValueError(f"an integer has {len(node.value):,} characters")
        return int(super().construct_yaml_int(node))


_ConfigLoader.add_constructor("tag:yaml.org,2002:int", _ConfigLoader.construct_yaml_int)


@contextlib.contextmanager
def used(path: Path) -> Iterator[None]:
    """Turn errors that a wrong configuration causes in the block into a `RunError`.

    Args:
        path: the file of the configuration, which may come from someone else.

    Raises:
        RunError: a key is missing or has an impossible value.
    """
    try:
        yield
    except GatekitError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise RunError(
            f"{path} is not the configuration of a run ({type(error).__name__}: {error})"
        ) from error


class ConfigReader:
    """Parses configurations; each distinct top-level section is parsed once.

    Runs of one study share most of their sections. The returned mappings share them, too, so they
    must not be changed.
    """

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, Any] | None] = {}

    def read(self, data: bytes) -> Mapping[str, Any]:
        """Return the configuration in the bytes of a file.

        Raises:
            ValueError: the bytes are not UTF-8, not YAML or not a mapping, contain a value that no
                run has, or are more than any run configuration.
        """
        if len(data) > _MOST_BYTES:
            raise ValueError(f"{len(data)} bytes are more than a run configuration has")
        text = data.decode("utf-8")
        config: dict[str, Any] = {}
        for piece in _SECTION.split(text):
            if not piece.strip():
                continue
            section = self._section(piece)
            if section is None or section.keys() & config.keys():
                return self._whole(text)
            config.update(section)
        if not config:
            raise ValueError("it has no keys")
        return config

    def _section(self, piece: str) -> dict[str, Any] | None:
        if piece not in self._sections:
            try:
                self._sections[piece] = _mapping(piece)
            except ValueError:
                # The split may be inside a quoted string, so the whole document is parsed instead.
                self._sections[piece] = None
        return self._sections[piece]

    def _whole(self, text: str) -> Mapping[str, Any]:
        return _mapping(text)


def _mapping(text: str) -> dict[str, Any]:
    try:
        value = yaml.load(text, _ConfigLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(one_line(error)) from None
    if not isinstance(value, dict):
        raise ValueError("it is not a mapping")
    refuse_unusual(value)
    return {str(key): item for key, item in value.items()}


def refuse_unusual(value: object) -> None:
    """Refuse plain data that no run has: too many values, a NaN, a date.

    Raises:
        ValueError: the reason.
    """
    # Aliases can turn a small text into a huge tree, and every later walk would visit all of it.
    seen = 0
    stack = [value]
    while stack:
        item = stack.pop()
        seen += 1
        if seen > _MOST_NODES:
            raise ValueError(f"more than {_MOST_NODES} values")
        if isinstance(item, Mapping):
            stack.extend(item.values())
            _plain(item)
        elif isinstance(item, list):
            stack.extend(item)
        else:
            _plain((item,))


def _plain(values: Iterable[object]) -> None:
    """Refuse dates, bytes, sets, NaN and infinities, which YAML allows but a run never has."""
    for value in values:
        if not isinstance(value, _PLAIN):
            raise ValueError(f"it has a value of type {type(value).__name__}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"it has the value {value}")


def flatten(value: Mapping[str, object], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one level with dotted keys.

    Lists are not flattened, and an empty mapping is the same as a missing one.
    """
    flat: dict[str, Any] = {}
    for key, item in value.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(item, Mapping):
            flat.update(flatten(item, path))
        else:
            flat[path] = item
    return flat


def cell_name(config: Mapping[str, object]) -> str | None:
    """Return the name of a configuration's cell, such as ``lstm``, or ``lstm+gru`` if its layers
    have different cells; None without a cell."""
    mixers = config.get("mixers")
    if isinstance(mixers, list) and mixers:
        return "+".join(str(cell_name({"cell": each})) for each in mixers)
    cell = config.get("cell")
    name = cell.get("name") if isinstance(cell, Mapping) else cell
    return None if name is None else str(name)


def run_settings(config: Mapping[str, object]) -> dict[str, Any]:
    """Return a configuration with dotted keys and only the cell's name, without `NOT_VARIANTS`."""
    flat: dict[str, Any] = {}
    name = cell_name(config)
    if name is not None:
        flat["cell"] = name
    rest = {k: v for k, v in config.items() if k not in ("cell", "mixers", *NOT_VARIANTS)}
    flat.update(flatten(rest))
    return flat

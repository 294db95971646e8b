"""``config.yaml``: how it is written and read, ten thousand of them quickly."""

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
    "seed",
)
"""Settings that distinguish no variants.

They change no number, except that a plugin's code may, whose hash is compared, and the seed, over
which groups are averaged.
"""


BUDGETS = ("parameters", "state", "flops")
"""What ``match=`` can equalise, as the word before its colon."""


def chosen_by(match: object) -> str | None:
    """Return the budget that chose a run's size; None if its size was typed.

    Args:
        match: the key ``match``, as typed or as recorded.
    """
    asked = match.get("to") if isinstance(match, Mapping) else match
    kind = str(asked).partition(":")[0]
    return kind if kind in BUDGETS else None


def with_plugins(config: Mapping[str, object], plugins: Sequence[str]) -> dict[str, Any]:
    """Return a run's configuration with the plugin files that were typed in place of its own.

    A configuration may come from a stranger, and a plugin is a program.

    Args:
        config: what `read` returned.
        plugins: the files.
    """
    return {**config, "plugins": list(plugins)}


def untyped(config: Mapping[str, object], plugins: Sequence[str]) -> str:
    """Return what to type if a run needs plugin files that were not typed, as a sentence.

    Args:
        config: what `read` returned.
        plugins: the files that were typed.
    """
    named = config.get("plugins")
    if plugins or not isinstance(named, list) or not named:
        return ""
    files = ",".join(str(file) for file in named)
    return f" The run was trained with plugins=[{files}]: type this, too, if you trust these files."


def dumped(config: Mapping[str, object]) -> str:
    """Return a configuration as the text of its file."""
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100)


def read(path: Path) -> dict[str, Any]:
    """Return the configuration in one file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it does not hold a configuration.
    """
    return dict(ConfigReader().read(durable.read(path)))


class _ConfigLoader(_SafeLoader):  # type: ignore[misc]
    """Reads no integer that takes long to compute, or that has too many digits to be printed."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > _MOST_DIGITS:
            raise ValueError(f"an integer has {len(node.value):,} characters")
        return int(super().construct_yaml_int(node))


_ConfigLoader.add_constructor("tag:yaml.org,2002:int", _ConfigLoader.construct_yaml_int)


@contextlib.contextmanager
def used(path: Path) -> Iterator[None]:
    """Report what a block finds wrong with a configuration, which may come from a stranger.

    Args:
        path: the file of the configuration.

    Raises:
        RunError: a key is missing, or holds what no run has.
    """
    try:
        yield
    except GatekitError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise RunError(
            f"{path} is not the configuration of a run ({type(error).__name__}: {error}); choose "
            "another run."
        ) from error


class ConfigReader:
    """Parses config texts, each distinct top-level section once.

    Runs of one study share most of their sections. The mappings that the reader returns share
    them, too, so they must not be changed.
    """

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, Any] | None] = {}

    def read(self, data: bytes) -> Mapping[str, Any]:
        """Return the mapping that the text holds.

        Raises:
            ValueError: the text is not UTF-8, not YAML, not a mapping, or larger than any
                run configuration.
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
            raise ValueError("it holds no keys")
        return config

    def _section(self, piece: str) -> dict[str, Any] | None:
        if piece not in self._sections:
            try:
                self._sections[piece] = _mapping(piece)
            except ValueError:
                # The cut may have gone through a quoted text: the whole document decides.
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
    _bound(value)
    return {str(key): item for key, item in value.items()}


def _bound(value: object) -> None:
    # Aliases may make a small text a huge tree, and every later walk would visit all of it.
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
    """Refuse dates, bytes, sets, NaN and infinities, which YAML knows and a run never has."""
    for value in values:
        if not isinstance(value, _PLAIN):
            raise ValueError(f"it holds a value of type {type(value).__name__}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"it holds the value {value}")


def flatten(value: Mapping[str, object], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one level with dotted keys.

    Lists stay whole, and an empty mapping is the same as an absent one.
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
    """Return the name of a configuration's cell, None without one; ``lstm+gru`` if layers have
    cells of their own."""
    mixers = config.get("mixers")
    if isinstance(mixers, list) and mixers:
        return "+".join(str(cell_name({"cell": each})) for each in mixers)
    cell = config.get("cell")
    name = cell.get("name") if isinstance(cell, Mapping) else cell
    return None if name is None else str(name)


def run_settings(config: Mapping[str, object]) -> dict[str, Any]:
    """Return a configuration with dotted keys: the cell by its name, without launch settings."""
    flat: dict[str, Any] = {}
    name = cell_name(config)
    if name is not None:
        flat["cell"] = name
    rest = {k: v for k, v in config.items() if k not in ("cell", "mixers", *NOT_VARIANTS)}
    flat.update(flatten(rest))
    return flat

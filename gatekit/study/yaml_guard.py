"""A YAML file from outside is looked at before any parser builds anything from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gatekit.cell.errors import ConfigError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 40
MAX_NODES = 20_000
MAX_ALIASES = 100

_TRAPS = (
    (re.compile(r"(?i:yes|no|on|off)\Z"), "YAML 1.1 takes it for a truth value"),
    (re.compile(r"[-+]?0[0-9_]+\Z"), "YAML 1.1 takes it for an octal number"),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?\Z"),
        "YAML 1.1 takes it for base 60",
    ),
    (re.compile(r"[-+]?[0-9]+_[0-9_]*\Z"), "underscores in numbers are not portable"),
)


def checked(path: Path) -> str:
    """Return the text of a YAML file that is safe to parse and means what it says.

    Raises:
        ConfigError: the file is too big, too deep, not UTF-8, empty, not YAML, has a duplicate key,
            a tag, many aliases, or a plain scalar that YAML 1.1 reads as something else.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(
                f"{path} has {path.stat().st_size:,} bytes; "
                f"a configuration has {MAX_BYTES:,} at most."
            )
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    if data.startswith(b"\xef\xbb\xbf"):
        raise ConfigError(f"{path} begins with a byte order mark; save it as UTF-8 without one.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from None
    if "\x00" in text:
        raise ConfigError(f"{path} is not text: it holds NUL bytes.")
    if max(map(len, re.findall(r"[\[{][\[{\s]*", text)), default=0) > 4 * MAX_DEPTH:
        raise ConfigError(f"{path} is nested deeper than {MAX_DEPTH}.")
    try:
        _walk(path, yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested deeper than {MAX_DEPTH}.") from None
    return text


def _walk(path: Path, events: Iterator[Any]) -> None:
    # One frame per open collection: [is a mapping, the next scalar is a key, keys seen].
    frames: list[list[Any]] = []
    nodes = aliases = documents = 0
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise ConfigError(f"{path}:{line}: a second document; a configuration is one.")
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
            if aliases > MAX_ALIASES:
                raise ConfigError(
                    f"{path}:{line}: more than {MAX_ALIASES} aliases; write values out."
                )
            _turn(frames)
        elif isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
            nodes += 1
            if nodes > MAX_NODES:
                raise ConfigError(f"{path}:{line}: more than {MAX_NODES:,} values.")
            if event.tag is not None and event.tag != "!":
                raise ConfigError(
                    f"{path}:{line}: the tag {event.tag} is not allowed; write plain values."
                )
            if isinstance(event, yaml.ScalarEvent):
                _scalar(path, line, event, frames)
                _turn(frames)
            else:
                _turn(frames)
                frames.append([isinstance(event, yaml.MappingStartEvent), True, set()])
                if len(frames) > MAX_DEPTH:
                    raise ConfigError(f"{path}:{line}: nested deeper than {MAX_DEPTH}.")
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            frames.pop()
    if not nodes:
        raise ConfigError(f"{path} is empty; write at least one key, or delete the file.")


def _scalar(path: Path, line: int, event: Any, frames: list[list[Any]]) -> None:
    if event.implicit[0] and event.style is None:
        for pattern, why in _TRAPS:
            if pattern.match(event.value):
                raise ConfigError(
                    f'{path}:{line}: {event.value} is ambiguous ({why}); write "{event.value}" for '
                    "the text, true or false for a truth value, or the decimal number."
                )
    if frames and frames[-1][0] and frames[-1][1]:
        if event.value in frames[-1][2]:
            raise ConfigError(f"{path}:{line}: the key {event.value} is written twice.")
        frames[-1][2].add(event.value)


def _turn(frames: list[list[Any]]) -> None:
    if frames and frames[-1][0]:
        frames[-1][1] = not frames[-1][1]

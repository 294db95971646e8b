"""Reads YAML from outside safely: no file can run code, hang, or be misread."""

from __future__ import annotations

import copy
import math
import os
import re
from collections.abc import Hashable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from yaml.scanner import ScannerError

from gatekit.cell.errors import ConfigError, excerpt, quoted, shown
from gatekit.runs.durable import opened

MAX_BYTES = 64 * 1024
MAX_DEPTH = 40
MAX_VALUES = 10_000
MAX_KEY = 100
"""The most characters of a key, so that messages can name it."""
# A long string counts as several values, so that aliases cannot multiply it.
_LONG = 100
_FLOW = re.compile(r"[\[{][\[{\s]*")
# A float as Hydra reads it: YAML 1.1 would read ``1e-3`` as a string.
_FLOAT = re.compile(
    r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z"
    r"|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
)
# Python cannot print an integer of more than 4,300 digits, but reads longer hexadecimal ones.
_MAX_DIGITS = 300
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_:]*)\Z")
# YAML 1.1 reads these as booleans, octal numbers, numbers of base 60, and without underscores.
_AMBIGUOUS = re.compile(
    r"(?:(?i:yes|no|on|off)|[-+]?(?:0[0-9_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+|[0-9]+_[0-9_]*))\Z"
)


class _PlainLoader(yaml.SafeLoader):
    yaml_implicit_resolvers = {
        first: [(t, r) for t, r in pairs if not t.endswith((":float", ":timestamp"))]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def read_yaml(path: Path, folder: Path | None = None) -> dict[str, Any]:
    """Return the mapping in a YAML file of at most 64 KiB without a byte order mark.

    Args:
        path: the file.
        folder: as in `read_text`.

    Raises:
        ConfigError: the file is not allowed; the message shows the file, the line and the remedy.
    """
    return parse(read_text(path, folder), path)


def parse(text: str, path: Path) -> dict[str, Any]:
    """Return the mapping in the text of a YAML file, as `read_text` returned it.

    Raises:
        ConfigError: the text is not YAML, or not one mapping of plain values.
    """
    return copy.deepcopy(_parsed(text, path))


# A deep model reads its cell's file once per layer; a query of all cells reads every file.
@lru_cache(maxsize=512)
def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        _walk(path, text)
        loaded = yaml.load(text, Loader=_PlainLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{shown(path)} is not YAML{_marked(error)}") from None
    except RecursionError:
        raise ConfigError(f"{shown(path)} is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{shown(path)} holds a value that cannot be read: {error}") from None
    if loaded is None:
        raise ConfigError(f"{shown(path)} is empty; write key: value, or delete the file.")
    if not isinstance(loaded, dict):
        raise ConfigError(
            f"{shown(path)} holds {quoted(loaded)}; a mapping, key: value, is expected."
        )
    return loaded


def _marked(error: yaml.YAMLError) -> str:
    """Return the parser's error, with the line and a caret below it if the position is known."""
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, ScannerError) and error.context_mark is not None:
        mark = error.context_mark  # the beginning of the quotation
    snippet = None if mark is None else mark.get_snippet(indent=4)
    if mark is None or snippet is None:
        return f": {' '.join(str(error).split())[:300]}"
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    if "\\t" in str(parts[1]):
        parts = ["the line is indented with a tab, and YAML takes spaces: replace each tab"]
    why = ", ".join(" ".join(str(part).split())[:150] for part in parts if part)
    return f", line {mark.line + 1}, column {mark.column + 1}: {why}\n{snippet}"


def line_in(path: Path, keys: Sequence[str | int]) -> tuple[str, str]:
    """Return a file and the line of an entry, as messages name them.

    Args:
        path: a file that `read_yaml` reads.
        keys: the keys that lead to the entry; the line is that of its longest part in the file.
    """
    lines = lines_to(path, keys)
    return shown(path), f"line {lines[-1]}" if lines else ""


def lines_to(path: Path, keys: Sequence[str | int]) -> list[int]:
    """Return the lines of the entries that keys lead to in a file, as far as it has them.

    Args:
        path: a file that `read_yaml` reads.
        keys: the keys, from the outermost.
    """
    node = yaml.compose(read_text(path, path.parent.parent), Loader=_PlainLoader)
    lines: list[int] = []
    for part in keys:
        items: list[tuple[yaml.Node, yaml.Node]] = []
        if isinstance(node, yaml.MappingNode):
            items = [(key, value) for key, value in node.value if key.value == str(part)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            items = [(each, each) for each in node.value[part : part + 1]]
        if not items:
            break
        lines.append(items[0][0].start_mark.line + 1)
        node = items[0][1]
    return lines


def decoded(data: bytes, path: Path) -> str:
    """Return the text of a file from its content.

    Raises:
        ConfigError: it is not UTF-8, or has NUL bytes.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{shown(path)} is not UTF-8 text (byte {error.start}); save it as UTF-8."
        ) from None
    if "\0" in text:
        raise ConfigError(f"{shown(path)} is not text: it has NUL bytes; save it as UTF-8.")
    return text


def content(path: Path, folder: Path, most: int = MAX_BYTES) -> bytes:
    """Return the content of a file in a folder of configurations; every such file is read here.

    Args:
        path: a regular file.
        folder: the folder that a link must not lead out of.
        most: the most bytes that the file may have.

    Raises:
        ConfigError: the file is missing, too large, not a regular file, or outside the folder.
    """
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(
                f"{shown(path)} is a link out of {shown(folder)}; copy the file there."
            )
        with opened(path) as file:
            data = file.read(most + 1)
            size = max(os.fstat(file.fileno()).st_size, len(data))
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{shown(path)} cannot be read: {reason}.") from None
    if size > most:
        raise ConfigError(
            f"{shown(path)} has {size:,} bytes; such a file has at most {most:,} bytes."
        )
    return data


def read_text(path: Path, folder: Path | None = None) -> str:
    """Return the text of a configuration file.

    Args:
        path: a regular file of at most 64 KiB, in UTF-8 without byte order mark.
        folder: the folder that a link must not lead out of; by default, the one of the file.

    Raises:
        ConfigError: the file does not have this form.
    """
    data = content(path, path.parent if folder is None else folder)
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(
            f"{shown(path)} begins with a byte order mark; save it as UTF-8 without it."
        )
    text = decoded(data, path)
    # The scanner is slow on long runs of brackets, so these are refused before it sees them.
    if any(len(run.replace(" ", "")) > MAX_DEPTH for run in _FLOW.findall(text)):
        raise ConfigError(f"{shown(path)} is nested deeper than {MAX_DEPTH} levels.")
    return text


def _walk(path: Path, text: str) -> None:
    """Check the events of the parser, so that a file that is refused is never built."""
    counts: list[int] = [0]
    owners: list[str | None] = []
    keys: list[tuple[dict[Hashable, int], bool] | None] = []
    sizes: dict[str, int] = {}
    before = ""
    named = shown(path)
    for event in yaml.parse(text, Loader=_PlainLoader):
        where = f"{named}, line {_line(event)}"
        if isinstance(event, yaml.DocumentStartEvent) and counts[0]:
            raise ConfigError(f"{where}: a second document begins; only one is allowed.")
        if isinstance(event, yaml.CollectionEndEvent):
            size, owner = counts.pop(), owners.pop()
            keys.pop()
            counts[-1] += size
            if owner is not None:
                sizes[owner] = size
        if not isinstance(event, (yaml.AliasEvent, yaml.ScalarEvent, yaml.CollectionStartEvent)):
            continue
        is_key = _turn(keys)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ConfigError(
                    f"{where}: *{excerpt(str(event.anchor))} refers to no complete value before "
                    "it; a value that begins with * needs quotes."
                )
            counts[-1] += sizes[event.anchor]
        else:
            length = len(event.value) if isinstance(event, yaml.ScalarEvent) else 0
            counts[-1] += 1 + length // _LONG
            if event.tag not in (None, "!"):
                raise ConfigError(
                    f"{where}: the tag {excerpt(event.tag)} is refused; write plain values."
                )
        if sum(counts) > MAX_VALUES:
            raise ConfigError(f"{where}: more than {MAX_VALUES:,} values, with aliases expanded.")
        if isinstance(event, yaml.ScalarEvent):
            if is_key and len(event.value) > MAX_KEY:
                raise ConfigError(
                    f"{where}: a key has {len(event.value):,} characters; at most {MAX_KEY} are "
                    f"allowed: {excerpt(event.value)}"
                )
            if is_key and _INTEGER.match(event.value) and _INTEGER.match(before):
                number = f"{before[:20]}.{event.value[:20]}"
                raise ConfigError(
                    f"{where}: a comma separates entries, and a number has a point: {number}."
                )
            before = event.value
            _check_scalar(event, where)
            if event.anchor:
                sizes[event.anchor] = 1 + len(event.value) // _LONG
            if is_key and keys[-1] is not None:
                seen = keys[-1][0]
                if event.value in seen:
                    raise ConfigError(
                        f"{where}: the key {event.value!r} is written twice, first in line "
                        f"{seen[event.value]}; remove one of them, or indent each below the name "
                        "that it belongs to."
                    )
                seen[event.value] = _line(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            if is_key:
                raise ConfigError(f"{where}: a key is a name, not a list or a mapping.")
            counts.append(0)
            owners.append(event.anchor)
            keys.append(({}, False) if isinstance(event, yaml.MappingStartEvent) else None)
            if len(owners) > MAX_DEPTH:
                raise ConfigError(f"{where}: nested deeper than {MAX_DEPTH} levels.")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _turn(keys: list[tuple[dict[Hashable, int], bool] | None]) -> bool:
    """Return whether the next node is a key of the innermost mapping, and move past it."""
    if not keys or keys[-1] is None:
        return False
    seen, value_next = keys[-1]
    keys[-1] = (seen, not value_next)
    return not value_next


def _check_scalar(event: yaml.ScalarEvent, where: str) -> None:
    if event.style is not None or not event.implicit[0]:
        return
    if len(event.value) > _MAX_DIGITS and _INTEGER.match(event.value):
        raise ConfigError(
            f"{where}: {event.value[:20]}... is an integer of {len(event.value):,} characters; at "
            f"most {_MAX_DIGITS} are allowed."
        )
    if _AMBIGUOUS.match(event.value):
        flag = {"y": "true", "yes": "true", "on": "true"}.get(event.value.lower(), "false")
        plain = flag if event.value.isalpha() else "decimal digits for a number"
        raise ConfigError(
            f"{where}: {excerpt(event.value)} can be misread; write {plain}, or put a string into "
            "quotes."
        )
    special = event.value[-1:] in "fFnN"  # .inf, .NaN
    if _FLOAT.match(event.value) and (special or math.isinf(float(event.value))):
        raise ConfigError(
            f"{where}: {excerpt(event.value)} is not a finite number; write for example 1e6."
        )

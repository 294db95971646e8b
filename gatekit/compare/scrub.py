"""Remove paths, host names and user names from data that are shared."""

from __future__ import annotations

import getpass
import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PATH = re.compile(
    r"(?<![\w.~/:])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\'\":,;()]+[/\\])+([^\s/\\'\":,;()]*)"
)
_WHOLE = re.compile(r"(?:~[/\\]|[/\\]|[A-Za-z]:[/\\]).*", re.DOTALL)
_SHORTEST = 3
_COMMON = ("root", "user", "runner", "ubuntu", "localhost")


def scrub(text: str) -> str:
    """Return text with paths cut to their last part, and without this host's and user's name."""
    text = _PATH.sub(lambda match: match.group(1) or "<path>", text)
    for name, word in (("<host>", platform.node()), ("<user>", _user())):
        if len(word) >= _SHORTEST and word.lower() not in _COMMON:
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", name, text)
    return text


def without_paths(value: Any) -> Any:
    """Return plain data in which each string that is a path is cut to its last part."""
    if isinstance(value, Mapping):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(item) for item in value]
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return re.split(r"[/\\]", value.rstrip("/\\"))[-1]
    return value


def line_with_location(text: str) -> int | None:
    """Return the number of the first line with the host's name, your home or the working folder."""
    words = [str(Path.home()), os.getcwd()]
    host = platform.node()
    words += [host] if len(host) > _SHORTEST and host not in _COMMON else []
    known = [word for word in words if len(word) > _SHORTEST and word.lower() not in _COMMON]
    for number, line in enumerate(text.splitlines(), start=1):
        if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line) for word in known):
            return number
    return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""

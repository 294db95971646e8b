"""Both spellings of plugin files in every command: ``--plugin FILE.py``, ``plugins=[FILE.py]``."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.errors import ConfigError

KEY = ("train", "plan", "show", "cite", "tune")
"""Commands whose arguments are keys: they take ``plugins=[FILE.py]``."""

OPTION = (
    "check",
    "cells",
    "gates",
    "output-units",
    "blocks",
    "functions",
    "tasks",
    "plugins",
    "report",
    "sample",
)
"""Commands that take ``--plugin FILE.py``."""


def with_plugins(command: str, words: Sequence[str]) -> list[str]:
    """Return the words of a command with plugins in the spelling that the command reads.

    Args:
        command: the command's name.
        words: its arguments.

    Raises:
        ConfigError: ``--plugin`` has no file.
    """
    if command in KEY:
        return _as_key(words)
    if command in OPTION:
        return [w for word in words for w in _as_options(word)]
    return list(words)


def _as_key(words: Sequence[str]) -> list[str]:
    kept: list[str] = []
    files: list[str] = []
    rest = iter(words)
    for word in rest:
        named = _files(word)
        if word == "--plugin" or word.startswith("--plugin="):
            file = word.partition("=")[2] or next(rest, "")
            if not file:
                raise ConfigError("--plugin needs a file; type --plugin FILE.py")
            named = [file]
        if named is None:
            kept.append(word)
        else:
            files += named
    # in front, because Hydra takes no override after an option such as --cfg job
    return [f"plugins=[{','.join(files)}]", *kept] if files else kept


def _as_options(word: str) -> list[str]:
    files = _files(word)
    return [word] if files is None else [w for file in files for w in ("--plugin", file)]


def _files(word: str) -> list[str] | None:
    """Return the files that ``plugins=[FILE.py,FILE.py]`` names; None for any other word."""
    if not word.lstrip("+").startswith("plugins="):
        return None
    from gatekit.study.words import plugin_files

    return plugin_files([word])

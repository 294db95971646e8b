"""A plugin that was found, how to load it, and what is known of it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRIVATE = "gatekit_plugin_file_"
"""What the names of modules of plugin files begin with."""


@dataclass(frozen=True)
class DiscoveredPlugin:
    """A plugin that was found and is not loaded yet.

    Args:
        name: its name, unique among those found.
        load: returns the module or object with the hooks; may raise anything.
        path: its file, where it is one.
        distribution: the installed distribution that brings it; None for a file.
        version: that distribution's version.
        bundled: whether it is one of gatekit's own.
        named: whether the user named it, so that it has to be there.
        module: the module that an entry point names.
        later: what has to be asked for before a bundled plugin is loaded: ``blocks``, ``cells``,
            ``tasks`` or ``callbacks``; empty for what every cell may use.
    """

    name: str
    load: Callable[[], Any]
    path: Path | None = None
    distribution: str | None = None
    version: str | None = None
    bundled: bool = False
    named: bool = False
    module: str = ""
    later: str = ""

    @property
    def place(self) -> str:
        """Where the plugin comes from, for messages."""
        if self.distribution:
            return f"{self.distribution} {self.version or ''}".strip()
        return str(self.path or self.name)

    def __str__(self) -> str:
        """Return name and place."""
        return f"plugin {self.name!r} ({self.place})"


@dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that works.

    Args:
        found: where it was found.
        module: the module or object with its hooks.
        hooks: all hooks that it implements.
        reverted: what it changed in the process while it was loaded, each as the end of a sentence.
    """

    found: DiscoveredPlugin
    module: Any
    hooks: tuple[str, ...]
    reverted: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """Where something registered comes from.

    Args:
        name: the registered name.
        plugin: the plugin's name.
        distribution: the installed distribution, None for a file.
        version: the distribution's version.
        path: the file that defines it.
        hooks: all hooks that the plugin implements.
    """

    name: str
    plugin: str
    distribution: str | None
    version: str | None
    path: Path | None
    hooks: tuple[str, ...]


@dataclass(frozen=True)
class Broken:
    """A plugin that is left out, and why; all others work.

    Args:
        name: the plugin's name.
        version: its distribution's version, None for a file.
        path: its file, where it has one.
        traceback: the traceback of what it raised, empty where it raised nothing.
        reason: one line.
    """

    name: str
    version: str | None
    path: Path | None
    traceback: str
    reason: str

"""Records of plugins: found, loaded or broken; and the origins of registered objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRIVATE = "gatekit_plugin_file_"
"""The prefix of the module names of plugin files."""


@dataclass(frozen=True)
class DiscoveredPlugin:
    """A plugin that was found but is not loaded yet.

    Args:
        name: its name, unique among those found.
        load: returns the module or object with the hooks; may raise anything.
        path: its file; None for an entry point.
        distribution: the installed distribution that contains it; None for a file.
        version: the version of the distribution.
        bundled: whether it is one of gatekit's own.
        named: whether the user named it, so a fault is an error.
        module: the module that an entry point names.
        later: for a bundled plugin that is loaded only when its kind is needed, the kind:
            ``blocks``, ``cells``, ``tasks`` or ``callbacks``; otherwise empty.
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
        discovered: the record of the plugin from before it was loaded.
        module: the module or object with its hooks.
        hooks: all hooks that it implements.
        reverted: its changes to the process, which were reverted, each as the end of a sentence.
    """

    discovered: DiscoveredPlugin
    module: Any
    hooks: tuple[str, ...]
    reverted: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """The origin of a registered object.

    Args:
        name: the registered name.
        plugin: the plugin's name.
        distribution: the installed distribution, None for a file.
        version: the distribution's version.
        path: the file that defines it.
        hooks: all hooks that the plugin implements.
        requires_api: the version of the plugin contract that the plugin declares, if it does.
    """

    name: str
    plugin: str
    distribution: str | None
    version: str | None
    path: Path | None
    hooks: tuple[str, ...]
    requires_api: str | None = None


@dataclass(frozen=True)
class Broken:
    """A plugin that is left out, and why; all others work.

    Args:
        name: the plugin's name.
        version: the version of its distribution; None for a file.
        path: its file; None for an entry point.
        traceback: the traceback of its exception; empty if it raised none.
        reason: why it is broken, in one line.
    """

    name: str
    version: str | None
    path: Path | None
    traceback: str
    reason: str

"""Queries: what plugins provide, where each object comes from, and which plugins are left out.

Each function takes ``plugins``: plugin files in addition to those that gatekit finds itself.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import PluginError, listed, nearest, shown
from gatekit.runs import durable
from gatekit.tasks.task import Task

from . import contract, discovery, hooks
from .discovery import VERSION, version_of
from .guard import named
from .loading import Registry, complete_registry, registry
from .plugin import Broken, Origin


def catalogue(plugins: Sequence[str] = ()) -> Catalogue:
    """Return the parts that a cell may use: gates, output units, functions, linear maps and others.

    At a prompt and in a notebook, it warns of plugin files that were edited after they were loaded.

    Args:
        plugins: plugin files in addition to those that gatekit finds itself.

    Raises:
        PluginError: a named file is missing; a hook is misspelt; two plugins register one name.
    """
    known = registry(plugins)
    if _interactive():
        _warn_of_changes(known)
    return known.catalogue


def _interactive() -> bool:
    """Return whether the user types at a prompt, Python's or IPython's, or in a notebook."""
    shell = sys.modules.get("IPython")
    return hasattr(sys, "ps1") or (shell is not None and shell.get_ipython() is not None)


def _warn_of_changes(known: Registry) -> None:
    """Warn at a prompt and in a notebook of plugins that were edited after they were loaded."""
    for plugin in known.plugins.values():
        path = plugin.discovered.path
        if path is None or plugin.discovered.bundled:
            continue
        if version_of(path) != getattr(plugin.module, VERSION, None):
            file = shown(path)
            warnings.warn(
                f"{file} has changed since it was loaded; type "
                f"gatekit.use_plugins({file!r}) to load it again",
                stacklevel=2,
            )


def tasks(plugins: Sequence[str] = ()) -> Mapping[str, type[Task]]:
    """Return the task classes by name."""
    return MappingProxyType(complete_registry(plugins).objects["tasks"])


def config_dirs(plugins: Sequence[str] = ()) -> list[Path]:
    """Return the folders of YAML that plugins provide, in the order in which they are searched.

    Plugins that the user named come first, gatekit's own last.
    """
    return list(registry(plugins).config_dirs)


def callbacks(run: Mapping[str, object], plugins: Sequence[str] = ()) -> list[Callable[..., Any]]:
    """Return the callbacks of plugins, which a run calls as ``f(event, **facts)``.

    Args:
        run: the run's resolved configuration.

    Raises:
        PluginError: a plugin raises, or returns something other than callables.
    """
    known = complete_registry(plugins)
    collected: list[Callable[..., Any]] = []
    for name, plugin in known.plugins.items():
        if (hook := "gatekit_callbacks") in plugin.hooks:
            with named(f"{plugin.discovered}: {hook}", plugin.discovered.path) as changes:
                collected += contract.callback_list(known.call(plugin.discovered, hook, run=run))
            every = dict.fromkeys([*plugin.reverted, *changes])
            known.plugins[name] = replace(plugin, reverted=tuple(every))
    return collected


def reverted(plugins: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """Return the changes to the process that were reverted after plugins were loaded, by plugin.

    Each change is the end of a sentence, such as ``changed the working folder``.
    """
    known = complete_registry(plugins).plugins
    return {name: plugin.reverted for name, plugin in known.items() if plugin.reverted}


def origins(kind: str, plugins: Sequence[str] = ()) -> dict[str, Origin]:
    """Return where each object of a kind comes from, by name.

    Args:
        kind: ``gates``, ``output_units``, ``cells``, ``functions``, ``initializers``,
            ``linear_maps``, ``blocks`` or ``tasks``.

    Raises:
        PluginError: there is no such kind.
    """
    if kind not in hooks.KINDS:
        raise PluginError(
            f"there is no kind {kind!r}{nearest(kind, hooks.KINDS) or '.'} "
            f"Kinds: {listed(hooks.KINDS)}."
        )
    return dict(complete_registry(plugins).origins[kind])


def broken(plugins: Sequence[str] = ()) -> list[Broken]:
    """Return the plugins that are left out, with reason and traceback."""
    return list(complete_registry(plugins).broken)


def plugin_origins(plugins: Sequence[str] = ()) -> list[Origin]:
    """Return every plugin that works, with its hooks, in the order of loading."""
    known = [(p.discovered, p.hooks) for p in complete_registry(plugins).plugins.values()]
    return [Origin(p.name, p.name, p.distribution, p.version, p.path, h) for p, h in known]


def left_out(name: str, plugins: Sequence[str] = ()) -> str:
    """Return a sentence about broken plugins that may explain an unknown name; empty without any.

    It gives the reasons for the plugins that may register the name: their name or file contains it,
    or their file cannot be read. If there are none, it only lists the broken plugins.

    Args:
        name: the unknown name.
    """
    failed = complete_registry(plugins).broken
    if reasons := reasons_of(name, plugins):
        return f"Left out because broken: {reasons}"
    others = listed((b.name for b in failed), 6)
    return f"Left out because broken: {others}; `gatekit plugins` shows why." if failed else ""


def reasons_of(name: str, plugins: Sequence[str] = ()) -> str:
    """Return why the plugins that may register a name are broken; empty if there are none.

    Args:
        name: the unknown name.
    """
    failed = complete_registry(plugins).broken
    reasons = "; ".join(
        f"{b.name} ({shown(b.path) if b.path else b.version}): {b.reason.rstrip('.')}"
        for b in failed
        if name in b.name or _may_hold(b.path, name)
    )
    return f"{reasons}. `gatekit plugins --json` has the traceback." if reasons else ""


def _may_hold(path: Path | None, name: str) -> bool:
    if path is None:
        return False
    try:  # a broken plugin may be a named pipe, or too large
        text = durable.read(path, discovery.LARGEST).decode(errors="replace")
    except OSError:
        return True
    return f'"{name}"' in text or f"'{name}'" in text


def plugin_names(plugins: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the plugins that work, in the order of loading."""
    return tuple(complete_registry(plugins).plugins)

"""Loads each plugin in isolation: registers those that work, and records the others as broken."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pluggy

from gatekit.cell.calls import border
from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import PluginError
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.cell.written import Line

from . import contract, discovery, hooks
from .author import described
from .guard import CallOutcome, attempt
from .plugin import Broken, DiscoveredPlugin, LoadedPlugin, Origin

SLOW = 5.0
"""Seconds after which the name of a plugin that is still loading is written to stderr."""


@dataclass
class Registry:
    """Everything that the plugins of one working folder provide.

    Bundled blocks, cells, tasks and callbacks are in ``pending`` until they are needed. If the user
    has plugins, all bundled plugins are loaded immediately, before those of the user.
    """

    manager: pluggy.PluginManager
    objects: dict[str, dict[str, Any]] = field(default_factory=lambda: {k: {} for k in hooks.KINDS})
    origins: dict[str, dict[str, Origin]] = field(
        default_factory=lambda: {k: {} for k in hooks.KINDS}
    )
    plugins: dict[str, LoadedPlugin] = field(default_factory=dict)
    config_dirs: list[Path] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    pending: list[DiscoveredPlugin] = field(default_factory=list)
    bundled: int = 0

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """The parts that a cell may use, frozen."""
        objects: dict[str, Mapping[str, Any]] = {
            k: MappingProxyType(self.objects[k]) for k in hooks.KINDS if k != "tasks"
        }
        objects.update({k: _Awaited(self, k) for k in ("blocks", "cells")})
        objects["functions"] = MappingProxyType({**FUNCTIONS, **self.objects["functions"]})
        found = [plugin.discovered for plugin in self.plugins.values()]
        own = [f"{p.name} ({p.place})" for p in found if not p.bundled]
        return Catalogue(
            **objects,
            loaded=(f"gatekit's own {self.bundled}", *own),
            broken=tuple(f"{b.name} ({b.reason})" for b in self.broken),
        )

    def call(self, plugin: DiscoveredPlugin, hook: str, **arguments: Any) -> Any:
        """Call one hook of one plugin, through pluggy, and return its result.

        Args:
            plugin: a plugin that implements the hook.
            hook: the hook's name.
            arguments: the arguments of the hook; pluggy passes those that the plugin asks for.

        Raises:
            BaseException: the plugin raised it.
        """
        module = self.manager.get_plugin(plugin.name)
        others = [p for p in self.manager.get_plugins() if p is not module]
        results = self.manager.subset_hook_caller(hook, others)(**arguments)
        # pluggy drops results that are None.
        return results[0] if results else None


class _Awaited(Mapping[str, Any]):
    """The registered objects of a kind; its bundled plugins are loaded on first use."""

    def __init__(self, known: Registry, kind: str) -> None:
        self._known, self._kind = known, kind

    def _found(self) -> Mapping[str, Any]:
        _load_pending(self._known, self._kind)
        return self._known.objects[self._kind]

    def __getitem__(self, name: str) -> Any:
        return self._found()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())


def registry(plugins: Sequence[str] = ()) -> Registry:
    """Return everything registered; the same object for the same plugins and working folder.

    Args:
        plugins: plugin files in addition to those that gatekit finds itself.

    Raises:
        PluginError: a named file is missing; a hook is misspelt; two plugins register one name.
    """
    if isinstance(plugins, (str, Path)):
        raise PluginError(
            f"plugins={str(plugins)!r}: a list is expected; write plugins=[{str(plugins)!r}]"
        )
    named = dict.fromkeys((*_used, *(str(p) for p in plugins)))
    everything = discovery.autoload()
    distributions = discovery.chosen() if everything else None
    return _registry(tuple(named), Path.cwd(), everything, distributions)


def complete_registry(plugins: Sequence[str] = ()) -> Registry:
    """Return everything registered, including bundled tasks and callbacks; see `registry`."""
    known = registry(plugins)
    _load_pending(known)
    return known


_used: list[str] = []
_LOCK = threading.RLock()


@border
def use_plugins(*plugins: str | Path) -> None:
    """Load plugin files for the rest of this process, for example before loading a saved model.

    A saved model never loads a plugin by itself: a file of weights must not run code. Files that
    have changed since they were loaded are loaded again, including those in ./plugins.

    Args:
        plugins: the files.

    Raises:
        PluginError: a file is missing or broken.
    """
    wrong = next((p for p in plugins if not isinstance(p, (str, Path))), None)
    if wrong is not None:
        raise PluginError(
            f"use_plugins: {wrong!r} is not a path; "
            "write gatekit.use_plugins('plugins/mine.py', 'plugins/other.py')"
        )
    added = [str(Path(plugin).resolve()) for plugin in plugins]
    _registry.cache_clear()
    registry(added)
    _used.extend(path for path in added if path not in _used)


@contextlib.contextmanager
def using(plugins: Sequence[str]) -> Iterator[None]:
    """Load plugin files until the block ends, as `use_plugins` does for the rest of the process."""
    before = list(_used)
    use_plugins(*plugins)
    try:
        yield
    finally:
        _used[:] = before


@functools.lru_cache(maxsize=32)
def _registry(
    plugins: tuple[str, ...],
    folder: Path,
    everything: bool,
    distributions: frozenset[str] | None,
) -> Registry:
    found = discovery.find(plugins, folder, everything, distributions)
    bundled = tuple(plugin for plugin in found if plugin.bundled)
    users = found[len(bundled) :]
    return _loaded(bundled, users) if users else _shared(bundled)


@functools.lru_cache(maxsize=4)
def _shared(bundled: tuple[DiscoveredPlugin, ...]) -> Registry:
    """Return gatekit's own plugins as a registry, which all folders without plugins share."""
    return _loaded(bundled, ())


def _loaded(bundled: Sequence[DiscoveredPlugin], users: Sequence[DiscoveredPlugin]) -> Registry:
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    result = Registry(manager, bundled=len(bundled))
    for plugin in bundled:
        if users or not plugin.later:
            _add(result, plugin)
        else:
            result.pending.append(plugin)
    for plugin in users:
        _add(result, plugin)
    return result


def _load_pending(known: Registry, kind: str = "") -> None:
    """Load the pending plugins: all of them, or those that provide one kind."""
    with _LOCK:
        for plugin in [p for p in known.pending if kind in ("", p.later)]:
            try:
                _add(known, plugin)
            except BaseException:
                # The next call tries again, for example after Ctrl-C.
                _forget(known, plugin)
                raise
            known.pending.remove(plugin)


def _forget(known: Registry, plugin: DiscoveredPlugin) -> None:
    """Remove what a plugin registered before it was interrupted."""
    if known.manager.has_plugin(plugin.name):
        known.manager.unregister(name=plugin.name)
    known.plugins.pop(plugin.name, None)
    for kind, origins in known.origins.items():
        for name in [name for name, origin in origins.items() if origin.plugin == plugin.name]:
            del origins[name], known.objects[kind][name]


@dataclass(frozen=True)
class _Offer:
    """The contribution of a plugin: its hooks, their results, and the origin of each object."""

    module: Any
    implemented: tuple[str, ...]
    objects: Mapping[str, Mapping[str, Any]]
    origins: Mapping[str, Mapping[str, Origin]]
    folders: list[Path]


def _add(known: Registry, plugin: DiscoveredPlugin) -> None:
    outcome: CallOutcome[_Offer | PluginError | None]
    if plugin.bundled:  # trusted to change nothing
        try:
            outcome = CallOutcome(_offer(known, plugin))
        except Exception as error:
            outcome = CallOutcome(None, *described(error, plugin.path))
    else:
        with _announced(plugin):
            outcome = attempt(lambda: _offer(known, plugin), plugin.path)
    offer, reason = outcome.value, outcome.reason
    if isinstance(offer, PluginError):
        raise offer
    if offer is None and known.manager.has_plugin(plugin.name):
        known.manager.unregister(name=plugin.name)
    if reason and plugin.named:
        raise PluginError(
            f"{plugin} is broken: {reason}. Fix it, or remove it from plugins= or --plugin."
        )
    if reason:
        place = plugin.name, plugin.version, plugin.path
        known.broken.append(Broken(*place, outcome.traceback, reason))
    if offer is None:
        return
    _merge(known, plugin, offer)
    known.plugins[plugin.name] = LoadedPlugin(
        plugin, offer.module, offer.implemented, outcome.changes
    )
    # Plugins that the user named are loaded last, and their folders come first.
    known.config_dirs[:0] = offer.folders


@contextlib.contextmanager
def _announced(plugin: DiscoveredPlugin) -> Iterator[None]:
    """Print the name of a plugin that takes long to load."""
    stream = sys.stderr
    timer = threading.Timer(SLOW, lambda: stream.write(f"gatekit: still loading {plugin}\n"))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _offer(known: Registry, plugin: DiscoveredPlugin) -> _Offer | PluginError | None:
    """Return the contribution of a plugin.

    Returns:
        The offer; an error that ends the command, if the plugin would otherwise be skipped
        silently; None if another entry point has already registered the module.

    Raises:
        BaseException: the plugin is broken.
    """
    manager, module = known.manager, plugin.load()
    if plugin.bundled:  # tests check these, and inspecting each name is slow
        implemented = tuple(sorted(vars(module).keys() & hooks.HOOKS))
    else:
        hash(module)  # pluggy keeps plugins in sets
        if reason := contract.api_mismatch(module):
            raise PluginError(reason)
        try:
            implemented = contract.implemented(module, plugin)
        except PluginError as error:
            return error
        if not implemented and (forgotten := contract.unregistered(module)):
            raise PluginError(forgotten)
    if plugin.named and not implemented:
        return PluginError(
            f"{plugin} has no hook; add, for a gate:\n"
            "  @hookimpl\n  def gatekit_gates():\n      return {'my_gate': MyGate}"
        )
    if manager.is_registered(module):
        return None
    try:
        manager.register(module, plugin.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        return PluginError(f"{plugin}: {error}")
    objects: dict[str, Mapping[str, Any]] = {}
    for kind in hooks.KINDS:
        if (hook := f"gatekit_{kind}") in implemented:
            try:
                objects[kind] = known.call(plugin, hook)
                if not plugin.bundled:
                    objects[kind] = contract.checked(hook, objects[kind], module)
            except PluginError as error:
                raise (
                    error if error.line else PluginError(f"{error}", _line_of(module, hook))
                ) from None
    folders: list[Path] = []
    if (hook := "gatekit_config_dirs") in implemented:
        folders = known.call(plugin, hook)
        if plugin.bundled:
            folders = [Path(folder).resolve() for folder in folders]
        else:
            beside = Path(inspect.getfile(getattr(module, hook))).resolve().parent
            folders = contract.folders(folders, beside)
    by, version, api = plugin.distribution, plugin.version, contract.declared_api(module)
    origins = {
        kind: {
            name: Origin(name, plugin.name, by, version, _path(plugin, value), implemented, api)
            for name, value in named.items()
        }
        for kind, named in objects.items()
    }
    return _Offer(module, implemented, objects, origins, folders)


def _line_of(module: Any, hook: str) -> Line:
    code = inspect.unwrap(getattr(module, hook)).__code__
    return Line(code.co_filename, code.co_firstlineno)


def _merge(known: Registry, plugin: DiscoveredPlugin, offer: _Offer) -> None:
    for kind, named in offer.objects.items():
        what = kind.removesuffix("s").replace("_", " ")
        for name in named:
            if first := known.origins[kind].get(name):
                other = known.plugins[first.plugin].discovered
                raise PluginError(
                    f"two plugins register the {what} {name!r}: {other} and {plugin}. "
                    "Rename one of them, or remove one plugin."
                )
            if kind == "functions" and name in FUNCTIONS:
                raise PluginError(
                    f"{plugin} registers the {what} {name!r}, which gatekit already has"
                )
            known.objects[kind][name] = named[name]
            known.origins[kind][name] = offer.origins[kind][name]


def _path(plugin: DiscoveredPlugin, value: object) -> Path | None:
    if plugin.path is not None:
        return plugin.path
    module = sys.modules.get(getattr(value, "__module__", ""))
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None

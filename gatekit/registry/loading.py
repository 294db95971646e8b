"""Loading: each plugin is tried by itself; what works is registered, the rest is set aside."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pluggy

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import PluginError
from gatekit.cell.language.ops import FUNCTIONS

from . import contract, discovery, hooks, quarantine
from .plugin import Broken, Found, Origin


@dataclass
class Registry:
    """All that the plugins of one working folder offer."""

    things: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {k: {} for k in contract.KINDS}
    )
    origins: dict[str, dict[str, Origin]] = field(
        default_factory=lambda: {k: {} for k in contract.KINDS}
    )
    plugins: dict[str, Found] = field(default_factory=dict)
    carriers: dict[str, Any] = field(default_factory=dict)
    hooks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    config_dirs: list[Path] = field(default_factory=list)
    callback_hooks: list[tuple[Found, Callable[..., Any], tuple[str, ...]]] = field(
        default_factory=list
    )
    broken: list[Broken] = field(default_factory=list)
    reverted: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """What a cell may use, frozen."""
        things = {k: MappingProxyType(self.things[k]) for k in contract.KINDS if k != "tasks"}
        things["functions"] = MappingProxyType({**FUNCTIONS, **self.things["functions"]})
        own = [f"{p.name} ({p.place})" for p in self.plugins.values() if not p.bundled]
        bundled = sum(p.bundled for p in self.plugins.values())
        return Catalogue(
            **things,
            loaded=(f"gatekit's own {bundled}", *own),
            broken=tuple(f"{b.name} ({b.reason})" for b in self.broken),
        )


def registry(plugins: Sequence[str] = ()) -> Registry:
    """Return everything registered; the same object for the same plugins and working folder.

    Args:
        plugins: plugin files besides those that are found by themselves.

    Raises:
        PluginError: a named file is missing; a hook is misspelt; two plugins register one name.
    """
    if isinstance(plugins, (str, Path)):
        raise PluginError(
            f"plugins={str(plugins)!r}: a list is expected; write plugins=[{plugins}]"
        )
    named = dict.fromkeys((*_used, *(str(p) for p in plugins)))
    return _registry(tuple(named), Path.cwd(), discovery.autoload() and not _named_only.get())


_used: list[str] = []
_named_only: ContextVar[bool] = ContextVar("named_only", default=False)


@contextlib.contextmanager
def named_only() -> Iterator[None]:
    """Load only bundled plugins and those that are named, until the block ends."""
    token = _named_only.set(True)
    try:
        yield
    finally:
        _named_only.reset(token)


def use_plugins(*plugins: str | Path) -> None:
    """Load plugin files for the rest of this process, before a saved model is loaded for example.

    A saved model never loads a plugin by itself: a file of weights must not run code.

    Args:
        plugins: the files.

    Raises:
        PluginError: a file is missing or broken.
    """
    added = [str(Path(plugin).resolve()) for plugin in plugins]
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
def _registry(plugins: tuple[str, ...], folder: Path, everything: bool) -> Registry:
    result = Registry()
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    for plugin in discovery.find(plugins, folder, everything):
        _add(result, manager, plugin)
    return result


@dataclass(frozen=True)
class _Offer:
    """What a plugin has: its hooks and what they returned, each thing with its source file."""

    carrier: Any
    implemented: tuple[str, ...]
    things: Mapping[str, Mapping[str, Any]]
    paths: Mapping[tuple[str, str], Path | None]
    folders: list[Path]
    callbacks: list[tuple[Callable[..., Any], tuple[str, ...]]]


def _add(result: Registry, manager: pluggy.PluginManager, plugin: Found) -> None:
    found = quarantine.attempt(plugin, lambda: _offer(manager, plugin))
    offer = found.value
    if isinstance(offer, PluginError):
        raise offer
    if found.reason or not isinstance(offer, _Offer):
        if manager.has_plugin(plugin.name):
            manager.unregister(name=plugin.name)
        if found.reason:
            broken = Broken(plugin.name, plugin.version, plugin.path, found.traceback, found.reason)
            _set_aside(result, plugin, broken)
        return
    _merge(result, plugin, offer)
    result.plugins[plugin.name] = plugin
    result.carriers[plugin.name] = offer.carrier
    result.hooks[plugin.name] = offer.implemented
    result.reverted[plugin.name] = found.changes
    # What was loaded later was asked for more expressly, and so stands before it.
    result.config_dirs[:0] = offer.folders
    result.callback_hooks += [(plugin, function, names) for function, names in offer.callbacks]


def _offer(manager: pluggy.PluginManager, plugin: Found) -> _Offer | PluginError | None:
    """Return what a plugin has.

    Returns:
        The offer; an error that ends the command, since the plugin would be passed over silently;
        None if two entry points lead to one module, whose hooks are known already.

    Raises:
        BaseException: the plugin is broken.
    """
    carrier = plugin.load()
    if reason := contract.api_mismatch(carrier):
        raise PluginError(reason)
    try:
        implemented = contract.implemented(carrier, plugin)
    except PluginError as error:
        return error
    forgotten = "" if implemented or plugin.bundled else contract.unregistered(carrier)
    if forgotten:
        raise PluginError(forgotten)
    if plugin.named and not implemented:
        return PluginError(
            f"{plugin} has no hook; add, for a gate:\n"
            "  @hookimpl\n  def gatekit_gates():\n      return {'my_gate': MyGate}"
        )
    if manager.is_registered(carrier):
        return None
    try:
        manager.register(carrier, plugin.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        return PluginError(f"{plugin}: {error}")
    things, folders = _call_hooks(manager, plugin)
    return _Offer(
        carrier,
        implemented,
        things,
        {(kind, n): _path(plugin, thing) for kind, of in things.items() for n, thing in of.items()},
        folders,
        [(i.function, tuple(i.argnames)) for i in _own_hooks(manager, plugin, "gatekit_callbacks")],
    )


def _set_aside(result: Registry, plugin: Found, broken: Broken) -> None:
    if plugin.named:
        raise PluginError(
            f"{plugin}, which plugins= names, is broken: {broken.reason}. Mend it, or take it out."
        )
    result.broken.append(broken)


def _own_hooks(manager: pluggy.PluginManager, plugin: Found, hook: str) -> list[Any]:
    caller = getattr(manager.hook, hook)
    return [impl for impl in caller.get_hookimpls() if impl.plugin_name == plugin.name]


def _call_hooks(
    manager: pluggy.PluginManager, plugin: Found
) -> tuple[dict[str, Mapping[str, Any]], list[Path]]:
    things: dict[str, Mapping[str, Any]] = {}
    folders: list[Path] = []
    for kind in contract.KINDS:
        hook = f"gatekit_{kind}"
        for impl in _own_hooks(manager, plugin, hook):
            things[kind] = contract.checked(hook, impl.function())
    for impl in _own_hooks(manager, plugin, "gatekit_config_dirs"):
        beside = Path(inspect.getfile(impl.function)).resolve().parent
        folders += contract.folders(impl.function(), beside)
    return things, folders


def _merge(
    result: Registry,
    plugin: Found,
    offer: _Offer,
) -> None:
    for kind, named in offer.things.items():
        for name, thing in named.items():
            what = kind.removesuffix("s").replace("_", " ")
            first = result.origins[kind].get(name)
            if first is not None:
                other = result.plugins[first.plugin]
                raise PluginError(
                    f"two plugins register the {what} {name!r}: {other} and {plugin}. "
                    "Rename one of them, or leave one plugin out."
                )
            if name in contract.built_in(kind):
                raise PluginError(
                    f"{plugin} registers the {what} {name!r}, which gatekit has itself"
                )
            result.things[kind][name] = thing
            result.origins[kind][name] = Origin(
                name,
                plugin.name,
                plugin.distribution,
                plugin.version,
                offer.paths[kind, name],
                offer.implemented,
            )


def _path(plugin: Found, thing: Any) -> Path | None:
    if plugin.path is not None:
        return plugin.path
    module = sys.modules.get(getattr(thing, "__module__", ""))
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None

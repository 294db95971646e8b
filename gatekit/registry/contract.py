"""What a plugin must keep to: its hooks' names, and what each hook returns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.declare import Declared
from gatekit.cell.errors import PluginError, listed, nearest
from gatekit.cell.gate import Gate
from gatekit.cell.initializer import Initializer
from gatekit.cell.language.ops import FUNCTIONS, Function
from gatekit.cell.linear_map import LinearMap
from gatekit.cell.output_unit import OutputUnit

from . import hooks
from .plugin import Found

API = "1"
"""The version of the plugin interface; a plugin may ask for it with ``requires_api = "1"``."""

HOOKS = tuple(name for name in vars(hooks) if name.startswith("gatekit_"))
MARK = f"{hooks.PROJECT}_impl"
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
CLASSES: dict[str, type] = {
    "gates": Gate,
    "output_units": OutputUnit,
    "initializers": Initializer,
    "linear_maps": LinearMap,
    "tasks": Declared,
}
KINDS = (*CLASSES, "cells", "functions")


def api_mismatch(carrier: Any) -> str:
    """Return why a plugin's ``requires_api`` cannot be met, or an empty text."""
    wanted = getattr(carrier, "requires_api", API)
    if str(wanted) == API:
        return ""
    return (
        f"it asks for version {wanted} of gatekit's plugin interface, and this gatekit has {API}; "
        f'install a gatekit that has it, or adapt the plugin and write requires_api = "{API}"'
    )


def unregistered(carrier: Any) -> str:
    """Return why a module without hooks is a mistake: it defines what nothing registers."""
    for value in vars(carrier).values() if inspect.ismodule(carrier) else ():
        if not inspect.isclass(value) or value.__module__ != carrier.__name__:
            continue
        kind = next((k for k, base in CLASSES.items() if issubclass(value, base)), None)
        if kind is None or value.__name__.startswith("_"):
            continue
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value.__name__).lower()
        what = kind.removesuffix("s").replace("_", " ")
        return (
            f"it defines the {what} {value.__name__} and registers nothing; end the file with\n"
            f"  @hookimpl\n  def gatekit_{kind}():\n      return {{'{name}': {value.__name__}}}"
        )
    return ""


def implemented(carrier: Any, plugin: Found) -> tuple[str, ...]:
    """Return the hooks that the plugin implements.

    Args:
        carrier: the module or object with the hooks.
        plugin: what it was loaded from.

    Raises:
        PluginError: a hook is misspelt, or is not marked with ``@hookimpl``.
    """
    found = []
    for name in dir(carrier):
        value = inspect.getattr_static(carrier, name)
        value = getattr(value, "__func__", value)
        if not callable(value) or inspect.isclass(value):
            continue
        marked = MARK in getattr(value, "__dict__", {})
        if not marked and not name.startswith("gatekit_"):
            continue
        if name not in HOOKS:
            raise PluginError(
                f"{plugin}: there is no hook {name!r}{nearest(name, HOOKS) or '.'} "
                f"Hooks: {listed(HOOKS)}."
            )
        if not marked:
            raise PluginError(
                f"{plugin}: {name} is not marked; write @hookimpl above it "
                "(from gatekit import hookimpl)"
            )
        found.append(name)
    return tuple(found)


def checked(hook: str, result: Any) -> dict[str, Any]:
    """Return what a hook returned, copied, so that a later look finds the same.

    Args:
        hook: the hook, of one of the kinds.
        result: what it returned.

    Raises:
        PluginError: it is not a mapping from names to things of the hook's kind.
    """
    kind = hook.removeprefix("gatekit_")
    if not isinstance(result, Mapping):
        raise PluginError(f"{hook} returned {_short(result)}; a mapping from names is expected")
    things = dict(result)
    for name, thing in things.items():
        if type(name) is not str or not _IDENTIFIER.match(name):
            raise PluginError(
                f"{hook}: {name!r} is not a name (letters, digits and _, starting with a letter)"
            )
        fault = _fault(kind, name, thing)
        if fault:
            raise PluginError(f"{hook}: {name} is {_short(thing)}; {fault}")
    return things


def _fault(kind: str, name: str, thing: Any) -> str:
    if kind in CLASSES:
        base = CLASSES[kind]
        is_one = isinstance(thing, type) and issubclass(thing, base) and thing is not base
        what = "gatekit.Task" if kind == "tasks" else f"gatekit.{base.__name__}"
        return "" if is_one else f"a subclass of {what} is expected (the class, not an instance)"
    if kind == "cells":
        return "" if callable(thing) else "a function that returns a cell is expected"
    if not isinstance(thing, Function):
        return "a gatekit.Function is expected"
    if thing.name != name:
        return f"its name is {thing.name!r}; both must be equal"
    if thing.compose is None:
        return "compose= is missing: the function in terms of gatekit.ops"
    return ""


def folders(result: Any, base: Path) -> list[Path]:
    """Return the configuration folders that a plugin names, relative ones seen from ``base``.

    Raises:
        PluginError: they are not folders.
    """
    if isinstance(result, (str, bytes)) or not isinstance(result, Sequence):
        raise PluginError(
            f"gatekit_config_dirs returned {_short(result)}; a list of folders is expected"
        )
    found = []
    for entry in result:
        path = (base / str(entry)).resolve()
        if not path.is_dir():
            raise PluginError(
                f"gatekit_config_dirs: {str(entry)!r} is not a folder (looked for {path})"
            )
        found.append(path)
    return found


def callback_list(result: Any) -> list[Callable[..., Any]]:
    """Return the callbacks that a plugin returned for a run.

    Raises:
        PluginError: they are not a list of callables.
    """
    if isinstance(result, (str, bytes)) or not isinstance(result, Sequence):
        raise PluginError(
            f"gatekit_callbacks returned {_short(result)}; a list of callables is expected"
        )
    for entry in result:
        if not callable(entry):
            raise PluginError(
                f"gatekit_callbacks returned {_short(entry)} in its list, which cannot be called"
            )
    return list(result)


def built_in(kind: str) -> Sequence[str]:
    """Return the names of a kind that gatekit itself has, which no plugin may take."""
    return tuple(FUNCTIONS) if kind == "functions" else ()


def _short(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"

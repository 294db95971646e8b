"""What a plugin must keep to: its hooks' names, and what each hook returns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.block.contract import Block
from gatekit.cell.errors import PluginError, listed, nearest
from gatekit.cell.gate import Gate
from gatekit.cell.initializer import Initializer
from gatekit.cell.language.ops import FUNCTIONS, Function
from gatekit.cell.linear_map import LinearMap
from gatekit.cell.output_unit import OutputUnit
from gatekit.tasks.task import Task

from . import hooks
from .plugin import DiscoveredPlugin

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
    "blocks": Block,
    "tasks": Task,
}
KINDS = (*CLASSES, "cells", "functions")


def api_mismatch(module: Any) -> str:
    """Return why a plugin's ``requires_api`` cannot be met, or an empty text."""
    wanted = getattr(module, "requires_api", API)
    if str(wanted) == API:
        return ""
    return (
        f"it asks for version {wanted} of gatekit's plugin interface, and this gatekit has {API}; "
        f'install a gatekit that has it, or adapt the plugin and write requires_api = "{API}"'
    )


def unregistered(module: Any) -> str:
    """Return why a module without hooks is a mistake: it defines what nothing registers."""
    for value in vars(module).values() if inspect.ismodule(module) else ():
        if not inspect.isclass(value) or value.__module__ != module.__name__:
            continue
        kind = _kind_of(value)
        if kind not in CLASSES or value.__name__.startswith("_"):
            continue
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value.__name__).lower()
        return (
            f"it defines the {_noun(kind)} {value.__name__} and registers nothing; "
            "end the file with\n"
            f"  @hookimpl\n  def gatekit_{kind}():\n      return {{'{name}': {value.__name__}}}"
        )
    return ""


def implemented(module: Any, plugin: DiscoveredPlugin) -> tuple[str, ...]:
    """Return the hooks that the plugin implements.

    Args:
        module: the module or object with the hooks.
        plugin: what it was loaded from.

    Raises:
        PluginError: a hook is misspelt, or is not marked with ``@hookimpl``.
    """
    found = []
    for name in dir(module):
        value = inspect.getattr_static(module, name)
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
    """Return a copy of what a hook returned, so that a later look finds the same.

    Args:
        hook: the hook of one of the kinds.
        result: what it returned.

    Raises:
        PluginError: it is not a mapping from names to objects of the hook's kind.
    """
    kind = hook.removeprefix("gatekit_")
    if not isinstance(result, Mapping):
        classes = [thing for thing in _several(result) if isinstance(thing, type)]
        name = classes[0].__name__ if classes else "NAME"
        raise PluginError(
            f"{hook} returned {_short(result)}; a mapping from names is expected: "
            f"return {{{name.lower()!r}: {name}}}"
        )
    objects = dict(result)
    for name, value in objects.items():
        if type(name) is not str or not _IDENTIFIER.match(name):
            raise PluginError(
                f"{hook}: {name!r} is not a name (letters, digits and _, starting with a letter)"
            )
        if fault := _fault(kind, name, value):
            raise PluginError(f"{hook}: {name} is {_short(value)}; {fault}")
    return objects


def _fault(kind: str, name: str, value: Any) -> str:
    """Return what is wrong with an object that a hook returned, and what to type, or nothing."""
    actual = _kind_of(value)
    if actual is not None and actual != kind:
        what = "it" if isinstance(value, (type, Function)) else "its class"
        return (
            f"that is {_article(actual)}, and {_expected(kind)} is expected: return {what} from "
            f"gatekit_{actual} instead"
        )
    if kind in CLASSES:
        return _class_fault(kind, value)
    if kind == "cells":
        return "" if callable(value) else f"{_expected(kind)} is expected"
    if not isinstance(value, Function):
        return f"{_expected(kind)} is expected"
    if value.name != name:
        return f"its name is {value.name!r}; both must be equal"
    if value.compose is None:
        return "compose= is missing: the function in terms of gatekit.ops"
    return ""


def _class_fault(kind: str, value: Any) -> str:
    base = CLASSES[kind]
    if isinstance(value, base):
        return f"that is an instance: return the class, {type(value).__name__}"
    if not (isinstance(value, type) and issubclass(value, base)):
        return f"{_expected(kind)} is expected"
    if value is base:
        return f"that is the base class: {_expected(kind)} is expected"
    if inspect.isabstract(value):
        missing = listed(getattr(value, "__abstractmethods__", ()))
        return f"it does not define what every {_noun(kind)} needs: {missing}"
    return ""


def _kind_of(value: Any) -> str | None:
    """Return the kind whose base a class or an instance has; None if it has none."""
    if isinstance(value, Function):
        return "functions"
    cls = value if isinstance(value, type) else type(value)
    return next((kind for kind, base in CLASSES.items() if issubclass(cls, base)), None)


def _expected(kind: str) -> str:
    if kind == "cells":
        return "a function that returns a cell as a mapping"
    if kind == "functions":
        return "a gatekit.Function"
    return f"a subclass of gatekit.{CLASSES[kind].__name__}"


def _noun(kind: str | None) -> str:
    return (kind or "").removesuffix("s").replace("_", " ")


def _article(kind: str) -> str:
    noun = _noun(kind)
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"


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


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, set)) else [value]


def _short(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"

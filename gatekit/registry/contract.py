"""Checks of a plugin: the names of its hooks, and the results of each hook."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import PluginError, excerpt, listed, nearest_name
from gatekit.cell.language.ops import Function
from gatekit.cell.written import Line, attribute_place
from gatekit.tasks.streamed import StreamedTask
from gatekit.tasks.task import Metric, metric_written

from . import hooks
from .hooks import CLASSES, HOOKS, MARK
from .plugin import DiscoveredPlugin

API = "1"
"""The version of the plugin contract; a plugin may ask for it with ``requires_api = "1"``.

docs/plugins.md states when the number changes.
"""

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def declared_api(module: object) -> str | None:
    """Return the version of the contract that a plugin declares, or None."""
    missing = object()
    declared = getattr(module, "requires_api", missing)
    return None if declared is missing else str(declared)


def api_mismatch(module: object) -> str:
    """Return why a plugin's ``requires_api`` cannot be met, or an empty string."""
    wanted = declared_api(module)
    if wanted in (None, API):
        return ""
    return (
        f"it asks for version {wanted} of gatekit's plugin interface, but this gatekit has {API}; "
        f'install a gatekit that has it, or adapt the plugin and write requires_api = "{API}"'
    )


def unregistered(module: object) -> str:
    """Return why a module without hooks is a mistake: it defines a class but no hook returns it."""
    for kind, value in _own_classes(module):
        return (
            f"it defines the {_noun(kind)} {value.__name__} but registers nothing; "
            "end the file with\n"
            f"  @hookimpl\n  def gatekit_{kind}():\n      {_returned([value])}"
        )
    return ""


def _own_classes(module: Any) -> Iterator[tuple[str, type]]:
    """Yield the kind and the class of each public class of a module that a hook can return."""
    for value in vars(module).values() if inspect.ismodule(module) else ():
        if not inspect.isclass(value) or value.__module__ != module.__name__:
            continue
        kind = _kind_of(value)
        if kind in CLASSES and not value.__name__.startswith("_"):
            yield str(kind), value


def _returned(classes: Sequence[type]) -> str:
    """Return the line that returns classes from a hook."""
    names = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", each.__name__).lower() for each in classes]
    pairs = zip(names, classes, strict=True)
    return f"return {{{', '.join(f'{n!r}: {c.__name__}' for n, c in pairs) or 'NAME: CLASS'}}}"


def implemented(module: object, plugin: DiscoveredPlugin) -> tuple[str, ...]:
    """Return the hooks that the plugin implements.

    Args:
        module: the module or object with the hooks.
        plugin: the plugin, for messages.

    Raises:
        PluginError: a hook is misspelt, is not marked with ``@hookimpl``, or asks for an unknown
            argument.
    """
    names = []
    for name in dir(module):
        value = inspect.getattr_static(module, name)
        value = getattr(value, "__func__", value)
        if not callable(value) or inspect.isclass(value):
            continue
        marked = MARK in getattr(value, "__dict__", {})
        if not marked and not name.startswith("gatekit_"):
            continue
        if name not in HOOKS:
            kinds = {hook.removeprefix("gatekit_"): hook for hook in HOOKS}
            near = kinds.get(nearest_name(name.removeprefix("gatekit_"), kinds))
            meant = f"; did you mean {near!r}?" if near else "."
            raise PluginError(f"{plugin}: there is no hook {name!r}{meant} Hooks: {listed(HOOKS)}.")
        if not marked:
            raise PluginError(
                f"{plugin}: {name} is not marked; write @hookimpl above it "
                "(from gatekit import hookimpl)"
            )
        taken = [*inspect.signature(getattr(hooks, name)).parameters]
        asked = [*inspect.signature(getattr(module, name)).parameters]
        if wrong := [each for each in asked if each not in taken]:
            raise PluginError(
                f"{plugin}: {name} asks for {listed(wrong)}, but is given "
                f"{listed(taken) if taken else 'nothing'}; write def {name}({', '.join(taken)}):"
            )
        names.append(name)
    return tuple(names)


def checked(hook: str, result: object, module: object = None) -> dict[str, Any]:
    """Check the result of a hook and return a copy, which the plugin cannot change later.

    Args:
        hook: the hook.
        result: the result of the hook.
        module: the plugin, for messages.

    Raises:
        PluginError: the result is not a mapping from names to objects of the hook's kind.
    """
    kind = hook.removeprefix("gatekit_")
    if not isinstance(result, Mapping):
        several = result if isinstance(result, (list, tuple, set)) else [result]
        classes = [each for each in several if isinstance(each, type)]
        classes = classes or [own for of, own in _own_classes(module) if of == kind]
        raise PluginError(
            f"{hook} returned {_short(result)}; a mapping from names is expected: "
            f"{_returned(classes)}"
        )
    objects = dict(result)
    for name, value in objects.items():
        if type(name) is not str or not _IDENTIFIER.match(name):
            such = re.sub(r"\W+", "_", str(name), flags=re.ASCII).strip("_").lower() or "my_gate"
            raise PluginError(
                f"{hook}: {name!r} is not a name (letters, digits and _, starting with a letter); "
                f"write {such!r}"
            )
        line, fault = None, _fault(kind, name, value)
        if not fault and isinstance(value, type):
            fault, line = _method_fault(kind, value)
        if fault:
            raise PluginError(f"{hook}: {name} is {_short(value)}; {fault}", line)
    return objects


def _fault(kind: str, name: str, value: object) -> str:
    """Return the fault of an object that a hook returned, and what to type; empty if it is fine."""
    actual = _kind_of(value)
    if actual is not None and actual != kind:
        what = "it" if isinstance(value, (type, Function)) else "its class"
        article = "an" if actual[0] in "aeio" else "a"
        return (
            f"that is {article} {_noun(actual)}, but {_expected(kind)} is expected: return {what} "
            f"from gatekit_{actual} instead"
        )
    if kind in CLASSES:
        return _class_fault(kind, value)
    if kind == "cells":
        return "" if callable(value) else f"{_expected(kind)} is expected"
    if not isinstance(value, Function):
        such = ""
        if inspect.isfunction(value):
            takes = ", ".join(names := [*inspect.signature(value).parameters])
            called = value.__name__ if value.__name__.isidentifier() else f"lambda {takes}: ..."
            places = ", ".join(f"{{{k}}}" for k in range(len(names)))
            shown = name.replace("_", r"\_")
            latex = rf'latex=r"\operatorname{{{{{shown}}}}}\left({places}\right)"'
            such = (
                f": import Function from gatekit, and write Function({name!r}, {len(names)}, "
                f'compose={called}, summary="what it computes", {latex})'
            )
        return f"{_expected(kind)} is expected{such}"
    if value.name != name:
        return f"its name is {value.name!r}; both names must be equal: Function({name!r}, ...)"
    if value.compose is None:
        if callable(value.arity):
            count = len(inspect.signature(value.arity).parameters)
            return f"write Function({name!r}, {count}, compose=...): a function is its compose"
        return (
            "compose= is missing; it defines the function with gatekit.ops: write "
            f"Function({name!r}, {value.arity}, compose=lambda x: x * ops.sigmoid(x))"
        )
    return _arity_fault(value)


def _arity_fault(function: Function) -> str:
    """Return the fault of a ``compose`` that takes another number of arguments than ``arity``."""
    compose: Any = function.compose
    code = getattr(compose, "__code__", None)
    try:
        inspect.signature(compose).bind(*range(function.arity))
    except TypeError:
        takes = inspect.signature(compose).parameters
        line = f" (line {code.co_firstlineno})" if code else ""
        called = getattr(compose, "__name__", "f")
        return (
            f"its arity is {function.arity}, and compose, {called}({', '.join(takes)}), takes "
            f"{len(takes)}{line}: write arity={len(takes)}"
        )
    except ValueError:  # it has no signature
        return ""
    return ""


def _class_fault(kind: str, value: object) -> str:
    base = CLASSES[kind]
    if isinstance(value, base):
        return f"that is an instance: return the class, {type(value).__name__}"
    if not (isinstance(value, type) and issubclass(value, base)):
        such = f": write class {value.__name__}({base.__name__})" if isinstance(value, type) else ""
        if inspect.isfunction(value) and value.__name__.isidentifier() and kind in _NEEDED:
            name = value.__name__.title().replace("_", "")
            such = f": write class {name}({base.__name__}) with {_written(base, _NEEDED[kind][0])}"
        return f"{_expected(kind)} is expected{such}"
    if value is base:
        return f"that is the base class: {_expected(kind)} is expected"
    if inspect.isabstract(value):
        missing = sorted(getattr(value, "__abstractmethods__", ()))
        return (
            f"it does not define what every {_noun(kind)} needs: {listed(missing)}. Write "
            + " and ".join(_written(value, name) for name in missing)
        )
    if kind == "output_units" and getattr(value, "states", None):
        return (
            "an output unit has no states: remove states. For earlier values of what the cell "
            "emits write history = {'emitted': 4}, and emit(self, emitted, emitted_history)"
        )
    return ""


_CONTRACTS = ("gatekit.cell.", "gatekit.tasks.")
_NEEDED = {
    "gates": ("activate",),
    "output_units": ("emit",),
    "initializers": ("draw",),
    "linear_maps": ("shapes",),
    "blocks": ("mix", "combine", "finish"),
}
"""Methods by kind; a class must define at least one of its kind."""


def _method_fault(kind: str, value: type) -> tuple[str, Line | None]:
    """Return the fault of a method or of the metric of a class, and its line."""
    metric = getattr(value, "metric", None)  # `gatekit check` reports a missing metric
    if kind == "tasks" and metric is not None and not isinstance(metric, Metric):
        text = f"its metric is {metric!r}: {metric_written(metric)}"
        return text, attribute_place(value, "metric")
    base = CLASSES.get(kind, object)
    of_gatekit = [b for b in value.__mro__ if b.__module__.startswith(_CONTRACTS)]
    for name, own in inspect.getmembers(value, inspect.isfunction):
        owner = next((b for b in of_gatekit if name in vars(b)), None)
        free = name.startswith("_") or name in ("activate", "emit")
        if owner is None or free or own is getattr(owner, name):
            continue
        try:
            inspect.signature(own).bind(*_positional(getattr(owner, name)))
        except TypeError:
            given = ", ".join(inspect.signature(own).parameters)
            text = f"its {name}({given}) has other arguments: write {_written(owner, name)}"
            return text, attribute_place(value, name)
    # A method that a gate or an output unit lacks is reported when it is used.
    needed = () if kind in ("gates", "output_units") else _NEEDED.get(kind, ())
    if kind == "tasks" and issubclass(value, StreamedTask):
        needed = ("sample",)
    if needed and all(getattr(value, name) is getattr(base, name) for name in needed):
        others = [n for n, f in vars(value).items() if inspect.isfunction(f) and n[0] != "_"]
        instead = f" in place of {others[0]}" if len(others) == 1 else ""
        text = f"it has no {' or '.join(needed)}: write {_written(base, needed[0])}{instead}"
        text += ", and draw from rng: return rng.normal(size=shape)" * (needed[0] == "draw")
        return text, None
    return "", None


def _positional(function: Any) -> list[str]:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind is kind]


def _written(owner: type, method: str) -> str:
    """Return how a method is written, such as ``def activate(self, pre)``."""
    return f"def {method}({', '.join(_positional(getattr(owner, method)))})"


def _kind_of(value: object) -> str | None:
    """Return the kind of a class or an instance, found by its base class, or None."""
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


def _noun(kind: str) -> str:
    return kind.removesuffix("s").replace("_", " ")


def folders(result: object, base: Path) -> list[Path]:
    """Return the configuration folders that a plugin names; relative paths start at ``base``.

    Raises:
        PluginError: the result is not a list of folders.
    """
    if isinstance(result, (str, bytes)) or not isinstance(result, Sequence):
        raise PluginError(
            f"gatekit_config_dirs returned {_short(result)}; a list of folders is expected: return "
            "['conf']"
        )
    paths = []
    for entry in result:
        path = (base / str(entry)).resolve()
        if not path.is_dir():
            raise PluginError(
                f"gatekit_config_dirs: {str(entry)!r} is not a folder (looked for {path})"
            )
        paths.append(path)
    return paths


def callback_list(result: object) -> list[Callable[..., Any]]:
    """Return the callbacks that a plugin returned for a run.

    Raises:
        PluginError: the result is not a list of callables.
    """
    if isinstance(result, (str, bytes)) or not isinstance(result, Sequence):
        given = getattr(result, "__name__", "") if callable(result) else ""
        such = f"[{given or 'callback'}{'(run)' if isinstance(result, type) else ''}]"
        raise PluginError(
            f"returned {_short(result)}; a list of callables is expected: return {such}"
        )
    for entry in result:
        if isinstance(entry, type):
            raise PluginError(
                f"returned {_short(entry)} in its list, but a callback is an object: return "
                f"[{entry.__name__}(run)]"
            )
        if not callable(entry):
            raise PluginError(
                f"returned {_short(entry)} in its list, which cannot be called; a callback is a "
                "function: def note(event, **facts)"
            )
    return list(result)


def _short(value: object) -> str:
    """Return a short description of a value; classes and functions appear by name."""
    if value is None:
        return "nothing"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {value.__name__}"
    if isinstance(value, (list, tuple)):
        return f"a list of {', '.join(map(_short, value)) or 'nothing'}"
    return f"{excerpt(repr(value), 60)} ({type(value).__name__})"

"""Finds registered parts by name or ``{kind: NAME, option: value}``, and creates them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import (
    CellError,
    ConfigError,
    alternatives,
    as_typed,
    described,
    excerpt,
    listed,
    nearest_name,
    quoted,
)
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.cell.learned import Initializer
from gatekit.cell.row_wise import RowWise

from .values import check_keys

_LISTS = {
    "gate": "gatekit gates",
    "output unit": "gatekit output-units",
    "cell function": "gatekit cells",
}
"""The command that lists each kind; `gatekit plugins` lists the other kinds."""


_KIND = ("type", "name", "gate", "class", "cls", "function", "layer")
"""Names that other libraries use for the kind."""


def kind_and_options(config: object, where: str) -> tuple[str, dict[str, object]]:
    """Return the registered name and the options in plain data.

    Args:
        config: a name, or ``{kind: NAME, option: value}``.
        where: the place in the configuration, for messages.

    Raises:
        CellError: the configuration has another form.
    """
    if isinstance(config, str):
        return config, {}
    if not isinstance(config, Mapping):
        remedy = ""
        if ".reads." in where:
            remedy = "; a read takes a linear map, not a width: write for example dense"
        elif isinstance(config, (int, float)) and ".initializers." in f"{where}.":
            remedy = f"; write {{kind: constant, value: {quoted(config)}}}"
        elif isinstance(config, (int, float)) and where.startswith("cell.gates."):
            name = where.removeprefix("cell.gates.")
            remedy = (
                f"; a fixed number is a constant: write constants: {{{name}: {quoted(config)}}}"
            )
        elif callable(config):
            remedy = f"; {instead_of_object(config, where)}"
        elif where == "output_unit":
            remedy = "; write for example hidden"
        elif "gate" in where or where.startswith("swap."):
            remedy = "; write for example power_law"
        if isinstance(config, (list, tuple)) and any(isinstance(c, Mapping) for c in config):
            remedy = "; remove the dash in front of its first key"
        if isinstance(config, (list, tuple)) and where.startswith("swap."):
            gates = ",".join(excerpt(str(each)) for each in config)
            typed = f"to run each of them type -m {where}" if len(config) > 1 else f"type {where}"
            remedy = f"; {typed}={gates}, without brackets"
        raise CellError(
            f"{where}: a name or {{kind: NAME, option: value}} is expected, not "
            f"{described(config)}{remedy}"
        )
    if "_target_" in config:
        raise CellError(f"{where}._target_: gates are given by registered name, as {{kind: NAME}}")
    if not isinstance(config.get("kind"), str) and where.startswith("swap."):
        raise CellError(
            f"{where}: the gate that has these options is missing; type {where}.kind=GATE"
        )
    glued = next((str(k) for k, v in config.items() if v is None and ":" in str(k)), None)
    if glued is not None:
        raise CellError(
            f"{where}: {glued!r} lacks a space after the colon; write {glued.replace(':', ': ', 1)}"
        )
    kinds = config.get("kind")
    if isinstance(kinds, (list, tuple)) and len(kinds) == 1:
        raise CellError(
            f"{where}.kind: one name is expected, not a list; write kind: {excerpt(str(kinds[0]))}"
        )
    if not isinstance(kinds, str) and ".initializers" in where and "value" in config:
        raise CellError(
            f"{where}: kind is missing; write {{kind: constant, value: {quoted(config['value'])}}}"
        )
    for key, value in config.items():
        other = "kind" if key in _KIND else nearest_name(str(key), ("kind", "activation"))
        if kinds is None and other and isinstance(value, str):
            raise CellError(
                f"{where}.{key}: no such key; did you mean {other!r}? Write {other}: {value}"
            )
    bare = next((str(k) for k, v in config.items() if v is None and str(k) != "reads"), None)
    if bare is not None and "kind" not in config:
        rest = "".join(f", {k}: {as_typed(v)}" for k, v in config.items() if str(k) != bare)
        raise CellError(f"{where}: kind is missing; write {{kind: {bare}{excerpt(rest)}}}")
    if not isinstance(config.get("kind"), str):
        raise CellError(
            f"{where}: kind or activation is required; write {{kind: sigmoid, ...}} or "
            "{activation: relu(pre), ...}"
        )
    return config["kind"], {str(k): v for k, v in config.items() if k != "kind"}


def instance_of(cls: Any, options: Mapping[str, Any], where: str) -> Any:
    """Return an instance of the class with these options.

    Raises:
        CellError: an option is unknown or has the wrong type.
    """
    try:
        return cls(**options)
    except ConfigError as error:
        # `reads: x, h_prev` within braces is the option `reads: x` and a key `h_prev`.
        split = any(value is None for value in options.values())
        hint = " A list is written in brackets: reads: [x, h_prev]." if split else ""
        raise CellError(f"{where}: {error}{hint}") from None


def kind_of(instance: RowWise, registered: Mapping[str, type]) -> str:
    """Return the name under which an instance's class is registered, or the name of the class."""
    return next(
        (n for n, cls in registered.items() if cls is type(instance)), type(instance).__name__
    )


def unknown(
    where: str, what: str, name: object, known: Mapping[str, object], catalogue: Catalogue
) -> CellError:
    """Return the error for an unregistered name: the registered ones, and how to add a plugin."""
    # Each entry is a name, with its reason in brackets.
    names = [str(entry).partition(" ")[0] for entry in catalogue.broken]
    if why := catalogue.broken_with(name):
        return CellError(f"{where}: there is no {what} {quoted(name)}{why}")
    left_out = f" Left out because broken: {listed(names, 6)}; `gatekit plugins` shows why."
    broken = left_out if names else ""
    other = alternatives(str(name), known, f"{what}s", _LISTS.get(what, "gatekit plugins"))
    where_found = (
        f" Plugins loaded: {listed(catalogue.loaded, 12)}. To add your own, put its file into "
        "./plugins, or type plugins=[path/to/file.py]; before keras.models.load_model type "
        "gatekit.use_plugins('path/to/file.py')."
    )
    if here := elsewhere_file(str(name)):
        return CellError(
            f"{where}: there is no {what} {quoted(name)}: {here}the same command again"
        )
    file = Path("plugins", f"{name}.py") if str(name).isidentifier() else None
    listing = any(entry.startswith(f"{name} (") for entry in (*catalogue.loaded, *catalogue.broken))
    if file is not None and len(str(name)) <= 100 and file.is_file() and not listing:
        return CellError(
            f"{where}: there is no {what} {quoted(name)}: {file} is not loaded; in Python type "
            f"gatekit.use_plugins({str(file)!r}), and in a command plugins=[{file}]"
        )
    if "keras" not in sys.modules:
        where_found = where_found.partition("; before keras")[0] + "."
    near = "did you mean" in other
    called = re.fullmatch(r"(\w+)\((.*)\)", str(name)) if isinstance(name, str) else None
    if called and called[1] in known and what == "gate":
        reads = excerpt(re.sub(r"\s*\bpre\b,?\s*", "", called[2]))
        return CellError(
            f"{where}: there is no {what} {quoted(name)}; {called[1]} is one, and its arguments "
            f"are its reads: write {{kind: {called[1]}{f', reads: [{reads}]' if reads else ''}}}"
        )
    by_file = f" To use your own, name its file: plugins=[path/to/{excerpt(str(name))}.py]."
    return CellError(
        f"{where}: there is no {what} {quoted(name)}{other}{broken}"
        f"{by_file if near else where_found}"
    )


def instead_of_object(value: object, where: str) -> str:
    """Return what to write in place of a function, class or layer that is passed as a gate.

    Args:
        value: the function, class or layer.
        where: its place, such as ``swap['forget']``, ``swap.forget`` or ``output_unit``.
    """
    role = where.replace("']", "").rpartition("['")[2].rpartition(".")[2]
    name = getattr(value, "__name__", "") or getattr(value, "name", "")
    if isinstance(value, type) and issubclass(value, RowWise):
        name = f"{value.__name__}()"
        return f"write output_unit={name}" if role == "output_unit" else f"write {role!r}: {name}"
    if role == "output_unit":
        return "write output_unit='hidden', and put a Keras layer after gatekit.RNN in the model"
    if name in FUNCTIONS:
        gate = repr(name) if name in _AS_GATES else f"{{'activation': '{name}(pre)'}}"
        return f"write swap={{{role!r}: {gate}}}"
    return (
        f"write its formula, swap={{{role!r}: {{'activation': 'sigmoid(pre)'}}}}, or a class "
        "in ./plugins: `gatekit new gate NAME` writes one"
    )


_AS_GATES = ("sigmoid", "tanh", "hard_sigmoid")
"""Functions that are also names of gates."""


def elsewhere_file(name: str) -> str:
    """Return where a plugin's file is if it is not in ./plugins, and what to type first.

    Args:
        name: the name that the plugin registers, which is also the name of its file.
    """
    file = f"{name}.py"
    if len(name) > 100 or not name.isidentifier() or (Path("plugins") / file).is_file():
        return ""
    if Path(file).is_file():
        if Path.cwd().name == "plugins":
            return f"{file} is here, but gatekit looks in ./plugins; type cd .. and then "
        return (
            f"{file} is here, but gatekit looks in ./plugins; type mkdir -p plugins && "
            f"mv {file} plugins/ and then "
        )
    for up, folder in zip(("..", "../.."), Path.cwd().parents, strict=False):
        if (folder / "plugins" / file).is_file():
            return f"{file} is in {up}/plugins; type cd {up} and then "
    return ""


_KINDS = ("kernel", "recurrent", "bias")


def make_initializer(value: object, where: str, catalogue: Catalogue) -> Initializer:
    """Return the initializer given by a name or ``{kind: NAME, option: value}``.

    Raises:
        CellError: the initializer is not registered, or an option is wrong.
    """
    kind, options = kind_and_options(value, where)
    if kind not in catalogue.initializers:
        raise unknown(where, "initializer", kind, catalogue.initializers, catalogue)
    initializer: Initializer = instance_of(catalogue.initializers[kind], options, where)
    return initializer


def check_initializer(value: object, where: str, catalogue: Catalogue) -> None:
    """Check that a value is an initializer or ``{negative_of: GATE}``.

    Raises:
        CellError: the value is neither.
    """
    if isinstance(value, Mapping) and "negative_of" in value:
        if len(value) > 1 or not isinstance(value["negative_of"], str):
            raise CellError(f"{where}: write {{negative_of: GATE}} and nothing else")
        return
    make_initializer(value, where, catalogue)


def check_initializers(value: Mapping[str, object], where: str, catalogue: Catalogue) -> None:
    """Check a mapping from ``kernel``, ``recurrent`` and ``bias`` to initializers.

    Raises:
        CellError: a key or an initializer is not allowed.
    """
    for key, initializer in value.items():
        check_keys([key], _KINDS, where)
        check_initializer(initializer, f"{where}.{key}", catalogue)

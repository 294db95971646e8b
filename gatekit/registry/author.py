"""Finds the line of a plugin that raised, and shows what to type instead."""

from __future__ import annotations

import ast
import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from gatekit.cell.errors import GatekitError, PluginError, excerpt, listed, nearest
from gatekit.cell.written import Line, line_at, line_in_class
from gatekit.faults import Place

PUBLIC = ("gatekit", "gatekit.tasks")
"""The modules for plugins; all other modules are internal and may move without notice."""


def author_line(error: BaseException, path: Path | None) -> Line | None:
    """Return the author's line that raised an error, or None.

    Args:
        error: the error.
        path: the plugin's file; None for the last line that is in neither gatekit nor Python.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return Line(error.filename, error.lineno or 1, excerpt((error.text or "").strip()))
    last = _author_frame(error, path)
    if last is None:
        return None
    number = last.lineno or 1
    if isinstance(error, GatekitError) and error.fault is not None:
        number = _attribute_line(last, error.fault.place) or number
    return line_at(last.filename, number)


def _attribute_line(frame: traceback.FrameSummary, place: Place) -> int | None:
    """Return the line of an attribute of the class that a frame defines."""
    if not (frame.line or "").startswith(("class ", "@")):
        return None
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        for node in ast.walk(ast.parse(Path(frame.filename).read_bytes())):
            if isinstance(node, ast.ClassDef) and node.lineno == frame.lineno:
                return line_in_class(node, [place.last])
    return None


def _author_frame(error: BaseException, path: Path | None) -> traceback.FrameSummary | None:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if (Path(frame.filename) == path if path else _strange(frame.filename))
    ]
    return frames[-1] if frames else None


def plugin_of(error: BaseException, files: Iterable[Path | None]) -> Path | None:
    """Return the plugin's file in which an error was raised last, or None.

    Args:
        error: the error.
        files: the files of all plugins; None for a plugin without a file.
    """
    known = {str(path): path for path in files if path is not None}
    frames = traceback.extract_tb(error.__traceback__)
    return next((known[f.filename] for f in reversed(frames) if f.filename in known), None)


def what_happened(error: BaseException, path: Path | None) -> str:
    """Return an error in one line: type, text, the author's line, and what to type.

    Args:
        error: the error.
        path: the plugin's file.
    """
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    text = excerpt(" ".join(str(text).split()), 600 if isinstance(error, GatekitError) else 200)
    summary = f"{type(error).__name__}: {text}".removesuffix(": ")
    place = author_line(error, path)
    return summary + (f" ({place})" if place else "") + remedy(error, path)


def reason_of(error: BaseException | None, path: Path | None) -> str:
    """Return why a plugin is left out: the text of a `PluginError`, otherwise `what_happened`.

    Args:
        error: the error; None if nothing was raised.
        path: the plugin's file.
    """
    if error is None or isinstance(error, PluginError):
        place = author_line(error, path) if error else None
        return f"{error or ''}" + (f" ({place})" if place else "")
    return what_happened(error, path)


def described(error: BaseException, path: Path | None) -> tuple[str, str]:
    """Return reason and traceback of an error in a file, even if the error's own methods fail."""
    try:
        reason = reason_of(error, path)
    except BaseException:
        reason = f"{type(error).__name__}, whose message cannot be shown"
    try:
        return reason, "".join(traceback.format_exception(error))[-20_000:]
    except BaseException:
        return reason, f"Traceback: {type(error).__name__}, which cannot be shown"


def remedy(error: BaseException, path: Path | None) -> str:
    """Return what to do about an error, as the end of a sentence, or an empty string.

    Args:
        error: the error.
        path: the plugin's file.
    """
    if isinstance(error, NameError) and error.name in sys.modules["gatekit"].__all__:
        return f"; write from gatekit import {error.name}"
    missing = error.name if isinstance(error, ImportError) else None
    if isinstance(missing, str) and missing.startswith("gatekit.") and missing not in PUBLIC:
        return _public_import(error, missing, path)
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        if path is not None and (path.parent / f"{package}.py").is_file():
            return (
                f"; {package}.py is next to the plugin, but a plugin can only import installed "
                "packages: put both files into one, or type `gatekit new gate NAME --package`"
            )
        if package in ("torch", "jax", "flax", "mxnet", "theano", "cupy"):
            return "; gates compute with gatekit.ops: remove the import"
        if package.startswith("gatekit_"):  # its name on a package index may be another project
            return f"; install {package} from its source, or remove the import"
        return f"; type `pip install {package}`, or remove the import"
    if isinstance(error, ImportError) and any(each.level for each in _imports(error, path)):
        return (
            "; a plugin in ./plugins is one file: put the imported code into the same file, or "
            "type `gatekit new gate NAME --package`"
        )
    if missing in PUBLIC:
        module = importlib.import_module(missing)
        names = (each.name for each in _imported(error, missing, path))
        unknown = [name for name in names if name not in (*module.__all__, *vars(module))]
        return "".join(
            f"; {missing} has no {name!r}{nearest(name, module.__all__)}" for name in unknown
        )
    if isinstance(error, SystemExit):
        return "; a plugin must not end the process: remove sys.exit()"
    return ""


def _public_import(error: BaseException, module: str, path: Path | None) -> str:
    """Return the import to type in place of one from an internal module of gatekit.

    Args:
        error: the error of the import.
        module: the module that is missing, or lacks a name.
        path: the plugin's file.
    """
    homes: dict[str, list[str]] = {}
    for alias in _imported(error, module, path):
        for public in PUBLIC:
            if alias.name in importlib.import_module(public).__all__:
                homes.setdefault(public, []).append(ast.unparse(alias))
                break
    typed = " and ".join(f"`from {home} import {', '.join(n)}`" for home, n in homes.items())
    if typed:
        return f"; {module} is internal and may move; type {typed}"
    return f"; {module} is internal and may move; a plugin imports from {listed(PUBLIC)} only"


def _imported(error: BaseException, module: str, path: Path | None) -> list[ast.alias]:
    """Return the names that the author's failed import asks a module for."""
    return [name for each in _imports(error, path) if each.module == module for name in each.names]


def _imports(error: BaseException, path: Path | None) -> list[ast.ImportFrom]:
    """Return the statement with which the author's import failed."""
    frame = _author_frame(error, path)
    if frame is None or frame.lineno is None:
        return []
    try:
        tree = ast.parse(Path(frame.filename).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        if node.lineno <= frame.lineno <= (node.end_lineno or node.lineno)
    ]


def _strange(filename: str) -> bool:
    here = Path(__file__).resolve().parents[1]
    path = Path(filename)
    own = path.is_relative_to(here)
    return not (own or filename.startswith("<") or path.is_relative_to(Path(os.__file__).parent))

"""Hashes of plugins, which depend on the syntax of a source but not on its layout."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.block.reading import BlockSpec
from gatekit.cell.errors import PluginError, nearest
from gatekit.cell.language.expression import Call, Expr, walk
from gatekit.cell.schema import CellSpec, OutputUnitSpec, Read

from .loading import Registry, complete_registry
from .plugin import LoadedPlugin
from .queries import origins

# The initializers that the graph uses if neither cell nor map names one.
_DEFAULT_INITIALIZERS = ("glorot_uniform", "orthogonal")
_OWN_PACKAGES = (
    *("api", "cell", "cli", "code", "compare", "convert", "faults", "recurrence", "registry"),
    *("runs", "study", "tasks", "testing", "training"),
)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def plugin_source(kind: str, name: str, plugins: Sequence[str] = ()) -> Path:
    """Return the source file of a registered object.

    Args:
        kind: ``gates``, ``output_units``, ``cells``, ``functions``, ``initializers``,
            ``linear_maps``, ``blocks`` or ``tasks``.
        name: the registered name.
        plugins: plugin files in addition to those that gatekit finds itself.

    Raises:
        PluginError: no plugin registers the name, or it has no source file.
    """
    known = origins(kind, plugins)
    if name not in known:
        raise PluginError(
            f"no plugin registers {name!r} among {kind}{nearest(name, known) or '.'} `gatekit "
            "plugins` lists all plugins."
        )
    path = known[name].path
    if path is None:
        raise PluginError(f"{name!r} of plugin {known[name].plugin!r} has no source file")
    return path


def object_hash(kind: str, name: str, plugins: Sequence[str] = ()) -> str:
    """Return the hash of one object's source, as in a run that uses only this object of the plugin.

    Args:
        kind: as in `plugin_source`.
        name: the registered name.
        plugins: plugin files in addition to those that gatekit finds itself.

    Returns:
        SHA-256 in hexadecimal digits.

    Raises:
        PluginError: no plugin registers the name.
    """
    plugin_source(kind, name, plugins)
    known = complete_registry(plugins)
    plugin = known.plugins[known.origins[kind][name].plugin]
    return _joined_hash(_files(plugin, known.objects[kind][name]), plugin)


def plugin_hashes(
    cell: CellSpec | Sequence[CellSpec] | None,
    output_unit: OutputUnitSpec | None,
    task_name: str | None,
    plugins: Sequence[str] = (),
    block: BlockSpec | None = None,
) -> dict[str, str]:
    """Return the hash of the source of every plugin that a run uses, by the plugin's name.

    Layout, comments, docstrings and the folder do not count.

    Args:
        cell: the cell, or cells, with gates, linear maps, initializers and functions.
        output_unit: the output unit, with its linear maps, initializers and functions.
        task_name: the task's registered name.
        plugins: plugin files in addition to those that gatekit finds itself.
        block: the block around the recurrent layers.

    Returns:
        SHA-256 in hexadecimal digits, by plugin name, sorted.
    """
    known = complete_registry(plugins)
    used = _used(known, cell, output_unit, task_name, block)
    return {name: _joined_hash(used[name], known.plugins[name]) for name in sorted(used)}


def plugin_sources(
    cell: CellSpec | Sequence[CellSpec] | None,
    output_unit: OutputUnitSpec | None,
    task_name: str | None,
    plugins: Sequence[str] = (),
    block: BlockSpec | None = None,
) -> dict[str, bytes]:
    """Return the source of every plugin that a run uses, by the hash that `plugin_hashes` returns.

    If a plugin has several files, they are joined, each below a comment with its name.

    Args:
        cell: as in `plugin_hashes`.
        output_unit: as in `plugin_hashes`.
        task_name: as in `plugin_hashes`.
        plugins: as in `plugin_hashes`.
        block: as in `plugin_hashes`.

    Returns:
        Python text in bytes, by SHA-256 in hexadecimal digits.
    """
    known = complete_registry(plugins)
    sources: dict[str, bytes] = {}
    for name, files in _used(known, cell, output_unit, task_name, block).items():
        texts = [path.read_bytes() for path in sorted(files) if path.is_file()]
        names = [path.name for path in sorted(files) if path.is_file()]
        if len(texts) > 1:
            texts = [f"# {n}\n".encode() + t for n, t in zip(names, texts, strict=True)]
        if texts:
            sources[_joined_hash(files, known.plugins[name])] = b"\n".join(texts)
    return sources


def _used(
    known: Registry,
    cell: CellSpec | Sequence[CellSpec] | None,
    unit: OutputUnitSpec | None,
    task_name: str | None,
    block: BlockSpec | None,
) -> dict[str, set[Path]]:
    """Return the files of every plugin that a run uses, by the plugin's name."""
    used: dict[str, set[Path]] = {}
    cells = cell if isinstance(cell, Sequence) else [cell]
    pairs = {pair for each in cells for pair in _of_cell(each)}
    if block is not None and not block.plain:  # a plain block computes nothing
        pairs.add(("blocks", block.kind))
    for kind, name in sorted({*pairs, *_of_output_unit(unit), ("tasks", task_name or "")}):
        origin = known.origins[kind].get(name)
        if origin is not None:
            files = _files(known.plugins[origin.plugin], known.objects[kind][name])
            used.setdefault(origin.plugin, set()).update(files)
    return used


def source_hash(path: Path) -> str:
    """Return the SHA-256 of a Python file's syntax tree.

    Docstrings, comments and layout do not count. Neither do imports of gatekit's own modules, whose
    version is the number ``numerics`` of a fingerprint. ``from gatekit import Gate`` counts, and so
    do imports from bundled plugins.

    Args:
        path: the file; one that is not Python is hashed byte by byte.
    """
    data = path.read_bytes()
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha256(_text(tree).encode("utf-8", "surrogatepass")).hexdigest()


def _text(node: object) -> str:
    # Not ast.dump, whose output changes when a version of Python adds fields.
    if isinstance(node, list):
        return f"[{','.join(_text(n) for n in _without_own_imports(node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    fields.pop("kind", None)
    fields.pop("type_ignores", None)
    parts = (f"{k}={_text(v)}" for k, v in sorted(fields.items()) if v is not None and v != [])
    return f"{type(node).__name__}({','.join(parts)})"


def _without_own_imports(nodes: list[Any]) -> list[Any]:
    """Return statements without imports of gatekit's own modules."""
    statements = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [a for a in node.names if not _is_own_module(a.name)]
            node = node if len(names) == len(node.names) else ast.Import(names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            # A name with `as` counts: the rest of the file does not show the original name.
            names = [a for a in node.names if a.asname or not _is_own_module(f"{module}.{a.name}")]
            if _is_own_module(module):
                node = ast.ImportFrom("gatekit", names, 0)
            elif len(names) < len(node.names):
                node = ast.ImportFrom(module, names, 0)
        if not isinstance(node, (ast.Import, ast.ImportFrom)) or node.names:
            statements.append(node)
    return statements


def _is_own_module(name: str) -> bool:
    """Return whether a dotted name is in one of gatekit's packages other than bundled plugins."""
    root, _, rest = name.partition(".")
    return root == "gatekit" and rest.partition(".")[0] in _OWN_PACKAGES


def _of_cell(cell: CellSpec | None) -> Iterator[tuple[str, str]]:
    if cell is None:
        return
    for gate in cell.gates:
        yield "gates", gate.kind
        yield from _of_declared(gate.gate.options(), type(gate.gate).initializers)
        for read in gate.reads:
            yield from _of_read(read)
        expression = getattr(gate.gate, "_expression", None)
        if isinstance(expression, Expr):
            yield from _of_expression(expression)
        for parameter in gate.gate.parameters.values():
            yield from _of_initializer(parameter.init)
    for _, expr in cell.equations:
        yield from _of_expression(expr)
    for _, parameter in cell.parameters:
        yield from _of_initializer(parameter.init)
    for _, initializer in cell.initializers:
        yield from _of_initializer(initializer)


def _of_output_unit(unit: OutputUnitSpec | None) -> Iterator[tuple[str, str]]:
    if unit is None:
        return
    yield "output_units", unit.kind
    yield from _of_declared(unit.unit.options(), type(unit.unit).initializers)
    for part in unit.projections:
        yield from _of_declared(part.gate.options(), {})
    for read in (*(r for part in unit.projections for r in part.reads), *unit.reads):
        yield from _of_read(read)
    for parameter in unit.unit.parameters.values():
        yield from _of_initializer(parameter.init)


def _of_read(read: Read) -> Iterator[tuple[str, str]]:
    yield "linear_maps", read.map_kind
    own = read.map.initializer
    by_suffix = (*own.values(), *_DEFAULT_INITIALIZERS) if isinstance(own, Mapping) else ()
    for default in by_suffix or ([own] if own else _DEFAULT_INITIALIZERS):
        yield "initializers", str(default)
    yield from _of_expression(read.expr)


def _of_declared(options: dict[str, Any], defaults: Any) -> Iterator[tuple[str, str]]:
    for value in {**defaults, **options.get("initializers", {})}.values():
        yield from _of_initializer(value)


def _of_initializer(value: object) -> Iterator[tuple[str, str]]:
    kind = value.get("kind") if hasattr(value, "get") else value
    if isinstance(kind, str):
        yield "initializers", kind


def _of_expression(expr: Expr) -> Iterator[tuple[str, str]]:
    for node in walk(expr):
        if isinstance(node, Call):
            yield "functions", node.function


def _files(plugin: LoadedPlugin, value: object) -> set[Path]:
    files = {plugin.discovered.path} if plugin.discovered.path else set()
    if plugin.discovered.distribution:
        files |= _package_files(plugin.module, value)
    for cls in inspect.getmro(value) if inspect.isclass(value) else ():
        files |= _class_file(cls)
    return files


def _class_file(cls: type) -> set[Path]:
    """Return the file of a class, unless it is part of Python or of gatekit's own modules."""
    module = cls.__module__
    room = module.split(".")
    own = room[0] == "gatekit" and room[1:2] != ["plugins"]
    if own or room[0] in sys.stdlib_module_names:
        return set()
    try:
        return {Path(inspect.getfile(cls)).resolve()}
    except (TypeError, OSError):
        return set()


def _package_files(module: object, value: object) -> set[Path]:
    """Return all sources of the installed package, because any of them may affect the object."""
    files: set[Path] = set()
    for holder in (module, inspect.getmodule(value)):
        file = getattr(holder, "__file__", None) or getattr(
            inspect.getmodule(holder), "__file__", None
        )
        if file is None:
            continue
        package = (getattr(holder, "__package__", None) or "").split(".")
        folder = Path(file).resolve().parent
        if package == [""]:
            files.add(Path(file).resolve())
            continue
        for _ in package[1:]:
            folder = folder.parent
        files.update(folder.rglob("*.py"))
    return files


def _joined_hash(files: Iterable[Path], plugin: LoadedPlugin) -> str:
    # Names only: the same sources in another folder are the same plugin.
    parts = [f"{path.name} {source_hash(path)}" for path in files if path.is_file()]
    return _hash_of(parts or [plugin.discovered.place])


def _hash_of(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def file_hash(path: Path, name: str = "") -> str:
    """Return the hash of a plugin that is one file, without loading it; empty if it is missing.

    Args:
        path: the file.
        name: the name of the plugin's file, if this is a copy with another name.
    """
    return _hash_of([f"{name or path.name} {source_hash(path)}"]) if path.is_file() else ""

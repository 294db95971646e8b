"""Where plugins come from: files in folders, entry points, files that the user names."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.machinery
import importlib.util
import linecache
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from gatekit.cell.errors import PluginError, listed, nearest, nearest_name
from gatekit.faults import Fault, Kind, Place

from .plugin import PRIVATE, DiscoveredPlugin

GROUP = "gatekit"
BUNDLED = "gatekit.plugins"
DISABLE = "GATEKIT_DISABLE_PLUGIN_AUTOLOAD"
LOAD = "GATEKIT_LOAD_PLUGINS"
LARGEST = 10_000_000
"""The most bytes in a plugin's file."""
DEEPEST = 5
"""Levels of folders below ``plugins`` that are searched: plugins/1/2/3/4/5/mine.py is found."""
MOST = 2000
"""The most Python files and folders in a folder of plugins."""
CELL_FOLDERS = ("functions", "gates", "initializers", "maps", "outputs")
"""Bundled folders whose plugins provide the parts of a cell."""
CONFIGURATIONS = "bundled_conf.py"
"""The only bundled plugin outside the folders; other files next to it belong to the user."""

VERSION = "__gatekit_version__"
"""The attribute of a module that records the version of its file at the time of the import."""
_SKIPPED = ("_", ".")
_KINDS: dict[str, Callable[[int], bool]] = {
    "a folder": stat.S_ISDIR,
    "a named pipe": stat.S_ISFIFO,
    "a socket": stat.S_ISSOCK,
    "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
}


_named_only: ContextVar[bool] = ContextVar("named_only", default=False)


@contextlib.contextmanager
def named_only() -> Iterator[None]:
    """Load only bundled plugins and those that are named, until the block ends."""
    token = _named_only.set(True)
    try:
        yield
    finally:
        _named_only.reset(token)


def autoload() -> bool:
    """Return whether plugins that the user did not name are loaded: ./plugins and entry points."""
    return os.environ.get(DISABLE, "") in ("", "0") and not _named_only.get()


def chosen() -> frozenset[str] | None:
    """Return the distributions whose entry points are loaded, None for all of them."""
    names = os.environ.get(LOAD)
    if names is None:
        return None
    return frozenset(name.strip() for name in names.split(",") if name.strip())


def is_bundled(path: Path) -> bool:
    """Return whether a file below the folder of `BUNDLED` is gatekit's own.

    In a clone, ``./plugins`` is that folder: a file directly in it is the user's.
    """
    top = _bundled_folder()
    file = path.resolve()
    return file.is_relative_to(top) and (file.parent != top or file.name == CONFIGURATIONS)


@functools.cache
def _bundled_folder() -> Path:
    # By name: a static import would make the registry depend on every plugin.
    return Path(importlib.import_module(BUNDLED).__file__ or "").resolve().parent


def find(
    plugins: Sequence[str], folder: Path, everything: bool, distributions: frozenset[str] | None
) -> list[DiscoveredPlugin]:
    """Return the plugins of all sources, each once.

    Args:
        plugins: files that the user named, relative to ``folder``.
        folder: the working folder.
        everything: whether to include ``folder``/plugins and entry points.
        distributions: the distributions whose entry points are loaded; None for all.

    Raises:
        PluginError: a named file does not exist, or is not a Python file; a named distribution has
            no entry point.
    """
    unique: list[DiscoveredPlugin] = []
    files: set[Path] = set()
    for plugin in _all(plugins, folder, everything, distributions):
        if plugin.path is not None and plugin.path in files:
            if plugin.named:
                # The user named it, so its faults are errors.
                unique = [replace(f, named=True) if f.path == plugin.path else f for f in unique]
            continue
        if plugin.path is not None:
            files.add(plugin.path)
        unique.append(_with_own_name(plugin, {f.name for f in unique}))
    return unique


def _all(
    plugins: Sequence[str], folder: Path, everything: bool, distributions: frozenset[str] | None
) -> Iterator[DiscoveredPlugin]:
    yield from _bundled()
    if everything:
        top = folder / "plugins"
        # In a clone of gatekit, files in subfolders of ./plugins are gatekit's own.
        deepest = 0 if top.resolve() == _bundled_folder() else DEEPEST
        for path in _python_files(top, deepest):
            if path.parent == top or _may_have_a_hook(path):
                yield _file(Path(os.path.realpath(path)))
        for entry in _entries(distributions):
            yield _entry(entry)
    for text in plugins:
        yield _named_file(text, folder)


def _entries(distributions: frozenset[str] | None) -> list[EntryPoint]:
    """Return the entry points of the chosen distributions, sorted by name."""
    if distributions is not None and not distributions:
        return []
    entries = sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value))
    if distributions is None:
        return entries
    installed = {_normal(e.dist.name) for e in entries if e.dist}
    for name in sorted(distributions):
        if _normal(name) not in installed:
            raise PluginError(
                f"{LOAD} names {name!r}, but no installed distribution of this name has plugins"
                f"{nearest(_normal(name), installed) or '.'} Installed: {listed(installed)}."
            )
    wanted = {_normal(name) for name in distributions}
    return [e for e in entries if e.dist and _normal(e.dist.name) in wanted]


def _normal(name: str) -> str:
    """Return a distribution's name in the form that packaging tools compare: ``gatekit-slow``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _python_files(top: Path, deepest: int = DEEPEST) -> list[Path]:
    """Return the Python files in a folder and the folders inside it, sorted by relative path.

    Names that begin with ``_`` or ``.`` are skipped, and links to folders are not followed.

    Raises:
        PluginError: the folder has more than `MOST` entries.
    """
    paths: list[Path] = []
    visited = 0
    for place, folders, files in os.walk(top):
        depth = len(Path(place).relative_to(top).parts)
        inner = [f for f in folders if not f.startswith(_SKIPPED)]
        folders[:] = inner if depth < deepest else []
        named = [f for f in files if f.endswith(".py") and not f.startswith(_SKIPPED)]
        # A folder that is named like a Python file is kept, so that it is reported as broken.
        named += [f for f in inner if f.endswith(".py") and depth == 0]
        paths += [Path(place, name) for name in named]
        visited += 1 + len(named)
        if visited > MOST:
            raise PluginError(
                f"{top} has more than {MOST:,} Python files and folders; is another project or "
                "an environment in it? Move it elsewhere, or begin its name with _ to have it "
                f"skipped. `{DISABLE}=1` turns the search off."
            )
    return sorted(paths, key=lambda path: path.relative_to(top).parts)


def _may_have_a_hook(path: Path) -> bool:
    """Return whether a file in a subfolder may be a plugin instead of a helper or a test."""
    try:
        _require_regular(path)
        text = path.read_bytes()
    except (PluginError, OSError):
        return True
    return b"gatekit_" in text or b"hookimpl" in text


@functools.cache
def _bundled() -> tuple[DiscoveredPlugin, ...]:
    top = _bundled_folder()
    plugins = []
    for path in _python_files(top):
        if path.parent == top and path.name != CONFIGURATIONS:
            continue
        load = functools.partial(importlib.import_module, f"{BUNDLED}.{path.stem}")
        folder = path.relative_to(top).parts[0]
        kind = "" if path.parent == top or folder in CELL_FOLDERS else folder
        # os.walk follows no links to folders, so only the file itself can be a link.
        real = path.resolve() if path.is_symlink() else path
        plugins.append(DiscoveredPlugin(path.stem, load, real, bundled=True, later=kind))
    return tuple(plugins)


def _file(path: Path, named: bool = False) -> DiscoveredPlugin:
    return DiscoveredPlugin(path.stem, functools.partial(import_file, path), path, named=named)


def _entry(entry: EntryPoint) -> DiscoveredPlugin:
    distribution = entry.dist
    return DiscoveredPlugin(
        name=entry.name,
        load=entry.load,
        distribution=distribution.name if distribution else entry.value,
        version=distribution.version if distribution else None,
        module=entry.value.partition(":")[0].strip(),
    )


def _named_file(text: str, folder: Path) -> DiscoveredPlugin:
    path = (folder / Path(text).expanduser()).resolve()
    if not path.is_file():
        meant = Path(text.replace("\\", "/"))
        around = (folder / meant.expanduser()).parent
        files = sorted(p.name for p in around.glob("*.py")) if around.is_dir() else []
        near, why = nearest_name(meant.name, files), f"it is not a file (looked for {path})"
        place, known = Place(("plugins",)), tuple(files)
        raise PluginError(
            Fault(Kind.REFUSED, place, text, why=why, known=known, what="files", near=near)
        )
    if path.suffix != ".py":
        raise PluginError(f"plugins: {text!r} is not a Python file; name one that ends in .py")
    return _file(path, named=True)


def _with_own_name(plugin: DiscoveredPlugin, taken: set[str]) -> DiscoveredPlugin:
    """Rename a plugin whose name is taken; hashes need the same name on every machine."""
    name = plugin.name
    if name in taken and plugin.path is not None:
        name = f"{plugin.path.parent.name}/{plugin.path.name}"
    if name in taken and plugin.distribution:
        name = f"{plugin.distribution}:{plugin.name}"
    number = 2
    while name in taken:
        name, number = f"{plugin.name}#{number}", number + 1
    if name == plugin.name:
        return plugin
    return DiscoveredPlugin(**{**vars(plugin), "name": name})


class _Uncached(importlib.machinery.SourceFileLoader):
    """Compiles a file each time: an edit within a second may leave cached bytecode in use."""

    def get_code(self, fullname: str) -> Any:
        """Return the code of the file."""
        return self.source_to_code(self.get_data(self.path), self.path)


def version_of(path: Path) -> tuple[int, int] | None:
    """Return a file's modification time and size; None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def import_file(path: Path) -> ModuleType:
    """Import a file under a private name and return the module; ``sys.path`` does not change.

    A file is imported again only if it has changed.

    Raises:
        PluginError: the file is not a regular file, or is too large for a plugin.
        BaseException: the exception that the file raised.
    """
    _require_regular(path)
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = f"{PRIVATE}{digest}_{path.stem}"
    version = version_of(path)
    if vars(sys.modules.get(name, sys)).get(VERSION) == version:
        return sys.modules[name]
    linecache.checkcache(str(path))
    loader = _Uncached(name, str(path))
    spec: Any = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    setattr(module, VERSION, version)
    # Dataclasses, inspect and typing look a class's module up here.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _require_regular(path: Path) -> None:
    """Refuse a file that cannot be a plugin before it is opened: a FIFO would never end."""
    try:
        status = path.stat()
    except OSError as error:
        raise PluginError(f"it cannot be read ({error.strerror}); remove {path}") from None
    if not stat.S_ISREG(status.st_mode):
        what = next(
            (word for word, test in _KINDS.items() if test(status.st_mode)), "a special file"
        )
        raise PluginError(f"it is {what}, not a regular file; remove {path}")
    if status.st_size > LARGEST:
        raise PluginError(
            f"it has {status.st_size:,} bytes, but a plugin's file has at most {LARGEST:,}; keep "
            "data in separate files"
        )

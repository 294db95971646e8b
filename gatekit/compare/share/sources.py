"""The plugin sources of a bundle: which ones this machine needs, and what to type to copy them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from gatekit._version import __version__
from gatekit.cell.errors import RunError, listed, shown
from gatekit.registry.hashes import file_hash
from gatekit.registry.loading import complete_registry
from gatekit.runs.names import PLUGINS


def unpacked(bundle: str) -> str:
    """Return the folder into which the commands unpack a bundle."""
    return Path(bundle).stem


def unpack(bundle: str) -> str:
    """Return the command that unpacks a bundle; `unzip` is not on every machine."""
    return f"python -m zipfile -e {shlex.quote(bundle)} {shlex.quote(unpacked(bundle))}"


def copies(plugins: Mapping[str, str], sources: Path, bundle: str) -> dict[str, str]:
    """Return the command that copies each plugin of the user to ``./plugins``, by name.

    There is no command for gatekit's own plugins, or for plugins of several files or of a package.

    Args:
        plugins: the hash of each plugin by name.
        sources: the folder with their sources.
        bundle: the bundle's file, which `unpack` unpacks.
    """
    known = complete_registry().plugins
    own = {name for name, plugin in known.items() if plugin.discovered.bundled}
    return {
        name: f"cp {shlex.quote(f'{unpacked(bundle)}/{PLUGINS}/{digest}.py')} {PLUGINS}/{name}.py"
        for name, digest in plugins.items()
        if name.isidentifier() and name not in own and _is_one_file(name, digest, sources)
    }


def differing(plugins: Mapping[str, str], sources: Path) -> list[str]:
    """Return the plugins that are not here, or are one file with another source.

    Args:
        plugins: the hash of each plugin of a run by name.
        sources: the folder with their sources.
    """
    known = complete_registry().plugins
    return [
        name
        for name, digest in plugins.items()
        if name not in known
        or (
            (path := known[name].discovered.path) is not None
            and not known[name].discovered.bundled
            and _is_one_file(name, digest, sources)
            and file_hash(path, path.name) != digest
        )
    ]


def refuse(
    run: str, names: Collection[str], plugins: Mapping[str, str], sources: Path, bundle: Path
) -> None:
    """Refuse to repeat a run whose plugins are missing or differ here; show how to get them.

    Args:
        run: the run's id.
        names: its plugins that are missing here or have another source.
        plugins: the hash of each of its plugins by name.
        sources: the folder with their sources.
        bundle: the bundle.

    Raises:
        RunError: there are such plugins.
    """
    if not names:
        return
    known = complete_registry().plugins
    own = [name for name in names if name in known and known[name].discovered.bundled]
    typed = copies({name: plugins[name] for name in sorted(names)}, sources, str(bundle))
    parts = [
        f"run {run} needs plugins that are missing here or have another source: {listed(names)}"
    ]
    if own:
        parts.append(
            f"{listed(own)}: gatekit's own (this is gatekit {__version__}); install the gatekit of"
            " the run as REPRODUCE.md in the bundle shows"
        )
    for name in sorted(name for name in names if name not in typed and name not in own):
        source = f"{PLUGINS}/{plugins[name]}.py"
        parts.append(
            f"{name}: more than one file, or a package; install it as its author did (the bundle"
            f" has its source: {source})"
            if (sources.parent / source).is_file()
            else f"{name}: the bundle does not have its source; ask the author for it"
        )
    message = ". ".join(parts)
    if typed:
        lines = [unpack(str(bundle)), f"mkdir -p {PLUGINS}", *_aside(typed), *typed.values()]
        message += (
            ". The bundle has the sources. A plugin is a program that runs with your permissions:"
            " read each file before you copy it. Type\n  "
            + "\n  ".join(lines)
            + "\nand repeat this command"
        )
    raise RunError(message)


def _aside(names: Iterable[str]) -> list[str]:
    """Return the commands that rename your plugins of these names; gatekit skips ``_NAME.py``."""
    known = complete_registry().plugins
    here = (known[n].discovered.path if n in known else Path(PLUGINS, f"{n}.py") for n in names)
    moves = [(path, _free(path)) for path in here if path is not None and path.is_file()]
    return [f"mv {shlex.quote(shown(old))} {shlex.quote(shown(new))}" for old, new in moves]


def _free(path: Path) -> Path:
    while path.exists():
        path = path.with_name(f"_{path.name}")
    return path


def _is_one_file(name: str, digest: str, sources: Path) -> bool:
    """Return whether a plugin was one file: its stored source, as ``NAME.py``, has its hash."""
    path = sources / f"{digest}.py"
    return path.is_file() and file_hash(path, f"{name}.py") == digest

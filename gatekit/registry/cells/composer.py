"""Cells by name: reads their files, and merges the cells in ``defaults``, like Hydra."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gatekit.cell.calls import checked_call
from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import (
    CellError,
    ConfigError,
    as_plain,
    excerpt,
    listed,
    nearest,
    quoted,
    shown,
)
from gatekit.cell.schema import ABOUT_KEYS, CELL, CellSpec, by_gate, merge, read_cell
from gatekit.faults import Fault, Kind, unknown_name

from ..queries import origins
from ..safe_yaml import line_in, read_yaml
from .places import NAME, cell_file, config_folders, file_channel, in_file, is_bundled

# Hydra would put a plain ``/cell/NAME`` below a key ``cell`` of the cell.
_ENTRY = re.compile(r"(?:/cell/(?=.*@_here_))?(?P<name>[^/@:]+?)(?:\.yaml)?(?:@_here_)?\Z")
MAX_CHAIN = 20
MAX_FILES = 25


@checked_call(types=False)
def load_cell(
    cell: str | Mapping[str, Any], catalogue: Catalogue, plugins: Sequence[str] = ()
) -> CellSpec:
    """Return the cell that a name or a mapping describes.

    Args:
        cell: the name of a file ``cell/NAME.yaml`` or of a registered cell function; or a
            mapping with the content of such a file.
        catalogue: the registered parts.
        plugins: plugin files, whose configuration folders are searched too.

    Raises:
        CellError: there is no such cell, or it is not valid.
        ConfigError: a file is damaged, or its ``defaults`` name an unknown cell or form a cycle.
    """
    with in_file(cell, plugins):
        return read_cell(cell_config(cell, catalogue, plugins), catalogue)


def named_after_file(config: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a cell's own mapping with the name of its file.

    Args:
        config: the content of the file.
        path: the file.

    Raises:
        ConfigError: the cell has another name, under which no command would find it.
    """
    name = config.get("name", path.stem)
    if name != path.stem:
        raise ConfigError(
            f"{', '.join(line_in(path, ('name',)))}: name is {quoted(name)}, but the file is "
            f"called {path.name}; write name: {path.stem}, or rename the file"
        )
    return {**config, "name": name}


def cell_config(
    cell: str | Mapping[str, Any], catalogue: Catalogue, plugins: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the cell as the mapping that Hydra would compose, before it is read.

    Args:
        cell: a name or a mapping, as in `load_cell`.
        catalogue: the registered parts.
        plugins: plugin files.

    Raises:
        CellError: there is no such cell.
        ConfigError: a file is damaged, or its ``defaults`` name an unknown cell or form a cycle.
    """
    composer = _Composer(catalogue, tuple(plugins))
    if isinstance(cell, str):
        return composer.named(cell, ())
    if isinstance(cell, Mapping):
        return composer.resolved(dict(cell), "cell", ())
    expected = "the name of a cell, or a mapping"
    raise CellError(Fault(Kind.WRONG, CELL / "name", as_plain(cell), expected))


def bundled_cell(name: str, catalogue: Catalogue) -> dict[str, Any] | None:
    """Return gatekit's own cell of a name as a mapping; None if there is none.

    Files in ``./conf`` do not count.

    Args:
        name: the cell's name.
        catalogue: the registered parts.
    """
    folders = [folder for folder in config_folders() if is_bundled(folder)]
    path = cell_file(name, folders)
    if path is None:
        return None
    composer = _Composer(catalogue, ())
    composer.folders = folders
    return composer.named(name, ())


def cell_names(plugins: Sequence[str] = ()) -> dict[str, Path]:
    """Return the file of every cell by name; a YAML file takes precedence over a cell function.

    Args:
        plugins: plugin files, whose configuration folders are searched too.
    """
    paths: dict[str, Path] = {}
    for folder in config_folders(plugins):
        for path in sorted((folder / "cell").glob("*.yaml")):
            if NAME.match(path.stem):
                paths.setdefault(path.stem, path)
    for name, origin in origins("cells", plugins).items():
        paths.setdefault(name, origin.path or Path(origin.plugin))
    return dict(sorted(paths.items()))


class _Composer:
    def __init__(
        self, catalogue: Catalogue, plugins: tuple[str, ...], for_hydra: bool = False
    ) -> None:
        self.catalogue = catalogue
        self.plugins = plugins
        self.folders = config_folders(plugins)
        self.files = 0
        self.for_hydra = for_hydra  # which resolves references, and checks values

    def named(self, name: str, chain: tuple[str, ...]) -> dict[str, Any]:
        if name in chain:
            raise ConfigError(
                f"{self.place(chain)} form a cycle: {' -> '.join([*chain, name])}; "
                f"remove {name} from the defaults of {chain[-1]}"
            )
        if len(chain) > MAX_CHAIN:
            raise ConfigError(f"defaults lead through more than {MAX_CHAIN} files: {listed(chain)}")
        self.files += 1
        if self.files > MAX_FILES:
            raise ConfigError(f"defaults name more than {MAX_FILES} files, from {chain[0]} on")
        path = cell_file(name, self.folders)
        if path is not None:
            folder = path.parents[1]
            config, own = named_after_file(read_yaml(path, folder), path), not is_bundled(folder)
            return self.resolved(config, shown(path), (*chain, name), own)
        if name in self.catalogue.cells:
            return {"function": name}
        if not chain and "\n" in name:
            raise CellError(
                "cell is the text of a cell; give its name, such as 'lstm', or the mapping that "
                "yaml.safe_load(text) returns"
            )
        known, asked = cell_names(self.plugins), self.place(chain)
        if why := self.catalogue.broken_with(name):
            raise CellError(f"{asked}: there is no cell {quoted(name)}{why}")
        if chain:
            near = f"{nearest(name, known) or '.'} `gatekit cells` lists all cells."
            raise CellError(f"{asked}: there is no cell {quoted(name)}{near}")
        # A name is given without key and suffix.
        stem = Path(name.rpartition("=")[2]).stem
        fault = unknown_name(CELL, stem, known, "cells")
        raise CellError(replace(fault, given=name))

    def place(self, chain: tuple[str, ...]) -> str:
        """Return the place that names a cell: ``defaults`` of the file that was read last."""
        path = cell_file(chain[-1], self.folders) if chain else None
        return f"{', '.join(line_in(path, ('defaults',)))}: defaults" if path else "cell"

    def resolved(
        self, config: dict[str, Any], where: str, chain: tuple[str, ...], own: bool = True
    ) -> dict[str, Any]:
        if not self.for_hydra:
            _check_values(config, where, "")
        if "defaults" not in config:
            return config
        defaults = config.pop("defaults")
        if not isinstance(defaults, (list, tuple)):
            such = defaults if isinstance(defaults, str) and NAME.match(defaults) else "lstm"
            # A mapping that came from Python has no file.
            typed = f"'defaults': [{such!r}]" if where == "cell" else f"defaults: [{such}, _self_]"
            raise ConfigError(
                f"{where}: defaults is {quoted(defaults)}; a list is expected: write {typed}"
            )
        path = cell_file(chain[-1], self.folders) if chain else None
        try:
            names = [default_name(entry) for entry in defaults]
        except ConfigError as error:
            raise error.spoken(file_channel(path)) if path else error from None
        if names.count("_self_") > 1:
            raise ConfigError(
                f"{where}: _self_ appears twice in defaults {quoted(list(defaults))}; remove one"
            )
        if "_self_" not in names:
            names.append("_self_")
        if own and names[-1] != "_self_":
            late = ConfigError(after_self(names))
            raise late.spoken(file_channel(path)) if path else late
        whole: dict[str, Any] = {}
        starts: dict[str, Any] = {}
        for name in names:
            if name == "_self_":
                config = by_gate(config, whole)
            if name == "_self_" and own and where != "cell":
                _check_removed(whole, config, where)
            part = config if name == "_self_" else self.named(name, chain)
            if own and name != "_self_":
                starts |= _starts(name, part)
                part = {key: value for key, value in part.items() if key not in ABOUT_KEYS}
            whole = merge(whole, part)
        return {"starts_from": starts, **whole} if starts else whole


def default_name(entry: object) -> str:
    """Return the name of a cell that an entry of a cell's ``defaults`` is, or ``_self_``.

    Raises:
        ConfigError: the entry is not a name.
    """
    match = _ENTRY.match(entry) if isinstance(entry, str) else None
    if match is None or match["name"] in ("self", "_self"):
        expected = "names of cells and _self_"
        raise ConfigError(Fault(Kind.WRONG, CELL / "defaults", as_plain(entry), expected))
    return match["name"]


def after_self(names: Sequence[str]) -> Fault:
    """Return the fault of cells after ``_self_``, which override the file's own entries."""
    why = f"{excerpt(names[-1])} is after _self_, so it overrides the file's own entries"
    return Fault(Kind.REFUSED, CELL / "defaults", why=why)


def composed(
    config: Mapping[str, Any],
    path: Path,
    catalogue: Catalogue,
    plugins: Sequence[str],
    own: bool,
) -> dict[str, Any]:
    """Return the content of a cell's file with the cells in its ``defaults`` merged in.

    Args:
        config: the content of the file.
        path: the file.
        catalogue: the registered parts.
        plugins: plugin files, whose configuration folders are searched too.
        own: whether the file is one of your own, so that the works of the cells in ``defaults`` are
            what it starts from.

    Raises:
        CellError: the file has a gate under its name and under its role.
        ConfigError: its ``defaults`` name an unknown cell, form a cycle, or are not names.
    """
    composer = _Composer(catalogue, tuple(plugins), for_hydra=True)
    return composer.resolved(dict(config), shown(path), (path.stem,), own)


def _starts(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the works of a cell in ``defaults``, and of the cells that it starts from."""
    return {name: list(config.get("cite") or ()), **(config.get("starts_from") or {})}


def _check_removed(base: Mapping[str, object], config: Mapping[str, object], where: str) -> None:
    """Refuse ``forgett: null`` where the cells in ``defaults`` have ``forget``."""
    for section in ("gates", "equations", "parameters", "constants"):
        had, given = base.get(section), config.get(section)
        if isinstance(had, Mapping) and isinstance(given, Mapping):
            for name in (key for key, value in given.items() if value is None and key not in had):
                if near := nearest(str(name), had):
                    line = ", ".join(line_in(Path(where), (section, name)))
                    raise ConfigError(
                        f"{line}: {section}.{name} is null, which removes an inherited "
                        f"entry, but there is none{near} Inherited {section}: {listed(had)}."
                    )


def _check_values(value: object, where: str, key: str) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            place = f"{key}.{name}" if key else str(name)
            if name == "_target_":
                raise ConfigError(
                    f"{where}: {place} is refused: gates and the like are given by "
                    "registered name, as kind: NAME"
                )
            _check_values(inner, where, place)
    elif isinstance(value, (list, tuple)):
        for position, inner in enumerate(value):
            _check_values(inner, where, f"{key}[{position}]")
    elif isinstance(value, str):
        if value == "???":
            raise ConfigError(f"{where}: {key} is ???, a placeholder: give it a value")
        if "${" in value:
            raise ConfigError(
                f"{where}: {key} is {quoted(value)}; only gatekit train resolves references. "
                "Write the value, or pass the cell as a mapping with the value."
            )

"""Sources of configurations: checked files in ./conf and plugins' folders, and the registry.

Hydra creates its sources itself, from the strings of the search path. The string of a source
therefore contains everything that it needs: a folder, and the plugin files of the command line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.errors import MissingConfigException
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gatekit.cell.errors import ConfigError
from gatekit.faults import Fault, Kind, Place, unknown_name
from gatekit.registry import (
    cell_names,
    components,
    left_out,
    named_after_file,
    reasons_of,
)
from gatekit.registry.cells import composed, in_file, is_bundled
from gatekit.study.interpolations import KEPT
from gatekit.study.keys import GROUPS
from gatekit.study.line import QUICK
from gatekit.study.options import HYDRA_GROUPS

from . import untrusted_files

_PLUGINS = "?plugins="
"""Separates a folder from the plugin files in the string of a source."""


class CheckedSource(ConfigSource):
    """A folder of YAML files from outside gatekit, each checked before it is parsed."""

    trusted = False

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider, path)
        self.folder, self.plugins = _split(self.path)

    @staticmethod
    def scheme() -> str:
        """Return the scheme of these folders in the search path."""
        return "checked"

    def load_config(self, config_path: str) -> ConfigResult:
        """Return a file's configuration; refuse a file that could make Hydra execute something."""
        path = self._file(config_path)
        if not os.path.lexists(path):
            raise ConfigLoadError(f"Config not found : {path}")
        text, data = untrusted_files.read(path, self.folder)
        try:
            header = self._get_header_dict(text[:512])
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from None
        known = components.load(self.plugins)
        own = not self.trusted and not _is_bundled_file(config_path, text)
        if own:
            places = sorted({name for task in known.tasks.values() for name in task.places})
            untrusted_files.refuse(config_path, path, data, header["package"], places)
            untrusted_files.refuse_endless(config_path, known.config_folders, _registered(known))
            data = _escaped(data)
            if config_path.startswith("experiment/") and isinstance(data.get("quick"), Mapping):
                quick = data["quick"]
                untrusted_files.refuse(config_path, path, quick, None, places)
                data = {**data, "quick": _escaped(quick)}
        if config_path.startswith("cell/"):
            # Hydra cannot replace a mapping of reads by a list.
            with in_file(path.stem, self.plugins):
                data = named_after_file(dict(data), path) if own else data
                data = composed(data, path, known.catalogue, self.plugins, own)
        if config_path.startswith("experiment/") and header.get("package") != "_global_":
            raise ConfigError(
                f"{path}: the first line of an experiment must be `# @package _global_`; without "
                "it, Hydra puts the keys of the file below a key named experiment."
            )
        if config_path.startswith("change/"):
            untrusted_files.refuse_in_change(path, data)
            header["package"] = "_global_"
        try:
            config = OmegaConf.create(data)
        except OmegaConfBaseException as error:
            raise ConfigError(f"{path}: {str(error).splitlines()[0]}") from None
        return ConfigResult(
            config=config, path=self.full_path(), provider=self.provider, header=header
        )

    def available(self) -> bool:
        """Return whether the folder exists."""
        return self.is_group("")

    def is_group(self, config_path: str) -> bool:
        """Return whether the path is a group in this source."""
        groups = ("", *GROUPS, *HYDRA_GROUPS)
        known = config_path.rstrip("/") in groups or self.trusted
        return known and (self.folder / config_path).is_dir()

    def is_config(self, config_path: str) -> bool:
        """Return whether the path, with .yaml, is a file in this source."""
        return os.path.lexists(self._file(config_path))  # a damaged file is refused, not overlooked

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Return the names in a group."""
        names: list[str] = []
        for name in os.listdir(self.folder / config_path):
            self._list_add_result(names, os.path.join(config_path, name), name, results_filter)
        return sorted(set(names))

    def _file(self, config_path: str) -> Path:
        return self.folder / self._normalize_file_name(config_path)


class TrustedSource(CheckedSource):
    """A folder of YAML files that the user wrote, as ``--trust-config`` states."""

    trusted = True

    @staticmethod
    def scheme() -> str:
        """Return the scheme of these folders in the search path."""
        return "trusted"


class RegistrySource(ConfigSource):
    """Registered tasks and cells as configurations: ``task=mine`` needs no YAML file."""

    @staticmethod
    def scheme() -> str:
        """Return the scheme of the registry in the search path."""
        return "registered"

    def load_config(self, config_path: str) -> ConfigResult:
        """Return a registered cell function or output unit, or a task or block with its options."""
        group, name = self._split(config_path)
        config = self._groups().get(group, {}).get(name)
        if config is None:
            raise ConfigLoadError(f"Config not found : {config_path}")
        return ConfigResult(
            config=OmegaConf.create(dict(config)),
            path=self.full_path(),
            provider=self.provider,
            header={"package": None},
        )

    def available(self) -> bool:
        """Return True, because the registry is always available."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Return whether objects of this kind can be registered."""
        return config_path.rstrip("/") in ("", "cell", "block", "task", "output_unit")

    def is_config(self, config_path: str) -> bool:
        """Return whether an object of this name is registered."""
        group, name = self._split(config_path)
        return self.is_group(group) and name in self._groups().get(group, {})

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Return the registered names of a kind."""
        return sorted(self._groups().get(config_path.rstrip("/"), {}))

    @staticmethod
    def _split(config_path: str) -> tuple[str, str]:
        group, _, name = config_path.rpartition("/")
        return group, name.removesuffix(".yaml")

    def _groups(self) -> dict[str, dict[str, Mapping[str, Any]]]:
        return _registered(components.load(_split(self.path)[1]))


def _registered(known: components.Components) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return the configurations of what is registered, by group and name."""
    return {
        "cell": {name: {"function": name} for name in known.catalogue.cells},
        "task": {n: {"name": n, **o} for n, o in known.task_defaults().items()},
        "output_unit": {name: {"kind": name} for name in known.catalogue.output_units},
        "block": {
            name: {"kind": name, **known.defaults(block)}
            for name, block in known.catalogue.blocks.items()
        },
    }


def search_path(
    plugins: Sequence[str], trusted: bool, further: str | None = None
) -> ConfigSearchPath:
    """Return Hydra's search path: ./conf, plugins' folders, bundled files, the registry.

    Args:
        plugins: plugin files of the command line.
        trusted: whether files may set keys that are otherwise refused.
        further: an additional folder, searched first.
    """
    for source in (CheckedSource, TrustedSource, RegistrySource):
        Plugins.instance().register(source)
    files = _PLUGINS + ",".join(map(_marked, plugins)) if plugins else ""
    scheme = (TrustedSource if trusted else CheckedSource).scheme()
    # Hydra's own ``main`` is the bundled folder, which contains the primary configuration.
    folders = [f for f in components.load(plugins).config_folders if not is_bundled(f)]
    folders = [Path(further).absolute(), *folders] if further is not None else folders
    path = create_config_search_path("pkg://gatekit.conf")
    main = SearchPathQuery("main", None)
    for folder in folders:
        path.prepend("folder", f"{scheme}://{_marked(str(folder))}{files}", main)
    path.append("registry", f"registered://all{files}", main)
    return path


def _split(path: str) -> tuple[Path, tuple[str, ...]]:
    """Return the folder and the plugin files in the string of a source."""
    folder, _, files = path.partition(_PLUGINS)
    return Path(unquote(folder)), tuple(map(unquote, files.split(","))) if files else ()


def _marked(path: str) -> str:
    """Return a path in which no character separates the parts of a source's string."""
    for character in "%?,":
        path = path.replace(character, f"%{ord(character):02X}")
    return path


def _is_bundled_file(config_path: str, text: str) -> bool:
    """Return whether the file is identical to a bundled one, as in a clone of gatekit."""
    import gatekit.conf

    files = [Path(folder) / f"{config_path}.yaml" for folder in gatekit.conf.__path__]
    return any(file.is_file() and file.read_text(encoding="utf-8") == text for file in files)


def _escaped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with the references of a sweep hidden from Hydra, which would expand them.

    `sweepers.Sweep` needs them as they are written; see `interpolations.refuse_large`.
    """

    def walk(value: object) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        return value.replace("${", f"{KEPT}{{") if isinstance(value, str) else value

    inner = ("hydra", "params", "grids")
    return {key: walk(value) if key in inner else value for key, value in data.items()}


def not_found(error: MissingConfigException, plugins: Sequence[str]) -> ConfigError | None:
    """Return the error about a file that no source has; None if its group is unknown.

    Args:
        error: Hydra's error.
        plugins: plugin files of the command line.
    """
    group, _, name = str(error.missing_cfg_file or "").rpartition("/")
    known = [str(option) for option in error.options or ()]
    if not group or not name:
        return None
    if group not in (*GROUPS, *HYDRA_GROUPS):  # a name with a slash, such as cell=sub/gru
        group, _, name = f"{group}/{name}".partition("/")
    place = Place((group,))
    if group == "experiment" and (whole := name.removesuffix(QUICK)) in known and whole != name:
        return ConfigError(Fault(Kind.REFUSED, place, whole, why="it has no small version"))
    if not known and group == "cell":  # Hydra lists no options for the `defaults` of a file
        known = list(cell_names(plugins))
    # A name is given without folder and suffix.
    stem = re.sub(r"\.ya?ml$", "", name.rpartition("/")[2])
    if broken := reasons_of(stem, plugins):
        why = f"its plugin is broken: {broken}"
        return ConfigError(Fault(Kind.REFUSED, place, name, why=why))
    fault = unknown_name(place, stem, known, f"{group.replace('_', ' ')}s")
    return ConfigError(replace(fault, given=name, why=left_out(name, plugins)))

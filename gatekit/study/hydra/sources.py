"""Where configurations come from: ./conf, checked; plugins' folders; what is registered.

Hydra creates its sources itself, from the strings of the search path. The string of a source
therefore contains all that the source needs: a folder, and the plugin files of the command line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gatekit.cell.errors import ConfigError
from gatekit.registry import components, named_after_file
from gatekit.registry.cells import is_bundled, own_provenance
from gatekit.study.references import KEPT
from gatekit.study.typed import GROUPS
from gatekit.study.words import HYDRA_GROUPS

from . import allowed

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
        """Return a file's configuration, guarded against what Hydra would execute."""
        path = self._file(config_path)
        if not path.is_file():
            raise ConfigLoadError(f"Config not found : {path}")
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise ConfigError(f"{path} is a link out of {self.folder}; put the file there itself.")
        text, data = allowed.read(path)
        try:
            header = self._get_header_dict(text[:512])
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from None
        if not self.trusted and not _is_bundled_file(config_path, text):
            known = components.load(self.plugins)
            places = sorted({name for task in known.tasks.values() for name in task.places})
            allowed.refuse(config_path, path, data, header["package"], places)
            allowed.refuse_endless(config_path, known.config_folders)
            if config_path.startswith("cell/"):
                data = named_after_file(dict(data), path)
                data = own_provenance(data, known.catalogue, self.plugins)
            data = _escaped(data)
        if config_path.startswith("experiment/") and header.get("package") != "_global_":
            raise ConfigError(
                f"{path}: the first line of an experiment has to be `# @package _global_`; without "
                "it Hydra takes its keys for keys of a part called experiment."
            )
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
        """Return whether the path is a group here."""
        groups = ("", *GROUPS, *HYDRA_GROUPS)
        known = config_path.rstrip("/") in groups or self.trusted
        return known and (self.folder / config_path).is_dir()

    def is_config(self, config_path: str) -> bool:
        """Return whether the path, with .yaml, is a file here."""
        return self._file(config_path).is_file()

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
    """What is registered needs no YAML file: ``task=mine`` and ``cell=mine`` are there at once."""

    @staticmethod
    def scheme() -> str:
        """Return the scheme of the registry in the search path."""
        return "registered"

    def load_config(self, config_path: str) -> ConfigResult:
        """Return a registered task or block with its options, cell function or output unit."""
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
        """Return True: the registry is always there."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Return whether things of this kind are registered."""
        return config_path.rstrip("/") in ("", "cell", "block", "task", "output_unit")

    def is_config(self, config_path: str) -> bool:
        """Return whether a thing of this name is registered."""
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
        known = components.load(_split(self.path)[1])
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
    """Return where Hydra looks: ./conf, plugins' folders, bundled configurations, the registry.

    Args:
        plugins: plugin files of the command line.
        trusted: whether files may set what is otherwise refused.
        further: a folder that is searched first.
    """
    for source in (CheckedSource, TrustedSource, RegistrySource):
        Plugins.instance().register(source)
    files = _PLUGINS + ",".join(plugins) if plugins else ""
    scheme = (TrustedSource if trusted else CheckedSource).scheme()
    # Hydra has the bundled folder as ``main``: it contains the primary configuration.
    folders = [f for f in components.load(plugins).config_folders if not is_bundled(f)]
    folders = [Path(further).absolute(), *folders] if further is not None else folders
    path = create_config_search_path("pkg://gatekit.conf")
    main = SearchPathQuery("main", None)
    for folder in folders:
        path.prepend("folder", f"{scheme}://{folder}{files}", main)
    path.append("registry", f"registered://all{files}", main)
    return path


def _split(path: str) -> tuple[Path, tuple[str, ...]]:
    """Return the folder and the plugin files in the string of a source."""
    folder, _, files = path.partition(_PLUGINS)
    return Path(folder), tuple(files.split(",")) if files else ()


def _is_bundled_file(config_path: str, text: str) -> bool:
    """Return whether gatekit has the same file at the same place, as in a clone of it."""
    import gatekit.conf

    files = [Path(folder) / f"{config_path}.yaml" for folder in gatekit.conf.__path__]
    return any(file.is_file() and file.read_text(encoding="utf-8") == text for file in files)


def _escaped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with references in a sweep kept from Hydra, which would write them out.

    `sweepers.Sweep` takes them as they are written; see `references.refuse_large`.
    """

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        return value.replace("${", f"{KEPT}{{") if isinstance(value, str) else value

    inner = ("hydra", "params", "grids")
    return {key: walk(value) if key in inner else value for key, value in data.items()}

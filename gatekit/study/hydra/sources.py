"""Where configurations come from: ./conf, checked; plugins' folders; what is registered."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gatekit.cell.errors import ConfigError
from gatekit.registry import components
from gatekit.study import composed
from gatekit.study.references import KEPT
from gatekit.study.words import GROUPS, HYDRA_GROUPS

from . import allowed


class CheckedSource(ConfigSource):
    """A folder of YAML files from outside gatekit, each checked before it is parsed."""

    @staticmethod
    def scheme() -> str:
        """Return the scheme of these folders in the search path."""
        return "checked"

    def load_config(self, config_path: str) -> ConfigResult:
        """Return a file's configuration, guarded against what Hydra would execute."""
        path = self._file(config_path)
        if not path.is_file():
            raise ConfigLoadError(f"Config not found : {path}")
        if not path.resolve().is_relative_to(Path(self.path).resolve()):
            raise ConfigError(f"{path} is a link out of {self.path}; put the file there itself.")
        text, data = allowed.read(path)
        try:
            header = self._get_header_dict(text[:512])
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from None
        if not composed.current.trusted and not _is_bundled_file(config_path, text):
            known = components.load(composed.current.plugins)
            places = sorted({name for task in known.tasks.values() for name in task.places})
            allowed.refuse(config_path, path, header["package"], places)
            allowed.refuse_endless(config_path, known.config_folders)
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
        known = config_path.rstrip("/") in groups or composed.current.trusted
        return known and (Path(self.path) / config_path).is_dir()

    def is_config(self, config_path: str) -> bool:
        """Return whether the path, with .yaml, is a file here."""
        return self._file(config_path).is_file()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Return the names in a group."""
        found: list[str] = []
        for name in os.listdir(Path(self.path) / config_path):
            self._list_add_result(found, os.path.join(config_path, name), name, results_filter)
        return sorted(set(found))

    def _file(self, config_path: str) -> Path:
        return Path(self.path) / self._normalize_file_name(config_path)


class RegistrySource(ConfigSource):
    """What is registered needs no YAML file: ``task=mine`` and ``cell=mine`` are there at once."""

    @staticmethod
    def scheme() -> str:
        """Return the scheme of the registry in the search path."""
        return "registered"

    def load_config(self, config_path: str) -> ConfigResult:
        """Return a registered task with its options' defaults, cell function or output unit."""
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
        return config_path.rstrip("/") in ("", "cell", "task", "output_unit")

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

    @staticmethod
    def _groups() -> dict[str, dict[str, Mapping[str, Any]]]:
        known = components.load(composed.current.plugins)
        return {
            "cell": {name: {"function": name} for name in known.catalogue.cells},
            "task": {n: {"name": n, **o} for n, o in known.task_defaults().items()},
            "output_unit": {name: {"kind": name} for name in known.catalogue.output_units},
        }


class GatekitSearchPath(SearchPathPlugin):
    """Search ./conf, plugins' folders, the bundled configurations, the registry, in this order."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Put gatekit's sources around the bundled one, as `gatekit.RNN` searches them."""
        for folder in components.load(composed.current.plugins).config_folders:
            # Hydra has the bundled one already, as ``main``: it holds the primary configuration.
            if not _is_bundled(folder):
                search_path.prepend("folder", f"checked://{folder}", SearchPathQuery("main", None))
        search_path.append("registry", "registered://all")


def _is_bundled_file(config_path: str, text: str) -> bool:
    """Return whether gatekit has the same file at the same place, as in a clone of it."""
    import gatekit.conf

    files = [Path(folder) / f"{config_path}.yaml" for folder in gatekit.conf.__path__]
    return any(file.is_file() and file.read_text(encoding="utf-8") == text for file in files)


def _escaped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with references in a sweep kept from Hydra, which would write them out.

    `GridSweeper` takes them as they are written; see `references.refuse_large`.
    """

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        return value.replace("${", f"{KEPT}{{") if isinstance(value, str) else value

    inner = ("hydra", "params", "grids")
    return {key: walk(value) if key in inner else value for key, value in data.items()}


def _is_bundled(folder: Path) -> bool:
    import gatekit.conf

    return any(folder.samefile(bundled) for bundled in gatekit.conf.__path__)

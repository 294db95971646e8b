"""What is registered, as the study sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekit import registry
from gatekit.cell.catalogue import Catalogue
from gatekit.cell.declare import plain
from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.cell.schema import CellSpec, OutputUnitSpec
from gatekit.tasks.task import Task


@dataclass(frozen=True)
class Parts:
    """Gates, cells, output units, tasks and configuration folders that a study can use."""

    catalogue: Catalogue
    tasks: Mapping[str, type[Task]]
    config_folders: Sequence[Path]
    files: tuple[str, ...] = ()

    def task_defaults(self) -> dict[str, dict[str, Any]]:
        """Return every task's options with their defaults; an option without one is ``???``."""
        return {
            name: {o: plain(getattr(kind, o, "???")) for o in kind._option_types}
            for name, kind in self.tasks.items()
        }

    def task(self, config: Mapping[str, Any]) -> Task:
        """Return the task that ``{name: .., option: ..}`` describes.

        Raises:
            ConfigError: no task has that name, or an option is not allowed.
        """
        name = config["name"]
        if name not in self.tasks:
            raise ConfigError(
                f"task={name}: there is no such task{nearest(str(name), self.tasks) or '.'} "
                f"Tasks: {listed(self.tasks)}."
            )
        try:
            return self.tasks[name](**{k: v for k, v in config.items() if k != "name"})
        except ConfigError as error:
            raise ConfigError(f"task={name}: {error}") from None

    def hashes(self, cell: CellSpec, unit: OutputUnitSpec, task: str) -> dict[str, str]:
        """Return the hash of the source of every plugin that a run uses, by name."""
        return registry.plugin_hashes(cell, unit, task, self.files)

    def sources(self, cell: CellSpec, unit: OutputUnitSpec, task: str) -> dict[str, bytes]:
        """Return the source of every plugin that a run uses, by its hash."""
        return registry.plugin_sources(cell, unit, task, self.files)


def _load(plugins: tuple[str, ...]) -> Parts:
    return Parts(
        registry.catalogue(plugins),
        registry.tasks(plugins),
        tuple(registry.config_folders(plugins)),
        plugins,
    )


def load(plugins: Sequence[str] = ()) -> Parts:
    """Return what is registered, with these plugin files besides what is found by itself."""
    return _load(tuple(plugins))

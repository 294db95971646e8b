"""The parts that the plugins of a run provide, in the form that planning and training use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekit.cell.block.reading import BlockSpec
from gatekit.cell.calls import ArgumentError
from gatekit.cell.catalogue import Catalogue
from gatekit.cell.declare import Declared, plain
from gatekit.cell.errors import (
    ConfigError,
    GatekitError,
    OptionError,
    PluginError,
    excerpt,
)
from gatekit.cell.schema import CellSpec, OutputUnitSpec
from gatekit.faults import (
    Place,
    together,
    unknown_name,
    unknown_option,
)
from gatekit.tasks.task import Signature, Task

from .author import author_line
from .cells import config_folders
from .hashes import plugin_hashes, plugin_sources
from .queries import catalogue, tasks

TASK = Place(("task",))


@dataclass(frozen=True)
class Components:
    """The cells and tasks that a study can use, and the folders of their configurations.

    Args:
        catalogue: gates, output units, functions, initializers, linear maps, blocks and cells.
        tasks: task classes by name.
        config_folders: the folders that contain ``cell/`` and the like, in search order.
        files: plugin files that the user named.
    """

    catalogue: Catalogue
    tasks: Mapping[str, type[Task]]
    config_folders: Sequence[Path]
    files: tuple[str, ...] = ()

    def task_defaults(self) -> dict[str, dict[str, Any]]:
        """Return every task's options with their defaults; an option without one is ``???``."""
        return {name: self.defaults(kind) for name, kind in self.tasks.items()}

    @staticmethod
    def defaults(kind: type[Declared]) -> dict[str, Any]:
        """Return the options of a class with their defaults; an option without one is ``???``."""
        return {o: plain(getattr(kind, o, "???")) for o in kind._option_types}

    def task(self, config: Mapping[str, Any]) -> Task:
        """Return the task that ``{name: .., option: ..}`` describes.

        Raises:
            ConfigError: no task has that name, or an option is not allowed.
        """
        name = config["name"]
        if name not in self.tasks:
            raise ConfigError(unknown_name(TASK / "name", name, self.tasks, "tasks"))
        known = self.tasks[name].option_names()
        names = (*known, "name")
        surplus = (unknown_option(TASK / k, v, names) for k, v in config.items() if k not in names)
        if fault := together(surplus):
            raise ConfigError(fault)
        try:
            return _with_signature(
                self.tasks[name](**{k: v for k, v in config.items() if k != "name"})
            )
        except OptionError as error:
            raise ConfigError(error.option.below(Place(("task",)))) from None
        except ArgumentError:  # of a `Signature`, not of the task
            raise
        except ConfigError as error:
            raise ConfigError(f"task={name}: {error}") from None

    def hashes(
        self,
        cells: Sequence[CellSpec],
        unit: OutputUnitSpec,
        task: str,
        block: BlockSpec | None = None,
    ) -> dict[str, str]:
        """Return the hash of the source of every plugin that a run uses, by name."""
        return plugin_hashes(cells, unit, task, self.files, block)

    def sources(
        self,
        cells: Sequence[CellSpec],
        unit: OutputUnitSpec,
        task: str,
        block: BlockSpec | None = None,
    ) -> dict[str, bytes]:
        """Return the source of every plugin that a run uses, by its hash."""
        return plugin_sources(cells, unit, task, self.files, block)


def _with_signature(task: Task) -> Task:
    """Return a task after checking that it has a metric and returns a `Signature`."""
    try:
        signature: Any = task.signature()
    except (PluginError, ArgumentError) as error:
        error.args = (f"{author_line(error, None)}: {error}",)
        raise
    except GatekitError:  # such as a missing file, which is reported later
        return task
    if not hasattr(task, "metric"):
        raise ConfigError(f"{type(task).__name__} has no metric")
    if not isinstance(signature, Signature):
        raise ConfigError(
            f"{type(task).__name__}.signature() returned {excerpt(repr(signature), 60)}, and not a "
            "Signature"
        )
    return task


def _load(plugins: tuple[str, ...]) -> Components:
    return Components(
        catalogue(plugins),
        tasks(plugins),
        tuple(config_folders(plugins)),
        plugins,
    )


def load(plugins: Sequence[str] = ()) -> Components:
    """Return the registered parts, including those of the given plugin files."""
    return _load(tuple(plugins))

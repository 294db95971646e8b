"""The parts that the plugins of a run provide, in the form that planning and training use."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    as_typed,
    excerpt,
    listed,
    nearest_name,
)
from gatekit.cell.schema import CellSpec, OutputUnitSpec
from gatekit.faults import (
    Both,
    Fault,
    Note,
    Place,
    Remove,
    Set,
    together,
    unknown_name,
    unknown_option,
)
from gatekit.tasks.task import Signature, Task, metric_written

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
            unknown = unknown_name(TASK / "name", name, self.tasks, "tasks")
            options = {*config} - {"name"}
            having = [n for n, kind in self.tasks.items() if options <= {*kind.option_names()}]
            # The file shortcopy.yaml is of copy, and a path is that of one's own data.
            having.sort(key=lambda each: (each not in str(name), each != "file"))
            if options and having and not unknown.fixes:  # a file's name in place of the task's
                fix = Set(TASK / "name", having[0], such=len(having) > 1)
                unknown = replace(unknown, fixes=(fix,))
            raise ConfigError(unknown)
        known = self.tasks[name].option_names()
        names = (*known, "name")
        surplus = (self._unknown(k, v, names) for k, v in config.items() if k not in names)
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
            raise ConfigError(f"task={name}: {error}{self._default(config)}") from None

    def _unknown(self, option: str, value: Any, names: Sequence[str]) -> Fault:
        """Return the fault of an option that a task does not have, with the tasks that have it."""
        fault = unknown_option(TASK / option, value, names)
        meant = nearest_name(option, self.tasks) if isinstance(value, Mapping) else ""
        if meant:  # {adding: {length: 10}}
            sets = (Set(TASK / key, each) for key, each in {"name": meant, **value}.items())
            return replace(fault, fixes=(Both((Remove(TASK / option), *sets)),))
        having = [task for task, kind in self.tasks.items() if option in kind.option_names()]
        if having and fault.fixes == (Remove(TASK / option),):
            own = Set(TASK / "name", having[0])
            note = Note((f"tasks that have it: {listed(having, 12)}",))
            fault = replace(fault, fixes=(own,) if len(having) == 1 else (note,))
        return fault

    def _default(self, config: Mapping[str, Any]) -> str:
        """Return the default of the option without which a task would accept the others."""
        kind = self.tasks[config["name"]]
        for option in config:
            with contextlib.suppress(Exception):  # the task is a plugin
                others = {k: v for k, v in config.items() if k not in ("name", option)}
                _with_signature(kind(**others))
                default = as_typed(self.defaults(kind)[option])
                return f" The default: type task.{option}={default}."
        return ""

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
        raise ConfigError(f"{type(task).__name__} has no metric; {metric_written()} in the class")
    if not isinstance(signature, Signature):
        raise ConfigError(
            f"{type(task).__name__}.signature() returned {excerpt(repr(signature), 60)}; write "
            "return Signature(features=1, vocabulary=None, outputs=1, loss='mse')"
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

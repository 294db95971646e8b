"""Hydra's launcher and sweeper for gatekit: they compose all jobs and hand them over at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from gatekit.study import composed
from gatekit.study.options import defaults

# Hydra accepts launchers and sweepers from this namespace only; an editable install hides it from
# Hydra's own discovery, so the name is stated here and the classes are registered in code.
NAMESPACE = "hydra_plugins.gatekit.launcher"


@dataclass
class GridSweeperConf:
    """The configuration of the sweeper: overrides that each sweep starts from, by key."""

    _target_: str = f"{NAMESPACE}.GridSweeper"
    params: dict[str, str] | None = None


class ProcessLauncher(Launcher):
    """Composes each job and keeps it; gatekit runs them, one process each, when all are known."""

    __module__ = NAMESPACE

    def __init__(self, **options: Any) -> None:
        # The plan reads them from the composed configuration of each job.
        del options

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what Hydra hands over."""
        self.context, self.config = hydra_context, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Compose every job; the results are read from the run folders, never returned."""
        for overrides in job_overrides:
            job = self.context.config_loader.load_sweep_config(self.config, list(overrides))
            composed.current.add(overrides, job)
        return [JobReturn(overrides=o, status=JobStatus.COMPLETED) for o in job_overrides]


class GridSweeper(Sweeper):
    """Every combination of the swept values, in the order in which they were typed."""

    __module__ = NAMESPACE

    def __init__(self, params: dict[str, str] | None = None) -> None:
        self.params = dict(params or {})

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Make the launcher."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Expand the overrides to jobs and launch them; what is typed wins over ``params``."""
        assert self.hydra_context is not None
        assert self.launcher is not None
        lines = [f"{key}={value}" for key, value in self.params.items()]
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        choices: dict[str, list[str]] = {}
        for override in parser.parse_overrides([*lines, *arguments]):
            key = override.get_key_element()
            if not override.is_sweep_override():
                values = [override.get_value_element_as_str()]
            elif override.is_discrete_sweep():
                values = list(override.sweep_string_iterator())
            else:
                raise HydraException(
                    f"{str(override.input_line).lstrip('+')}: a grid needs listed values: "
                    "key=a,b,c."
                )
            name = key.lstrip("+")
            choices.pop(name, None)
            choices[name] = [f"{key}={value}" for value in values]
        jobs = [list(job) for job in itertools.product(*choices.values())]
        return self.launcher.launch(jobs, initial_job_idx=0)


def store() -> None:
    """Name the launcher ``gatekit`` and the sweeper ``grid`` in Hydra's config store."""
    names = ConfigStore.instance()
    launcher = {"_target_": f"{NAMESPACE}.ProcessLauncher", **defaults()}
    names.store(group="hydra/launcher", name="gatekit", node=launcher, provider="gatekit")
    names.store(group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="gatekit")


store()

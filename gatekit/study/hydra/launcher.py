"""Hydra's launcher for gatekit: it composes all jobs and hands them over at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from gatekit.study import composed
from gatekit.study.options import defaults

# Hydra accepts launchers and sweepers from this namespace only; an editable install hides it from
# Hydra's own discovery, so the name is stated here and the classes are registered in code.
NAMESPACE = "hydra_plugins.gatekit.launcher"


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


def store() -> None:
    """Name the launcher ``gatekit`` in Hydra's config store."""
    node = {"_target_": f"{NAMESPACE}.ProcessLauncher", **defaults()}
    ConfigStore.instance().store(
        group="hydra/launcher", name="gatekit", node=node, provider="gatekit"
    )


store()

"""What one composition is about: where the composed jobs go, and what is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from .search import Search


@dataclass
class Composed:
    """The task function that Hydra gets: it only keeps what was composed, for gatekit to run.

    Attributes:
        jobs: each job's overrides and configuration.
        search: what is searched, where results decide what comes next.
        plugins: plugin files named on the command line; the registry loads them for composing.
        trusted: whether configuration files may set what Hydra itself executes.
        read: the text and the data of each configuration file that was read.
    """

    plugins: Sequence[str] = ()
    trusted: bool = False
    jobs: list[tuple[tuple[str, ...], DictConfig]] = field(default_factory=list)
    search: Search | None = None
    read: dict[Path, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    def __call__(self, config: DictConfig) -> None:
        """Keep the configuration of a single run."""
        from hydra.core.hydra_config import HydraConfig

        overrides = tuple(HydraConfig.get().overrides.task)
        self.jobs.append((overrides, _with_choices(config)))

    def add(self, overrides: Sequence[str], config: DictConfig) -> None:
        """Keep the configuration of one job of a multirun; it still holds its ``hydra`` node."""
        self.jobs.append((tuple(overrides), config))


def _with_choices(config: DictConfig) -> DictConfig:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict

    joined = OmegaConf.create(config)
    hydra = HydraConfig.get()
    with open_dict(joined):
        joined.hydra = {
            "runtime": {"choices": dict(hydra.runtime.choices)},
            "launcher": OmegaConf.to_container(hydra.launcher),
        }
    return joined


current = Composed()
"""The composition in progress; Hydra makes its plugins itself, so they find it here."""


def begin(plugins: Sequence[str], trusted: bool) -> Composed:
    """Start a composition and return it."""
    global current
    current = Composed(tuple(plugins), trusted)
    return current

"""A search over some keys, for every variant with the same draws and the same number of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gatekit.cell.errors import ConfigError
from gatekit.tasks import seeds

from .space import Draw

MAX_JOBS = 5_000
"""Configurations that one command composes; a sweep of more takes several commands."""

Job = tuple[tuple[str, ...], DictConfig]


@dataclass
class Search:
    """What is searched, and how often.

    Attributes:
        variants: overrides of every variant.
        space: what is searched, by key.
        trials: draws per variant.
        seed: what the draws follow from.
        compose: composes a job from its overrides.
        parse: returns the value of a string typed on the command line.
        groups: searched keys that choose a file, and need composing.
        options: of a search that learns from results; None where draws are known beforehand.
    """

    variants: Sequence[tuple[str, ...]]
    space: Mapping[str, Draw]
    trials: int
    seed: int
    compose: Callable[[Sequence[str]], DictConfig]
    parse: Callable[[str, str], Any]
    groups: frozenset[str]
    options: Mapping[str, Any] | None = None
    bases: dict[int, DictConfig] = field(default_factory=dict)

    def jobs(self) -> list[Job]:
        """Return every job; all variants of one draw are adjacent, so that a sweep that is
        stopped has drawn as often for each."""
        refuse_many(self.trials * len(self.variants))
        drawn = [self.drawn(trial) for trial in range(self.trials)]
        return [self.job(v, values) for values in drawn for v in range(len(self.variants))]

    def drawn(self, trial: int) -> dict[str, str]:
        """Return the values of a trial: a pure function of seed, trial and key."""
        return {
            key: draw.draw(seeds.generator(self.seed, "search", trial, key))
            for key, draw in self.space.items()
        }

    def job(self, variant: int, values: Mapping[str, str]) -> Job:
        """Return the job of a variant with searched values."""
        overrides = (*self.variants[variant], *(f"++{k}={v}" for k, v in values.items()))
        if self.groups & values.keys():
            typed = [f"{'' if k in self.groups else '++'}{k}={v}" for k, v in values.items()]
            return overrides, self.compose([*self.variants[variant], *typed])
        config = copy.deepcopy(self.base(variant))
        for key, text in values.items():
            OmegaConf.update(config, key, self.parse(key, text), force_add=True)
        return overrides, config

    def base(self, variant: int) -> DictConfig:
        """Return a variant's configuration before anything is searched."""
        if variant not in self.bases:
            self.bases[variant] = self.compose(self.variants[variant])
        return self.bases[variant]


def refuse_many(jobs: int) -> None:
    """Refuse a sweep of more than `MAX_JOBS` configurations.

    Raises:
        ConfigError: it has more.
    """
    if jobs > MAX_JOBS:
        raise ConfigError(
            f"this sweep has {jobs:,} configurations; one command composes at most {MAX_JOBS:,}. "
            "Sweep over fewer values; seeds=N costs nothing here."
        )

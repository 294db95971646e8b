"""Hydra's sweepers for gatekit: a grid, random draws, and a search that learns from results."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from gatekit.study import composed
from gatekit.study.references import KEPT, refuse_large
from gatekit.study.resolve import unresolved
from gatekit.study.search import Choice, Draw, Interval, Search
from gatekit.study.search.search import MAX_JOBS, refuse_many
from gatekit.study.words import GROUPS, prefixed

from .launcher import NAMESPACE


class GridSweeper(Sweeper):
    """Every combination of the swept values, in the order in which they were typed.

    Args:
        params: overrides that each sweep starts from, by key.
        grids: further overrides, by key; each of these mappings makes a grid of its own with
            ``params``, and the sweep is all of them. For options that only some variants have.
    """

    __module__ = NAMESPACE

    def __init__(
        self,
        params: dict[str, str] | None = None,
        grids: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        self.params = dict(params or {})
        self.grids = [dict(grid) for grid in grids or ()]

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Make the launcher, and keep what is swept as it is written.

        What ``${task.length}`` means is found for each job, whose length may be swept, too.
        """
        self.hydra_context, self.config = hydra_context, config
        self.raw = unresolved(config)
        refuse_large(self.raw)
        written: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
        self.params = _unescaped(written.get("params") or {})
        self.grids = [_unescaped(grid) for grid in written.get("grids") or ()]
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Expand the overrides to jobs and launch them; what is typed wins over ``params``."""
        assert self.launcher is not None
        jobs: list[list[str]] = []
        for grid in self.grids or [{}]:
            choices = self.choices(grid, arguments)
            refuse_many(len(jobs) + math.prod(len(words) for words in choices))
            jobs += [list(job) for job in itertools.product(*choices)]
        return self.launcher.launch(jobs, initial_job_idx=0)

    def choices(self, grid: Mapping[str, str], arguments: Sequence[str]) -> list[list[str]]:
        """Return the overrides of each swept key of one grid; a job has one of each.

        Raises:
            HydraException: an override is not a list of values.
        """
        choices: dict[str, list[str]] = {}
        for override in self.parsed(arguments, grid):
            if override.get_key_element().lstrip("+") == "trials":
                raise HydraException("trials=N goes with hydra/sweeper=random or optuna.")
            if override.is_sweep_override() and not override.is_discrete_sweep():
                raise HydraException(
                    f"{str(override.input_line).lstrip('+')}: a grid needs listed values: "
                    "key=a,b,c. To draw from an interval type hydra/sweeper=random trials=200."
                )
            key = override.get_key_element()
            choices.pop(key.lstrip("+"), None)
            choices[key.lstrip("+")] = [f"{key}={value}" for value in listed_values(override)]
        return list(choices.values())

    def parsed(self, arguments: Sequence[str], grid: Mapping[str, str]) -> list[Override]:
        """Return the overrides, those of ``params`` first, then those of a grid."""
        held = [*self.params.items(), *grid.items()]
        trusted = composed.current.trusted
        lines = [prefixed(f"{key}={value}", trusted) for key, value in held]
        return self.parser().parse_overrides([*lines, *arguments])

    def parser(self) -> OverridesParser:
        """Return Hydra's parser of overrides."""
        assert self.hydra_context is not None
        return OverridesParser.create(config_loader=self.hydra_context.config_loader)


class RandomSweeper(GridSweeper):
    """Listed values make variants; intervals and ``choice()`` are drawn, the same for each.

    Args:
        params: overrides that each sweep starts from, by key.
        grids: further overrides, as in `GridSweeper`; what is searched is searched in each.
        seed: what the draws follow from.
    """

    __module__ = NAMESPACE

    def __init__(
        self,
        params: dict[str, str] | None = None,
        grids: Sequence[Mapping[str, str]] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(params, grids)
        self.seed = seed

    def sweep(self, arguments: list[str]) -> Any:
        """Keep every draw of every variant as a job."""
        for overrides, config in self.search(arguments, None).jobs():
            composed.current.add(overrides, config)

    def search(self, arguments: list[str], options: Mapping[str, Any] | None) -> Search:
        """Return what the overrides ask for.

        Raises:
            HydraException: nothing is searched, or ``trials`` is missing.
        """
        assert self.hydra_context is not None
        assert self.config is not None
        config = self.config
        loader, parser = self.hydra_context.config_loader, self.parser()
        variants: list[tuple[str, ...]] = []
        space: dict[str, Draw] = {}
        trials: Any = self.raw.get("trials")
        for grid in self.grids or [{}]:
            choices: dict[str, list[str]] = {}
            for override in self.parsed(arguments, grid):
                key = override.get_key_element()
                name = key.lstrip("+")
                choices.pop(name, None)
                space.pop(name, None)
                if (draw := drawn(override)) is not None:
                    space[name] = draw
                else:
                    choices[name] = [f"{key}={value}" for value in listed_values(override)]
                if name == "trials":
                    trials = override.value()
            refuse_many(len(variants) + math.prod(len(words) for words in choices.values()))
            variants += itertools.product(*choices.values())
        if not isinstance(trials, int) or isinstance(trials, bool) or trials < 1:
            raise HydraException(f"trials={trials}: how many draws for each variant? trials=200")
        if not space:
            raise HydraException(
                "nothing is searched: type for example "
                "'optimizer.learning_rate=tag(log,interval(1e-4,1e-1))' or "
                "'units=choice(32,64,128)'; values without choice() are variants."
            )
        return Search(
            variants=variants,
            space=space,
            trials=trials,
            seed=self.seed,
            compose=lambda words: loader.load_sweep_config(config, list(words)),
            parse=lambda key, text: parser.parse_override(f"{key}={text}").value(),
            groups=frozenset(key for key in space if key in GROUPS),
            options=options,
        )


class OptunaSweeper(RandomSweeper):
    """As `RandomSweeper`, but each variant's draws learn from its results.

    Args:
        params: overrides that each sweep starts from, by key.
        grids: further overrides, as in `RandomSweeper`.
        seed: what the draws follow from.
        startup: trials of a variant that are drawn at random, and never pruned.
        pruner: ``median`` stops a run that is behind the median of its variant; ``none`` none.
    """

    __module__ = NAMESPACE

    def __init__(
        self,
        params: dict[str, str] | None = None,
        grids: Sequence[Mapping[str, str]] | None = None,
        seed: int = 0,
        startup: int = 10,
        pruner: str = "median",
    ) -> None:
        super().__init__(params, grids, seed)
        self.options = {"startup": startup, "pruner": pruner}
        if pruner not in ("median", "none"):
            raise HydraException(f"hydra.sweeper.pruner={pruner}: type median or none.")

    def sweep(self, arguments: list[str]) -> Any:
        """Keep the search."""
        composed.current.search = self.search(arguments, self.options)


def listed_values(override: Override) -> list[str]:
    """Return the values of an override as they are typed."""
    if override.is_discrete_sweep():
        return _few(override)
    if override.is_delete():
        return [override.get_value_element_as_str()]
    return [str(override.input_line).partition("=")[2]]


def drawn(override: Override) -> Draw | None:
    """Return what an override searches; None where it lists variants or gives a value."""
    value = override.value()
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        return Interval(value.start, value.end, "log" in value.tags, whole)
    if isinstance(value, RangeSweep) or (isinstance(value, ChoiceSweep) and not value.simple_form):
        return Choice(tuple(_few(override)))
    return None


def _few(override: Override) -> list[str]:
    """Return the listed values, counted before they are written out."""
    value = override.value()
    values = value.range() if isinstance(value, RangeSweep) else override.sweep_string_iterator()
    refuse_many(sum(1 for _ in itertools.islice(values, MAX_JOBS + 1)))
    return list(override.sweep_string_iterator())


def _unescaped(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is swept with its references as they are written in the file."""
    return {k: v.replace(f"{KEPT}{{", "${") if isinstance(v, str) else v for k, v in params.items()}


def store() -> None:
    """Name the sweepers in Hydra's config store."""
    names = ConfigStore.instance()
    own: dict[str, tuple[type[Sweeper], dict[str, Any]]] = {
        "grid": (GridSweeper, {}),
        "random": (RandomSweeper, {"seed": 0}),
        "optuna": (OptunaSweeper, {"seed": 0, "startup": 10, "pruner": "median"}),
    }
    for name, (kind, options) in own.items():
        node = {
            "_target_": f"{NAMESPACE}.{kind.__name__}",
            "params": None,
            "grids": None,
            **options,
        }
        names.store(group="hydra/sweeper", name=name, node=node, provider="gatekit")


store()

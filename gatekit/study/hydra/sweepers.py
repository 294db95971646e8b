"""Sweeps: a grid, random draws, or a search that learns from results."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from omegaconf import DictConfig, OmegaConf, open_dict

from gatekit.cell.errors import ConfigError, GatekitError, accepted, as_typed, excerpt
from gatekit.faults import Channel, Place, Whole
from gatekit.study.config import one_study
from gatekit.study.interpolations import KEPT, refuse_large
from gatekit.study.keys import GROUPS
from gatekit.study.line import prefixed
from gatekit.study.options import defaults
from gatekit.study.resolve import unresolved
from gatekit.study.search import Draw, Job, Search, SearchChoice, SearchInterval
from gatekit.study.search.search import MAX_JOBS, refuse_many
from gatekit.study.search.storage import import_optuna

SWEEPERS: dict[str, dict[str, Any]] = {
    "grid": {},
    "random": {"seed": 0},
    "optuna": {"seed": 0, "startup": 10},
}
"""The options of each sweeper, with their defaults:

- ``seed``: determines the draws.
- ``startup``: how many first trials of a variant are drawn at random.
"""

Choices = dict[str, list[str]]
"""For each key, the overrides that it may add to a job."""


@dataclass
class Composition:
    """The jobs of a command line, or its search.

    Attributes:
        jobs: the overrides and the configuration of each job.
        search: the search, if results decide which values come next.
    """

    jobs: list[Job] = field(default_factory=list)
    search: Search | None = None


class Sweep:
    """A sweep, described by overrides that have several values.

    In a grid, every combination of the listed values is a job; jobs follow the order of the values
    as typed. In a search, listed values make variants; values are drawn from ``interval()``,
    ``range()`` and ``choice()``.

    Args:
        config: the composed configuration, with its ``hydra`` node. ``hydra.sweeper.params`` has
            the overrides that a sweep starts from. Each mapping of ``hydra.sweeper.grids``,
            together with ``params``, is one grid, and the sweep contains all grids; this is for
            options that only some variants have.
        loader: composes a job.
        trusted: whether overrides may set keys that are otherwise refused.

    Raises:
        ConfigError: there is no such sweeper, or one of its options is not allowed.
    """

    def __init__(self, config: DictConfig, loader: ConfigLoader, trusted: bool) -> None:
        self.config, self.loader, self.trusted = config, loader, trusted
        # ``${task.length}`` is resolved for each job, because the length may be swept, too.
        self.raw = unresolved(config)
        refuse_large(self.raw)
        node: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
        self.params = _unescaped(node.get("params") or {})
        self.grids = [_unescaped(grid) for grid in node.get("grids") or ()]
        self.kind = node.get("kind")
        if self.kind not in SWEEPERS:
            chosen = self.kind or config.hydra.runtime.choices.get("hydra/sweeper")
            raise ConfigError(
                f"hydra/sweeper={chosen} is not one of gatekit's; type hydra/sweeper=grid, random "
                "or optuna."
            )
        usual = SWEEPERS[self.kind]
        given = {key: node.get(key) for key in usual}
        self.options = {
            key: _option(key, usual[key] if value is None else value)
            for key, value in given.items()
        }
        self.parser = OverridesParser.create(config_loader=loader)

    def composition(self) -> Composition:
        """Return the jobs of the sweep, or the search."""
        arguments = typed(self.config)
        if self.kind == "grid":
            return Composition([(tuple(w), self.compose(w)) for w in self.combinations(arguments)])
        search = self.search(arguments)
        if self.kind != "optuna":
            return Composition(search.jobs())
        import_optuna()
        return Composition(search=search)

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return the configuration of a job, which records the overrides that were typed.

        Raises:
            ConfigError: the job chooses an experiment with a sweep of its own, which would be lost.
        """
        job = self.loader.load_sweep_config(self.config, list(overrides))
        nodes: list[Any] = [
            OmegaConf.to_container(each.hydra.sweeper, resolve=False) for each in (self.config, job)
        ]
        if any(nodes[0].get(key) != nodes[1].get(key) for key in ("params", "grids")):
            words = (word.lstrip("+").partition("=") for word in typed(self.config))
            names = next((value for key, _, value in words if key == "experiment"), "")
            raise one_study(names.split(","))
        with open_dict(job):
            job.hydra.overrides.task = typed(self.config)
        return job

    def combinations(self, arguments: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the overrides of each job of a grid; typed words override ``params``."""
        jobs: list[tuple[str, ...]] = []
        for grid in self.grids or [{}]:
            jobs += _product(self.choices(grid, arguments), len(jobs))
        return jobs

    def choices(self, grid: Mapping[str, str], arguments: Sequence[str]) -> Choices:
        """Return the overrides of each key of one grid; a job has one of each.

        Raises:
            ConfigError: an override is not a list of values.
        """
        choices: Choices = {}
        for override in self.parsed(arguments, grid):
            if override.get_key_element().lstrip("+") == "trials":
                raise ConfigError(
                    "trials=N is the number of draws, but a grid draws nothing; type "
                    "hydra/sweeper=random trials=N"
                )
            if override.is_sweep_override() and not override.is_discrete_sweep():
                raise ConfigError(
                    f"{str(override.input_line).lstrip('+')}: a grid needs listed values: "
                    "key=a,b,c. To draw from an interval, type hydra/sweeper=random trials=200."
                )
            key = override.get_key_element()
            choices.pop(key.lstrip("+"), None)
            choices[key.lstrip("+")] = [f"{key}={value}" for value in listed_values(override)]
        return choices

    def parsed(self, arguments: Sequence[str], grid: Mapping[str, str]) -> list[Override]:
        """Return the overrides of ``params``, then those of a grid, then the typed ones."""
        lines = []
        for key, value in [*self.params.items(), *grid.items()]:
            try:
                lines.append(prefixed(f"{key}={value}", self.trusted))
            except GatekitError as error:
                place = Place.of(key.lstrip("+~"))
                held_at = Place.of("hydra.sweeper.params") / str(place)
                raise error.spoken(Channel(), (place, held_at)) from None
        return self.parser.parse_overrides([*lines, *arguments])

    def search(self, arguments: Sequence[str]) -> Search:
        """Return the search that the overrides describe: its variants and its drawn keys.

        Raises:
            ConfigError: no key is searched, or ``trials`` is missing.
        """
        variants: list[tuple[str, ...]] = []
        space: dict[str, Draw] = {}
        listed = set[str]()
        trials: Any = self.raw.get("trials")
        for grid in self.grids or [{}]:
            choices: Choices = {}
            draws: dict[str, Draw] = {}
            for override in self.parsed(arguments, grid):
                key = override.get_key_element()
                name = key.lstrip("+")
                choices.pop(name, None)
                draws.pop(name, None)
                if (draw := drawn(override)) is not None:
                    draws[name] = draw
                else:
                    choices[name] = [f"{key}={value}" for value in listed_values(override)]
                if name == "trials":
                    trials = override.value()
            variants += _product(choices, len(variants))
            every = itertools.chain(*choices.values())
            listed |= {word.lstrip("+").partition("=")[0] for word in every}
            for name, draw in draws.items():
                if space.setdefault(name, draw) != draw:
                    listed.add(name)
        if both := sorted(listed & space.keys()):
            raise ConfigError(
                f"{both[0]} is drawn in one grid of hydra.sweeper.grids, and listed or drawn from "
                "other values in another; all variants of a search share their draws. Write it "
                "once, in hydra.sweeper.params, or train two studies."
            )
        if not isinstance(trials, int) or isinstance(trials, bool) or trials < 1:
            raise ConfigError(
                f"trials={as_typed(trials)}: how many draws for each variant? Type for example "
                "trials=200."
            )
        if not space:
            raise ConfigError(
                "nothing is searched: type for example "
                "'optimizer.learning_rate=tag(log,interval(1e-4,1e-1))' or "
                "'units=choice(32,64,128)'; values without choice() are variants."
            )
        return Search(
            variants=variants,
            space=space,
            trials=trials,
            seed=self.options["seed"],
            compose=self.compose,
            parse=lambda key, text: self.parser.parse_override(f"{key}={text}").value(),
            groups=frozenset(key for key in space if key in GROUPS),
            options=self.options if self.kind == "optuna" else None,
        )


def _product(choices: Choices, before: int) -> Iterator[tuple[str, ...]]:
    """Return the overrides of each job of a grid; ``before`` is the number of earlier jobs."""
    refuse_many(before + math.prod(len(words) for words in choices.values()))
    return itertools.product(*choices.values())


def typed(config: DictConfig) -> list[str]:
    """Return the overrides of a composed configuration, with their references as typed."""
    words: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    return [str(word) for word in words]


def listed_values(override: Override) -> list[str]:
    """Return the values of an override as typed."""
    if override.is_discrete_sweep():
        return _few(override)
    if override.is_delete():
        return [override.get_value_element_as_str()]
    return [str(override.input_line).partition("=")[2]]


def drawn(override: Override) -> Draw | None:
    """Return the draw that an override describes; None if it lists variants or has one value.

    Raises:
        ConfigError: there is no value to draw.
    """
    value = override.value()
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        return SearchInterval(value.start, value.end, "log" in value.tags, whole)
    if isinstance(value, RangeSweep) or (isinstance(value, ChoiceSweep) and not value.simple_form):
        values = tuple(_few(override))
        if not values:
            raise ConfigError(
                f"{str(override.input_line).lstrip('+')}: there is no value to draw. "
                "range(START,STOP) counts upwards, as in range(4,8)."
            )
        return SearchChoice(values)
    return None


def _few(override: Override) -> list[str]:
    """Return the listed values; their number is checked first.

    Raises:
        ConfigError: there are too many values, or a number of a range is not finite.
    """
    value = override.value()
    if isinstance(value, RangeSweep):
        for number in (value.start, value.stop, value.step):
            if isinstance(number, float) and not math.isfinite(number):
                raise ConfigError(
                    f"{excerpt(str(override.input_line).lstrip('+'))}: the numbers of a range are "
                    f"finite, and one is {number}; type for example range(1,6) or range(0,10,2)."
                )
    values = value.range() if isinstance(value, RangeSweep) else override.sweep_string_iterator()
    refuse_many(sum(1 for _ in itertools.islice(values, MAX_JOBS + 1)))
    return list(override.sweep_string_iterator())


def _unescaped(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the swept keys with their references as written in the file."""
    return {k: v.replace(f"{KEPT}{{", "${") if isinstance(v, str) else v for k, v in params.items()}


def _option(key: str, value: object) -> Any:
    return accepted(value, Whole(0), Place.of("hydra.sweeper") / key, ConfigError)


def store() -> None:
    """Add gatekit's launcher and sweepers to Hydra's config store, as plain data."""
    names = ConfigStore.instance()
    names.store(group="hydra/launcher", name="gatekit", node=defaults(), provider="gatekit")
    for name, options in SWEEPERS.items():
        node = {"kind": name, "params": None, "grids": None, **options}
        names.store(group="hydra/sweeper", name=name, node=node, provider="gatekit")


store()

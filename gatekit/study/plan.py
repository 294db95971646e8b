"""Turn composed jobs into the list of runs: expand seeds, build variants, find duplicates."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gatekit.cell.errors import ConfigError, GatekitError, refuse_non_finite
from gatekit.faults import Place
from gatekit.registry import cell_names, components
from gatekit.registry.cells import in_file
from gatekit.runs.config import chosen_by
from gatekit.runs.folder import RunFolder
from gatekit.runs.names import RUNS, canonical_json, fingerprint, plan_log

from . import resolve
from .config import validate
from .keys import LAUNCH_KEYS, RUN_KEYS
from .matching import at_size
from .options import SHARED, Options, devices_of, read_options, slot_environments
from .search.search import refuse_runs
from .variant import Variant, named_gates, variant

_NEXT_WORD = re.compile(r" (?=[+~]*[A-Za-z_][\w./@-]*=)")


@dataclass(frozen=True)
class Launch:
    """Where and how the runs of one command are executed; no fingerprint depends on it.

    Attributes:
        n_jobs: runs at a time on this machine.
        jobs: ``n_jobs`` as typed; None if it was not.
        track: the trackers that follow each run.
        devices: the devices of each run.
    """

    study: str
    root: Path
    n_jobs: int
    threads: int
    retry_failed: bool
    options: Options = field(default_factory=Options)
    allow_changed: bool = False
    jobs: int | None = None
    track: tuple[str, ...] = ()
    devices: int = 1

    def environment(self, gpu: Mapping[str, str]) -> dict[str, str]:
        """Return the environment variables that a run needs before TensorFlow and BLAS start.

        Args:
            gpu: the variables of its GPU.
        """
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if self.options.gpus == 0 else {}
        return {**dict.fromkeys(names, str(self.threads)), **hidden, **gpu}


@dataclass(frozen=True)
class PlannedRun:
    """One run: its resolved configuration, and the folder named by its fingerprint.

    Attributes:
        sizes: parameters, state and FLOPs per token of all recurrent layers.
        words: what to type after ``gatekit train`` to train this run alone.
        origin: a fingerprint that ignores the sources of plugins and the data.
    """

    label: str
    config: Mapping[str, Any]
    fingerprint: str
    data_hash: str
    plugins: Mapping[str, str]
    sizes: Mapping[str, int]
    path: Path
    words: tuple[str, ...] = ()
    origin: str = ""

    @property
    def parameters(self) -> int:
        """Return the trainable parameters of all recurrent layers."""
        return self.sizes.get("parameters", 0)

    @cached_property
    def variant(self) -> str:
        """Return what the run has in common with other seeds of its variant, and only with them."""
        config = {name: value for name, value in self.config.items() if name != "seed"}
        return canonical_json([config, dict(self.plugins), self.data_hash])

    def folder(self) -> RunFolder:
        """Return the run's folder."""
        return RunFolder(self.path)


@dataclass(frozen=True)
class SweepPlan:
    """The distinct runs of one command, and the labels of duplicates.

    Attributes:
        sources: the source of every plugin in use, by its hash.
        command: the command that was typed.
    """

    launch: Launch
    runs: tuple[PlannedRun, ...]
    duplicates: tuple[str, ...]
    sources: Mapping[str, bytes] = field(default_factory=dict)
    command: str = ""

    def label(self, run: PlannedRun) -> str:
        """Return the words that distinguish a run from the others of the plan, and its seed."""
        words = words_of(run.label)
        if len(self.runs) < 2:
            return run.label if len(words) > 1 else f"{self.launch.study} {run.label}"
        differs = [w for w in words if w not in self._shared or w.startswith("seed=")]
        return " ".join(differs) or run.label

    @cached_property
    def _shared(self) -> frozenset[str]:
        return frozenset.intersection(*(frozenset(words_of(r.label)) for r in self.runs))

    @property
    def study(self) -> Path:
        """Return the study's folder."""
        return self.launch.root / self.launch.study

    @property
    def name(self) -> str:
        """Return 16 hex digits that identify the set of runs."""
        return fingerprint({"runs": sorted(r.fingerprint for r in self.runs)}, {}, "", {})

    @property
    def log(self) -> Path:
        """Return the file with the progress of the sweep."""
        return self.study / plan_log(self.name)


def plan(jobs: Sequence[tuple[Sequence[str], DictConfig]], command: str = "") -> SweepPlan:
    """Return the plan of a command.

    Args:
        jobs: the overrides as typed and the composed configuration of each job.
        command: the command that was typed.

    Raises:
        GatekitError: a configuration, cell or task is not allowed; nothing has been written.
    """
    planned, broken = plan_or_errors(jobs, command)
    if broken:
        raise broken[0][1]
    return planned


def plan_or_errors(
    jobs: Sequence[tuple[Sequence[str], DictConfig]], command: str = ""
) -> tuple[SweepPlan, list[tuple[str, GatekitError]]]:
    """Return the runs that can be built, and the label and error of each job that cannot.

    Raises:
        ConfigError: the jobs do not belong to one study, have too many runs, or none can be built.
    """
    refuse_runs(len(jobs), sum(_seeds(composed) for _, composed in jobs))
    runs: dict[str, PlannedRun] = {}
    duplicates: list[str] = []
    launches: dict[Launch, None] = {}
    sources: dict[str, bytes] = {}
    broken: list[tuple[str, GatekitError]] = []
    variants: dict[str, Variant] = {}
    for overrides, composed in jobs:
        try:
            launch, planned = runs_of(overrides, composed, sources, variants)
        except GatekitError as error:
            broken.append((" ".join(_typed(overrides)), error))
            continue
        launches[launch] = None
        for run in planned:
            if run.fingerprint in runs:
                duplicates.append(run.label)
            else:
                runs[run.fingerprint] = run
    if not launches:
        raise (
            broken[0][1]
            if broken
            else ConfigError(
                "there is nothing to run: a swept key has no values. range(START,STOP) counts "
                "upwards, as in range(4,8), and a glob() may match no "
                "name; `gatekit cells` and `gatekit tasks` list the names."
            )
        )
    if len(launches) != 1:
        raise ConfigError(
            f"one command runs one study; {', '.join(LAUNCH_KEYS)} cannot be swept "
            "(seeds=N may be given once)."
        )
    launch = next(iter(launches))
    return SweepPlan(launch, tuple(runs.values()), tuple(duplicates), sources, command), broken


def _seeds(composed: DictConfig) -> int:
    """Return how many runs a job has; a wrong value of ``seeds`` is reported when it is built."""
    seeds = resolve.unresolved(composed).get("seeds")
    return max(1, seeds) if type(seeds) is int else 1


def runs_of(
    overrides: Sequence[str],
    composed: DictConfig,
    sources: dict[str, bytes],
    variants: dict[str, Variant] | None = None,
) -> tuple[Launch, list[PlannedRun]]:
    """Return how the runs of one job are launched, and the runs.

    Args:
        overrides: the overrides that the job was composed from.
        composed: its configuration.
        sources: receives the source of every plugin in use, by its hash.
        variants: variants of earlier jobs, by their configuration; jobs that differ only in the
            seed share a variant.

    Raises:
        GatekitError: a configuration, cell or task is not allowed.
    """
    files = resolve.unresolved(composed).get("plugins") or []
    known = components.load([str(p) for p in (files if isinstance(files, list) else [files])])
    chosen = OmegaConf.select(composed, "hydra.runtime.choices", default=None) or {}
    words = OmegaConf.select(composed, "hydra.overrides.task", default=None) or overrides
    typed = [_place(word) for word in words]
    swept = [key for key in map(_place, overrides) if not any(key.within(one) for one in typed)]
    with in_file(chosen.get("cell"), known.files, overrides, chosen, swept):
        return _runs_of(overrides, composed, sources, {} if variants is None else variants, known)


def _place(override: str) -> Place:
    return Place.of(override.lstrip("+~").partition("=")[0])


def _runs_of(
    overrides: Sequence[str],
    composed: DictConfig,
    sources: dict[str, bytes],
    variants: dict[str, Variant],
    known: components.Components,
) -> tuple[Launch, list[PlannedRun]]:
    config = validate(resolve.plain(composed, known.task_defaults()))
    refuse_non_finite(config, "")
    config["cell"] = named_gates(config["cell"], composed, known)
    launch = launch_of(composed, config)
    if config["shards"] is None:
        config["shards"] = launch.devices if launch.devices > 1 else launch.threads
    if config["chosen"] is not None:
        raise ConfigError(
            f"chosen={config['chosen']} is what executor=auto records; type "
            f"executor={config['chosen']}."
        )
    asked = str(config["match"] or "")
    counted = chosen_by(asked) and asked.partition(":")[2] not in cell_names()
    for size in at_size(config, 1) if counted else ():
        if any(o.lstrip("+").startswith(f"{size}=") for o in overrides):
            raise ConfigError(f"match={asked} chooses the {size}; remove {size}={config[size]}.")
    base = {key: config[key] for key in RUN_KEYS}
    key = repr({**base, "seed": 0})  # a key that is no string is refused later
    if key not in variants:
        variants[key] = variant(base, known)
    sources |= variants[key].sources
    seeds = [config["seed"]] if config["seeds"] is None else list(range(config["seeds"]))
    experiment = [o for o in overrides if o.lstrip("+").startswith("experiment=")]
    typed = _typed(overrides)
    runs = []
    for seed in seeds:
        label = " ".join([*typed, f"seed={seed}"])
        runs.append(run_of(variants[key], launch, seed, label, [*experiment, *typed]))
    return launch, runs


def run_of(
    variant: Variant, launch: Launch, seed: int, label: str, typed: Sequence[str]
) -> PlannedRun:
    """Return a variant's run of one seed.

    Args:
        variant: the variant.
        launch: where and how the run is executed.
        seed: the seed.
        label: the run's label.
        typed: overrides that define this variant, for the command that trains this run alone.
    """
    name = variant.fingerprint(seed)
    words = [*typed, f"seed={seed}", f"study={launch.study}"]
    words += [] if str(launch.root) == "experiments" else [f"root={launch.root}"]
    shards = variant.config["shards"]
    if shards > 1 and not any(word.lstrip("+").startswith("shards=") for word in typed):
        words.append(f"shards={shards}")
    words += (
        [f"plugins=[{','.join(variant.config['plugins'])}]"] if variant.config["plugins"] else []
    )
    if any(word.startswith("experiment=") for word in words):
        # An experiment may contain a sweep.
        words.insert(0, "hydra.mode=RUN")
    return PlannedRun(
        label,
        {"study": launch.study, **variant.config, "seed": seed},
        name,
        variant.data_hash,
        variant.plugins,
        variant.sizes,
        launch.root / launch.study / RUNS / name,
        tuple(words),
        variant.origin(seed),
    )


def launch_of(composed: DictConfig, config: Mapping[str, Any]) -> Launch:
    """Return where and how a job's runs are executed.

    Raises:
        ConfigError: an option of the launcher is not allowed.
    """
    node = OmegaConf.select(composed, "hydra.launcher", default=None)
    data: Any = {} if node is None else OmegaConf.to_container(node, resolve=True)
    options = read_options(data)
    shared = {key: data.get(key, config[key]) for key in SHARED}
    config = validate({**config, **shared})
    devices = devices_of(config["devices"], options)
    cores = len(os.sched_getaffinity(0))
    return Launch(
        study=config["study"] or _experiment(composed) or "default",
        root=Path(config["root"]),
        n_jobs=config["n_jobs"] or len(slot_environments(options, devices)) or cores,
        # Each device is fed by a thread.
        threads=max(config["threads"], devices),
        retry_failed=config["retry"] == "failed",
        options=options,
        allow_changed=config["allow_changed"],
        jobs=config["n_jobs"],
        track=tuple(config["track"]),
        devices=devices,
    )


def words_of(label: str) -> list[str]:
    """Return the words ``KEY=VALUE`` of a label; a value may contain spaces."""
    return _NEXT_WORD.split(label)


def _typed(overrides: Sequence[str]) -> list[str]:
    typed = [o.lstrip("+") for o in overrides if not _about_launch(o)]
    return [o for o in typed if not o.startswith("seed=")]


def _experiment(composed: DictConfig) -> str | None:
    name = OmegaConf.select(composed, "hydra.runtime.choices.experiment", default=None)
    return None if name is None else str(name).rpartition("/")[2]


def _about_launch(override: str) -> bool:
    key = override.lstrip("+~").partition("=")[0]
    return key in (*LAUNCH_KEYS, "experiment", "plugins") or key.startswith("hydra")

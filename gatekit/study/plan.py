"""From composed jobs to the list of runs: seeds expanded, variants built, duplicates found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gatekit.cell.errors import CellError, ConfigError, listed, nearest
from gatekit.cell.graph import build
from gatekit.cell.spec import (
    ABOUT_KEYS,
    CELL_KEYS,
    CellSpec,
    OutputUnitSpec,
    read_cell,
    read_output_unit,
    swap,
)

from . import parts, resolve
from .config import DEFAULTS, LAUNCH_KEYS, RUN_KEYS, validate
from .fingerprint import fingerprint
from .folder import RunFolder

# What documents a cell and never changes its numbers.
_ABOUT = (*ABOUT_KEYS, "roles")


@dataclass(frozen=True)
class Launch:
    """Where and how the runs of one command are made; outside every fingerprint."""

    study: str
    root: Path
    n_jobs: int
    threads: int
    retry_failed: bool


@dataclass(frozen=True)
class Run:
    """One run: its resolved configuration and the folder that its fingerprint names."""

    label: str
    config: Mapping[str, Any]
    fingerprint: str
    data_hash: str
    plugins: Mapping[str, str]
    parameters: int
    path: Path

    def folder(self) -> RunFolder:
        """Return the run's folder."""
        return RunFolder(self.path)


@dataclass(frozen=True)
class Plan:
    """The runs of one command, each once, and the labels of those that were asked for again.

    Attributes:
        sources: the source of every plugin in use, by its hash.
    """

    launch: Launch
    runs: tuple[Run, ...]
    duplicates: tuple[str, ...]
    sources: Mapping[str, bytes] = field(default_factory=dict)


def plan(jobs: Sequence[tuple[Sequence[str], DictConfig]]) -> Plan:
    """Return what a command asks for.

    Args:
        jobs: for each job its overrides as typed and its composed configuration.

    Raises:
        GatekitError: a configuration, cell or task is not allowed; nothing has been written.
    """
    runs: dict[str, Run] = {}
    duplicates: list[str] = []
    launches: dict[Launch, None] = {}
    sources: dict[str, bytes] = {}
    for overrides, composed in jobs:
        launch, found = _runs_of(overrides, composed, sources)
        launches[launch] = None
        for run in found:
            if run.fingerprint in runs:
                duplicates.append(run.label)
            else:
                runs[run.fingerprint] = run
    if len(launches) != 1:
        raise ConfigError(
            f"one command runs one study; {', '.join(LAUNCH_KEYS)} cannot be swept over "
            "(seeds=N may be given once)."
        )
    return Plan(next(iter(launches)), tuple(runs.values()), tuple(duplicates), sources)


def _runs_of(
    overrides: Sequence[str], composed: DictConfig, sources: dict[str, bytes]
) -> tuple[Launch, list[Run]]:
    named = OmegaConf.select(composed, "plugins", throw_on_missing=False) or ()
    known = parts.load([str(p) for p in named] if not isinstance(named, str) else [named])
    config = validate(resolve.plain(composed, known.task_defaults()))
    launch = Launch(
        study=config["study"] or _experiment(composed) or "default",
        root=Path(config["root"]),
        n_jobs=config["n_jobs"] or len(os.sched_getaffinity(0)),
        threads=config["threads"],
        retry_failed=config["retry"] == "failed",
    )
    seeds = [config["seed"]] if config["seeds"] is None else list(range(config["seeds"]))
    base = {key: config[key] for key in RUN_KEYS}
    cell = _cell(base, known)
    unit = read_output_unit(base["output_unit"], known.catalogue)
    task = known.task(base["task"])
    base["cell"] = cell.canonical()
    base["output_unit"] = unit.canonical()
    base["task"] = {"name": base["task"]["name"], **task.options()}
    base["swap"] = {role: gate for role, gate in base["swap"].items() if gate is not None}
    parameters = _parameters(base, cell, unit, task.signature())
    _fits(base, parameters)
    task.require()
    data_hash = task.data_hash()
    plugins = known.hashes(cell, unit, base["task"]["name"])
    sources |= known.sources(cell, unit, base["task"]["name"])
    typed = [o.lstrip("+") for o in overrides if not _about_launch(o)]
    runs = []
    for seed in seeds:
        run_config = {"study": launch.study, **base, "seed": seed}
        name = fingerprint(_numbers(run_config), DEFAULTS, data_hash, plugins)
        label = " ".join([o for o in typed if not o.startswith("seed=")] + [f"seed={seed}"])
        path = launch.root / launch.study / "runs" / name
        runs.append(Run(label, run_config, name, data_hash, plugins, parameters, path))
    return launch, runs


def _numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in config.items() if k not in ("study", "plugins", "swap")}
    kept["cell"] = {k: v for k, v in kept["cell"].items() if k not in _ABOUT}
    return kept


def _cell(config: Mapping[str, Any], known: parts.Parts) -> CellSpec:
    for key in () if "function" in config["cell"] else config["cell"]:
        hint = "" if key in CELL_KEYS else nearest(key, {*CELL_KEYS, *RUN_KEYS})
        if any(f"'{other}'" in hint for other in {*RUN_KEYS} - {*CELL_KEYS}):
            raise ConfigError(f"cell.{key} is not a key of a cell{hint} Type it without `cell.`.")
    cell = config["cell"]
    _no_half_gates(cell.get("gates"))
    for role, gate in config["swap"].items():
        if gate is not None:
            try:
                cell = swap(cell, role, gate, known.catalogue)
            except CellError as error:
                said = str(error).removeprefix(f"swap.{role}: ")
                raise ConfigError(f"swap.{role}={gate}: {said}") from None
    return read_cell(cell, known.catalogue)


def _no_half_gates(gates: Any) -> None:
    # An option of a misspelt gate makes a gate that has nothing but the option.
    for name, gate in gates.items() if isinstance(gates, Mapping) else ():
        others = [other for other in gates if other != name]
        if isinstance(gate, Mapping) and not {"kind", "activation"} & set(gate):
            hint = nearest(str(name), others)
            if hint:
                raise ConfigError(
                    f"cell.gates.{name} is not a gate of this cell{hint} Gates: {listed(others)}. "
                    f"A new one needs cell.gates.{name}.kind=NAME."
                )


def _parameters(
    config: Mapping[str, Any], cell: CellSpec, unit: OutputUnitSpec, signature: Any
) -> int:
    """Return the number of parameters of all recurrent layers; building them checks every width."""
    width, total = int(signature.features or config["units"]), 0
    if signature.vocabulary is not None:
        width = config["units"]
    for _ in range(config["layers"]):
        built = build(cell, config["units"], width, unit)
        directions = 2 if config["bidirectional"] else 1
        total += directions * built.count()
        width = directions * built.output.width
    return total


def _fits(config: Mapping[str, Any], parameters: int) -> None:
    # Weights, gradients and the optimizer's two moments.
    needed = parameters * 4 * (8 if config["precision"] == "float64" else 4)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise ConfigError(
            f"units={config['units']} makes {parameters:,} recurrent parameters, which need "
            f"at least {needed / 2**30:,.1f} GiB to train; this machine has "
            f"{memory / 2**30:,.1f} GiB. Choose smaller units or layers."
        )


def _experiment(composed: DictConfig) -> str | None:
    name = OmegaConf.select(composed, "hydra.runtime.choices.experiment", default=None)
    return None if name is None else str(name).rpartition("/")[2]


def _about_launch(override: str) -> bool:
    return override.lstrip("+~").partition("=")[0] in (*LAUNCH_KEYS, "experiment", "plugins")

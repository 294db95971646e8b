"""Hydra's keys in gatekit, above all ``hydra.launcher``: where runs are executed, on which GPU."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError, accepted, listed
from gatekit.faults import (
    NOTHING,
    Custom,
    Mismatch,
    OneOf,
    Optional,
    Place,
    Type,
    Whole,
    unknown_option,
)
from gatekit.runs.environment import gpu_visible

from .keys import KEY, MAPPING, OPTIONAL_TEXT, POSITIVE, TEXTS, TRUE_OR_FALSE

HYDRA_GROUPS = ("hydra/launcher", "hydra/sweeper")
SWEEPER_KEYS = ("params", "grids", "seed", "startup")
BACKENDS = ("process", "ray", "slurm")


def _gpus(value: object) -> Any:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    if isinstance(value, list) and all(isinstance(v, str | int) for v in value):
        return tuple(str(v) for v in value)
    raise Mismatch("auto, a number of GPUs, or a list of their ids such as [0,1]")


def _pairs(value: object) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(MAPPING(value).items()))


def _amounts(value: object) -> tuple[tuple[str, float], ...]:
    amounts = {name: POSITIVE(amount) for name, amount in MAPPING(value).items()}
    if taken := {"CPU", "GPU"} & amounts.keys():
        raise Mismatch(f"without {listed(taken)}, which are threads=N and gpus and runs_per_gpu")
    return tuple(sorted(amounts.items()))


def _line(value: object) -> str:
    """Check for a string that fits on one line of a batch script."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise Mismatch("a string of printable characters, without line breaks or tabs")
    return value


def _tuple(value: object) -> tuple[str, ...]:
    return tuple(TEXTS(value))


AMOUNTS = Custom(_amounts)


def _option(default: Any, type_: Type) -> Any:
    """Declare a key of ``hydra.launcher``."""
    return field(default=default, metadata={"type": type_})


@dataclass(frozen=True)
class Options:
    """How one command executes its runs.

    Attributes:
        backend: ``process`` (here), ``ray`` or ``slurm``.
        gpus: ``auto`` (all visible GPUs), how many, or their ids; each run uses one, or as many as
            ``devices``. For a Slurm job: how many it requests; ``auto`` requests none.
        runs_per_gpu: runs that share a GPU.
        timeout: seconds after which a run is stopped and recorded as FAILED; None for never.
        retries: how often a run is repeated if its process is killed from outside.
        fail_fast: whether the first failed run stops all others.
        address: the address of a Ray cluster; None starts a cluster on this machine.
        resources: Ray resources that each run needs, by name.
        cluster: ``slurm``, or ``local`` to try the same jobs on this machine.
        partition, account, qos, constraint: options of Slurm.
        minutes: time limit of a Slurm job.
        memory_gb: memory of a Slurm job.
        runs_per_job: runs per Slurm job.
        max_jobs: the most Slurm jobs that are queued or running at a time.
        detach: whether to return after the Slurm jobs are submitted.
        requeues: how often a Slurm job that reaches its time limit is queued again.
        setup: shell lines that a Slurm job runs first.
        sbatch: additional options of sbatch, by name.
    """

    backend: str = _option("process", OneOf(BACKENDS))
    gpus: Any = _option("auto", Custom(_gpus))  # noqa: RUF009
    runs_per_gpu: int = _option(1, Whole(1, 64))
    timeout: float | None = _option(None, Optional(POSITIVE))
    retries: int = _option(2, Whole(0, 100))
    fail_fast: bool = _option(False, TRUE_OR_FALSE)
    address: str | None = _option(None, OPTIONAL_TEXT)
    resources: tuple[tuple[str, float], ...] = _option((), AMOUNTS)
    cluster: str = _option("slurm", OneOf(("slurm", "local")))
    partition: str | None = _option(None, Optional(Custom(_line)))
    account: str | None = _option(None, Optional(Custom(_line)))
    qos: str | None = _option(None, Optional(Custom(_line)))
    constraint: str | None = _option(None, Optional(Custom(_line)))
    minutes: int = _option(240, Whole(1))
    memory_gb: float | None = _option(None, Optional(POSITIVE))
    runs_per_job: int = _option(1, Whole(1))
    max_jobs: int = _option(50, Whole(1))
    detach: bool = _option(False, TRUE_OR_FALSE)
    requeues: int = _option(10, Whole(0))
    setup: tuple[str, ...] = _option((), Custom(_tuple))
    sbatch: tuple[tuple[str, Any], ...] = _option((), Custom(_pairs))


CHECKS: dict[str, Type] = {f.name: f.metadata["type"] for f in fields(Options)}
OF_SLURM = (
    *("account", "cluster", "constraint", "detach", "max_jobs", "memory_gb", "minutes"),
    *("partition", "qos", "requeues", "runs_per_job", "sbatch", "setup"),
)
"""Options of Slurm jobs alone."""
SHARED = ("n_jobs", "threads", "devices")
"""Keys that may be typed with and without ``hydra.launcher.``."""


def defaults() -> dict[str, Any]:
    """Return the launcher's node as Hydra composes it."""
    plain: dict[str, Any] = {}
    for each in fields(Options):
        empty: Any = {"resources": {}, "sbatch": {}, "setup": []}
        plain[each.name] = empty.get(each.name, each.default)
    return {**plain, **{key: f"${{{key}}}" for key in SHARED}}


def read_options(data: Mapping[str, Any]) -> Options:
    """Return the options after checking each.

    Raises:
        ConfigError: a key is unknown, or a value is not allowed.
    """
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key in SHARED:
            continue
        if key == "_target_":
            raise ConfigError(
                f"hydra/launcher: {value} is a launcher of Hydra's, and gatekit starts the runs "
                "itself: type n_jobs=4 for four at a time on this machine, or "
                "hydra.launcher.backend=slurm or ray for a cluster (docs/cluster.md)."
            )
        known_key(key, value)
        place = Place.of("hydra.launcher") / key
        values[key] = accepted(value, CHECKS[key], place, ConfigError)
    return Options(**values)


def known_key(key: str, value: Any = NOTHING) -> None:
    """Refuse a key that the launcher does not have.

    Raises:
        ConfigError: there is no such key; the nearest is named.
    """
    known = (*CHECKS, *SHARED)
    if key not in known:
        raise ConfigError(unknown_option(Place.of("hydra.launcher") / key, value, known))


def is_hydra_key(name: str) -> bool:
    """Return whether a key of Hydra's has an effect: it selects runs or how they are executed."""
    if name in ("hydra.mode", "hydra.verbose", *HYDRA_GROUPS):
        return True
    node, _, rest = name.removeprefix("hydra.").partition(".")
    head = rest.partition(".")[0]
    return bool(KEY.fullmatch(name)) and (
        node == "launcher" or (node == "sweeper" and head in SWEEPER_KEYS)
    )


# --- which GPU each slot's runs see ------------------------------------------


def visible_gpus() -> list[str]:
    """Return the ids of the GPUs that this process may use, without asking TensorFlow."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    if not gpu_visible():
        return []
    numbers = [p.name.removeprefix("nvidia") for p in Path("/dev").glob("nvidia*")]
    return sorted((n for n in numbers if n.isdecimal()), key=int)


def devices_of(asked: int | str, options: Options) -> int:
    """Return the number of devices of a run; ``all`` are the GPUs of this machine, if it has any.

    Raises:
        ConfigError: the runs do not have as many, or not on this machine.
    """
    if options.backend != "process":
        if asked == "all":
            raise ConfigError(
                f"devices=all: hydra.launcher.backend={options.backend} chooses the machines; type "
                "how many devices a run needs, such as devices=2."
            )
        return int(asked)
    there = len(_ids(options))
    count = max(1, there) if asked == "all" else int(asked)
    if count > 1 and 0 < there < count:
        raise ConfigError(
            f"devices={count}: {there} GPUs are visible here. Type devices={there}, or "
            f"hydra.launcher.gpus=0 to compute on {count} parts of the CPU."
        )
    if count > 1 and options.runs_per_gpu > 1:
        raise ConfigError(
            f"devices={count}: with hydra.launcher.runs_per_gpu={options.runs_per_gpu}, runs share "
            "one GPU. Remove one of them."
        )
    return count


def slot_environments(options: Options, devices: int = 1) -> list[dict[str, str]]:
    """Return the environment of each slot; empty if runs are not assigned to GPUs.

    Slots that share a GPU are far apart in the list, so the first runs spread over all GPUs.

    Args:
        options: how the runs are executed.
        devices: the GPUs of each run.
    """
    ids = _ids(options)
    groups = [",".join(ids[at : at + devices]) for at in range(0, len(ids), devices)]
    groups = groups[: len(ids) // devices]
    return [slot_environment(gpus, options) for gpus in groups * options.runs_per_gpu]


def _ids(options: Options) -> list[str]:
    """Return the ids of the GPUs that the runs may use."""
    seen = visible_gpus()
    if options.gpus == "auto":
        ids = seen
    elif isinstance(options.gpus, int):
        if options.gpus == 0:
            return []
        ids = (seen or [str(n) for n in range(options.gpus)])[: options.gpus]
    else:
        ids = list(options.gpus)
    return ids


def slot_environment(gpu: str, options: Options) -> dict[str, str]:
    """Return the environment of a run on one or more GPUs; if runs share one, none allocates all
    its memory."""
    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if options.runs_per_gpu > 1 else {}
    return {"CUDA_VISIBLE_DEVICES": gpu, **shared}

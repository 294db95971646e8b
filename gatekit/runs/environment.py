"""The environment of a run: versions, machine, commit and plugins.

Of these, only the plugins are part of the run's fingerprint.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGES = ("gatekit", "tensorflow", "keras", "numpy", "hydra-core", "omegaconf", "pluggy")


NUMERIC = ("gatekit", "tensorflow", "keras", "numpy")
"""Packages whose version can change the numbers of a run."""

DECIDING = ("cell", "recurrence", "registry", "tasks", "training")
"""The parts of gatekit whose source can change the numbers of a run."""


def environment(
    plugins: Mapping[str, str],
    threads: int,
    executor: str,
    *,
    jit: bool | str = False,
    seed: int | None = None,
    data_hash: str | None = None,
    seconds: Mapping[str, float] | None = None,
    program: int | None = None,
) -> dict[str, Any]:
    """Return the content of env.json.

    Args:
        plugins: the hash of each plugin in use.
        threads: the threads that TensorFlow may use within an operation.
        executor: the executor; ``auto`` until it is resolved.
        jit: whether XLA compiles the step; ``auto`` until this is resolved.
        seed: the run's seed, which determines everything random.
        data_hash: the hash that identifies the data of the task.
        seconds: how long the preparation, the attempt and the whole run took.
        program: the seed of the run whose traced program this run used, in the same process; None
            if it traced its own. Its seconds are then fewer.
    """
    return {
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpu": _gpu(),
        "visible_gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "host_kind": platform.machine(),
        "threads": threads,
        "executor": executor,
        "jit": jit,
        "seed": seed,
        "data_hash": data_hash,
        "seconds": dict(seconds or {}),
        "program_of_seed": program,
        "git": _git(),
        "plugins": dict(plugins),
    }


def numeric() -> dict[str, Any]:
    """Return versions, gatekit's sources and the machine, which decide numbers as settings do."""
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in NUMERIC},
        "gatekit_sources": sources(),
        "cpu": _cpu(),
        "machine": platform.machine(),
        "gpu": _gpu(),
    }


@functools.cache
def sources() -> str:
    """Return a hash of gatekit's own sources that decide numbers, of the commit or the wheel."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for part in DECIDING:
        for file in sorted((package / part).rglob("*.py")):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(package).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def gpu_visible() -> bool:
    """Return whether this process may see a GPU, without asking TensorFlow."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd"))


def _gpu() -> list[str]:
    folder = Path("/proc/driver/nvidia/gpus")
    if not gpu_visible() or not folder.is_dir():
        return []
    models = []
    for file in sorted(folder.glob("*/information")):
        for line in file.read_text().splitlines():
            if line.startswith("Model:"):
                models.append(line.removeprefix("Model:").strip())
    return models


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _git() -> dict[str, Any] | None:
    def ask(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(ask("status", "--porcelain", "-uno"))}

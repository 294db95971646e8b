"""What the times depend on: processor, cores, system, versions and revision."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .contender import LIBRARIES

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def processor() -> str:
    """Return the processor's name, and what distinguishes processors of the same name."""
    info = Path("/proc/cpuinfo")
    found: dict[str, str] = {}
    for line in info.read_text().splitlines() if info.exists() else []:
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    name = found.get("model name") or platform.processor() or platform.machine()
    if "model" not in found:
        return name
    wide = [f for f in FLAGS if f in found.get("flags", "").split()]
    return f"{name}, family {found['cpu family']} model {found['model']}, {' '.join(wide)}"


def revision() -> str | None:
    """Return the commit of this checkout, with ``-dirty`` if files differ; None if unknown."""
    words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    folder = Path(__file__).parent
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def describe() -> dict[str, Any]:
    """Return the machine as plain data."""
    packages = {name for library in LIBRARIES for name in library.packages}
    versions: dict[str, str | None] = {}
    for name in sorted(packages | {"numpy", "jaxlib"}):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "may_use": sorted(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
        "revision": revision(),
    }

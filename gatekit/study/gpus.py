"""Which GPU each slot's runs see."""

from __future__ import annotations

import os
from pathlib import Path

from gatekit.runs.environment import gpu_visible

from .options import Options


def visible() -> list[str]:
    """Return the ids of the GPUs that this process may use, without asking TensorFlow."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    if not gpu_visible():
        return []
    numbers = [p.name.removeprefix("nvidia") for p in Path("/dev").glob("nvidia*")]
    return sorted((n for n in numbers if n.isdecimal()), key=int)


def places(options: Options) -> list[dict[str, str]]:
    """Return the environment of each slot; empty where runs need no GPU of their own.

    Slots on one GPU are far apart, so that the first runs spread over all GPUs.
    """
    seen = visible()
    if options.gpus == "auto":
        ids = seen
    elif isinstance(options.gpus, int):
        if options.gpus == 0:
            return []
        ids = (seen or [str(n) for n in range(options.gpus)])[: options.gpus]
    else:
        ids = list(options.gpus)
    return [slot(gpu, options) for gpu in ids * options.runs_per_gpu]


def slot(gpu: str, options: Options) -> dict[str, str]:
    """Return the environment of a run on a GPU; where several share it, none takes all memory."""
    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if options.runs_per_gpu > 1 else {}
    return {"CUDA_VISIBLE_DEVICES": gpu, **shared}

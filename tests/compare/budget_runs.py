"""Studies whose runs are evaluated at known seconds, steps and scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .synthetic import METRIC, configuration, line, sealed, write_run

ACCURACY = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.1}


def write_curve(
    root: Path,
    cell: str,
    seed: int,
    values: Sequence[float | None],
    *,
    seconds: float = 1.0,
    steps: int = 10,
    metric: Any = METRIC,
    result: dict[str, Any] | None = None,
    diverged: bool = False,
    **changes: Any,
) -> Path:
    """Write a run whose k-th evaluation is after ``k seconds`` and ``k steps``."""
    config = configuration(cell, seed, **changes)
    name = hashlib.sha256(repr(sorted(config.items(), key=str)).encode()).hexdigest()[:16]
    lines = [
        line(
            epoch=k,
            step=steps * k,
            split=split,
            metric=name_of,
            value=value,
            seconds=round(seconds * k, 6),
        )
        for k, value in enumerate(values, start=1)
        for split, name_of in (("train", "loss"), ("validation", metric["name"]))
    ]
    text = "".join(lines)
    files = {"metrics.jsonl": hashlib.sha256(text.encode()).hexdigest()}
    folder = write_run(
        root / "demo" / "runs",
        config,
        values[0] if diverged else [v for v in values if v is not None][-1],
        validation=values,
        metric=metric,
        name=name,
        state="DIVERGED" if diverged else "COMPLETED",
        **(result or {}),
    )
    # The metrics are written again with other costs, so the result needs their hash.
    (folder / "metrics.jsonl").write_text(text)
    record = json.loads((folder / "result.json").read_text())
    record["files"] |= files
    (folder / "result.json").write_text(sealed(record))
    return folder

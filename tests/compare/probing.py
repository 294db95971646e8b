"""Write what a probe writes, for runs that were never trained."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from seams import gate_facts, gradient_facts, kept_facts, probe_line

STEPS, ROWS, UNITS = 30, 4, 8
BOUNDS = {"input": (0.0, 1.0), "forget": (0.0, 1.0), "candidate": (-1.0, 1.0)}


def look(kept: float, seed: int = 0, layers: Sequence[str] = ("rnn_0",)) -> dict[str, Any]:
    """Return the layers of a look at a cell whose forget gate stands around ``kept``."""
    rng = np.random.default_rng(seed)
    shape = (STEPS, ROWS, UNITS)
    forget = np.clip(kept + 0.02 * rng.normal(size=shape), 0, 1)
    values = {
        "input": rng.random(shape),
        "forget": forget,
        "candidate": np.tanh(rng.normal(size=shape)),
    }
    gates = {name: gate_facts(values[name], None, BOUNDS[name]) for name in values}
    gates["query"] = gate_facts(3 * rng.normal(size=shape), None, (-np.inf, np.inf))
    squares = kept ** (2 * np.arange(STEPS)[::-1])[:, None] * np.ones((STEPS, ROWS))
    slopes = gradient_facts(squares, None)
    shares = kept_facts({("c", "c"): (forget, False)}, None, {})
    states = {
        "h": {"kept": None, "mixes": False, "gradient": slopes},
        "c": {"kept": shares["c"], "mixes": False, "gradient": slopes},
    }
    return {layer: {"gates": gates, "projections": {}, "states": states} for layer in layers}


def probe_run(
    folder: Path, kept: Sequence[float], seed: int = 0, layers: Sequence[str] = ("rnn_0",)
) -> None:
    """Write a look after each epoch, from 0, and the activations of three sequences."""
    path = folder / "probe.jsonl"
    path.write_text("")
    for epoch, share in enumerate(kept):
        record = {"epoch": epoch, "step": epoch, "sequences": ROWS}
        text = probe_line({**record, "layers": look(share, seed + epoch, layers)})
        path.write_text(path.read_text() + text + "\n")
    rng = np.random.default_rng(seed)
    arrays: dict[str, Any] = {
        "input": rng.random((3, STEPS, 5)).astype("float16"),
        "mask": np.arange(STEPS)[None] < np.array([[STEPS], [20], [5]]),
    }
    for layer in layers:
        for name in ("gate/input", "gate/forget", "gate/candidate", "state/h", "state/c"):
            sign = 2 if name.endswith(("candidate", "h", "c")) else 0
            values = rng.random((3, STEPS, UNITS)) * (1 + sign) - sign / 2
            arrays[f"{layer}/{name}"] = values.astype("float16")
    archive = io.BytesIO()
    np.savez_compressed(archive, **arrays)
    (folder / "probe.npz").write_bytes(archive.getvalue())


def probe_study(runs: Path, kept: float = 0.9, layers: Sequence[str] = ("rnn_0",)) -> None:
    """Probe every run of a study: its memory grows over ten epochs towards ``kept``."""
    for folder in sorted(runs.iterdir()):
        result = json.loads((folder / "result.json").read_text())
        seed = int(result["fingerprint"][:4], 16)
        shares = [0.5 + (kept - 0.5) * epoch / 10 for epoch in range(11)]
        probe_run(folder, shares, seed, layers)

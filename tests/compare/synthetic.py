"""Write run folders exactly by the contract of docs/architecture.md, without training anything."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

METRIC = {"name": "nll", "direction": "min", "unit": "nats/frame", "chance": 11.9}

CELLS: dict[str, dict[str, Any]] = {
    "lstm": {
        "name": "lstm",
        "gates": {name: {"kind": name} for name in ("input", "forget", "output", "candidate")},
        "equations": {"c": "forget * c_prev + input * candidate", "h": "output * tanh(c)"},
        "emits": "h",
    },
    "gru": {
        "name": "gru",
        "gates": {
            "reset": {"kind": "reset"},
            "update": {"kind": "update"},
            "candidate": {"kind": "candidate", "reads": {"x": "dense", "reset*h_prev": "dense"}},
        },
        "equations": {"h": "update * h_prev + (1 - update) * candidate"},
        "roles": {"forget": "update"},
        "emits": "h",
    },
    "rnn": {
        "name": "rnn",
        "gates": {"candidate": {"kind": "tanh"}},
        "equations": {"h": "candidate"},
        "emits": "h",
    },
}


def canonical(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def line(**record: Any) -> str:
    """Return one line of metrics.jsonl with its check sum."""
    return json.dumps({**record, "crc": f"{zlib.crc32(canonical(record).encode()):08x}"}) + "\n"


def sealed(record: Mapping[str, Any]) -> str:
    """Return a result as the text of its file, which ends with the hash of what is before it."""
    plain = {key: value for key, value in record.items() if key != "sha256"}
    body = json.dumps(plain, indent=1)[: -len("\n}")]
    return f'{body},\n "sha256": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'


def configuration(cell: str = "lstm", seed: int | None = 0, **changes: Any) -> dict[str, Any]:
    """Return a resolved run configuration; dotted changes are written with ``__``."""
    config: dict[str, Any] = {
        "study": "demo",
        "cell": json.loads(json.dumps(CELLS[cell])),
        "swap": {},
        "output_unit": {"kind": "hidden"},
        "units": 64,
        "layers": 1,
        "bidirectional": False,
        "residual": False,
        "dropout": 0.0,
        "task": {"name": "jsb_music21"},
        "optimizer": {"name": "adam", "learning_rate": 0.01, "clipnorm": 1.0},
        "trainer": {"epochs": 40, "steps": None, "batch": 32, "patience": 8},
        "executor": "auto",
        "precision": "float32",
        "seed": seed,
        "plugins": [],
    }
    if seed is None:
        del config["seed"]
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = config
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return config


def curve(final: float, epochs: int, start: float = 12.0) -> list[float]:
    """Return a smooth validation curve that ends at ``final``."""
    return [final + (start - final) * math.exp(-5 * e / epochs) for e in range(1, epochs + 1)]


def write_run(
    runs: Path,
    config: Mapping[str, Any],
    test: float | None = 8.65,
    *,
    state: str = "COMPLETED",
    reason: str | None = None,
    validation: Sequence[float | None] | None = None,
    metric: Mapping[str, Any] = METRIC,
    name: str | None = None,
    **result: Any,
) -> Path:
    """Write one run folder and return it.

    ``state`` COMPLETED or DIVERGED writes result.json; any other state leaves it out.
    ``result`` replaces keys of result.json.
    """
    folder = runs / (name or hashlib.sha256(canonical(config).encode()).hexdigest()[:16])
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False))
    values = list(validation) if validation is not None else curve((test or 9.0) + 0.05, 10)
    metrics = "".join(
        line(epoch=e, step=14 * e, split=split, metric=metric["name"], value=v, seconds=0.8 * e)
        for e, value in enumerate(values, start=1)
        for split, v in (("train", None if value is None else value - 0.2), ("validation", value))
    )
    (folder / "metrics.jsonl").write_text(metrics)
    (folder / "log.txt").write_text("trained\n")
    (folder / "env.json").write_text("{}\n")
    if state in ("COMPLETED", "DIVERGED"):
        finite = [(value, e) for e, value in enumerate(values, start=1) if value is not None]
        best, epoch = (min if metric["direction"] == "min" else max)(finite)
        done = state == "COMPLETED"
        record = {
            "schema": 2,
            "state": state,
            "fingerprint": folder.name,
            "task": config["task"]["name"],
            "metric": dict(metric),
            "best": {"epoch": epoch, "validation": best, "test": test} if done else None,
            "last": {"epoch": finite[-1][1], "validation": finite[-1][0], "test": test}
            if done
            else None,
            "parameters": {"recurrent": 91600, "total": 100488},
            "seconds": {"total": 31.2, "step": 0.021},
            "steps": 14 * len(values),
            "executor": "stacked",
            "data_hash": "sha256:" + "ab" * 32,
            "plugins": {},
            "files": {
                file: hashlib.sha256((folder / file).read_bytes()).hexdigest()
                for file in ("config.yaml", "metrics.jsonl")
            },
            **({"reason": reason} if reason else {}),
            **result,
        }
        (folder / "result.json").write_text(sealed(record))
    status = {
        "state": state,
        # As in a bundle: here nothing claims it.
        "attempt": 0 if state == "RUNNING" else 1,
        "pid": 1,
        "host": "elsewhere",
        "reason": reason,
        "updated": "2026-11-25T00:00:00+00:00",
    }
    (folder / "status.json").write_text(json.dumps(status))
    return folder


def write_study(
    root: Path,
    groups: Mapping[str, Sequence[float]],
    name: str = "demo",
    **changes: Any,
) -> Path:
    """Write one run per test value: cell name to the values of seeds 0, 1, 2 ..."""
    runs = root / name / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    for cell, values in groups.items():
        for seed, value in enumerate(values):
            write_run(runs, configuration(cell, seed, **changes), value)
    return runs

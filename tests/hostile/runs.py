"""Hostile run folders, drawn from a seed: what a bundle may hold, with every check sum right.

Hashes detect damage, but the author of a bundle computes its hashes, so here they are correct.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from compare.synthetic import configuration, line, sealed, write_run
from replacing import places, replaced

from .cells import _ODD, hostile, written

ID = "ab" * 8
EVIL = "a\x1b]0;title\x07\x1b[2J\x9b31m\u202eb\u2066c\r\x00"
ENVIRONMENT = {
    "python": "3.11",
    "versions": {"numpy": "2"},
    "cpu": "x",
    "gpu": [],
    "host": "cpu",
    "threads": {"intra": 1},
    "git": {"commit": "a" * 40, "dirty": False},
    "plugins": {"a": "b"},
}
MORE = {
    "warnings": ["w"],
    "notes": ["n"],
    "checks": {"a": "b"},
    "plugins": {"x": "y"},
    "step_flops": 1.0,
    "jit": False,
    "token_flops": 3,
    "state_size": 4,
}
PLAN = {
    "schema": 1,
    "command": "gatekit train",
    "origin": "o",
    "choices": {},
    "runs": [{"id": ID, "label": "x", "words": ["a"], "origin": "o"}],
}
KEYS = ("seed", "cell", "plugins", "layers", "mixers", "block", "swap", "match", EVIL)


def _nested(depth: int) -> Any:
    value: Any = {"a": 1}
    for _ in range(depth):
        value = {"a": value} if depth % 2 else [value]
    return value


ODD = (
    *(
        *_ODD,
        EVIL,
        _nested(61),
        _nested(200),
        "</script><img src=x onerror=alert(1)>",
        "x" * 20_000,
    ),
    *("=cmd|'/c'!A1", "a\nb", "9" * 4_000, 10**4_000, "../../../etc/passwd", "/dev/zero", "NaN"),
    *(list(range(3_000)), {str(k): k for k in range(3_000)}, True, 2**63, "2026-11-25T00:00:00Z"),
)
PARTS = (
    *("config", "config", "config", "written", "written", "cell", "cell", "env"),
    *("result", "result", "result", "metrics", "status", "plan"),
)


def write(seed: int, runs: Path, base: Mapping[str, Any]) -> str:
    """Write a run of which one file is hostile; return which part.

    Args:
        seed: what the draws follow from.
        runs: the folder of a study's runs.
        base: a resolved configuration.
    """
    draw = random.Random(f"runs/{seed}")
    part = draw.choice(PARTS)
    folder = write_run(runs, configuration("lstm", 5), 8.6, name=ID)
    config = {**base, "seed": 5}
    if part == "config":
        config = _changed(draw, config)
    elif part == "cell":
        config["cell"] = hostile(draw.randrange(10**9))
    text = yaml.safe_dump(config, allow_unicode=draw.random() < 0.5, sort_keys=False)
    if part == "written":
        text = written(draw, text)
    (folder / "config.yaml").write_bytes(_encoded(text))
    _put(folder / "env.json", _changed(draw, ENVIRONMENT) if part == "env" else ENVIRONMENT)
    if part == "metrics":
        (folder / "metrics.jsonl").write_bytes(_encoded("".join(_metrics(draw))))
    record = {**json.loads((folder / "result.json").read_text()), **MORE}
    record = _changed(draw, record) if part == "result" else record
    for name in record["files"] if isinstance(record.get("files"), dict) else ():
        if name in ("config.yaml", "metrics.jsonl"):
            record["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    _put(folder / "result.json", record, sealed)
    if part == "status":
        status = json.loads((folder / "status.json").read_text())
        _put(folder / "status.json", _changed(draw, status))
        if draw.random() < 0.7:
            (folder / "result.json").unlink()
    elif part == "plan":
        _put(runs.parent / "plan-1.json", _changed(draw, PLAN))
    return part


def _changed(draw: random.Random, data: Mapping[str, Any]) -> dict[str, Any]:
    found: Any = dict(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        found = replaced(found, draw.choice([*places(found)] or [("x",)]), draw.choice(ODD))
        if draw.random() < 0.2:
            found = {**found, draw.choice(KEYS): draw.choice(ODD)}
    return found


def _metrics(draw: random.Random) -> list[str]:
    lines = []
    for epoch in range(1, 9):
        seen = {"epoch": epoch, "step": 14 * epoch, "split": "validation", "metric": "nll"}
        seen |= {"value": 9.0, "seconds": 0.8 * epoch}
        record = _changed(draw, seen) if draw.random() < 0.4 else seen
        lines.append(line(**{str(key): value for key, value in record.items()}))
    return lines


def _put(path: Path, data: Any, dumped: Any = json.dumps) -> None:
    try:
        path.write_bytes(_encoded(dumped(data)))
    except TypeError:  # keys that JSON does not have
        path.write_bytes(_encoded(dumped({"schema": 2, "x": repr(data)})))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

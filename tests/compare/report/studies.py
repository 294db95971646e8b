"""Studies that the tests of the report share, and the page that gatekit makes of one."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seams import Sheet, plan_file
from seams import compare_runs as compare
from seams import report_page as page

from ..budget_runs import write_curve
from ..synthetic import METRIC, configuration, write_run

HOSTILE = (
    "<script>window.stolen=1</script>",
    '"><img src=x onerror=window.stolen=1>',
    "</script><script>window.stolen=1</script>",
    "{{7*7}}${7*7}<!--",
    "javascript:window.stolen=1",
    "=cmd()|' /C calc'!A0",
    "a\u202eb\u0000c\x1b[31md",
)


def sheet(study: str, root: Path, **options: Any) -> Sheet:
    """Return what a report of the study is made from."""
    x = options.get("x")
    within = [x] if x else []
    plain = {key: value for key, value in options.items() if key != "x"}
    comparison = compare(study, root, within=within, **plain)
    return Sheet(
        comparison, f"gatekit compare {study}", tuple(plan_file.commands(comparison.study.path)), x
    )


def written(study: str, root: Path, path: Path, **options: Any) -> Path:
    """Write a report and return its file."""
    path.write_text(page(sheet(study, root, **options)), encoding="utf-8")
    return path


def noisy(final: float, epochs: int, random_: random.Random) -> list[float]:
    """Return a curve that falls to a value, with noise."""
    return [
        final + (12.0 - final) * math.exp(-5 * e / epochs) + random_.gauss(0, 0.01)
        for e in range(1, epochs + 1)
    ]


def write_sweep(root: Path, seeds: int = 3) -> Path:
    """Write cells over learning rates; runs of the rnn diverge, one of the gru failed."""
    runs = root / "sweep" / "runs"
    draw = random.Random(1)
    for cell, best in (("lstm", 8.65), ("gru", 8.5), ("rnn", 9.4)):
        for rate in (0.001, 0.01, 0.03):
            for seed in range(seeds):
                config = configuration(cell, seed, optimizer__learning_rate=rate)
                value = best + 0.25 * abs(math.log10(rate / 0.004)) + draw.gauss(0, 0.05)
                curve = noisy(value, 20, draw)
                if (cell, rate, seed) == ("rnn", 0.03, 0):
                    write_run(
                        runs, config, state="DIVERGED", reason="loss is NaN", validation=curve[:9]
                    )
                elif (cell, rate, seed) == ("gru", 0.03, 1):
                    lost = write_run(
                        runs, config, state="FAILED", reason="out of memory", validation=curve[:5]
                    )
                    (lost / "log.txt").write_text("epoch 5\nMemoryError: 4 GiB\n")
                else:
                    write_run(runs, config, value, validation=curve)
    plan = {"schema": 1, "command": "gatekit train -m study=sweep cell=lstm,gru,rnn", "runs": []}
    (root / "sweep" / "plan-0.json").write_text(json.dumps(plan))
    return runs


def write_many(root: Path, groups: int, seeds: int, epochs: int) -> Path:
    """Write a study of many runs, named by their learning rates."""
    runs = root / "many" / "runs"
    draw = random.Random(2)
    for group in range(groups):
        rate = round(0.001 * 1.1**group, 6)
        for seed in range(seeds):
            value = 8.5 + draw.gauss(0, 0.05) + 0.002 * group
            config = configuration("gru", seed, optimizer__learning_rate=rate)
            write_run(runs, config, value, validation=noisy(value, epochs, draw))
    return runs


def write_costs(root: Path, seeds: int = 3) -> None:
    """Write an lstm of 2 s and 1e6 FLOPs an epoch, and a gru of 1 s and 5e5, ten steps each."""
    draw = random.Random(3)
    for cell, best, seconds in (("lstm", 8.5, 2.0), ("gru", 8.6, 1.0)):
        for seed in range(seeds):
            costs = {"flops": {"step": 5e4 * seconds}, "tokens": {"step": 320.0 * seconds}}
            shorter = seconds * (1 - 0.01 * seed)
            values = noisy(best, 20, draw)
            write_curve(root, cell, seed, values, seconds=shorter, result=costs)


def write_hostile(root: Path, names: Sequence[str] = HOSTILE) -> Path:
    """Write a study in which every text that a user chooses tries to be more than text."""
    study = root / "hostile"
    runs = study / "runs"
    for place, name in enumerate(names):
        metric = {**METRIC, "name": names[0], "unit": names[1]}
        for seed in range(3):
            config = configuration("lstm", seed, task__name=names[0], optimizer__name=name)
            config["cell"]["name"] = name
            config["cell"]["reference"] = name
            config["cell"]["equations"] = {"h": name}
            config[f"key {name}"] = name
            folder = write_run(runs, config, 8.6 + seed / 100 + place / 10, metric=metric)
            (folder / "env.json").write_text(
                json.dumps({"versions": {name: name}, "cpu": name, "git": {"commit": name}})
            )
        bad = configuration("gru", 100 + place, optimizer__name=name)
        lost = write_run(runs, bad, state="FAILED", reason=f"{name}\n{name}")
        (lost / "log.txt").write_text(f"{name}\n")
        (lost / "stale.json").write_text(json.dumps({"because": name}))
    plan = {"schema": 1, "command": names[2], "runs": []}
    (study / "plan-0.json").write_text(json.dumps(plan))
    return runs

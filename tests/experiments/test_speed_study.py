"""The benchmark of a small study: what a command costs, and what is shown; no timing is tested."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest
from seams import plan

from experiments.speed.study.__main__ import Cost, commands, run_words, table
from experiments.speed.study.adding import LENGTH, batch
from experiments.speed.study.parts import PARTS, Parts

# A process that outlives its command and uses the processor for a while.
LEFT_BEHIND = """
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        while time.process_time() < 0.5:
            pass
    os._exit(0)
os.wait()
"""


# In a process of its own: it waits for all its children, of which this one has others.
COST = """
import os, sys
from pathlib import Path
from experiments.speed.study.__main__ import cost
print(cost([sys.executable, "-c", sys.argv[1]], Path.cwd(), dict(os.environ)).processor)
"""


def costed(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COST, code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_processes_that_a_command_leaves_behind_count(tmp_path: Path) -> None:
    assert float(costed(LEFT_BEHIND, tmp_path).stdout) >= 0.5


def test_a_command_that_fails_has_no_cost(tmp_path: Path) -> None:
    done = costed("raise SystemExit('told')", tmp_path)
    assert "RuntimeError" in done.stderr
    assert "told" in done.stderr


def test_the_runs_of_the_study_are_those_of_the_scripts() -> None:
    runs = plan(["-m", "cell=rnn,lstm,gru", "seeds=5", *run_words(400)]).runs
    assert len(runs) == 15
    found = commands(5, 400)
    assert {"gatekit", "gatekit, XLA"} <= found.keys()
    x, y = batch(numpy.random.default_rng(0), 7)
    assert x.shape == (7, LENGTH, 2)
    numpy.testing.assert_allclose(y[:, 0], (x[..., 0] * x[..., 1]).sum(1), rtol=1e-6)


def test_a_part_does_not_count_what_another_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: now[0])
    parts = Parts()

    def spend(seconds: float) -> None:
        now[0] += seconds

    inner = parts.of("trace", spend)

    def outer() -> None:
        spend(1.0)
        inner(2.0)
        spend(4.0)

    parts.of("build", outer)()
    assert parts.seconds == dict.fromkeys(PARTS, 0.0) | {"build": 5.0, "trace": 2.0}


def test_the_table_has_the_medians() -> None:
    shown = table({"a": [Cost(1, 2), Cost(5, 9), Cost(3, 4)]}, {"train": 1.25})
    assert "| a | 3.0 | 4.0 |" in shown
    assert shown.endswith("train 1.25")

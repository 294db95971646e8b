"""Runs from strangers: no command that reads them ends with a traceback, hangs, or lets an escape
through."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bounded import SECONDS
from compare.synthetic import write_run
from seams import main, plan
from seams import runs_config as configs

from .runs import ID, write

_LIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069]")
MOST = 6_000
"""The most characters of an error message."""

COMMANDS = (
    *(("status", "demo", "--runs"), ("status", "demo", "--json"), ("failures", "demo")),
    *(("logs", ID), ("prune", "demo", "--stale", "--failed"), ("compare", "demo")),
    *(("compare", "demo", "--json"), ("compare", "demo", "--latex"), ("compare", "demo", "--csv")),
    *(("compare", "demo", "--at", "steps=10"), ("compare", "demo", "--figure", "f.svg")),
    *(("why", f"demo/{ID}", "demo/OTHER"), ("gates-report", "demo"), ("studies",)),
    *(("report", "demo", "--to", "x.html"), ("bundle", "demo", "--output", "b.zip")),
    *(("code", "--with-weights", ID, "-o", "c.py"), ("compare", "demo", "--by", "cell,seed")),
)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The resolved configuration of a run."""
    monkeypatch.chdir(tmp_path)
    (run,) = plan(["units=4", "cell=lstm", "task=adding"]).runs
    found: dict[str, Any] = json.loads(json.dumps(run.config))
    return found


def faults(
    seeds: range,
    base: dict[str, Any],
    out: pytest.CaptureFixture[str],
    commands: int,
    only: str | None = None,
) -> Iterator[str]:
    """Yield what is wrong with how some commands take each of the runs."""
    for seed in seeds:
        shutil.rmtree("experiments", ignore_errors=True)
        runs = Path("experiments/demo/runs")
        runs.mkdir(parents=True)
        for number in range(2):
            write_run(runs, {**base, "seed": number}, 8.6 - number / 10)
        other = write_run(runs, {**base, "units": 5}, 8.5).name
        part = write(seed, runs, base)
        if only not in (None, part):
            continue
        for words in random.Random(seed).sample(COMMANDS, commands):
            typed = [word.replace("OTHER", other) for word in words]
            if found := fault(typed, out) and fault(typed, out):  # it may have paused once
                yield f"seed {seed}, {part}, {' '.join(words)}: {found}"


def fault(words: list[str], out: pytest.CaptureFixture[str]) -> str:
    """Return what is wrong with how a command ends; empty if nothing is."""
    began = time.thread_time()
    try:
        code = main(words)
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"[:300]
    spent = time.thread_time() - began
    printed = out.readouterr()
    if code not in (0, 1, 2):
        return f"exit code {code}: {printed.err[:200]}"
    if "Traceback" in printed.err:
        return printed.err[-300:]
    if live := _LIVE.search(printed.out + printed.err):
        return f"the character {live[0]!r} is shown"
    if len(printed.err) > MOST:
        return f"the message has {len(printed.err)} characters"
    return f"{spent:.1f} s of processor time" if spent > SECONDS else ""


@pytest.mark.filterwarnings("ignore")
def test_few_hostile_runs(base: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert list(faults(range(12), base, capfd, 3)) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_hostile_run_ends_a_command(
    base: dict[str, Any], capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    count = 300 if request.config.getoption("--weekly") else 100
    assert list(faults(range(1_000, 1_000 + count), base, capfd, 5)) == []


HOLES = {"integers": ("_MOST_DIGITS", 10**9), "types": ("_PLAIN", object)}


@pytest.mark.weekly
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("hole", HOLES)
def test_a_planted_hole_is_found(
    hole: str,
    base: dict[str, Any],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(configs, *HOLES[hole])
    assert any(faults(range(300), base, capfd, len(COMMANDS), only="written"))

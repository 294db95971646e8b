"""A study's table of measured executors: written beside its runs, and read by each."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from seams import TUNE, TUNE_VARIABLE, Setting, __version__, build, key, read_output_unit, use_table
from test_worker import command, folders

from gatekit.registry import catalogue, load_cell


def test_a_table_lies_beside_the_runs_of_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TUNE_VARIABLE, "mine")
    path = tmp_path / "one" / TUNE
    run = tmp_path / "one" / "runs" / "0123456789abcdef"
    use_table(run)
    assert os.environ[TUNE_VARIABLE] == "mine"
    path.parent.mkdir()
    path.write_text("{}")
    use_table(run)
    assert os.environ[TUNE_VARIABLE] == str(path)


@pytest.mark.slow
def test_a_run_uses_its_studys_table_and_tells_the_reason(tmp_path: Path) -> None:
    known = catalogue()
    cell = build(load_cell("mingru", known), 4, 2, read_output_unit("hidden", known))
    choices = {key(cell, Setting()): {"executor": "fused", "mode": "graph"}}
    content = {"gatekit": __version__, "machine": {}, "choices": choices}
    path = tmp_path / "experiments" / "tuned" / TUNE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    done = command(tmp_path, "-m", "cell=mingru,minlstm", "study=tuned")
    assert done.returncode == 0, done.stdout + done.stderr
    results = [folder.result() for folder in folders(tmp_path, "tuned")]
    told = {r["executor"]: r["executor_reason"] for r in results}
    assert told["fused"] == "auto: measured by gatekit tune"
    assert told["affine"].startswith("auto: affine in the past of h")
    assert {r["executor_mode"] for r in results} == {"graph", "xla"}

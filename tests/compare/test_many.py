"""Ten thousand run folders, one in a hundred of them damaged."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import processes
import pytest
from seams import load_runs as load

from .benchmark import write_many


def test_what_is_damaged_is_named_exactly(tmp_path: Path) -> None:
    write_many(tmp_path, 400, epochs=5)
    study = load("many", tmp_path)
    corrupt = {run.path.name for run in study.runs if run.state == "CORRUPT"}
    config = {
        folder.name for folder in (tmp_path / "many" / "runs").iterdir() if not _is_whole(folder)
    }
    assert len(corrupt) == 4
    assert corrupt == config
    assert all(run.reason for run in study.runs if run.state == "CORRUPT")


def _is_whole(folder: Path) -> bool:
    try:
        files = json.loads((folder / "result.json").read_text())["files"]
    except ValueError:
        return False
    return all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        for name, digest in files.items()
    )


def measured(runs: int) -> tuple[int, float, float]:
    """Return the corrupt runs that a comparison finds, its processor time, and its peak in MB."""
    done = processes.run(
        [sys.executable, "-m", "compare.benchmark", str(runs)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    line = re.search(r"(\d+) corrupt.*\(([\d.]+) s of CPU\).*peak (\d+) MB", done.stdout)
    assert line is not None
    return int(line[1]), float(line[2]), float(line[3])


@pytest.mark.weekly
def test_time_grows_with_the_runs_and_memory_stays_small(request: pytest.FixtureRequest) -> None:
    """A square would take 25 times as long; the benchmark shows the ten seconds."""
    runs = 10_000 if request.config.getoption("--weekly") else 2_500
    _, before, _ = measured(runs // 5)
    corrupt, seconds, megabytes = measured(runs)
    assert corrupt == runs // 100
    assert seconds < 15 * before
    assert megabytes < 500

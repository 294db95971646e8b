"""The same run has the same weights in this process and in another, with one thread and two."""

import json
import os
import sys
from pathlib import Path

import processes
import pytest
from determinism import digests
from structure import operations, representatives

from gatekit import registry

SCRIPT = Path(__file__).parent / "determinism.py"
TESTS = str(Path(__file__).parents[1])
FEW = ["lstm"]
# Every operation occurs in some of them; two have memories that are computed in chunks otherwise.
CHUNKED = ("delta_net", "mlstm")
VARIED = sorted(
    {*representatives(sorted(registry.cell_names()), of=operations), *CHUNKED, "mingru"}
)
OTHERS = {f"from {VARIED[i]}": VARIED[i : i + 8] for i in range(0, len(VARIED), 8)}


# A run of its own process is held against one of this process in test_worker, always.
@pytest.mark.slow
@pytest.mark.one_in(1, slow=4)
@pytest.mark.parametrize(
    "cells",
    [FEW, *(pytest.param(some, marks=pytest.mark.slow, id=name) for name, some in OTHERS.items())],
)
def test_the_weights_are_the_same_anywhere(tmp_path, monkeypatch, cells):
    monkeypatch.chdir(tmp_path)
    # That a process in which other tests ran computes the same takes a few cells to see.
    found = {"here": digests(tmp_path / "here", cells)} if cells == FEW else {}
    for threads in ("1", "2") if cells != FEW else ("2",):
        place = tmp_path / threads
        place.mkdir()
        done = processes.run(
            [sys.executable, SCRIPT, place, threads, *cells],
            capture_output=True,
            text=True,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": TESTS},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found[f"{threads} threads"] = json.loads(done.stdout.splitlines()[-1])
    other = [c for c in cells if len({made[c] for made in found.values()}) > 1]
    assert other == []
    refused = [c for c in cells if found["2 threads"][c].startswith("refused")]
    assert len(refused) <= len(cells) // 2

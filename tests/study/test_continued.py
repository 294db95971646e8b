"""A run that was interrupted continues as if it never was, but only with the same gatekit."""

import json
import os
import shutil
import sys
from pathlib import Path

import processes
import pytest
from twice import told

import gatekit

HALT = """
import os
import signal
from pathlib import Path

from gatekit import hookimpl


def halt(event, epoch=None, **facts):
    if event == "epoch" and epoch == 2 and Path("halt").exists():
        Path("halt").unlink()
        os.kill(os.getpid(), signal.SIGTERM)


@hookimpl
def gatekit_callbacks():
    return [halt]
"""
WORDS = ["task=adding", "task.length=10", "units=4", "trainer.steps=6", "trainer.batch=8"]


def train(place, *words, package=None):
    """Run ``gatekit train`` in a folder, with another copy of the package if one is given."""
    start = "import sys; from gatekit.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-P", "-c", start, "train", "plugins=[halt.py]"]
    path = {} if package is None else {"PYTHONPATH": str(package)}
    done = processes.run(
        [*command, *WORDS, *words], cwd=place, env=os.environ | path, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def run_of(place):
    """Return the folder of the only run."""
    (run,) = place.glob("experiments/default/runs/*")
    return run


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Return a folder with a run that was stopped after its second epoch."""
    place = tmp_path_factory.mktemp("interrupted")
    (place / "halt.py").write_text(HALT)
    (place / "halt").touch()
    output = train(place)
    state = json.loads((run_of(place) / "status.json").read_text())
    assert state["state"] == "INTERRUPTED", output
    assert (run_of(place) / "checkpoint.bin").exists()
    return place


@pytest.fixture
def place(interrupted, tmp_path):
    """Return a copy of that folder."""
    return shutil.copytree(interrupted, tmp_path / "place")


def test_result_and_reasons_are_those_of_a_run_that_was_not_interrupted(place, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    shutil.copy(place / "halt.py", whole)
    outputs = train(whole), train(place)
    assert "continues after epoch 3" in (run_of(place) / "log.txt").read_text(), outputs
    assert told(run_of(place)) == told(run_of(whole))


def test_other_sources_of_gatekit_are_another_version(place, tmp_path):
    clone, package = tmp_path / "clone", Path(gatekit.__file__).parent
    shutil.copytree(package, clone / "gatekit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("plugins", "conf"):
        if (package.parent / name).is_dir():
            (clone / name).symlink_to(package.parent / name)
    changed = clone / "gatekit" / "recurrence" / "__init__.py"
    changed.write_text(changed.read_text() + "\nCHANGED = True\n")
    output = train(place, package=clone)
    assert "FAILED" in output
    assert "resume refused" in output
    assert "gatekit_sources was" in output
    assert (run_of(place) / "checkpoint.bin").exists()
    output = train(place, "allow_changed=true", "retry=failed", package=clone)
    result = json.loads((run_of(place) / "result.json").read_text())
    assert any("gatekit_sources was" in warning for warning in result["warnings"]), output

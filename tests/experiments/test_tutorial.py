"""The tutorial is done as it stands: its files are saved, its session run, its commands typed."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import processes
import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "experiments" / "tutorial" / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
GATEKIT = "import sys; from gatekit.cli.main import main; sys.exit(main())"
FILE = re.compile(r"# ([\w/]+\.(?:py|yaml))\n")


def blocks() -> list[tuple[str, str]]:
    """Return the language and text of each block."""
    return BLOCK.findall(README.read_text(encoding="utf-8"))


def session() -> str:
    """Return the Python blocks that are no files, one after the other."""
    texts = [text for kind, text in blocks() if kind == "python" and not FILE.match(text)]
    return "\n".join(texts)


def commands() -> list[list[str]]:
    """Return the words of each command line."""
    lines = [line for kind, text in blocks() if kind == "console" for line in text.splitlines()]
    return [shlex.split(line) for line in lines]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the folder as a reader would."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return processes.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tutorial")
    for _, text in blocks():
        if found := FILE.match(text):
            path = folder / found[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return folder


def test_every_yaml_is_a_file_and_every_kind_of_file_is_there(folder: Path) -> None:
    assert all(FILE.match(text) for kind, text in blocks() if kind == "yaml")
    kinds = {path.parent.name for path in folder.rglob("*.*")}
    assert kinds == {"plugins", "cell"}


@pytest.mark.slow
def test_the_session_gives_the_numbers_of_the_class(folder: Path) -> None:
    # each of the five edits is compared at least once
    assert session().count("\nsame(") >= 8
    done = run(folder, "-W", "error::RuntimeWarning", "-c", session())
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_wrong_number_would_be_seen(folder: Path) -> None:
    """Pin that the session compares: it fails when the class's plugin says something else."""
    plugin = folder / "plugins" / "slow_forget_gate.py"
    right = plugin.read_text(encoding="utf-8")
    plugin.write_text(right.replace("pre / self.temperature", "pre"), encoding="utf-8")
    try:
        done = run(folder, "-c", session())
    finally:
        plugin.write_text(right, encoding="utf-8")
    assert done.returncode == 1
    assert "Not equal to tolerance" in done.stderr


def test_the_cell_of_the_tutorial_is_shown(folder: Path) -> None:
    (words,) = [w for w in commands() if w[1] == "show"]
    done = run(folder, "-c", GATEKIT, *words[1:])
    assert done.returncode == 0, done.stderr
    assert "forget = sigmoid((dense(x) + dense(h_prev) + bias) / 2)" in done.stdout
    assert "carry * h_prev + (1 - carry) * output * tanh(c)" in done.stdout


PLAN = """
import json, sys
from gatekit.study.command import compose
from gatekit.study.plan import plan
for words in json.loads(sys.argv[1]):
    print(*(run.fingerprint for run in plan(compose(words)).runs))
"""
SWEEPS = {"edits": 8, "starts": 8, "outputs": 6, "steepness": 6}


def test_every_sweep_is_counted() -> None:
    typed = [words for words in commands() if words[1] == "train"]
    assert [words[3] for words in typed] == [f"study={study}" for study in SWEEPS]
    text = (
        "8 runs (two cells, two forget gates, two seeds), the second 8, the third 6, the fourth 6"
    )
    assert text in " ".join(README.read_text(encoding="utf-8").split())


def test_a_sweep_makes_the_runs_that_the_page_names(folder: Path) -> None:
    typed = [words[2:] for study in SWEEPS for words in commands() if f"study={study}" in words]
    done = run(folder, "-c", PLAN, json.dumps(typed))
    assert done.returncode == 0, done.stderr
    made = dict(zip(SWEEPS, map(str.split, done.stdout.splitlines()), strict=True))
    assert {study: len(set(runs)) for study, runs in made.items()} == SWEEPS
    assert {study: len(runs) for study, runs in made.items()} == SWEEPS


@pytest.mark.slow
def test_a_sweep_is_trained_and_compared(folder: Path) -> None:
    (train,) = [w for w in commands() if "study=outputs" in w]
    short = [word.replace("steps=100", "steps=2") for word in train]
    done = run(folder, "-c", GATEKIT, *short[1:])
    assert done.returncode == 0, done.stderr
    (compare,) = [w for w in commands() if w[1] == "compare"]
    asked = [compare[1], compare[2].replace("edits", "outputs")]
    done = run(folder, "-c", GATEKIT, *asked, "--json")
    assert done.returncode == 0, done.stderr
    assert [group["n"] for group in json.loads(done.stdout)] == [2, 2, 2]

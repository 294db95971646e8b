"""The tutorial's commands print what it shows, except for times and similar numbers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import processes
import pytest

from .pages import blocks

PAGE = "docs/tutorial.md"
GATEKIT = Path(sys.executable).with_name("gatekit")

SHORTER = {"trainer.steps=400": "trainer.steps=20", "seeds=5": "seeds=2", "seeds=10": "seeds=2"}
"""Words of the tutorial's sweeps, and what CI types in their place."""


def typed(words: Sequence[str], folder: Path) -> str:
    """Return what a command prints."""
    assert words[0] == "gatekit", words
    done = processes.run(
        [str(GATEKIT), *words[1:]],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # a check that fails exits with 1, and the tutorial shows one
    assert done.returncode in (0, 1), done.stdout
    return done.stdout


def plain(line: str) -> str:
    """Return a line without what depends on the machine, or on how long the runs are here."""
    line = re.sub(r"  mse .*", "", line)  # how far the sweep is: runs may end in any order
    line = re.sub(r"^jit=(true|false)", "jit=#", line)
    line = re.sub(r"[-+]?\d[\d.,]*", "#", " ".join(line.split()))
    return re.sub(r"# (s|min|h)\b", "# long", line)


def assert_shown(shown: str, printed: str) -> None:
    """Assert that each line of a page was printed, in order; ``...`` stands for any lines."""
    lines = iter([plain(line) for line in printed.splitlines()])
    for line in shown.splitlines():
        if line != "...":
            assert plain(line) in lines, f"{line}\nis not in (or not there in)\n{printed}"


def assert_compared(shown: str, printed: str) -> None:
    """Assert that a comparison has the page's groups and columns; the numbers may differ."""
    names = r"forget=[a-z]+|stretch=\d+|test mse|difference from|parameters|ms/step"
    for found in re.findall(names, shown):
        assert found in printed
    for line in shown.splitlines():
        if line.startswith(("figure: ", "note: plugin")):
            assert line in printed


@pytest.mark.slow
def test_the_tutorial_prints_what_it_shows(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # With fewer steps and seeds all but the verdicts is as the page shows it.
    whole = request.config.getoption("--weekly")
    folder, printed, compared = tmp_path, "", 0
    for before, block in zip([None, *blocks(PAGE)], blocks(PAGE), strict=False):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for words in block.commands():
                if words[0] == "cd":
                    folder = folder / words[1]
                elif words[0] == "gatekit":
                    less = words if whole else [SHORTER.get(word, word) for word in words]
                    printed = typed(less, folder)
        elif block.language == "text" and before is not None and before.language == "console":
            verdicts = block.text.startswith("study memory: ") and not whole
            check = assert_compared if verdicts else assert_shown
            check(block.text, printed)
            compared += 1
    assert compared >= 7
    assert (folder / "memory.svg").stat().st_size > 10_000


@pytest.mark.slow
def test_the_mistake_of_the_tutorial_is_reported_as_shown(tmp_path: Path) -> None:
    gate = next(block for block in blocks(PAGE) if block.file == "plugins/slow.py")
    (shown,) = [b for b in blocks(PAGE) if b.language == "text" and "strech" in b.text]
    path = tmp_path / "plugins/slow.py"
    path.parent.mkdir()
    path.write_text(gate.text.replace("self.stretch)", "self.strech)"), encoding="utf-8")
    printed = typed(["gatekit", "check", "slow"], tmp_path)
    # the page's block begins with the line that names its file
    assert_shown(shown.text, printed)
    # numbers count here: the page shows how many checks fail
    assert printed.splitlines()[-1] == shown.text.splitlines()[-1]

"""Of the cases of a test with the mark ``one_in`` as many run as it says, of every kind."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import processes

TESTS = Path(__file__).parent
# The upper of two parametrizations is the inner one.
NESTED = """import pytest


@pytest.mark.one_in(4)
@pytest.mark.parametrize("inner", ["a", "b", "c", "d"])
@pytest.mark.parametrize("outer", [1, 2, 3, 4, 5])
def test_nested(outer, inner):
    pass


@pytest.mark.slow
@pytest.mark.one_in(4)
@pytest.mark.parametrize("inner", ["a", "b", "c", "d"])
@pytest.mark.parametrize("outer", [1, 2, 3, 4, 5])
def test_slow(outer, inner):
    pass


@pytest.mark.weekly
def test_weekly():
    pass


@pytest.mark.parametrize("inner", ["a", "b", "c", "d"])
def test_without_the_mark(inner):
    pass
"""


def cases(folder: Path, text: str, *options: str) -> list[str]:
    """Return the names of the cases of a file that are chosen, in their order."""
    for name in ("conftest.py", "processes.py", "browser.py", "long.txt"):
        shutil.copy(TESTS / name, folder)
    (folder / "test_sample.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only"]
    command += [*options, "test_sample.py"]
    where = {**os.environ, "CI": ""}  # CI is as --slow
    done = processes.run(command, cwd=folder, env=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return [line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line]


def test_one_of_each_n_runs_and_each_inner_parameter_is_met(tmp_path: Path) -> None:
    every = [f"[{outer}-{inner}]" for outer in range(1, 6) for inner in "abcd"]
    rest = [f"test_without_the_mark[{inner}]" for inner in "abcd"]
    whole = [f"test_{name}{case}" for name in ("nested", "slow") for case in every]
    assert cases(tmp_path, NESTED, "--weekly") == [*whole, "test_weekly", *rest]
    first, second = cases(tmp_path, NESTED, "--quick"), cases(tmp_path, NESTED, "--second")
    both = cases(tmp_path, NESTED, "--slow")
    assert both == [*first[:-4], *second, *rest]
    assert first[-4:] == rest
    for few, found in ((4, first[:-4]), (2, second)):
        # every second or fourth would be two of the four, or one
        assert {name[-2] for name in found} == set("abcd")
        places = [every.index(f"[{name.partition('[')[2]}") for name in found]
        assert [place // few for place in places] == [*range(20 // few)]

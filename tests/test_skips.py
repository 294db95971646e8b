"""In CI a test may be skipped only for a reason that is listed in skips.txt."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import processes
import pytest

TESTS = Path(__file__).parent
SKIPPED = """import pytest


def test_it():
    pytest.skip({reason!r})
"""


@pytest.mark.parametrize(
    ("reason", "ci", "code"),
    [
        ("could not import 'mlflow': No module named 'mlflow'", "true", 1),
        ("could not import 'mlflow': No module named 'mlflow'", "false", 0),
        ("root may write anywhere", "true", 0),
        ("chromium is not installed: apt-get install chromium", "true", 1),
        ("root may write anywhere, or something else is missing", "true", 1),
    ],
)
def test_a_reason_that_is_not_listed_fails_in_ci(
    reason: str, ci: str, code: int, tmp_path: Path
) -> None:
    for name in ("conftest.py", "skips.txt", "processes.py", "browser.py"):
        shutil.copy(TESTS / name, tmp_path)
    (tmp_path / "test_one.py").write_text(SKIPPED.format(reason=reason))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"]
    where = {**os.environ, "CI": ci}
    done = processes.run(command, cwd=tmp_path, env=where, capture_output=True, text=True)
    assert done.returncode == code, done.stdout
    assert (f"test_one.py::test_it: {reason}" in done.stdout) == bool(code)

"""The changes on the page for those who extend gatekit, applied to a copy of the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mutate import copied

PAGE = (Path(__file__).parents[2] / "docs/extending.md").read_text(encoding="utf-8")
CHANGES = {
    title: (int(files), re.findall(r"```diff\n(.*?)```", body, re.DOTALL), body)
    for title, files, body in re.findall(
        r"^## (.*?): (\d+) files?$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE
    )
}


@pytest.mark.parametrize("title", CHANGES)
def test_a_change_touches_no_more_files_than_it_says(title: str) -> None:
    most, diffs, _ = CHANGES[title]
    assert len(re.findall(r"^\+\+\+ ", "".join(diffs), re.MULTILINE)) <= most


@pytest.mark.slow
@pytest.mark.one_in(1, slow=2)
@pytest.mark.parametrize("title", CHANGES)
def test_a_change_works_in_a_copy(title: str) -> None:
    _, diffs, body = CHANGES[title]
    with copied() as place:
        copy = Path(place, "copy")
        subprocess.run(["git", "apply", "-"], cwd=copy, input="".join(diffs), text=True, check=True)
        (copy / "holds.py").write_text(
            "\n".join(re.findall(r"```python\n(.*?)```", body, re.DOTALL)), encoding="utf-8"
        )
        done = subprocess.run(
            [sys.executable, "holds.py"],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]

"""The names of the files in a run's folder and a study's folder are written in one module."""

import ast
from pathlib import Path

import pytest
from seams import names

import gatekit

GATEKIT = Path(gatekit.__file__).parent
FILES = {
    *names.FILES,
    names.STALE,
    names.JOURNAL,
    names.UNRECORDED,
    names.LOOKS,
    names.plan_name("*"),
    names.job_name("*"),
}
FOLDERS = {names.RUNS, names.ATTEMPTS, names.PLUGINS, names.IMPORTED, names.SLURM}


def written(source: str) -> list[tuple[int, str]]:
    """Return the line and the text of each literal that is the name of a file or folder.

    A file's name counts as a whole literal, at the end of a path, or as a part of a formatted
    string. A folder's name is also a common word: it counts on the right of ``/``.
    """
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            last = node.value.rsplit("/", 1)[-1]
            if last in FILES or node.value in ("plan-", "job-"):
                found.append((node.lineno, node.value))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            right = node.right
            if isinstance(right, ast.Constant) and right.value in FOLDERS:
                found.append((node.lineno, str(right.value)))
    return found


@pytest.mark.parametrize(
    "source",
    [
        'path / "config.yaml"',
        'NAMES = ("env.json",)',
        'f"{place}/status.json"',
        'study.glob("plan-*.json")',
        'f"plan-{name}.log"',
        'root / study / "runs"',
    ],
)
def test_a_name_is_found(source: str) -> None:
    assert written(source)


@pytest.mark.parametrize("source", ['record["runs"]', '"""The file config.yaml holds it."""'])
def test_prose_and_keys_may_use_the_words(source: str) -> None:
    assert written(source) == []


def test_names_are_written_in_one_module() -> None:
    found = {
        f"{path.relative_to(GATEKIT)}:{line}": text
        for path in sorted(GATEKIT.rglob("*.py"))
        if path != Path(names.__file__)
        for line, text in written(path.read_text())
    }
    # The folder of users' plugins is none of a study's.
    assert {key.partition(":")[0] for key in found} == {
        "registry/discovery.py",
    }

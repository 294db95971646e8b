"""Files of the project that no code reads: they agree with each other and with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from gatekit.registry import cell_names

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_citation_is_of_the_released_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "abstract", "keywords"} <= set(cited)
    assert cited["license"] == PROJECT["license"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", changes, re.MULTILINE)
    assert released[0] == (cited["version"], cited["date-released"])
    assert cited["version"] == PROJECT["version"]


def test_files_of_tests_in_plain_folders_have_names_of_their_own() -> None:
    """Without a package around them, two of one name cannot be imported in one session."""
    plain = [
        path.name
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path.name != "conftest.py" and not (path.parent / "__init__.py").is_file()
    ]
    assert sorted(set(plain)) == sorted(plain)


def test_workflows_run_what_any_machine_runs_and_publish_nothing() -> None:
    folder = ROOT / ".github/workflows"
    found = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in folder.glob("*.yml")}
    assert set(found) == {"build", "ci", "publish", "versions"}
    steps = [
        step["run"]
        for workflow in found.values()
        for job in workflow["jobs"].values()
        for step in job.get("steps", ())
        if "run" in step
    ]
    assert ".ci/run" in steps
    targets = re.findall(r"^make ([\w-]+)", "\n".join(steps), re.MULTILINE)
    assert {"docs", "lowest", "pythons"} <= set(targets)
    assert [t for t in targets if not re.search(rf"^(?:\w+ )*{t}\b.*:", MAKEFILE, re.M)] == []
    # off until somebody sets a variable of the repository
    assert found["publish"]["jobs"]["build"]["if"] == "vars.PUBLISH == 'yes'"
    assert found["publish"]["jobs"]["publish"]["needs"] == "build"


def test_the_help_of_make_lists_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    listed = re.findall(r'@echo "make ([\w-]+) ', MAKEFILE)
    assert listed == [t for t in phony[1].split() if t != "help"]
    for page in ("README.md", "docs/index.md", "CONTRIBUTING.md", "AGENTS.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) - {"help"}
        assert named <= set(listed), page


# Where each number of the README's first table was measured.
NUMBERS = {
    "1,840 of 1,840": ("docs/studies.md", "1,840 faults tried, 1,840 survived"),
    "1.15x as fast as a careful Keras cell": ("docs/performance.md", "mean 1.15x of 18"),
    "3.19x": ("docs/performance.md", "mean 3.19x of 6"),
    "1.14x to 1.20x": ("docs/performance.md", "| slstm | 1.14x (1.13 to 1.18) | 1.20x"),
    "138 certified cells": ("docs/zoo.md", "and 138 of them are certified"),
}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_of_the_readme_was_measured(number: str) -> None:
    page, text = NUMBERS[number]
    assert number in README
    assert text in (ROOT / page).read_text(encoding="utf-8")


def test_the_verdicts_of_the_readme_are_those_of_the_findings() -> None:
    page = (ROOT / "docs/findings.md").read_text(encoding="utf-8")
    verdicts = [row.split("|")[-3].strip() for row in page.splitlines() if row.startswith("| [")]
    # Each verdict is followed by size and tuning, in parentheses.
    verdicts = [verdict.partition(" (")[0] for verdict in verdicts]
    whole, none = verdicts.count("reproduced"), verdicts.count("not reproduced")
    part, open_ = sum("parts hold" in verdict for verdict in verdicts), verdicts.count("no verdict")
    assert whole + none + part + open_ == len(verdicts)
    assert f"{len(verdicts)} claims" in README
    count = f"{whole} reproduced, {none} not, {part} in part, {open_} undecided"
    assert f"[{count}](docs/findings.md)" in README


def test_the_cells_of_other_libraries_exist() -> None:
    from reference.peers import COMPARED

    page = (ROOT / "docs/coming_from.md").read_text(encoding="utf-8")
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")}
    pairs = {
        title: re.findall(r"^\| `(\w+)` \| `(\w+)` \|$", parts[title], re.MULTILINE)
        for title in ("torchrecurrent", "flash-linear-attention")
    }
    assert min(map(len, pairs.values())) > 10
    assert {cell for rows in pairs.values() for _, cell in rows} <= set(cell_names())
    # only what the tests compare is called equal
    assert {cell for _, cell in pairs["torchrecurrent"]} <= set(COMPARED["torchrecurrent"])
    tests = "".join(p.read_text() for p in (ROOT / "tests/reference").glob("test_peers_*.py"))
    for theirs, own in pairs["torchrecurrent"]:
        assert re.search(rf'"{own}": Peer\(\s*_cell\("{theirs}"', tests), (theirs, own)

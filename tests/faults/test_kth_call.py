"""Rows 68, 69, 73, 74 and 81: whatever call fails, nothing that was reported is lost."""

import json
import re
import sys
from pathlib import Path

import processes
import pytest

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PLANTED = {
    "no fsync of a file": "power",
    "no fsync of a line": "power",
    "no fsync of a folder": "power",
    "written in place": "kill",
    "metrics not cut on resume": "kill",
}


def survey(path, *words):
    """Run the harness; return its exit code and its counts."""
    done = processes.run(
        [sys.executable, HERE / "kth_call.py", "--json", path, *words],
        capture_output=True,
        text=True,
    )
    assert path.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(path.read_text())


def whole(code, said, modes):
    """Assert that every fault of every call was survived."""
    assert said["losses"] == []
    assert code == 0
    assert set(said["by mode"]) == set(modes)
    for counted in said["by mode"].values():
        assert counted["calls"] > 100
        assert counted["faults tried"] >= counted["calls"]
        assert counted["survived"] == counted["faults tried"]
    assert (said["records lost"], said["runs duplicated"], said["skipped"]) == (0, 0, 0)


@pytest.mark.slow
def test_every_call_may_be_the_last_or_fail(tmp_path, request):
    every = request.config.getoption("--weekly")  # every error at every call, not one
    code, said = survey(tmp_path / "counts.json", *(["--all"] if every else []))
    whole(code, said, ("kill", "torn", "error", "power", "names"))
    kept = json.loads((DOCS / "faults.json").read_text())
    if not every:
        for counts in (kept, said):
            counts["by mode"] = {mode: c["calls"] for mode, c in counts["by mode"].items()}
            del counts["faults tried"], counts["survived"]
    assert kept == said, (
        "make it again: python tests/faults/kth_call.py --all --json docs/faults.json"
    )


@pytest.mark.weekly
@pytest.mark.one_in(1, slow=6)
@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(tmp_path, bug):
    code, said = survey(tmp_path / "counts.json", "--plant", bug, f"--mode={PLANTED[bug]}")
    assert code == 1
    assert said["records lost"] + said["runs duplicated"] > 0


def test_the_page_about_studies_quotes_the_counts():
    kept = json.loads((DOCS / "faults.json").read_text())
    page = (DOCS / "studies.md").read_text()
    quoted = re.search(r"([\d,]+) faults tried, ([\d,]+) survived", page)
    assert quoted, "docs/studies.md quotes docs/faults.json"
    assert [int(n.replace(",", "")) for n in quoted.groups()] == [
        kept["faults tried"],
        kept["survived"],
    ]
    assert kept["records lost"] == kept["runs duplicated"] == kept["skipped"] == 0

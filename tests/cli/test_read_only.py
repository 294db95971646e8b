"""Commands that only read: which code they execute, and what they say without runs of their own."""

from pathlib import Path

import pytest
from compare.synthetic import write_study
from seams import main

WITNESS = """
from pathlib import Path

Path("executed").touch()
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a project with a study and a plugin that leaves a trace."""
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "experiments", {"lstm": [8.0, 8.1], "gru": [8.2, 8.3]})
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "witness.py").write_text(WITNESS)
    return tmp_path


@pytest.mark.parametrize("command", ["report", "bundle"])
def test_a_command_that_reads_executes_no_plugin_that_was_not_named(place, command):
    assert main([command, "demo"]) == 0
    assert not Path("executed").exists()


def test_a_study_of_imported_runs_is_compared_not_continued(place, capsys):
    assert main(["bundle", "demo"]) == 0
    (archive,) = place.glob("*.zip")
    assert main(["import", str(archive), "--root", "there"]) == 0
    capsys.readouterr()
    assert main(["status", "demo", "--root", "there"]) == 2
    said = capsys.readouterr().err
    assert "all runs of demo are imported" in said
    assert "gatekit status" not in said

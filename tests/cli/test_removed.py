"""Each name that is gone says what to use instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from compare.synthetic import write_study
from seams import COMMANDS, EXIT_REFUSED, REMOVED, main


def words(name: str) -> list[str]:
    """Return a command line that has a name of the table."""
    if name.endswith("="):
        return ["train", "cell=lstm", "task=adding", f"{name}1"]
    if name.startswith("--"):
        return ["compare", "demo", "--figure", "a.svg", *name.split()]
    return [*name.split(), "demo"]


@pytest.mark.parametrize("name", [*REMOVED, "gone=", "trainer.gone=", "compare --gone"])
def test_a_name_that_is_gone_says_what_to_use(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "experiments", {"lstm": [8.6]})
    monkeypatch.setitem(REMOVED, name, REMOVED.get(name, "use another name"))
    assert main(words(name)) == EXIT_REFUSED
    printed = capsys.readouterr().err
    assert printed.endswith(f" any more; {REMOVED[name]}.\n")
    assert printed.count("\n") == 1


def test_what_is_gone_is_no_command() -> None:
    assert not set(REMOVED) & set(COMMANDS)

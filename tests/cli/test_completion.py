"""Completion in the shell: commands, options, studies, keys and their values."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from seams import main
from seams import train_command as train

GATEKIT = shutil.which("gatekit", path=str(Path(sys.executable).parent))


def completed(line: str, place: Path) -> set[str]:
    """Return the words that a shell would offer for a line; argcomplete writes them to a file."""
    answer = place / "answer"
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    command = [sys.executable, "-m", "gatekit.cli.main"] if GATEKIT is None else [GATEKIT]
    subprocess.run(command, env=environment, cwd=place, check=True, capture_output=True)
    return {word.strip() for word in answer.read_text().split("\n")}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gatekit comp", {"compare", "completion"}),
        ("gatekit compare du", {"duo"}),
        ("gatekit compare duo --base", {"--baseline"}),
        ("gatekit train cell=peeph", {"cell=peephole"}),
        ("gatekit train cell=gru optimizer.learn", {"optimizer.learning_rate="}),
        ("gatekit train --multi", {"--multirun"}),
        ("gatekit plan -m task=addi", {"task=adding"}),
        ("gatekit show cell=mingr", {"cell=mingru"}),
    ],
)
@pytest.mark.one_in(2)
def test_a_line_is_completed(tmp_path: Path, line: str, expected: set[str]) -> None:
    (tmp_path / "experiments" / "duo" / "runs").mkdir(parents=True)
    (tmp_path / "experiments" / "dust").mkdir()
    assert completed(line, tmp_path) == expected


def test_the_script_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert "complete" in script
    assert "gatekit" in script
    assert train(["--shell-completion", "install=bash"]) == 0
    assert capsys.readouterr().out == script
    assert train(["-sc", "uninstall=bash"]) == 0
    assert capsys.readouterr().out == "complete -r gatekit\n"


def test_hydras_query_is_answered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_LINE", "gatekit train units=3 cell=peeph")
    assert train(["-sc", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == ["cell=peephole"]


@pytest.mark.skipif(shutil.which("bash") is None or GATEKIT is None, reason="needs bash")
def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    script = (
        'eval "$(gatekit completion bash)"; COMP_LINE="gatekit train cell=peeph"; '
        "COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMP_WORDS=(gatekit train cell = peeph); "
        'COMP_CWORD=4; _python_argcomplete gatekit; printf "%s" "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    shell = ["bash", "--norc", "-c", script]
    done = subprocess.run(
        shell, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "peephole"

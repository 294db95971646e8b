"""The ``gatekit`` command as a process: start-up, refusals, pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import processes
import pytest

from gatekit.cell.errors import RunError
from gatekit.cli.commands import COMMANDS
from gatekit.cli.main import EXIT_BROKEN_PIPE, EXIT_INTERRUPTED, EXIT_REFUSED, main

GATEKIT = [sys.executable, "-c", "import sys; from gatekit.cli.main import main; sys.exit(main())"]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f"  {name} " not in shown] == []
    assert main([]) == 0
    assert capsys.readouterr().out == shown


def test_help_is_fast_and_imports_neither_tensorflow_nor_hydra() -> None:
    code = (
        "import sys; from gatekit.cli.main import main; main(['--help']);"
        "print(sorted({'tensorflow', 'keras', 'hydra', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    seconds = []
    for _ in range(3):
        before = os.times()
        done = processes.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        after = os.times()
        used = after.children_user - before.children_user
        seconds.append(used + after.children_system - before.children_system)
        assert done.stdout.splitlines()[-1] == "[]"
    assert min(seconds) < 0.5


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "gatekit 0.1.0\n"


def test_an_unknown_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["comapre", "x"]) == EXIT_REFUSED
    said = capsys.readouterr().err
    assert "'comapre'; did you mean 'compare'?" in said
    assert "gatekit --help" in said


def test_a_refusal_is_one_message_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "nothing"]) == EXIT_REFUSED
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gatekit: no study 'nothing'")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "argv", [["compare", "nothing", "--debug"], ["--debug", "compare", "nothing"]]
)
def test_debug_lets_the_error_through(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError):
        main(argv)


def test_an_interrupt_is_exit_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(name: str, argv: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("gatekit.cli.data.run", interrupted)
    assert main(["data", "list"]) == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "gatekit: interrupted\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = processes.run([*GATEKIT, "--help"], stdout=closed, stderr=subprocess.PIPE, text=True)
    assert done.stderr == ""
    assert done.returncode == EXIT_BROKEN_PIPE


ABOUT_ONE = (
    "compare",
    "report",
    "status",
    "failures",
    "logs",
    "prune",
    "confirm",
    "gates-report",
    "query",
    "export",
    "bundle",
    "import",
    "rerun",
)
"""Commands that ask for the name of a study or run."""

ABOUT_TWO = ("new", "why")
"""Commands that take two words: a kind and a name, or two things to set against each other."""


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"train", "plan"}))
def test_every_command_has_help_and_refuses_an_unknown_option(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"usage: gatekit {command}" in capsys.readouterr().out
    count = 1 * (command in ABOUT_ONE) + 2 * (command in ABOUT_TWO)
    required = ["list"] if command == "data" else ["x"] * count
    assert main([command, *required, "--debgu"]) == EXIT_REFUSED
    assert "'--debgu'; did you mean '--debug'?" in capsys.readouterr().err

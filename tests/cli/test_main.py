"""The ``gatekit`` command as a process: start-up, refusals, pipes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import processes
import pytest
from compare.synthetic import write_study
from seams import (
    COMMANDS,
    EXIT_BROKEN_PIPE,
    EXIT_INTERRUPTED,
    EXIT_OUTPUT,
    EXIT_REFUSED,
    Parser,
    main,
)

from gatekit import RunError

GATEKIT = [sys.executable, "-c", "import sys; from gatekit.cli.main import main; sys.exit(main())"]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f"  {name} " not in shown] == []
    assert main([]) == 0
    assert capsys.readouterr().out == shown


def test_help_imports_neither_tensorflow_nor_hydra() -> None:
    code = (
        "import sys; from gatekit.cli.main import main; main(['--help']);"
        "print(sorted({'tensorflow', 'keras', 'hydra', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "gatekit 0.1.0\n"


def test_an_unknown_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["comapre", "x"]) == EXIT_REFUSED
    assert "did you mean 'compare'?" in capsys.readouterr().err


def test_a_refusal_is_one_message_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "nothing"]) == EXIT_REFUSED
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gatekit: ")
    assert "'nothing'" in err
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
    def interrupted(parser: Parser) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("gatekit.cli.share.data", interrupted)
    assert main(["data", "list"]) == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "gatekit: interrupted\n"


# What the shell does with the streams, the exit code, and what is on stderr.
STREAMS = {
    "--help >/dev/full": (EXIT_OUTPUT, "the output cannot be written: No space left on device"),
    "show --help >/dev/full": (EXIT_OUTPUT, "the output cannot be written: No space left"),
    "--version >&-": (EXIT_OUTPUT, "the output cannot be written: Bad file descriptor"),
    "--version <&- >&- 2>&-": (EXIT_OUTPUT, ""),
    "status nothing >&-": (EXIT_REFUSED, "'nothing'"),
    "status nothing 2>/dev/full": (EXIT_REFUSED, ""),
    "--version 2>&-": (0, ""),
}


@pytest.mark.parametrize(
    ("typed", "unbuffered"),
    [*((typed, "") for typed in STREAMS), *((typed, "1") for typed in list(STREAMS)[::3])],
)
@pytest.mark.one_in(3)
def test_a_stream_that_cannot_be_written_is_one_message(
    typed: str, unbuffered: str, tmp_path: Path
) -> None:
    code, said = STREAMS[typed]
    done = processes.run(
        ["bash", "-c", f'"$@" {typed}', "bash", *GATEKIT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.count("\n") == (1 if said else 0)


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "import os; from gatekit.cli.output import guarded\n"
        "with guarded(): number = os.open('file', os.O_CREAT | os.O_WRONLY)\n"
        "os._exit(number)"
    )
    typed = ["bash", "-c", '"$@" <&- >&- 2>&-', "bash", sys.executable, "-c", code]
    assert processes.run(typed, cwd=tmp_path).returncode > 2


def test_a_deleted_working_folder_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for argv in (["cells"], ["train", "cell=lstm"], ["plugins"], ["status", "x"]):
        assert main(argv) == EXIT_REFUSED
        assert "the working folder cannot be read" in capsys.readouterr().err
    assert main(["--help"]) == 0
    # pytest itself asks where it is
    os.chdir(tmp_path)


def test_a_terminal_without_unicode_gets_escapes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments" / "größe").mkdir(parents=True)
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", written)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert main(["status", "x"]) == EXIT_REFUSED
    assert rb"gr\u00f6\u00dfe" in written.buffer.getvalue()  # type: ignore[attr-defined]
    assert main(["cite", "cell=lstm"]) == 0
    assert rb"J\u00fcrgen" in sys.stdout.buffer.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "argv",
    [
        ["compare", "demo", "--figure", "x.svg"],
        ["report", "demo", "--to", "x.html"],
        ["bundle", "demo", "--output", "x.zip"],
        ["show", "cell=lstm", "--diagram", "x.svg"],
    ],
)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_target_that_is_no_file_is_refused(
    argv: list[str],
    make: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "experiments", {"lstm": [8.6, 8.65], "gru": [8.7, 8.8]})
    target = argv[-1]
    make(target)
    assert main(argv) == EXIT_REFUSED
    printed = capsys.readouterr().err
    assert target in printed
    assert "not a regular file" in printed or "is a folder" in printed
    assert not Path(target).is_file()


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
    "extend",
    "gates-report",
    "bundle",
    "import",
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
    required = {"data": ["list"], "completion": ["bash"]}.get(command, ["x"] * count)
    assert main([command, *required, "--debgu"]) == EXIT_REFUSED
    assert "--debgu" in capsys.readouterr().err


def test_help_of_a_command_is_also_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["help", "compare"])
    assert capsys.readouterr().out.startswith("usage: gatekit compare")
    assert main(["help"]) == 0


@pytest.mark.parametrize("words", [["show", "cell={}"], ["train", "task={}"], ["check", "{}.yaml"]])
def test_a_name_that_is_too_long_for_a_file_is_one_message(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.format("x" * 300) for word in words]) == 2
    printed = capsys.readouterr().err
    assert "xxx" in printed
    assert len(printed) < 200
    assert "x" * 61 not in printed

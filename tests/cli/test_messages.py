"""Plugins of your own in every command, in each spelling."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from seams import COMMANDS, main

GATE = '''from gatekit import Gate, hookimpl, ops


class Half(Gate):
    """``half = sigmoid(pre) / 2``

    Reference: unpublished
    """

    def activate(self, pre):
        return ops.sigmoid(pre) / 2


@hookimpl
def gatekit_gates():
    return {"half": Half}
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_options_may_follow_the_gate_of_a_swap(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for first in ("swap.forget=power_law", "swap.forget.kind=power_law"):
        assert main(["show", "cell=lstm", first, "swap.forget.eps=0.25"]) == 0
        assert "0.25" in capsys.readouterr().out


PLUGIN_SPELLINGS = ("--plugin own.py", "--plugin=own.py", "plugins=[own.py]", "plugins=own.py")
WITH_PLUGINS = (
    "show cell=lstm swap.forget=half",
    "cite cell=lstm",
    "check half --only name_valid",
    "cells --year 1990",
    "gates",
    "output-units",
    "functions",
    "tasks",
    "plugins",
    "plan cell=lstm swap.forget=half --list",
    "train cell=lstm swap.forget=half --cfg job",
)


@pytest.mark.one_in(8)
@pytest.mark.parametrize("spelling", PLUGIN_SPELLINGS)
@pytest.mark.parametrize("typed", WITH_PLUGINS)
def test_every_command_takes_plugins_in_both_spellings(
    typed: str, spelling: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "own.py").write_text(GATE, encoding="utf-8")
    code = main(shlex.split(f"{typed} {spelling}"))
    assert code == 0, capsys.readouterr().err
    if typed in ("gates", "plugins"):
        assert "own.py" in capsys.readouterr().out


def test_train_and_plan_name_a_plugin_that_is_missing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "own.py").write_text(GATE, encoding="utf-8")
    for command in ("train", "plan"):
        words = ["cell=lstm", "plugins=[own.py]", "--plugin", "owm.py", "swap.forget=half"]
        assert main([command, *words]) == 2
        assert "owm.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [name for name in sorted(COMMANDS) if COMMANDS[name].plugins != "key"]
)
def test_every_command_that_reads_the_option_takes_the_key(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert ("--plugin FILE.py" in capsys.readouterr().out) == (
        COMMANDS[command].plugins == "option"
    )


CELL = """name: mine
gates:
  update: {kind: update}
  candidate: {kind: candidate}
equations:
  h: update * h_prev + (1 - update) * candidate
emits: h
"""


SIGMOID = "return ops.sigmoid(pre) / 2"

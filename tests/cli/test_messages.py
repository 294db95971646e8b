"""Mistakes that a newcomer made: what the message has to contain, and how long it may be."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from compare.synthetic import write_study

from gatekit.cell.errors import ConfigError, nearest
from gatekit.cli import spelling
from gatekit.cli.commands import COMMANDS
from gatekit.cli.main import main

COLUMNS = 80

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


@dataclass(frozen=True)
class Mistake:
    """A command as it is typed.

    Args:
        typed: the words after ``gatekit``, as a shell passes them on.
        says: strings that the message contains; ``{here}`` is the working folder.
        hides: strings that it does not contain.
        lines: how many lines it takes at most on a terminal of 80 columns.
    """

    typed: str
    says: tuple[str, ...]
    hides: tuple[str, ...] = ()
    lines: int = 4


NO_LIST = ("antisymmetric_rnn", "Known:", "Registered:")
MISTAKES = {
    "another-folder-show": Mistake(
        "show cell=duo_lstm",
        ("{here}/conf/cell/duo_lstm.yaml", "did you mean 'u_lstm'?"),
        NO_LIST,
        6,
    ),
    "another-folder-status": Mistake(
        "status duo", ("no folder {here}/experiments", "cd to the folder"), ("(none)",)
    ),
    "misspelt-cell": Mistake(
        "show cell=lsmt", ("did you mean 'lstm'?", "`gatekit cells` lists all"), NO_LIST, 6
    ),
    "misspelt-gate": Mistake(
        "show cell=lstm swap.forget=sigmiod",
        ("did you mean 'sigmoid'?", "`gatekit gates` lists all"),
        ("hard_sigmoid, ", "Registered:"),
        6,
    ),
    "misspelt-name-to-check": Mistake(
        "check slwo", ("`gatekit new gate slwo`", "`gatekit gates`"), NO_LIST, 4
    ),
    "misspelt-study": Mistake("compare demmo", ("did you mean 'demo'? Studies",), ("?;", ".;"), 4),
    "misspelt-output-unit": Mistake(
        "show cell=lstm output_unit=hiden", ("did you mean 'hidden'?",), ("?;",), 6
    ),
    "plugin-that-is-missing": Mistake(
        "check half plugins=[nowhere.py]", ("'nowhere.py' is not a file",), NO_LIST
    ),
    "new-gate-of-a-known-name": Mistake(
        "new gate forget", ("already exists", "gatekit new gate my_forget"), ("there already",)
    ),
    "new-kind": Mistake(
        "new gte mine", ("did you mean 'gate'? Type gatekit new KIND NAME",), ("no new",)
    ),
    "gate-for-a-cell": Mistake("show cell=forget", ("swap.forget=forget",), NO_LIST),
    "path-of-a-study": Mistake("compare experiments/demo", ("type gatekit compare demo",)),
    "two-studies": Mistake("compare demo other", ("; it takes one study",), lines=8),
    "option-of-another-command": Mistake("report demo --output x", ("did you mean '--to'?",)),
    "option-of-another-command-2": Mistake("bundle demo --to x", ("did you mean '--output'?",)),
    "metric": Mistake("compare demo --metric f1", ("--task NAME chooses",), ("--margin'",), 8),
    "option-of-plan": Mistake("plan cell=lstm --lst", ("did you mean '--list'?", "--json")),
    "path-of-a-plugin": Mistake("check plugins/mine.py", ("there is no file plugins/mine.py",)),
    "no-bundle": Mistake("rerun demo", ("`gatekit bundle demo` writes",)),
    "one-of-two": Mistake("why demo", ("type `gatekit why A B`",)),
    "plugin-without-a-file": Mistake("train cell=lstm --plugin", ("type --plugin FILE.py",)),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_a_short_message_with_the_remedy(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mistake = MISTAKES[name]
    if name in ("misspelt-study", "path-of-a-study"):
        write_study(here / "experiments", {"lstm": (1.0, 1.1)}, "demo")
    assert main(shlex.split(mistake.typed)) == 2
    out, message = capsys.readouterr()
    assert out == ""
    assert [word for word in mistake.says if word.replace("{here}", str(here)) not in message] == []
    assert [word for word in mistake.hides if word in message] == []
    # a path of the working folder may be long: it counts as a short one
    shown = message.replace(str(here), "~/gates/my-study").splitlines()
    lines = [part for line in shown for part in textwrap.wrap(line, COLUMNS) or [""]]
    assert len(lines) <= mistake.lines, message


MISPLACED = {
    "conf/cell/mine.yml": "type mv conf/cell/mine.yml conf/cell/mine.yaml",
    "conf/mine.yaml": "type mv conf/mine.yaml conf/cell/mine.yaml",
}


@pytest.mark.parametrize("name", MISPLACED)
def test_a_cell_in_another_place_is_found(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "conf/cell").mkdir(parents=True)
    (here / name).write_text("defaults: [lstm, _self_]\n")
    assert main(["show", "cell=mine"]) == 2
    assert MISPLACED[name] in capsys.readouterr().err


PLUGIN_SPELLINGS = ("--plugin own.py", "--plugin=own.py", "plugins=[own.py]", "plugins=own.py")
WITH_PLUGINS = (
    "show cell=lstm swap.forget=half",
    "cite cell=lstm",
    "check half --only name_valid",
    "cells --year 1999",
    "gates",
    "output-units",
    "functions",
    "tasks",
    "plugins",
    "plan cell=lstm swap.forget=half --list",
    "train cell=lstm swap.forget=half --cfg job",
)


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
        assert "'owm.py' is not a file" in capsys.readouterr().err


def test_what_follows_a_suggestion_is_a_sentence() -> None:
    # "did you mean 'cell'?; keys: ..." reads as a mistake
    message = f"no key 'cel'{nearest('cel', ['cell', 'task'])}; keys: cell, task; type one of them"
    expected = "no key 'cel'; did you mean 'cell'? Keys: cell, task; type one of them"
    assert str(ConfigError(message)) == expected
    assert str(ConfigError("'a'?; b")) == "'a'?; b"


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - set(spelling.KEY)))
def test_every_command_that_reads_the_option_takes_the_key(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert ("--plugin FILE.py" in capsys.readouterr().out) == (command in spelling.OPTION)

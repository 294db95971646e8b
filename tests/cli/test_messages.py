"""Mistakes that a newcomer made: what the message has to contain, and how long it may be."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from compare.synthetic import write_study

from gatekit.cell.errors import ConfigError, nearest
from gatekit.cli import shell
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
BROKEN = "defaults: [lstm, _self_]\ngates:\n  forget: {kind: forgett}\n"
INDENTED = "gates:\n  forget: {kind: forget}\n   input: {kind: input}\nemits: h\n"


@dataclass(frozen=True)
class Mistake:
    """A command as it is typed.

    Args:
        typed: the words after ``gatekit``, as a shell passes them on.
        says: strings that the message contains; ``{here}`` is the working folder.
        hides: strings that it does not contain.
        lines: how many lines it takes at most on a terminal of 80 columns.
        files: files of the working folder, by path.
    """

    typed: str
    says: tuple[str, ...]
    hides: tuple[str, ...] = ()
    lines: int = 4
    files: tuple[tuple[str, str], ...] = ()


NO_LIST = ("antisymmetric_rnn", "Known:", "Registered:")
MISTAKES = {
    "another-folder-show": Mistake(
        "show cell=duo_lstm",
        ("{here}/conf/cell/duo_lstm.yaml", "no folder {here}/conf", "cd to the folder"),
        NO_LIST,
        6,
    ),
    "another-folder-train": Mistake(
        "train cell=duo_lstm",
        ("{here}/conf/cell/duo_lstm.yaml", "no folder {here}/conf", "cd to the folder"),
        NO_LIST,
        6,
    ),
    "another-folder-status": Mistake(
        "status duo", ("no folder {here}/experiments", "cd to the folder"), ("(none)",)
    ),
    "misspelt-cell": Mistake(
        "show cell=lsmt", ("did you mean 'lstm'?", "`gatekit cells` lists all"), NO_LIST, 6
    ),
    "misspelt-cell-in-train": Mistake(
        "train cell=lsmt", ("did you mean 'lstm'?", "`gatekit cells` lists all"), NO_LIST, 6
    ),
    "misspelt-task": Mistake(
        "train task=addign", ("did you mean 'adding'?", "`gatekit tasks` lists all"), NO_LIST, 6
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
    "two-cells-show": Mistake(
        "show cell=lstm,gru",
        ("cell=lstm,gru", " one"),
        ("tgru", *NO_LIST),
    ),
    "a-list-of-cells-show": Mistake(
        "show 'cell=[lstm,gru]'", ("lstm", " one"), ("never needs", *NO_LIST)
    ),
    "two-cells-cite": Mistake("cite cell=lstm,gru", ("cell=lstm,gru", " one"), NO_LIST),
    "braces-expanded-show": Mistake(
        "show cell=lstm swap.forget=kind:power_law swap.forget=eps:0.1",
        ("the shell expanded the braces", "'swap.forget={kind:power_law,eps:0.1}'"),
        ("given twice",),
    ),
    "braces-expanded-train": Mistake(
        "train cell=lstm swap.forget=kind:power_law swap.forget=eps:0.1",
        ("the shell expanded the braces", "'swap.forget={kind:power_law,eps:0.1}'"),
        ("there is no gate", "Plugins loaded"),
    ),
    "braces-split-show": Mistake(
        "show cell=lstm swap.forget={kind: power_law} units=3",
        ("the shell split a value at a space", "'swap.forget={kind: power_law}'"),
        ("units=3", "is not KEY=VALUE"),
    ),
    "braces-split-train": Mistake(
        "train cell=lstm swap.forget={kind: power_law, eps: 0.1}",
        ("the shell split a value at a space", "'swap.forget={kind: power_law, eps: 0.1}'"),
        ("is not KEY=VALUE",),
    ),
    "file-and-name-differ-show": Mistake(
        "show cell=mine",
        ("{here}/conf/cell/mine.yaml: name is 'other'", "write name: mine, or rename the file"),
        files=(("conf/cell/mine.yaml", "defaults: [lstm, _self_]\nname: other\n"),),
    ),
    "file-and-name-differ-train": Mistake(
        "train cell=mine",
        ("{here}/conf/cell/mine.yaml: name is 'other'", "write name: mine, or rename the file"),
        files=(("conf/cell/mine.yaml", "defaults: [lstm, _self_]\nname: other\n"),),
    ),
    "a-fault-in-a-file": Mistake(
        "show cell=mine",
        ("{here}/conf/cell/mine.yaml: cell.gates.forget", "did you mean 'forget'?"),
        lines=8,
        files=(("conf/cell/mine.yaml", BROKEN),),
    ),
    "a-fault-in-a-file-before-a-swap": Mistake(
        "show cell=mine swap.input=coupled",
        ("{here}/conf/cell/mine.yaml: cell.gates.forget", "did you mean 'forget'?"),
        lines=8,
        files=(("conf/cell/mine.yaml", BROKEN),),
    ),
    "indentation": Mistake(
        "show cell=mine",
        (
            "{here}/conf/cell/mine.yaml, line 3, is not YAML",
            "input: {kind: input}\n",
            "^",
            "begin in the same column",
        ),
        lines=8,
        files=(("conf/cell/mine.yaml", INDENTED),),
    ),
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
    for path, text in mistake.files:
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_text(text, encoding="utf-8")
    if name == "misspelt-study":
        write_study(here / "experiments", {"lstm": (1.0, 1.1)}, "demo")
    # the shell has split these words already
    braces = name.startswith("braces")
    assert main(mistake.typed.split() if braces else shlex.split(mistake.typed)) == 2
    out, message = capsys.readouterr()
    assert out == ""
    assert [word for word in mistake.says if word.replace("{here}", str(here)) not in message] == []
    assert [word for word in mistake.hides if word in message] == []
    # a path of the working folder may be long: it counts as a short one
    shown = message.replace(str(here), "~/gates/my-study").splitlines()
    lines = [part for line in shown for part in textwrap.wrap(line, COLUMNS) or [""]]
    assert len(lines) <= mistake.lines, message


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


def test_values_in_quotes_are_not_taken_for_split_ones(here: Path) -> None:
    words = ["show", "cell=lstm", "swap.forget={kind: power_law, eps: 0.1}", "units=3"]
    assert main(words) == 0
    assert main(["show", "cell=lstm", "swap.forget=power_law", "swap.input=coupled"]) == 0


def test_a_cell_without_a_name_is_called_like_its_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "conf/cell").mkdir(parents=True)
    (here / "conf/cell/mine.yaml").write_text("defaults: [lstm, _self_]\n")
    assert main(["show", "cell=mine"]) == 0
    assert capsys.readouterr().out.startswith("mine: ")
    assert main(["train", "cell=mine", "--cfg", "job"]) == 0
    assert "  name: mine\n" in capsys.readouterr().out


def test_what_follows_a_suggestion_is_a_sentence() -> None:
    # "did you mean 'cell'?; keys: ..." reads as a mistake
    message = f"no key 'cel'{nearest('cel', ['cell', 'task'])}; keys: cell, task; type one of them"
    expected = "no key 'cel'; did you mean 'cell'? Keys: cell, task; type one of them"
    assert str(ConfigError(message)) == expected
    assert str(ConfigError("'a'?; b")) == "'a'?; b"


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - set(shell.KEY)))
def test_every_command_that_reads_the_option_takes_the_key(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert ("--plugin FILE.py" in capsys.readouterr().out) == (command in shell.OPTION)

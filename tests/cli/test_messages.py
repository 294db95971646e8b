"""Mistakes that a newcomer made: what the message has to contain, and how long it may be."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from compare.synthetic import write_study
from seams import COMMANDS, main

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
        ("{here}/conf/cell/duo_lstm.yaml",),
        NO_LIST,
        6,
    ),
    "another-folder-status": Mistake("status duo", ("{here}/experiments",), ("(none)",)),
    "misspelt-cell": Mistake("show cell=lsmt", ("'lstm'?", "`gatekit cells`"), NO_LIST, 6),
    "misspelt-gate": Mistake(
        "show cell=lstm swap.forget=sigmiod",
        ("'sigmoid'?", "`gatekit gates`"),
        ("hard_sigmoid, ", "Registered:"),
        6,
    ),
    "misspelt-name-to-check": Mistake(
        "check slwo", ("`gatekit new gate slwo`", "`gatekit gates`"), NO_LIST, 4
    ),
    "misspelt-study": Mistake("compare demmo", ("`gatekit compare demo`",), ("?;", ".;"), 4),
    "misspelt-output-unit": Mistake("show cell=lstm output_unit=hiden", ("'hidden'?",), ("?;",), 6),
    "plugin-that-is-missing": Mistake(
        "check half plugins=[nowhere.py]", ("'nowhere.py'",), NO_LIST
    ),
    "new-gate-of-a-known-name": Mistake(
        "new gate forget", ("already exists", "gatekit new gate my_forget"), ("there already",)
    ),
    "new-kind": Mistake("new gte mine", ("gatekit new gate NAME",), ("no new",)),
    "path-of-a-study": Mistake("compare experiments/demo", ("`gatekit compare demo`",)),
    "metric": Mistake("compare demo --metric f1", ("--task NAME",), ("--margin'",), 8),
    "path-of-a-plugin": Mistake("check plugins/mine.py", ("there is no file plugins/mine.py",)),
    "no-bundle": Mistake("import demo", ("`gatekit bundle STUDY` writes",)),
    "one-of-two": Mistake("why demo", ("cd to the folder of your project",)),
    "cell-in-capitals": Mistake("train cell=LSTM task=adding", ("'lstm'?",)),
    "swap-without-a-role": Mistake(
        "train cell=lstm task=adding swap=sigmoid", ("swap.forget=sigmoid.",)
    ),
    "option-before-its-gate": Mistake(
        "train cell=lstm task=adding swap.forget.eps=0.1 swap.forget=power_law",
        ("swap.forget.kind=power_law swap.forget.eps=0.1.",),
    ),
    "study-to-serve": Mistake("serve demo", ("`gatekit status demo`",)),
    "cite-a-gate": Mistake(
        "cite gate=power_law", ("gatekit cite cell=lstm swap.forget=power_law",)
    ),
    "new-cell": Mistake("new cell mine", ("conf/cell/NAME.yaml",)),
    "new-without-a-kind": Mistake("new leaky x", ("type gatekit new gate leaky",)),
    "resume": Mistake("train --resume", ("--resume",), ("--resolve",)),
    "configuration-file": Mistake("train config.yaml", ("experiment=config",)),
    "output-of-compare": Mistake("compare demo -o t.csv", ("--csv > FILE.csv",), (), 6),
    "open-a-report": Mistake("report demo --open", ("`gatekit report demo`",), ("--force'",), 5),
    "gate-as-value-of-swap": Mistake(
        "show cell=lstm swap=forget:sigmoid", ("swap.forget=sigmoid.",)
    ),
    "options-in-a-call": Mistake(
        "show cell=lstm 'swap.forget=power_law(eps=0.1)'",
        ("swap.forget={kind: power_law, eps: 0.1}",),
    ),
    "values-with-a-space": Mistake("train -m cell=lstm gru", ("-m cell=lstm,gru",)),
    "device": Mistake("train cell=lstm device=cuda", ("CUDA_VISIBLE_DEVICES=",), (), 7),
    "epochs": Mistake("train cell=lstm n_epochs=3", ("trainer.epochs?",), (), 6),
    "name-of-a-study": Mistake("train cell=lstm name=one", ("study=one",), (), 6),
    "half": Mistake("train cell=lstm precision=fp16", ("precision=mixed_float16.",)),
    "length-of-a-task": Mistake("train task=adding task.T=9", ("task.length=9.",)),
    "delete": Mistake("delete demo", ("`rm -r`",), ("did you",), 5),
    "rename": Mistake("rename demo b", ("`mv`",), (), 5),
    "resume-command": Mistake("resume demo", ("resume: ",), ("`gatekit train demo`",), 6),
    "new-of-two": Mistake("new gate my gate", ("KIND",), (), 3),
    "match": Mistake("train match=50000", ("match=parameters:50000",), (), 4),
    "plus": Mistake("extend demo --seeds +3", ("total number of seeds",), (), 4),
    "stop": Mistake("stop demo", ("stop: ",), (), 5),
    "cells-without-brackets": Mistake(
        "train mixers=lstm,gru layers=2", ("'mixers=[lstm,gru]'",), ("add -m",)
    ),
    "cells-without-brackets-in-a-sweep": Mistake(
        "train -m mixers=lstm,gru layers=2",
        ("'mixers=[lstm,gru]'.",),
    ),
    "cell-beside-cells": Mistake(
        "train cell=mgu 'mixers=[lstm,gru]' layers=2", ("mixers=[lstm,gru]: ",)
    ),
    "option-in-a-choice": Mistake("train block=modern.conv=0", ("conf/block",), ("quotes",)),
    "no-block": Mistake("train block=none", ("block=plain",)),
    "null-block": Mistake("train block=null", ("block=plain.",)),
    "value-of-a-block": Mistake(
        "train block=modern block.norm=batch", ("rms, layer, none.",), ("not str",)
    ),
    "list-of-gates": Mistake(
        "train -m cell=lstm swap.forget=[sigmoid,power_law]",
        ("-m swap.forget=sigmoid,power_law",),
    ),
    "gate-as-a-key-of-the-cell": Mistake(
        "train cell=lstm cell.forget=power_law", ("cell.gates.forget=power_law.",)
    ),
    "stateful": Mistake("train trainer.stateful=true", ("trainer.tbptt?",)),
    "jit-of-the-trainer": Mistake("train trainer.jit=true", ("jit=true",)),
    "scheduler": Mistake("train scheduler=cosine", ("optimizer.schedule?",), (), 6),
    "wandb": Mistake("train wandb=true", ("'track=[wandb]'.",), (), 6),
    "activation": Mistake("train activation=relu", ("swap.candidate=relu.",), (), 6),
    "project-here": Mistake("new project .", ("type gatekit new project my-study",)),
    "plugin-without-a-file": Mistake("train cell=lstm --plugin", ("--plugin my_gate.py",)),
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


def test_a_block_of_ones_own_needs_a_plugin(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "conf").mkdir()
    assert main(["train", "block=mine"]) == 2
    assert "`gatekit new block NAME`" in capsys.readouterr().err


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
        assert "'plugins=[own.py]'" in capsys.readouterr().err


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
CHANGED = {
    "key-of-a-run": ("emits: h", "emits: h\nunits: 64", "units=64"),
    "output": ("emits: h", "output: h", "emits: h"),
    "states": ("emits: h", "emits: h\nstates: {h: 0}", "cell.states"),
    "one-name-twice": (
        "h: update *",
        "update: update *",
        "cell.gates.update",
    ),
    "no-product": (
        "(1 - update) * ",
        "(1 - update)",
        "h: update *",
    ),
    "max": ("* candidate", "* max(candidate, 0)", "* maximum(candidate, 0)"),
    "map": ("* candidate", "* dense(candidate)", "{x: "),
    "no-argument": ("{kind: update}", "{activation: relu}", "relu(pre)"),
    "first-bias": (
        "{kind: update}",
        "{kind: update, bias: 1}",
        "{bias: {kind: constant, value: 1}}",
    ),
    "init": (
        "{kind: update}",
        "{kind: update, init: ones}",
        "initializers.bias?",
    ),
    "a-number": ("{kind: update}", "0.5", "constants: {update: 0.5}"),
    "previous": ("h_prev", "h(t-1)", "h_prev"),
    "lerp": ("(1 - update) * candidate", "lerp(h, x)", "a + c * (b - a)"),
    "glued": ("{kind: update}", "{kind:update}", "update: {kind: update}"),
    "line-break": ("h: update *", "h: |\n    update\n    *", "U+000A"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_mistake_in_a_cell_gets_the_file_and_the_remedy(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, remedy = CHANGED[name]
    path = here / "conf/cell/mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(CELL.replace(old, new, 1))
    assert main(["show", "cell=mine"]) == 2
    message = capsys.readouterr().err
    assert remedy in message
    assert "conf/cell/mine.yaml" in message


SIGMOID = "return ops.sigmoid(pre) / 2"
CHANGED_GATES = {
    "number": (SIGMOID, "return 1", "line 14"),
    "relative-import": (
        "\n\n\nclass",
        "\nfrom .x import y\n\n\nclass",
        "`gatekit new gate NAME --package`",
    ),
    "no-default": ("    def", "    eps: float\n\n    def", "eps: float = VALUE"),
    "shadow": (
        "    def",
        "    parameters = {'pre': gatekit.Parameter('units', init=1.0)}\n\n    def",
        "'pre'",
    ),
    "parameter-of-self": (
        "    def",
        "    parameters = {'p': gatekit.Parameter('units', init=1.0)}\n\n    def",
        "'p'",
    ),
    "options": ("    def", "    options = {'k': 2.0}\n\n    def", "k: float = 1.0"),
    "outside": (
        "    def",
        "    W = gatekit.Parameter('units')\n\n    def",
        "parameters = {'W': ...}",
    ),
    "both": (
        "    def",
        "    p: float = 1.0\n    parameters = {'p': gatekit.Parameter('units')}\n\n    def",
        "Half.p",
    ),
    "state-by-its-name": (
        "    def activate(self, pre)",
        "    states = {'s': 0.0}\n\n    def activate(self, pre, s)",
        "s_prev",
    ),
    "axis": (SIGMOID, "return ops.softmax(pre, axis=1)", "axis=1"),
    "matrix": (SIGMOID, "return ops.matmul(pre, pre)", "{x: "),
    "initial": (
        "    def",
        "    parameters = {'p': gatekit.Parameter('units', init=[1])}\n\n    def",
        "init={'kind': 'uniform'}",
    ),
    "decorator": (
        "    def",
        "    @functools.cache\n    def",
        "ops.abs(x)",
    ),
}


@pytest.mark.parametrize("name", CHANGED_GATES)
def test_a_mistake_in_a_gate_gets_the_remedy(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, remedy = CHANGED_GATES[name]
    text = "import functools\n\nimport gatekit\n" + GATE.replace(old, new, 1)
    if name == "decorator":
        text = text.replace(SIGMOID, "return abs(float(pre))")
    path = here / "plugins/half.py"
    path.parent.mkdir()
    path.write_text(text)
    assert main(["show", "cell=lstm", "swap.forget=half"]) == 2
    message = capsys.readouterr().err
    assert remedy in message

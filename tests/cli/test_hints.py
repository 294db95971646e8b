"""Classes of mistakes on a command line: the message ends with the line to type, and is short."""

from __future__ import annotations

import re
import shlex
import textwrap
import tomllib
from pathlib import Path

import pytest
from compare.synthetic import write_study
from seams import COMMANDS, RequestedRun, faults, main, write

SYNONYMS = Path(faults.__file__).with_name("synonyms.toml")
CLASSES = {
    "misspelt command": ("complare demo", "`gatekit compare demo`."),
    "command after its argument": ("demo compare", "`gatekit compare demo`."),
    "other name before a command": ("list cells", "`gatekit cells`."),
    "help of a command": ("help trian", "`gatekit train --help`."),
    "missing argument": ("compare", "`gatekit compare demo`."),
    "missing argument and a misspelt option": ("compare --hlep", "--help."),
    "missing value": ("compare demo --baseline", "--baseline lstm."),
    "value of another kind": (
        "compare demo --level 95%",
        "--level 0.95.",
    ),
    "no such choice": ("code cell=lstm --to pytorch", "--to torch."),
    "value of a flag": ("compare demo --json=x", "--json."),
    "two that exclude each other": ("compare demo --json --csv", "--csv: "),
    "misspelt option": ("prune demo --yess", "--yes."),
    "option of other programs": (
        "compare demo --group-by cell",
        "--by cell.",
    ),
    "confidence for level": ("compare demo --alpha 0.01", "--level 0.99 "),
    "file with another ending": (
        "report demo --output x.pdf",
        "--to x.pdf.",
    ),
    "option of another command": (
        "train cell=lstm --figure x.png",
        "`gatekit compare STUDY --figure x.png`.",
    ),
    "cell as an option": ("compare demo --cell lstm gru", "--where cell=lstm."),
    "two studies": ("status demo other", "`gatekit status demo`."),
    "option as a key of a comparison": (
        "compare demo root=experiments",
        "--root experiments.",
    ),
    "option as a key of a status": (
        "status demo root=experiments",
        "--root experiments.",
    ),
    "option as a key before the study": (
        "compare root=experiments demo",
        "--root experiments.",
    ),
    "switch as a key": ("status demo json=true", "--json."),
    "number without an option": ("failures demo 3", "--lines 3."),
    "file without an option": ("bundle demo x.zip", "--output x.zip."),
    "table to a file": ("compare demo --csv x.csv", "`gatekit compare demo --csv`"),
    "option without dashes": ("compare demo json", "--json."),
    "pair in two words": (
        "compare demo --label lstm LSTM",
        "--label lstm=LSTM.",
    ),
    "percent apart": ("compare demo --margin 5 %", "--margin 5%."),
    "groups without their study": (
        "why demo lstm gru",
        "`gatekit why STUDY/lstm STUDY/gru`",
    ),
    "study for a group": ("why demo lstm", "such as demo/gru demo/lstm"),
    "one of two groups": ("why demo", "such as demo/gru demo/lstm"),
    "study for a run": ("logs demo", "`gatekit status demo --runs`"),
    "name for a list": ("gates sigmoid", "swap.forget=sigmoid"),
    "study as an option": ("report --study demo", "--study"),
    "another ending": ("bundle demo --output x.tar.gz", "--output x.tar.zip"),
    "folder of studies": ("status demo --root .", "experiments."),
    "study of another command": ("bundle dmo", "`gatekit bundle demo`."),
    "key in which runs agree": ("compare demo --by units", "cell."),
    "key that no run has": ("compare demo --by cel", "--by cell,"),
    "blocks of one group": ("compare demo --within cell", "--within=cell"),
    "figure without a file": ("compare demo --draw forest", "--figure FILE.svg."),
    "misspelt figure": ("compare demo --draw curve", "--draw curves."),
    "condition without a key": ("compare demo --where lstm", "--where cell=lstm."),
    "no cell of a year": ("cells --year 1800", "`gatekit cells`"),
    "kind of another name": ("check adding --kind gates", "gatekit check adding"),
    "two names": ("check lstm gru", "`gatekit check lstm && gatekit check gru`"),
    "kind without a name": ("new project", "gatekit new project my-study"),
    "action of other programs": ("data download digits", "`gatekit data get digits`"),
    "keys as options": (
        "train --cell lstm --lr=0.1 --jit",
        "cell=lstm.",
    ),
    "keys as options of show": ("show --cell lstm", "cell=lstm."),
    "key without a value": ("train cell=lstm bidirectional", "bidirectional=true."),
    "value without a key": ("train units=4 8", "-m units=4,8"),
    "key with nothing": ("train cell= task=adding", "cell=lstm."),
    "comma between keys": ("train cell=lstm, task=adding", "cell=lstm."),
    "values in brackets": ("train -m cell=(lstm,gru)", "-m cell=lstm,gru."),
    "semicolons": ("train -m 'units=range(8;64;8)'", "-m 'units=range(8,64,8)'."),
    "range without -m": ("train cell=lstm 'seed=range(3)'", "-m 'seed=range(0,3)'."),
    "seeds without -m": (
        "train cell=lstm seed=0,1",
        "-m seed=0,1.",
    ),
    "decimal comma": (
        "train cell=lstm optimizer.learning_rate=0,001",
        " optimizer.learning_rate=0.001,",
    ),
    "gate by a near name": (
        "show cell=lstm cell.gates.forgte.kind=power_law",
        "'forget'",
    ),
    "draws without -m": ("train cell=lstm trials=3", "hydra/sweeper=random"),
    "list for a mapping": ("train swap=[forget:power_law]", "swap.forget=power_law."),
    "option in a call": ("train 'optimizer=adam(lr=0.1)'", "optimizer=adam."),
    "option after a comma": (
        "train swap.forget=power_law,eps=0.1",
        "swap.forget=power_law swap.forget.eps=0.1.",
    ),
    "unknown key": ("train epochs=3", "trainer.epochs=3."),
    "key of a task": ("train task=adding length=9", "task.length=9."),
    "role as a key": ("train cell=lstm forget=power_law", "swap.forget=power_law."),
    "option as a key": ("train baseline=lstm", "`gatekit compare STUDY --baseline lstm`."),
    "name of a task as a key": ("train task.name=copy", "task=copy."),
    "file of a cell": (
        "train cell=./mine.yaml",
        "cell=mine.",
    ),
    "option with no": ("train --no-jit", "jit=false."),
    "key of other programs": ("train loss=mae", "loss"),
    "list in several words": (
        "compare demo --draw curves forest",
        "--draw curves,forest.",
    ),
    "run as an option": ("logs --run 0afd", "--run"),
    "file of an experiment": (
        "train -c mine.yaml",
        "experiment=mine.",
    ),
    "study for a key": ("train demo", "`gatekit extend demo --seeds N`"),
    "tracker that is not installed": ("train track=wandb", "'track=[wandb]'."),
    "flag with a word": ("train probe=gates", "probe=true."),
    "too large": ("train layers=100", "layers=64."),
    "years in other notation": ("cells --year 2014:2018", "--year 2014-2018"),
    "role that a cell lacks": (
        "train cell=rnn swap.forget=power_law",
        "cell=lstm",
    ),
    "budget of another name": ("train match=params:9k", "match=parameters:9k."),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a study of two cells."""
    folder = tmp_path_factory.mktemp("project")
    write_study(folder / "experiments", {"lstm": [1.0, 1.1], "gru": [1.2, 1.3]}, "demo")
    return folder


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_of_mistakes_ends_with_what_to_type(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed, remedy = CLASSES[name]
    monkeypatch.chdir(project)
    assert main(shlex.split(typed)) == 2
    out, message = capsys.readouterr()
    assert out == ""
    assert remedy in message
    shown = message.replace(str(project), "~/study").splitlines()
    assert len([part for line in shown for part in textwrap.wrap(line, 80)]) <= 5, message
    assert "Traceback" not in message
    assert "argument -" not in message


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"plan"}))
def test_an_unknown_option_of_any_command_is_named_without_a_long_list(
    command: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert main([command, "--zzzz"]) == 2
    message = capsys.readouterr().err
    assert message.count("gatekit:") + message.count(f"gatekit {command}") >= 1
    assert len(textwrap.wrap(message, 80)) <= 4, message


def test_a_run_may_be_given_with_its_study(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    run = next((project / "experiments/demo/runs").iterdir())
    assert main(["logs", f"demo/{run.name}"]) == 0
    assert run.name in capsys.readouterr().out


def test_experiments_are_in_the_help_of_train(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    assert "adding, adding_printed" in capsys.readouterr().out


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with two studies and the commands that asked for them; it is the present."""
    for study, cells in {"alone": ["gru"], "demo": ["gru", "lstm"]}.items():
        write_study(tmp_path / "experiments", {cell: [1.0, 1.1] for cell in cells}, study)
        runs = [RequestedRun(f"{k:016x}", "", (f"cell={c}",), c) for k, c in enumerate(cells)]
        command = f"gatekit train -m study={study} cell={','.join(cells)} seeds=2"
        write(tmp_path / "experiments" / study, "0", command, runs)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize(
    ("typed", "remedy"),
    [
        ("gates-report demo", "-m cell=gru,lstm seeds=2 study=demo_probed probe=true"),
    ],
)
def test_a_remedy_has_the_command_that_made_the_study(
    typed: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(shlex.split(typed)) == 2
    assert remedy in capsys.readouterr().err


FLAGS = [
    (found[1], found[2], note)
    for note, words in tomllib.loads(SYNONYMS.read_text(encoding="utf-8"))["flag-note"].items()
    for word in words.split()
    if (found := re.fullmatch(r"([a-z-]*[a-z])(--[\w-]+|-\w)", word))
]


@pytest.mark.parametrize(("command", "flag", "note"), FLAGS)
def test_an_option_of_another_tool_has_its_answer_at_its_command(
    command: str, flag: str, note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, flag]) == 2
    told = " ".join(capsys.readouterr().err.split()).lower()
    assert " ".join(note.split()).lower() in told

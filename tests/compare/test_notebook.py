"""A comparison and a study in a notebook, and on one line."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from refused import at
from seams import RunFolder, plan_file
from seams import comparison_answer as answer

from gatekit import ConfigError, RunError
from gatekit.compare import compare, load

from .synthetic import configuration, write_run, write_study
from .test_comparison import LSTM, RNN
from .test_table import HOSTILE


def test_a_comparison_is_a_table_with_verdicts(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    comparison = compare("demo", tmp_path)
    html = comparison._repr_html_()
    assert html.count("<tr>") == 3
    assert ">8.96 [8.82, 9.10]</td>" in html
    assert html.startswith("<ul><li>Nothing is shown: rnn against lstm: 3 seeds, but")
    assert "against lstm: 3 seeds, but a verdict needs 5" in html
    assert html.count('<img alt="learning curves" width="640" src="data:image/png;base64,') == 1
    assert repr(comparison) == "<Comparison of study 'demo': 2 groups: lstm, rnn>"


def test_a_study_is_its_runs_and_its_table(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    write_run(runs, configuration("gru", 0), state="FAILED")
    study = load("demo", tmp_path)
    assert "study <b>demo</b>: 3 done, 1 failed" in study._repr_html_()
    html = study._repr_html_()
    assert ">no outcome</td>" in html
    assert html.index("<table") < html.index('<img alt="learning curves"')
    assert repr(study) == f"<Study 'demo' in '{tmp_path / 'demo'}': 4 runs>"
    (tmp_path / "empty" / "runs").mkdir(parents=True)
    assert "no runs" in load("empty", tmp_path)._repr_html_()


@pytest.mark.parametrize("label", HOSTILE)
@pytest.mark.one_in(4)
def test_no_label_becomes_html(tmp_path: Path, label: str) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    write_run(runs, configuration("lstm", 0, cell__name=label), 9.5)
    for html in (compare("demo", tmp_path)._repr_html_(), load("demo", tmp_path)._repr_html_()):
        assert "<script" not in html
        assert html.count("<img") == html.count('<img alt="learning curves" width="640" src="data:')


def test_a_figure_can_be_changed(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    figure = compare("demo", tmp_path).figure("forest")
    assert isinstance(figure, Figure)
    assert figure.get_figwidth() == 3.4
    figure.axes[0].set_xlabel("mine")
    figure.savefig(tmp_path / "mine.svg")


def test_a_figure_is_a_picture_in_a_notebook_without_a_magic_command(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    figure = compare("demo", tmp_path).figure("forest")
    formats, _ = DisplayFormatter().format(figure)
    assert formats["image/png"].startswith(b"\x89PNG")
    assert isinstance(pickle.loads(pickle.dumps(figure)), Figure)


def test_a_study_in_progress_shows_how_far_its_runs_are(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "demo" / "runs" / ("c" * 16))
    folder.claim()  # by this process, which lives
    folder.write_config(configuration("gru", 5, cell__name="<b>gru"))
    assert "no epoch yet" in load("demo", tmp_path)._repr_html_(), "nothing else is there"
    for epoch in (1, 2):
        place = {"epoch": epoch, "step": epoch, "split": "validation", "metric": "nll"}
        folder.log({**place, "value": 3.0, "seconds": 60.0 * epoch})
    write_study(tmp_path, {"lstm": LSTM})
    html = load("demo", tmp_path)._repr_html_()
    assert "study <b>demo</b>: 3 done, 1 running" in html
    assert "<li>&lt;b&gt;gru seed=5: epoch 2/40, nll 3, at most 38 min left</li>" in html


@pytest.mark.parametrize(
    ("where", "runs"),
    [({"bidirectional": True}, 3), ({"dropout": None}, 3), ({"dropout": 0}, 3),
     ({"seed": range(2)}, 4), ({"seed": np.arange(2)}, 4), ({"bidirectional": [True, False]}, 6)],
)  # fmt: skip
def test_values_of_python_choose_runs(tmp_path: Path, where: dict[str, Any], runs: int) -> None:
    for seed in range(3):
        for both, dropout in ((True, None), (False, 0.0)):
            config = configuration("lstm", seed, bidirectional=both, dropout=dropout)
            write_run(tmp_path / "demo" / "runs", config, 8.6 + seed / 100)
    assert len(compare("demo", tmp_path, where=where).study.runs) == runs


def test_python_takes_one_string_or_a_mapping_and_names_what_it_does_not_take(
    tmp_path: Path,
) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    found = compare("demo", tmp_path, where={"cell": ["lstm", "rnn"]})
    assert [row.group.label for row in found.rows] == ["lstm", "rnn"]
    assert len(compare("demo", tmp_path, where="cell=rnn").rows) == 1
    for arguments, options, check in (
        (("demo",), {"task": "adding"}, at("task")),
        ((["demo", "other"],), {}, at("study")),
    ):
        with pytest.raises(ConfigError, check=check):
            compare(*arguments, **options)
    with pytest.raises(AttributeError, match="'plot'"):
        found.plot()


def test_a_second_study_is_not_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "experiments", {"lstm": LSTM}, "other")
    with pytest.raises(RunError, check=at("", names=("demo",))):
        compare("demo", "other")


def test_a_study_whose_runs_are_planned_is_not_sent_to_train(tmp_path: Path) -> None:
    (tmp_path / "demo" / "runs").mkdir(parents=True)
    run = plan_file.RequestedRun("a" * 16, "seed=0", (), "")
    plan_file.write(tmp_path / "demo", "x", "gatekit train", [run])
    assert answer(compare("demo", tmp_path)).first == "No run has started yet: 1 planned run."

"""``gatekit compare`` over written run folders."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import processes
import pytest
from compare.synthetic import write_study
from seams import EXIT_REFUSED, main

VALUES = {"rnn": [9.01, 8.97, 9.03], "lstm": [8.64, 8.66, 8.62], "gru": [8.75, 8.78, 8.71]}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "experiments", VALUES)
    return tmp_path


def test_json_has_what_scripts_rely_on(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "demo", "--json"]) == 0
    rows = {row["group"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(VALUES)
    for cell, values in VALUES.items():
        assert rows[cell]["n"] == 3
        assert rows[cell]["metric"] == "nll"
        assert rows[cell]["mean"] == pytest.approx(sum(values) / 3)
        assert rows[cell]["low"] < rows[cell]["mean"] < rows[cell]["high"]


def test_the_table_fits_100_columns(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "demo", "--baseline", "rnn"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert [cell for cell in VALUES if not any(cell in line for line in lines)] == []


def test_csv(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "demo", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["group"] for row in rows} == set(VALUES)


def test_the_root_may_lie_elsewhere(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "empty").mkdir()
    monkeypatch.chdir(root / "empty")
    assert main(["compare", "demo", "--root", str(root / "experiments"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_by_takes_commas_and_repetition(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "demo", "--by", "cell,units", "--by", "task", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3
    assert main(["compare", "demo", "--by", "sell"]) == EXIT_REFUSED
    assert "'cell'" in capsys.readouterr().err


def test_a_figure_without_an_ending_is_two_files(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "demo", "--figure", "out/curves"]) == 0
    assert sorted(path.name for path in (root / "out").iterdir()) == ["curves.png", "curves.svg"]
    assert "figure: out/curves.svg" in capsys.readouterr().err


def test_a_figure_with_an_ending_is_one_file(root: Path) -> None:
    assert main(["compare", "demo", "--figure", "curves.v2.svg"]) == 0
    assert [path.name for path in root.glob("curves*")] == ["curves.v2.svg"]


def test_a_figure_of_another_kind_is_refused_first(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "demo", "--figure", "curves.gif"]) == EXIT_REFUSED
    out, err = capsys.readouterr()
    assert out == ""
    assert "the formats of figures are png, svg, pdf" in err


def test_two_forms_at_once_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "demo", "--json", "--csv"]) == EXIT_REFUSED
    assert "--csv: " in capsys.readouterr().err


@pytest.mark.slow
def test_comparing_imports_no_tensorflow(root: Path) -> None:
    code = (
        "import sys; from gatekit.cli.main import main; main(['compare', 'demo', '--figure', 'f']);"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_latex_and_all_notes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "demo", "--latex"]) == 0
    assert r"\begin{tabular}" in capsys.readouterr().out
    assert main(["compare", "demo"]) == 0
    short = capsys.readouterr().out
    assert main(["compare", "demo", "--notes"]) == 0
    assert len(capsys.readouterr().out) > len(short)


def test_several_figures_are_named_by_their_kind(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "demo", "--figure", "f.svg", "--draw", "forest,scatter"]) == 0
    assert sorted(path.name for path in root.glob("f*")) == ["f-forest.svg", "f-scatter.svg"]
    assert main(["compare", "demo", "--figure", "g.svg", "--draw", "forest,pie"]) == EXIT_REFUSED
    assert "pie" in capsys.readouterr().err
    assert not list(root.glob("g*"))


def test_figures_that_can_be_drawn_are_drawn(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", "demo", "--figure", "f.svg", "--draw"]
    assert main([*words, "axis,forest"]) == 1
    printed = capsys.readouterr().err
    assert "axis was not drawn: " in printed
    assert [path.name for path in root.glob("f*")] == ["f-forest.svg"]
    assert main([*words, "axis"]) == EXIT_REFUSED


def test_the_command_of_a_figure_can_be_typed_again(root: Path) -> None:
    words = ["--where", "seed=0,1", "--by", "cell", "--baseline", "lstm"]
    assert main(["compare", "demo", *words, "--figure", "f.svg", "--draw", "forest"]) == 0
    typed = "gatekit compare demo --where seed=0,1 --by cell --baseline lstm;"
    assert f"command: {typed}" in (root / "f.svg").read_text()


def test_x_makes_blocks_and_draws_the_axis(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_study(root / "experiments", VALUES, units=128)
    assert main(["compare", "demo", "--x", "units", "--figure", "x.svg", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["group"] for row in rows if row["is_baseline"]] == [
        "lstm units=64",
        "lstm units=128",
    ]
    assert "--x units" in (root / "x.svg").read_text()
    assert main(["compare", "demo", "--within", "unit"]) == EXIT_REFUSED
    assert "units" in capsys.readouterr().err


def test_another_split_is_compared_where_it_is_asked_for(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "demo", "--split", "validation", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["split"] for row in rows} == {"validation"}
    assert main(["compare", "demo", "--split", "test_256"]) == EXIT_REFUSED
    assert "the splits are test, validation" in capsys.readouterr().err


def test_a_margin_is_a_number_or_a_share_and_decides(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = 2 * [8.60, 8.65, 8.70, 8.62, 8.66]
    near = [v + d for v, d in zip(base, 2 * (0.01, -0.02, 0.02, 0.0, -0.01), strict=True)]
    write_study(root / "experiments", {"lstm": base, "gru": near}, name="near")
    for margin, decided in (("0.1", "equivalent"), ("1%", "equivalent"), ("0.001", "open")):
        assert main(["compare", "near", "--margin", margin, "--json"]) == 0
        gru = next(row for row in json.loads(capsys.readouterr().out) if row["group"] == "gru")
        assert gru["decision"] == decided
    assert main(["compare", "near", "--margin", "0.1"]) == 0
    assert "gru is equivalent to lstm within 0.1 nats/frame" in capsys.readouterr().out
    assert main(["report", "near", "--margin", "0.1"]) == 0
    html = (root / "near.html").read_text(encoding="utf-8")
    assert "gru is equivalent to lstm within 0.1 nats/frame" in html
    assert "gatekit compare near --margin 0.1" in html
    assert main(["compare", "near", "--margin", "small"]) == EXIT_REFUSED
    assert "margin" in capsys.readouterr().err

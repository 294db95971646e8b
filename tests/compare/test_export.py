"""JSON, CSV and Markdown: every number once, and no label that becomes more than text."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from seams import compare_runs as compare
from seams import records, to_csv, to_json

from .synthetic import configuration, write_run, write_study
from .test_comparison import GRU, GRU5, LSTM, LSTM5, RNN, RNN5, diverged
from .test_table import HOSTILE


def test_json_holds_what_scripts_rely_on(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    lstm, rnn = json.loads(to_json(compare("demo", tmp_path)))
    assert (rnn["group"], rnn["n"], rnn["metric"]) == ("rnn", 3, "nll")
    assert rnn["mean"] == pytest.approx(sum(RNN) / 3)
    assert rnn["low"] < rnn["mean"] < rnn["high"]
    assert rnn["interval"] == "Student t"
    assert rnn["difference"] == pytest.approx((sum(RNN) - sum(LSTM)) / 3)
    assert rnn["difference_low"] > 0
    assert (rnn["baseline"], rnn["pairs"], rnn["p"], rnn["worse"]) == ("lstm", 3, None, 3)
    assert (rnn["parameters"], rnn["step_seconds"]) == (100488, 0.021)
    assert (rnn["values"], rnn["seeds"]) == (RNN, [0, 1, 2])
    assert rnn["keys"] == {"cell": "rnn"}
    assert (lstm["is_baseline"], lstm["difference"], lstm["verdict"]) == (True, None, None)


def test_json_has_the_decision_beside_the_verdict(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": 2 * LSTM5, "gru": 2 * GRU5, "rnn": 2 * RNN5})
    gru, lstm, rnn = sorted(
        json.loads(to_json(compare("demo", tmp_path, margin="1%"))), key=lambda r: str(r["group"])
    )
    assert [r["decision"] for r in (gru, lstm, rnn)] == ["equivalent", "none", "worse"]
    assert (rnn["p"], rnn["comparisons"]) == (rnn["p_difference"], 2)
    assert rnn["test"] == "max-T sign-flip"
    assert gru["unseen_failures"] == pytest.approx(1 - 0.05**0.1)
    assert gru["p"] == gru["p_equivalent"] != gru["p_difference"]
    assert gru["p_not_worse"] <= gru["p_equivalent"] < 0.05
    assert gru["margin"] == pytest.approx(0.01 * sum(LSTM5) / 5)
    assert gru["verdict"].startswith("gru is equivalent to lstm within 0.08646 nats/frame")
    few = json.loads(to_json(compare("demo", tmp_path, by=["cell"])))
    assert {r["margin"] for r in few} == {None}


def test_differences_are_in_the_order_of_the_seeds(tmp_path: Path) -> None:
    base = [8.6] * 12
    write_study(tmp_path, {"lstm": base, "gru": [8.6 + i for i in range(12)]})
    gru = next(r for r in records(compare("demo", tmp_path)) if r["group"] == "gru")
    assert gru["paired_seeds"] == list(range(12))
    assert gru["differences"] == pytest.approx(range(12))


def test_one_seed_has_no_interval_in_json(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [8.6]})
    (lstm,) = json.loads(to_json(compare("demo", tmp_path)))
    assert (lstm["n"], lstm["mean"], lstm["low"], lstm["high"]) == (1, 8.6, None, None)


def test_json_has_no_infinity_and_names_what_is_missing(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "gru": GRU[:1]})
    diverged(runs, "gru", range(1, 3))
    lost = write_run(runs, configuration("gru", 5), state="LOST", reason="gone")
    write_run(runs, configuration("rnn", 0), state="FAILED")
    gru = next(r for r in records(compare("demo", tmp_path)) if r["group"] == "gru")
    assert gru["values"] == [GRU[0], None, None]
    assert (gru["n"], gru["diverged"], gru["missing"], gru["mean"]) == (3, 2, 1, None)
    assert gru["missing_runs"] == [{"id": lost.name, "seed": 5, "state": "LOST", "reason": "gone"}]
    rnn = json.loads(to_json(compare("demo", tmp_path)))[-1]
    assert (rnn["group"], rnn["n"], rnn["mean"], rnn["metric"]) == ("rnn", 0, None, None)


def test_a_group_without_a_verdict_has_no_p_value(tmp_path: Path) -> None:
    values = [8.6, 8.5, 8.7, 8.55, 8.65]
    runs = write_study(tmp_path, {"lstm": values, "gru": [v - 1 - v / 50 for v in values]})
    write_run(runs, configuration("gru", 5), state="FAILED", reason="killed")
    gru, _ = records(compare("demo", tmp_path, margin=0.5))
    assert (gru["decision"], gru["n"], gru["pairs"]) == ("none", 5, 5)
    for name in ("p", "p_difference", "p_not_worse", "p_equivalent"):
        assert gru[name] is None
    forced, _ = records(compare("demo", tmp_path, margin=0.5, force=True))
    assert forced["p"] == forced["p_difference"] < 0.05


def test_csv_is_read_back_with_the_same_numbers(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    comparison = compare("demo", tmp_path)
    read = list(csv.DictReader(io.StringIO(to_csv(comparison))))
    for line, record in zip(read, records(comparison), strict=True):
        assert line["group"] == record["group"]
        assert float(line["mean"]) == record["mean"]
    assert read[0]["difference"] == ""


def test_a_negative_number_stays_a_number(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": RNN, "rnn": LSTM})
    rnn = next(
        line
        for line in csv.DictReader(io.StringIO(to_csv(compare("demo", tmp_path))))
        if line["group"] == "rnn"
    )
    assert float(rnn["difference"]) < 0


@pytest.mark.parametrize("label", HOSTILE)
def test_csv_starts_no_formula_and_json_keeps_the_label(tmp_path: Path, label: str) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    write_run(runs, configuration("lstm", 0, cell__name=label), 9.5)
    comparison = compare("demo", tmp_path)
    assert json.loads(to_json(comparison))[1]["group"] == label
    line = list(csv.DictReader(io.StringIO(to_csv(comparison))))[1]
    for value in line.values():
        assert not value.startswith(("=", "@", "+", "-", "\t")) or float(value)
    assert line["group"].removeprefix("'") == label


def test_an_empty_study_exports_nothing_but_headings(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    comparison = compare("demo", tmp_path)
    assert to_json(comparison) == "[]"
    assert to_csv(comparison) == "group,n,mean,low,high,metric\n"


def test_every_field_is_documented(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    document = (Path(__file__).parents[2] / "docs" / "comparing.md").read_text(encoding="utf-8")
    section = document.split("## Fields of")[1].split("\n## ")[0]
    named = {word for text in section.split("`")[1::2] for word in text.split()}
    assert set(records(compare("demo", tmp_path))[0]) <= named

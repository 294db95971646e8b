"""Why two runs or groups differ: each difference once, and the part that seeds explain."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from refused import Check, at, saying
from seams import Change, Selection, Why, group_runs, select, why
from seams import load_runs as load

from gatekit import RunError

from .synthetic import configuration, write_run, write_study
from .test_comparison import LSTM, RNN, diverged


def told(root: Path, first: str, second: str) -> Why:
    return why(select(first, root), select(second, root))


def test_a_run_is_found_by_its_beginning_and_a_group_by_its_label(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    name = sorted(folder.name for folder in runs.iterdir())[0]
    assert select(name[:8], tmp_path).runs[0].id == name
    assert select(f"demo/{name}", tmp_path).runs[0].id == name
    group = select("demo/rnn", tmp_path)
    assert [run.seed for run in group.runs] == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("demo/rn", saying("did you mean 'rnn'")),
        ("dmo/rnn", at("")),
        ("rnn", saying("demo/rnn")),
        ("ffffffff", saying("is not in any study")),
    ],
)
def test_what_is_not_found_says_what_to_type(tmp_path: Path, text: str, check: Check) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    with pytest.raises(RunError, check=check):
        select(text, tmp_path)


def test_an_id_in_two_studies_needs_its_study(tmp_path: Path) -> None:
    write_run(tmp_path / "one" / "runs", configuration(), name="a" * 16)
    write_run(tmp_path / "two" / "runs", configuration(), name="a" * 16)
    with pytest.raises(RunError, match="one, two; type STUDY/aaaa"):
        select("aaaa", tmp_path)
    assert select("two/aaaa", tmp_path).study.name == "two"


def test_the_configuration_is_told_by_the_key_that_differs(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    for seed, value in enumerate(RNN):
        config = configuration("lstm", seed, units=128, cell__gates__forget={"kind": "power_law"})
        write_run(runs, config, value)
    reasons = told(tmp_path, "demo/units=64", "demo/units=128")
    assert reasons.configuration == (
        Change("cell.gates.forget.kind", "forget", "power_law"),
        Change("units", "64", "128"),
    )
    assert (reasons.seeds, reasons.data, reasons.versions, reasons.sources) == ((), (), (), ())


def test_cells_of_other_names_are_told_by_their_names(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "gru": RNN})
    reasons = told(tmp_path, "demo/lstm", "demo/gru")
    assert reasons.configuration == (Change("cell.name", "lstm", "gru"),)
    assert "type `gatekit show cell=gru` and `gatekit show cell=lstm`" in reasons.notes[0]


def test_environment_data_and_seeds(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    for seed, (package, data) in enumerate([("2.21", "ab"), ("2.20", "cd")]):
        folder = write_run(runs, configuration("lstm", seed), 8.6, data_hash=f"sha256:{data * 32}")
        environment = {
            "python": "3.11.2",
            "versions": {"tensorflow": package, "keras": "3.15.1"},
            "cpu": f"model {seed}",
            "git": {"commit": "c" * 40, "dirty": bool(seed)},
        }
        (folder / "env.json").write_text(json.dumps(environment))
    names = {run.seed: run.id for run in select("demo/data=abababab", tmp_path).study.runs}
    reasons = told(tmp_path, names[0], names[1])
    assert reasons.versions == (Change("tensorflow", "2.21", "2.20"),)
    assert reasons.hardware == (Change("cpu", "model 0", "model 1"),)
    assert reasons.data == (Change("data", "abababab", "cdcdcdcd"),)
    assert reasons.code == (Change("git.dirty", "false", "true"),)
    assert reasons.seeds == (Change("seed", "0", "1"),)
    assert reasons.configuration == ()


def test_the_source_of_a_plugin_is_told_by_its_lines(tmp_path: Path) -> None:
    runs, stored = tmp_path / "demo" / "runs", tmp_path / "demo" / "plugins"
    stored.mkdir(parents=True)
    for seed, slope in enumerate((1, 2)):
        digest = str(slope) * 64
        (stored / f"{digest}.py").write_text(f"a = 0\nslope = {slope}\nb = 0\n")
        write_run(runs, configuration("lstm", seed), 8.6, plugins={"steep": digest})
    names = {run.seed: run.id for run in select("demo/plugin.steep=11111111", tmp_path).study.runs}
    (source,) = told(tmp_path, names[0], names[1]).sources
    assert (source.name, source.first, source.second) == ("steep", "1" * 8, "2" * 8)
    assert source.diff == ("@@ -2 +2 @@", "-slope = 1", "+slope = 2")
    assert source.remark("one", "other") == ""
    (stored / f"{'1' * 64}.py").unlink()
    (source,) = told(tmp_path, names[0], names[1]).sources
    assert (source.diff, source.remark("one", "other")) == ((), "not both sources are stored")
    plain = write_run(runs, configuration("gru", 0), 8.6).name
    (source,) = told(tmp_path, names[0], plain).sources
    assert (source.second, source.remark("one", "other")) == (None, "only one uses this plugin")
    (source,) = told(tmp_path, plain, names[0]).sources
    assert source.remark("one", "other") == "only other uses this plugin"
    failed = write_run(runs, configuration("gru", 1), state="FAILED").name
    assert told(tmp_path, names[0], failed).sources == ()


def test_how_much_seeds_alone_explain(tmp_path: Path) -> None:
    lstm, rnn = [8.60, 8.65, 8.70, 8.62], [8.70, 8.78, 8.81, 8.60]
    write_study(tmp_path, {"lstm": lstm, "rnn": rnn})
    spread = told(tmp_path, "demo/lstm", "demo/rnn").spread
    assert spread is not None
    expected = scipy.stats.ttest_ind(rnn, lstm)
    assert spread.difference == pytest.approx(np.mean(rnn) - np.mean(lstm))
    assert spread.chance == pytest.approx(expected.pvalue)
    error = spread.difference / expected.statistic
    assert spread.expected == pytest.approx(error * math.sqrt(2 / math.pi))
    assert spread.share == pytest.approx(spread.expected / spread.difference)


def test_a_pair_of_runs_takes_the_spread_of_its_groups(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": [9.0]})
    study = select("demo/lstm", tmp_path).study
    names = {(run.config or {})["cell"]["name"]: run.id for run in study.runs if run.seed == 0}
    spread = told(tmp_path, names["lstm"], names["rnn"]).spread
    assert spread is not None
    assert spread.expected == pytest.approx(np.std(LSTM, ddof=1) * 2 / math.sqrt(math.pi))
    assert (spread.runs, spread.chance) == ((1, 1), None)


def test_the_same_run_twice_differs_in_nothing(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    reasons = told(tmp_path, "demo/lstm", "demo/lstm")
    assert reasons.spread is not None
    assert (reasons.spread.difference, reasons.spread.share) == (0.0, 1.0)
    assert (reasons.configuration, reasons.sources, reasons.notes) == ((), (), ())


def test_without_numbers_nothing_is_explained(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    diverged(runs, "gru", range(2))
    write_run(runs, configuration("rnn", 0), state="FAILED", reason="killed")
    reasons = told(tmp_path, "demo/lstm", "demo/gru")
    assert reasons.spread is None
    assert "a diverged run has no number" in str(reasons.notes)
    reasons = told(tmp_path, "demo/lstm", "demo/rnn")
    assert "is FAILED: killed" in reasons.notes[0]
    assert "one side has no outcome" in str(reasons.notes)


def test_seeds_explain_little_of_pooled_groups_that_differ_in_more(tmp_path: Path) -> None:
    """The sizes that are pooled differ far more than the seeds, and in both groups alike."""
    runs = tmp_path / "demo" / "runs"
    for cell, shift in (("lstm", 0.0), ("gru", 0.1)):
        for seed, noise in enumerate((-0.01, 0.0, 0.01)):
            for units in (8, 16):
                config = configuration(cell, seed, units=units)
                write_run(runs, config, 8 + shift + noise + units / 8)
    study = load("demo", tmp_path)
    gru, lstm = (
        Selection(group.label, study, group.runs, group)
        for group in group_runs(study.runs, ["cell"]).groups
    )
    spread = why(lstm, gru).spread
    assert spread is not None
    assert spread.runs == (6, 6)
    # Three seeds each with a standard deviation of 0.01.
    assert spread.expected == pytest.approx(0.01 * (2 / 3) ** 0.5 * (2 / np.pi) ** 0.5)

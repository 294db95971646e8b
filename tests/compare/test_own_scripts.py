"""Runs that a user's own training script wrote with ``gatekit.run`` compare like any other."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from seams import Comparison, groups_table
from seams import compare_runs as compare

from gatekit import ConfigError, run

from .synthetic import configuration, write_run


def record(root: Path, cell: str, seed: int, test: bool, shift: float = 0.0) -> None:
    config = {"cell": cell, "width": 8}
    with run("mine", config, seed, metric="error", unit="%", root=root) as this:
        for epoch in (1, 2, 3):
            value = 30.0 / epoch + seed + shift
            this.log(epoch, val=value, test=value + 0.5 if test else None)


def study(root: Path, test: bool) -> Comparison:
    for seed in range(3):
        record(root, "lstm", seed, test)
        record(root, "gru", seed, test, shift=1.0 + seed / 10)
    return compare("mine", root)


def test_they_are_compared_on_their_test_scores(tmp_path: Path) -> None:
    found = study(tmp_path, test=True)
    assert [row.group.label for row in found.rows] == ["lstm", "gru"]
    assert groups_table(found).columns[2] == "test error (%)"
    assert str(found.rows[1].verdict).startswith(
        "no verdict on gru against lstm: error 1.10 % higher"
    )
    assert found.rows[0].summary is not None
    assert found.rows[0].summary.mean == pytest.approx(11.5)
    assert found.rows[0].summary.parameters is None


def test_without_test_scores_validation_is_shown_and_said(tmp_path: Path) -> None:
    found = study(tmp_path, test=False)
    assert groups_table(found).columns[2] == "validation error (%)"
    assert found.rows[0].summary is not None
    assert found.rows[0].summary.mean == pytest.approx(11.0)
    assert "lstm: no test score was logged: the table shows validation" in str(found.notes)


def test_test_scores_are_not_compared_with_validation_scores(tmp_path: Path) -> None:
    for seed in range(3):
        record(tmp_path, "lstm", seed, test=True)
        record(tmp_path, "gru", seed, test=False)
    verdict = compare("mine", tmp_path).rows[0].verdict or compare("mine", tmp_path).rows[1].verdict
    assert "against lstm: different split (validation against test)" in str(verdict)
    record(tmp_path, "gru", 3, test=True)
    with pytest.raises(ConfigError, match=r"test and validation"):
        compare("mine", tmp_path)


@pytest.mark.parametrize("before", [0, 1])
def test_a_run_that_diverged_before_its_first_test_score_is_the_worst(
    tmp_path: Path, before: int
) -> None:
    study(tmp_path, test=True)
    with run("mine", {"cell": "gru", "width": 8}, 3, "error", unit="%", root=tmp_path) as this:
        for epoch in range(before):
            this.log(epoch, val=40.0)
        this.log(before, val=float("nan"), test=float("nan"))
    record(tmp_path, "lstm", 3, test=True)
    comparison = compare("mine", tmp_path)
    assert [row.group.label for row in comparison.rows] == ["lstm", "gru"]
    assert "gru diverged in 1 of 4 runs" in str(comparison.rows[1].verdict)


def test_a_task_with_options_has_its_name(tmp_path: Path) -> None:
    config = {"task": {"name": "adding", "length": 9}}
    with run("mine", config, 0, metric="error", unit="%", root=tmp_path) as this:
        this.log(1, val=1.0)
    (one,) = compare("mine", tmp_path).study.runs
    assert one.result is not None
    assert one.result.task == "adding"


def test_a_script_that_diverged_counts_as_diverged(tmp_path: Path) -> None:
    study(tmp_path, test=True)
    with run("mine", {"cell": "gru", "width": 8}, 3, metric="error", unit="%", root=tmp_path) as r:
        r.log(1, val=12.0, test=12.0)
        r.log(2, val=float("nan"), test=float("nan"))
    gru = compare("mine", tmp_path).rows[1].summary
    assert gru is not None
    assert (gru.n, gru.diverged, gru.mean) == (4, 1, None)


def test_an_epoch_may_be_scored_several_times_and_the_best_score_counts(tmp_path: Path) -> None:
    with run("mine", {}, 0, metric="accuracy", root=tmp_path) as this:
        this.log(1, step=100, val=0.9, test=0.8)
        this.log(1, step=200, val=0.5, test=0.4)
    (one,) = compare("mine", tmp_path).study.runs
    assert (one.state, one.reason) == ("COMPLETED", None)
    assert one.result is not None
    assert one.result.best is not None
    assert (one.result.best.validation, one.result.best.test) == (0.9, 0.8)
    path = one.path / "metrics.jsonl"
    logged = path.read_text().replace('"value": 0.9', '"value": 0.7')
    path.write_text(logged)
    assert compare("mine", tmp_path).study.runs[0].state == "CORRUPT"


def test_scores_of_one_place_in_several_calls_belong_together(tmp_path: Path) -> None:
    with run("mine", {}, 0, metric="error", unit="%", root=tmp_path) as this:
        for epoch in (1, 2):
            this.log(epoch, val=3.0 - epoch)
            this.log(epoch, train=0.1)
            this.log(epoch, test=5.0 - epoch)
        this.log(2, step=7, val=9.0)
        this.log(2, step=8, test=9.0)
    result = this.folder.result()
    assert result["best"] == {"epoch": 2, "validation": 1.0, "test": 3.0}
    assert result["last"] == {"epoch": 2, "validation": 9.0, "test": None}


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    rate = numpy.logspace(-3, -1, 3)[0]
    with run("mine", {"lr": rate, "sizes": (1, 2)}, 0, root=tmp_path) as this:
        this.log(numpy.int64(1), step=numpy.int32(10), val=numpy.float32(0.5))
        this.parameters(numpy.int64(3), recurrent=numpy.int64(2))
        this.step_seconds = numpy.float32(0.25)  # type: ignore[assignment]
    (one,) = compare("mine", tmp_path).study.runs
    assert one.state == "COMPLETED"
    assert one.config == {"study": "mine", "lr": 0.001, "sizes": [1, 2], "seed": 0}
    assert one.result is not None
    assert (one.result.recurrent_parameters, one.result.step_seconds) == (2, 0.25)
    same = run("mine", {"lr": 0.001, "sizes": [1, 2]}, 0, root=tmp_path)
    assert same.done


def test_an_unknown_time_of_a_step_does_not_cost_the_run(tmp_path: Path) -> None:
    with run("mine", {}, 0, root=tmp_path) as this:
        this.log(1, val=1.0)
        this.step_seconds = float("nan")
    assert this.folder.result()["seconds"]["step"] is None


ACCURACY = {"name": "accuracy", "direction": "max", "unit": "", "chance": None}


def minimised(root: Path, cell: str, seed: int, score: float, way: str | None = "min") -> Path:
    """Write a run as an older gatekit would have: accuracy, by default smaller is better."""
    config = configuration(cell, seed, study="mine")
    return write_run(root / "mine" / "runs", config, score, metric={**ACCURACY, "direction": way})


def test_a_larger_accuracy_is_better_without_a_word(tmp_path: Path) -> None:
    for seed in range(6):
        for cell, score in (("gru", 0.90 + seed / 100), ("lstm", 0.50 + seed / 90)):
            with run("mine", {"cell": cell}, seed, metric="accuracy", root=tmp_path) as this:
                this.log(1, val=0.1, test=0.1)
                this.log(2, val=score, test=score)
    best, baseline = compare("mine", tmp_path).rows
    assert (best.group.label, baseline.is_baseline) == ("gru", True)
    assert str(best.verdict).startswith("gru is better than lstm: accuracy 0.397")


def test_accuracies_that_an_older_version_minimised_get_no_verdict(tmp_path: Path) -> None:
    for seed in range(6):
        minimised(tmp_path, "gru", seed, 0.9 + seed / 100)
        minimised(tmp_path, "lstm", seed, 0.5 + seed / 90)
    (verdict,) = filter(None, (row.verdict for row in compare("mine", tmp_path).rows))
    assert verdict.startswith("no verdict on gru against lstm: accuracy is recorded as better when")
    assert "record the runs again with direction='max'" in verdict
    forced = compare("mine", tmp_path, force=True)
    assert "forced: accuracy is recorded as better when smaller" in str(forced.notes)


def test_a_group_whose_runs_disagree_on_the_direction_is_refused(tmp_path: Path) -> None:
    ours, theirs = (minimised(tmp_path, "gru", *run) for run in ((0, 0.9, "max"), (1, 0.9)))
    with pytest.raises(ConfigError, match=f"min: {theirs.name}; max: {ours.name}; remove the runs"):
        compare("mine", tmp_path)


def test_groups_of_two_directions_are_not_compared(tmp_path: Path) -> None:
    for seed in range(3):
        minimised(tmp_path, "lstm", seed, 0.5 + seed / 10, "max")
        minimised(tmp_path, "gru", seed, 0.9)
    (verdict,) = filter(None, (row.verdict for row in compare("mine", tmp_path).rows))
    assert "against lstm: different metric (accuracy in no unit, min against" in verdict


def test_a_run_without_a_direction_is_corrupt_and_says_why(tmp_path: Path) -> None:
    minimised(tmp_path, "gru", 0, 0.9, None)
    (missing,) = compare("mine", tmp_path).missing
    assert missing.state == "CORRUPT"
    assert "metric.direction is missing" in str(missing.reason)
    assert "record the run again with direction='min' or direction='max'" in str(missing.reason)


def test_costs_that_no_script_logged_have_no_column(tmp_path: Path) -> None:
    found = study(tmp_path, test=True)
    assert groups_table(found).columns == ("group", "n", "test error (%)", "difference from lstm")
    assert all(len(row) == 4 for row in groups_table(found).rows)

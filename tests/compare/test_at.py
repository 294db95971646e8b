"""Comparisons at equal seconds, steps or FLOPs, recomputed from the lines of the metrics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import scipy.stats
from refused import at, fault_of
from seams import (
    Budget,
    Comparison,
    Sheet,
    arguments,
    facts,
    failures,
    groups_table,
    read_budget,
    records,
    to_json,
)
from seams import compare_runs as compare
from seams import comparison_answer as answer

from gatekit import ConfigError
from gatekit.compare import compare as compare_with_figures

from .budget_runs import write_curve


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The GRU is worse at the end, but its evaluations come twice as early."""
    for seed in range(6):
        noise = 0.01 * seed
        write_curve(tmp_path, "lstm", seed, [9 + noise, 8, 7 + noise**2], seconds=10)
        write_curve(tmp_path, "gru", seed, [9.2, 7.5 + 2 * noise, 7.8, 7.6], seconds=5)
    return tmp_path


def rows_of(found: Comparison) -> dict[str, tuple[float, ...]]:
    return {row.group.label: row.summary.values for row in found.rows if row.summary}


def test_the_score_is_the_best_so_far_within_the_budget(study: Path) -> None:
    values = rows_of(compare("demo", study, at="seconds=19.9"))
    assert values["lstm"] == pytest.approx([9 + 0.01 * seed for seed in range(6)])
    # The third of the four evaluations is worse than the second, which is kept.
    assert values["gru"] == pytest.approx([7.5 + 0.02 * seed for seed in range(6)])
    same = rows_of(compare("demo", study, at="seconds=20"))
    assert same["lstm"] == pytest.approx([8.0] * 6)


def test_equal_steps_are_not_equal_seconds(study: Path) -> None:
    values = rows_of(compare("demo", study, at="steps=20"))
    assert values["lstm"] == pytest.approx([8.0] * 6)
    assert values["gru"] == pytest.approx([7.5 + 0.02 * seed for seed in range(6)])


def test_the_rule_decides_on_the_paired_differences(study: Path) -> None:
    comparison = compare("demo", study, at="seconds=12", baseline="lstm")
    gru = next(row.difference for row in comparison.rows if row.group.label == "gru")
    assert gru is not None
    assert gru.test is not None
    ours, theirs = [7.5 + 0.02 * s for s in range(6)], [9 + 0.01 * s for s in range(6)]
    assert gru.values == pytest.approx([a - b for a, b in zip(ours, theirs, strict=True)])
    assert gru.test.p == pytest.approx(scipy.stats.ttest_rel(ours, theirs).pvalue)
    assert gru.decision == "better"


def test_heading_notes_and_json_state_the_budget(study: Path) -> None:
    comparison = compare("demo", study, at="seconds=12")
    assert any(
        "validation nll at" in name or "at 12 s" in name
        for name in groups_table(comparison).columns
    )
    assert any("best validation score so far" in note for note in comparison.notes)
    record = json.loads(to_json(comparison))[0]
    assert (record["at"], record["split"]) == ("seconds=12", "validation at 12 s")
    assert all(one["at"] is None for one in records(compare("demo", study)))


def test_runs_without_an_evaluation_within_the_budget_are_listed(study: Path) -> None:
    comparison = compare("demo", study, at="seconds=7", baseline="lstm")
    lstm = next(row for row in comparison.rows if row.group.label == "lstm")
    assert lstm.summary is None
    assert {run.state for run in lstm.group.missing} == {"LATE"}
    assert lstm.group.missing[0].reason == "its first evaluation is at 10 s, after 7 s"
    assert any("6 runs without an evaluation within 7 s: choose" in n for n in comparison.notes)


def test_a_budget_that_is_too_small_is_said_not_missing_runs(study: Path) -> None:
    write_curve(study, "rnn", 0, [9.0, 8.0], seconds=30)
    comparison = compare("demo", study, at="seconds=20", where=["cell=lstm,rnn"])
    assert answer(comparison).first.startswith("Only one group has an outcome")
    assert "rnn is missing 1 run (1 LATE); choose a larger budget" in comparison.notes
    write_curve(study, "rnn", 1, [9.0, 8.0], seconds=3)
    comparison = compare("demo", study, at="seconds=20", where=["cell=lstm,rnn"])
    assert answer(comparison).first.endswith("(1 LATE); choose a larger budget.")
    about = Sheet(comparison, "gatekit compare demo --at seconds=20")
    assert not any(title == "Failed or diverged" for title, *_ in facts(about))
    assert failures(about).title == "Failures"
    assert "Without an evaluation within the budget" in failures(about).body


def test_a_group_that_lacks_some_runs_gets_no_verdict(study: Path) -> None:
    write_curve(study, "gru", 6, [7.0], seconds=40)
    write_curve(study, "lstm", 6, [7.0], seconds=5)
    comparison = compare("demo", study, at="seconds=12", baseline="lstm")
    gru = next(row for row in comparison.rows if row.group.label == "gru")
    assert gru.verdict is not None
    assert gru.verdict.endswith("gru is missing 1 run (1 LATE); choose a larger budget")


def test_runs_that_ended_earlier_keep_their_score_and_are_counted(study: Path) -> None:
    comparison = compare("demo", study, at="seconds=25")
    assert rows_of(comparison)["gru"] == pytest.approx([7.5 + 0.02 * s for s in range(5)] + [7.6])
    assert "6 runs ended before 25 s and keep their final score" in comparison.notes


def test_a_run_has_diverged_only_from_where_it_did(study: Path) -> None:
    write_curve(study, "rnn", 0, [9.0, 8.5, None], seconds=10, diverged=True)
    before = compare("demo", study, at="seconds=29")
    assert rows_of(before)["rnn"] == (8.5,)
    after = compare("demo", study, at="seconds=30")
    rnn = next(row for row in after.rows if row.group.label == "rnn")
    assert rnn.summary is not None
    assert (rnn.summary.diverged, rnn.summary.mean) == (1, None)


def test_flops_are_recorded_or_counted_from_the_configuration(tmp_path: Path) -> None:
    task = {"task": {"name": "adding", "length": 20}, "units": 4}
    write_curve(tmp_path, "lstm", 0, [9.0, 8.0], **task)
    write_curve(tmp_path, "gru", 0, [7.0, 6.0], result={"flops": {"step": 4e5}}, **task)
    # 32 sequences of 20 steps, 2 features, 4 units, and a head of 4 weights at the end.
    lstm = 2 * (2 + 4) * 16 + 2 * 16 + 4 * 4 + 3 * 4 + 2 * 4
    step = 3 * 32 * (20 * lstm + 2 * 4)
    at = compare("demo", tmp_path, at=f"flops={10 * step}")
    assert rows_of(at) == {"lstm": (9.0,), "gru": (7.0,)}
    at = compare("demo", tmp_path, at=f"flops={20 * step}")
    assert rows_of(at) == {"lstm": (8.0,), "gru": (6.0,)}
    assert rows_of(compare("demo", tmp_path, at="flops=2e7"))["gru"] == (6.0,)


def test_tokens_are_recorded_or_unknown(tmp_path: Path) -> None:
    write_curve(tmp_path, "lstm", 0, [9.0, 8.0], result={"tokens": {"step": 640.0}})
    assert rows_of(compare("demo", tmp_path, at="tokens=6400")) == {"lstm": (9.0,)}
    drawn = compare_with_figures("demo", tmp_path).figure("curves", over="tokens")
    assert drawn is not None
    assert any(list(line.get_xdata()) == [6400, 12800] for line in drawn.axes[0].lines)
    write_curve(tmp_path, "gru", 0, [7.0, 6.0])
    with pytest.raises(ConfigError, match=r"tokens of run .*seconds"):
        compare("demo", tmp_path, at="tokens=6400")


def test_flops_that_are_unknown_are_refused(tmp_path: Path) -> None:
    write_curve(tmp_path, "lstm", 0, [9.0, 8.0], task={"name": "not_here"})
    with pytest.raises(ConfigError, match=r"FLOPs of run .*seconds"):
        compare("demo", tmp_path, at="flops=1e9")


@pytest.mark.parametrize(
    "text", ["600", "hours=1", "seconds=0", "seconds=x", "steps=-1", "epochs=3"]
)
def test_a_budget_is_a_cost_and_an_amount(text: str) -> None:
    assert str(fault_of(lambda: read_budget(text)).place) == "at"


def test_a_test_set_has_no_curve(study: Path) -> None:
    with pytest.raises(ConfigError, check=at("at")):
        compare("demo", study, at="steps=10", split="test")


def test_a_budget_keeps_the_digits_that_were_typed() -> None:
    budget = read_budget("steps=1234567")
    assert (budget.typed, str(budget)) == ("steps=1234567", "1234567 steps")
    assert arguments("demo", at=budget) == ["demo", "--at", "steps=1234567"]


def test_the_command_to_repeat_it_has_the_budget() -> None:
    assert arguments("demo", at="steps=20") == ["demo", "--at", "steps=20"]
    assert str(Budget("flops", 1e12)) == "1e+12 FLOPs"


def test_curves_over_seconds_are_means_of_interpolated_seeds(tmp_path: Path) -> None:
    write_curve(tmp_path, "lstm", 0, [9, 8, 7], seconds=1)
    write_curve(tmp_path, "lstm", 1, [9, 7, 5], seconds=2)
    drawn = compare_with_figures("demo", tmp_path).figure("curves", over="seconds")
    assert drawn is not None
    axes = drawn.axes[0]
    assert axes.get_xlabel() == "training time (s)"
    mean = max(axes.lines, key=lambda line: line.get_linewidth())
    x, y = mean.get_data()
    assert (x[0], x[-1]) == (2, 3)
    # At 2 s the first seed is at 8, the second at 9; at 3 s at 7 and, between two looks, at 8.
    assert (y[0], y[-1]) == pytest.approx((8.5, 7.5))


def test_the_budget_is_a_line_across_the_curves(study: Path) -> None:
    drawn = compare_with_figures("demo", study, at="steps=20").figure("curves", over="steps")
    assert drawn is not None
    assert any(list(line.get_xdata()) == [20, 20] for line in drawn.axes[0].lines)
    with pytest.raises(ConfigError, check=at("over")):
        compare_with_figures("demo", study).figure("curves", over="second")

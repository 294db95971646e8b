"""The whole comparison: pairs, refusals, blocked verdicts, and the words for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from refused import at
from seams import (
    Comparison,
    Row,
    mean_interval,
    plan_file,
)
from seams import compare_runs as compare
from seams import comparison_answer as answer

from gatekit import ConfigError

from .synthetic import METRIC, configuration, curve, sealed, write_run, write_study

LSTM, GRU, RNN = [8.60, 8.65, 8.70], [8.59, 8.68, 8.69], [8.90, 8.98, 9.01]
# Five seeds, the fewest for a verdict.
LSTM5 = [*LSTM, 8.62, 8.66]
GRU5, RNN5 = [*GRU, 8.63, 8.65], [*RNN, 8.93, 8.99]


def row(comparison: Comparison, label: str) -> Row:
    return next(item for item in comparison.rows if item.group.label == label)


def verdict(comparison: Comparison, label: str) -> str:
    return str(row(comparison, label).verdict)


def decision(comparison: Comparison, label: str) -> str:
    difference = row(comparison, label).difference
    assert difference is not None
    return difference.decision


def test_rows_stand_best_first_with_the_lstm_as_baseline(tmp_path: Path) -> None:
    write_study(tmp_path, {"rnn": RNN, "lstm": LSTM, "gru": GRU})
    comparison = compare("demo", tmp_path)
    assert [item.group.label for item in comparison.rows] == ["lstm", "gru", "rnn"]
    assert [item.is_baseline for item in comparison.rows] == [True, False, False]
    assert comparison.exit_code == 0


def test_numbers_are_those_of_scipy(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    rnn = row(compare("demo", tmp_path), "rnn")
    assert rnn.summary is not None
    assert rnn.summary.interval is not None
    assert rnn.difference is not None
    assert rnn.difference.interval is not None
    assert rnn.summary.mean == pytest.approx(sum(RNN) / 3)
    t = scipy.stats.t.interval(0.95, 2, sum(RNN) / 3, scipy.stats.sem(RNN))
    assert (rnn.summary.interval.low, rnn.summary.interval.high) == pytest.approx(t)
    paired = scipy.stats.ttest_rel(RNN, LSTM).confidence_interval()
    interval = rnn.difference.interval
    assert (interval.low, interval.high) == pytest.approx((paired.low, paired.high))


def test_the_verdict_is_a_sentence_with_its_interval(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM5, "gru": GRU5, "rnn": RNN5})
    comparison = compare("demo", tmp_path)
    assert verdict(comparison, "rnn") == (
        "rnn is worse than lstm: nll 0.316 nats/frame higher (95 % t interval 0.295 to 0.337,"
        " n = 5 seeds, correlation 0.96, paired t p < 0.0001 over 2 comparisons); 5 seeds do not"
        " rule out that 45 % of runs fail"
    )
    assert verdict(comparison, "gru") == (
        "gru and lstm are not told apart: nll 0.002 nats/frame higher (95 % t interval"
        " -0.026 to 0.030, n = 5 seeds, correlation 0.90, paired t p = 0.81 over 2 comparisons);"
        " seeds alone cause such a difference among 2 comparisons in 81 % of cases"
    )
    assert row(comparison, "lstm").verdict is None


@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_four_seeds_have_numbers_and_no_verdict(tmp_path: Path, seeds: int) -> None:
    write_study(tmp_path, {"lstm": LSTM5[:seeds], "rnn": RNN5[:seeds]})
    comparison = compare("demo", tmp_path)
    sentence = verdict(comparison, "rnn")
    assert sentence.startswith("no verdict on rnn against lstm: nll 0.3")
    assert sentence.endswith(f"{seeds} seeds, but a verdict needs 5")
    assert "95 % t interval" in sentence
    assert decision(comparison, "rnn") == "none"
    assert "a verdict needs at least 5 seeds" in comparison.notes


def test_equal_differences_have_no_interval_and_no_verdict(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [0.5] * 6, "gru": [0.75] * 6})
    comparison = compare("demo", tmp_path)
    diff = row(comparison, "gru").difference
    assert diff is not None
    assert (diff.interval, diff.decision) == (None, "open")
    assert verdict(comparison, "gru") == (
        "gru and lstm are not told apart: nll 0.250 nats/frame higher (n = 6 seeds, paired t"
        " p = 1); all 6 differences are equal, so there is no interval;"
        " seeds alone cause such a difference in 100 % of cases"
    )


def test_pairs_of_one_seed_are_averaged_first(tmp_path: Path) -> None:
    for rate, shift in ((0.001, 0.0), (0.01, 0.02)):
        gru = [v + 0.1 + shift * (-1) ** i for i, v in enumerate(LSTM5)]
        write_study(tmp_path, {"lstm": LSTM5, "gru": gru}, optimizer__learning_rate=rate)
    diff = row(compare("demo", tmp_path, by=["cell"]), "gru").difference
    assert diff is not None
    assert (diff.n, diff.pairs, diff.seeds) == (5, 10, (0, 1, 2, 3, 4))
    assert diff.values == pytest.approx([0.11, 0.09, 0.11, 0.09, 0.11])
    assert diff.test is not None
    assert diff.test.p == pytest.approx(scipy.stats.ttest_1samp(diff.values, 0.0).pvalue)
    sentence = verdict(compare("demo", tmp_path, by=["cell"]), "gru")
    assert "n = 5 seeds with 10 pairs of runs" in sentence
    summary = row(compare("demo", tmp_path, by=["cell"]), "lstm").summary
    assert summary is not None
    assert summary.n == 10
    assert summary.interval == mean_interval(LSTM5)


def test_seeds_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    values = [8.6 + (i * 7 % 12) / 100 for i in range(12)]
    write_study(tmp_path, {"lstm": values, "gru": [v + i / 100 for i, v in enumerate(values)]})
    diff = row(compare("demo", tmp_path), "gru").difference
    assert diff is not None
    assert diff.seeds == tuple(range(12))
    assert diff.values == pytest.approx([i / 100 for i in range(12)])


def test_intervals_stay_within_the_range_of_the_metric(tmp_path: Path) -> None:
    metric = {"name": "accuracy", "direction": "max", "unit": "share of sequences", "chance": 0.1}
    for cell, tests in {"lstm": [0.2, 1.0, 1.0], "gru": [1.0, 0.0, 0.1]}.items():
        for seed, value in enumerate(tests):
            config = configuration(cell, seed)
            write_run(tmp_path / "demo" / "runs", config, value, metric=metric)
    lstm, gru = compare("demo", tmp_path).rows
    assert lstm.summary is not None
    assert lstm.summary.interval is not None
    assert (lstm.summary.interval.low, lstm.summary.interval.high) == (0.0, 1.0)
    assert gru.difference is not None
    assert gru.difference.interval is not None
    assert (gru.difference.interval.low, gru.difference.interval.high) == (-1.0, 1.0)


def test_the_time_per_step_is_that_of_completed_runs(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"gru": [8.6]})
    diverged(runs, "gru", range(1, 3), 0.5)
    summary = compare("demo", tmp_path).rows[0].summary
    assert summary is not None
    assert (summary.diverged, summary.step_seconds) == (2, 0.021)


@pytest.mark.parametrize(
    ("margin", "decided", "said"),
    [
        ("0.1", "equivalent", "gru is equivalent to lstm within 0.1 nats/frame: nll "),
        ("1%", "equivalent", "gru is equivalent to lstm within 0.08646 nats/frame: nll "),
        (
            0.02,
            "not_worse",
            "gru is no worse than lstm by more than 0.02 nats/frame: nll ",
        ),
        (
            0.001,
            "open",
            "gru and lstm are not told apart, and a difference of 0.001 nats/frame is not ruled"
            " out",
        ),
    ],
)
def test_a_margin_is_decided_by_two_one_sided_tests(
    tmp_path: Path, margin: str | float, decided: str, said: str
) -> None:
    lower = [v + d for v, d in zip(LSTM5, (-0.04, 0.02, -0.03, 0.01, -0.015), strict=True)]
    gru = lower if decided == "not_worse" else GRU5
    write_study(tmp_path, {"lstm": 2 * LSTM5, "gru": 2 * gru, "rnn": 2 * RNN5})
    comparison = compare("demo", tmp_path, margin=margin)
    unseen = "; 10 seeds do not rule out that 26 % of runs fail"
    assert (unseen in verdict(comparison, "gru")) == (decided != "open")
    assert not any("need 10 seeds" in note for note in comparison.notes)
    assert (decision(comparison, "gru"), decision(comparison, "rnn")) == (decided, "worse")
    assert verdict(comparison, "gru").startswith(said)
    assert comparison.margin == str(margin)


def test_larger_is_better_where_the_task_says_so(tmp_path: Path) -> None:
    metric = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.1}
    for cell, tests in {"lstm": [0.90, 0.91], "gru": [0.96, 0.975]}.items():
        for seed, value in enumerate(tests):
            config = configuration(cell, seed)
            write_run(tmp_path / "demo" / "runs", config, value, metric=metric)
    comparison = compare("demo", tmp_path)
    assert [item.group.label for item in comparison.rows] == ["gru", "lstm"]
    assert "accuracy 0.062 higher (95 % t" in verdict(comparison, "gru")
    difference = comparison.rows[0].difference
    assert difference is not None
    assert (difference.better, difference.worse, difference.improvement) == (2, 0, 1.0)


def test_without_an_lstm_the_first_label_is_the_baseline(tmp_path: Path) -> None:
    write_study(tmp_path, {"rnn": RNN, "gru": GRU})
    assert row(compare("demo", tmp_path), "gru").is_baseline


def test_a_baseline_can_be_named_and_must_exist(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM5, "rnn": RNN5})
    comparison = compare("demo", tmp_path, baseline="rnn")
    assert verdict(comparison, "lstm").startswith("lstm is better than rnn: nll 0.316")
    with pytest.raises(ConfigError, check=at("baseline")):
        compare("demo", tmp_path, baseline="lstn")


def test_a_baseline_without_an_outcome_is_said(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"rnn": RNN})
    write_run(runs, configuration("lstm", 0), state="FAILED")
    comparison = compare("demo", tmp_path)
    assert "baseline lstm has no outcome, so nothing is compared with it" in comparison.notes
    assert row(comparison, "rnn").difference is None


def test_pairs_are_the_common_seeds(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    for seed, value in ((1, 8.75), (2, 8.81), (7, 4.0)):
        write_run(runs, configuration("gru", seed), value)
    comparison = compare("demo", tmp_path)
    gru = row(comparison, "gru").difference
    assert gru is not None
    assert gru.pairs == 2
    assert gru.mean == pytest.approx((8.75 - 8.65 + 8.81 - 8.70) / 2)


def test_a_mean_that_one_seed_dominates_is_decided_by_its_p_value(tmp_path: Path) -> None:
    small = [0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.009, 0.003]
    write_study(tmp_path, {"gru": [0.001] * 10, "lstm": [*(0.001 + s for s in small), 0.151]})
    comparison = compare("demo", tmp_path, baseline="lstm")
    difference = row(comparison, "gru").difference
    assert difference is not None
    assert difference.p == 2 / 2**10
    assert difference.interval is not None
    assert difference.interval.low < 0 < difference.interval.high
    sentence = verdict(comparison, "gru")
    assert sentence.startswith("gru is better than lstm: nll 0.020")
    assert "max-T sign-flip p = 0.002); the p value decides, not the interval; 10" in sentence


def test_the_direction_is_that_of_the_mean_and_not_of_the_count(tmp_path: Path) -> None:
    better = [0.001 * k for k in range(1, 20)]
    write_study(tmp_path, {"gru": [1.0] * 20, "lstm": [*(1.0 + b for b in better), 0.1]})
    comparison = compare("demo", tmp_path, baseline="lstm")
    difference = row(comparison, "gru").difference
    assert difference is not None
    assert difference.mean is not None
    assert (difference.better, difference.worse, difference.direction) == (19, 1, -1)
    assert verdict(comparison, "gru").startswith("gru and lstm are not told apart: nll ")


def test_no_common_seed_is_no_verdict(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    write_run(runs, configuration("gru", 9), 8.6)
    write_run(runs, configuration("rnn", None), 8.6)
    comparison = compare("demo", tmp_path)
    assert verdict(comparison, "gru").endswith("no seed in common")
    assert "rnn: runs without a seed cannot be paired: 1" in comparison.notes


def test_one_pair_has_a_difference_but_no_interval(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [8.6], "rnn": [8.9]})
    rnn = row(compare("demo", tmp_path), "rnn")
    assert rnn.summary is not None
    assert rnn.summary.interval is None
    assert rnn.difference is not None
    assert rnn.difference.interval is None
    assert rnn.verdict == (
        "no verdict on rnn against lstm: nll 0.300 nats/frame higher; 1 seed, but a verdict needs 5"
    )


def test_a_seed_that_is_there_twice_is_left_out_of_the_pairs(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "gru": GRU})
    write_run(runs, configuration("gru", 0), 5.0, name="0" * 16)
    comparison = compare("demo", tmp_path)
    gru = row(comparison, "gru").difference
    assert gru is not None
    assert gru.pairs == 2
    assert "gru: seeds that occur more than once are left out of the pairs: 0" in comparison.notes


def test_the_printed_p_is_the_one_that_decides(tmp_path: Path) -> None:
    base = [8.60, 8.65, 8.70, 8.62, 8.66, 8.69]
    rnn = [value + 0.3 + 0.01 * i for i, value in enumerate(base)]
    gru = [value + (0.02 if i % 2 else -0.03) for i, value in enumerate(base)]
    write_study(tmp_path, {"lstm": base, "rnn": rnn, "gru": gru})
    comparison = compare("demo", tmp_path)
    one, two = row(comparison, "rnn").difference, row(comparison, "gru").difference
    assert one is not None
    assert two is not None
    raw = [scipy.stats.ttest_1samp(diff.values, 0.0).pvalue for diff in (one, two)]
    assert (one.p, two.p) == pytest.approx((2 * raw[0], raw[1]))
    assert "paired t p < 0.0001 over 2 comparisons" in verdict(comparison, "rnn")
    assert "with 5 to 7 seeds, p values assume normal noise; with 8 or more they do not" in (
        comparison.notes
    )


def test_an_interval_without_zero_is_no_verdict_on_one_of_many(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    base = [8.60, 8.65, 8.70, 8.62, 8.66, 8.69, 8.64, 8.61]
    gaps = [0.10, 0.12, 0.09, 0.11, 0.10, 0.13, 0.12, -0.09]
    noise = [0.9, -1.1, 1.0, -0.8, 1.2, -1.0, 0.9, -1.1]
    for seed, value in enumerate(base):
        write_run(runs, configuration("lstm", seed), value)
        write_run(runs, configuration("gru", seed), value + gaps[seed])
        for units in range(1, 9):
            other = noise[(seed + units) % 8] * (1 + 0.1 * units * seed)
            write_run(runs, configuration("gru", seed, units=units), value + other)
    comparison = compare("demo", tmp_path, baseline="lstm units=64")
    gru = row(comparison, "gru units=64").difference
    assert gru is not None
    assert gru.interval is not None
    assert gru.interval.low > 0
    assert gru.p is not None
    assert gru.p >= 0.05
    sentence = verdict(comparison, "gru units=64")
    assert sentence.startswith("gru units=64 and lstm units=64 are not told apart")
    assert "the p value decides" not in sentence
    assert "95 % t interval -0.02 to" in sentence


def diverged(runs: Path, cell: str, seeds: range, step: float = 0.021) -> None:
    for seed in seeds:
        write_run(
            runs,
            configuration(cell, seed),
            None,
            state="DIVERGED",
            reason="loss is NaN in epoch 3, batch 7",
            validation=[11.0, 10.5, None],
            seconds={"total": 31.2, "step": step},
        )


def test_diverged_runs_are_the_worst_outcome(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "rnn": RNN, "gru": [1.0]})
    diverged(runs, "gru", range(1, 3))
    comparison = compare("demo", tmp_path)
    assert [item.group.label for item in comparison.rows] == ["lstm", "rnn", "gru"]
    gru = row(comparison, "gru")
    assert gru.summary is not None
    assert (gru.summary.n, gru.summary.diverged, gru.summary.mean) == (3, 2, None)
    assert (gru.summary.mean_finished, gru.summary.median) == (1.0, None)
    assert str(gru.verdict) == (
        "no verdict on gru against lstm: gru diverged in 2 of 3 runs, lstm in 0, and a diverged run"
        " counts as the worst outcome (better on 1 and worse on 2 of 3 seeds); 3 seeds, but a"
        " verdict needs 5"
    )


def test_eight_of_ten_diverged_is_worse_by_rank(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6 + i / 100 for i in range(10)], "gru": [8.1, 8.2]})
    diverged(runs, "gru", range(2, 10))
    gru = row(compare("demo", tmp_path), "gru")
    assert gru.difference is not None
    assert (gru.difference.worse, gru.difference.better, gru.difference.mean) == (8, 2, None)
    assert str(gru.verdict).startswith(
        "gru is worse than lstm: gru diverged in 8 of 10 runs, lstm in 0, and a diverged run"
        " counts as the worst outcome (better on 2 and worse on 8 of 10 seeds, max-T signed-rank p"
    )


def test_with_divergence_the_rank_sum_gives_the_direction(tmp_path: Path) -> None:
    base = [8.6 + i / 100 for i in range(30)]
    gru = [v - 0.001 * (i + 1) for i, v in enumerate(base[:16])]
    runs = write_study(tmp_path, {"lstm": base, "gru": gru})
    diverged(runs, "gru", range(16, 30))
    diff = row(compare("demo", tmp_path), "gru").difference
    assert diff is not None
    assert (diff.better, diff.worse, diff.direction) == (16, 14, -1)
    assert diff.decision == "worse"


def test_two_runs_that_both_diverged_are_equal(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    diverged(runs, "gru", range(5))
    diverged(runs, "lstm", range(5))
    gru = row(compare("demo", tmp_path), "gru").difference
    assert gru is not None
    assert (gru.better, gru.worse, gru.pairs) == (0, 0, 5)
    assert gru.test is not None
    assert (gru.test.p, gru.decision) == (1.0, "open")


def test_runs_that_both_diverged_make_ranks_of_the_other_seeds(tmp_path: Path) -> None:
    """A zero among five differences is no normal noise: the signed ranks decide, not a t test."""
    runs = tmp_path / "demo" / "runs"
    for seed in range(1, 6):
        write_run(runs, configuration("lstm", seed), 8.6 + 0.01 * seed)
        write_run(runs, configuration("gru", seed), 8.5 + 0.012 * seed)
    for cell in ("lstm", "gru"):
        diverged(runs, cell, [0])
    comparison = compare("demo", tmp_path, margin=0.3)
    gru = row(comparison, "gru").difference
    assert gru is not None
    assert gru.test is not None
    assert (gru.mean, gru.better, gru.direction, gru.ranked) == (None, 5, 1, {0})
    p = scipy.stats.wilcoxon(gru.values, method="exact", zero_method="wilcox").pvalue
    assert p == 2.0**-4
    assert (gru.test.p, gru.test.test, gru.decision) == (p, "exact signed-rank", "open")
    assert not any("assume normal noise" in note for note in comparison.notes)
    assert "margin 0.3: not tested for gru, because a run diverged" in comparison.notes


def test_a_margin_is_corrected_for_as_many_comparisons_as_it_states(tmp_path: Path) -> None:
    """A group with a diverged run has no margin, and is one of the comparisons all the same."""
    noise = (0.01, -0.02, 0.015, -0.01, 0.02, -0.005)
    base = [8.6 + 0.01 * i for i in range(12)]
    gru = [v + 0.05 + e for v, e in zip(base, 2 * noise, strict=True)]
    runs = write_study(tmp_path, {"lstm": base, "gru": gru, "rnn": [8.9] * 11})
    diverged(runs, "rnn", [11])
    diff = row(compare("demo", tmp_path, margin=0.2), "gru").difference
    assert diff is not None
    assert diff.test is not None
    assert diff.test.comparisons == 2
    one = scipy.stats.ttest_1samp(diff.values, 0.2, alternative="less").pvalue
    assert diff.not_worse == pytest.approx(2 * one)


def test_a_share_of_a_mean_of_zero_is_no_margin(tmp_path: Path) -> None:
    metric = {"name": "mse", "direction": "min", "unit": "", "chance": 1.0}
    for seed in range(6):
        for cell, value in (("lstm", 0.0), ("gru", 0.01 * seed)):
            config = configuration(cell, seed)
            write_run(tmp_path / "demo" / "runs", config, value, metric=metric)
    said = compare("demo", tmp_path, margin="5%").notes
    note = "margin 5%: not tested for gru, because a run diverged, or the baseline's mean"
    assert any(one.startswith(note) for one in said)
    said = compare("demo", tmp_path, margin=0.1).notes
    assert not any("not tested" in one for one in said)


@pytest.mark.parametrize(("seeds", "share"), [(5, 45), (8, 31), (9, 28)])
def test_below_ten_seeds_nothing_is_equivalent_and_a_note_has_the_remedy(
    tmp_path: Path, seeds: int, share: int
) -> None:
    base = [8.6 + 0.01 * (7 * i % 10) for i in range(seeds)]
    gru = [v + 0.001 * (-1) ** i for i, v in enumerate(base)]
    write_study(tmp_path, {"lstm": base, "gru": gru})
    comparison = compare("demo", tmp_path, margin=0.5)
    assert decision(comparison, "gru") == "open"
    diff = row(comparison, "gru").difference
    assert diff is not None
    assert (diff.not_worse, diff.equivalent) == (None, None)
    assert diff.unseen_failures == pytest.approx(1 - 0.05 ** (1 / seeds))
    (note,) = [one for one in comparison.notes if "need 10 seeds" in one]
    assert f"{seeds} do not rule out that {share} % of runs fail (gru)" in note
    assert note.endswith("type gatekit extend demo --seeds 10")


def six_of_fourteen(size: float, rest: float) -> list[float]:
    return [8.6 + 0.01 * i + (size if i < 6 else rest) for i in range(14)]


def test_a_mean_and_a_majority_that_disagree_give_no_verdict(tmp_path: Path) -> None:
    base, apart = six_of_fourteen(0.0, 0.0), six_of_fourteen(1.0, -0.001)
    write_study(tmp_path, {"lstm": base, "gru": apart, "rnn": six_of_fourteen(1.0, 0.001)})
    comparison = compare("demo", tmp_path, margin=0.1)
    gru = row(comparison, "gru").difference
    assert gru is not None
    assert gru.test is not None
    assert (gru.test.p < 0.05, gru.better, gru.worse, gru.direction) == (True, 8, 6, -1)
    assert (gru.decision, gru.p, decision(comparison, "rnn")) == ("none", None, "worse")
    why = "the mean is worse, but most seeds are better"
    assert verdict(comparison, "gru").startswith("no verdict on gru against lstm: nll ")
    assert verdict(comparison, "gru").endswith(why)
    assert why in answer(comparison).first


def test_spreads_that_differ_more_than_twofold_are_noted(tmp_path: Path) -> None:
    base = [8.6 + 0.01 * (7 * i % 10) for i in range(10)]
    write_study(
        tmp_path,
        {
            "lstm": base,
            "gru": [9.6 + 2.5 * (v - 8.6) for v in base],
            "rnn": [9.6 + 1.9 * (v - 8.6) for v in base],
        },
    )
    comparison = compare("demo", tmp_path)
    gru, rnn = (row(comparison, name).difference for name in ("gru", "rnn"))
    assert gru is not None
    assert rnn is not None
    assert gru.spread == pytest.approx(2.5 * float(np.std(base, ddof=1)))
    assert gru.spread_baseline == pytest.approx(float(np.std(base, ddof=1)))
    assert (gru.is_uneven, rnn.is_uneven, gru.decision) == (True, False, "worse")
    (note,) = [one for one in comparison.notes if "spread over seeds" in one]
    assert note.endswith(": gru")


def test_a_step_time_is_a_median_and_a_wide_range_is_noted(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    times = {
        "gru": [(0.003, 0.002, 0.0041, 0.0029), (0.005, 0.004, 0.04, 0.0031), (0.4, 0.4, 0.4, 3)],
        "lstm": [(0.003, 0.003, 0.005, 0.003)] * 3,
        "rnn": [(0.003,), (0.004,), (0.0065,)],
    }
    names = "step", "step_low", "step_high", "step_processor"
    for cell, all_seeds in times.items():
        for seed, values in enumerate(all_seeds):
            seconds = {"total": 9.0, **dict(zip(names, values, strict=False))}
            write_run(runs, configuration(cell, seed), 8.6 + 0.1 * seed, seconds=seconds)
    comparison = compare("demo", tmp_path)
    gru, rnn = row(comparison, "gru").summary, row(comparison, "rnn").summary
    assert gru is not None
    assert rnn is not None
    assert (gru.step_seconds, gru.step_seconds_low, gru.step_seconds_high) == (0.005, 0.002, 0.4)
    assert gru.step_processor_seconds == 0.0031
    assert (rnn.step_seconds, rnn.step_processor_seconds) == (0.004, None)
    (note,) = [one for one in comparison.notes if one.startswith("ms/step varies")]
    assert note.endswith(": gru from 2.00 to 400, rnn from 3.00 to 6.50")


def test_groups_without_a_baseline_beside_them_are_noted(tmp_path: Path) -> None:
    for task, cells in (("a", ("lstm", "gru")), ("b", ("gru", "rnn"))):
        for cell in cells:
            for seed in range(2):
                config = configuration(cell, seed, task__name=task)
                write_run(tmp_path / "demo" / "runs", config, 8.6 + seed / 100)
    note = (
        "not compared, because baseline lstm has no outcome to compare with: gru task=b, rnn task=b"
    )
    assert note in compare("demo", tmp_path).notes
    assert not any("beside" in one for one in compare("demo", tmp_path, tasks=["a"]).notes)


def test_seeds_that_no_pair_shares_are_named_as_the_reason(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM5})
    for seed in range(5, 10):
        write_run(runs, configuration("gru", seed), 8.5)
    text = answer(compare("demo", tmp_path)).first
    assert text == "Nothing is shown: gru against lstm: no seed in common."


def test_a_metric_of_the_wrong_direction_waits_for_no_run(tmp_path: Path) -> None:
    metric = {"name": "accuracy", "direction": "min", "unit": "", "chance": 0.1}
    for seed in range(6):
        for cell in ("lstm", "gru"):
            value = 0.8 + 0.01 * seed
            config = configuration(cell, seed)
            write_run(tmp_path / "demo" / "runs", config, value, metric=metric)
    assert "each run chose its worst epoch" in answer(compare("demo", tmp_path)).first


@pytest.mark.parametrize("state", ["FAILED", "LOST", "INTERRUPTED", "RUNNING", "PLANNED"])
def test_missing_runs_block_a_verdict(tmp_path: Path, state: str) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM5, "gru": GRU5, "rnn": RNN5})
    lost = write_run(runs, configuration("rnn", 5), state=state, reason="killed")
    comparison = compare("demo", tmp_path)
    assert verdict(comparison, "rnn") == (
        f"no verdict on rnn against lstm: rnn is missing 1 run (1 {state});"
        " run the sweep again, then compare"
    )
    assert decision(comparison, "rnn") == "none"
    assert decision(comparison, "gru") == "open"
    assert [run.id for run in comparison.missing] == [lost.name]
    assert verdict(compare("demo", tmp_path, force=True), "rnn").startswith("rnn is worse")


def test_a_missing_run_is_repeated_by_the_command_that_asked_for_it(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM5, "gru": GRU5, "rnn": RNN5})
    states = {"lstm": "LOST", "gru": "FAILED", "rnn": "FAILED"}
    paths = {cell: write_run(runs, configuration(cell, 5), state=s) for cell, s in states.items()}
    commands = {"lstm": "-m cell=lstm,mingru", "gru": "cell=gru", "rnn": ""}
    for cell, typed in commands.items():
        words = (f"cell={cell}", "seed=5", "study=demo")
        requested = plan_file.RequestedRun(paths[cell].name, cell, words, "")
        command = f"gatekit train {typed} study=demo" if typed else "gatekit extend demo"
        plan_file.write(tmp_path / "demo", cell, command, [requested])
    comparison = compare("demo", tmp_path, baseline="lstm")
    sweep = "gatekit train -m cell=lstm,mingru study=demo"
    one, other = "gatekit train cell=gru study=demo", "gatekit train cell=rnn seed=5 study=demo"
    for cell in ("gru", "rnn"):
        assert "misses 3 of 18 runs (2 FAILED, 1 LOST)" in verdict(comparison, cell)
        for typed in (one, sweep, other):
            assert f"{typed} retry=failed" in verdict(comparison, cell)
    for cell in ("gru", "rnn"):
        paths[cell].rename(runs.parent / cell)
    # Without their folders the runs are planned, and are not repeated but started.
    again = verdict(compare("demo", tmp_path), "gru")
    assert all(typed in again for typed in (one, sweep, other))
    assert "retry" not in again


def test_a_missing_run_of_the_baseline_blocks_all(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "gru": GRU, "rnn": RNN})
    (write_run(runs, configuration("lstm", 3)) / "result.json").write_text("{")
    comparison = compare("demo", tmp_path)
    for label in ("gru", "rnn"):
        assert "lstm is missing 1 run (1 CORRUPT)" in verdict(comparison, label)


def test_a_run_of_unknown_group_blocks_the_groups_that_lack_a_seed(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM5, "gru": GRU5, "rnn": RNN5[:4]})
    (write_run(runs, configuration("rnn", 4)) / "config.yaml").write_text("")
    comparison = compare("demo", tmp_path)
    assert "1 corrupt run could belong to rnn" in verdict(comparison, "rnn")
    assert decision(comparison, "gru") == "open"


@pytest.mark.parametrize(
    ("changed", "config", "says"),
    [
        ({"metric": {**METRIC, "unit": "bits/frame"}}, {}, "different metric"),
        ({"metric": {**METRIC, "name": "mse"}}, {}, "different metric"),
        ({"data_hash": "sha256:" + "cd" * 32}, {}, "different data (cdcdcdcd against abababab)"),
        ({}, {"trainer__epochs": 80}, "different step budget (epochs=80 against epochs=40)"),
    ],
)
def test_what_is_not_comparable_is_refused_unless_forced(
    tmp_path: Path, changed: dict[str, Any], config: dict[str, Any], says: str
) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM5})
    for seed in range(5):
        write_run(runs, configuration("rnn", seed, **config), RNN5[seed], **changed)
    names = ("rnn epochs=80", "lstm epochs=40") if config else ("rnn", "lstm")
    comparison = compare("demo", tmp_path)
    rnn = row(comparison, names[0])
    assert str(rnn.verdict).startswith(f"no verdict on {names[0]} against {names[1]}: {says}")
    assert rnn.difference is not None
    assert (rnn.difference.mean, rnn.difference.pairs) == (None, 0)
    forced = compare("demo", tmp_path, force=True)
    assert verdict(forced, names[0]).startswith(f"{names[0]} is worse than {names[1]}")
    assert f"{names[0]} against {names[1]}, forced: {says}" in str(forced.notes)


def test_different_executors_are_flagged(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM5})
    for seed in range(5):
        write_run(runs, configuration("rnn", seed), RNN5[seed], executor="reference")
    comparison = compare("demo", tmp_path)
    each = "groups ran on different executors. stacked: lstm; reference: rnn"
    assert each in comparison.notes
    assert verdict(comparison, "rnn").startswith("rnn is worse")


def test_different_executors_of_several_groups_are_one_note(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM5})
    for seed in range(5):
        write_run(runs, configuration("rnn", seed), RNN5[seed], executor="reference")
        write_run(runs, configuration("gru", seed), RNN5[seed], jit=True)
    notes = [note for note in compare("demo", tmp_path, baseline="lstm").notes if "execut" in note]
    (note,) = notes
    said, _, each = note.partition(". ")
    assert said == "groups ran on different executors"
    assert set(each.split("; ")) == {
        "stacked: lstm",
        "stacked under XLA: gru",
        "reference: rnn",
    }


def test_groups_of_which_xla_compiled_one_are_flagged(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM5})
    for seed in range(5):
        write_run(runs, configuration("rnn", seed), RNN5[seed], jit=True)
    comparison = compare("demo", tmp_path)
    each = "groups ran on different executors. stacked: lstm; stacked under XLA: rnn"
    assert each in comparison.notes


def test_pooling_over_different_metrics_is_an_error(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    metric = {"name": "mse", "direction": "min", "unit": "", "chance": None}
    write_run(runs, configuration("lstm", 0, units=8), 0.1, metric=metric)
    with pytest.raises(ConfigError, match=r"not comparable: different metric.*units"):
        compare("demo", tmp_path, by=["cell"])


def test_each_task_has_its_own_baseline(tmp_path: Path) -> None:
    for length, shift in ((10, 0.0), (100, 2.0)):
        for cell, tests in {"lstm": LSTM5, "rnn": RNN5}.items():
            for seed, value in enumerate(tests):
                config = configuration(cell, seed, task={"name": "adding", "length": length})
                data = f"sha256:{length:064d}"
                runs = tmp_path / "demo" / "runs"
                write_run(runs, config, value + shift, data_hash=data[:7] + data[-8:] * 8)
    comparison = compare("demo", tmp_path)
    assert [item.group.label for item in comparison.rows] == [
        "lstm length=10",
        "rnn length=10",
        "lstm length=100",
        "rnn length=100",
    ]
    assert verdict(comparison, "rnn length=100").startswith(
        "rnn length=100 is worse than lstm length=1"
    )


def test_odd_results_are_flagged(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6, 8.6]})
    write_run(runs, configuration("gru", 0), 9e9)
    flat = {"epoch": 1, "validation": 9.0, "test": 9.1}
    last = {**flat, "epoch": 10}
    write_run(runs, configuration("rnn", 0), 9.1, validation=[9.0] * 10, best=flat, last=last)
    # At its best value for the last epochs, but it came there: no reason for doubt.
    stands = {"epoch": 4, "validation": 8.5, "test": 8.6}
    still = {**stands, "epoch": 10}
    curve = [9.0, 8.8, 8.6, *[8.5] * 7]
    write_run(runs, configuration("gru", 1), 8.6, validation=curve, best=stands, last=still)
    doubt = "jsb: 4 of 4 test sequences stand in train as well"
    write_run(runs, configuration("rnn", 1), 9.2, warnings=[doubt])
    notes = str(compare("demo", tmp_path).notes)
    assert f"rnn: {doubt}" in notes
    assert "lstm: all 2 runs end at the same value: check that the seed reaches the model" in notes
    assert "gru: 1 of 2 runs end more than 100 times worse than chance" in notes
    assert "rnn: validation never changed in 1 of 2 runs" in notes
    assert "gru: validation never changed" not in notes


def test_a_task_that_every_run_solves_is_not_odd(tmp_path: Path) -> None:
    metric = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.5}
    solved = {"epoch": 1, "validation": 1.0, "test": 1.0}
    for seed in range(2):
        write_run(
            tmp_path / "demo" / "runs",
            configuration("lstm", seed),
            validation=[1.0] * 10,
            metric=metric,
            best=solved,
            last={**solved, "epoch": 10},
        )
    assert not [note for note in compare("demo", tmp_path).notes if "lstm:" in note]


def test_no_runs_and_only_failed_runs_say_so(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    empty = compare("demo", tmp_path)
    assert (empty.exit_code, empty.rows) == (1, ())
    assert answer(empty).first.startswith("This study has no runs")
    write_run(tmp_path / "demo" / "runs", configuration(), state="FAILED", reason="boom")
    failed = compare("demo", tmp_path)
    assert failed.exit_code == 1
    assert answer(failed).first.startswith("No run has an outcome yet")


def test_the_test_set_never_chooses_the_epoch(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "demo" / "runs", configuration(), 8.65, validation=curve(8.7, 10))
    record = json.loads((folder / "result.json").read_text())
    record["last"]["test"] = 8.01
    (folder / "result.json").write_text(sealed(record))
    summary = compare("demo", tmp_path).rows[0].summary
    assert summary is not None
    assert summary.mean == 8.65

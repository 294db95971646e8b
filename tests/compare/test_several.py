"""Variants over several tasks: normalised by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats
from seams import (
    Comparison,
    SeveralTasks,
    notes,
    records,
    several_tasks,
    stratified_t_interval,
    tasks_notes,
    tasks_table,
    with_noise_of_baseline,
)
from seams import compare_runs as compare

from .synthetic import METRIC, configuration, write_run

ACCURACY = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.5}


def write_task(
    root: Path,
    name: str,
    cells: Mapping[str, Sequence[float | None]],
    metric: Mapping[str, Any] = METRIC,
) -> None:
    """Write runs of one task; None is a run that diverged."""
    for cell, values in cells.items():
        for seed, value in enumerate(values):
            write_run(
                root / "demo" / "runs",
                configuration(cell, seed, task__name=name),
                9.0 if value is None else value,
                state="DIVERGED" if value is None else "COMPLETED",
                metric=metric,
                data_hash=f"sha256:{name.encode().hex():0<64}",
            )


def over_tasks(root: Path) -> SeveralTasks:
    several = several_tasks(compare("demo", root))
    assert several is not None
    return several


def test_scores_are_chance_at_zero_and_the_baseline_at_one(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [7.9, 9.9], "gru": [5.9, 6.9]})
    write_task(tmp_path, "b", {"lstm": [0.7, 0.8], "gru": [0.6, 0.65]}, ACCURACY)
    several = over_tasks(tmp_path)
    gru = next(v for v in several.variants if v.name == "gru")
    lstm = next(v for v in several.variants if v.name == "lstm")
    assert gru.scores[0] == pytest.approx((2.0, 5 / 3))
    assert gru.scores[1] == pytest.approx((0.4, 0.6))
    assert gru.mean == pytest.approx((11 / 6 + 0.5) / 2)
    assert lstm.mean == pytest.approx(1.0)
    assert (lstm.is_baseline, gru.is_baseline) == (True, False)
    assert [v.rank for v in several.variants] == [1.5, 1.5]
    assert several.ranking.critical_difference is None


def test_a_diverged_run_is_as_bad_as_guessing_or_as_the_worst(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [7.9, 9.9], "gru": [5.9, None]})
    write_task(tmp_path, "b", {"lstm": [0.7, 0.8], "gru": [0.3, None]}, ACCURACY)
    gru = next(v for v in over_tasks(tmp_path).variants if v.name == "gru")
    assert gru.scores[0] == pytest.approx((2.0, 0.0))
    assert gru.scores[1] == pytest.approx((-0.8, -0.8))
    assert gru.rank == 2.0


def test_what_is_not_comparable_on_a_task_has_no_verdict_over_tasks(tmp_path: Path) -> None:
    """Other data, as other metrics and step budgets, are refused on each task and over them."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        noise = [8.0 + 0.05 * float(x) for x in rng.normal(size=6)]
        write_task(tmp_path, name, {"lstm": noise, "gru": [v - 0.3 for v in noise]})
        for seed, value in enumerate(noise):
            config = configuration("rnn", seed, task__name=name)
            write_run(tmp_path / "demo" / "runs", config, value - 1)
    comparison = compare("demo", tmp_path)
    several = several_tasks(comparison)
    assert several is not None
    assert [v.name for v in several.variants] == ["gru", "lstm"]
    assert several.notes[0].startswith("rnn: left out of the table over all tasks, because rnn ")
    assert several.notes[0].endswith("is not comparable with lstm task=a")
    rnn = next(r for r in records(comparison) if r["group"].startswith("rnn"))
    assert (rnn["decision"], rnn["normalised_decision"], rnn["mean_rank"]) == ("none", None, None)
    forced = several_tasks(compare("demo", tmp_path, force=True))
    assert forced is not None
    assert {v.name for v in forced.variants} == {"lstm", "gru", "rnn"}


def test_two_groups_of_a_variant_on_a_task_do_not_stand_for_it(tmp_path: Path) -> None:
    """If the data changed, old and new runs are groups of their own, and neither is the variant."""
    for name in ("a", "b"):
        write_task(tmp_path, name, {"lstm": [8.0, 8.1], "gru": [7.0, 7.1], "rnn": [7.5, 7.6]})
        for cell in ("lstm", "gru"):
            config = configuration(cell, 2, task__name=name)
            write_run(tmp_path / "demo" / "runs", config, 5.0)
    assert several_tasks(compare("demo", tmp_path)) is None


def test_a_baseline_that_lacks_a_run_gives_no_verdict_over_tasks(tmp_path: Path) -> None:
    for name in ("a", "b"):
        noise = [8.0, 8.1, 7.9, 8.05, 7.95, 8.02]
        both = {"gru": [v - 0.3 - 0.01 * (v - 8) for v in noise], "rnn": [v + 0.1 for v in noise]}
        write_task(tmp_path, name, {"lstm": noise, **both})
    lost = configuration("lstm", 6, task__name="a")
    write_run(tmp_path / "demo" / "runs", lost, state="FAILED", reason="killed")
    several = over_tasks(tmp_path)
    assert {v.name for v in several.variants} == {"gru", "rnn"}
    assert all(v.difference is None for v in several.variants)


def test_who_lacks_a_run_is_left_out_and_named(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [8.0, 8.1], "gru": [8.2, 8.1], "rnn": [9.0]})
    write_task(tmp_path, "b", {"lstm": [8.0, 8.1], "gru": [8.2, 8.1]})
    several = over_tasks(tmp_path)
    assert {v.name for v in several.variants} == {"lstm", "gru"}
    assert several.notes == ("rnn: left out of the table over all tasks, because runs are missing",)


def test_a_task_without_a_scale_keeps_its_ranks(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [8.0, 8.1], "gru": [8.2, 8.1]})
    write_task(tmp_path, "b", {"lstm": [8.0, 8.1], "gru": [7, 7]}, {**METRIC, "chance": None})
    several = over_tasks(tmp_path)
    assert (several.tasks, several.normalised) == (("task=a", "task=b"), ("task=a",))
    assert several.notes == ("task=b: not normalised, chance level or baseline is unknown",)


def test_without_any_scale_there_is_no_column_of_scores(tmp_path: Path) -> None:
    for task in ("a", "b"):
        values = {"lstm": [8.0, 8.1], "gru": [8.2, 8.1]}
        write_task(tmp_path, task, values, {**METRIC, "chance": None})
    several = over_tasks(tmp_path)
    assert tasks_table(several).columns == ("over 2 tasks", "mean rank")
    assert tasks_table(several).rows == (("lstm", "1.00"), ("gru", "2.00"))
    assert not any("normalised score" in note for note in tasks_notes(several))


@pytest.mark.parametrize(("lstm", "kept"), [(0.13, False), (0.12, False), (0.2, True)])
def test_what_the_baseline_does_not_learn_is_no_scale(
    tmp_path: Path, lstm: float, kept: bool
) -> None:
    metric = {**ACCURACY, "chance": 0.125}
    write_task(tmp_path, "a", {"lstm": [0.9, 0.8], "gru": [0.9, 0.9]}, metric)
    write_task(tmp_path, "b", {"lstm": [lstm, lstm], "gru": [1, 1]}, metric)
    several = over_tasks(tmp_path)
    assert several.normalised == (("task=a", "task=b") if kept else ("task=a",))
    said = () if kept else ("task=b: not normalised, the baseline stays at chance",)
    assert several.notes == said


def test_five_tasks_have_a_critical_difference(tmp_path: Path) -> None:
    for name in "abcde":
        write_task(tmp_path, name, {"lstm": [8.0, 8.1], "gru": [8.2, 8.4], "rnn": [9.0, 9.1]})
    ranking = over_tasks(tmp_path).ranking
    assert ranking.critical_difference == pytest.approx(2.343 * (12 / 30) ** 0.5, abs=1e-3)
    assert ranking.p is not None


def test_one_task_or_one_variant_has_none_of_this(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [8.0, 8.1], "gru": [8.2, 8.1]})
    assert several_tasks(compare("demo", tmp_path)) is None
    write_task(tmp_path, "b", {"lstm": [8.0]})
    assert several_tasks(compare("demo", tmp_path, within=["cell"])) is None


def test_the_intervals_of_normalised_scores_cover_what_they_say() -> None:
    """The baseline's mean is in each score, and its noise in each interval."""
    rng = np.random.default_rng(0)
    covered = 0
    studies = 1000
    for _ in range(studies):
        strata = []
        for _task in range(2):
            lstm, gru = rng.normal(1.0, 0.1, 5), rng.normal(0.8, 0.1, 5)
            scores = {"lstm": tuple(lstm / lstm.mean()), "gru": tuple(gru / lstm.mean())}
            rows: Any = {
                name: SimpleNamespace(
                    group=SimpleNamespace(pairing_keys=tuple((s,) for s in range(5))),
                    is_baseline=name == "lstm",
                )
                for name in scores
            }
            strata.append(with_noise_of_baseline("gru", rows, scores))
        interval = stratified_t_interval(strata)
        assert interval is not None
        covered += interval.low <= 0.8 <= interval.high
    # Three standard errors of 1000 studies are 0.02; without the baseline's noise it is 0.87.
    assert covered / studies == pytest.approx(0.95, abs=0.021)


def test_the_baseline_has_no_interval_and_the_others_a_verdict(tmp_path: Path) -> None:
    lstm = [7.9, 8.2, 8.1, 8.0, 7.8]
    for name, shift in (("a", 0.5), ("b", 0.4)):
        noise = [0.03, -0.05, 0.02, 0.04, -0.01]
        gru = [v - shift + e for v, e in zip(lstm, noise, strict=True)]
        rnn = [v + 3 * e for v, e in zip(lstm, noise, strict=True)]
        write_task(tmp_path, name, {"lstm": lstm, "gru": gru, "rnn": rnn})
    variants = {v.name: v for v in over_tasks(tmp_path).variants}
    assert (variants["lstm"].interval, variants["lstm"].difference) == (None, None)
    gru, rnn = variants["gru"].difference, variants["rnn"].difference
    assert gru is not None
    assert rnn is not None
    assert (gru.decision, gru.seeds, rnn.decision) == ("better", 5, "open")
    # Chance is 11.9 and the baseline 8.0: by hand, as the mean over both tasks.
    expected = [(0.45 - e) / 3.9 for e in noise]
    assert gru.mean == pytest.approx(np.mean(expected))
    assert gru.test is not None
    p = scipy.stats.ttest_1samp(expected, 0.0).pvalue
    assert gru.test.p == pytest.approx(2 * p)
    comparison = compare("demo", tmp_path)
    said = [note for note in tasks_notes(over_tasks(tmp_path)) if note.startswith("over 2 tasks")]
    assert said[0].startswith("over 2 tasks, gru is better than lstm: normalised score +0.1")
    assert said[1].startswith("over 2 tasks, rnn and lstm are not told apart: normalised score")
    record = next(r for r in records(comparison) if r["group"].startswith("gru"))
    assert record["normalised_decision"] == "better"
    assert record["normalised_p"] == gru.test.p


def test_the_interval_of_the_difference_has_the_noise_of_the_divisor(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    lstm, gru = 9.9 + 0.3 * rng.normal(size=6), 8.4 + 0.3 * rng.normal(size=6)
    for task in "ab":
        write_task(tmp_path, task, {"lstm": lstm.tolist(), "gru": gru.tolist()})
    diff = next(v for v in over_tasks(tmp_path).variants if v.name == "gru").difference
    assert diff is not None
    assert diff.interval is not None
    base, ours = (11.9 - lstm) / (11.9 - lstm.mean()), (11.9 - gru) / (11.9 - lstm.mean())
    spread = ours - ours.mean() * base
    half = scipy.stats.t.ppf(0.975, 5) * spread.std(ddof=1) / np.sqrt(6)
    assert diff.mean == pytest.approx(ours.mean() - 1)
    assert (diff.interval.low, diff.interval.high) == pytest.approx(
        (ours.mean() - 1 - half, ours.mean() - 1 + half)
    )
    assert diff.test is not None
    assert diff.test.p == pytest.approx(scipy.stats.ttest_rel(ours, base).pvalue)


def test_without_two_whole_variants_the_reason_is_noted(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [8.0, 8.1], "gru": [8.2, 8.1]})
    write_task(tmp_path, "b", {"lstm": [8.0, 8.1]})
    lost = configuration("gru", 0, task__name="b")
    write_run(tmp_path / "demo" / "runs", lost, state="FAILED", reason="killed")
    comparison = compare("demo", tmp_path)
    assert several_tasks(comparison) is None
    note = "there is no table over all tasks, which needs two variants (gru: runs are missing)"
    assert note in notes(comparison, None)
    alone = compare("demo", tmp_path, where=["cell=lstm"])
    assert not any("all tasks" in text for text in notes(alone, None))


def pooled(root: Path, seeds: int) -> Comparison:
    """Write runs of three sizes for each seed, on which the seed has the larger effect."""
    rng = np.random.default_rng(4)
    for task in "ab":
        for cell in ("lstm", "gru"):
            for seed, shift in enumerate(0.3 * rng.normal(size=seeds)):
                for units, noise in zip((8, 16, 32), 0.01 * rng.normal(size=3), strict=True):
                    config = configuration(cell, seed, task__name=task, units=units)
                    write_run(root / "demo" / "runs", config, float(9 + shift + noise))
    return compare("demo", root, by=["cell"])


@pytest.mark.parametrize("differ", [True, False])
def test_ranks_differ_only_if_friedmans_test_says_so(tmp_path: Path, differ: bool) -> None:
    for task in range(6):
        gains = (0.0, 0.3, 0.7) if differ or task % 2 else (0.7, 0.3, 0.0)
        cells = zip(("lstm", "gru", "rnn"), gains, strict=True)
        write_task(tmp_path, f"t{task}", {c: [8.0 + g, 8.1 + g + 0.01 * task] for c, g in cells})
    several = over_tasks(tmp_path)
    assert several.ranking.p is not None
    assert (several.ranking.p < 0.05) == differ
    text = "\n".join(tasks_notes(several))
    assert ("ranks differ" in text, "ranks are not told apart" in text) == (differ, not differ)

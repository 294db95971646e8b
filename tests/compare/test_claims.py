"""The first sentence names a group, and says nothing that was not tested."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from seams import Claim, best
from seams import compare_runs as compare

from .synthetic import METRIC, configuration, write_run, write_study
from .test_comparison import six_of_fourteen
from .test_several import ACCURACY, write_task

NOISE = (0.02, -0.01, 0.0, 0.01, -0.02, 0.015, -0.015, 0.005)


def around(mean: float, scale: float = 1.0, turn: int = 0) -> list[float]:
    """Return eight values around a mean, in an order that differs by ``turn``."""
    noise = (*NOISE[turn:], *NOISE[:turn])
    return [round(mean + scale * x, 6) for x in noise]


def claimed(root: Path, groups: Mapping[str, Sequence[float]], **options: Any) -> Claim:
    write_study(root, groups)
    return best(compare("demo", root, **options))


def fact(claim: Claim, title: str) -> str:
    return dict(claim.facts).get(title, "")


def test_the_best_is_named_with_what_was_tested(tmp_path: Path) -> None:
    groups = {"lstm": around(8.6), "gru": around(8.5, turn=1), "rnn": around(8.52, turn=2)}
    claim = claimed(tmp_path, groups)
    assert str(claim).startswith("gru has the best test nll: 0.1")
    assert str(claim).endswith("nats/frame (1.2 %) below lstm.")
    assert claim.decided
    assert "gru is better on 8 of 8 seeds" in fact(claim, "How sure")
    # Both are better than lstm, but nothing tests one against the other.
    assert fact(claim, "Second") == "rnn, 0.0200 nats/frame behind, not tested against gru"
    assert "rnn" not in str(claim)
    assert fact(claim, "Others") == "2 of 2 other groups are better"
    assert "100,488 parameters (1 x), 21.0 ms a step (1 x)" in fact(claim, "Cost")


def test_the_best_mean_alone_is_not_better(tmp_path: Path) -> None:
    claim = claimed(tmp_path, {"lstm": around(8.6, 9), "gru": around(8.59, 9, 3)})
    assert claim.text == "No group is shown to be better than lstm"
    assert claim.size == "gru has the best test nll, but is not told apart from lstm"
    assert not claim.decided


def test_a_decided_group_is_named_although_another_has_the_best_mean(tmp_path: Path) -> None:
    groups = {"lstm": around(8.6), "gru": around(8.5), "rnn": around(8.45, 30, 3)}
    claim = claimed(tmp_path, groups)
    assert claim.text == "gru is better than lstm"
    assert claim.size.endswith("; rnn has the best test nll, but is not told apart from lstm")


def test_the_baseline_can_be_the_best(tmp_path: Path) -> None:
    groups = {"lstm": around(8.4), "gru": around(8.5, turn=1), "rnn": around(8.41, 9, 3)}
    claim = claimed(tmp_path, groups)
    assert str(claim) == (
        "lstm, the baseline, has the best test nll: not told apart from rnn;"
        " 1 of 2 other groups is worse, 1 without a verdict."
    )
    assert not claim.decided
    assert fact(claim, "Second").startswith("rnn, 0.0150 nats/frame behind, not told apart, p = ")


def test_the_baseline_is_ahead_of_the_second_if_that_was_tested(tmp_path: Path) -> None:
    claim = claimed(tmp_path, {"lstm": around(8.4), "gru": around(8.5, turn=1)})
    assert claim.size.endswith(" nats/frame (1.2 %) below gru; 1 of 1 other group is worse")
    assert "gru is better on 0 of 8 seeds" in fact(claim, "How sure")


def test_larger_is_better_if_the_metric_says_so(tmp_path: Path) -> None:
    cells = {"lstm": around(0.7), "gru": around(0.8, turn=1)}
    write_task(tmp_path, "a", cells, {**ACCURACY, "chance": 0.5})
    claim = best(compare("demo", tmp_path))
    assert str(claim).startswith("gru has the best test accuracy: 0.1")
    assert str(claim).endswith("(14 %) above lstm.")


def test_equal_means_share_the_first_place(tmp_path: Path) -> None:
    groups = {"lstm": around(8.6), "gru": around(8.5), "rnn": around(8.5)}
    claim = claimed(tmp_path, groups)
    assert str(claim) == (
        "gru and rnn share the best test nll: 8.50 nats/frame; gru and rnn are better than lstm."
    )


@pytest.mark.parametrize("seeds", [3, 8])
def test_a_study_that_misses_runs_names_no_winner(seeds: int, tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": around(8.6)[:seeds], "gru": around(8.5)[:seeds]})
    entry = {"id": "a" * 16, "label": "seed=7", "words": [], "origin": ""}
    plan = json.dumps({"schema": 1, "runs": [entry]})
    (tmp_path / "demo" / "plan-0.json").write_text(plan)
    claim = best(compare("demo", tmp_path))
    assert str(claim) == "The difference is not decided; it waits for missing runs."
    assert fact(claim, "Missing") == "1 run without an outcome: 1 PLANNED"


def test_groups_that_cannot_be_compared_are_not_counted(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": around(8.6), "gru": around(8.5), "rnn": around(8.0)})
    write_run(runs, configuration("rnn", 8), state="FAILED", reason="killed")
    claim = best(compare("demo", tmp_path))
    assert claim.text == "gru has the best test nll of 2 comparable groups"
    assert fact(claim, "Missing") == "1 run without an outcome: 1 FAILED"


def test_too_few_seeds_and_no_common_seed(tmp_path: Path) -> None:
    claim = claimed(tmp_path / "few", {"lstm": around(8.6)[:3], "gru": around(8.5)[:3]})
    assert claim.text == "No group is shown to be better than lstm"
    assert claim.size == "gru has the best test nll, but 3 seeds give no verdict, which needs 5"
    runs = write_study(tmp_path / "apart", {"lstm": [8.6, 8.61]})
    for seed in (7, 8):
        write_run(runs, configuration("gru", seed), 8.5 + seed / 100)
    claim = best(compare("demo", tmp_path / "apart"))
    assert claim.size == "gru has the best test nll, but has no seed in common with lstm"
    assert not fact(claim, "How sure")


def test_a_mean_that_most_seeds_contradict_is_no_verdict(tmp_path: Path) -> None:
    base, apart = six_of_fourteen(0.0, 0.0), six_of_fourteen(-1.0, 0.001)
    claim = claimed(tmp_path, {"lstm": base, "gru": apart})
    assert claim.text == "No group is shown to be better than lstm"
    assert claim.size.endswith("against lstm the mean is better, but most seeds are worse")
    assert not claim.decided


def test_what_stays_at_chance_or_near_it_is_called_so(tmp_path: Path) -> None:
    nothing = {"lstm": around(11.9), "gru": around(11.92, turn=1)}
    claim = claimed(tmp_path / "nothing", nothing)
    assert str(claim).startswith("At chance, nothing was learned: all 2 groups; train longer")
    little = {"lstm": around(11.9), "gru": around(11.0), "rnn": around(8.6)}
    claim = claimed(tmp_path / "little", little)
    assert fact(claim, "Learned") == (
        "lstm at chance; gru near it (an eighth of the way up); train longer (trainer.steps), or"
        " try another optimizer.learning_rate; chance is 11.9"
    )
    claim = claimed(tmp_path / "much", {"lstm": around(8.6), "gru": around(8.5)})
    assert fact(claim, "Learned") == "no group is at chance or near it; chance is 11.9"


def test_one_group_has_nothing_beside_it(tmp_path: Path) -> None:
    claim = claimed(tmp_path, {"gru": around(8.5)})
    assert str(claim) == (
        "gru has the only test nll: 8.50 nats/frame; there is nothing to compare it with."
    )
    (tmp_path / "empty" / "demo").mkdir(parents=True)
    claim = best(compare("demo", tmp_path / "empty"))
    assert str(claim) == "This study has no runs: there is nothing to compare."


def test_runs_that_diverged_have_no_mean(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": around(8.6), "gru": [*around(8.5)[:7], None]})
    claim = best(compare("demo", tmp_path))
    assert str(claim) == (
        "lstm, the baseline, has the best test nll: 1 of 1 other group is without a verdict."
    )


def test_over_tasks_only_variants_with_equal_counts_share_a_sentence(tmp_path: Path) -> None:
    """Nothing tests variants against each other, and their ranks are equal."""
    write_task(tmp_path, "a", {"lstm": around(8.6), "gru": around(8.5), "rnn": around(8.7)})
    write_task(tmp_path, "b", {"lstm": around(8.6), "gru": around(8.59, 9), "rnn": around(8.5)})
    claim = best(compare("demo", tmp_path))
    assert str(claim) == (
        "No variant is ahead over both tasks: gru is better than lstm on 1, worse on none,"
        " neither on 1."
    )
    assert fact(claim, "Differences") == "of 4 from the baseline, 2 better, 1 worse, 1 neither"
    assert fact(claim, "How sure").startswith("mean ranks are not tested")


def test_a_variant_that_is_better_on_every_task(tmp_path: Path) -> None:
    for name in ("a", "b"):
        cells = {"lstm": around(8.6), "gru": around(8.5), "rnn": around(8.4)}
        write_task(tmp_path, name, cells, {**METRIC, "chance": None})
    claim = best(compare("demo", tmp_path))
    assert claim.text == "rnn and gru are better than lstm on both tasks"
    assert claim.size == "they were not tested against each other"

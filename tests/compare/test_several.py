"""Variants over several tasks: normalised by hand, profiles counted by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gatekit.compare.comparison import compare
from gatekit.compare.several import SeveralTasks, profiles, several_tasks

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


def found(root: Path) -> SeveralTasks:
    several = several_tasks(compare("demo", root))
    assert several is not None
    return several


def test_scores_are_chance_at_zero_and_the_baseline_at_one(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [7.9, 9.9], "gru": [5.9, 6.9]})
    write_task(tmp_path, "b", {"lstm": [0.7, 0.8], "gru": [0.6, 0.65]}, ACCURACY)
    several = found(tmp_path)
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
    gru = next(v for v in found(tmp_path).variants if v.name == "gru")
    assert gru.scores[0] == pytest.approx((2.0, 0.0))
    assert gru.scores[1] == pytest.approx((-0.8, -0.8))
    assert gru.rank == 2.0


def test_who_lacks_a_run_is_left_out_and_named(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [8.0, 8.1], "gru": [8.2, 8.1], "rnn": [9.0]})
    write_task(tmp_path, "b", {"lstm": [8.0, 8.1], "gru": [8.2, 8.1]})
    several = found(tmp_path)
    assert {v.name for v in several.variants} == {"lstm", "gru"}
    assert several.notes == ("rnn: left out of the table over all tasks, because runs are missing",)


def test_a_task_without_a_scale_keeps_its_ranks(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [8.0, 8.1], "gru": [8.2, 8.1]})
    write_task(tmp_path, "b", {"lstm": [8.0, 8.1], "gru": [7, 7]}, {**METRIC, "chance": None})
    several = found(tmp_path)
    assert (several.tasks, several.normalised) == (("task=a", "task=b"), ("task=a",))
    assert several.notes == ("task=b: not normalised, chance level or baseline is unknown",)


@pytest.mark.parametrize(("lstm", "kept"), [(0.13, False), (0.12, False), (0.2, True)])
def test_what_the_baseline_does_not_learn_is_no_scale(
    tmp_path: Path, lstm: float, kept: bool
) -> None:
    metric = {**ACCURACY, "chance": 0.125}
    write_task(tmp_path, "a", {"lstm": [0.9, 0.8], "gru": [0.9, 0.9]}, metric)
    write_task(tmp_path, "b", {"lstm": [lstm, lstm], "gru": [1, 1]}, metric)
    several = found(tmp_path)
    assert several.normalised == (("task=a", "task=b") if kept else ("task=a",))
    said = () if kept else ("task=b: not normalised, the baseline stays at chance",)
    assert several.notes == said


def test_five_tasks_have_a_critical_difference(tmp_path: Path) -> None:
    for name in "abcde":
        write_task(tmp_path, name, {"lstm": [8.0, 8.1], "gru": [8.2, 8.4], "rnn": [9.0, 9.1]})
    ranking = found(tmp_path).ranking
    assert ranking.critical_difference == pytest.approx(2.343 * (12 / 30) ** 0.5, abs=1e-3)
    assert ranking.p is not None


def test_a_profile_is_the_share_of_runs_above_a_score(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [7.9, 9.9], "gru": [5.9, 6.9]})
    write_task(tmp_path, "b", {"lstm": [0.7, 0.8], "gru": [0.6, 0.65]}, ACCURACY)
    for profile in profiles(found(tmp_path)):
        assert (profile.share[0], profile.share[-1]) == (1.0, 0.0)
        assert profile.low is None
        if profile.name == "gru":
            share = dict(zip(profile.scores, profile.share, strict=True))
            at_one = next(s for score, s in sorted(share.items()) if score > 1)
            assert at_one == 0.5


def test_from_ten_seeds_on_a_profile_has_a_band(tmp_path: Path) -> None:
    values = [8.0 + i / 10 for i in range(10)]
    for name in "ab":
        write_task(tmp_path, name, {"lstm": values, "gru": [v + 0.3 for v in values]})
    for profile in profiles(found(tmp_path)):
        assert profile.low is not None
        assert profile.high is not None
        assert all(
            low <= share <= high
            for low, share, high in zip(profile.low, profile.share, profile.high, strict=True)
        )


def test_one_task_or_one_variant_has_none_of_this(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": [8.0, 8.1], "gru": [8.2, 8.1]})
    assert several_tasks(compare("demo", tmp_path)) is None
    write_task(tmp_path, "b", {"lstm": [8.0]})
    assert several_tasks(compare("demo", tmp_path, within=["cell"])) is None

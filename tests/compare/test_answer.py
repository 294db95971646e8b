"""The answer says nothing that was not tested, and says why nothing is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from seams import Answer
from seams import compare_runs as compare
from seams import comparison_answer as answer
from seams import finding_find as find
from seams import finding_Why as Why

from .synthetic import METRIC, configuration, write_run, write_study
from .test_comparison import six_of_fourteen
from .test_several import ACCURACY, write_task

NOISE = (0.02, -0.01, 0.0, 0.01, -0.02, 0.015, -0.015, 0.005)


def around(mean: float, scale: float = 1.0, turn: int = 0) -> list[float]:
    """Return eight values around a mean, in an order that differs by ``turn``."""
    noise = (*NOISE[turn:], *NOISE[:turn])
    return [round(mean + scale * x, 6) for x in noise]


def answered(root: Path, groups: Mapping[str, Sequence[float]], **options: Any) -> Answer:
    write_study(root, groups)
    return answer(compare("demo", root, **options))


def test_the_best_is_named_with_its_size_and_others_are_not_ranked(tmp_path: Path) -> None:
    groups = {"lstm": around(8.6), "gru": around(8.5, turn=1), "rnn": around(8.52, turn=2)}
    found = answered(tmp_path, groups)
    assert found.first.startswith("gru is better than lstm: nll 0.10")
    assert found.first.endswith("; rnn is better, too, and not tested against it.")
    assert found.lines[1:] == ("8 seeds do not rule out that 31 % of runs fail.",)
    assert found.shown
    assert found.row is not None
    assert found.row.group.label == "gru"


def test_the_best_mean_alone_is_not_better(tmp_path: Path) -> None:
    found = answered(tmp_path, {"lstm": around(8.6, 9), "gru": around(8.59, 9, 3)})
    assert found.first.startswith("Nothing is shown: gru is not told apart from lstm; seeds alone")
    assert found.first.endswith(" % of cases.")
    assert not found.shown
    assert found.lines[-1].endswith("seeds are needed to show it.")


def test_a_decided_group_is_named_although_another_has_the_best_mean(tmp_path: Path) -> None:
    groups = {"lstm": around(8.6), "gru": around(8.5), "rnn": around(8.45, 30, 3)}
    found = answered(tmp_path, groups)
    assert found.first.startswith("gru is better than lstm")
    assert "; rnn has the best mean, which is not shown; " in found.first


def test_that_a_group_is_worse_is_no_winner(tmp_path: Path) -> None:
    groups = {"lstm": around(8.4), "gru": around(8.5, turn=1), "rnn": around(8.41, 9, 3)}
    found = answered(tmp_path, groups)
    assert found.first.startswith(
        "No group is shown to be better than lstm; gru is worse than lstm"
    )
    assert not found.shown


@pytest.mark.parametrize("seeds", [3, 8])
def test_what_waits_for_runs_says_so(seeds: int, tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": around(8.6)[:seeds], "gru": around(8.5)[:seeds]})
    (tmp_path / "demo" / "plan-0.json").write_text(
        '{"schema": 1, "runs": [{"id": "aaaaaaaaaaaaaaaa", "label": "seed=7", "words": [],'
        ' "origin": ""}]}'
    )
    found = answer(compare("demo", tmp_path))
    assert found.first.startswith("Nothing is shown yet: the table misses 1 of ")


REASONS = {
    Why.FEW: ({"lstm": around(8.6)[:3], "gru": around(8.5)[:3]}, "3 seeds, but a verdict needs 5"),
    Why.OPPOSED: (
        {"lstm": six_of_fourteen(0.0, 0.0), "gru": six_of_fourteen(-1.0, 0.001)},
        "the mean is better, but most seeds are worse",
    ),
    Why.OPEN: ({"lstm": around(8.6, 9), "gru": around(8.59, 9, 3)}, "seeds alone cause such"),
}


@pytest.mark.parametrize("why", REASONS)
def test_each_reason_has_its_words(why: Why, tmp_path: Path) -> None:
    groups, words = REASONS[why]
    assert words in answered(tmp_path, groups).first
    (found,) = filter(None, map(find, compare("demo", tmp_path).rows))
    assert (found.why, found.shown) == (why, False)


def test_no_common_seed(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6, 8.61]})
    for seed in (7, 8):
        write_run(runs, configuration("gru", seed), 8.5 + seed / 100)
    found = answer(compare("demo", tmp_path))
    assert found.first == "Nothing is shown: gru against lstm: no seed in common."


def test_what_stays_at_chance_is_called_so(tmp_path: Path) -> None:
    nothing = {"lstm": around(11.9), "gru": around(11.92, turn=1)}
    found = answered(tmp_path / "nothing", nothing)
    assert found.first.startswith("At chance, nothing was learned: all 2 groups; train longer")
    little = {"lstm": around(11.9), "gru": around(11.0), "rnn": around(8.6)}
    found = answered(tmp_path / "little", little)
    assert "At chance, nothing was learned: lstm; train longer" in found.lines[1]


def test_a_task_that_is_too_easy_is_called_so(tmp_path: Path) -> None:
    cells = {"lstm": around(0.9995, 0.01), "gru": around(0.9996, 0.01, 3)}
    write_task(tmp_path, "a", cells, {**ACCURACY, "chance": 0.5})
    found = answer(compare("demo", tmp_path))
    assert found.first == (
        "Nothing is shown: gru and lstm are at the ceiling: the task is too easy."
    )
    assert len(found.lines) == 1


def test_one_group_has_nothing_beside_it(tmp_path: Path) -> None:
    found = answered(tmp_path, {"gru": around(8.5)})
    assert found.first == "gru has test nll 8.50 nats/frame; there is nothing to compare it with."
    (tmp_path / "empty" / "demo").mkdir(parents=True)
    found = answer(compare("demo", tmp_path / "empty"))
    assert found.first == "This study has no runs: there is nothing to compare."


def test_two_tasks_have_a_sentence_each_and_never_two_answers(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": around(8.6), "gru": around(8.5)})
    write_task(tmp_path, "b", {"lstm": around(8.6, 9), "gru": around(8.59, 9, 3)})
    first, second, *_ = answer(compare("demo", tmp_path)).lines
    assert first.startswith("gru is better than lstm on a: nll 0.1")
    assert second.startswith("Nothing is shown on b: gru is not told apart from lstm; seeds alone")


def test_many_tasks_are_counted(tmp_path: Path) -> None:
    for name in "abcd":
        cells = {"lstm": around(8.6), "gru": around(8.5), "rnn": around(8.7)}
        write_task(tmp_path, name, cells, {**METRIC, "chance": None})
    found = answer(compare("demo", tmp_path))
    assert found.first == (
        "Of 4 tasks: gru is better than lstm on 4, worse on 0; rnn is better than lstm on 0,"
        " worse on 4."
    )
    assert found.shown

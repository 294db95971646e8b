"""Choosing runs and tuned values: ``--where``, ``--task`` and ``--best-of``."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
from refused import at
from seams import Comparison, optimism, records, where
from seams import compare_runs as compare
from seams import load_runs as load

from gatekit import ConfigError

from .synthetic import METRIC, configuration, write_run

RATE = "optimizer.learning_rate"
ACCURACY = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.1}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two cells, two tasks, two rates; on validation, another rate is best than on test."""
    for task, metric, sign in (("adding", METRIC, 1), ("jsb", ACCURACY, -1)):
        for cell, best in (("lstm", 0.1), ("gru", 0.01)):
            for rate in (0.01, 0.1):
                for seed in range(3):
                    config = configuration(
                        cell, seed, task__name=task, optimizer__learning_rate=rate
                    )
                    error = 0.2 + 0.01 * seed + (0 if rate == best else 0.3)
                    score = error if sign > 0 else 1 - error
                    # The test set prefers the other rate, and must not be asked.
                    test = 0.9 - error if sign > 0 else error
                    write_run(
                        tmp_path / "demo" / "runs",
                        config,
                        test,
                        validation=[score],
                        metric=metric,
                        data_hash=f"sha256:{task:a<32}",
                    )
    return tmp_path


def rates(found: Comparison) -> dict[str, set[float]]:
    return {
        row.group.label: {run.config["optimizer"]["learning_rate"] for run in row.group.runs}
        for row in found.rows
    }


def test_the_best_rate_is_chosen_by_validation_for_each_variant_and_task(root: Path) -> None:
    comparison = compare("demo", root, best_of=[RATE])
    assert rates(comparison) == {
        "lstm task=adding": {0.1},
        "gru task=adding": {0.01},
        "lstm task=jsb": {0.1},
        "gru task=jsb": {0.01},
    }
    assert (
        "lstm task=adding: learning_rate=0.1, the best of 2 by mean validation nll (0.21)"
        in comparison.notes
    )
    compared = [row.difference for row in comparison.rows if row.difference]
    assert [difference.differs_in for difference in compared] == [("cell",)] * 2
    assert not any(difference.confounded for difference in compared)
    assert all(difference.pairs == 3 for difference in compared)
    tuned = {record["group"]: record["tuned"] for record in records(comparison)}
    assert tuned["gru task=jsb"] == {RATE: 0.01}
    by = compare("demo", root, by=["cell"], best_of=["optimizer"])
    assert rates(by) == rates(comparison)


def test_a_diverged_rate_is_the_worst_and_a_missing_run_blocks_the_verdict(root: Path) -> None:
    runs = root / "demo" / "runs"
    config = configuration("gru", 3, task__name="adding", optimizer__learning_rate=0.01)
    data = {"data_hash": f"sha256:{'adding':a<32}"}
    write_run(runs, config, None, state="DIVERGED", validation=[0.01], **data)
    comparison = compare("demo", root, best_of=[RATE])
    assert rates(comparison)["gru task=adding"] == {0.1}
    config = configuration("gru", 4, task__name="adding", optimizer__learning_rate=0.01)
    write_run(runs, config, state="FAILED")
    row = next(r for r in compare("demo", root, best_of=[RATE]).rows if r.group.missing)
    assert row.group.label == "gru task=adding"
    assert row.difference is not None
    assert "is missing 1 run (1 FAILED)" in row.difference.blocked[0]


def test_the_best_of_many_is_not_compared_with_the_best_of_few(root: Path) -> None:
    for seed in range(3):
        config = configuration("gru", seed, task__name="jsb", optimizer__learning_rate=0.5)
        data = {"data_hash": f"sha256:{'jsb':a<32}"}
        write_run(root / "demo" / "runs", config, 0.9, validation=[0.95], **data)
    with pytest.raises(ConfigError, match=r"jsb from 2 .*jsb from 3") as error:
        compare("demo", root, best_of=[RATE])
    typed = str(error.value).split("--where ")[1].split()[0]
    again = compare("demo", root, best_of=[RATE], where=[typed])
    assert sum(row.difference is not None for row in again.rows) == 2
    forced = compare("demo", root, best_of=[RATE], force=True)
    assert any(note.startswith("forced: ") and "from 3" in note for note in forced.notes)
    # Groups that are not compared may differ.
    assert compare("demo", root, best_of=[RATE], where=["cell=gru"]).rows


def test_while_candidates_are_missing_nothing_is_refused(root: Path) -> None:
    config = configuration("gru", 0, task__name="jsb", optimizer__learning_rate=0.5)
    write_run(root / "demo" / "runs", config, state="FAILED")
    rows = {row.group.label: row for row in compare("demo", root, best_of=[RATE]).rows}
    diff = rows["gru task=jsb"].difference
    assert diff is not None
    assert "is missing 1 run" in diff.blocked[0]


def test_the_optimism_of_the_best_candidate_is_stated(root: Path) -> None:
    assert [optimism(k, 1) for k in (1, 2, 3)] == pytest.approx(
        [0.0, math.pi**-0.5, 1.5 * math.pi**-0.5], abs=1e-6
    )
    assert optimism(8, 4) == pytest.approx(optimism(8, 1) / 2)
    comparison = compare("demo", root, best_of=[RATE])
    # Two candidates and three seeds.
    (note,) = [one for one in comparison.notes if "is optimistic" in one]
    assert f"up to {(3 * math.pi) ** -0.5:.1f} standard deviations" in note
    assert not any("is optimistic" in one for one in compare("demo", root).notes)


@pytest.mark.parametrize(
    ("conditions", "tasks", "count"),
    [
        ([], [], 24),
        (["cell=lstm"], [], 12),
        (["cell=lstm,gru", "seed=0,2"], [], 16),
        (["optimizer.learning_rate=1e-1"], [], 12),
        (["learning_rate=0.1", "task=adding"], [], 6),
        (["state=COMPLETED", "seed=0", "seed=1"], ["jsb"], 8),
        ([], ["adding,jsb"], 24),
        (["cell.gates.reset.kind=reset"], [], 12),
        (["seed>0"], [], 16),
        (["seed > 0", "seed<=1"], [], 8),
        (["learning_rate<0.05", "cell!=lstm"], [], 6),
        (["cell==lstm"], [], 12),
    ],
)
def test_runs_are_chosen_by_their_settings(
    root: Path, conditions: list[str], tasks: list[str], count: int
) -> None:
    assert len(where(load("demo", root), conditions, tasks).runs) == count


def test_a_comparison_of_one_task(root: Path) -> None:
    comparison = compare("demo", root, tasks=["jsb"], where=["learning_rate=0.1"])
    assert [row.group.label for row in comparison.rows] == ["gru", "lstm"]


def test_a_condition_on_a_role_is_one_on_the_gate_of_each_cell(tmp_path: Path) -> None:
    for cell, gate in (("lstm", "forget"), ("gru", "update")):
        for bias in (True, False):
            config = configuration(cell)
            config["cell"] = copy.deepcopy(config["cell"])
            config["cell"]["gates"][gate]["bias"] = bias
            write_run(tmp_path / "demo" / "runs", config, 0.5)
    chosen = where(load("demo", tmp_path), ["cell.gates.forget.bias=true"])
    found = {run.config["cell"]["name"]: run.config["cell"]["gates"] for run in chosen.runs}
    assert len(chosen.runs) == 2
    assert found["lstm"]["forget"]["bias"] is found["gru"]["update"]["bias"] is True
    with pytest.raises(ConfigError, check=at("where")):
        where(load("demo", tmp_path), ["cell.gates.forgt.bias=true"])

"""Runs that a study planned and that have not finished count as missing."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from refused import at
from seams import (
    Comparison,
    RequestedRun,
    decide,
    interim_file,
    plan_file,
    print_table,
    records,
    to_csv,
    to_latex,
)
from seams import compare_runs as compare
from seams import comparison_answer as answer
from seams import load_runs as load

import gatekit
from gatekit import ConfigError

from .synthetic import canonical, configuration, write_run, write_study

TYPED = "gatekit train -m cell=lstm,gru,rnn study=demo seeds=8"
MEANS = {"lstm": 9.0, "gru": 8.0, "rnn": 8.9}


def identity(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(config).encode()).hexdigest()[:16]


def plan(root: Path, cells: Sequence[str] = tuple(MEANS), seeds: int = 8, **keys: Any) -> None:
    """Record that a command asked for runs; ``keys`` replaces fields of the requested runs."""
    runs = []
    for cell in cells:
        for seed in range(seeds):
            config = configuration(cell, seed)
            known = {"origin": f"{cell} {seed}", "config": config, **keys}
            words = (f"cell={cell}", f"seed={seed}", "study=demo")
            label = f"cell={cell} seed={seed}"
            runs.append(RequestedRun(identity(config), label, words, **known))
    (root / "demo" / "runs").mkdir(parents=True, exist_ok=True)
    plan_file.write(root / "demo", "-".join([*cells, str(seeds)]), TYPED, runs)


def train(root: Path, *absent: tuple[str, int], state: str = "", seeds: int = 8) -> None:
    """Write the runs of all cells but some; with a state, those are unfinished in this state."""
    for cell, mean in MEANS.items():
        for seed in range(seeds):
            config, is_absent = configuration(cell, seed), (cell, seed) in absent
            # Seeds differ alike in all cells, and a little in each.
            value = mean + 0.1 * (seed % 3) + 0.01 * ((seed * len(cell) + ord(cell[0])) % 5)
            if not is_absent:
                write_run(root / "demo" / "runs", config, value)
            elif state:
                write_run(root / "demo" / "runs", config, state=state)


def table(comparison: Comparison) -> str:
    shown = io.StringIO()
    print_table(comparison, shown, 100)
    return shown.getvalue()


def by_group(comparison: Comparison) -> dict[str, dict[str, Any]]:
    return {record["group"]: record for record in records(comparison)}


GRU = [("gru", seed) for seed in range(8)]


def test_a_complete_study_has_its_verdicts(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path)
    rows = by_group(compare("demo", tmp_path))
    assert [rows[cell]["decision"] for cell in ("gru", "rnn")] == ["better", "better"]
    assert rows["gru"]["comparisons"] == 2
    assert rows["gru"]["incomplete"] == 0


def test_a_failed_run_blocks_its_own_group_alone(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path, ("rnn", 3), state="FAILED")
    rows = by_group(compare("demo", tmp_path))
    assert [rows[cell]["decision"] for cell in ("gru", "rnn")] == ["better", "none"]
    assert rows["rnn"]["blocked"][0] == "rnn is missing 1 run (1 FAILED)"


@pytest.mark.parametrize("state", ["", "PLANNED", "RUNNING", "INTERRUPTED"])
def test_a_table_that_misses_planned_runs_gives_no_verdict(tmp_path: Path, state: str) -> None:
    plan(tmp_path)
    train(tmp_path, ("rnn", 3), ("rnn", 7), state=state)
    comparison = compare("demo", tmp_path)
    rows = by_group(comparison)
    assert {one["decision"] for one in rows.values()} == {"none"}
    assert rows["gru"]["p"] is None
    assert (rows["rnn"]["n"], rows["rnn"]["missing"]) == (6, 2)
    assert len(rows["rnn"]["missing_runs"]) == 2
    first, line = answer(comparison).lines
    assert first.startswith("Nothing is shown yet: the table misses 2 of 24 runs")
    assert TYPED in line
    assert "--force" in line
    for text in (table(comparison), to_latex(comparison)):
        assert "6/8" in text


def test_a_variant_that_has_not_started_has_its_row_and_its_comparison(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path, *GRU)
    comparison = compare("demo", tmp_path)
    rows = by_group(comparison)
    assert (rows["gru"]["n"], rows["gru"]["missing"], rows["gru"]["mean"]) == (0, 8, None)
    assert "0/8" in table(comparison)
    assert answer(comparison).first.startswith("Nothing is shown yet")
    assert rows["rnn"]["comparisons"] == 2
    assert "gru" in to_csv(comparison)


def test_force_compares_and_marks_the_table(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path)
    whole = by_group(compare("demo", tmp_path, where=["cell=lstm,rnn"]))["rnn"]
    other = tmp_path / "other"
    plan(other)
    train(other, *GRU)
    comparison = compare("demo", other, force=True)
    rows = by_group(comparison)
    assert rows["rnn"]["decision"] == "better"
    # The comparison with gru is still to come, so it has its part of the level.
    assert rows["rnn"]["p"] == 2 * whole["p"]
    assert {one["incomplete"] for one in rows.values()} == {8}
    assert "8 of 24 runs" in " ".join(answer(comparison).lines)


def test_few_seeds_so_far_take_their_part_of_the_level(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path, *GRU[2:])
    rows = by_group(compare("demo", tmp_path, force=True))
    assert rows["rnn"]["comparisons"] == 2
    assert rows["gru"]["p"] is None


def test_the_rest_of_a_study_is_not_awaited(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path, *GRU)
    rows = by_group(compare("demo", tmp_path, where=["cell=lstm,rnn"]))
    assert rows["rnn"]["decision"] == "better"
    with pytest.raises(ConfigError, check=at("where")):
        compare("demo", tmp_path, where=["cell=mgu"])


def test_a_condition_on_the_state_does_not_complete_a_table(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path, ("rnn", 3), state="FAILED")
    rows = by_group(compare("demo", tmp_path, where=["state=COMPLETED"]))
    assert {one["decision"] for one in rows.values()} == {"none"}


def test_without_a_plan_a_missing_run_concerns_its_group(tmp_path: Path) -> None:
    train(tmp_path, ("rnn", 3), state="FAILED")
    rows = by_group(compare("demo", tmp_path))
    assert [rows[cell]["decision"] for cell in ("gru", "rnn")] == ["better", "none"]


def test_plans_of_an_earlier_gatekit_have_no_configurations(tmp_path: Path) -> None:
    plan(tmp_path, config=None)
    train(tmp_path, ("rnn", 3), *GRU)
    comparison = compare("demo", tmp_path)
    rows = by_group(comparison)
    # A run with the same words and another seed has the configuration.
    assert rows["rnn"]["missing_runs"][0]["seed"] == 3
    assert rows["rnn"]["decision"] == "none"
    assert "cell=gru" in str([run.reason for run in comparison.missing])
    path = next((tmp_path / "demo").glob("plan-*.json"))
    assert not json.loads(path.read_text())["configs"]
    plan(tmp_path)
    assert by_group(compare("demo", tmp_path))["gru"]["missing"] == 8


def test_a_run_that_another_one_outdates_is_not_awaited(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path, ("rnn", 3))
    new = configuration("rnn", 3)
    folder = write_run(tmp_path / "demo" / "runs", new, 8.9, name="ab" * 8)
    run = RequestedRun(folder.name, "cell=rnn seed=3", (), "rnn 3", new)
    plan_file.write(tmp_path / "demo", "newer", TYPED, [run])
    assert by_group(compare("demo", tmp_path))["rnn"]["decision"] == "better"


def test_a_search_does_not_wait_for_what_it_stopped(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path, ("rnn", 3))
    reason = "pruned after epoch 3: behind the median of its variant"
    runs = tmp_path / "demo" / "runs"
    write_run(runs, configuration("rnn", 3), state="INTERRUPTED", reason=reason)
    rows = by_group(compare("demo", tmp_path))
    assert [rows[cell]["decision"] for cell in ("gru", "rnn")] == ["better", "none"]


def test_looks_wait_for_the_seeds_of_their_look_only(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path, *((cell, 7) for cell in MEANS))
    # Seven of the eight planned seeds are complete: a look at seven has all of its runs.
    interim_file.append(
        tmp_path / "demo", interim_file.InterimAnalyses(20, (7,), alpha=0.001, added=0.001)
    )
    comparison = compare("demo", tmp_path)
    assert comparison.awaited == ()
    assert load("demo", tmp_path).planned


def test_reports_count_planned_runs(tmp_path: Path, report: Callable[[Comparison], str]) -> None:
    plan(tmp_path)
    train(tmp_path, *GRU)
    page = report(compare("demo", tmp_path))
    assert "0/8" in page
    assert "8 more are planned" in page


@pytest.fixture
def report() -> Callable[[Comparison], str]:
    from seams import report_page as page
    from seams import sheet

    return lambda comparison: page(sheet(comparison, ["demo"], None, ()))


def test_a_blocked_comparison_takes_no_level_from_the_others(tmp_path: Path) -> None:
    train(tmp_path, ("rnn", 7))
    alone = by_group(compare("demo", tmp_path, where=["cell=lstm,gru"]))["gru"]
    write_run(tmp_path / "demo" / "runs", configuration("rnn", 7), state="FAILED")
    beside = by_group(compare("demo", tmp_path))
    assert beside["rnn"]["decision"] == "none"
    assert (beside["gru"]["p"], beside["gru"]["comparisons"]) == (alone["p"], 1)


def test_a_comparison_that_no_ranks_can_decide_takes_no_level_from_the_others() -> None:
    clear = {seed: 1 + 0.1 * seed for seed in range(5)}
    diverged = {**dict.fromkeys(range(4), 1.0), 4: math.inf}
    alone, (beside, ranked) = decide([clear]), decide([clear, diverged])
    assert beside is not None
    assert alone == [beside]
    assert ranked is not None
    assert (ranked.p, ranked.decides) == (2 ** (1 - 5), False)


def test_seeds_that_correlate_are_said_to(tmp_path: Path) -> None:
    values = {"lstm": [1.0, 2.0, 3.0, 5.0, 4.0], "gru": [2.0, 4.1, 5.9, 10.2, 8.0]}
    write_study(tmp_path, values)
    comparison = compare("demo", tmp_path)
    rows = by_group(comparison)
    expected = float(np.corrcoef(values["lstm"], values["gru"])[0, 1])
    assert rows["gru"]["seed_correlation"] == pytest.approx(expected)
    assert rows["lstm"]["seed_correlation"] is None
    assert f"correlation {expected:.2f}" in str(comparison.rows[1].verdict)
    assert f"correlate over seeds by {expected:.2f}" in " ".join(comparison.notes)


def test_equal_scores_have_no_correlation(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [1.0] * 5, "gru": [2.0, 4.1, 5.9, 10.2, 8.0]})
    assert by_group(compare("demo", tmp_path))["gru"]["seed_correlation"] is None


ACCURACY = {"name": "accuracy", "direction": "max", "unit": "share", "chance": 0.1}
LOSS = {"name": "mse", "direction": "min", "unit": "", "chance": 0.1667}


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        (LOSS, [0.1667, 0.1668, 0.1665, 0.1669, 0.1666], True),
        (LOSS, [0.2, 0.21, 0.19, 0.2, 0.22], True),
        (LOSS, [0.148, 0.149, 0.15, 0.147, 0.148], False),
        (ACCURACY, [0.1, 0.11, 0.09, 0.1, 0.11], True),
        # Three runs have learned, and two have not.
        (ACCURACY, [0.1, 0.9, 0.9, 0.1, 0.9], False),
        (ACCURACY, [0.9], False),
        (ACCURACY, [0.09], True),
        ({**ACCURACY, "chance": None}, [0.1] * 5, False),
    ],
)
def test_groups_at_chance(
    tmp_path: Path, metric: dict[str, Any], values: list[float], expected: bool
) -> None:
    runs = tmp_path / "demo" / "runs"
    for seed, value in enumerate(values):
        write_run(runs, configuration("gru", seed), value, metric=metric)
    assert by_group(compare("demo", tmp_path))["gru"]["at_chance"] is expected


def test_groups_at_chance_are_named_first_and_get_no_seeds(
    tmp_path: Path, report: Callable[[Comparison], str]
) -> None:
    runs = tmp_path / "demo" / "runs"
    flat = [0.1667, 0.1668, 0.1665, 0.1669, 0.1666]
    for cell, shift in (("gru", 0.0), ("rnn", 2e-5), ("lstm", -1e-5)):
        for seed, value in enumerate(flat):
            shifted = value + shift * (1 + seed % 2)
            write_run(runs, configuration(cell, seed), shifted, metric=LOSS)
    comparison = compare("demo", tmp_path)
    nothing = "At chance, nothing was learned: all 3 groups"
    assert table(comparison).startswith(f"study demo: {nothing}")
    page = report(comparison)
    assert page.index(nothing) < page.index("Summary")
    assert {one["seeds_needed"] for one in by_group(comparison).values()} == {None}
    assert "seeds needed" not in table(comparison)
    assert "seeds are needed" not in page
    # A fourth group has learned, so only three are named.
    for seed in range(5):
        learned = configuration("lstm", seed, units=99)
        write_run(runs, learned, 0.01 + 1e-3 * seed, metric=LOSS)
    lines = answer(compare("demo", tmp_path)).lines
    (line,) = [line for line in lines if line.startswith("At chance")]
    assert "gru" in line
    assert "units=99" not in line


def test_two_cells_with_one_name_have_titles_that_differ(
    tmp_path: Path, report: Callable[[Comparison], str]
) -> None:
    runs = tmp_path / "demo" / "runs"
    for seed in range(2):
        write_run(runs, configuration("lstm", seed), 9.0)
        write_run(runs, configuration("lstm", seed, cell__gates__forget__kind="slow"), 8.9)
    page = report(compare("demo", tmp_path))
    titles = re.findall(r'<details class="cell".*?<h3>(.*?)</h3>', page)
    assert len(titles) == len(set(titles)) == 2
    assert all(title.startswith("lstm") for title in titles)
    assert any("slow" in title for title in titles)


def test_figures_show_how_many_runs_are_missing(tmp_path: Path) -> None:
    plan(tmp_path)
    train(tmp_path, ("rnn", 3))
    comparison = gatekit.compare("demo", tmp_path, force=True)
    for kind in ("curves", "scatter", "forest"):
        figure = comparison.figure(kind)
        assert figure is not None
        texts = [text.get_text() for text in figure.findobj(Text)]
        assert any("n = 7/8" in text for text in texts), (kind, texts)


def test_a_variant_keeps_its_colour_while_a_study_grows(tmp_path: Path) -> None:
    """A later command adds a variant whose label comes first."""
    train(tmp_path, *(("gru", seed) for seed in range(8)))
    plan(tmp_path, ("lstm", "rnn"))
    before = {
        row.group.label: row.style_index for row in compare("demo", tmp_path, baseline="lstm").rows
    }
    plan(tmp_path, ("gru",))
    first, last = (tmp_path / "demo" / f"plan-{name}-8.json" for name in ("lstm-rnn", "gru"))
    for second, path in enumerate((first, last)):
        os.utime(path, (second, second))
    comparison = compare("demo", tmp_path, baseline="lstm")
    assert before == {"lstm": -1, "rnn": 0}
    assert {row.group.label: row.style_index for row in comparison.rows} == {**before, "gru": 1}

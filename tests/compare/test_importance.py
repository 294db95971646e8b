"""Variance shares of a grid, against the analysis of variance of statsmodels."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from seams import Sheet, importance, importance_section, importance_table, main, variance_shares
from seams import compare_runs as compare
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from gatekit import ConfigError

from .synthetic import configuration, write_run

RATES, UNITS = (0.1, 0.01), (8, 16, 32)
GRID = list(itertools.product(("lstm", "gru"), RATES, UNITS))


def write(root: Path, seeds: int = 3, skip: int | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = []
    for place, (cell, rate, units) in enumerate(GRID):
        for seed in range(seeds):
            value = 9 + (cell == "gru") * 0.4 + rate * 4 * (cell == "lstm") + units / 100
            value += 0.2 * rng.normal() + 0.1 * seed
            rows.append((cell, rate, units, seed, value))
            if place != skip:
                config = configuration(cell, seed, optimizer__learning_rate=rate, units=units)
                write_run(root / "demo" / "runs", config, value)
    return pd.DataFrame(rows, columns=["cell", "rate", "units", "seed", "value"])


def test_the_shares_are_the_sums_of_squares_of_an_analysis_of_variance(tmp_path: Path) -> None:
    frame = write(tmp_path)
    (found,) = importance(compare("demo", tmp_path))
    ours = {share.name: share.share for share in found.shares}
    model = ols("value ~ C(cell) * C(rate) * C(units) + C(seed)", frame).fit()
    squares = anova_lm(model)["sum_sq"]
    total = squares.sum()
    theirs = {
        "cell": squares["C(cell)"],
        "optimizer.learning_rate": squares["C(rate)"],
        "units": squares["C(units)"],
        "higher interactions": squares["C(cell):C(rate):C(units)"],
        "seed, the same for all groups": squares["C(seed)"],
        "rest: seed by group": squares["Residual"],
    }
    for name, square in theirs.items():
        assert ours[name] == pytest.approx(square / total), name
    pair = next(s for s in found.shares if set(s.keys) == {"cell", "optimizer.learning_rate"})
    assert pair.share == pytest.approx(squares["C(cell):C(rate)"] / total)
    assert sum(ours.values()) == pytest.approx(1)
    assert (found.groups, found.runs) == (12, 36)


def test_runs_of_a_seed_in_a_pooled_group_count_as_their_mean(tmp_path: Path) -> None:
    frame = write(tmp_path)
    (actual,) = importance(compare("demo", tmp_path, by=["cell", "optimizer.learning_rate"]))
    means = frame.groupby(["cell", "rate", "seed"], as_index=False)["value"].mean()
    squares = anova_lm(ols("value ~ C(cell) * C(rate) + C(seed)", means).fit())["sum_sq"]
    shares = (squares / squares.sum()).tolist()
    # In the order of the formula: cell, rate, seed, their interaction, the rest.
    names = ["cell", "optimizer.learning_rate", "seed, the same for all groups"]
    names += ["cell x optimizer.learning_rate", "rest: seed by group"]
    expected = dict(zip(names, shares, strict=True))
    assert {share.name: share.share for share in actual.shares} == pytest.approx(expected)
    assert (actual.groups, actual.runs, actual.pooled) == (4, 36, True)
    assert actual.notes[0] == "runs of one seed in a group count as their mean"


def test_the_shares_of_two_by_two_groups_are_those_by_hand() -> None:
    # Means 1 3 / 2 8: rows 2 and 5, columns 1.5 and 5.5, all 3.5; so the effects are 1.5, 2 and 1.
    shares = variance_shares(np.array([[[1.0], [3.0]], [[2.0], [8.0]]]), ["a", "b"], paired=True)
    by_hand = {"a": 2.25 / 7.25, "b": 4 / 7.25, "a x b": 1 / 7.25}
    assert {share.name: share.share for share in shares} == pytest.approx(by_hand)


def test_the_report_shows_the_shares(tmp_path: Path) -> None:
    write(tmp_path)
    comparison = compare("demo", tmp_path)
    section = importance_section(Sheet(comparison, "gatekit compare demo"))
    assert section is not None
    (found,) = importance(comparison)
    body = str(section.body).replace("<wbr>", "")
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in body.split("<tr")[2:]]
    assert tuple(tuple(row) for row in rows) == importance_table(found).rows
    one_key = compare("demo", tmp_path, where=("units=8", "cell=lstm"))
    assert importance_section(Sheet(one_key, "gatekit compare demo")) is None
    hole = tmp_path / "hole"
    write(hole, seeds=1, skip=3)
    assert importance_section(Sheet(compare("demo", hole), "gatekit compare demo")) is None


def test_by_chance_is_what_noise_alone_gives() -> None:
    rng = np.random.default_rng(1)
    keys = ["a", "b"]
    simulated: dict[str, list[tuple[float, float]]] = {}
    for _ in range(600):
        table = rng.normal(size=(3, 4, 5)) + rng.normal(size=5)
        for share in variance_shares(table, keys, paired=True):
            if share.by_chance is not None:
                simulated.setdefault(share.name, []).append((share.share, share.by_chance))
    assert set(simulated) == {"a", "b", "a x b"}
    for pairs in simulated.values():
        share, by_chance = np.mean(pairs, axis=0)
        assert share == pytest.approx(by_chance, rel=0.1)


def test_a_grid_with_a_hole_is_refused_with_what_to_type(tmp_path: Path) -> None:
    write(tmp_path, seeds=1, skip=3)
    with pytest.raises(ConfigError, match=r"11 groups .*12 combinations"):
        importance(compare("demo", tmp_path))


def test_a_diverged_run_counts_as_the_worst(tmp_path: Path) -> None:
    write(tmp_path, seeds=2)
    config = configuration("lstm", 2, optimizer__learning_rate=0.1, units=8)
    runs = tmp_path / "demo" / "runs"
    for cell, rate, units in GRID:
        config = configuration(cell, 2, optimizer__learning_rate=rate, units=units)
        bad = (cell, rate, units) == GRID[0]
        write_run(runs, config, 9.0, state="DIVERGED" if bad else "COMPLETED")
    (found,) = importance(compare("demo", tmp_path))
    assert found.diverged == 1
    assert sum(share.share for share in found.shares) == pytest.approx(1)


def test_the_command_prints_at_most_80_columns_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    words = ["compare", "demo", "--root", str(tmp_path), "--importance"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert text.startswith("variance of test nll over 36 runs in 12 groups, in %")
    assert max(map(len, text.splitlines())) <= 80
    assert "cell x optimizer.learning_rate" in text
    assert main([*words, "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert sum(share["share"] for share in one["shares"]) == pytest.approx(1)
    for form, start in (
        ("--csv", "effect,share,by chance\n"),
        ("--markdown", "variance of test nll"),
        ("--latex", r"\begin{tabular}{lrr}"),
    ):
        assert main([*words, form]) == 0
        text = capsys.readouterr().out
        assert text.startswith(start)
        assert "cell x" in text
    assert main([*words, "--sentence"]) == 2

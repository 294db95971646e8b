"""In how many settings two groups differ, and what is written if it is more than one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from seams import (
    Comparison,
    Sheet,
    footer,
    records,
    summary,
    to_csv,
    to_latex,
)
from seams import compare_runs as compare

from .synthetic import configuration, write_run

Change = Mapping[str, Any]
BASE: Change = {"cell": "lstm"}
GRU: Change = {"cell": "gru"}
BIAS = "cell__gates__forget__initializers__bias"
MATCHED = {"match__to": "cell:lstm", "match__target": 1000}


def study(root: Path, *changes: Change, seeds: int = 6) -> Comparison:
    """Write a group for each change and compare them; the first is the best."""
    for place, change in enumerate(changes):
        cell = change.get("cell", "lstm")
        rest = {k: v for k, v in change.items() if k != "cell"}
        for seed in range(seeds):
            value = 8.0 + place + seed / 100 + place * seed / 1000
            write_run(root / "demo" / "runs", configuration(cell, seed, **rest), value)
    return compare("demo", root)


def settings(found: Comparison) -> list[tuple[str, ...]]:
    return [row.difference.differs_in for row in found.rows if row.difference is not None]


@pytest.mark.parametrize(
    ("changes", "differ"),
    [
        ([BASE, GRU], ["cell"]),
        ([BASE, {"units": 128}], ["units"]),
        ([BASE, {**GRU, "units": 128}], ["cell", "units"]),
        (
            [BASE, {**GRU, "optimizer__learning_rate": 0.1}],
            ["cell", "optimizer.learning_rate"],
        ),
        (
            [BASE, {"units": 128, "optimizer__learning_rate": 0.1}],
            ["optimizer.learning_rate", "units"],
        ),
        # each optimizer has its own rate, and one has an option that the other lacks
        (
            [BASE, {"optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}}],
            ["optimizer.name"],
        ),
        ([BASE, {"swap__forget": "power_law"}], ["swap.forget"]),
        ([BASE, {"swap__forget": {"kind": "slow", "stretch": 4}}], ["swap.forget"]),
        (
            [{"swap__forget": "sigmoid"}, {"swap__forget": {"kind": "slow", "stretch": 4}}],
            ["swap.forget"],
        ),
        (
            [BASE, {"swap__forget": "power_law", "swap__input": "slow"}],
            ["swap.forget", "swap.input"],
        ),
        ([BASE, {"cell": "gru", "swap__forget": "power_law"}], ["cell", "swap.forget"]),
        # a bias in its long form is one setting, whichever options it brings
        (
            [{BIAS: "ones"}, {BIAS: {"kind": "chrono", "t_max": 100}}],
            ["cell.gates.forget.initializers.bias"],
        ),
        (
            [{BIAS: {"kind": "ones"}}, {BIAS: {"kind": "chrono", "t_max": 100}}],
            ["cell.gates.forget.initializers.bias.kind"],
        ),
        (
            [
                {"cell__initializers__kernel": "ones", "cell__initializers__bias": "ones"},
                {"cell__initializers__kernel": "zeros", "cell__initializers__bias": "zeros"},
            ],
            ["cell.initializers.bias", "cell.initializers.kernel"],
        ),
        # units that match= chose for one budget, and for two
        ([{"units": 64, **MATCHED}, {**GRU, "units": 75, **MATCHED}], ["cell"]),
        (
            [{"units": 64, **MATCHED}, {**GRU, "units": 99, **MATCHED, "match__target": 9}],
            ["cell", "units"],
        ),
    ],
)
def test_settings_in_which_a_group_differs(
    tmp_path: Path, changes: Sequence[Change], differ: list[str]
) -> None:
    rows = study(tmp_path, *changes, seeds=3).rows
    (found,) = [row.difference for row in rows if row.difference is not None]
    assert list(found.differs_in) == differ
    # A rate of which each cell has its own is no setting of its own.
    tuned = differ == ["cell", "optimizer.learning_rate"]
    assert found.confounded == (len(differ) > 1 and not tuned)


def test_an_option_of_a_swapped_gate_follows_from_the_swap(tmp_path: Path) -> None:
    # power_law in the role forget of the gru, whose gate is called update
    eps = [{**GRU, "swap__forget": "power_law", "cell__gates__update__eps": e} for e in (1, 2)]
    assert settings(study(tmp_path, GRU, *eps)) == [("swap.forget",)] * 2


def test_an_option_of_one_cell_follows_from_the_cell_and_one_swept_in_both_counts(
    tmp_path: Path,
) -> None:
    for name, others in (("one", [GRU]), ("both", [{**GRU, "cell__norm": n} for n in "ab"])):
        (tmp_path / name).mkdir()
        lstms = [{"cell__norm": norm} for norm in "ab"]
        found = study(tmp_path / name, *lstms, *others)
        differ = {row.group.label: row.difference for row in found.rows}
        gru = differ["gru" if name == "one" else "gru norm=b"]
        assert gru is not None
        assert list(gru.differs_in) == (["cell"] if name == "one" else ["cell", "cell.norm"])


def test_a_grid_compares_at_one_rate_within_blocks(tmp_path: Path) -> None:
    rates = (0.01, 0.1)
    grid = [{"cell": c, "optimizer__learning_rate": r} for c in ("lstm", "gru") for r in rates]
    found = study(tmp_path, *grid)
    assert sorted(settings(found)) == [
        ("cell",),
        ("cell", "optimizer.learning_rate"),
        ("optimizer.learning_rate",),
    ]
    within = compare("demo", tmp_path, within=["optimizer.learning_rate"])
    assert settings(within) == [("cell",), ("cell",)]
    assert not any(row.difference.confounded for row in within.rows if row.difference)


@pytest.fixture
def two(tmp_path: Path) -> Comparison:
    """Two groups that differ in cell and units."""
    return study(tmp_path, BASE, {**GRU, "units": 9})


SAID = (
    "the two differ in cell and units, so the difference cannot be attributed"
    " to one of these settings"
)


def test_every_form_names_the_settings(two: Comparison) -> None:
    (note,) = [text for text in footer(two, None, all_notes=False) if "in several settings" in text]
    assert "`--within units`" in note
    record = records(two)[1]
    assert record["differs_in"] == ["cell", "units"]
    assert record["confounded"] is True
    assert SAID in record["verdict"]
    assert all(SAID in form(two) for form in (to_csv, to_latex))
    assert SAID in str(summary(Sheet(two, "gatekit compare demo", ())).body)


def test_a_rate_that_was_tuned_for_each_variant_is_no_setting_of_its_own(tmp_path: Path) -> None:
    rated = {**GRU, "optimizer__learning_rate": 0.1}
    comparison = study(tmp_path, BASE, rated)
    assert records(comparison)[1]["differs_in"] == ["cell", "optimizer.learning_rate"]
    assert records(comparison)[1]["confounded"] is False
    swept = study(tmp_path, {**GRU, "optimizer__learning_rate": 0.01})
    assert [r["confounded"] for r in records(swept) if len(r["differs_in"]) > 1] == [True]

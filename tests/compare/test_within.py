"""Blocks with a baseline each, and verdicts that hold for many groups at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from seams import STALE
from seams import compare_runs as compare
from seams import comparison_answer as answer

from .synthetic import configuration, write_run
from .test_comparison import LSTM, LSTM5, RNN, row, verdict


def write_swaps(root: Path) -> None:
    for cell, shift in (("lstm", 0.0), ("gru", 0.2)):
        for gate, more in ((None, 0.0), ("power_law", 0.4)):
            for seed, value in enumerate(LSTM5):
                swap = {} if gate is None else {"forget": gate}
                config = configuration(cell, seed, swap=swap)
                write_run(root / "demo" / "runs", config, value + shift + more + seed * more / 50)


def test_each_block_has_its_own_baseline(tmp_path: Path) -> None:
    write_swaps(tmp_path)
    comparison = compare("demo", tmp_path, within=["cell"])
    assert [item.group.label for item in comparison.rows if item.is_baseline] == ["gru", "lstm"]
    assert [item.name for item in comparison.rows] == ["", "forget=power_law"] * 2
    swapped = row(comparison, "gru forget=power_law")
    assert swapped.difference is not None
    assert swapped.difference.baseline == "gru"
    assert swapped.difference.mean == pytest.approx(0.416)
    assert swapped.shared_keys == (("cell", "gru"),)


def test_a_baseline_is_named_by_what_it_is_called_in_its_block(tmp_path: Path) -> None:
    write_swaps(tmp_path)
    for name in ("swap.forget=power_law", "gru forget=power_law"):
        comparison = compare("demo", tmp_path, baseline=name, within=["cell"])
        assert verdict(comparison, "lstm").startswith("lstm is better than lstm forget=power_law")


def test_a_block_of_defaults_has_no_name(tmp_path: Path) -> None:
    for steps in (None, 50):
        for gate in (None, "power_law"):
            swap = {} if gate is None else {"forget": gate}
            task = {"name": "adding"} if steps is None else {"name": "adding", "length": steps}
            for seed in (0, 1):
                config = configuration("lstm", seed, swap=swap, task=task)
                write_run(tmp_path / "demo" / "runs", config, 8.0 + seed)
    lines = answer(compare("demo", tmp_path)).lines
    assert [line.partition(":")[0] for line in lines] == [
        "Nothing is shown on length=50",
        "Nothing is shown on the default",
    ]


def test_numbers_of_a_block_stand_in_their_order(tmp_path: Path) -> None:
    for units in (8, 64, 128):
        for cell in ("lstm", "rnn"):
            write_run(
                tmp_path / "demo" / "runs", configuration(cell, 0, units=units), 9 - units / 99
            )
    comparison = compare("demo", tmp_path, within=["units"])
    assert [dict(item.shared_keys)["units"] for item in comparison.rows] == [8, 8, 64, 64, 128, 128]
    assert [item.group.label for item in comparison.rows if item.is_baseline] == [
        "lstm units=8",
        "lstm units=64",
        "lstm units=128",
    ]


def test_a_plugin_whose_source_changed_is_not_comparable(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    for seed, value in enumerate(LSTM5):
        write_run(runs, configuration("lstm", seed), value, plugins={"gates": "11" * 32})
        write_run(runs, configuration("gru", seed), value, plugins={"gates": "22" * 32})
        write_run(
            runs, configuration("rnn", seed), value + 1 + seed / 99, plugins={"own": "33" * 32}
        )
    comparison = compare("demo", tmp_path)
    assert "different source of plugin gates (22222222 against 11111111)" in verdict(
        comparison, "gru"
    )
    assert verdict(comparison, "rnn").startswith("rnn is worse than lstm")
    forced = compare("demo", tmp_path, force=True)
    assert "forced: different source of plugin gates" in str(forced.notes)


def test_a_difference_keeps_its_points_and_their_seeds(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    for seed, (one, two) in enumerate(zip(LSTM, RNN, strict=True)):
        write_run(runs, configuration("lstm", seed + 3), one)
        write_run(runs, configuration("rnn", seed + 3), two)
    found = row(compare("demo", tmp_path), "rnn").difference
    assert found is not None
    assert found.seeds == (3, 4, 5)
    assert found.values == pytest.approx([b - a for a, b in zip(LSTM, RNN, strict=True)])
    assert found.improvement == 0.0
    assert found.seeds_needed is not None


def test_stale_runs_are_not_comparable_with_current_ones(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    for seed, value in enumerate(LSTM5):
        write_run(runs, configuration("lstm", seed), value)
        old = write_run(runs, configuration("rnn", seed), value + 1 + seed / 99)
        text = '{"by": "0123456789abcdef", "because": "the source of plugin gates has changed"}'
        (old / STALE).write_text(text)
    comparison = compare("demo", tmp_path)
    assert "different age (stale: the source of plugin gates has changed" in verdict(
        comparison, "rnn"
    )
    assert "rnn: the runs are stale: the source of plugin gates has changed" in comparison.notes
    assert verdict(compare("demo", tmp_path, force=True), "rnn").startswith("rnn is worse")
    (old / STALE).write_text("{")
    assert "it is marked as outdated" in str(compare("demo", tmp_path, force=True).notes)

"""Expected best of k trials, against all subsets and against the published form."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from seams import BestOfK, best_of_k, main, trials_table, weights
from seams import compare_runs as compare

from gatekit import ConfigError
from gatekit.compare import compare as compare_with_figures

from .synthetic import configuration, write_run

KEY = "optimizer.learning_rate"
RATES = [0.1, 0.03, 0.01, 0.003, 0.001]


def write(root: Path, rates: int = 5, diverged: int = 0) -> dict[str, list[tuple[float, float]]]:
    """Write two cells with two seeds per rate; return validation and test means of each trial."""
    rng = np.random.default_rng(0)
    means: dict[str, list[tuple[float, float]]] = {}
    for cell in ("lstm", "gru"):
        for place in range(rates):
            pairs = rng.uniform(8, 10, (2, 2))
            bad = cell == "gru" and place < diverged
            for seed, (validation, test) in enumerate(pairs.tolist()):
                write_run(
                    root / "demo" / "runs",
                    configuration(cell, seed, optimizer__learning_rate=0.1 / (place + 1)),
                    test,
                    validation=[validation],
                    state="DIVERGED" if bad and seed == 0 else "COMPLETED",
                )
            means.setdefault(cell, []).append(
                (11.9, 11.9) if bad else tuple(pairs.mean(axis=0).tolist())  # type: ignore[arg-type]
            )
    return means


def best_by_label(root: Path) -> dict[str, BestOfK]:
    return {one.row.group.label: one for one in best_of_k(compare("demo", root, best_of=[KEY]))}


def by_subsets(trials: list[tuple[float, float]], k: int) -> tuple[float, float]:
    best = [min(some) for some in itertools.combinations(trials, k)]
    validation, test = np.mean(best, axis=0)
    return float(validation), float(test)


@pytest.mark.parametrize("diverged", [0, 2])
def test_it_is_the_mean_over_all_subsets_of_k_trials(tmp_path: Path, diverged: int) -> None:
    means = write(tmp_path, diverged=diverged)
    for cell, one in best_by_label(tmp_path).items():
        expected = [by_subsets(means[cell], k) for k in range(1, 6)]
        assert one.validation == pytest.approx([v for v, _ in expected])
        assert one.outcome == pytest.approx([t for _, t in expected])
        assert one.diverged == (diverged if cell == "gru" else 0)
        assert one.low is None


def test_with_replacement_it_would_be_the_equation_of_dodge_et_al() -> None:
    n = 40
    place = np.arange(1, n + 1)
    for k in (1, 2, 5):
        published = (place / n) ** k - ((place - 1) / n) ** k
        assert weights(n, k).sum() == pytest.approx(1)
        # The two agree as trials become many; the published one is the more pessimistic.
        assert np.abs(weights(n, k) - published).max() < 0.02
        assert weights(n, k) @ place >= published @ place - 1e-9
    assert weights(n, n).tolist() == [0.0] * (n - 1) + [1.0]


def test_a_trial_that_lacks_a_run_is_left_out(tmp_path: Path) -> None:
    means = write(tmp_path)
    write_run(tmp_path / "demo" / "runs", configuration("gru", 2), state="FAILED")
    config = configuration("gru", 2, optimizer__learning_rate=0.1 / 1)
    write_run(tmp_path / "demo" / "runs", config, state="LOST")
    gru = best_by_label(tmp_path)["gru"]
    assert (gru.trials, gru.left_out) == (4, 2)
    left_out = [replace(gru, left_out=n) for n in (1, 2)]
    said = [" ".join(trials_table([one]).notes) for one in left_out]
    assert "gru: left out 1 trial with a missing run" in said[0]
    assert "gru: left out 2 trials with a missing run" in said[1]
    assert gru.validation[-1] == pytest.approx(min(v for v, _ in means["gru"][1:]))


def test_intervals_are_percentiles_over_resampled_trials(tmp_path: Path) -> None:
    means = write(tmp_path, rates=10)
    gru = best_by_label(tmp_path)["gru"]
    assert gru.low is not None
    assert gru.high is not None
    assert len(gru.low) == 5
    rng = np.random.default_rng(7)
    values = np.array(means["gru"])
    drawn = []
    for _ in range(1500):
        some = values[rng.integers(0, 10, 10)]
        ordered = some[np.argsort(-some[:, 0])][:, 1]
        drawn.append(weights(10, 3) @ ordered)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert gru.low[2] == pytest.approx(low, abs=0.06)
    assert gru.high[2] == pytest.approx(high, abs=0.06)


def test_the_command_prints_it_and_draws_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, diverged=1)
    words = ["compare", "demo", "--root", str(tmp_path), "--best-of", KEY, "--best-of-k"]
    assert main(words) == 0
    text = capsys.readouterr().out
    part = text[text.index("expected test nll of the best of k trials") :]
    assert max(map(len, part.splitlines())) <= 80
    assert "gru: 1 of 5 trials diverged and count as the worst" in part
    assert main([*words, "--json"]) == 0
    records = {one["group"]: one["best_of_k"] for one in json.loads(capsys.readouterr().out)}
    assert records["lstm"]["k"] == [1, 2, 3, 4, 5]
    drawn = compare_with_figures("demo", tmp_path, best_of=[KEY]).figure("best-of-k")
    assert drawn is not None
    lines = {line.get_label(): line for line in drawn.axes[0].lines}
    assert list(lines["gru (5 trials)"].get_ydata()) == records["gru"]["expected"]


def test_it_needs_tuned_keys(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(ConfigError, match="type --best-of"):
        best_of_k(compare("demo", tmp_path))

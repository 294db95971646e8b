"""Time to a threshold: against statsmodels and SciPy, and the exact test by hand."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from refused import at
from seams import Reached, kaplan_meier, log_rank_scores, main, reach
from seams import compare_runs as compare
from statsmodels.duration.survfunc import SurvfuncRight

from gatekit import ConfigError
from gatekit.compare import compare as compare_with_figures

from .budget_runs import ACCURACY, write_curve

SLOW, FAST = [0.2, 0.4, 0.6, 0.9], [0.5, 0.9, 0.95, 0.92]


def write(root: Path, seeds: int = 6, rnn: bool = True) -> None:
    """Write a slow, a fast and a failing cell; ``k`` evaluations take ``10 k`` steps."""
    for seed in range(seeds):
        shift = 0.01 * (seed % 3)
        write_curve(root, "lstm", seed, [v - shift for v in SLOW], metric=ACCURACY)
        write_curve(root, "gru", seed, FAST, metric=ACCURACY)
        if rnn:
            write_curve(root, "rnn", seed, [0.1, 0.2], metric=ACCURACY)


def reached(root: Path, threshold: float = 0.9, cost: str = "steps") -> dict[str, Reached]:
    compared = compare("demo", root, by=["cell"], baseline="lstm")
    return {one.row.group.label: one for one in reach(compared, threshold, cost)}


def test_the_first_evaluation_at_the_threshold_counts_and_others_are_censored(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    groups = reached(tmp_path)
    assert groups["gru"].costs == (20.0,) * 6
    assert groups["lstm"].costs == (40.0,) * 6
    assert groups["lstm"].observed == (True, False, False) * 2
    assert (groups["rnn"].costs, groups["rnn"].observed) == ((20.0,) * 6, (False,) * 6)
    assert groups["gru"].survival.median == 20
    assert groups["lstm"].survival.median is None
    seconds = reached(tmp_path, cost="seconds")
    assert seconds["gru"].costs == (2.0,) * 6


def test_a_smaller_metric_reaches_from_above(tmp_path: Path) -> None:
    write_curve(tmp_path, "lstm", 0, [9.0, 8.0, 7.0])
    groups = reach(compare("demo", tmp_path), 8.0, "epochs")
    assert (groups[0].costs, groups[0].observed) == ((2.0,), (True,))


def test_a_diverged_run_is_at_risk_until_the_longest_run_ends(tmp_path: Path) -> None:
    write_curve(tmp_path, "gru", 0, [0.2, None], metric=ACCURACY, diverged=True)
    write_curve(tmp_path, "gru", 1, [0.2, 0.3, 0.4, 0.9, 0.9], metric=ACCURACY)
    (group,) = reach(compare("demo", tmp_path), 0.9, "steps")
    assert dict(zip(group.costs, group.observed, strict=True)) == {50.0: False, 40.0: True}


def random_runs(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.ceil(10 * rng.exponential(size=n)), rng.random(n) < 0.7


@pytest.mark.parametrize("seed", range(8))
def test_survival_and_median_are_those_of_statsmodels(seed: int) -> None:
    costs, observed = random_runs(seed, 15)
    ours = kaplan_meier(costs.tolist(), observed.tolist())
    theirs = SurvfuncRight(costs, observed.astype(int))
    share = dict(zip(theirs.surv_times.tolist(), theirs.surv_prob.tolist(), strict=True))
    assert [share[t] for t in ours.times] == pytest.approx(ours.share)
    with np.errstate(all="ignore"):
        low, high = theirs.quantile_ci(0.5)
    assert ours.median == pytest.approx(theirs.quantile(0.5))
    assert ours.low == pytest.approx(low)
    assert (math.inf if ours.high is None else ours.high) == pytest.approx(high)


@pytest.mark.parametrize("seed", range(4))
def test_runs_of_a_seed_that_say_the_same_tell_no_more_than_one(seed: int) -> None:
    costs, observed = random_runs(seed, 9)
    keys = [(each, units) for units in (8, 16, 32) for each in range(9)]
    ours = kaplan_meier(np.tile(costs, 3).tolist(), np.tile(observed, 3).tolist(), keys)
    theirs = SurvfuncRight(costs, observed.astype(int))
    with np.errstate(all="ignore"):
        error = math.sqrt(9 / 8) * theirs.surv_prob_se / theirs.surv_prob
        z = (
            np.log(np.log(theirs.surv_prob) / np.log(0.5))
            / error
            * np.abs(np.log(theirs.surv_prob))
        )
    known = np.isin(theirs.surv_times, ours.times)
    inside = theirs.surv_times[known & (np.abs(z) <= scipy.stats.t.ppf(0.975, 8))]
    later = [time for time in ours.times if time > inside.max()]
    assert (ours.low, ours.high) == (inside.min(), later[0] if later else None)
    single = kaplan_meier(costs.tolist(), observed.tolist())
    assert (ours.times, ours.median) == (single.times, single.median)
    assert ours.share == pytest.approx(single.share)
    one_seed = kaplan_meier(costs.tolist(), observed.tolist(), [(0, units) for units in range(9)])
    assert (one_seed.median, one_seed.low, one_seed.high) == (single.median, None, None)


@pytest.mark.parametrize("seed", range(4))
def test_the_scores_sum_to_the_statistic_of_the_log_rank_test(seed: int) -> None:
    costs, observed = random_runs(seed, 24)
    data = [
        scipy.stats.CensoredData.right_censored(costs[part], ~observed[part])
        for part in (slice(0, 12), slice(12, 24))
    ]
    theirs = scipy.stats.logrank(*data).statistic
    scores = log_rank_scores(costs.tolist(), observed.tolist())
    # The hypergeometric variance of the difference, at each time that a run reached it.
    variance = 0.0
    for time in np.unique(costs[observed]):
        n, first = (costs >= time).sum(), (costs[:12] >= time).sum()
        d = ((costs == time) & observed).sum()
        if n > 1:
            variance += d * first / n * (1 - first / n) * (n - d) / (n - 1)
    assert scores[:12].sum() / math.sqrt(variance) == pytest.approx(theirs, abs=1e-9)
    assert scores.sum() == pytest.approx(0, abs=1e-12)


def test_the_test_exchanges_the_runs_of_each_seed(tmp_path: Path) -> None:
    write(tmp_path, rnn=False)
    gru = reached(tmp_path)["gru"]
    assert gru.test is not None
    ours = [(20.0, True)] * 6
    theirs = [(40.0, seed % 3 == 0) for seed in range(6)]

    def statistic(first: list[tuple[float, bool]], second: list[tuple[float, bool]]) -> float:
        pairs = [*first, *second]
        return float(log_rank_scores([c for c, _ in pairs], [hit for _, hit in pairs])[:6].sum())

    seen = []
    for flips in itertools.product((False, True), repeat=6):
        first = [b if flip else a for a, b, flip in zip(ours, theirs, flips, strict=True)]
        second = [a if flip else b for a, b, flip in zip(ours, theirs, flips, strict=True)]
        seen.append(abs(statistic(first, second)))
    own = abs(statistic(ours, theirs))
    assert gru.earlier == pytest.approx(statistic(ours, theirs))
    p = np.mean([value >= own - 1e-9 for value in seen])
    assert p == 2 / 64
    assert (gru.test.p, gru.test.comparisons, gru.decision) == (p, 1, "earlier")


def test_runs_without_a_pair_do_not_turn_the_direction(tmp_path: Path) -> None:
    """On each common seed gru is later; its further seeds are early, and are not tested."""
    for seed in range(8):
        steps = (seed + 1, seed + 2)
        for cell, late in zip(("lstm", "gru"), steps, strict=True):
            write_curve(tmp_path, cell, seed, [9.0] * late + [1.0] * (12 - late))
    alone = {one.row.group.label: one for one in reach(compare("demo", tmp_path), 4.0)}["gru"]
    for seed in range(8, 18):
        write_curve(tmp_path, "gru", seed, [0.5] * 12)
    gru = {one.row.group.label: one for one in reach(compare("demo", tmp_path), 4.0)}["gru"]
    assert gru.test is not None
    assert (gru.seeds, gru.test.p, gru.decision) == (8, 2.0**-7, "later")
    assert (gru.earlier, gru.test) == (alone.earlier, alone.test)
    assert gru.earlier is not None
    assert gru.earlier < 0


def test_five_seeds_decide_nothing_and_four_are_not_tested(tmp_path: Path) -> None:
    write(tmp_path, 5)
    gru = reached(tmp_path)["gru"]
    assert gru.test is not None
    assert (gru.test.smallest_p, gru.decision) == (2.0**-4, "open")
    assert reached(tmp_path, 0.99)["gru"].decision == "open"


def test_the_command_prints_at_most_80_columns_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, 8)
    words = ["compare", "demo", "--root", str(tmp_path), "--by", "cell", "--baseline", "lstm"]
    assert main([*words, "--reach", "0.9", "--over", "steps"]) == 0
    text = capsys.readouterr().out
    part = text[text.index("steps until") :]
    assert max(map(len, part.splitlines())) <= 80
    verdict = "gru reaches the threshold earlier than lstm (n = 8 seeds, exact log-rank p = 0.0"
    assert verdict in " ".join(part.split())
    assert "not reached" in part
    assert main([*words, "--reach", "0.9", "--over", "steps", "--json"]) == 0
    records = {one["group"]: one["reach"] for one in json.loads(capsys.readouterr().out)}
    assert records["gru"]["median"] == 20
    assert records["gru"]["decision"] == "earlier"
    assert records["lstm"]["decision"] == "none"
    assert main([*words, "--reach", "0.9", "--over", "steps", "--csv"]) == 0
    rows = {one["group"]: one for one in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert (rows["gru"]["reach_median"], rows["gru"]["reach_decision"]) == ("20.0", "earlier")
    assert main([*words, "--reach", "0.9", "--over", "steps", "--latex"]) == 0
    assert capsys.readouterr().out.count(r"\begin{tabular}") == 2
    assert main([*words, "--reach", "0.9", "--sentence"]) == 2
    assert "--sentence cannot contain --reach" in capsys.readouterr().err


def test_the_figure_rises_to_the_share_of_runs_that_reached_it(tmp_path: Path) -> None:
    write(tmp_path)
    compared = compare_with_figures("demo", tmp_path, by=["cell"])
    drawn = compared.figure("survival", over="steps", reach=0.9)
    assert drawn is not None
    lines = [line for line in drawn.axes[0].lines if len(line.get_ydata())]
    ends = {line.get_label(): line.get_ydata()[-1] for line in lines}
    assert ends["gru (6 of 6)"] == 1
    assert ends["lstm (2 of 6)"] == pytest.approx(1 / 3)
    with pytest.raises(ConfigError, check=at("reach", "=0.9")):
        compared.figure("survival")

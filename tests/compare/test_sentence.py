"""The sentence for a paper: n, test, correction, and no claim that the numbers do not bear."""

from __future__ import annotations

from pathlib import Path

from gatekit.compare.comparison import compare
from gatekit.compare.output.sentence import sentences, to_text

from .synthetic import configuration, write_run, write_study
from .test_comparison import GRU, LSTM, RNN, diverged


def test_few_seeds_have_an_interval_and_no_test(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    assert sentences(compare("demo", tmp_path)) == [
        "rnn reached a higher test nll than lstm (mean paired difference +0.313 nats/frame,"
        " 95 % Student t interval 0.275 to 0.351, n = 3 seeds, no test, since fewer than 5 pairs"
        " cannot reach a small p value, Cohen's d 21)."
    ]


def test_enough_seeds_have_test_and_correction(tmp_path: Path) -> None:
    base = [8.6 + 0.01 * (i * 7 % 10) for i in range(10)]
    rnn = [v + 0.3 + 0.01 * (i % 3) for i, v in enumerate(base)]
    gru = [v + 0.05 * (-1) ** i for i, v in enumerate(base)]
    write_study(tmp_path, {"lstm": base, "rnn": rnn, "gru": gru})
    first, second = sentences(compare("demo", tmp_path))
    assert first.startswith("We found no difference in test nll between gru and lstm (mean paired")
    assert "p = 1 after Holm's correction over 2 comparisons" in first
    assert second.startswith("rnn reached a higher test nll than lstm")
    assert "BCa bootstrap" in second
    assert "exact sign-flip permutation test, two-sided, p = 0.0039 after Holm's" in second


def test_a_design_that_cannot_reach_the_level_says_by_what_it_is_decided(tmp_path: Path) -> None:
    base = [8.60, 8.65, 8.70, 8.62, 8.66]
    write_study(tmp_path, {"lstm": base, "rnn": [v + 0.3 + i / 99 for i, v in enumerate(base)]})
    (said,) = sentences(compare("demo", tmp_path))
    assert "p = 0.062, where no p value of this design can be below 0.05 and the t interval" in said
    verdict = compare("demo", tmp_path).rows[1].verdict
    assert str(verdict).endswith("so the Bonferroni-corrected t interval decides")


def test_diverged_runs_are_told(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": [*LSTM, 8.61, 8.66], "gru": GRU})
    diverged(runs, "gru", range(3, 5))
    (said,) = sentences(compare("demo", tmp_path))
    assert said.startswith("gru diverged on 2 of 5 seeds, lstm on 0; with a diverged run as the")
    assert "exact signed-rank test" in said


def test_no_verdict_is_no_sentence_for_a_paper(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    write_run(runs, configuration("rnn", 3), state="FAILED")
    assert sentences(compare("demo", tmp_path))[0].startswith("no verdict on rnn against lstm")
    write_study(tmp_path, {"lstm": LSTM}, "alone")
    assert to_text(compare("alone", tmp_path)) == ("No group is compared with a baseline.")


def test_pairs_that_share_a_seed_are_not_called_seeds(tmp_path: Path) -> None:
    for rate in (0.001, 0.01):
        values = {"lstm": [8.6, 8.7, 8.65], "gru": [8.5 + rate, 8.61, 8.54]}
        write_study(tmp_path, values, optimizer__learning_rate=rate)
    (pooled,) = sentences(compare("demo", tmp_path, by=["cell"]))
    assert "n = 6 pairs over 3 seeds" in pooled
    apart = sentences(compare("demo", tmp_path, within=["optimizer.learning_rate"]))
    assert all("n = 3 seeds" in sentence for sentence in apart)

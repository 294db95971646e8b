"""The sentence for a paper: n, test, correction, and no claim that the numbers do not bear."""

from __future__ import annotations

from pathlib import Path

from seams import compare_runs as compare
from seams import sentences, to_text

from .synthetic import configuration, write_run, write_study
from .test_comparison import GRU, LSTM, LSTM5, RNN, diverged


def test_few_seeds_have_an_interval_and_no_test(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    assert sentences(compare("demo", tmp_path)) == [
        "rnn and lstm have too few seeds for a verdict in test nll (mean paired difference +0.313"
        " nats/frame, 95 % Student t interval 0.275 to 0.351, n = 3 seeds, correlation 0.97, no"
        " test, since a verdict needs 5 seeds, Cohen's d 21)."
    ]


def test_enough_seeds_have_test_and_correction(tmp_path: Path) -> None:
    base = [8.6 + 0.01 * (i * 7 % 10) for i in range(10)]
    rnn = [v + 0.3 + 0.01 * (i % 3) for i, v in enumerate(base)]
    gru = [v + 0.05 * (-1) ** i for i, v in enumerate(base)]
    write_study(tmp_path, {"lstm": base, "rnn": rnn, "gru": gru})
    first, second = sentences(compare("demo", tmp_path))
    assert first.startswith("gru and lstm were not told apart in test nll (mean paired")
    assert "p = 1 corrected for 2 comparisons" in first
    assert second.startswith("rnn reached a higher test nll than lstm")
    assert "max-T sign-flip test, two-sided, p = 0.0039 corrected for 2" in second


def test_a_margin_has_its_own_claim(tmp_path: Path) -> None:
    base = [8.6 + 0.01 * (i * 7 % 10) for i in range(10)]
    gru = [v + 0.05 * (-1) ** i for i, v in enumerate(base)]
    lower = [v - 0.03 + 0.05 * (-1) ** i for i, v in enumerate(base)]
    write_study(tmp_path, {"lstm": base, "gru": gru, "rnn": lower})
    first, second = sentences(compare("demo", tmp_path, margin=0.05))
    assert first.startswith("rnn was no worse than lstm in test nll by more than 0.05 nats/frame (")
    assert "one-sided paired t test, p " in first
    assert second.startswith("gru was equivalent to lstm in test nll within 0.05 nats/frame (")
    assert "two one-sided paired t tests, p = 0.0" in second


def test_diverged_runs_are_told(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM5, "gru": GRU})
    diverged(runs, "gru", range(3, 5))
    (said,) = sentences(compare("demo", tmp_path))
    assert said.startswith(
        "gru diverged in 2 of 5 runs, lstm in 0; if a diverged run counts as the worst outcome,"
        " the two were not told apart in test nll (better on 2 and worse on 3 of 5 seeds, exact"
        " signed-rank"
    )


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
    assert "n = 3 seeds with 6 pairs of runs" in pooled
    apart = sentences(compare("demo", tmp_path, within=["optimizer.learning_rate"]))
    assert all("n = 3 seeds" in sentence for sentence in apart)

"""The terminal table: within 100 columns, without colour, and every label as text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from seams import compare_runs as compare
from seams import groups_table, print_table, records

from .synthetic import configuration, write_run, write_study
from .test_comparison import GRU, LSTM, RNN, diverged

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img onerror=x>',
    "{{7*7}}",
    "[red]x[/red]",
    "[x](javascript:alert(1))",
    '=cmd|"/c calc"!A1',
    "+1+1",
    "@SUM(A1)",
    "-2+3",
    "a | b `c` $d$ _e_ *f*",
    "line\nbreak\ttab",
    "\x1b[31mred",
    "\u202ertl",
    "emoji 🎵",
    "x" * 300,
    ":smile:",
]


class Terminal(io.StringIO):
    """Text that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


class Ascii(io.StringIO):
    """A stream that takes ASCII only."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "ascii"


def test_what_match_equalised_has_a_column(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    for cell, units, tokens in (("lstm", 32, 9000), ("gru", 64, 12345)):
        for seed, value in enumerate(LSTM):
            config = configuration(cell, seed, units=units)
            config["match"] = {"to": "flops:10k", "target": 10_000, "reached": tokens}
            flops = {"step": 5.0, "token": tokens}
            write_run(runs, config, value, flops=flops, state_size=64)
    text = printed(tmp_path, width=120)
    assert "FLOPs/token" in text
    assert "12,345" in text
    assert "state" not in text
    assert {row.group.label for row in compare("demo", tmp_path).rows} == {"lstm", "gru"}
    exported = {r["group"]: r for r in records(compare("demo", tmp_path))}
    assert [exported["gru"][k] for k in ("state_size", "token_flops")] == [64, 12345]


def printed(
    root: Path,
    stream: io.StringIO | None = None,
    width: int | None = None,
    all_notes: bool = False,
    **options: Any,
) -> str:
    stream = stream or io.StringIO()
    print_table(compare("demo", root, **options), stream, width, all_notes)
    return stream.getvalue()


def test_the_table_holds_every_column_and_the_verdicts(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "gru": GRU, "rnn": RNN})
    text = printed(tmp_path)
    for column in (
        "group",
        "n",
        "test nll",
        "(nats/frame)",
        "difference from lstm",
    ):
        assert column in text
    assert "no room for" not in text
    assert "no room for ms/step" in printed(tmp_path, width=70)
    assert "8.96 [8.82, 9.10]" in text
    assert "+0.313 [+0.275, +0.351]" in text
    wide = printed(tmp_path, width=120)
    assert "100,488" in wide
    assert "21.0" in wide
    said = " ".join(text.split())
    assert "gru and rnn against lstm: 3 seeds, but a verdict needs 5." in said
    assert text.startswith("study demo: Nothing is shown: gru and rnn against lstm")
    assert "[low, high] is the 95 % t interval" in printed(tmp_path, all_notes=True)


def test_wide_studies_fit_a_hundred_columns(tmp_path: Path) -> None:
    for rate in (0.0001, 0.001):
        for cell in ("lstm", "gru"):
            for seed in range(3):
                config = configuration(
                    cell, seed, optimizer__learning_rate=rate, output_unit__kind="mix_last"
                )
                config["units"] = int(rate * 1e6)
                write_run(tmp_path / "demo" / "runs", config, 8.6 + seed / 77)
    assert max(map(len, printed(tmp_path).splitlines())) <= 100


def test_missing_runs_are_counted_and_listed(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    lost = write_run(runs, configuration("rnn", 3), state="FAILED", reason="killed,\nmaybe OOM")
    text = printed(tmp_path, all_notes=True)
    assert "3/4" in text
    assert f"FAILED {lost.name} seed 3: killed, maybe OOM" in text
    assert "no verdict on rnn against lstm: rnn is missing 1 run (1 FAILED)" in " ".join(
        text.split()
    )


def test_diverged_runs_are_counted(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "gru": [8.1]})
    diverged(runs, "gru", range(1, 3))
    text = printed(tmp_path)
    assert "2 of 3 diverged, rest 8.10" in text
    assert "worse on 2 of 3 seeds" in text


def test_damage_is_said(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    path = next(runs.iterdir()) / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    assert f"CORRUPT {path.parent.name} seed" in printed(tmp_path, all_notes=True)
    assert "metrics.jsonl: lost line 20" in printed(tmp_path, all_notes=True)


def test_long_lists_are_cut_with_their_count(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    for seed in range(50):
        write_run(tmp_path / "demo" / "runs", configuration("rnn", seed), state="LOST")
    assert "and 30 more; `--json` lists all" in printed(tmp_path, all_notes=True)


def test_there_is_no_colour_outside_a_terminal_nor_under_no_color(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    assert "\x1b[" not in printed(tmp_path)
    assert "\x1b[" in printed(tmp_path, Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in printed(tmp_path, Terminal())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" not in printed(tmp_path)


def test_an_ascii_stream_gets_ascii(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    printed(tmp_path, Ascii()).encode("ascii")


@pytest.mark.parametrize("label", HOSTILE)
def test_any_label_is_shown_as_text(tmp_path: Path, label: str) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    for seed in range(3):
        write_run(runs, configuration("lstm", seed, cell__name=label), 8.9)
    text = printed(tmp_path)
    assert "\x1b" not in text
    assert "\u202e" not in text
    if label.isprintable() and len(label) < 30:
        assert label.replace(" ", "") in "".join(text.split())
    assert max(map(len, text.splitlines())) <= 100


def test_an_empty_study_says_so(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    assert "study demo: This study has no runs" in printed(tmp_path)


def test_an_interval_ends_where_the_metric_does(tmp_path: Path) -> None:
    metric = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.1}
    for seed, value in enumerate((0.3, 0.9, 1.0)):
        config = configuration("lstm", seed)
        write_run(tmp_path / "demo" / "runs", config, value, metric=metric, validation=[value])
    text = " ".join(printed(tmp_path).split())
    assert "0.73 [0.00, 1.00]" in text


def test_a_baseline_is_named_in_the_heading(tmp_path: Path) -> None:
    for name in ("sigmoid", {"kind": "a_gate_with_a_long_name", "stretch": 4}):
        for seed in range(2):
            config = configuration(seed=seed, swap={"forget": name})
            write_run(tmp_path / "demo" / "runs", config, 8.6 + seed)
    assert groups_table(compare("demo", tmp_path)).columns[3] == "difference from forget=sigmoid"
    long = compare("demo", tmp_path, baseline="forget=a_gate_with_a_long_name stretch=4")
    assert groups_table(long).columns[3] == "difference from baseline"


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_word_and_no_number_is_broken(tmp_path: Path, width: int) -> None:
    for rate in (0.003, 0.02):
        for seed, value in enumerate((8.6, 8.65, 8.7)):
            config = configuration("lstm", seed, optimizer__learning_rate=rate, task__name="x")
            write_run(tmp_path / "demo" / "runs", config, value + rate)
            config = configuration("gru", seed, optimizer__learning_rate=rate, task__name="y")
            write_run(tmp_path / "demo" / "runs", config, value - rate)
    stream = io.StringIO()
    print_table(compare("demo", tmp_path), stream, width=width)
    words = stream.getvalue().split()
    assert {"learning_rate=0.003", "learning_rate=0.02", "task=x", "task=y"} <= set(words)
    assert ("100,488" in words) == (width > 60)
    table = stream.getvalue()
    for numbers in ("8.65 [8.53, 8.78]", "8.67 [8.55, 8.79]"):
        assert numbers in table


FIVE = {
    "lstm": [8.60, 8.61, 8.62, 8.63, 8.64],
    "gru": [8.50, 8.52, 8.51, 8.53, 8.54],
    "rnn": [8.59, 8.66, 8.55, 8.70, 8.61],
}


def test_the_answer_is_the_first_line_and_notes_are_few(tmp_path: Path) -> None:
    write_study(tmp_path, FIVE)
    lines = printed(tmp_path, width=200).splitlines()
    assert lines[0].startswith("study demo: gru is better than lstm: nll 0.100 nats/frame lower (p")
    assert "rnn is not told apart from lstm; seeds alone cause such a difference" in lines[0]
    assert lines[1] == "5 seeds do not rule out that 45 % of runs fail."
    assert lines[2].split() == []
    notes = [line for line in lines if line.startswith("note: ")]
    assert len(notes) <= 3
    assert lines[-1] == "4 more with --notes"


def test_decided_groups_differ_in_mark_and_in_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path, FIVE)
    plain = {line.split()[0]: line for line in printed(tmp_path).splitlines() if line.strip()}
    assert plain["gru"].rstrip().endswith("*")
    assert not plain["rnn"].rstrip().endswith("*")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = printed(tmp_path, Terminal(), width=100).splitlines()
    assert "\x1b[1m" in next(line for line in shown if line.lstrip(" \x1b[1m").startswith("gru "))
    assert "\x1b[1m" not in next(line for line in shown if line.lstrip().startswith("rnn "))


@pytest.mark.parametrize("columns", ["80", "100", "160"])
def test_piped_output_obeys_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    write_study(tmp_path, FIVE)
    monkeypatch.setenv("COLUMNS", columns)
    lines = printed(tmp_path).splitlines()
    assert max(map(len, lines)) <= int(columns)
    # An interval is never broken, and costs go first.
    assert any("8.620 [" in line and line.count("]") == 1 for line in lines if "baseline" in line)
    assert any("ms/step" in line and "group" in line for line in lines) == (columns != "80")
    monkeypatch.delenv("COLUMNS")
    assert max(map(len, printed(tmp_path).splitlines())) <= 80


def test_a_table_that_does_not_fit_has_a_line_for_each_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in ("a", "b"):
        write_study(tmp_path, FIVE, task__name=task)
    monkeypatch.setenv("COLUMNS", "40")
    text = printed(tmp_path)
    assert max(map(len, text.splitlines())) <= 40
    assert "\nlstm\n" in text
    assert "  ms/step" in text
    assert "no room for" not in text

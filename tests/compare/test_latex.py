"""LaTeX: a booktabs table in which every label is text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from seams import compare_runs as compare
from seams import latex_text, to_latex

from .synthetic import configuration, write_run, write_study
from .test_comparison import LSTM, RNN
from .test_several import write_task
from .test_table import HOSTILE


def test_a_table_of_booktabs_with_the_notes_as_comments(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    lines = to_latex(compare("demo", tmp_path)).splitlines()
    assert lines[:2] == [r"\begin{tabular}{lrrrrr}", r"\toprule"]
    assert lines[5] == (
        r"rnn & 3 & 8.96 {[}8.82, 9.10{]} & +0.313 {[}+0.275, +0.351{]} & 100,488 & 21.0 \\"
    )
    assert lines[6:8] == [r"\bottomrule", r"\end{tabular}"]
    assert all(line.startswith("% ") for line in lines[8:])


def test_every_special_sign_is_escaped() -> None:
    assert latex_text(r"a_b & 5% $x$ #1 {y} \z ~ ^") == (
        r"a\_b \& 5\% \$x\$ \#1 \{y\} \textbackslash{}z \textasciitilde{} \textasciicircum{}"
    )
    assert latex_text("-0.5 to-day 1e-3") == "$-$0.5 to-day 1e-3"


@pytest.mark.parametrize("label", [*HOSTILE, r"\input{/etc/passwd}", "a\n\\end{tabular}"])
def test_no_label_is_a_command(tmp_path: Path, label: str) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    write_run(runs, configuration("lstm", 0, cell__name=label), 9.5)
    text = to_latex(compare("demo", tmp_path))
    shown = [line for line in text.splitlines() if not line.startswith("%")]
    assert len(shown) == 8
    commands = set(re.findall(r"(?<!\\)\\([a-z]+)", "\n".join(shown)))
    assert commands <= {
        *("begin", "end", "toprule", "midrule", "bottomrule", "textbackslash"),
        *("textless", "textgreater", "textbar", "textasciitilde", "textasciicircum"),
    }


def test_several_tasks_have_a_second_table(tmp_path: Path) -> None:
    for name in "ab":
        write_task(tmp_path, name, {"lstm": LSTM, "rnn": RNN})
    text = to_latex(compare("demo", tmp_path))
    assert text.count(r"\toprule") == 2
    assert r"over 2 tasks & mean rank & normalised score \\" in text
    assert "lstm & 1.00 & 1.000" in text

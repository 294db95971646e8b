"""Decide every comparison of the studies again by the present rule, from their ``results.csv``.

``python -m experiments.decisions`` writes ``decisions.csv``. A study's ``comparison.txt`` is what
``gatekit compare`` printed when the study ran, which may have been under an earlier rule.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from gatekit.compare.stats.paired_tests import ALPHA, decide, opposed
from gatekit.runs import durable

FOLDER = Path(__file__).parent
COLUMNS = ("study", "split", "group", "baseline", "seeds", "difference", "p", "decision")
TABLES = {
    # study: the baseline within its block, whether larger is better, the splits; * is any cell
    "adding": (("lstm",), -1, ("test",)),
    "blocks": (("* block=plain",), 1, ("test",)),
    "char_lm_tuned": (("lstm",), -1, ("test",)),
    "chorales": (("rnn",), -1, ("test",)),
    "flip_flop": (("lstm",), 1, ("test", "test_sparse", "test_dense")),
    "gates_of_gu": (("lstm bias.kind=ones",), -1, ("test",)),
    "mad": (("lstm",), 1, ("test",)),
    "memory_bias": (("lstm bias.kind=ones",), 1, ("test",)),
    "minimal_cells": (("lstm",), -1, ("test",)),
    "minimal_cells_block": (("lstm",), -1, ("test",)),
    "mnist1d": (("lstm",), 1, ("test",)),
    "mnist1d_own": (("pool=all",), 1, ("test",)),
    "new_gate": (("lstm swap.forget=sigmoid", "chrono_lstm"), -1, ("test",)),
    "odyssey": (("peephole",), -1, ("test",)),
    "recall_state": (("gla",), 1, ("test",)),
    "state_tracking": (("lstm",), 1, ("test", "test_100", "test_256")),
    "tuned": (("lstm",), -1, ("test",)),
    "what_gates_do": (("lstm",), 1, ("test",)),
}
_BLOCKS = ("task=", "length=", "items=", "optimizer=", "clipnorm=", "match=")
_APART = {"recall_state": "match="}
"""Studies whose protocol corrects the comparisons at each value of a key separately: the key."""
LARGER = {("gates_of_gu", "delayed_recall")}
"""Tasks in which larger is better although it is not in the rest of the study."""


def rows(study: str) -> list[list[str]]:
    """Return a line for each comparison of a study; each baseline and split is one table.

    Raises:
        FileNotFoundError: the study has no ``results.csv``.
    """
    baselines, sign, splits = TABLES[study]
    with (FOLDER / study / "results.csv").open(newline="", encoding="utf-8") as file:
        runs = list(csv.DictReader(file))
    lines = []
    for rest in baselines:
        for split in splits:
            values: dict[str, dict[int, float]] = {}
            for run in runs:
                values.setdefault(run["group"], {})[int(run["seed"])] = float(run[split])
            apart = _APART.get(study, "\0")
            families: dict[str, list[tuple[str, str]]] = {}
            for label in values:
                if label != (other := _baseline(label, rest, values)):
                    family = " ".join(word for word in label.split() if word.startswith(apart))
                    families.setdefault(family, []).append((label, other))
            for pairs in families.values():
                lines += _decided(study, split, pairs, values, sign)
    return lines


def _decided(
    study: str,
    split: str,
    pairs: list[tuple[str, str]],
    values: dict[str, dict[int, float]],
    sign: int,
) -> list[list[str]]:
    lines = []
    table = [
        {seed: value - values[other][seed] for seed, value in values[label].items()}
        for label, other in pairs
    ]
    for (label, other), d, test in zip(pairs, table, decide(table), strict=True):
        assert test is not None
        mean = sum(d.values()) / len(d)
        larger = sign if not any((study, t) in LARGER for t in _tasks(label)) else 1
        way = "open"
        if test.p < ALPHA:
            way = "better" if mean * larger > 0 else "worse"
        if opposed(d, mean, test):
            way = "none"
        numbers = (str(len(d)), f"{mean:.4g}", f"{test.p:.4g}")
        lines.append([study, split, label, other, *numbers, way])
    return lines


def _baseline(label: str, rest: str, known: dict[str, dict[int, float]]) -> str:
    """Return the label of the same block whose other words are those of ``rest``."""
    rest = rest.replace("*", label.split()[0])
    block = [word for word in label.split() if word.startswith(_BLOCKS)]
    (found,) = (
        other
        for other in known
        if [word for word in other.split() if word.startswith(_BLOCKS)] == block
        and [word for word in other.split() if not word.startswith(_BLOCKS)] == rest.split()
    )
    return found


def _tasks(label: str) -> list[str]:
    return [word.removeprefix("task=") for word in label.split() if word.startswith("task=")]


def text() -> str:
    """Return the comparisons of all studies as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for study in TABLES:
        writer.writerows(rows(study))
    return stream.getvalue()


if __name__ == "__main__":
    durable.write(FOLDER / "decisions.csv", text())

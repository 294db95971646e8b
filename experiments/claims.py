"""The rule that decides each claim of docs/findings.md, what it must not confirm, and its verdict.

The claims, their sources and numbers are in docs/findings.md and in the README of each study.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from gatekit.compare.stats.paired_tests import MIN_FLIPS

from . import rules
from .rules import NONE, PART, REPRODUCED, Rule, Verdict
from .table import Table, ceiling, chance, equal, few, load, moved_to, resampled, worse_by

Null = Callable[[Table], Table]
RESAMPLES = 200
"""How often seeds are drawn again, with replacement, to see whether the verdict stays."""
STABLE = 0.8
"""The share of resamples below which a verdict is called unstable."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """The rule of a study, and what it takes to apply it.

    Attributes:
        rule: the rule that the verdict follows.
        null: makes the table that the claim rules out; by default, equal means.
        null_name: what that table is, in words.
        smaller: words of labels for which smaller numbers are better.
        bounds: for each word of a label, the best number and that of chance.
        tuned: how the variants were tuned.
        note: what else the size of the study leaves open.
        before: whether the rule was written before the results were known.
        written: when the rule was written, if not then.
        size: recurrent parameters, where the results do not have them.
    """

    rule: Rule
    tuned: str = "untuned"
    before: bool = False
    written: str = "on 29 November 2026, after the results were known"
    null: Null = equal
    null_name: str = "equal means"
    smaller: tuple[str, ...] = ()
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    note: str = ""
    size: str = ""


def decide(study: Study, table: Table) -> Verdict:
    """Return the verdict of a study's rule on a table, if the table can give one."""
    if table.seeds < MIN_FLIPS:
        return Verdict(NONE, f"(fewer than {MIN_FLIPS} seeds)")
    if all(table.bound(group) for group in table.groups) and not any(
        table.informs(word) for word in study.bounds
    ):
        return rules.NOTHING_TO_TELL
    return study.rule(table)


def planted(study: Study, table: Table) -> dict[str, Verdict]:
    """Return the verdicts on four tables, none of which may confirm the claim."""
    null = study.null(table)
    tables = {
        study.null_name: null,
        "the ceiling": ceiling(table, null),
        "chance": chance(table, null),
        "two seeds": few(table),
    }
    return {name: decide(study, plant) for name, plant in tables.items()}


def refusals(study: Study, table: Table) -> list[str]:
    """Return the planted tables that would give a positive verdict, too."""
    return [
        name
        for name, verdict in planted(study, table).items()
        if verdict.outcome in (REPRODUCED, PART)
    ]


@cache
def table_of(name: str) -> Table:
    """Return a study's results."""
    study = ALL[name]
    return load(name.split(",")[0], study.smaller, study.bounds)


@cache
def verdict_of(name: str) -> Verdict:
    """Return the verdict on a study's results.

    Raises:
        ValueError: a planted table gives a positive verdict, too.
    """
    study, table = ALL[name], table_of(name)
    verdict = decide(study, table)
    refused = refusals(study, table)
    if refused and verdict.outcome in (REPRODUCED, PART):
        raise ValueError(f"{name}: a table of {' and of '.join(refused)} is confirmed, too")
    return verdict


def row_of(name: str, verdicts: Mapping[str, Verdict]) -> Verdict:
    """Return the verdict of a row of the findings, from those of its studies."""
    studies = ROWS[name]
    if len(studies) == 1:
        return verdicts[studies[0]]
    return rules.in_part({each: verdicts[each].outcome == REPRODUCED for each in studies})


def stability(name: str, count: int = RESAMPLES) -> float:
    """Return the share of resamples of the seeds whose verdict on a row is the printed one."""
    random = np.random.default_rng(0)
    printed = row_of(name, {each: verdict_of(each) for each in ROWS[name]})
    same = 0
    for _ in range(count):
        found = {each: decide(ALL[each], resampled(table_of(each), random)) for each in ROWS[name]}
        same += row_of(name, found) == printed
    return same / count


def scope(name: str) -> str:
    """Return the size and the tuning of a study, as printed beside its verdict."""
    study = ALL[name]
    kind = "direction " if verdict_of(name).outcome in (REPRODUCED, PART) else ""
    size = study.size or table_of(name).size()
    words = [f"{kind}at {size} recurrent parameters", study.tuned]
    return ", ".join([*words, study.note] if study.note else words)


def _lag_block(table: Table) -> Table:
    return equal(table, ("length=",))


def _fewer_null(table: Table) -> Table:
    margins = {"task=adding": rules.ADDING, "": rules.NATS}
    return worse_by(table, margins, lambda group: "lstm " + group.split(" ", 1)[1])


def _lstm_behind(table: Table) -> Table:
    return worse_by(table, {"": -rules.BITS}, lambda group: "lstm " + group.split(" ", 1)[1])


def _at_mlp(table: Table) -> Table:
    return moved_to(table, 0.68)


BEFORE = {"before": True, "written": "before the runs"}
LOSS = {"smaller": ("",)}
FEWER = {
    "rule": rules.fewer_gates,
    "null": _fewer_null,
    "null_name": "worse by the margin",
    "bounds": {"task=adding": (0.0, 1 / 6)},
    **LOSS,
}
MLP = {"null": _at_mlp, "null_name": "the MLP's 68 %", "bounds": {"": (1.0, 0.1)}}
COPYING = {"task=mqar": (1.0, 1 / 3), "task=selective_copy": (1.0, 1 / 14)}

ALL: dict[str, Study] = {
    "memory_bias": Study(
        rule=rules.memory_bias,
        note="one budget, chosen where the effect shows",
        bounds={"": (1.0, 1 / 8)},
        **BEFORE,
    ),
    "adding": Study(
        rule=rules.adding,
        note="at 100 steps for the source's 600",
        bounds={"": (0.0, 1 / 6)},
        **BEFORE,
        **LOSS,
    ),
    "odyssey": Study(
        rule=rules.odyssey,
        written="on 3 December 2026, after the results were known",
        note="under SGD without clipping",
        **LOSS,
    ),
    "chorales": Study(rule=rules.chorales, note="an RNN of 19k", **BEFORE, **LOSS),
    "chorales_printed": Study(
        rule=rules.chorales,
        tuned="the best of 2 or 4 settings each",
        note="the canonical files",
        size="about 300k",
        written="for `chorales`, before the runs of both studies",
        before=True,
        **LOSS,
    ),
    "state_tracking": Study(
        rule=rules.state_tracking,
        note="at 256 the source's cell in [-1, 1] solves parity and ours is at chance",
        bounds={"task=parity": (1.0, 0.5), "task=word_problem": (1.0, 1 / 6)},
        **BEFORE,
    ),
    "mnist1d": Study(rule=rules.mnist1d, note="64 units for the source's 6", **MLP),
    "mnist1d_own": Study(rule=rules.mnist1d_own, tuned="the authors' settings", **MLP),
    "gates_of_gu": Study(
        rule=rules.gates_of_gu,
        note="at 100 steps",
        smaller=("task=adding", "task=copy"),
        bounds={
            "task=adding": (0.0, 1 / 6),
            "task=copy": (0.0, 0.173),
            "task=delayed_recall": (1.0, 1 / 8),
        },
    ),
    "minimal_cells": Study(**FEWER),
    "minimal_cells_block": Study(note="adding is at its ceiling and does not count", **FEWER),
    "new_gate": Study(rule=rules.new_gate, bounds={"": (0.0, 1 / 6)}, **BEFORE, **LOSS),
    "what_gates_do": Study(
        rule=rules.what_gates_do,
        written="on 3 December 2026, after the results were known",
        null=_lag_block,
        bounds={"": (1.0, 1 / 8)},
    ),
    "char_lm_tuned": Study(
        rule=rules.char_lm_tuned,
        null=_lstm_behind,
        null_name="behind by the margin",
        tuned="the best of 3 learning rates each",
        note="2.0 million characters",
        **LOSS,
    ),
    "blocks": Study(rule=rules.blocks, note="24 steps with 3 pairs", bounds=COPYING),
    "blocks, second part": Study(
        rule=rules.parts,
        note="gated DeltaNet only",
        before=True,
        written="on 29 November 2026, before the runs of its arms",
        bounds=COPYING,
    ),
    "flip_flop": Study(
        rule=rules.flip_flop,
        note="128 steps for the source's 512, no Transformer",
        bounds={"": (1.0, 0.5)},
    ),
    "tuned": Study(
        rule=rules.tuned,
        tuned="the best of 16 trials each",
        note="chorales for the source's words",
        **LOSS,
    ),
    "recall_state": Study(
        rule=rules.recall_state,
        note="24 steps with 3 pairs, no attention",
        bounds={"": (1.0, 1 / 3)},
    ),
    "mad": Study(
        rule=rules.mad,
        tuned="the best of 4 settings each",
        note="no attention",
        written="on 29 November 2026, after the results of eight cells and before those of RetNet",
        bounds={
            "recall": (1.0, 1 / 8),
            "task=selective_copying": (1.0, 1 / 14),
            "task=memorization": (1.0, 1 / 127),
            "task=compression": (1.0, 0.0958),
        },
    ),
}
"""The studies; a second part has a rule of its own."""
STUDIES = [name for name in ALL if "," not in name and name != "chorales_printed"]
"""Those with a README of questions, protocol and second reading."""
ROWS: dict[str, tuple[str, ...]] = {
    name: (name,) for name in ALL if name not in ("chorales_printed", "minimal_cells_block")
}
ROWS["chorales"] = ("chorales_printed",)
ROWS["minimal_cells"] = ("minimal_cells", "minimal_cells_block")
"""The rows of docs/findings.md, one for each claim, with the studies that decide it."""

"""The rules of the studies: none confirms a claim by a null result, and each can go either way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit

from experiments import claims, pages, protocols, rules
from experiments.rules import NONE, NOT, PART, REPRODUCED, Verdict
from experiments.table import Table

STUDIES = sorted(claims.STUDIES)
READMES = {path.parent.name: path for path in (pages.ROOT / "experiments").glob("*/README.md")}
_SHOWN = re.compile(r"-?\d[\d.]* \[-?\d[\d.]*, -?\d[\d.]*\]")
FULL, WITHOUT, ALONE, PLAIN = rules.PART_GROUPS


def moved(table: Table, **means: float) -> Table:
    """Return the table with other means for some groups; underscores stand for spaces."""
    known = {group.replace(" ", "_"): mean for group, mean in means.items()}
    values = {}
    for (split, group), series in table.values.items():
        by = known.get(group.replace(" ", "_"))
        by = 0.0 if by is None else by - table.mean(group, split)
        values[split, group] = {seed: value + by for seed, value in series.items()}
    return replace(table, values=values)


@pytest.mark.parametrize("name", sorted(claims.ALL))
def test_no_planted_table_confirms_a_claim(name: str) -> None:
    study, table = claims.ALL[name], claims.table_of(name)
    assert set(claims.planted(study, table)) == {
        study.null_name,
        "the ceiling",
        "chance",
        "two seeds",
    }
    assert claims.refusals(study, table) == []


def test_generated_parts_of_pages_are_up_to_date() -> None:
    for path, text in pages.written().items():
        assert path.read_text(encoding="utf-8") == text, path


def test_each_readme_has_its_generated_parts() -> None:
    for name in STUDIES:
        text = READMES[name].read_text(encoding="utf-8")
        parts = Counter(re.findall(r"^<!-- (\w+) -->$", text, re.MULTILINE))
        second = 2 * (f"{name}, second part" in claims.ALL)
        known = Counter({"verdict": 1, "checks": 1, "second": second, "table": parts["table"]})
        assert parts["table"] >= 1
        assert parts == known + Counter(end=known.total())


def shown(table: Table) -> set[str]:
    """Return every mean with its interval, and every difference on common seeds."""
    known = {table.text(group, split) for split, group in table.values}
    for split, group in table.values:
        others = [other for each, other in table.values if each == split and other != group]
        known |= {table.less(group, other, split) for other in others}
    scores = {g.split()[0] for g in table.groups if rules.MAD["memorization"] in g}
    return known | {table.text(rules.mad_score(table, cell)) for cell in scores}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_each_interval_of_a_page_is_one_of_the_results(name: str) -> None:
    known = shown(claims.table_of(name))
    text = READMES[name].read_text(encoding="utf-8")
    tables = re.findall(r"<!-- table -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert not [each for t in tables for each in _SHOWN.findall(t) if each not in known]
    page = (pages.ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    for other in {"chorales": ["chorales_printed"], "minimal_cells": ["minimal_cells_block"]}.get(
        name, []
    ):
        known |= shown(claims.table_of(other))
    for row in re.findall(rf"^\| \[{name}(?:, second part)?\]\(.*$", page, re.MULTILINE):
        assert not [each for each in _SHOWN.findall(row) if each not in known]


def test_a_verdict_stays_if_seeds_hardly_matter() -> None:
    assert claims.stability("mnist1d", 20) == 1
    assert claims.stability("odyssey", 3) == 1


def first_tuned(t: Table) -> Verdict:
    """The first rule of `tuned`: neither cell is found better."""
    found = t.tests([(g, "lstm") for g in ("rhn", "nas")])
    return Verdict(NOT if any(test.better for test in found) else REPRODUCED)


def first_fewer_gates(t: Table) -> Verdict:
    """The first rule of `minimal_cells`: the LSTM is found better than none."""
    end = " task=jsb_music21"
    found = t.tests([(c + end, "lstm" + end) for c in rules.FEWER])
    return Verdict(NOT if any(test.worse for test in found) else REPRODUCED)


def first_flip_flop(t: Table) -> Verdict:
    """The first rule of `flip_flop`: the LSTM solves each test, whatever the others do."""
    shares = [t.share("lstm", above=0.999, split=split) for split in rules.SPLITS]
    return Verdict(REPRODUCED if min(shares) >= 0.9 else NOT)


def first_mad(t: Table) -> Verdict:
    """The first rule of `mad`: recall spreads three times as much as memorization."""
    spread = {
        task: np.ptp([t.mean(g) for g in t.groups if rules.MAD[task] in g])
        for task in ("in_context_recall", "memorization")
    }
    return Verdict(REPRODUCED if spread["in_context_recall"] >= 3 * spread["memorization"] else NOT)


@pytest.mark.parametrize(
    ("name", "rule"), [("tuned", first_tuned), ("minimal_cells_block", first_fewer_gates)]
)
def test_a_rule_that_confirms_a_null_result_is_refused(
    name: str, rule: Callable[[Table], Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = replace(claims.ALL[name], rule=rule, null=claims.equal, null_name="equal means")
    table = claims.table_of(name)
    assert "equal means" in claims.refusals(study, table)
    monkeypatch.setitem(claims.ALL, name, study)
    monkeypatch.setattr(pages, "written", dict)
    assert protocols.main([]) == 1


def test_a_rule_without_a_contrast_confirms_what_the_present_one_leaves_open() -> None:
    table = claims.table_of("flip_flop")
    solved = replace(
        table,
        values={key: dict.fromkeys(series, 1.0) for key, series in table.values.items()},
    )
    assert first_flip_flop(solved).outcome == REPRODUCED
    assert rules.flip_flop(solved).outcome == NONE


def test_the_first_rule_of_mad_holds_of_any_task_at_its_ceiling() -> None:
    table = claims.table_of("mad")
    words = rules.MAD["in_context_recall"]
    score = {f"{c} {words}": 0.3 + 0.01 * k for k, c in enumerate(rules.GATED)}
    assert first_mad(moved(table, **score)).outcome == REPRODUCED
    level = {g: 0.5 for g in table.groups if words not in g}
    equal = {g: 0.5 for g in table.groups if words in g}
    assert rules.mad(moved(table, **level, **equal)).outcome == NOT


WAYS = [
    ("tuned", {"nas": 9.9}, REPRODUCED),
    ("tuned", {"rhn": 8.1, "nas": 8.1}, NOT),
    ("chorales", {"gru": 8.5}, REPRODUCED),
    ("chorales", {"gru": 9.3, "lstm": 9.3}, NOT),
    ("minimal_cells_block", {"gru task=jsb_music21": 8.9}, PART),
    (
        "minimal_cells_block",
        {f"{c} task=jsb_music21": 8.9 for c in ("gru", "cifg", "mgu")},
        NOT,
    ),
    ("gates_of_gu", {"ur_lstm task=adding": 0.0045}, NOT),
    ("mnist1d", {"gru": 0.7}, NOT),
    ("mnist1d", {"gru": 0.892}, NONE),
    ("mnist1d_own", {"pool=all": 0.91}, REPRODUCED),
    ("mnist1d_own", {"pool=all": 0.99}, NOT),
    ("odyssey", {"noaf optimizer=sgd": 8.8}, NONE),
    ("blocks", {f"{c} block=modern task=mqar": 0.9 for c in ("lstm", "gru")}, REPRODUCED),
    ("blocks", {"gated_delta_net block=modern task=mqar": 0.33}, NOT),
    ("what_gates_do", {"lstm length=26": 0.13, "lstm length=51": 0.13}, REPRODUCED),
    ("what_gates_do", {"lstm length=201": 1.0, "lstm length=401": 1.0}, NOT),
    ("char_lm_tuned", {f"lstm task=char_lm_{k}": 2.0 for k in ("kjv", "shakespeare")}, REPRODUCED),
    (
        "recall_state",
        {"lstm match=state:940": 0.9, "slstm match=state:940": 0.9, "mamba2 match=state:940": 0.9},
        PART,
    ),
    ("recall_state", {"linear_attention match=state:940": 0.32}, NOT),
    ("new_gate", {"lstm swap.forget.kind=slow swap.forget.stretch=16": 0.0}, REPRODUCED),
    ("new_gate", {"lstm swap.forget.kind=slow swap.forget.stretch=4": 0.0}, NOT),
    ("adding", {"lstm": 0.3}, REPRODUCED),
    ("memory_bias", {"gru": 0.99}, NOT),
    ("mad", {f"{c} {w}": 0.6 for c in rules.GATED for w in rules.MAD.values()}, REPRODUCED),
    ("mad", {f"{c} {w}": 0.6 for c in rules.GATED[1:] for w in rules.MAD.values()}, PART),
    ("mad", {f"gla {words}": 0.2 for words in rules.MAD.values()}, NOT),
    ("flip_flop", {"lstm": 0.9}, NOT),
    ("blocks, second part", {FULL: 0.99, WITHOUT: 0.3, ALONE: 0.9}, REPRODUCED),
    ("blocks, second part", {FULL: 0.99, WITHOUT: 0.99, ALONE: 0.3}, NOT),
    ("blocks, second part", {FULL: 0.99, WITHOUT: 0.3, ALONE: 0.3}, PART),
]


@pytest.mark.parametrize(("name", "means", "outcome"), WAYS)
def test_a_rule_follows_the_numbers(name: str, means: dict[str, float], outcome: str) -> None:
    study, table = claims.ALL[name], claims.table_of(name)
    assert not set(means) - set(table.groups)
    assert claims.decide(study, moved(table, **means)).outcome == outcome


def test_a_table_shows_the_interval_of_the_mean() -> None:
    table = claims.table_of("flip_flop")
    for group, text in (("mingru", "0.5994 [0.5953, 0.6035]"), ("gla", "0.6229 [0.6165, 0.6293]")):
        values = np.array(list(table.series(group, "test_sparse").values()))
        half = stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values))
        mean = values.mean()
        assert text == f"{mean:.4f} [{mean - half:.4f}, {mean + half:.4f}]"
        assert table.text(group, "test_sparse") == text
        assert text in READMES["flip_flop"].read_text(encoding="utf-8")


def test_an_interval_ends_where_the_metric_does() -> None:
    assert claims.table_of("memory_bias").interval("chrono_lstm bias.kind=chrono").high == 1.0
    assert claims.table_of("adding").interval("lstm").low == 0.0
    assert claims.table_of("tuned").interval("lstm").high > 8.9


def test_a_page_that_is_out_of_date_ends_the_command_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pages.ROOT / "README.md"
    monkeypatch.setattr(pages, "written", lambda: {path: "other"})
    assert protocols.main([]) == 1
    assert "README.md is out of date" in capsys.readouterr().err

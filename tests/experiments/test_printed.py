"""Printed numbers: each outcome is reached on constructed numbers, and the pages name each row."""

from __future__ import annotations

import itertools
import re
import shutil
from collections import Counter
from math import comb, inf
from pathlib import Path

import numpy as np
import pytest
from scipy.special import stdtrit
from seams import plan

from experiments import printed
from experiments.printed import BETTER, MET, NOT_COMPARABLE, TOO_WIDE, WORSE

ROOT = printed.FOLDER.parent
THEIRS = printed.read(printed.FOLDER / "formal_languages" / "printed.csv")
TABLE_1 = {  # bits x 100, as the authors' script prints them for the best run by test loss
    ("an_bn", 100): 53.2,
    ("an_bn", 500): 51.0,
    ("an_bn_cn", 100): 62.6,
    ("an_bn_cn", 500): 55.4,
    ("dyck_1", 100): 94.5,
    ("dyck_1", 500): 93.0,
}


def test_the_least_of_the_printed_losses_are_those_of_table_1() -> None:
    found = {place: min(min(v) for g, v in THEIRS.items() if g[:2] == place) for place in TABLE_1}
    assert {place: round(100 * value, 1) for place, value in found.items()} == TABLE_1
    assert {len(values) for values in THEIRS.values()} == {3}


def test_ranks_are_permuted_exactly() -> None:
    ours = np.linspace(1, 2, 20)
    # two choices of three of 23 ranks are as extreme as the three smallest
    assert printed.permuted([0.1, 0.2, 0.3], ours) == pytest.approx(2 / comb(23, 3))
    assert printed.permuted([3, 0.1], [1, 2]) == 1
    assert printed.permuted([1, 1], [1, 1, 1]) == 1


def test_the_interval_is_that_of_the_bootstrap_of_the_minimum() -> None:
    random = np.random.default_rng(0)
    groups = random.normal(3, 1, (2, 12))
    drawn = [[random.choice(g, (20_000, 3)) for g in groups]]
    lows = np.concatenate(drawn[0], axis=1).min(axis=1)
    expected = np.quantile(lows, [0.025, 0.975], method="inverted_cdf")
    assert printed.least(groups, 3) == pytest.approx(expected, abs=0.05)
    assert printed.least([[1.0] * 10, [inf] * 10], 3) == (1, 1)


@pytest.mark.parametrize(
    ("number", "seeds", "spread", "outcome"),
    [
        (1.0, 20, 0.1, MET),
        (1.3, 20, 0.1, BETTER),
        (0.9, 20, 0.1, WORSE),
        (1.0, 20, 2.0, TOO_WIDE),
        (1.0, 9, 0.1, NOT_COMPARABLE),
    ],
)
def test_a_printed_minimum_can_come_out_in_five_ways(
    number: float, seeds: int, spread: float, outcome: str
) -> None:
    ours = 1 + np.linspace(0, spread, seeds)
    assert printed.of_minimum(number, [ours], 3).outcome == outcome
    if outcome == MET:  # the interval is no longer narrow beside the distance from an optimum
        assert printed.of_minimum(number, [ours], 3, optimum=0.9).outcome == TOO_WIDE


@pytest.mark.parametrize(
    ("number", "seeds", "spread", "outcome"),
    [
        (1.0, 20, 0.1, MET),
        (0.9, 20, 0.1, WORSE),
        (1.2, 20, 0.1, BETTER),
        (1.0, 20, 1.5, TOO_WIDE),
        # five draws reach it, twenty have a smaller one
        (1.04, 20, 0.1, NOT_COMPARABLE),
        (1.0, 9, 0.1, NOT_COMPARABLE),
    ],
)
def test_a_minimum_of_unknown_k_is_decided_if_k_does_not_matter(
    number: float, seeds: int, spread: float, outcome: str
) -> None:
    ours = [1 + spread * (i / (seeds - 1)) for i in range(seeds)]
    assert printed.of_minimum_of_some(number, ours).outcome == outcome


@pytest.mark.parametrize(
    ("number", "seeds", "spread", "margin", "outcome"),
    [
        (1.0, 10, 0.1, 0.1, MET),
        (1.1, 10, 0.1, 0.2, MET),  # outside the interval of our mean, inside that of a new run
        (1.3, 10, 0.1, 0.1, BETTER),
        (0.7, 10, 0.1, 0.1, WORSE),
        (1.1, 10, 0.1, 0.1, TOO_WIDE),
        (1.0, 10, 1.0, 0.1, TOO_WIDE),
        (1.0, 4, 0.1, 0.1, NOT_COMPARABLE),
    ],
)
def test_a_tuned_number_is_one_run(
    number: float, seeds: int, spread: float, margin: float, outcome: str
) -> None:
    ours = 1 + np.linspace(-spread, spread, seeds)
    actual = printed.of_tuned(number, ours.tolist(), margin)
    assert actual.outcome == outcome
    if seeds > 4:
        half = stdtrit(seeds - 1, 0.975) * ours.std(ddof=1) * (1 + 1 / seeds) ** 0.5
        assert (actual.low, actual.high) == pytest.approx((1 - half, 1 + half))


def test_more_seeds_do_not_refute_a_replication() -> None:
    random = np.random.default_rng(0)
    outcomes = [
        Counter(printed.of_tuned(n, random.normal(1, 0.1, seeds).tolist(), 1).outcome for n in new)
        for seeds in (10, 1000)
        for new in [random.normal(1, 0.1, 400)]
    ]
    assert all(found[MET] >= 370 for found in outcomes)


def folder(place: Path, study: str, header: str, rows: list[str]) -> Path:
    """Return a folder with a study's printed numbers and with constructed results."""
    shutil.copy(printed.FOLDER / study / "printed.csv", place)
    (place / "results.csv").write_text("\n".join([header, *rows]) + "\n")
    return place


def test_the_log_is_compared_with_the_lem_on_the_authors_data(tmp_path: Path) -> None:
    rows = [f"lem,1234,{seed},x,{0.0023 + seed / 1e5}" for seed in range(20)]
    others = [f"lem,1235,{seed},x,0.0001" for seed in range(20)]
    others += [f"lstm,1234,{seed},x,0.0001" for seed in range(20)]
    header = "cell,data_seed,seed,run,rmse_last"
    place = folder(tmp_path, "fitzhugh_nagumo", header, others + rows)
    (found,) = printed.fitzhugh_nagumo(place).values()
    assert found.printed == 0.0023765850346535444
    assert (found.low, found.outcome) == (0.0023, NOT_COMPARABLE)
    place = folder(tmp_path, "fitzhugh_nagumo", header, others + rows[7:] * 2)
    assert printed.fitzhugh_nagumo(place)["lem"].outcome == MET


def test_each_tuned_cell_is_compared_with_its_number(tmp_path: Path) -> None:
    means = {"lstm,2": 8.45, "lstm,1": 8.3, "gru_reset_after,1": 8.43}
    spreads = {"lstm,2": 0.02, "lstm,1": 0.02, "gru_reset_after,1": 0.02}
    rows = [
        f"{name},{seed},x,{mean + spreads[name] * (-1) ** seed}"
        for name, mean in means.items()
        for seed in range(10)
    ]
    place = folder(tmp_path, "chorales_printed", "cell,layers,seed,run,nats", rows)
    found = printed.chorales_printed(place)
    assert {name: each.outcome for name, each in found.items()} == {
        "lstm layers=2": NOT_COMPARABLE,
        "lstm layers=1": BETTER,
        "gru_reset_after layers=1": MET,
        "rnn layers=1": NOT_COMPARABLE,
    }


def around(values: list[float], spread: float, count: int = 20) -> list[float]:
    """Return a sample that has the values' range, and more."""
    return list(np.linspace(min(values) - spread, max(values) + spread, count))


def test_each_configuration_can_come_out_in_five_ways() -> None:
    apart, below, wide, few = list(THEIRS)[1:5]
    theirs = {g: [1.0, 1.02, 1.05] for g in THEIRS}
    ours = {g: around(theirs[g], 0.01) for g in THEIRS}
    ours[apart] = [value + 1 for value in ours[apart]]
    ours[below] = [value - 0.1 for value in ours[below]]
    ours[wide] = around(theirs[wide], 0.8)
    ours[few] = ours[few][:9]
    found = list(printed.formal_languages(theirs, ours).values())
    outcomes = [each.outcome for each in found[:5]]
    assert outcomes == [MET, WORSE, BETTER, TOO_WIDE, NOT_COMPARABLE]
    # the correction for all configurations leaves room for a rejection
    assert found[1].p == pytest.approx((len(THEIRS) - 1) * 2 / comb(23, 3))
    assert NOT_COMPARABLE in printed.table(printed.formal_languages(theirs, ours))
    assert not any(each.of_paper for each in found[: len(THEIRS)])


def test_no_wrong_cell_of_the_same_size_meets_the_losses_of_dyck_1() -> None:
    ours = printed.read(printed.FOLDER / "formal_languages" / "results.csv")
    outcomes = [found.outcome for found in printed.planted(THEIRS, ours)]
    assert len(outcomes) == 30
    assert outcomes.count(MET) <= 2


def test_table_1_is_the_minimum_over_the_configurations_of_its_set() -> None:
    ours = {g: [min(values)] * 20 for g, values in THEIRS.items()}
    found = printed.formal_languages(THEIRS, ours)
    assert found["Table 1 task=an_bn strings=100"].outcome == MET
    ours["an_bn", 100, "gru_reset_after", 4] = [0.3] * 20
    found = printed.formal_languages(THEIRS, ours)
    assert found["Table 1 task=an_bn strings=100"].outcome == BETTER
    assert found["Table 1 task=an_bn strings=500"].outcome == MET


ORDER = {"a": 3.0, "b": 2.0, "c": 1.0, "d": 0.0}


@pytest.mark.parametrize(
    ("means", "spread", "outcome", "ends"),
    [
        ((9, 7, 5, 3), 0.1, MET, (1, 1)),
        ((7, 9, 5, 3), 0.1, WORSE, (2 / 3, 2 / 3)),
        ((3, 5, 7, 9), 0.1, WORSE, (-1, -1)),
        ((9, 9, 9, 9), 0.0, WORSE, (0, 0)),
        ((6, 5, 4, 3), 5.0, TOO_WIDE, (-1, 1)),
    ],
)
def test_a_printed_order_can_come_out_in_three_ways(
    means: tuple[float, ...], spread: float, outcome: str, ends: tuple[float, float]
) -> None:
    about = np.linspace(-spread, spread, 5)
    ours = {cell: list(mean + about) for cell, mean in zip(ORDER, means, strict=True)}
    found = printed.order(ORDER, ours)
    assert found.outcome == outcome
    if outcome != TOO_WIDE:
        assert (found.low, found.high) == pytest.approx(ends)
    ours["b"].pop()
    assert printed.order(ORDER, ours).outcome == NOT_COMPARABLE


def test_an_order_that_chance_meets_is_not_compared() -> None:
    assert printed.by_chance([1, 2, 3]) == 1 / 6
    assert printed.by_chance([1, 1, 2, 3, 4]) == 1 / 60
    few = {cell: ORDER[cell] for cell in "abc"}
    assert printed.order(few, {c: [v] * 5 for c, v in few.items()}).outcome == NOT_COMPARABLE


def test_an_order_is_that_of_means_over_the_vocabularies(tmp_path: Path) -> None:
    text = (printed.FOLDER / "mad_memorization" / "printed.csv").read_text()
    (tmp_path / "printed.csv").write_text(text)
    lines = ["vocabulary,cell,seed,run,accuracy"]
    for rank, cell in enumerate(["delta_net", "gated_delta_net", "gla", "mlstm", "mamba"]):
        for seed in range(5):
            lines += [f"256,{cell},{seed},r,{1 - rank / 10}", f"512,{cell},{seed},r,{rank / 5}"]
    (tmp_path / "results.csv").write_text("\n".join(lines))
    found = printed.mad_memorization(tmp_path)
    assert {name: each.outcome for name, each in found.items()} == {
        "order of yang": NOT_COMPARABLE,
        "order of rerun": MET,
    }


@pytest.mark.parametrize(
    ("number", "seeds", "spread", "outcome"),
    [
        (1.0, 20, 0.1, MET),
        (1.1, 20, 0.1, BETTER),
        (0.9, 20, 0.1, WORSE),
        (1.1, 20, 0.5, TOO_WIDE),
        (1.0, 4, 0.1, NOT_COMPARABLE),
    ],
)
def test_a_printed_mean_can_come_out_in_five_ways(
    number: float, seeds: int, spread: float, outcome: str
) -> None:
    ours = 1 + np.linspace(-spread, spread, seeds)
    assert printed.of_mean(number, ours.tolist()).outcome == outcome


def test_the_interval_of_a_mean_is_that_of_student() -> None:
    found = printed.of_mean(3.0, [1, 2, 3, 4, 5])
    half = 2.7764 * (2.5 / 5) ** 0.5  # the quantile of t with 4 degrees of freedom
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-3)


@pytest.mark.parametrize(
    ("theirs", "solved", "trials", "outcome"),
    [
        (29, 30, 30, MET),
        (29, 10, 30, WORSE),
        (9, 30, 30, BETTER),
        (29, 5, 5, TOO_WIDE),
        (29, 4, 4, NOT_COMPARABLE),
    ],
)
def test_a_printed_share_can_come_out_in_five_ways(
    theirs: int, solved: int, trials: int, outcome: str
) -> None:
    assert printed.of_share((theirs, 30), (solved, trials)).outcome == outcome


@pytest.mark.parametrize(
    ("unsolved", "share", "strings"),
    [((0, 0), MET, MET), ((9, 0), NOT_COMPARABLE, NOT_COMPARABLE), ((9, 9), WORSE, NOT_COMPARABLE)],
)
def test_the_outcome_of_1997_is_that_of_both_caps(
    unsolved: tuple[int, int], share: str, strings: str, tmp_path: Path
) -> None:
    header = "blocks,cells,rate,gradient,sets,seed,run,strings"
    first = [f"3,2,0.5,truncated,0,{n},r,inf" for n in range(30)]
    place = folder(tmp_path, "reber_1997", header, first)
    for cap, count in zip(printed.CAPS, unsolved, strict=True):
        lines = ["blocks,cells,rate,cap,sets,seed,strings"]
        for n in range(30):
            lines.append(f"3,2,0.5,{cap},0,{n},{inf if n < count else 8400 + 3 * n}")
        (tmp_path / f"steps_{cap}.csv").write_text("\n".join(lines))
    found = {name: each.outcome for name, each in printed.reber_1997(place).items()}
    assert [found["(3, 2) rate=0.5: share solved"], found["(3, 2) rate=0.5: strings"]] == [
        share,
        strings,
    ]
    assert found["(4, 1) rate=0.5: strings"] == NOT_COMPARABLE
    assert {o for name, o in found.items() if name.startswith("first")} == {NOT_COMPARABLE}
    (tmp_path / "steps_300000.csv").unlink()
    (one,) = (
        v for k, v in printed.reber_1997(place).items() if k == "(3, 2) rate=0.5: share solved"
    )
    assert one.outcome == NOT_COMPARABLE


def test_a_pilot_has_no_outcome() -> None:
    page = (ROOT / "docs" / "pilots.md").read_text(encoding="utf-8")
    for study in printed.PILOTS:
        assert printed.STUDIES[study].decide(printed.FOLDER / study) == {}
        assert f"| [`{study}`](../experiments/{study}/README.md)" in page


@pytest.mark.slow
def test_the_networks_of_1997_have_the_printed_numbers_of_weights() -> None:
    runs = plan(["-m", "+experiment=reber_1997", "seeds=1", "task.data_seed=0"]).runs
    places = [printed.STUDIES["reber_1997"].place(run.config)[:4] for run in runs]
    rows = printed.rows_of(printed.FOLDER / "reber_1997" / "printed.csv")
    expected = [(r["blocks"], r["cells"], float(r["rate"]), r["gradient"]) for r in rows]
    assert sorted((str(b), str(c), rate, g) for b, c, rate, g in places) == sorted(expected)
    for run, (blocks, cells, *_) in zip(runs, places, strict=True):
        head = 7 * run.config["units"]
        assert run.parameters + head == {(4, 1): 264, (3, 2): 276}[blocks, cells]
        bias = run.config["cell"]["gates"]["output"]["initializers"]["bias"]
        assert (bias["low"], bias["high"]) == (-1, -blocks)


@pytest.mark.slow
def test_memorization_searches_alike_for_each_cell() -> None:
    runs = plan(["-m", "+experiment=mad_memorization"]).runs
    found = Counter(run.config["cell"]["name"] for run in runs)
    cells = {
        row["cell"] for row in printed.rows_of(printed.FOLDER / "mad_memorization/printed.csv")
    }
    assert found == dict.fromkeys(cells, 6)


@pytest.mark.slow
def test_the_experiment_has_each_printed_configuration() -> None:
    runs = plan(["-m", "+experiment=formal_languages", "seeds=1"]).runs
    found = []
    for config in (run.config for run in runs):
        task, cell = config["task"], config["cell"]
        strings = task.get("strings", 100)
        found.append((task["name"], strings, cell["name"], config["units"]))
        assert (config["trainer"]["steps"], config["head"]) == (1000, "torch")
        biases = [name for name in cell["parameters"] if name.startswith("second")]
        assert len(biases) == {"rnn": 1, "gru_reset_after": 2, "lstm": 4}[cell["name"]]
    assert sorted(found) == sorted(THEIRS)


SIZES = {
    "fitzhugh_nagumo": {("lem", 16), ("lstm", 16)},
    "chorales_printed": {("lstm", 200), ("lstm", 224), ("gru_reset_after", 262), ("rnn", 466)},
    "adding_printed": {("lstm", 130), ("gru_reset_after", 151)},
    "regular_languages": {("lstm", 256), ("rnn", 256)},
    "negative_eigenvalues": {
        *(("delta_net", 128), ("mlstm", 128), ("slstm_heads", 128)),
        ("mamba", 256),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "runs", "places"),
    [
        ("fitzhugh_nagumo", 40, {("lem", 1234), ("lem", 1235), ("lstm", 1234)}),
        ("chorales_printed", 28, {("lstm", 2), ("lstm", 1), ("gru_reset_after", 1), ("rnn", 1)}),
        ("adding_printed", 4, {("lstm",), ("gru_reset_after",)}),
        (
            "negative_eigenvalues",
            18,
            {
                ("slstm_heads", "as published"),
                ("mlstm", "as published"),
                *itertools.product(("mamba", "delta_net"), ("as published", "-1 to 1")),
            },
        ),
        (
            "regular_languages",
            40,
            set(
                itertools.product(
                    ("even_pairs", "parity", "cycle_nav", "mod_arithmetic"), ("lstm", "rnn")
                )
            ),
        ),
    ],
)
def test_the_experiment_has_the_runs_of_the_protocol(
    study: str, runs: int, places: set[tuple[object, ...]], tmp_path: Path
) -> None:
    (tmp_path / "data.mat").touch()
    words = [f"task.path={tmp_path / 'data.mat'}"] if study == "chorales_printed" else []
    found = [run.config for run in plan(["-m", f"+experiment={study}", *words]).runs]
    assert len(found) == runs
    assert {printed.STUDIES[study].place(config) for config in found} == places
    sizes = {(config["cell"]["name"], config["units"]) for config in found}
    assert sizes == SIZES[study]


def test_the_pages_count_what_papers_print() -> None:
    found = printed.count()
    missed = found[BETTER] + found[WORSE]
    text = f"{found[MET]} met, {missed} not met ({found[BETTER]} better, {found[WORSE]} worse), "
    text += f"{found.total() - found[MET] - missed} open"
    page = (ROOT / "docs" / "printed.md").read_text(encoding="utf-8")
    assert f"Of {found.total()} numbers that papers print, at the paper's budget: {text}." in page
    assert f"of {found.total()}, at the paper's budget: [{text}](docs/printed.md)" in (
        ROOT / "README.md"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize("study", printed.STUDIES)
def test_a_page_has_a_row_for_the_study(study: str) -> None:
    name = "pilots" if study in printed.PILOTS else "printed"
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| \[`{study}`\].*$", page, re.MULTILINE)
    if study in printed.AT_BUDGET:
        assert "| 1 |" in row
    text = (printed.FOLDER / study / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^gatekit train -m \+experiment={study}\b", text, re.MULTILINE)
    assert f"python -m experiments.printed {study}\n" in text

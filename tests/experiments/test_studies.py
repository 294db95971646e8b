"""Each study is whole: experiment, protocol, results once it has run, a line in the findings."""

from __future__ import annotations

import csv
import functools
import os
import re
import shlex
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import processes
import pytest
from omegaconf import DictConfig, OmegaConf
from seams import compose

from experiments import claims, decisions, pages, printed, publish, rules
from gatekit import DataError

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "experiments"
OTHERS = {"speed", "tutorial"}
"""Folders that measure or teach, and test no claim."""
STUDIES = sorted(path.parent.name for path in EXPERIMENTS.glob("*/README.md"))
STUDIES = [name for name in STUDIES if name not in OTHERS | {*printed.STUDIES}]
HEADINGS = ["Question", "Claim", "Protocol", "Command", "Verdict", "Second reading", "Checklist"]
VERDICTS = ("reproduced", "not reproduced", "reproduced only if", "not run yet")
MODELS = {"language_model"}
"""Experiments that train a model to use it, and test no claim."""
PARTS = {"blocks_alone", "blocks_parts"}
"""Experiments that add arms to a study."""
RESULTS = ("comparison.txt", "figure.svg", "results.csv")
SEEDS = 10
SEARCHES = {"char_lm_tuned", "mad", "tuned"}
"""Studies that search first: what is compared are fresh seeds of the best trials."""
SMALL = {"flip_flop", "mnist1d"}
"""Studies of so few variants that composing them takes no time; those of others are in CI."""


def readme(study: str) -> str:
    return (EXPERIMENTS / study / "README.md").read_text(encoding="utf-8")


def verdict(study: str) -> str:
    """Return the bold words with which a study's first verdict begins."""
    found = re.search(r"^## Verdict\n\n\*\*([\w ]+)\*\*", readme(study), re.MULTILINE)
    assert found, study
    return found[1]


@functools.cache
def variants(experiment: str, *words: str) -> tuple[list[DictConfig], set[int]]:
    """Return the configuration of each variant of an experiment, and the seeds of all of them."""
    jobs = [config for _, config in compose(["-m", f"+experiment={experiment}", *words])]
    if jobs[0].seeds is not None:
        (count,) = {config.seeds for config in jobs}
        return jobs, set(range(count))
    seeds = {config.seed for config in jobs}
    first = [config for config in jobs if config.seed == min(seeds)]
    assert len(jobs) == len(first) * len(seeds)
    return first, seeds


def findings() -> dict[str, list[str]]:
    """Return the cells of each line of the table of findings, by study."""
    lines = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8").splitlines()
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines if "| [" in line]
    return {re.match(r"\[([\w, ]+)\]", row[0])[1]: row for row in cells}  # type: ignore[index]


def test_every_experiment_has_a_folder_and_a_quick_version() -> None:
    files = {path.stem: path for path in (ROOT / "conf" / "experiment").glob("*.yaml")}
    assert files.keys() == {"demo", *MODELS, *PARTS, *STUDIES, *printed.STUDIES}
    small = {name for name, path in files.items() if "\nquick:\n" in path.read_text("utf-8")}
    assert small == {*MODELS, *STUDIES, *printed.STUDIES}
    assert STUDIES


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_says_what_it_asks_and_how_it_decides(study: str) -> None:
    text = readme(study)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    for outcome in VERDICTS[:3]:
        assert f"- **{outcome}**" in text.split("## Protocol")[1].split("## Command")[0]
    assert verdict(study) in VERDICTS
    words = publish.commands(study)
    assert ["gatekit", "train", "-m", f"+experiment={study}"] in words
    looks = publish.looks(study)
    assert looks[0][1] == "compare"
    assert {w[2] for w in looks} == {f"{study}_confirm" if study in SEARCHES else study}
    assert sum(f"experiments/{study}/figure.svg" in w for w in looks) == 1


@pytest.mark.slow
@pytest.mark.one_in(1, slow=9)
@pytest.mark.parametrize("study", STUDIES)
def test_its_experiment_composes_with_the_seeds_of_the_protocol(study: str) -> None:
    jobs, seeds = variants(study)
    if study in SEARCHES:
        (confirm,) = (words for words in publish.commands(study) if words[1] == "confirm")
        assert int(confirm[confirm.index("--seeds") + 1]) >= SEEDS
    else:
        assert len(seeds) >= SEEDS
    small, one = variants(study, "quick=true")
    assert len(one) == 1
    assert {config.task.name for config in small} <= {config.task.name for config in jobs}
    differs = ["cell", "swap", "block", "optimizer", "task", "pool", "match", "layers", "dropout"]
    texts = {OmegaConf.to_yaml(OmegaConf.masked_copy(config, differs)) for config in jobs}
    assert len(texts) == len(jobs) > 1


def results(study: str) -> list[dict[str, str]]:
    """Return the rows of a study's results, none if it has not run."""
    if verdict(study) == "not run yet":
        return []
    with (EXPERIMENTS / study / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("study", STUDIES)
def test_results_stand_beside_a_verdict_and_nowhere_else(study: str) -> None:
    there = [name for name in RESULTS if (EXPERIMENTS / study / name).exists()]
    if verdict(study) == "not run yet":
        assert there == []
        return
    assert there == list(RESULTS)
    rows = results(study)
    found = Counter((row["group"], int(row["seed"])) for row in rows)
    groups, seeds = {group for group, _ in found}, {seed for _, seed in found}
    assert found == Counter((group, seed) for group in groups for seed in seeds)
    assert {row["state"] for row in rows} <= {"COMPLETED", "DIVERGED"}
    typed = publish.looks(study)
    lines = (EXPERIMENTS / study / "comparison.txt").read_text(encoding="utf-8").splitlines()
    assert [x for x in lines if x.startswith("$ ")] == [f"$ {shlex.join(w)}" for w in typed]


@pytest.mark.one_in(1, slow=6)
@pytest.mark.parametrize(
    "study",
    [pytest.param(s, marks=() if s in SMALL else pytest.mark.slow) for s in STUDIES],
)
def test_results_are_those_of_each_variant_with_the_seeds_of_the_protocol(study: str) -> None:
    rows = results(study)
    if not rows:
        return
    jobs, seeds = variants(study)
    if study in SEARCHES:
        (confirm,) = (words for words in publish.commands(study) if words[1] == "confirm")
        chosen = confirm[confirm.index("--by") + 1].split(",")
        jobs = list({repr([OmegaConf.select(job, key) for key in chosen]) for job in jobs})
        # Confirmed on as many seeds, the first that the search did not use.
        seeds = [max(seeds) + 1 + k for k in range(int(confirm[confirm.index("--seeds") + 1]))]
    found = Counter((row["group"], int(row["seed"])) for row in rows)
    groups = {row["group"] for row in rows}
    assert found == Counter((group, seed) for group in groups for seed in seeds)
    assert len(groups) == len(jobs)


def test_the_second_part_of_blocks_has_a_run_for_each_arm_and_seed() -> None:
    jobs, seeds = variants("blocks_parts")
    jobs = [*jobs, *variants("blocks_alone")[0]]
    with (EXPERIMENTS / "blocks" / "parts.csv").open(newline="", encoding="utf-8") as file:
        found = Counter((row["group"], int(row["seed"])) for row in csv.DictReader(file))
    groups = {group for group, _ in found}
    arms = rules.PART_GROUPS | rules.ALONE_GROUPS
    assert groups == {group for group in arms if "block=parts" in group}
    assert found == Counter((group, seed) for group in groups for seed in seeds)
    assert len(groups) == len(jobs)


def test_arms_with_one_part_of_the_block_leave_out_all_others() -> None:
    jobs, seeds = variants("blocks_alone")
    ways = {"norm": ("rms", "none"), "conv": (4, 0), "silu": (True, False)}
    ways |= {"project": (True, False), "residual": (True, False)}
    found = {tuple(key for key in ways if job.block[key] == ways[key][0]) for job in jobs}
    assert found == {("norm",), ("silu",), ("project",), ("residual",)}
    assert all(job.block[key] in ways[key] for job in jobs for key in ways)
    assert len(seeds) == SEEDS
    # They differ from the arms that have run in nothing else.
    (other, _), _ = variants("blocks_parts")
    for job in jobs:
        assert OmegaConf.masked_copy(job, [k for k in job if k not in ("block", "hydra")]) == (
            OmegaConf.masked_copy(other, [k for k in other if k not in ("block", "hydra")])
        )


def test_the_findings_agree_with_the_folders() -> None:
    rows = findings()
    assert rows.keys() == claims.ROWS.keys()
    assert {each for row in claims.ROWS.values() for each in row} == {*claims.ALL} - {"chorales"}
    for name, row in rows.items():
        for study in {*claims.ROWS[name], name}:
            assert f"(../experiments/{study.split(',')[0]}/README.md)" in row[0]
        assert row[4] in ("before", "after")
        share = float(row[5].split(" %")[0])
        assert ("unstable" in row[5]) == (share < 80)
        assert row[6].startswith(f"{pages.row_verdict(name)} (")
        assert row[7].startswith("`gatekit train -m +experiment=")
        assert row[3]


@pytest.mark.slow
@pytest.mark.one_in(1, slow=18)
@pytest.mark.parametrize("study", STUDIES)
def test_the_quick_version_runs_and_is_published(study: str, tmp_path: Path) -> None:
    from seams import components

    name = f"{study}_quick"
    jobs = compose(["-m", f"+experiment={study}", "quick=true"])
    ((_, config), *_) = jobs
    task = components.load().task(OmegaConf.to_container(config.task))  # type: ignore[arg-type]
    try:
        task.require()
    except DataError as error:
        pytest.skip(str(error))
    folder = tmp_path / "experiments" / name
    # a study may have a plugin of its own, which its experiment names by the path in the checkout
    for plugin in (EXPERIMENTS / study).glob("*.py"):
        (tmp_path / "experiments" / study).mkdir(parents=True)
        shutil.copy(plugin, tmp_path / "experiments" / study)
    words = ["train", "-m", f"+experiment={study}", "quick=true", "n_jobs=1"]
    done = processes.run(
        [sys.executable, "-c", publish.GATEKIT, *words],
        cwd=tmp_path,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = re.sub(rf"\b{study}(_confirm)?\b", rf"{name}\1", readme(study))
    (folder / "README.md").write_text(text, encoding="utf-8")
    for words in publish.commands(name, tmp_path):
        if words[1] == "confirm":
            # Two seeds show as well that the command works.
            publish.said([*words[1:], "--seeds", "2", "n_jobs=1"], tmp_path)
    publish.main(name, tmp_path)
    assert all((folder / result).stat().st_size for result in RESULTS)
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if study not in SEARCHES:
        assert len(rows) == len(jobs)
    assert all(row["test"] for row in rows if row["state"] == "COMPLETED")


def test_every_comparison_is_decided_by_the_present_rule() -> None:
    assert set(decisions.TABLES) == {s for s in STUDIES if verdict(s) != "not run yet"}
    assert (EXPERIMENTS / "decisions.csv").read_text(encoding="utf-8") == decisions.text()
    count = len(decisions.text().splitlines()) - 1
    assert f"decides all {count} comparisons" in (ROOT / "docs" / "findings.md").read_text()


def test_no_decision_with_every_seed_on_one_side_is_lost() -> None:
    # A comparison whose mean and most of its seeds disagree gets no verdict, and the reason must
    # not cost any of the published verdicts on which all seeds agree.
    with (EXPERIMENTS / "decisions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        runs = results(row["study"])
        ours, theirs = (
            {int(r["seed"]): float(r[row["split"]]) for r in runs if r["group"] == row[side]}
            for side in ("group", "baseline")
        )
        signs = Counter(np.sign(ours[seed] - theirs[seed]) for seed in theirs)
        larger = {t for study, t in decisions.LARGER if study == row["study"]}
        kind = decisions.TABLES[row["study"]][1]
        sign = 1 if any(f"task={task}" in row["group"].split() for task in larger) else kind
        mean = np.mean([ours[seed] - theirs[seed] for seed in theirs])
        decided = "decided" if float(row["p"]) < decisions.ALPHA else "undecided"
        if max(signs[1], signs[-1]) == len(theirs) == int(row["seeds"]):
            found["all on one side", decided] += 1
            if decided == "decided":
                assert row["decision"] == ("better" if signs[sign] else "worse"), row
        elif signs[-np.sign(mean)] > signs[np.sign(mean)]:
            found["mean and most seeds disagree", decided] += 1
    assert found == {
        ("all on one side", "decided"): 105,
        ("all on one side", "undecided"): 6,
        ("mean and most seeds disagree", "undecided"): 7,
    }

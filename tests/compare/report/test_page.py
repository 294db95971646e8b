"""The page says what the comparison says, loads nothing, and runs nothing but its own script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup
from seams import (
    AXES,
    COLOURS,
    SCRIPTS,
    SECTIONS,
    Asked,
    Charts,
    Section,
    Sheet,
    band,
    chart,
    facts,
    groups_table,
    on_one_grid,
    over,
    style_of,
    tasks_differences,
)
from seams import compare_report_page as module
from seams import comparison_answer as answer
from seams import curves as module_of_curves
from seams import report_page as page

from ..budget_runs import write_curve
from ..probing import probe_run, probe_study
from ..synthetic import METRIC, configuration, write_run, write_study
from ..test_several import write_task
from .studies import sheet, write_costs, write_hostile, write_sweep

FOLDER = Path(module.__file__).parent
GROUPS = {"lstm": [8.64, 8.66, 8.62], "gru": [8.75, 8.78, 8.71]}


class Reader(HTMLParser):
    """Collects elements with their attributes, and texts outside of script and style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.within = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.within = tag
        # A word may break there, and still is one.
        self.texts += [] if tag == "wbr" else [" "]

    def handle_endtag(self, tag: str) -> None:
        self.texts.append(" ")

    def handle_data(self, data: str) -> None:
        if self.within not in ("script", "style"):
            self.texts.append(data)

    def said(self) -> str:
        return " ".join("".join(self.texts).split())


def loaded(html: str) -> dict[str, object]:
    """Return what the page's script reads."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    return dict(json.loads(text))


def unpacked(section: Any, part: int = 0, option: int | None = None) -> Any:
    """Return a chart of a section with the lists to which its marks refer."""
    found = section["charts"][part]
    if option is not None:
        found = found["charts"][option]
    for mark in marks_of(found):
        for key in {"x", "y", "ends", "tips"} & mark.keys():
            mark[key] = section["lists"][mark[key]]
    return found


def marks_of(chart: Any, kind: str = "") -> list[Any]:
    every = [mark for row in chart["panels"] for panel in row for mark in panel["marks"]]
    return [mark for mark in every if kind in ("", mark["kind"])]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    write_sweep(folder)
    return folder


@pytest.fixture(scope="module")
def about(root: Path) -> Sheet:
    return sheet("sweep", root)


@pytest.fixture(scope="module")
def html(about: Sheet) -> str:
    return page(about)


def test_it_says_what_compare_says(about: Sheet, html: str) -> None:
    text = Reader(html).said()
    for cells in groups_table(about.comparison).rows:
        assert all(cell in text for cell in cells if cell)
    for row in about.rows:
        assert (row.verdict or "") in text
    assert all(note in text for note in about.comparison.notes)
    assert "MemoryError: 4 GiB" in text
    assert "loss is NaN" in text
    assert "gatekit train -m study=sweep cell=lstm,gru,rnn" in text


@pytest.mark.parametrize("bib", ["", "@misc{own2026, author = {Own, O.}, year = 2026}", "@misc{"])
def test_works_are_cited(bib: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/references.bib").write_text(bib)
    config = configuration(cell__cite=["own2026", "cho2014learning"])
    write_run(tmp_path / "demo" / "runs", config)
    text = Reader(page(sheet("demo", tmp_path))).said()
    own = "Own 2026" if "author" in bib else "own2026"
    cho = "cho2014learning" if bib == "@misc{" else "Cho et al. 2014, arXiv:1406.1078"
    assert f"{own}; {cho}" in text


def test_the_settings_of_groups_are_in_their_table(tmp_path: Path) -> None:
    for rate, clip in ((0.01, None), (0.03, 1.5)):
        for seed in range(2):
            config = configuration("gru", seed, optimizer__learning_rate=rate)
            config["optimizer"]["clipnorm"] = clip
            write_run(tmp_path / "s" / "runs", config, 8.5 + rate)
    (table,) = re.findall(
        r'<table class="plain settings">(.*?)</table>', page(sheet("s", tmp_path)), re.S
    )
    head, *rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]]
    settings = {key: [row[place] for row in rows] for place, key in enumerate(head)}
    assert sorted(settings["optimizer.learning_rate"]) == ["0.01", "0.03"]
    assert sorted(settings["optimizer.clipnorm"]) == ["", "1.5"]


def test_its_data_are_the_runs(about: Sheet, html: str) -> None:
    found = loaded(html)
    table = found["runs"]
    assert isinstance(table, dict)
    keys = [column["key"] for column in table["columns"]]
    rows = {row[keys.index("run")]: dict(zip(keys, row, strict=True)) for row in table["rows"]}
    for run in about.comparison.study.runs:
        assert rows[run.id]["state"] == run.state
        if run.state == "COMPLETED":
            assert rows[run.id]["test"] == pytest.approx(run.result.outcome, rel=1e-6)
    assert "units" not in keys
    assert "optimizer.learning_rate" in keys
    drawn = found["curves"]
    assert isinstance(drawn, dict)
    assert drawn["charts"][0]["choices"][0] == [
        "split and metric",
        ["validation nll (nats/frame)", "train nll (nats/frame)"],
        0,
    ]
    tips = [m["tips"][0] for m in marks_of(unpacked(drawn, option=0), "line") if "tips" in m]
    assert {tip.split()[1].rstrip(",") for tip in tips} == set(rows)


def test_the_policy_allows_this_script_and_style_and_nothing_else(html: str) -> None:
    (policy,) = (unescape(found) for found in re.findall(r'Policy" content="([^"]*)"', html))
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert "unsafe" not in policy
    for kind, element in (("script-src", "script"), ("style-src", "style")):
        (inner,) = re.findall(rf"<{element}>(.*?)</{element}>", html, re.S)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert parts[kind] == f"'sha256-{digest}'"


def test_nothing_is_loaded_and_no_handler_stands_in_the_markup(html: str) -> None:
    for element, attributes in Reader(html).elements:
        assert element not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_the_script_never_reads_text_as_html() -> None:
    joined = "".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    for door in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                 "new Function", "fetch(", "XMLHttpRequest", "import("):  # fmt: skip
        assert door not in joined
    assert {path.name for path in FOLDER.glob("*.js")} == set(SCRIPTS)


def test_hostile_labels_stay_text(tmp_path: Path) -> None:
    write_hostile(tmp_path)
    html = page(sheet("hostile", tmp_path))
    reader = Reader(html)
    assert sum(element == "script" for element, _ in reader.elements) == 2
    assert not [element for element, _ in reader.elements if element == "img"]
    assert "{{7*7}}" in reader.said()
    assert not re.search("[\u202e\x00\x1b]", html)
    assert json.dumps(loaded(html)).count("window.stolen") > 10


def test_the_same_runs_give_the_same_page(root: Path, html: str) -> None:
    assert page(sheet("sweep", root)) == html


def test_colours_are_those_of_the_figures() -> None:
    style = (FOLDER / "report.css").read_text(encoding="utf-8")
    light = style.split("@media")[0]
    assert re.findall(r"--c\d: (#\w+)", light) == list(COLOURS)


def test_cells_are_typeset_and_drawn_once(html: str) -> None:
    elements = [element for element, _ in Reader(html).elements]
    assert elements.count("math") == 3
    ids = re.findall(r'marker id="([^"]*)"', html)
    assert len(ids) == len(set(ids)) == 12
    assert set(re.findall(r"url\(#([^)]*)\)\" ?/>", html)) <= set(ids)


def test_a_cell_that_cannot_be_built_here_is_shown_as_text(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    for seed in range(2):
        write_run(runs, configuration("lstm", seed, cell__gates={"input": {"kind": "unheard_of"}}))
    text = Reader(page(sheet("demo", tmp_path))).said()
    assert "Only the configuration of this cell is shown" in text
    assert "unheard_of" in text
    assert "forget * c_prev + input * candidate" in text


def test_groups_are_set_against_their_baseline(tmp_path: Path) -> None:
    runs = write_study(tmp_path, GROUPS)
    for path in runs.iterdir():
        (path / "env.json").write_text('{"versions": {"keras": "3.15.1"}, "cpu": "a"}')
    for seed in range(3):
        other = configuration("lstm", seed, units=128)
        found = write_run(runs, other, 8.5 + seed / 100)
        (found / "env.json").write_text('{"versions": {"keras": "3.15.0"}, "cpu": "a"}')
    text = Reader(page(sheet("demo", tmp_path))).said()
    assert "units 64 128" in text
    assert "keras 3.15.1 3.15.0" in text
    assert "3.15.1 (6 runs); 3.15.0 (3 runs)" in text
    assert "Seeds alone explain" in text


def test_several_tasks_have_their_table_and_blocks(tmp_path: Path) -> None:
    for name in "abcde":
        write_task(tmp_path, name, {**GROUPS, "rnn": [9.0, 9.1, 9.2]})
    text = Reader(page(sheet("demo", tmp_path))).said()
    assert "Over 5 tasks" in text
    assert "task=c" in text
    assert "critical difference" in text


def test_what_is_decided_over_tasks_is_at_the_beginning(tmp_path: Path) -> None:
    lstm = [8.64, 8.66, 8.62, 8.65, 8.63, 8.66]
    for name in "ab":
        others = {"gru": [v - 0.3 - 0.01 * k for k, v in enumerate(lstm)], "rnn": lstm[::-1]}
        write_task(tmp_path, name, {"lstm": lstm, **others})
    about = sheet("demo", tmp_path)
    text = Reader(page(about)).said()
    assert about.several is not None
    cells = tasks_differences(about.several)
    assert all(cell in text for row in cells for cell in row)
    assert text.index("gru is better than lstm on a") < text.index("Over 2 tasks")


def test_a_swept_key_is_an_axis(root: Path) -> None:
    found = loaded(page(sheet("sweep", root, x="optimizer.learning_rate")))["axis"]
    assert isinstance(found, dict)
    chart = unpacked(found)
    ((panel,),) = chart["panels"]
    assert (panel["x"]["places"], panel["x"]["scale"]) == ([0.001, 0.01, 0.03], "log")
    assert {line["name"] for line in chart["series"]} == {"lstm", "gru", "rnn"}
    lines = [mark for mark in panel["marks"] if mark["kind"] == "line"]
    assert sorted(len(mark["x"]) for mark in lines) == [2, 3, 3]  # the mean of a diverged group


def test_the_page_has_the_charts_that_files_have(root: Path, html: str) -> None:
    known = Charts()
    comparison = sheet("sweep", root).comparison
    for kind in ("forest", "heatmap"):
        known.add(chart(kind, comparison, Asked()))
    assert loaded(html)["figures"] == known.data()


def test_a_study_without_runs_and_one_where_all_failed_say_so(tmp_path: Path) -> None:
    (tmp_path / "empty" / "runs").mkdir(parents=True)
    empty = sheet("empty", tmp_path)
    assert empty.comparison.exit_code == 1
    assert "This study has no runs" in Reader(page(empty)).said()
    for seed in range(2):
        write_run(tmp_path / "bad" / "runs", configuration(seed=seed), state="FAILED", reason="no")
    bad = sheet("bad", tmp_path)
    text = Reader(page(bad)).said()
    assert "No run has an outcome yet" in text
    assert "2 FAILED" in text
    for config in (tmp_path / "bad" / "runs").glob("*/config.yaml"):
        config.write_text("[]")
    assert "No run has an outcome yet" in Reader(page(sheet("bad", tmp_path))).said()


def test_runs_on_their_way_are_drawn_and_not_called_failures(tmp_path: Path) -> None:
    runs = write_study(tmp_path, GROUPS)
    write_run(runs, configuration("gru", 7), state="PLANNED", validation=[11.0, 10.0])
    html = page(sheet("demo", tmp_path))
    assert "1 more runs are planned or in progress" in Reader(html).said()
    lines = marks_of(unpacked(loaded(html)["curves"], option=0), "line")
    (unended,) = (line for line in lines if line.get("dotted"))
    assert unended["y"] == [11, 10]
    assert unended["tips"][0].endswith(", seed 7")
    assert sum("tips" in line for line in lines) == 7


def test_a_section_is_added_in_one_place(about: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    added = Section("mine", "Mine & yours", Markup("<p>here</p>"), {"a": 1})
    monkeypatch.setattr(module, "SECTIONS", (*SECTIONS[:1], lambda _: added, lambda _: None))
    html = page(about)
    assert '<a href="#mine">Mine &amp; yours</a>' in html
    assert loaded(html)["mine"] == {"a": 1}


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    for seed in range(2):
        write_run(runs, configuration(seed=seed), validation=[9.0 + 1 / e for e in range(1, 1001)])
    found = loaded(page(sheet("demo", tmp_path)))["curves"]
    options = len(found["charts"][0]["charts"])
    lines = [marks_of(unpacked(found, option=k), "line")[0] for k in range(options)]
    assert {len(values) for line in lines for values in (line["x"], line["y"])} == {400}
    ends = {(line["x"][0], line["x"][-1]) for line in lines}
    assert ends == {(1, 1000), (0.8, 800), (14, 14_000)}
    # A list that several charts have is stored once.
    assert len({id(line["y"]) for line in lines[:3]}) == 1


def test_what_gates_did_has_a_section_where_runs_were_probed(tmp_path: Path, html: str) -> None:
    assert 'id="gates"' not in html
    runs = write_study(tmp_path, GROUPS)
    probe_study(runs, 0.95, ("forward_0", "backward_0"))
    unprobed = sorted(runs.iterdir())[0]
    (unprobed / "probe.jsonl").unlink()
    page_ = page(sheet("demo", tmp_path))
    reader = Reader(page_)
    text = reader.said()
    assert "Gates over training" in text
    assert "forward_0 " in text
    assert "2 of 3 runs were probed" in text
    section = loaded(page_)["gates"]
    chart = unpacked(section)
    assert [len(row) for row in chart["panels"]] == [4, 4, 2]
    assert "forget" in [panel["name"] for panel in chart["panels"][0]]
    memory = chart["panels"][2][0]
    assert memory["y"]["title"] == "memory (steps)"
    assert ["sequence (30)"] in [mark.get("tips") for mark in memory["marks"]]
    assert not [a for _, a in reader.elements if "style" in a]


def test_gates_that_keep_all_or_nothing_are_drawn(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6, 8.7]})
    for folder, kept in zip(sorted(runs.iterdir()), ([1.0, 1.0], [0.0, 0.0]), strict=True):
        probe_run(folder, kept)
    html = page(sheet("demo", tmp_path))
    assert 'id="gates"' in html
    assert "NaN" not in html


def test_a_page_has_room_for_so_many_seeds(about: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_of_curves, "_MOST_VALUES", 380)
    html = page(about)
    lines = marks_of(unpacked(loaded(html)["curves"], option=0), "line")
    seeds = [line["series"] for line in lines if not line.get("strong")]
    assert sorted(seeds) == [0, 0, 0, 1, 1, 1]
    assert "From group 3 of the table on, single seeds are not shown" in Reader(html).said()


def test_what_is_not_comparable_is_said(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": GROUPS["lstm"]})
    for seed in range(3):
        write_run(runs, configuration("gru", seed), 8.7, data_hash="sha256:" + "cd" * 32)
    refused = Reader(page(sheet("demo", tmp_path))).said()
    assert "gru against lstm: different data (cdcdcdcd against abababab)" in refused
    forced = Reader(page(sheet("demo", tmp_path, force=True))).said()
    assert "gru against lstm, forced: different data" in forced


def write_two_metrics(root: Path) -> None:
    """Write a study of two cells and two tasks with different metrics."""
    accuracy = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.1}
    for task, metric, scale in (("adding", METRIC, 1), ("recall", accuracy, 0.1)):
        for cell in ("lstm", "gru"):
            for seed in range(3):
                config = configuration(cell, seed, task__name=task, trainer__steps=9)
                more = {"metric": metric, "data_hash": f"sha256:{task:a<32}"}
                score = scale * (6 + 2 * seed)
                write_run(root / "demo" / "runs", config, score, validation=[score] * 2, **more)


def test_two_metrics_are_never_on_one_axis(tmp_path: Path) -> None:
    write_two_metrics(tmp_path)
    data = loaded(page(sheet("demo", tmp_path)))
    assert not any(not group["shown"] for group in data["groups"])
    (splits, across) = data["curves"]["charts"][0]["choices"]
    assert splits == ["split and metric", ["validation", "train"], 0]
    # Steps were asked for, so the curves do not count epochs.
    assert across[1][0] == "over evaluation"
    chart = unpacked(data["curves"], option=0)
    (one,), (other,) = chart["panels"]
    assert (one["title"], other["title"]) == ("task=adding", "task=recall")
    assert one["y"]["title"] == "validation nll (nats/frame)"
    assert other["y"]["title"] == "validation accuracy"
    (band,) = {tuple(mark["ends"]) for mark in other["marks"] if mark["kind"] == "band"}
    assert max(band) == 1


@pytest.mark.parametrize("pooled", [False, True])
def test_curves_are_over_every_cost_with_the_numbers_of_the_figure(
    tmp_path: Path, pooled: bool
) -> None:
    write_costs(tmp_path)
    options: dict[str, Any] = {"at": "seconds=15"}
    if pooled:  # runs of one group then differ in the FLOPs of a step
        values, step = [9.0, 8.8, 8.7], {"flops": {"step": 4e5}, "tokens": {"step": 640.0}}
        for cell in ("lstm", "gru"):
            write_curve(tmp_path, cell, 0, values, result=step, units=128)
        options["by"] = ["cell"]
    about = sheet("demo", tmp_path, **options)
    actual = loaded(page(about))["curves"]
    assert isinstance(actual, dict)
    name, costs, first = actual["charts"][0]["choices"][1]
    assert (name, costs[first], len(costs)) == ("x axis", "over training time (s)", 5)
    for option, cost in enumerate(AXES):
        marks = marks_of(unpacked(actual, option=option))
        budget = [mark["x"] for mark in marks if mark["kind"] == "rule" and "x" in mark]
        assert budget == ([[15]] if cost == "seconds" else [])
        for row in about.rows:
            (series,) = (
                k
                for k, one in enumerate(actual["charts"][0]["charts"][option]["series"])
                if one["name"] == row.group.label
            )
            curves = [c for run in row.group.runs if (c := over(run, cost)) is not None]
            expected = band(on_one_grid(curves))
            assert expected is not None
            own = [mark for mark in marks if mark.get("series") == series]
            (shown,) = (mark for mark in own if mark["kind"] == "band")
            (mean,) = (mark for mark in own if mark["kind"] == "line" and mark.get("strong"))
            wanted = (
                (shown["x"], expected.epochs),
                (mean["y"], expected.mean),
                (shown["y"], expected.low),
                (shown["ends"], expected.high),
            )
            for values, right in wanted:
                assert values == pytest.approx(right.tolist(), rel=1e-4)
            lines = [m for m in own if m["kind"] == "line" and not m.get("strong")]
            for line, curve in zip(lines, curves, strict=True):
                assert line["x"] == pytest.approx(curve.epochs, rel=1e-4)


def test_runs_that_took_equally_long_have_one_time(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6]})

    def trained() -> str:
        (text,) = (text for title, text, _ in facts(sheet("demo", tmp_path)) if "31" in text)
        return text.split("; ")[-1]

    assert trained() == "31 s a run"
    write_run(runs, configuration("lstm", 1), 8.6)
    assert trained() == "31 s a run, 62 s for all 2 runs"
    write_run(runs, configuration("lstm", 2), 8.6, seconds={"total": 60.0, "step": 0.02})
    assert trained() == "31 s to 60 s a run, 2.0 min for all 3 runs"


def test_a_cost_that_no_run_recorded_is_not_offered(html: str) -> None:
    found = loaded(html)["curves"]
    assert found["charts"][0]["choices"][1][1] == [
        "over epoch",
        "over training time (s)",
        "over training steps",
    ]
    assert not [
        mark
        for mark in marks_of(unpacked(found, option=0))
        if mark["kind"] == "rule" and "x" in mark
    ]


def test_groups_that_are_hidden_at_first_are_counted(tmp_path: Path) -> None:
    for units in range(1, 15):
        write_run(tmp_path / "demo" / "runs", configuration(units=units), 8 + units)
    text = Reader(page(sheet("demo", tmp_path))).said()
    assert "2 groups are hidden at first: click a name, or all, to show it." in text


def test_a_variant_has_one_look_on_all_tasks_and_in_figures(tmp_path: Path) -> None:
    write_two_metrics(tmp_path)
    about = sheet("demo", tmp_path)
    groups = loaded(page(about))["groups"]
    looks = {(group["variant"], group["look"]) for group in groups}
    assert len(groups) == 4
    assert len(looks) == 2
    assert {("lstm", "ink d0"), ("gru", style_of(0).css)} == looks
    # Where there are other results, or other tasks, the colours are the same.
    alone = sheet("demo", tmp_path, tasks=["recall"])
    for drawn in (alone, about):
        assert {row.style_index for row in drawn.rows} == {-1, 0}


def test_every_task_has_its_chart_over_a_key(tmp_path: Path) -> None:
    accuracy = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.1}
    for task, metric, scale in (("adding", METRIC, 1), ("recall", accuracy, 0.1)):
        for rate in (0.01, 0.1):
            for seed in range(2):
                rated = configuration(seed=seed, task__name=task, optimizer__learning_rate=rate)
                more = {"metric": metric, "data_hash": f"sha256:{task:a<32}"}
                write_run(tmp_path / "demo" / "runs", rated, scale * (6 + seed), **more)
    (chart,) = loaded(page(sheet("demo", tmp_path, x="optimizer.learning_rate")))["axis"]["charts"]
    panels = [row[0] for row in chart["panels"]]
    assert [panel["title"] for panel in panels] == ["task=adding", "task=recall"]
    assert [panel["y"]["title"] for panel in panels] == ["test nll (nats/frame)", "test accuracy"]


def test_the_head_answers_what_a_reader_asks_first(about: Sheet, html: str) -> None:
    head = Reader(html.split("<nav")[0]).said()
    for line in answer(about.comparison, about.several).lines:
        assert line in head
    for text in ("27 runs in 9 groups, 3 seeds each", "1 DIVERGED, 1 FAILED", "jsb_music21"):
        assert text in head, text
    assert "is missing 1 run (1 FAILED)" in head
    said = Reader(html).said()
    for text in (
        "test nll in nats/frame, lower is better (chance: 11.9)",
        "cell, optimizer.learning_rate",
        "20 epochs",
        "gatekit train -m study=sweep cell=lstm,gru,rnn",
    ):
        assert text in said, text


def test_the_element_answer_begins_with_the_claim(tmp_path: Path) -> None:
    noise = [0.0, 0.01, -0.01, 0.02, 0.005]
    lstm, gru = [8.6 + x for x in noise], [8.5 + x for x in noise[1:] + noise[:1]]
    write_study(tmp_path, {"lstm": lstm, "gru": gru})
    about = sheet("demo", tmp_path)
    (element,) = re.findall(r'<div id="answer".*?</div>', page(about), re.S)
    assert Reader(element).said().startswith(answer(about.comparison).first)


def test_several_tasks_are_a_matrix_with_marks(tmp_path: Path) -> None:
    noise = [0.0, 0.01, -0.01, 0.02, 0.005]
    for name, mean in (("a", 8.4), ("b", 8.8), ("c", 8.59)):
        cells = {
            "lstm": [8.6 + x for x in noise],
            "gru": [mean + (1 + (mean == 8.59)) * x for x in noise[1:] + noise[:1]],
        }
        write_task(tmp_path, name, cells)
    html = page(sheet("demo", tmp_path))
    (table,) = re.findall(r'<table class="matrix">.*?</table>', html, re.S)
    rows = re.findall(r"<tr class.*?</tr>", table, re.S)
    cells = {
        re.search(r">(\w+)</th>", row)[1]: re.findall(r'<td class="(\w*)"', row) for row in rows
    }
    assert cells == {"gru": ["better", "worse", "open"], "lstm": [""] * 3}
    assert table.count('<td data-title="parameters">100,488</td>') == 2
    for place in range(3):
        assert f'href="#block-{place}"' in table
        assert f'<tbody id="block-{place}">' in html


def test_a_difference_far_beyond_the_others_leaves_them_room(tmp_path: Path) -> None:
    noise = [0.0, 0.01, -0.01, 0.02, 0.005]
    cells = {"lstm": 8.6, "gru": 8.5, "rnn": 900.0}
    scores = {cell: [mean + x for x in noise] for cell, mean in cells.items()}
    runs = write_study(tmp_path, scores)
    for seed, score in enumerate(scores["gru"]):
        write_run(runs, configuration("gru", seed, cell__name="mgu"), score)
    table = page(sheet("demo", tmp_path)).split('<table class="groups">')[1].split("</table>")[0]
    gru, *_, rnn = re.findall(r"<tr class=\"(?!axes).*?</tr>", table, re.S)
    (near,) = re.findall(r'<path d="M([\d.]+) [^"]*" class="mean', gru)
    (far,) = re.findall(r'<path d="M([\d.]+) [^"]*" class="mean', rnn)
    assert float(near) < 100
    assert float(far) == pytest.approx(380 - 8)  # an arrow, whose left corner is at the edge


def test_the_best_is_first_and_p_is_a_column(tmp_path: Path) -> None:
    write_study(
        tmp_path,
        {"lstm": [8.6, 8.61, 8.62, 8.63, 8.64], "gru": [8.5, 8.52, 8.51, 8.53, 8.54]},
    )
    html = page(sheet("demo", tmp_path))
    table = html[html.index('<table class="groups"') : html.index("</table>")]
    labels = re.findall(r'data-group="(\d)"', table)
    assert labels == ["0", "1"]
    assert re.search(r'<th scope="col" class="p">p</th>', table)
    assert 'class="axis-of w380"' in table
    assert "\u25c2 better" in table

"""The page in a real browser: clicks, keys, zoom, the dark, hostile labels, five hundred runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import Open

from ..probing import probe_study
from ..synthetic import write_study
from .studies import write_costs, write_hostile, write_many, write_sweep, written
from .test_page import write_two_metrics

LEARN = "#curves .one:first-child"
"""The learning curves; the costs of the groups are beside them."""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sweep")
    write_sweep(root)
    return written("sweep", root, root / "sweep.html", x="optimizer.learning_rate")


def column(page: Any, key: str) -> list[str]:
    """Return the texts of a column of the table of runs, as they stand."""
    names = page.locator("table.all thead th").all_inner_texts()
    place = [name.split(" ")[0].strip() for name in names].index(key) + 1
    return list(page.locator(f"table.all tbody td:nth-child({place})").all_inner_texts())


def until(page: Any, holds: Callable[[], bool]) -> None:
    """Wait until something holds; the page's policy forbids Playwright's own waiting, by eval."""
    deadline = time.monotonic() + 600
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


def reloaded(page: Any) -> bool:
    """Reload the page; a new process may read its storage before the old one has written it."""
    page.reload()
    page.wait_for_selector("html[data-ready]")
    return True


def box(page: Any, selector: str) -> dict[str, float]:
    """Return the place of an element that has been brought into view."""
    node = page.locator(selector).first
    node.scroll_into_view_if_needed()
    return dict(node.bounding_box())


def test_runs_are_sorted_by_a_click_and_what_is_unknown_stands_last(
    sweep: Path, open_page: Open
) -> None:
    page = open_page(sweep)
    head = page.locator("table.all th button", has_text="test")
    for order, way in ((1, "ascending"), (-1, "descending")):
        head.click()
        known = [float(text) for text in column(page, "test") if text]
        assert known == sorted(known)[::order]
        assert column(page, "test")[-2:] == ["", ""]
        assert page.locator(f'table.all th[aria-sort="{way}"]').count() == 1
    head.click()
    assert page.locator('table.all th[aria-sort="none"]').count() == len(
        page.locator("table.all th").all()
    )


def test_runs_are_filtered_by_words_conditions_and_states(sweep: Path, open_page: Open) -> None:
    page = open_page(sweep)
    field, counted = page.locator("input.filter"), page.locator("p.count")
    assert counted.inner_text() == "27 of 27 runs"
    for text, count in {
        "lstm": 9,
        "-lstm": 18,
        "seed:2": 9,
        "cell=gru learning_rate=0.01": 3,
        "test<8.7": None,
        "FAILED": 1,
        "nothing at all": 0,
    }.items():
        field.fill(text)
        found = page.locator("table.all tbody tr").count()
        assert counted.inner_text() == f"{found} of 27 runs"
        if count is None:
            assert 0 < found < 27
            assert all(float(value) < 8.7 for value in column(page, "test"))
        else:
            assert found == count
    field.fill("")
    page.locator("button.state.completed").click()
    assert set(column(page, "state")) == {"DIVERGED", "FAILED"}


def test_groups_are_chosen_everywhere_at_once(sweep: Path, open_page: Open) -> None:
    page = open_page(sweep)
    bands = page.locator(f"{LEARN} path.band")
    before = bands.count()
    name = page.locator("button.name").first
    name.click()
    assert name.get_attribute("aria-pressed") == "false"
    until(page, lambda: bands.count() == before - 1)
    page.locator(f"{LEARN} .chooser button", has_text="none").click()
    until(page, lambda: bands.count() == 0)
    assert page.locator(LEARN).get_by_text("no group is selected").count() == 1
    page.locator(f"{LEARN} .chooser button", has_text="all").click()
    until(page, lambda: bands.count() > before - 1)


def test_curves_zoom_by_drag_and_show_all_again(sweep: Path, open_page: Open) -> None:
    page = open_page(sweep)
    ticks = page.locator(f"{LEARN} svg.chart text.tick.middle")
    whole = ticks.all_text_contents()
    place = box(page, f"{LEARN} svg.chart")
    left, top = place["x"] + place["width"] * 0.4, place["y"] + 120
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + 150, top + 2, steps=4)
    assert page.locator(f"{LEARN} rect.brush").count() == 1
    page.mouse.up()
    until(page, lambda: ticks.all_text_contents() != whole)
    zoomed = [float(text) for text in ticks.all_text_contents()]
    assert 5 < min(zoomed) < max(zoomed) < 15
    page.locator(f"{LEARN} svg.chart").dblclick(position={"x": 300, "y": 100})
    until(page, lambda: ticks.all_text_contents() == whole)


@pytest.mark.slow
def test_curves_have_logarithms_another_split_and_hide_seeds(sweep: Path, open_page: Open) -> None:
    page = open_page(sweep)
    curve, seeds = page.locator(f"{LEARN} path.curve").first, page.locator(f"{LEARN} path.seed")
    before = curve.get_attribute("d")
    page.locator(LEARN).get_by_label("log y").check()
    until(page, lambda: curve.get_attribute("d") != before)
    page.locator(f'{LEARN} select[aria-label="split and metric"]').select_option(index=1)
    titles = page.locator(f"{LEARN} text.title")
    title = "train nll (nats/frame), lower is better"
    until(page, lambda: title in titles.all_text_contents())
    assert seeds.count() > 10
    page.locator(f"{LEARN} label", has_text="seeds").click()
    until(page, lambda: seeds.count() < 3)


def test_the_pointer_tells_values_and_the_nearest_run(sweep: Path, open_page: Open) -> None:
    page = open_page(sweep)
    place = box(page, f"{LEARN} svg.chart")
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    bubble = page.locator(f"{LEARN} .tip")
    assert bubble.is_visible()
    assert bubble.locator("p").inner_text().startswith("epoch ")
    assert "[" in bubble.inner_text()
    page.mouse.move(5, 5)
    assert not bubble.is_visible()


def test_a_point_leads_to_its_run(tmp_path: Path, open_page: Open) -> None:
    write_study(tmp_path, {"lstm": [8.60, 8.64], "gru": [8.50, 8.56]})
    page = open_page(written("demo", tmp_path, tmp_path / "demo.html"))
    page.locator("#curves svg.chart").nth(1).focus()
    page.keyboard.press("Home")
    named = re.search(r"run (\w+), seed", page.locator("#curves .tip").last.inner_text())
    assert named is not None
    page.keyboard.press("Enter")
    assert page.locator("input.filter").input_value() == named[1]
    assert column(page, "run") == [named[1]]


def test_curves_over_seconds_answer_who_is_best_then(tmp_path: Path, open_page: Open) -> None:
    write_costs(tmp_path)
    page = open_page(written("demo", tmp_path, tmp_path / "demo.html", at="seconds=15"))
    choice = page.locator(f'{LEARN} select[aria-label="x axis"]')
    assert choice.input_value() == "over training time (s)"
    assert page.locator(f"{LEARN} line.budget").count() == 1
    heard, chart = page.locator(f"{LEARN} .heard"), page.locator(f"{LEARN} svg.chart")
    chart.focus()
    # The lstm is better in the end, but takes twice as long; the gru ends before 20 s.
    page.keyboard.press("Home")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert heard.inner_text().index("gru") < heard.inner_text().index("lstm")
    page.keyboard.press("End")
    assert heard.inner_text().index("lstm") < heard.inner_text().index("gru")
    assert heard.inner_text().endswith("where it ends")
    choice.select_option(label="over training FLOPs")
    until(page, lambda: page.locator(f"{LEARN} line.budget").count() == 0)
    assert "training FLOPs" in page.locator(f"{LEARN} text.title").all_text_contents()
    until(page, lambda: reloaded(page) and choice.input_value() == "over training FLOPs")


def test_curves_by_keyboard(sweep: Path, open_page: Open) -> None:
    page = open_page(sweep)
    page.locator(f"{LEARN} svg.chart").focus()
    page.keyboard.press("ArrowRight")
    heard = page.locator(f"{LEARN} .heard")
    assert heard.inner_text().startswith("epoch 1:")
    page.keyboard.press("End")
    assert heard.inner_text().startswith("epoch 20:")
    ticks = page.locator(f"{LEARN} svg.chart text.tick.middle")
    before = ticks.all_text_contents()
    page.keyboard.press("+")
    until(page, lambda: ticks.all_text_contents() != before)
    page.keyboard.press("0")
    until(page, lambda: ticks.all_text_contents() == before)


@pytest.mark.slow
def test_everything_can_be_reached_by_tab(sweep: Path, open_page: Open) -> None:
    page = open_page(sweep)
    seen = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "(() => { const e = document.activeElement; return e.tagName.toLowerCase() +"
                " '.' + (e.getAttribute('class') || '').split(' ')[0]; })()"
            )
        )
    assert {"a.skip", "button.name", "svg.chart", "input.filter", "select."} <= seen
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.className") == "filter"


@pytest.mark.slow
def test_a_swept_key_hides_lines(sweep: Path, open_page: Open) -> None:
    page = open_page(sweep)
    lines = page.locator("#axis path.curve")
    assert lines.count() == 3
    page.locator("#axis button.group").first.click()
    until(page, lambda: lines.count() == 2)


def test_charts_that_files_have_are_read_by_keyboard_and_pointer(
    sweep: Path, open_page: Open
) -> None:
    page = open_page(sweep)
    charts = page.locator("#figures svg.chart")
    assert charts.count() == 2
    assert page.locator("#figures h3").all_inner_texts() == ["Differences", "Sweep"]
    heard = page.locator("#figures .heard").first
    charts.first.focus()
    page.keyboard.press("End")
    last = heard.inner_text()
    page.keyboard.press("ArrowLeft")
    assert heard.inner_text() != last
    assert "n = " in last
    names = charts.first.locator("text.name").all_text_contents()
    assert last.split(":")[0] in names
    cell = box(page, "#figures rect.best")
    page.mouse.move(cell["x"] + cell["width"] / 2, cell["y"] + cell["height"] / 2)
    bubble = page.locator("#figures .tip").last
    assert bubble.is_visible()
    assert "test nll (nats/frame)" in bubble.inner_text()


def test_a_group_is_hidden_in_a_chart(sweep: Path, open_page: Open) -> None:
    page = open_page(sweep)
    cost = page.locator("#curves .plot").nth(1)
    before = cost.locator("path.point").count()
    cost.locator("button.group").first.click()
    until(page, lambda: cost.locator("path.point").count() == before - 2)


@pytest.mark.parametrize("width", [1400, 420])
def test_no_text_of_a_chart_is_cut(sweep: Path, open_page: Open, width: int) -> None:
    page = open_page(sweep, viewport={"width": width, "height": 900})
    page.wait_for_timeout(100)
    for chart in page.locator("#figures svg.chart, #axis svg.chart").all():
        frame = chart.bounding_box()
        for text in chart.locator("text").all():
            place = text.bounding_box()
            if place and place["width"]:
                assert place["x"] >= frame["x"] - 2, text.text_content()
                assert place["x"] + place["width"] <= frame["x"] + frame["width"] + 2


def luminance(colour: str) -> float:
    """Return how bright ``rgb(r, g, b)`` is, 0 to 1."""
    parts = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), parts, strict=True)) / 255


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_it_can_be_read_in_light_and_dark(sweep: Path, open_page: Open, scheme: str) -> None:
    page = open_page(sweep, color_scheme=scheme)
    find = "(s, p) => getComputedStyle(document.querySelector(s))[p]"
    paper = luminance(page.evaluate(f"({find})('body', 'backgroundColor')"))
    assert (paper < 0.15) == (scheme == "dark")
    for selector, key in {
        "h1": "color",
        ".facts": "color",
        "math": "color",
        ".chart text": "fill",
        ".diagram text": "fill",
        "table.all td": "color",
        ".caption": "color",
    }.items():
        ink = luminance(page.evaluate(f"({find})('{selector}', '{key}')"))
        assert abs(ink - paper) > 0.35, selector


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_is_wider_than_the_window(sweep: Path, open_page: Open, width: int) -> None:
    page = open_page(sweep, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_phone_shows_the_difference_and_breaks_no_word(sweep: Path, open_page: Open) -> None:
    page = open_page(sweep, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # Groups are cards: every number is within the window.
    for node in page.locator("#summary table.groups td.gap").all():
        place = node.bounding_box()
        assert place is None or place["x"] + place["width"] <= 390
    for node in page.locator("#summary table.groups .numbers").all():
        place = node.bounding_box()
        assert place is None or place["x"] + place["width"] <= 390
    assert page.locator("#summary table.groups td.gap svg.strip").first.is_visible()
    names = page.locator("#summary button.name").all()
    assert all(name.evaluate("node => node.scrollWidth <= node.clientWidth + 1") for name in names)
    # The menu has one line, and can be scrolled.
    menu = page.locator("nav")
    assert menu.bounding_box()["height"] < 50
    assert menu.evaluate("node => node.scrollWidth > node.clientWidth")


def test_the_answer_is_first_and_what_is_decided_comes_next(
    tmp_path: Path, open_page: Open
) -> None:
    write_study(
        tmp_path,
        {
            "lstm": [8.60, 8.61, 8.62, 8.63, 8.64],
            "gru": [8.50, 8.52, 8.51, 8.53, 8.54],
            "rnn": [8.59, 8.66, 8.55, 8.70, 8.61],
        },
    )
    page = open_page(written("demo", tmp_path, tmp_path / "demo.html"))
    first = page.locator("#answer").inner_text().split("\n")
    assert first[0].startswith("gru is better than lstm: nll 0.100 nats/frame lower (p")
    assert 1 <= page.locator("#answer .lead").count() <= 4
    assert "rnn is not told apart from lstm" in first[0]
    # Decided and undecided differ in weight, and in the mark.
    row = "#summary tr:has(span:text-is('{}')) .gap .numbers"
    weights = [
        int(page.locator(row.format(name)).evaluate("n => getComputedStyle(n).fontWeight"))
        for name in ("gru", "rnn")
    ]
    assert weights[0] > weights[1]
    assert page.locator("#summary td.gap path.mean.open").count() == 1


def test_a_variant_has_one_colour_on_all_tasks(tmp_path: Path, open_page: Open) -> None:
    write_two_metrics(tmp_path)
    page = open_page(written("demo", tmp_path, tmp_path / "demo.html"))
    assert page.locator(f"{LEARN} svg.chart").count() == 2
    until(page, lambda: page.locator(f"{LEARN} path.curve").count() == 4)
    stroke = "nodes => nodes.map(n => getComputedStyle(n).stroke)"
    charts = page.locator(f"{LEARN} svg.chart").all()
    tones = [chart.locator("path.curve").evaluate_all(stroke) for chart in charts]
    assert tones[0] == tones[1]
    assert set(tones[0]) == set(page.locator(f"{LEARN} .chosen .key").evaluate_all(stroke))
    assert len(set(tones[0])) == 2


def test_the_first_printed_page_is_not_empty(sweep: Path, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page = context.new_page()
    page.goto(sweep.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 718, "height": 1040})
    # The table begins on the first page, which is 1040 pixels high, and nothing is cut.
    assert page.locator("#summary table.groups").bounding_box()["y"] < 900
    assert page.locator("#summary").evaluate("n => getComputedStyle(n).breakInside") == "auto"
    wide = "nodes => nodes.every(n => n.scrollWidth <= 718)"
    assert page.locator(".groups").evaluate_all(wide)
    assert page.locator("nav").is_hidden()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert luminance(paper) > 0.9
    folded = page.locator("#summary details:not([open])")
    before = folded.count()
    assert before
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert folded.count() == before
    context.close()


def test_tasks_share_one_legend(tmp_path: Path, open_page: Open) -> None:
    write_two_metrics(tmp_path)
    page = open_page(written("demo", tmp_path, tmp_path / "demo.html"))

    headings = page.locator(f"{LEARN} text.heading")
    assert headings.all_text_contents() == ["task=adding", "task=recall"]
    assert page.locator(f"{LEARN} button.group").count() == 2


def test_hostile_labels_are_shown_and_never_run(tmp_path: Path, open_page: Open) -> None:
    write_hostile(tmp_path)
    page = open_page(written("hostile", tmp_path, tmp_path / "hostile.html"))
    place = box(page, f"{LEARN} svg.chart")
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.locator("input.filter").fill("<script>")
    assert page.locator("table.all tbody tr").count() > 0
    assert page.evaluate("window.stolen") is None
    assert page.locator("main img, main iframe, main script").count() == 0
    assert "<script>window.stolen=1</script>" in page.locator("main").inner_text()


def test_an_injected_script_would_be_stopped(sweep: Path, browser: Any) -> None:
    html = sweep.read_text(encoding="utf-8")
    evil = "<script>window.stolen=1</script><p id='p' onclick='window.stolen=1' style='color:red'>"
    broken = sweep.with_name("broken.html")
    broken.write_text(html.replace("<footer>", f"{evil}x</p><footer>"), encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(broken.as_uri())
    page.locator("#p").click()
    assert page.evaluate("window.stolen") is None
    assert sum("Content Security Policy" in text for text in said) >= 3
    context.close()


@pytest.mark.slow
def test_a_page_without_runs_opens(tmp_path: Path, open_page: Open) -> None:
    (tmp_path / "empty" / "runs").mkdir(parents=True)
    page = open_page(written("empty", tmp_path, tmp_path / "empty.html"))
    assert "This study has no runs" in page.locator("header").inner_text()


@pytest.mark.slow
def test_what_was_chosen_is_there_after_the_page_reads_itself_again(
    sweep: Path, open_page: Open
) -> None:
    page = open_page(sweep)
    page.locator("input.filter").fill("gru")
    page.locator("button.name").first.click()
    until(page, lambda: reloaded(page) and page.locator("input.filter").input_value() == "gru")
    assert page.locator("table.all tbody tr").count() == 9
    assert page.locator("button.name").first.get_attribute("aria-pressed") == "false"


@pytest.mark.slow
def test_five_hundred_runs_are_quick(tmp_path: Path, open_page: Open) -> None:
    write_many(tmp_path, groups=50, seeds=10, epochs=100)
    path = written("many", tmp_path, tmp_path / "many.html")
    assert path.stat().st_size < 3_000_000
    page = open_page(path)
    assert page.locator("table.all tbody tr").count() == 500
    page.locator("input.filter").fill("seed:3")
    assert page.locator("table.all tbody tr").count() == 50
    page.locator(f"{LEARN} .chooser button", has_text="all").click()
    until(page, lambda: page.locator(f"{LEARN} path.curve").count() == 50)


def test_what_gates_did_is_drawn_in_the_light_and_in_the_dark(
    tmp_path: Path, open_page: Open
) -> None:
    probe_study(write_study(tmp_path, {"lstm": [8.6, 8.7], "gru": [8.5, 8.4]}))
    path = written("demo", tmp_path, tmp_path / "demo.html")
    fills = []
    for scheme in ("light", "dark"):
        page = open_page(path, color_scheme=scheme)
        panels = page.locator("#gates svg.chart")
        assert panels.count() == 2 * 4 + 2
        assert panels.first.bounding_box()["width"] > 150
        assert panels.first.locator("path.tone").count() > 0
        inner = panels.first.locator("path.curve")
        fills.append(inner.evaluate("node => getComputedStyle(node).stroke"))
        assert inner.evaluate("node => getComputedStyle(node).fill") == "none"
        panels.first.focus()
        page.keyboard.press("End")
        assert page.locator("#gates .heard").inner_text().startswith("epoch 10: input 0.")
    assert fills[0] != fills[1]
    page = open_page(path, viewport={"width": 420, "height": 800})
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 420

"""The local page of ``gatekit serve`` in Chromium: a study that goes on, and a real sweep."""

import sys
import threading

import processes
import pytest
from seams import RunFolder, Server

from ..synthetic import configuration, write_run
from .studies import HOSTILE

RUNNING = "tr[data-run]"


@pytest.fixture
def visit(browser):
    """Return a function that opens a page of a server, and check that no page complained."""
    contexts, said, asked = [], [], []

    def visit_(address, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("html[data-live]")
        return page

    yield visit_
    for context in contexts:
        context.close()
    assert said == []
    assert all(url.startswith("http://127.0.0.1:") for url in asked)


@pytest.fixture
def serving():
    """Return a function that serves a folder."""
    servers = []

    def serve(root):
        servers.append(Server(root, 0))
        threading.Thread(target=servers[-1].serve_forever, args=(0.05,), daemon=True).start()
        return servers[-1].address

    yield serve
    for one in servers:
        one.shutdown()
        one.server_close()


def log(folder, epoch):
    place = {"epoch": epoch, "step": epoch, "split": "validation", "metric": "nll"}
    folder.log({**place, "value": 8.0 + 1 / epoch, "seconds": 2.0 * epoch})


def begin(root, study="demo"):
    folder = RunFolder(root / study / "runs" / ("c" * 16))
    folder.claim()
    folder.write_config(configuration("gru", 1))
    for epoch in (1, 2):
        log(folder, epoch)
    return folder


def test_a_study_that_goes_on_is_shown_and_its_report_follows(
    tmp_path, serving, visit, monkeypatch
):
    for name in ("LEAST", "REST"):
        monkeypatch.setattr(f"gatekit.compare.live.reports.{name}", 0)
    runs = tmp_path / "demo" / "runs"
    for seed in range(3):
        write_run(runs, configuration("lstm", seed), name=f"{seed}" * 16)
    folder = begin(tmp_path)
    page = visit(serving(tmp_path))
    assert "epoch 2/40" in page.inner_text("main")
    page.wait_for_selector("text=Only one group has an outcome")
    page.click("h2 >> text=demo")
    page.wait_for_selector("#answer")
    page.wait_for_selector("#now >> text=3 completed, 1 running")
    looks = [
        page.locator(f"{place} svg.swatch").first.get_attribute("class")
        for place in ("#now tr[data-run]", "#summary tr:has(span:text-is('gru'))")
    ]
    assert looks[0] == looks[1] != "swatch"
    page.locator("input.filter").fill("lstm")
    version = page.get_attribute("meta[name=report]", "content")
    log(folder, 3)
    page.wait_for_selector("#now >> text=epoch 3/40")
    assert page.get_attribute("meta[name=report]", "content") == version
    folder.status("FAILED", "the disk is full")
    page.wait_for_selector("#failures >> text=the disk is full")
    assert page.get_attribute("meta[name=report]", "content") != version
    page.wait_for_selector("html[data-ready]")
    assert page.input_value("input.filter") == "lstm"


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_it_fits_a_phone(tmp_path, serving, visit, scheme):
    begin(tmp_path)
    address = serving(tmp_path)
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    for path in ("", "study/demo"):
        page = visit(address + path, **phone)
        page.wait_for_selector(RUNNING)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def test_hostile_labels_stay_text(tmp_path, serving, visit):
    for seed, text in enumerate(HOSTILE):
        folder = RunFolder(tmp_path / "demo" / "runs" / f"{seed:016x}")
        folder.claim()
        folder.write_config(configuration("lstm", seed, cell__name=text))
    page = visit(serving(tmp_path))
    page.wait_for_selector(RUNNING)
    assert page.locator(RUNNING).count() == len(HOSTILE)
    assert page.evaluate("window.stolen") is None
    assert page.locator("main img, main script").count() == 0
    assert HOSTILE[0] in page.inner_text("main")


def test_a_server_that_ends_is_named(tmp_path, browser):
    write_run(tmp_path / "demo" / "runs", configuration("lstm", 0), name="a" * 16)
    with Server(tmp_path, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        page = browser.new_page()
        page.goto(server.address)
        page.wait_for_selector("html[data-live]")
        server.shutdown()
        thread.join()
    page.wait_for_selector("text=gatekit serve does not answer")
    assert "1 completed" in page.inner_text("main")
    page.close()


@pytest.mark.slow
def test_a_real_sweep_is_shown_while_it_runs(tmp_path, serving, visit):
    (tmp_path / "experiments").mkdir()
    words = ["train", "-m", "study=real", "task=adding", "task.length=10", "units=4", "n_jobs=1"]
    words += ["trainer.epochs=8", "seed=1,2", "hydra.launcher.gpus=0"]
    code = f"import sys; from gatekit.cli.main import main; sys.exit(main({words}))"
    page = visit(serving(tmp_path / "experiments"))
    with processes.started([sys.executable, "-c", code], cwd=tmp_path) as process:
        processes.until((tmp_path / "experiments" / "real" / "runs").is_dir, process)
        patience = {"timeout": 1000 * processes.PATIENCE}
        page.wait_for_selector("h2 >> text=real", **patience)
        page.click("h2 >> text=real")
        page.wait_for_selector(RUNNING, **patience)
        page.wait_for_selector("text=/epoch [1-8]/8/", **patience)
        page.wait_for_selector("#now >> text=2 completed", **patience)
        assert process.wait(processes.PATIENCE) == 0
    assert page.locator(RUNNING).count() == 0

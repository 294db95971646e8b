"""The pictures of the gallery, drawn from made-up runs when the site is built.

``make gallery`` draws them into build/gallery. Those of the report need Chromium.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))  # the made-up runs

from compare.synthetic import METRIC, configuration, write_run
from mkdocs.structure.files import File, Files

from gatekit.compare import compare
from gatekit.compare.figures import draw
from gatekit.compare.report.context import sheet
from gatekit.compare.report.save import write_report

PAGE, FOLDER = "gallery.md", "gallery/"
MARK = re.compile(r"^<!-- picture ([\w-]+): (.+) -->$", re.MULTILINE)
"""The name of a picture, and what it shows."""

PHOTOGRAPHS = ("report", "report-phone", "report-curves")
LEFT_OUT = "*This picture needs Chromium and playwright, which were not found when this was built.*"
MSE = {"name": "mse", "direction": "min", "unit": "squared error", "chance": 0.167}
ACCURACY = {"name": "accuracy", "direction": "max", "unit": "share of steps", "chance": 0.125}
TASKS: Mapping[str, tuple[Mapping[str, Any], float, float]] = {
    "adding": (MSE, 0.03, 0.006),
    "copying": (ACCURACY, 0.7, 0.05),
    "chorales": (METRIC, 8.6, 0.08),
    "parity": (ACCURACY, 0.8, 0.04),
    "recall": (ACCURACY, 0.6, 0.05),
}
CELLS = {"lstm": (0.0, 100_488), "gru": (-1.6, 75_376), "light_gru": (0.3, 58_000)}
CELLS |= {"rnn": (3.0, 25_152)}
RATES = {0.001: 1.5, 0.003: 0.5, 0.01: 0.0, 0.03: 1.0}
RATE = "optimizer.learning_rate"
FIGURES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    **dict.fromkeys(("curves", "forest", "scatter"), ("example", {})),
    "heatmap": ("rates", {}),
    "axis": ("rates", {"x": RATE}),
}
"""The study of each kind of figure, and what is asked of it."""


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        for path in pictures(Path(folder)):
            files.append(File.generated(config, FOLDER + path.name, content=path.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Return the gallery with its pictures in place of its marks."""
    if page.file.src_uri != PAGE:
        return markdown
    drawn = [uri for uri in files.src_uris if uri.startswith(FOLDER)]
    known = {Path(uri).stem: uri for uri in drawn}

    def shown(mark: re.Match[str]) -> str:
        name, text = mark.groups()
        missing = name in PHOTOGRAPHS and name not in known
        return LEFT_OUT if missing else f"![{text}]({known[name]})"

    return MARK.sub(shown, markdown)


def pictures(folder: Path) -> Iterator[Path]:
    """Draw every picture into a folder."""
    with tempfile.TemporaryDirectory() as studies:
        root = Path(studies)
        write("example", root, ["adding", "copying"], failing=True)
        write("rates", root, ["adding"], rates=tuple(RATES))
        for kind, (study, asked) in FIGURES.items():
            x = asked.get("x")
            command = f"gatekit compare {study} --draw {kind} --figure {kind}.svg"
            found = compared(study, root, **asked)
            yield from draw(kind, found, folder / kind, command=command, formats=["svg"], x=x)
        if chromium():
            yield from photographs(root, folder)


compared = cache(compare)


def write(
    name: str, root: Path, tasks: list[str], rates: tuple[float, ...] = (0.01,), **more: bool
) -> None:
    """Write a study of all cells, with eight seeds."""
    draw_ = random.Random(7)
    for task in tasks:
        metric, base, spread = TASKS[task]
        sign = -1 if metric["direction"] == "max" else 1
        for cell, (effect, parameters) in CELLS.items():
            for rate in rates:
                for seed in range(8):
                    size = effect + (RATES[rate] if len(rates) > 1 else 0) + draw_.gauss(0, 1)
                    value = base + sign * size * spread
                    value = min(value, 1.0) if metric is ACCURACY else max(value, 1e-3)
                    known = cell if cell != "light_gru" else "gru"
                    config = configuration(
                        known, seed, task__name=task, optimizer__learning_rate=rate
                    )
                    config["cell"]["name"] = cell
                    seconds = parameters / 4e6 * math.exp(draw_.gauss(0, 0.03))
                    facts: dict[str, Any] = {
                        "metric": metric,
                        "validation": curve(value, metric["chance"], draw_),
                        "parameters": {"recurrent": parameters - 8000, "total": parameters},
                        "seconds": {"total": 400 * seconds, "step": seconds},
                        "flops": {"step": 6e3 * parameters},
                        "data_hash": f"sha256:{task:a<32}",
                    }
                    if more.get("failing") and cell == "rnn" and seed == 5:
                        facts |= {"state": "DIVERGED", "reason": "the loss is NaN"}
                        facts["validation"] = facts["validation"][:12]
                    write_run(root / name / "runs", config, value, **facts)


def curve(final: float, start: float, draw_: random.Random) -> list[float]:
    """Return a validation curve of 40 epochs."""
    return [
        final + (start - final) * math.exp(-6 * epoch / 40) * math.exp(draw_.gauss(0, 0.06))
        for epoch in range(1, 41)
    ]


def chromium() -> str | None:
    """Return the path of Chromium, or None if it or playwright is missing."""
    found = find_spec("playwright") and (os.environ.get("CHROMIUM") or shutil.which("chromium"))
    return found or None


def photographs(root: Path, folder: Path) -> Iterator[Path]:
    """Photograph the report: wide in the light, on a phone in the dark, and curves over seconds."""
    from playwright.sync_api import sync_playwright

    swept = f"cell={','.join(CELLS)} task=adding,copying seeds=8"
    command = f"gatekit train -m study=example {swept}"
    plan = {"schema": 1, "command": command, "runs": []}
    (root / "example" / "plan-0.json").write_text(json.dumps(plan))
    page_ = root / "example.html"
    write_report(page_, sheet(compare("example", root), ["example"], None, ()))
    paths = {name: folder / f"{name}.png" for name in PHOTOGRAPHS}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-background-networking"]
        )
        for name, width, height, scheme in (
            ("report", 1440, 1050, "light"),
            ("report-phone", 390, 844, "dark"),
        ):
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            page = context.new_page()
            page.goto(page_.as_uri())
            page.wait_for_selector("html[data-ready]")
            page.wait_for_timeout(300)
            page.screenshot(path=paths[name])
            if name == "report":
                page.locator('#curves select[aria-label="x axis"]').first.select_option(index=1)
                page.wait_for_timeout(300)  # the charts are drawn again
                chart = page.locator("#curves svg.chart").first
                chart.scroll_into_view_if_needed()
                place = chart.bounding_box() or {}
                page.mouse.move(place["x"] + 0.55 * place["width"], place["y"] + 80)
                page.wait_for_timeout(300)
                page.locator("#curves").screenshot(path=paths["report-curves"])
            context.close()
        browser.close()
    yield from paths.values()


def main() -> None:
    """Draw every picture into build/gallery."""
    folder = Path(__file__).parents[2] / "build" / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    for path in pictures(folder):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()

"""Draws the pictures of docs/gallery.md into docs/gallery, from made-up runs: ``make gallery``."""

from __future__ import annotations

import io
import json
import math
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compare.synthetic import METRIC, configuration, write_run
from PIL import Image

from gatekit.compare import compare
from gatekit.compare.figures.kinds import draw
from gatekit.compare.report.context import sheet
from gatekit.compare.report.write import write_report

FOLDER = Path(__file__).parents[1] / "docs" / "gallery"
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
COLOURS = 256
EXAMPLE = ("curves", "forest", "scatter", "profile")
OVER_RATES = ("heatmap", "axis")


def main() -> None:
    """Draw every picture."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write("example", root, ["adding", "copying"], failing=True)
        write("rates", root, ["adding"], rates=tuple(RATES))
        write("tasks", root, list(TASKS))
        for kind in EXAMPLE:
            picture(kind, "example", root)
        for kind in OVER_RATES:
            key = "optimizer.learning_rate"
            picture(kind, "rates", root, x=key if kind == "axis" else None)
        for kind in ("critical", "intervals"):
            picture(kind, "tasks", root)
        picture("survival", "rates", root, where=("learning_rate=0.01",), reach=0.045)
        picture("best-of-k", "rates", root, best_of=("optimizer.learning_rate",))
        photographs(root)
    size = sum(path.stat().st_size for path in FOLDER.iterdir()) / 1000
    sys.stdout.write(f"{size:.0f} kB in {FOLDER}\n")


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


def picture(
    kind: str,
    study: str,
    root: Path,
    x: str | None = None,
    reach: float | None = None,
    **options: Any,
) -> None:
    """Draw a figure of a study, and reduce its colours."""
    comparison = compare(study, root, x=x, **options)
    how: dict[str, Any] = {"formats": ["png"], "x": x, "reach": reach, "over": "epochs"}
    command = f"gatekit compare {study} --draw {kind} --figure {kind}.png"
    (path,) = draw(kind, comparison, FOLDER / kind, command=command, **how)
    with Image.open(path) as image:
        small(
            image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.LANCZOS),
            path,
        )


def small(image: Image.Image, path: Path) -> None:
    """Write a picture with few colours."""
    # Median cut would merge the rare colours of lines.
    method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    image.convert("RGB").quantize(COLOURS, method, dither=dither).save(path, optimize=True)


def photographs(root: Path) -> None:
    """Photograph the report: wide in the light, on a phone in the dark, and curves over seconds."""
    from playwright.sync_api import sync_playwright

    swept = f"cell={','.join(CELLS)} task=adding,copying seeds=8"
    command = f"gatekit train -m study=example {swept}"
    plan = {"schema": 1, "command": command, "runs": []}
    (root / "example" / "plan-0.json").write_text(json.dumps(plan))
    page_ = root / "example.html"
    write_report(page_, sheet(compare("example", root), ["example"], None, ()))
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-background-networking"]
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
            with Image.open(io.BytesIO(page.screenshot())) as image:
                small(image, FOLDER / f"{name}.png")
            if name == "report":
                page.locator('#curves select[aria-label="x axis"]').first.select_option(index=1)
                chart = page.locator("#curves svg.chart").first
                chart.scroll_into_view_if_needed()
                place = chart.bounding_box() or {}
                page.mouse.move(place["x"] + 0.55 * place["width"], place["y"] + 80)
                page.wait_for_timeout(300)
                curves = page.locator("#curves").screenshot()
                with Image.open(io.BytesIO(curves)) as image:
                    small(image, FOLDER / "report-curves.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()

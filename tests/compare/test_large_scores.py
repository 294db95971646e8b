"""Scores of any size are compared, reported, bundled and shown on the live page."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from seams import LiveStudies, main, reports

from .synthetic import configuration, write_run

SIGNS: dict[str, Callable[[str, int], int]] = {
    "large": lambda cell, seed: 1,
    "small": lambda cell, seed: -1,
    "both": lambda cell, seed: 1 if seed % 2 else -1,
    "opposite": lambda cell, seed: 1 if cell == "gru" else -1,
}


def write(root: Path, sign: Callable[[str, int], int], seeds: int, largest: float) -> None:
    for cell in ("lstm", "gru"):
        for seed in range(seeds):
            share = 1 - 0.3 * random.Random(f"{cell}{seed}").random() - 0.4 * (cell == "lstm")
            score = sign(cell, seed) * largest * share
            config = configuration(cell, seed)
            write_run(root / "demo" / "runs", config, score, validation=[0.9 * score, score])


def answer(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Return each group as `gatekit compare --json` prints it."""
    capsys.readouterr()
    assert main(["compare", "demo", "--root", str(root), "--json", *words]) == 0
    return {group["group"]: group for group in json.loads(capsys.readouterr().out)}


def live_page(root: Path) -> tuple[dict[str, Any], bytes]:
    """Return the facts and the report of a study that somebody has opened."""
    watching = LiveStudies(root)
    report = watching.report("demo")
    watching.study("demo")
    report.wait()
    return watching.study("demo"), report.html


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("seeds", [1, 6, 9])
def test_every_command_takes_them(
    sign: str, seeds: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, SIGNS[sign], seeds, 1.7e308)
    root = ["--root", str(tmp_path)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = answer(tmp_path, capsys)
        assert main(["compare", "demo", *root]) == 0
        assert main(["report", "demo", *root]) == 0
        assert main(["bundle", "demo", *root, "--output", str(tmp_path / "b.zip")]) == 0
        assert main(["why", "demo/gru", "demo/lstm", *root]) == 0
        facts, html = live_page(tmp_path)
    assert facts["report_error"] is None
    assert b"1e308" in html
    assert "1e308" in json.dumps(found)


def test_the_answer_is_that_of_small_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for largest in (1.7, 1.7e308):
        root = tmp_path / f"{largest:g}"
        write(root, SIGNS["opposite"], 9, largest)
        found.append(answer(root, capsys, "--margin", f"{0.4 * largest / 1.7:g}"))
    small, large = found
    assert small.keys() == large.keys() == {"lstm", "gru"}
    assert small["gru"]["decision"] == "worse"
    for cell, group in small.items():
        assert large[cell]["unit"] == "x 1e308 nats/frame"
        assert large[cell]["decision"] == group["decision"]
        for key in ("mean", "low", "high", "difference", "p", "margin", "effect_size"):
            if group[key] is not None:
                assert large[cell][key] == pytest.approx(group[key], rel=1e-6)


def test_no_error_of_the_report_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise MemoryError("no memory is left")

    write(tmp_path, SIGNS["large"], 2, 8.0)
    monkeypatch.setattr(reports, "page", full)
    assert "no memory is left" in live_page(tmp_path)[0]["report_error"]

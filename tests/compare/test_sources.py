"""The spread over seeds by what the seed varied, against NumPy and SciPy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from seams import compare_runs as compare
from seams import main, sources

from .synthetic import configuration, write_run

SPREAD = {None: 0.5, "init": 0.4, "order": 0.1, "data": 0.3}


def write(root: Path) -> dict[tuple[str, str], np.ndarray]:
    rng = np.random.default_rng(2)
    values = {}
    for cell in ("lstm", "gru"):
        for vary, spread in SPREAD.items():
            drawn = 9 + spread * rng.normal(size=6)
            values[cell, vary or "all"] = drawn
            for seed, value in enumerate(drawn.tolist()):
                # A run without `vary` may be older than the key.
                more = {} if vary is None else {"vary": vary}
                write_run(root / "demo" / "runs", configuration(cell, seed, **more), value)
    return values


def test_each_part_has_the_spread_of_its_runs(tmp_path: Path) -> None:
    values = write(tmp_path)
    found = sources(compare("demo", tmp_path))
    assert [one.vary for one in found] == ["all", "data", "init", "order"] * 2
    for one in found:
        drawn = values[one.group, one.vary]
        assert one.deviation == pytest.approx(drawn.std(ddof=1))
        assert one.interval is not None
        ends = np.sqrt(5 * drawn.var(ddof=1) / scipy.stats.chi2.ppf([0.975, 0.025], 5))
        assert (one.interval.low, one.interval.high) == pytest.approx(tuple(ends))


def test_the_command_prints_it_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path)
    words = ["compare", "demo", "--root", str(tmp_path), "--importance"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert text.startswith("standard deviation of nll over seeds, by what the seed varies")
    assert max(map(len, text.splitlines())) <= 80
    assert main([*words, "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert {one["vary"] for one in records} == {"all", "init", "order", "data"}


def test_without_the_key_there_is_nothing(tmp_path: Path) -> None:
    write_run(tmp_path / "demo" / "runs", configuration("lstm", 0), 9.0)
    assert sources(compare("demo", tmp_path)) == ()

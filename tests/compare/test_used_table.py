"""What runs used of their machine: medians over a group's runs, on request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from seams import main

from .synthetic import configuration, write_run


def test_used_is_a_table_and_fields_of_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "demo" / "runs"
    runs.mkdir(parents=True)
    for seed, seconds in enumerate((10.0, 30.0, 32.0)):
        amounts = {"processor_seconds": seconds, "peak_bytes": 2**29, "processor_joules": None}
        write_run(runs, configuration("lstm", seed), 8.0, used=amounts)
    write_run(runs, configuration("gru", 0), 8.0)
    words = ["compare", "demo", "--root", str(tmp_path), "--used"]
    main(words)
    text = capsys.readouterr().out
    (head,) = (line for line in text.splitlines() if "peak MiB" in line)
    (row,) = (line for line in text[text.index("peak MiB") :].splitlines() if "lstm" in line)
    assert head.split() == ["group", "processor", "s", "peak", "MiB"]
    assert row.split() == ["lstm", "30.0", "512"]
    main([*words, "--json"])
    found = {one["group"]: one["used"] for one in json.loads(capsys.readouterr().out)}
    assert found["lstm"] == {
        "processor_seconds": 30.0,
        "peak_bytes": 2**29,
        "processor_joules": None,
        "gpu_joules": None,
    }
    assert set(found["gru"].values()) == {None}
    main(words[:-1])
    assert "peak MiB" not in capsys.readouterr().out
    assert main([*words, "--sentence"]) == 2
    assert "--sentence cannot contain --used" in capsys.readouterr().err

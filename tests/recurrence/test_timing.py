"""Measured choices: timed, written, and read only where the environment names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import gatekit
from gatekit.cell.errors import ConfigError
from gatekit.recurrence.executors import timing
from gatekit.recurrence.executors.choose import Setting, key, read_table, table_content

from .cells import built
from .layers import FEATURES, UNITS, layer


def _written(path: Path, **choice: str) -> Path:
    chosen = {"executor": "reference", "mode": "graph", **choice}
    own = key(built("lstm", UNITS, FEATURES), Setting("cpu", "float64", "float64"))
    path.write_text(json.dumps(table_content({"cpu": "a test"}, {own: chosen})))
    return path


def test_a_layer_reads_the_table_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _written(tmp_path / "table.json")
    assert layer("lstm").choice.executor == "fused"
    monkeypatch.setenv("GATEKIT_TUNE", str(path))
    assert layer("lstm").choice.executor == "reference"
    assert "measured by gatekit tune" in layer("lstm").explain()
    assert layer("gru").choice.executor == "fused"
    assert layer("lstm", executor="fused").choice.executor == "fused"


def test_a_table_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEKIT_TUNE", "/nowhere/table.json")
    with pytest.raises(ConfigError, match=r"gatekit tune --to /nowhere/table\.json"):
        layer("lstm")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "is not a table of gatekit tune"),
        ("[]", "is not a table of gatekit tune"),
        ('{"gatekit": "0.0.0", "choices": {}}', "was measured with gatekit 0.0.0"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=why):
        read_table(path)


def test_an_unknown_executor_in_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="which is not a choice"):
        read_table(_written(tmp_path / "table.json", executor="magic"))


def test_what_is_timed_are_the_executors_that_run_the_cell() -> None:
    names = {executor for executor, _ in timing.candidates(built("mingru"), Setting())}
    assert names == {"fused", "affine", "scan"}
    assert {e for e, _ in timing.candidates(built("lstm"), Setting())} == {"fused"}
    assert ("cudnn", "graph") in timing.candidates(built("lstm"), Setting("gpu"))
    assert timing.candidates(built("lstm"), Setting("gpu"), ["xla"]) == [("fused", "xla")]


def test_the_setting_has_the_types_of_the_policy() -> None:
    found = timing.setting_here("mixed_bfloat16")
    assert found.device in ("cpu", "gpu")
    assert (found.compute, found.variables) == ("bfloat16", "float32")


@pytest.mark.slow
def test_the_command_times_and_writes_a_table(tmp_path: Path, capsys: Any) -> None:
    from gatekit.cli.main import main

    path = tmp_path / "table.json"
    sizes = ["cell=rnn", "units=4", "features=3", "--batch=2", "--time=3", "--rounds=1"]
    assert main(["tune", *sizes, f"--to={path}", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(shown["milliseconds"]) == {"fused/graph", "fused/xla"}
    assert min(shown["milliseconds"].values()) > 0
    content = json.loads(path.read_text())
    assert content["gatekit"] == gatekit.__version__
    own = key(built("rnn", 4, 3), Setting())
    assert read_table(path)[own] == {"executor": "fused", "mode": shown["mode"]}
    # A second cell joins the first.
    assert main(["tune", "cell=rnn", "units=5", *sizes[2:], f"--to={path}"]) == 0
    assert len(read_table(path)) == 2


@pytest.mark.slow
def test_for_a_study_one_mode_counts_alone(tmp_path: Path, capsys: Any) -> None:
    from gatekit.cli.main import main

    words = ["tune", "cell=mingru", "units=4", "features=3", "--batch=2", "--time=3", "--rounds=1"]
    words += ["--study=one", f"--root={tmp_path}"]
    assert main([*words, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(shown["milliseconds"]) == {"fused/graph", "affine/graph", "scan/graph"}
    (choice,) = read_table(tmp_path / "one" / "tune.json").values()
    assert choice == {"executor": shown["executor"], "mode": "graph"}
    assert main([*words, "--json", "--mode=xla"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(shown["milliseconds"]) == {"fused/xla", "affine/xla", "scan/xla"}


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("--rounds=0", "type 1 or more"),
        ("--precision=f", "one of float32"),
        ("--study=../x", "folder"),
    ],
)
def test_what_is_typed_wrong_is_refused(word: str, why: str, capsys: Any) -> None:
    from gatekit.cli.main import EXIT_REFUSED, main

    assert main(["tune", "cell=lstm", word]) == EXIT_REFUSED
    assert why in capsys.readouterr().err

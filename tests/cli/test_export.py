"""``gatekit export`` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from compare.synthetic import write_study

from gatekit.cli.main import EXIT_REFUSED, main


def test_tensorboard_logs_lie_where_one_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard")
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "experiments", {"lstm": [8.6, 8.7]})
    assert main(["export", "demo", "--tensorboard", "logs"]) == 0
    assert capsys.readouterr().out == "2 runs written\nNow type: tensorboard --logdir logs\n"
    assert len(list((tmp_path / "logs" / "demo").iterdir())) == 2
    assert main(["export", "demo"]) == 0
    assert (tmp_path / "tensorboard" / "demo").is_dir()


def test_a_study_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "demo"]) == EXIT_REFUSED
    assert "no study 'demo'" in capsys.readouterr().err

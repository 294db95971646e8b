"""A loss that is constant, or huge yet finite, is flagged once; the run is kept."""

from __future__ import annotations

import pytest

from gatekit import registry

FALLING = [2.0, 1.0, 0.5, 0.25, 0.2, 0.1]


def told(losses: list[float], capsys: pytest.CaptureFixture[str]) -> list[str]:
    (watch,) = registry.callbacks({"seed": 0})
    watch("start", folder=None)
    for epoch, loss in enumerate(losses, 1):
        watch("epoch", epoch=epoch, loss=loss, step=epoch, validation=loss)
    watch("end", state="COMPLETED")
    return [line for line in capsys.readouterr().out.splitlines() if line]


def test_a_loss_that_falls_is_not_flagged(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(FALLING, capsys) == []
    assert told([0.5] * 4, capsys) == []


def test_a_constant_loss_is_flagged_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert told([1.0, *[0.5] * 8], capsys) == [
        "flagged: the training loss has been 0.5 for 5 epochs at epoch 6"
    ]


def test_a_huge_loss_is_flagged_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert told([2.0, 1.0, 3e6, 4e6, 5e6], capsys) == [
        "flagged: the training loss is 3e+06 at epoch 3, and was 2"
    ]


def test_each_run_has_a_watch_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert told([0.5] * 3, capsys) == []
    assert told([0.5] * 3, capsys) == []

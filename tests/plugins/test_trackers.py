"""Trackers send each number once, continue a run, and never harm it."""

from __future__ import annotations

import importlib
import math
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import mlflow_server
import pytest
from seams import TRACKERS, Mismatch, RunFolder, without_secrets
from seams import tracker_NAMES as NAMES

from gatekit import Tracker, registry

SECRET = "hunter2hunter2"


def log(folder: RunFolder, *epochs: int, value: float = 1.0) -> None:
    for epoch in epochs:
        place = {"epoch": epoch, "step": 5 * epoch, "seconds": 2.0 * epoch}
        folder.log({**place, "split": "train", "metric": "loss", "value": 2.0})
        folder.log({**place, "split": "validation", "metric": "nll", "value": value / epoch})


def config(*track: str) -> dict[str, Any]:
    cell = {"name": "gru", "gates": {"update": {"kind": "update"}}}
    task = {"name": "adding", "length": 10}
    run = {"study": "demo", "cell": cell, "task": task, "match": None, "plugins": [], "seed": 3}
    return {**run, "track": list(track)}


def tracker(name: str) -> Any:
    (found,) = [one for one in registry.callbacks(config(name)) if isinstance(one, Tracker)]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path / "demo" / "runs" / ("a" * 16))
    found.claim()
    return found


class Heard(Tracker):
    name = "heard"

    def __init__(self, fails: str = "") -> None:
        super().__init__(config())
        self.fails, self.calls = fails, list[Any]()

    def open(self) -> None:
        self.called("open", self.key)

    def log(self, lines: Any) -> None:
        self.called("log", [(self.tag(line), line.epoch, line.value) for line in lines])

    def close(self, state: str) -> None:
        self.called("close", state)

    def called(self, name: str, what: Any) -> None:
        self.calls.append((name, what))
        if name == self.fails:
            os.environ["LEFT_BEHIND"] = "1"
            raise ConnectionError(f"no answer\nfrom https://me:{SECRET}@host with {SECRET}")


BEST = {"metric": {"name": "nll"}, "best": {"epoch": 2, "validation": 0.25, "test": 0.75}}


def train(one: Any, folder: RunFolder, *epochs: int, end: bool = True) -> None:
    one("start", folder=folder.path)
    for epoch in epochs:
        log(folder, epoch)
        one("epoch", folder=folder.path, epoch=epoch)
    if end:
        place = {"epoch": 3, "step": 9, "split": "test", "metric": "nll", "seconds": 9.0}
        folder.log({**place, "epoch": 2, "step": 6, "value": 0.75})
        folder.log({**place, "value": 0.5})
        one("end", folder=folder.path, state="COMPLETED", result=BEST)


def test_each_line_is_sent_once(folder: RunFolder) -> None:
    heard = Heard()
    train(heard, folder, 1, 2)
    assert heard.calls == [
        ("open", "a" * 16),
        ("log", [("train/loss", 1, 2.0), ("validation/nll", 1, 1.0)]),
        ("log", [("train/loss", 2, 2.0), ("validation/nll", 2, 0.5)]),
        ("log", [("test/nll", 2, 0.75), ("test/nll", 3, 0.5)]),
        ("log", [("best_validation/nll", 3, 0.25), ("best_test/nll", 3, 0.75)]),
        ("close", "COMPLETED"),
    ]


def test_a_continued_run_goes_on_from_its_epoch(folder: RunFolder) -> None:
    first = Heard()
    train(first, folder, 1, 2, 3, end=False)
    again = Heard()
    again.restore(first.state())
    train(again, folder)
    assert [what for name, what in again.calls if name == "log"] == [
        [("test/nll", 3, 0.5)],
        [("best_validation/nll", 3, 0.25), ("best_test/nll", 3, 0.75)],
    ]


def test_a_run_that_diverged_at_once_has_no_best_scores(folder: RunFolder) -> None:
    heard = Heard()
    log(folder, 1)
    heard("end", folder=folder.path, state="DIVERGED", result={"best": None})
    assert [name for name, _ in heard.calls] == ["open", "log", "close"]


def test_after_a_checkpoint_only_later_lines_are_sent(folder: RunFolder) -> None:
    first = Heard()
    train(first, folder, 1, 2, end=False)
    kept = first.state()
    again = Heard()
    again("start", folder=folder.path)
    again.restore(kept)
    log(folder, 3)
    again("epoch", folder=folder.path, epoch=3)
    assert [what for name, what in again.calls if name == "log"] == [
        [("train/loss", 3, 2.0), ("validation/nll", 3, pytest.approx(1 / 3))]
    ]
    assert again.state() == {"sent": 6}


def test_nan_is_left_out(folder: RunFolder) -> None:
    heard = Heard()
    log(folder, 1, value=math.nan)
    heard("epoch", folder=folder.path, epoch=1)
    assert heard.calls[1:] == [("log", [("train/loss", 1, 2.0)])]


@pytest.mark.parametrize("fails", ["open", "log", "close"])
def test_a_failure_is_noted_once_and_ends_the_tracking_alone(
    folder: RunFolder, fails: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("SOME_API_KEY", SECRET)
    heard = Heard(fails)
    train(heard, folder, 1, 2)
    printed = capsys.readouterr().out
    assert printed.count("tracking with heard has ended: ConnectionError: no answer from") == 1
    assert SECRET not in printed
    assert [name for name, _ in heard.calls].count(fails) == 1
    assert "LEFT_BEHIND" not in os.environ


def test_what_a_client_changes_concerns_no_run(folder: RunFolder) -> None:
    class Careless(Heard):
        environment = {"A_TIMEOUT": "2"}

        def open(self) -> None:
            assert os.environ["A_TIMEOUT"] == "2"
            random.seed(1)
            signal.signal(signal.SIGUSR1, lambda *_: None)

    drawn, handler = random.getstate(), signal.getsignal(signal.SIGUSR1)
    train(Careless(), folder, 1)
    assert random.getstate() == drawn
    assert signal.getsignal(signal.SIGUSR1) is handler
    assert "A_TIMEOUT" not in os.environ


def test_secrets_are_removed_from_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0123456789")
    assert without_secrets("a//b:c@d 0123456789\nx") == "a//...@d ... x"


def test_nothing_is_tracked_unless_it_is_asked_for() -> None:
    assert not any(isinstance(one, Tracker) for one in registry.callbacks(config()))
    run = {key: value for key, value in config().items() if key != "track"}
    assert not any(isinstance(one, Tracker) for one in registry.callbacks(run))
    assert {tracker(name).name for name in NAMES} == set(NAMES)


def test_settings_name_the_cell_and_no_launch_key() -> None:
    assert tracker("wandb").settings == {"cell": "gru", "task.name": "adding", "task.length": 10}


def test_the_key_takes_installed_trackers_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for wrong in ("tensorboard", ["tensorbord"], [1], None):
        with pytest.raises(Mismatch, match="tensorboard, mlflow, wandb"):
            TRACKERS(wrong)
    (tmp_path / "wandb").mkdir()  # as wandb itself makes it, beside the runs
    with pytest.raises(Mismatch, match="pip install wandb for wandb"):
        TRACKERS(["wandb"])
    (tmp_path / "wandb" / "__init__.py").write_text("")
    importlib.invalidate_caches()
    assert TRACKERS(["wandb", "wandb"]) == ["wandb"]
    assert TRACKERS([]) == []


# -- the bundled ones --------------------------------------------------------------------------


def test_tensorboard_reads_what_two_attempts_wrote(folder: RunFolder) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    first = tracker("tensorboard")
    train(first, folder, 1, 2, end=False)
    again = tracker("tensorboard")
    again.restore(first.state())
    train(again, folder, 3)
    place = folder.path.parent.parent / "tensorboard" / folder.path.name
    assert len(list(place.iterdir())) == 2
    found = reader.EventAccumulator(str(place))
    found.Reload()
    best = {"best_validation/nll", "best_test/nll"}
    assert set(found.Tags()["scalars"]) == {"train/loss", "validation/nll", "test/nll", *best}
    assert [event.step for event in found.Scalars("validation/nll")] == [1, 2, 3]
    assert found.Scalars("validation/nll")[1].value == 0.5


STAND_IN = """
calls = []
def init(**options): calls.append(("init", options))
def log(data, step=None): calls.append(("log", data, step))
def finish(): calls.append(("finish",))
"""


def test_a_client_is_told_of_the_run(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wandb.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    train(tracker("wandb"), folder, 1)
    init, logged, _, tested, best, finish = sys.modules.pop("wandb").calls
    assert init[1]["project"] == "demo"
    assert init[1]["config"]["cell"] == "gru"
    assert (init[1]["name"], init[1]["resume"]) == ("a" * 16, "allow")
    assert init[1]["id"] == "a" * 16
    assert logged == ("log", {"train/loss": 2.0, "validation/nll": 1.0}, 1)
    assert tested == ("log", {"test/nll": 0.5}, 3)
    assert best == ("log", {"best_validation/nll": 0.25, "best_test/nll": 0.75}, 3)
    assert finish == ("finish",)


def test_a_client_that_is_missing_is_noted(
    folder: RunFolder, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    train(tracker("wandb"), folder, 1)
    assert "tracking with wandb has ended: ModuleNotFoundError" in capsys.readouterr().out


@pytest.mark.slow
def test_mlflow_continues_a_run(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mlflow_server.started(tmp_path) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        first = tracker("mlflow")
        train(first, folder, 1, 2, end=False)
        again = tracker("mlflow")
        again.restore(first.state())
        train(again, folder, 3)
        import mlflow

        client = mlflow.MlflowClient(tracking_uri=address)
        place = client.get_experiment_by_name("demo").experiment_id
        (run,) = client.search_runs([place])
        assert (run.info.status, run.data.tags["gatekit.run"]) == ("FINISHED", "a" * 16)
        assert run.data.params["task.length"] == "10"
        history = client.get_metric_history(run.info.run_id, "val_nll")
        assert [(one.step, one.value) for one in history] == [
            (1, 1.0),
            (2, 0.5),
            (3, pytest.approx(1 / 3)),
        ]
        metrics = run.data.metrics
        assert (metrics["test_nll"], metrics["best_test_nll"]) == (0.5, 0.75)

"""MLflow: a real server on SQLite, which a second export leaves as it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow_server
import pytest

from gatekit.cell.errors import ConfigError
from gatekit.compare.output.to_mlflow import ExportCounts, export_mlflow
from gatekit.compare.study import load

from .synthetic import configuration, write_run, write_study
from .test_comparison import GRU, LSTM


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an MLflow server and return its address."""
    with mlflow_server.started(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


def stored(uri: str, study: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(study)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


@pytest.mark.slow
def test_groups_are_parents_runs_are_children_and_twice_is_once(
    tmp_path: Path, server: str
) -> None:
    from mlflow import MlflowClient

    runs = write_study(tmp_path, {"lstm": LSTM, "gru": GRU[:2]})
    write_run(runs, configuration("gru", 2), state="FAILED", reason="killed")
    study = load("demo", tmp_path)
    assert export_mlflow(study, server) == ExportCounts(6, 0)
    assert export_mlflow(study, server) == ExportCounts(0, 6)
    found = stored(server, "demo")
    parents = {r.info.run_id: r for r in found if "gatekit.group" in r.data.tags}
    children = [r for r in found if "gatekit.run" in r.data.tags]
    assert sorted(p.info.run_name for p in parents.values()) == ["gru", "lstm"]
    assert len(children) == 6
    for child in children:
        parent = parents[child.data.tags["mlflow.parentRunId"]]
        assert parent.data.params["cell"] == child.data.params["cell"]
    one = next(
        c for c in children if (c.data.params["cell"], c.data.params["seed"]) == ("lstm", "1")
    )
    assert one.data.metrics["best_test_nll"] == LSTM[1]
    assert one.data.params["optimizer.learning_rate"] == "0.01"
    assert one.info.status == "FINISHED"
    curve = MlflowClient(tracking_uri=server).get_metric_history(one.info.run_id, "val_nll")
    assert [point.step for point in curve] == list(range(1, 11))
    failed = next(c for c in children if c.data.tags["gatekit.state"] == "FAILED")
    assert (failed.info.status, failed.data.tags["gatekit.reason"]) == ("FAILED", "killed")


@pytest.mark.slow
def test_a_run_that_has_changed_is_written_anew(tmp_path: Path, server: str) -> None:
    runs = tmp_path / "later" / "runs"
    config = configuration("lstm", 0)
    folder = write_run(runs, config, state="FAILED", reason="killed")
    assert export_mlflow(load("later", tmp_path), server) == ExportCounts(1, 0)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    write_run(runs, config, 8.6)
    assert export_mlflow(load("later", tmp_path), server) == ExportCounts(1, 0)
    children = [r for r in stored(server, "later") if "gatekit.run" in r.data.tags]
    assert [child.data.tags["gatekit.state"] for child in children] == ["COMPLETED"]


def test_without_mlflow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError, match=r"pip install 'mlflow>=3'"):
        export_mlflow(load("demo", tmp_path), "sqlite:///mlflow.db")

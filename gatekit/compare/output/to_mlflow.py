"""Export runs to MLflow: a parent run for each group, with a child run for each of its runs."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gatekit.cell.errors import ConfigError, RunError
from gatekit.compare.grouping.group import Group, group_runs
from gatekit.compare.grouping.label import value_text
from gatekit.compare.study import Study
from gatekit.registry.tracker import Tracker
from gatekit.runs import metrics as metric_file
from gatekit.runs.config import run_settings
from gatekit.runs.names import METRICS, RESULT
from gatekit.runs.record import RunRecord, read_bytes
from gatekit.runs.state import RunReader

_GROUP, _RUN, _CONTENT = "gatekit.group", Tracker.RUN, "gatekit.content"
_PARENT = "mlflow.parentRunId"
_BATCH, _PARAMS, _LONGEST, _PAGE = 1000, 100, 6000, 1000
_STATUS = {"COMPLETED": "FINISHED", "RUNNING": "RUNNING", "PLANNED": "SCHEDULED"}


@dataclass(frozen=True, slots=True)
class ExportCounts:
    """The number of runs written, and of runs that were already on the server."""

    written: int
    kept: int


def export_mlflow(study: Study, uri: str) -> ExportCounts:
    """Write a study into an MLflow experiment with the study's name.

    Runs with the same content on the server are kept. Runs that changed, or that an interrupted
    export left incomplete, are written again.

    Args:
        study: the result of ``load``.
        uri: address of the tracking server, or a SQLite file such as ``sqlite:///mlflow.db``.

    Raises:
        ConfigError: mlflow is not installed.
        RunError: the server is unreachable, or refuses the export.
    """
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise ConfigError("the export needs MLflow; type `pip install 'mlflow>=3'`") from None
    try:
        return _export(study, MlflowClient(tracking_uri=uri))
    except MlflowException as error:
        raise RunError(f"MLflow at {uri}: {str(error).splitlines()[0]}") from None


def _export(study: Study, client: Any) -> ExportCounts:
    experiment = client.get_experiment_by_name(study.name)
    place = experiment.experiment_id if experiment else client.create_experiment(study.name)
    parents: dict[str, str] = {}
    exported: dict[str, Any] = {}
    for old_run in _all_runs(client, place):
        tags = old_run.data.tags
        if _GROUP in tags:
            parents[tags[_GROUP]] = old_run.info.run_id
        elif _RUN in tags:
            exported[tags[_RUN]] = old_run
    written = kept = 0
    started = {id(run) for run in study.runs}
    for group in group_runs(study.every).groups:
        for run in (run for run in (*group.runs, *group.missing) if id(run) in started):
            old, content = exported.get(_key(run)), _content(run)
            if old is not None and old.data.tags.get(_CONTENT) == content:
                kept += 1
                continue
            if old is not None:
                client.delete_run(old.info.run_id)
            if group.label not in parents:
                parents[group.label] = _parent(client, place, group)
            _child(client, place, run, parents[group.label], content)
            written += 1
    return ExportCounts(written, kept)


def _all_runs(client: Any, place: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs([place], max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _parent(client: Any, place: str, group: Group) -> str:
    created = client.create_run(
        place, start_time=0, run_name=group.label, tags={_GROUP: group.label}
    )
    client.log_batch(created.info.run_id, params=_params(group.values))
    client.set_terminated(created.info.run_id, "FINISHED", end_time=0)
    return str(created.info.run_id)


def _child(client: Any, place: str, run: RunRecord, parent: str, content: str) -> None:
    lines = metric_file.parse(_bytes(run)).lines
    start = _started(run, lines[-1].seconds if lines else 0.0)
    tags = {_RUN: _key(run), _PARENT: parent, Tracker.STATE: run.state}
    if run.reason:
        tags["gatekit.reason"] = run.reason[:_LONGEST]
    created = client.create_run(place, start_time=start, run_name=f"seed={run.seed}", tags=tags)
    name = created.info.run_id
    for params in _batches(_params({**run_settings(run.config or {}), "seed": run.seed}), _PARAMS):
        client.log_batch(name, params=params)
    for metrics in _batches(_metrics(run, lines, start), _BATCH):
        client.log_batch(name, metrics=metrics)
    end = start + int(1000 * lines[-1].seconds) if lines else start
    client.set_terminated(name, _STATUS.get(run.state, "FAILED"), end_time=end)
    # Written last: a run without this tag is incomplete.
    client.set_tag(name, _CONTENT, content)


def _metrics(run: RunRecord, lines: Sequence[Any], start: int) -> list[Any]:
    from mlflow.entities import Metric

    metrics = [
        Metric(
            Tracker.flat_tag(line),
            line.value,
            start + int(1000 * line.seconds),
            line.epoch,
        )
        for line in lines
        if line.value is not None
    ]
    result = run.result
    if result is not None and result.best is not None:
        scores = {"val": result.best.validation, "test": result.best.test, **result.best.further}
        metrics += [
            Metric(f"best_{split}_{result.metric.name}", value, start, result.best.epoch)
            for split, value in scores.items()
            if value is not None
        ]
    if result is not None and result.parameters is not None:
        metrics.append(Metric("parameters", float(result.parameters), start, 0))
    return metrics


def _params(values: Any) -> list[Any]:
    from mlflow.entities import Param

    return [
        Param(key, value_text(value)[:_LONGEST])
        for key, value in values.items()
        if value is not None
    ]


def _batches(items: Sequence[object], size: int) -> Iterator[Sequence[object]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _key(run: RunRecord) -> str:
    return run.id if run.origin is None else f"{run.origin}/{run.id}"


def _content(run: RunRecord) -> str:
    data = read_bytes(run.path / RESULT) or b""
    return hashlib.sha256(data + _bytes(run) + run.state.encode()).hexdigest()


def _bytes(run: RunRecord) -> bytes:
    return read_bytes(run.path / METRICS) or b""


def _started(run: RunRecord, seconds: float) -> int:
    """Return a run's start in milliseconds; 0 if its folder does not contain it."""
    try:
        updated = RunReader(run.path).updated()
        ended = datetime.datetime.fromisoformat(str(updated)).timestamp()
    except (ValueError, OverflowError):
        return 0
    return max(0, int(1000 * (ended - seconds)))

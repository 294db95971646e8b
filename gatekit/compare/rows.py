"""The runs of studies as a tidy table: one row per run, None for unknown values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gatekit.cell.errors import ConfigError
from gatekit.runs.config import run_settings
from gatekit.runs.record import RunRecord


def tidy(runs: Iterable[tuple[str, RunRecord]]) -> list[dict[str, Any]]:
    """Return one row per run, all with the same keys.

    The columns, in order:

    - identity: ``run study origin state reason seed cell task``;
    - scores at the best validation epoch: ``metric direction unit validation test``;
    - cost: epochs, parameters, seconds, steps, executor; then the hash of the data;
    - the scores again as ``val_METRIC`` and ``test_METRIC``, and further test sets by name, such
      as ``test_256``;
    - every key of the configuration, dotted as on the command line.

    Args:
        runs: pairs of a study's name and one of its runs, in the order of the rows.
    """
    rows = [_row(study, run) for study, run in runs]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return [{key: row.get(key) for key in columns} for row in rows]


_OF_RESULT = """
metric=metric.name direction=metric.direction unit=metric.unit
validation=best.validation test=best.test best_epoch=best.epoch last_epoch=last.epoch
parameters recurrent_parameters state_size token_flops seconds step_seconds step_seconds_low
step_seconds_high step_processor_seconds processor_seconds peak_bytes
steps executor data_hash
"""


def _row(study: str, run: RunRecord) -> dict[str, object]:
    config = run_settings(run.config or {})
    result = run.result
    cell, task = config.pop("cell", None), config.pop("task.name", None)
    executor = config.pop("executor", None)
    row = {
        **picked(run, "run=id"),
        "study": study,
        **picked(run, "origin state reason seed"),
        "cell": cell,
        "task": task,
        **picked(result, _OF_RESULT),
    }
    if result is None:
        row["executor"] = executor
    else:
        row["task"] = result.task
        row[f"val_{result.metric.name}"] = row["validation"]
        row[f"test_{result.metric.name}"] = row["test"]
        row |= {} if result.best is None else result.best.further
    for key, value in config.items():
        row[f"config.{key}" if key in row else key] = value
    return row


def picked(source: object, table: str) -> dict[str, object]:
    """Return attributes of an object by column.

    Args:
        source: the object; if it or a part of a path is None, so is the value.
        table: the columns, each with the path of its attribute unless that is its name:
            ``n mean low=interval.low``.
    """
    columns = (word.partition("=") for word in table.split())
    return {name: _attribute(source, path or name) for name, _, path in columns}


def _attribute(source: object, path: str) -> object:
    for name in path.split("."):
        source = None if source is None else getattr(source, name)
    return source


def to_pandas(rows: Sequence[dict[str, Any]]) -> Any:
    """Return rows as a pandas data frame.

    Raises:
        ConfigError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ConfigError("to_pandas() needs pandas; type `pip install pandas`") from None
    return pandas.DataFrame(list(rows))

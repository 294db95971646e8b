"""The runs of studies as a tidy table: one row per run, None for unknown values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gatekit.cell.errors import ConfigError
from gatekit.runs.config import run_settings
from gatekit.runs.record import Run


def tidy(runs: Iterable[tuple[str, Run]]) -> list[dict[str, Any]]:
    """Return one row per run, all with the same keys.

    The columns, in order:

    - identity: ``run study origin state reason seed cell task``;
    - scores at the best validation epoch: ``metric direction unit validation test``;
    - cost: epochs, parameters, seconds, steps, executor; then the hash of the data;
    - the scores again as ``val_METRIC`` and ``test_METRIC``, and further test sets by name, such
      as ``test_256``;
    - every key of the configuration, dotted as on the command line.

    Args:
        runs: the name of its study and the run, in the order of the rows.
    """
    rows = [_row(study, run) for study, run in runs]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return [{key: row.get(key) for key in columns} for row in rows]


def _row(study: str, run: Run) -> dict[str, Any]:
    config = run_settings(run.config or {})
    result = run.result
    best = None if result is None else result.best
    row: dict[str, Any] = {
        "run": run.id,
        "study": study,
        "origin": run.origin,
        "state": run.state,
        "reason": run.reason,
        "seed": run.seed,
        "cell": config.pop("cell", None),
        "task": config.pop("task.name", None) if result is None else result.task,
        "metric": result.metric.name if result else None,
        "direction": result.metric.direction if result else None,
        "unit": result.metric.unit if result else None,
        "validation": best.validation if best else None,
        "test": best.test if best else None,
        "best_epoch": best.epoch if best else None,
        "last_epoch": result.last.epoch if result and result.last else None,
        "parameters": result.parameters if result else None,
        "recurrent_parameters": result.recurrent_parameters if result else None,
        "state_size": result.state_size if result else None,
        "token_flops": result.token_flops if result else None,
        "seconds": result.seconds if result else None,
        "step_seconds": result.step_seconds if result else None,
        "steps": result.steps if result else None,
        "executor": result.executor if result else config.get("executor"),
        "data_hash": result.data_hash if result else None,
    }
    if result is not None:
        row[f"val_{result.metric.name}"] = row["validation"]
        row[f"test_{result.metric.name}"] = row["test"]
        row |= {} if best is None else best.further
    config.pop("task.name", None)
    config.pop("executor", None)
    for key, value in config.items():
        row[f"config.{key}" if key in row else key] = value
    return row


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


def to_arrow(rows: Sequence[dict[str, Any]]) -> Any:
    """Return rows as an Arrow table; a column of mixed types becomes strings.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        raise ConfigError("to_arrow() needs pyarrow; type `pip install pyarrow`") from None
    columns = list(rows[0]) if rows else []
    table = {}
    for name in columns:
        values = [row[name] for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if kinds <= {int, float} or len(kinds) == 1:
            plain = [float(v) if float in kinds and v is not None else v for v in values]
            table[name] = pyarrow.array(plain)
        else:
            table[name] = pyarrow.array([None if v is None else str(v) for v in values])
    return pyarrow.table(table)

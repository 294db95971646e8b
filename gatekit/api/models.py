"""The function probe: what the gates and states of a trained model do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.calls import checked_call


@checked_call()
def probe(
    run: str | Path,
    weights: Mapping[str, Any] | None = None,
    *,
    root: str | Path = "experiments",
    plugins: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what gates and states of a complete run do, as a record of ``probe=true`` has it.

    Nothing is written. The batch is the first validation sequences, as in the run.

    Args:
        run: the run's id, its first digits, or its folder.
        weights: other weights for its model, as `gatekit.convert.from_code` returns them; by
            default those of the best validation epoch.
        root: the folder of all studies.
        plugins: plugin files that the run needs.

    Returns:
        ``sequences`` and ``layers``: for each recurrent layer ``gates``, ``projections``,
        ``states`` and ``parallel``; docs/probe.md describes the numbers.

    Raises:
        RunError: there is no such run, or its files cannot be read.
        DataError: the task's data are missing.
    """
    from gatekit.code.from_run import read_model
    from gatekit.runs import config
    from gatekit.runs.names import CONFIG
    from gatekit.runs.studies.survey import find
    from gatekit.training.exported import probed

    folder = find(str(run), root).path
    model = read_model(folder, plugins)
    if weights is None:
        weights = {path: model.weights[name] for name, path in model.paths.items()}
    with config.used(folder / CONFIG):
        return probed(model.config, model.task, weights)

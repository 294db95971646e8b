"""Floating-point operations of a run's training steps: recorded, or counted again."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import GatekitError
from gatekit.runs.record import RunRecord

if TYPE_CHECKING:
    from gatekit.cell.graph import Cell

_KEYS = (
    *("cell", "output_unit", "block", "mixers", "width", "units", "layers", "bidirectional"),
    *("pool", "task"),
)


def step_flops(run: RunRecord) -> float | None:
    """Return the operations of one training step of a run, None if they are unknown.

    A run that has not recorded them is counted again: its cell is built from the plugins that are
    registered here, and its task's data give the length of sequences. Plugin files that its
    configuration names are not loaded, and imported runs are not counted again, because a bundle
    may come from a stranger.

    Args:
        run: a run with an outcome.
    """
    recorded = None if run.result is None else run.result.step_flops
    if recorded is not None and recorded > 0:
        return recorded
    config = run.config or {}
    if run.origin is not None or not {"cell", "task", "trainer", "units"} <= config.keys():
        return None
    kept = {key: config[key] for key in _KEYS if key in config}
    # Sizes and lengths do not depend on the seed.
    return _counted(
        json.dumps({**kept, "batch": config["trainer"].get("batch")}, sort_keys=True, default=str)
    )


@functools.lru_cache(maxsize=512)
def _counted(text: str) -> float | None:
    config = {
        "output_unit": {"kind": "hidden"},
        "layers": 1,
        "bidirectional": False,
        "pool": "last",
        **json.loads(text),
    }
    try:
        return _of_network(config)
    except (GatekitError, ValueError, TypeError, KeyError, ArithmeticError, OSError):
        return None


def _of_network(config: Mapping[str, Any]) -> float:
    # The registry is needed only for runs without a record.
    from gatekit.cell.analysis.cost import training_flops
    from gatekit.cell.block.built import BuiltBlock
    from gatekit.cell.schema import read_cell, read_output_unit
    from gatekit.registry import components
    from gatekit.study.budget import stack

    known = components.load()
    task = known.task(config["task"])
    signature = task.signature()
    cell = read_cell(config["cell"], known.catalogue)
    unit = read_output_unit(config["output_unit"], known.catalogue)
    built = list(stack(config, cell, unit, signature))
    sequences, length = _step_size(config, task)
    directions = 2 if config["bidirectional"] else 1
    last = built[-1]
    out = last.width if isinstance(last, BuiltBlock) else directions * last.output.width
    width = out * (length if config["pool"] == "all" else 1)
    head = round(width * signature.outputs)
    every = signature.emission == "every"
    costs: list[Cell | int] = []
    for each in built:
        costs += [each.flops()] if isinstance(each, BuiltBlock) else directions * [each]
    return training_flops(costs, sequences, length, head, every)


def _step_size(config: Mapping[str, Any], task: Any) -> tuple[float, float]:
    from gatekit.tasks import seeds
    from gatekit.training.batches import step_size

    batch = int(config["batch"])
    train = None if task.streamed else task.splits(seeds.generator(0, "data"))["train"]
    return step_size(
        train, lambda: task.sample(seeds.generator(0, "data", "train", 0), batch), batch
    )

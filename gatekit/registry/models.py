"""The model that a configuration describes: for training, counting and writing it as code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.cell.block.reading import PLAIN, read_block
from gatekit.cell.block.stack import Around, Stack, build_stack
from gatekit.cell.errors import ConfigError, listed
from gatekit.cell.schema import CellSpec, read_output_unit
from gatekit.tasks.task import Signature

from .cells import load_cell
from .queries import catalogue


def model_of(
    config: Mapping[str, Any],
    signature: Signature,
    cells: Sequence[CellSpec] = (),
    *,
    steps: int = 1,
    metric: str = "",
) -> Stack:
    """Return the model that a run with this configuration trains.

    Args:
        config: the configuration.
        signature: the inputs and targets of the task.
        cells: the cells, which layers repeat; by default those of the configuration.
        steps: the length of all sequences, if the head has weights for each step.
        metric: the metric of the task.

    Raises:
        GatekitError: a layer cannot have these sizes, or its cell has inputs besides x.
    """
    plugins = tuple(config.get("plugins") or ())
    known = catalogue(plugins)
    given = config.get("mixers") or [config["cell"]]
    cells = cells or [load_cell(each, known, plugins) for each in given]
    width = config.get("width") or config["units"]
    stack = build_stack(
        [cells[index % len(cells)] for index in range(config["layers"])],
        read_output_unit(config["output_unit"], known),
        read_block(config.get("block") or PLAIN, known),
        units=config["units"],
        features=width if signature.features is None else signature.features,
        width=width,
        dropout=config.get("dropout") or 0.0,
        directions=2 if config["bidirectional"] else 1,
        residual=bool(config.get("residual")),
        around=around(config, signature, steps, metric),
    )
    for cell in stack.cells:
        if further := [name for name in cell.inputs if name != "x"]:
            name, each = cell.spec.name, ", ".join(f"{name!r}: ..." for name in cell.inputs)
            raise ConfigError(
                f"the cell {name!r} also reads {listed(further)}, which no task has; use it in a "
                f"model of your own: gatekit.RNN({name!r}, units), called with {{{each}}}."
            )
    return stack


def around(config: Mapping[str, Any], signature: Signature, steps: int, metric: str) -> Around:
    """Return what the model of a run has around its layers; see `model_of`."""
    return Around(
        task=str(config["task"]["name"]),
        tokens=signature.vocabulary,
        features=signature.features,
        outputs=signature.outputs,
        reads="every" if signature.emission == "every" else config["pool"],
        steps=steps if config["pool"] == "all" else 1,
        loss=signature.loss,
        metric=metric,
        bias=config.get("head_bias", True),
        per_sequence=(config.get("trainer") or {}).get("mean") == "sequences",
        head=config.get("head", "glorot"),
    )

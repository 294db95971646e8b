"""``key=value`` arguments of ``show``, ``code`` and ``cite``, composed as by train."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError, GatekitError

if TYPE_CHECKING:
    from gatekit.cell.block.reading import BlockSpec
    from gatekit.cell.schema import CellSpec, OutputUnitSpec

FEATURES = 32
"""The default width of the input."""


@dataclass(frozen=True)
class Overrides:
    """The cell and the sizes that the arguments describe.

    Args:
        name: the cell's name as typed, such as ``lstm``.
        cell: the cell, with its gates swapped.
        output_unit: the output unit.
        units: the layer's units.
        features: the width of the input.
        plugins: files of additional plugins.
        words: the command line, as Hydra gets it.
        block: the block around the recurrent layer.
        width: the model's width.
        dropout: the rate of dropout between layers, or in blocks.
        layers: the cell of each layer.
        plain: the cell without swapped gates; None if none is swapped, or other arguments need one.
        config: all keys with their values.
    """

    name: str
    cell: CellSpec
    output_unit: OutputUnitSpec
    units: int
    features: int
    plugins: tuple[str, ...]
    words: tuple[str, ...]
    block: BlockSpec
    width: int
    dropout: float
    layers: tuple[CellSpec, ...]
    plain: CellSpec | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


def read_overrides(arguments: Sequence[str], command: str = "show") -> Overrides:
    """Return the cell and its sizes that ``key=value`` arguments describe.

    The arguments are the keys of ``gatekit train``, so the words of one command can be reused
    with another. There is one further key, ``features=N``.

    Args:
        arguments: the words of the command line.
        command: the command, for messages.

    Raises:
        GatekitError: an argument is not allowed, or no cell is named.
    """
    from gatekit.cell.block.reading import read_block
    from gatekit.cell.schema import read_output_unit
    from gatekit.registry import cell_names, components
    from gatekit.registry.cells import in_file
    from gatekit.study.config import validate
    from gatekit.study.hydra.composing import configuration, opened
    from gatekit.study.line import (
        overrides,
        plugin_files,
        refuse_several,
    )
    from gatekit.study.resolve import plain
    from gatekit.study.variant import cell_of, mixers_of, named_gates

    cells = [w.removeprefix("cell=") for w in arguments if w.startswith("cell=") or "=" not in w]
    if len(cells) > 1 and {*cells} <= {*cell_names()}:
        each = " and ".join(f"`gatekit {command} cell={name}`" for name in cells)
        raise ConfigError(f"{command} takes one cell; type {each}")
    sizes = [word for word in arguments if word.startswith("features=")]
    words = overrides([word for word in arguments if word not in sizes])
    name = next((w[5:] for w in reversed(words) if w.startswith("cell=")), None)
    hybrid = any(word.lstrip("+").startswith("mixers=") for word in words)
    if name is None and not hybrid and not any(w.startswith("experiment=") for w in words):
        gate = next((w.partition("=")[2] for w in words if w.lstrip("+").startswith("gate=")), None)
        what = f"cell=NAME, for example `gatekit {command} cell=lstm`"
        if gate:
            what = f"gatekit {command} cell=lstm swap.forget={gate} for a cell with this gate"
        raise ConfigError(f"no cell is named; type {what}")
    plugins = tuple(plugin_files(words))
    refuse_several(words, alone=True)
    with opened(plugins) as hydra:
        composed = configuration(hydra, words)
    known = components.load(plugins)
    chosen = composed.hydra.runtime.choices
    with in_file(name, plugins, words, chosen):
        config = validate(plain(composed, known.task_defaults()))
        config["cell"] = named_gates(config["cell"], composed, known)
        one = config["mixers"] is None
        mixers = [cell_of(config, known)] if one else mixers_of(config, known)
        output_unit = read_output_unit(config["output_unit"], known.catalogue)
        block = read_block(config["block"], known.catalogue)
    plain_cell = None
    if any(config["swap"].values()) and config["mixers"] is None:
        with contextlib.suppress(GatekitError):
            plain_cell = cell_of({**config, "swap": {}}, known)
    return Overrides(
        name or str(mixers[0].name),
        mixers[0],
        output_unit,
        config["units"],
        _features(sizes),
        plugins,
        tuple(words),
        block,
        config["width"] or config["units"],
        config["dropout"],
        tuple(mixers * (config["layers"] // len(mixers))),
        plain_cell,
        config,
    )


def _features(sizes: Sequence[str]) -> int:
    text: Any = sizes[-1].partition("=")[2] if sizes else str(FEATURES)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"features={text}: a positive integer is expected, such as features=32")
    return int(text)

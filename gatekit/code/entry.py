"""`gatekit.code`: builds a cell from a name, a mapping or a layer, and returns its code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.cell.block.built_block import build_block
from gatekit.cell.block.contract import units_of
from gatekit.cell.block.reading import BlockSpec, read_block
from gatekit.cell.block.stack import build_stack
from gatekit.cell.calls import checked_call
from gatekit.cell.errors import ConfigError, listed
from gatekit.cell.graph import Cell, build
from gatekit.cell.schema import CellSpec, OutputUnitSpec, read_cell, read_output_unit, with_gates
from gatekit.cell.schema.swapping import of_swap
from gatekit.registry import bibliography, catalogue, cell_config
from gatekit.registry.cells import in_file

from .generate import generate


@checked_call()
def code(
    cell: str | Mapping[str, Any] | CellSpec | Cell | Any,
    to: str = "torch",
    *,
    units: int = 64,
    features: int = 32,
    output_unit: Any = "hidden",
    swap: Mapping[str, Any] | None = None,
    block: Any = "plain",
    width: int | None = None,
    layers: int = 1,
    plugins: Sequence[str] = (),
) -> str:
    """Return a cell as one self-contained file of another framework, as ``gatekit code`` does.

    Args:
        cell: a cell's name, its mapping as in conf/cell, a `gatekit.RNN`, a built
            `gatekit.BlockLayer`, or a built cell; or a list of names or mappings, for the layers of
            a stack.
        to: ``torch``, ``jax`` or ``keras``.
        units: the file's default for the units; a layer keeps its own.
        features: the file's default for the width of the input; a built layer keeps its own.
        output_unit: the output unit.
        swap: gates by role, such as ``{"forget": "power_law"}``.
        block: the block around the cell: a name, or ``{"kind": NAME, option: value}``.
        width: the model's width, which a block reads; the units are then the width times the
            block's expansion factor. If None, the width equals the units; a given block layer
            keeps its own.
        layers: the number of layers of a stack; a list of cells is repeated.
        plugins: plugin files to load besides the registered ones.

    Raises:
        ConfigError: there is no such framework, or a part of the cell cannot be written as code.
        GatekitError: a name is unknown, or the parts do not fit together.
    """
    for name, value, usual in (("layers", layers, 1), ("width", width, 64)):
        if value is not None and value < 1:
            raise ConfigError(
                f"{name}={value}: a whole number from 1 is expected; write {name}={usual}"
            )
    known, works = catalogue(tuple(plugins)), bibliography(tuple(plugins))
    cells = list(cell) if isinstance(cell, (list, tuple)) else [cell]
    count = max(layers, len(cells))
    if not cells or count % len(cells):
        raise ConfigError(
            f"layers={layers}: the list of {len(cells)} cells is repeated; give "
            f"layers={len(cells)}, or a multiple of it"
            if cells
            else "the list of cells is empty; give a name such as 'lstm'"
        )
    around, whole = read_block(block, known), getattr(cells[0], "_built_block", None)
    dropout, directions, finish = 0.0, 1, True
    if around.plain:
        if whole is not None and count == 1 and not swap and width is None:
            return generate(whole, to, works).text
        layer = _block_layer(cells, around)
        if layer is not None:
            around, dropout, finish = layer.block, layer.dropout, layer.finish
            directions = 2 if layer.bidirectional else 1
    if width is None and whole is not None and not around.plain:
        width = whole.width
    if width is not None:
        if around.plain and count == 1:
            raise ConfigError(f"width={width} needs a block; name one, such as block='modern'")
        units = units_of(width, around.expand)
    each = [built_cell(one, units, features, output_unit, swap, plugins) for one in cells]
    first = each[0]
    if any(other.units != first.units for other in each):
        sizes = listed({str(one.units) for one in each})
        raise ConfigError(f"layers of a stack must have equal units, but these have {sizes}")
    if count == 1 and around.plain:
        return generate(first, to, works).text
    if count == 1:
        built_block = build_block(
            around,
            first.spec,
            first.output.spec,
            width=width or first.units,
            units=first.units,
            dropout=dropout,
            directions=directions,
            last=finish,
        )
        return generate(built_block, to, works).text
    stack = build_stack(
        [one.spec for one in each] * (count // len(cells)),
        first.output.spec,
        around,
        units=first.units,
        features=first.features,
        width=width or first.units,
        dropout=dropout,
        directions=directions,
    )
    return generate(stack, to, works).text


def _block_layer(cells: Sequence[object], plain: BlockSpec) -> Any:
    """Return the layer whose block and options apply to all cells; None if there is no block.

    Raises:
        ConfigError: layers have different blocks, or blocks with different options.
    """
    layers: list[Any] = [one for one in cells if not isinstance(one, (str, Mapping, CellSpec))]
    settings = []
    for layer in layers:
        block = getattr(layer, "block", plain)
        options = () if block.plain else (layer.dropout, layer.bidirectional)
        settings.append((block, *options))
    if any(other != settings[0] for other in settings):
        raise ConfigError(
            "the layers have different blocks, but a stack has one; name it, such as block='modern'"
        )
    return layers[0] if layers and not settings[0][0].plain else None


def built_cell(
    cell: Any,
    units: int,
    features: int,
    output_unit: Any,
    swap: Mapping[str, Any] | None,
    plugins: Sequence[str],
) -> Cell:
    """Return a built cell.

    Args:
        cell: a cell's name, its mapping as in conf/cell, a layer, or a built cell.
        units: the units; a layer keeps its own.
        features: the width of the input; a built layer keeps its own.
        output_unit: the output unit.
        swap: gates by role.
        plugins: plugin files to load besides the registered ones.

    Raises:
        GatekitError: a name is unknown, or the parts do not fit together.
    """
    for name, value in (("units", units), ("features", features)):
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
            one = "; give one cell at a time" if isinstance(value, str) else ""
            such = f"; write {name}={64 if name == 'units' else 32}"
            raise ConfigError(f"{name}={value!r}: a whole number from 1 is expected{one or such}")
    spec = getattr(cell, "spec", cell)
    if not isinstance(cell, (str, Mapping, CellSpec)):
        if not isinstance(spec, CellSpec):
            raise ConfigError(
                f"{type(cell).__name__} is not a cell; give a name such as 'lstm', a mapping as in "
                "conf/cell, or a layer gatekit.RNN(...), such as model.layers[0]"
            )
        # A layer has a built cell once it is built itself.
        of_block = getattr(getattr(cell, "_built_block", None), "cell", None)
        whole = cell if isinstance(cell, Cell) else of_block or getattr(cell, "_cell", None)
        if isinstance(whole, Cell) and not swap:
            return whole
        units, output_unit = cell.units or units, getattr(cell, "output_unit", output_unit)
    known = catalogue(tuple(plugins))
    own = isinstance(spec, CellSpec)
    config = spec.canonical() if own else cell_config(cell, known, tuple(plugins))
    if swap:
        config = dict(with_gates(config, swap, known))
    unit = (
        output_unit
        if isinstance(output_unit, OutputUnitSpec)
        else read_output_unit(output_unit, known)
    )
    with in_file(None if swap else cell, tuple(plugins)), of_swap(swap or {}, config):
        read = spec if own and not swap else read_cell(config, known)
        return build(read, units, features, unit)

"""Reads the recurrent layers of a trained run: cells or blocks, and their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.block.built import BuiltBlock, build_block
from gatekit.cell.block.reading import PLAIN, read_block
from gatekit.cell.errors import ConfigError, GatekitError, RunError, listed
from gatekit.cell.graph import Cell, build
from gatekit.cell.schema import CellSpec, OutputUnitSpec, read_output_unit
from gatekit.registry import catalogue, load_cell
from gatekit.runs import config as configs
from gatekit.runs import durable
from gatekit.runs.names import CONFIG, WEIGHTS
from gatekit.tasks.arrays import read_npz

from .stacks import Stack


@dataclass(frozen=True)
class Trained:
    """One recurrent layer or block of a run, or a stack of all of them.

    Attributes:
        built: the cell of the layer or the block around it, with sizes; or the stack.
        weights: the weights by name. Names of a block start with the name of the part, names of a
            stack with the number of the layer.
        plugins: the plugin files that were loaded.
        layer: the layer's name in the run's model, such as ``rnn_0`` or ``block_0``.
    """

    built: Cell | BuiltBlock | Stack
    weights: Mapping[str, NDArray[Any]]
    plugins: tuple[str, ...]
    layer: str


def read_trained(folder: Path, layer: str | None = None, plugins: Sequence[str] = ()) -> Trained:
    """Return the recurrent layers of a complete run, or its blocks, at its best validation epoch.

    Args:
        folder: the run's folder.
        layer: the name of a layer; None for all.
        plugins: plugin files to load; those that the run's files name are not loaded.

    Raises:
        RunError: the run has no weights, or its files cannot be read.
        ConfigError: there is no such layer, or the layers cannot be written as one file.
    """
    try:
        about = configs.read(folder / CONFIG)
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / CONFIG} cannot be read ({error}); choose another run.") from None
    path = folder / WEIGHTS
    remedy = "choose a run that gatekit status shows as COMPLETED"
    names = _names(path, remedy)
    layers = sorted(
        {name.partition("/")[0] for name in names} - {"head", "embedding", "input"}, key=_number
    )
    if layer is not None and layer not in layers:
        raise ConfigError(
            f"--layer {layer} is not one of the run's layers ({listed(layers)}); "
            f"type --layer {layers[0]}"
        )
    chosen = [layer] if layer is not None else layers
    if len(chosen) > 1 and (about.get("bidirectional") or about.get("residual")):
        why = "reads time in both directions" if about.get("bidirectional") else "has residual=true"
        raise ConfigError(
            f"the run {why}, and such a stack cannot be written as code; name one of its layers "
            f"({listed(layers)}): type --layer {layers[0]}"
        )
    stored_names = [n for n in names if n.partition("/")[0] in chosen]
    arrays = read_npz(path, stored_names, remedy, stored=True)
    with configs.used(folder / CONFIG):
        of_layers = [_layer(about, each, arrays, plugins) for each in chosen]
    if len(of_layers) == 1:
        return Trained(*of_layers[0], tuple(plugins), chosen[0])
    weights = {
        f"{i}/{n}": array
        for i, (_, of_layer) in enumerate(of_layers)
        for n, array in of_layer.items()
    }
    plain = isinstance(of_layers[0][0], Cell)
    stack = Stack(tuple(built for built, _ in of_layers), about["dropout"] if plain else 0.0)
    return Trained(stack, weights, tuple(plugins), ", ".join(chosen))


def _number(layer: str) -> tuple[int, str]:
    index = layer.rpartition("_")[2]
    return (int(index) if index.isdecimal() else 0, layer)


def _layer(
    about: Mapping[str, Any], layer: str, arrays: Mapping[str, Any], plugins: Sequence[str]
) -> tuple[Cell | BuiltBlock, dict[str, NDArray[Any]]]:
    """Return the cell of a layer, or the block around it, and its weights by name."""
    stored = {
        name.partition("/")[2]: array
        for name, array in arrays.items()
        if name.partition("/")[0] == layer
    }
    mixers = about.get("mixers") or [about["cell"]]
    number, index = _number(layer)[0], layer.rpartition("_")[2]
    given = mixers[number % len(mixers)]
    known = catalogue(plugins)
    try:
        spec = load_cell(given, known, plugins)
        unit = read_output_unit(about["output_unit"], known)
        block = read_block(about.get("block") or PLAIN, known)
    except GatekitError as error:
        raise type(error)(f"{error}{configs.untyped(about, plugins)}") from None
    if block.plain:
        cell = _cell(spec, about["units"], unit, stored)
        return cell, {weight.name: stored[weight.scope_name] for weight in cell.weights}
    built = build_block(
        block,
        spec,
        unit,
        width=about["width"] or about["units"],
        units=about["units"],
        dropout=about["dropout"],
        directions=2 if about["bidirectional"] else 1,
        last=number + 1 == about["layers"],
    )
    scopes = {weight.scope_name: weight.name for weight in built.cell.weights}
    weights = {}
    for name, array in stored.items():
        part, _, variable = name.partition("/")
        of_cell = part == f"rnn_{index}"
        weights[f"rnn/{scopes.get(variable, variable)}" if of_cell else name] = array
    return built, weights


def _names(path: Path, remedy: str) -> list[str]:
    try:
        with durable.opened(path) as file, np.load(file, allow_pickle=False) as loaded:
            return list(loaded.files)
    except Exception as error:
        raise RunError(f"{path} cannot be read ({error}); {remedy}.") from None


def _cell(
    spec: CellSpec, units: int, unit: OutputUnitSpec, stored: Mapping[str, NDArray[Any]]
) -> Cell:
    """Return the built cell; the width of its input is found from the shapes of its weights."""
    shapes = {name: array.shape for name, array in stored.items()}
    for features in sorted({n for shape in shapes.values() for n in shape}):
        try:
            cell = build(spec, units, features, unit)
        except GatekitError:
            continue
        if {weight.scope_name: weight.shape for weight in cell.weights} == shapes:
            return cell
    raise RunError(
        "the weights of the run do not fit its cell; a plugin may have changed since then. Type "
        "`gatekit why` to see what changed"
    )

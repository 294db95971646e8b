"""Reads the recurrent layers of a trained run, or its whole model, and their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.block.built_block import BuiltBlock, build_block
from gatekit.cell.block.reading import PLAIN, read_block
from gatekit.cell.block.stack import Stack, output_width
from gatekit.cell.errors import ConfigError, GatekitError, RunError, listed
from gatekit.cell.graph import Cell, build
from gatekit.cell.schema import CellSpec, OutputUnitSpec, read_output_unit
from gatekit.registry import catalogue, components, load_cell
from gatekit.registry.models import around, model_of
from gatekit.runs import config as configs
from gatekit.runs import durable
from gatekit.runs.names import CONFIG, WEIGHTS
from gatekit.tasks.arrays import read_npz
from gatekit.tasks.task import Task

_REMEDY = "choose a run that gatekit status shows as COMPLETED"


@dataclass(frozen=True)
class Trained:
    """One recurrent layer or block of a run, or a stack of all of them.

    Attributes:
        built: the cell of the layer or the block around it, with sizes; or the stack.
        weights: the weights by name. Names of a block start with the name of the part, names of a
            stack with the number of the layer.
        plugins: the plugin files that were loaded.
        layer: the layer's name in the run's model, such as ``rnn_0`` or ``block_0``.
        paths: where the run stores each weight, such as ``rnn_0/forget.h_prev``.
    """

    built: Cell | BuiltBlock | Stack
    weights: Mapping[str, NDArray[Any]]
    plugins: tuple[str, ...]
    layer: str
    paths: Mapping[str, str]


@dataclass(frozen=True)
class TrainedModel(Trained):
    """The whole model of a run.

    Attributes:
        config: the run's configuration, with the plugins that were loaded.
        task: the run's task.
    """

    config: Mapping[str, Any]
    task: Task


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
    run = _Run(folder, plugins)
    if layer is not None and layer not in run.layers:
        raise ConfigError(
            f"--layer {layer} is not one of the run's layers ({listed(run.layers)}); "
            f"type --layer {run.layers[0]}"
        )
    chosen = [layer] if layer is not None else run.layers
    built: Cell | BuiltBlock | Stack
    if len(chosen) > 1:
        built, paths = run.stack()
    else:
        built, paths = run.layer(chosen[0])
    return run.trained(built, paths, chosen)


def read_model(folder: Path, plugins: Sequence[str] = ()) -> TrainedModel:
    """Return the whole model of a complete run, at its best validation epoch.

    Args:
        folder: the run's folder.
        plugins: plugin files to load; those that the run's files name are not loaded.

    Raises:
        RunError: the run has no weights, or its files cannot be read or do not fit its task.
        ConfigError: there is no such task.
        DataError: the task needs data that are missing.
    """
    run = _Run(folder, plugins)
    with configs.used(run.config):
        try:
            task = components.load(tuple(plugins)).task(run.about["task"])
        except ConfigError as error:
            raise ConfigError(f"{error}{configs.untyped(run.about, plugins)}") from None
        return _model(run, task)


def _model(run: _Run, task: Task) -> TrainedModel:
    stack, paths = run.stack()
    emitted = sum(map(output_width, stack.layers[-stack.directions :]))
    others = {n: n for n in run.names if n.partition("/")[0] not in run.layers}
    model = run.trained(stack, {**paths, **others}, [])
    steps = model.weights["head/kernel"].shape[0] // emitted
    ends = around(run.about, task.signature(), steps, task.metric.name)
    stack = replace(stack, around=ends)
    declared = {
        f"{op.name}/{weight.name}": weight.shape
        for op in (*stack.before, *stack.after)
        for weight in op.weights
    }
    if declared != {name: model.weights[name].shape for name in others}:
        raise RunError(
            "the weights of the run do not fit its task; its data may have changed since then. "
            "Type `gatekit why` to see what changed"
        )
    own = {field.name: getattr(model, field.name) for field in fields(model)}
    about = configs.with_plugins(run.about, run.plugins)
    return TrainedModel(**{**own, "built": stack}, config=about, task=task)


def untrained(config: Mapping[str, Any], task: Task, cells: Sequence[CellSpec]) -> Stack:
    """Return the whole model that a run with this configuration would train.

    Args:
        config: the configuration.
        task: its task.
        cells: the cell of each layer.

    Raises:
        ConfigError: the head reads all steps, whose number is in the data.
        DataError: the task needs data that are missing.
    """
    signature = task.signature()
    if signature.emission != "every" and config["pool"] == "all":
        raise ConfigError(
            "pool=all has weights for each step, and the number of steps is in the data; train a "
            "run, and type gatekit code RUN"
        )
    return model_of(config, signature, cells, metric=task.metric.name)


class _Run:
    """The files of a run.

    Args:
        folder: the run's folder.
        plugins: plugin files to load.

    Attributes:
        about: the configuration.
        names: the names of all weights.
        layers: the names of the recurrent layers, from the lowest.
    """

    def __init__(self, folder: Path, plugins: Sequence[str]) -> None:
        self.config, self.path, self.plugins = folder / CONFIG, folder / WEIGHTS, plugins
        try:
            self.about = dict(configs.read(self.config))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.config} cannot be read ({error}); choose another run.") from None
        self.names = _names(self.path, _REMEDY)
        around = {"head", "embedding", "input"}
        layers = {name.partition("/")[0] for name in self.names} - around
        self.layers = sorted(layers, key=_number)

    def trained(
        self, built: Cell | BuiltBlock | Stack, paths: Mapping[str, str], layers: Sequence[str]
    ) -> Trained:
        """Return layers with the weights that are stored at these paths."""
        arrays = read_npz(self.path, [*paths.values()], _REMEDY, stored=True)
        weights = {name: arrays[path] for name, path in paths.items()}
        return Trained(built, weights, tuple(self.plugins), ", ".join(layers), paths)

    def layer(self, name: str) -> tuple[Cell | BuiltBlock, dict[str, str]]:
        """Return the cell of a layer, or the block around it, and where its weights are stored."""
        names = [n for n in self.names if n.partition("/")[0] == name]
        arrays = read_npz(self.path, names, _REMEDY, stored=True)
        with configs.used(self.config):
            return _layer(self.about, name, arrays, self.plugins)

    def stack(self) -> tuple[Stack, dict[str, str]]:
        """Return all layers, and where their weights are stored.

        Names of weights start with the number of the layer.
        """
        of_layers = [self.layer(name) for name in self.layers]
        paths = {
            f"{i}/{n}": path
            for i, (_, of_layer) in enumerate(of_layers)
            for n, path in of_layer.items()
        }
        layers = tuple(built for built, _ in of_layers)
        if isinstance(layers[0], BuiltBlock):
            return Stack(layers), paths
        directions = 2 if self.about.get("bidirectional") else 1
        residual = bool(self.about.get("residual"))
        return Stack(layers, self.about["dropout"], residual, directions), paths


def _number(layer: str) -> tuple[int, bool, str]:
    """Return the place of a layer; the one that reads time backwards comes second."""
    kind, _, index = layer.rpartition("_")
    return (int(index) if index.isdecimal() else 0, kind == "backward", layer)


def _layer(
    about: Mapping[str, Any], layer: str, arrays: Mapping[str, Any], plugins: Sequence[str]
) -> tuple[Cell | BuiltBlock, dict[str, str]]:
    """Return the cell of a layer, or the block around it, and where its weights are stored."""
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
        return cell, {weight.name: f"{layer}/{weight.scope_name}" for weight in cell.weights}
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
    paths = {}
    for name in stored:
        part, _, variable = name.partition("/")
        # The recurrent layer, or that of a direction.
        own = {"rnn": "rnn", "forward": "rnn", "backward": "backward_rnn"}.get(
            part.removesuffix(f"_{index}")
        )
        own = own if part.endswith(f"_{index}") else None
        paths[f"{own}/{scopes.get(variable, variable)}" if own else name] = f"{layer}/{name}"
    return built, paths


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

"""A cell to check, given by name or as an untrusted file."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gatekit.cell.analysis.cost import step_cost
from gatekit.cell.errors import CellError, ConfigError, GatekitError
from gatekit.cell.graph import Cell, build
from gatekit.cell.schema import CellSpec, OutputUnitSpec, check_options, read_cell, read_output_unit
from gatekit.registry import catalogue, cell_config, config_folders
from gatekit.registry.cells import file_channel
from gatekit.registry.discovery import named_only
from gatekit.registry.safe_yaml import read_yaml

UNITS, FEATURES = 8, 5
MAX_WEIGHTS = 2_000_000
MAX_WIDTH = 10_000
MAX_COST = 1_000_000
NOT_A_CELL = ("hydra", "plugins", "task", "trainer", "optimizer", "study", "cell", "swap")


@dataclass(frozen=True)
class CellSubject:
    """A cell with small sizes.

    Args:
        name: the cell's name, for messages.
        spec: the cell.
        plugins: plugin files that the user named.
        units: the layer's units.
        features: the width of the input.
    """

    name: str
    spec: CellSpec
    plugins: tuple[str, ...] = ()
    units: int = UNITS
    features: int = FEATURES

    @property
    def kind(self) -> str:
        """The kind of subject: ``cells``."""
        return "cells"

    @property
    def unit(self) -> OutputUnitSpec:
        """The output unit ``hidden``, which returns what the cell emits."""
        return read_output_unit("hidden", catalogue(self.plugins))

    @functools.cached_property
    def cell(self) -> Cell:
        """The cell with its sizes.

        Raises:
            CellError: the parts do not fit together, or the cell is too large for the checks.
        """
        cell = build(self.spec, self.units, self.features, self.unit)
        widest = max(cell.widths.values(), default=1)
        count = sum(math.prod(weight.shape) for weight in cell.weights)
        if count > MAX_WEIGHTS or widest > MAX_WIDTH:
            raise CellError(
                f"with units={self.units} the cell has {count:,} weights and a signal of width "
                f"{widest:,}; a check allows at most {MAX_WEIGHTS:,} and {MAX_WIDTH:,}"
            )
        cost = step_cost(cell)
        if cost > MAX_COST:
            raise CellError(
                f"with units={self.units} the equations of one step compute {cost:,} numbers; a "
                f"check allows at most {MAX_COST:,}"
            )
        return cell


def by_name(
    name: str, plugins: Sequence[str] = (), units: int = UNITS, features: int = FEATURES
) -> CellSubject:
    """Return a registered cell, or one in conf/cell, by its name.

    Raises:
        GatekitError: there is no such cell, or it is not valid.
    """
    known = catalogue(plugins)
    spec = read_cell(cell_config(name, known, plugins), known)
    return _fitting(CellSubject(name, spec, tuple(plugins), units, features))


def from_file(
    path: Path, plugins: Sequence[str] = (), units: int = UNITS, features: int = FEATURES
) -> CellSubject:
    """Return the cell in an untrusted file; nothing in the file is executed.

    Args:
        path: a YAML file. It is read without Hydra, and cannot name plugins, classes or files.
        plugins: plugin files that the user typed.
        units: the layer's units.
        features: the width of the input.

    Raises:
        GatekitError: the file is not a cell, or the cell is too large for the checks.
    """
    with named_only():
        folders = [f for f in config_folders(plugins) if path.absolute().is_relative_to(f)]
    data = read_yaml(path, folders[0] if folders else None)
    for key in data:
        head = str(key).split(".")[0]
        if head in NOT_A_CELL:
            raise ConfigError(f"{path}: {key} is not a key of a cell")
    with named_only():
        known = catalogue(plugins)
        try:
            config = cell_config({"name": path.stem, **data}, known, plugins)
            check_options(config)
            spec = read_cell(config, known)
            return _fitting(CellSubject(spec.name, spec, tuple(plugins), units, features))
        except GatekitError as error:
            if error.fault is None:
                raise type(error)(f"{path}: {error}") from None
            raise error.spoken(file_channel(path)) from None


def _fitting(subject: CellSubject) -> CellSubject:
    """Return the subject if its cell can be built."""
    assert subject.cell
    return subject

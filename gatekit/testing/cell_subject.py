"""A cell that is checked: by name, or from an untrusted file."""

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
from gatekit.registry import catalogue, cell_config
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
        name: its name, for messages.
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
        """``cells``."""
        return "cells"

    @property
    def unit(self) -> OutputUnitSpec:
        """The output unit that emits what the cell emits."""
        return read_output_unit("hidden", catalogue(self.plugins))

    @functools.cached_property
    def cell(self) -> Cell:
        """The cell with its sizes.

        Raises:
            CellError: the parts do not fit, or it is too large to be tried.
        """
        cell = build(self.spec, self.units, self.features, self.unit)
        widest = max(cell.widths.values(), default=1)
        count = sum(math.prod(weight.shape) for weight in cell.weights)
        if count > MAX_WEIGHTS or widest > MAX_WIDTH:
            raise CellError(
                f"with units={self.units} the cell has {count:,} weights and a signal "
                f"{widest:,} wide; at most {MAX_WEIGHTS:,} and {MAX_WIDTH:,} are tried here"
            )
        cost = step_cost(cell)
        if cost > MAX_COST:
            raise CellError(
                f"with units={self.units} the equations of one step compute {cost:,} numbers; at "
                f"most {MAX_COST:,} are tried here"
            )
        return cell


def by_name(
    name: str, plugins: Sequence[str] = (), units: int = UNITS, features: int = FEATURES
) -> CellSubject:
    """Return the cell of that name.

    Raises:
        GatekitError: there is none, or it is not what a cell must be.
    """
    known = catalogue(plugins)
    spec = read_cell(cell_config(name, known, plugins), known)
    return _fitting(CellSubject(name, spec, tuple(plugins), units, features))


def from_file(
    path: Path, plugins: Sequence[str] = (), units: int = UNITS, features: int = FEATURES
) -> CellSubject:
    """Return the cell that a file holds, which may come from anybody: nothing in it is executed.

    Args:
        path: a YAML file. It is read without Hydra; it can name no plugin, no class and no file.
        plugins: plugin files that the user named, not the file.
        units: the layer's units.
        features: the width of the input.

    Raises:
        GatekitError: the file is not a cell, or one that is too large to be tried.
    """
    data = read_yaml(path)
    for key in data:
        head = str(key).split(".")[0]
        if head in NOT_A_CELL:
            raise ConfigError(
                f"{path}: {key} is not a key of a cell; this command reads a cell only, as in "
                "conf/cell, and nothing that chooses plugins or runs: delete it"
            )
    with named_only():
        known = catalogue(plugins)
        try:
            config = cell_config({"name": path.stem, **data}, known, plugins)
            check_options(config)
            spec = read_cell(config, known)
            return _fitting(CellSubject(spec.name, spec, tuple(plugins), units, features))
        except GatekitError as error:
            raise type(error)(f"{path}: {error}") from None


def _fitting(subject: CellSubject) -> CellSubject:
    """Return the subject when its cell can be built."""
    assert subject.cell
    return subject

"""The object to check, and a small cell to run it in; TensorFlow is not imported here."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import GatekitError, PluginError, nearest
from gatekit.cell.graph import Cell, build
from gatekit.cell.graph.draft import FEEDBACK
from gatekit.cell.language.expression import names
from gatekit.cell.language.parse import parse
from gatekit.cell.owned import Projection
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import CellSpec, OutputUnitSpec, read_cell, read_output_unit
from gatekit.registry import catalogue, left_out, origins, tasks
from gatekit.registry.loading import complete_registry
from gatekit.registry.plugin import PRIVATE

UNITS, FEATURES = 6, 5
"""Sizes of the small cell: different from each other and from sizes that a gate may assume."""

WORDS = ("pre", "own_prev", "t", "units", "features", "x", "emitted", "layer", "layers")
GATE = "subject"
KINDS = ("gates", "output_units", "blocks", "functions", "tasks")


class InCell(Protocol):
    """A subject that runs in a recurrent layer: the small cell around a gate, or a cell itself."""

    @property
    def kind(self) -> str:
        """The kind of subject: ``gates``, ``output_units`` or ``cells``."""

    @property
    def plugins(self) -> tuple[str, ...]:
        """Plugin files."""

    @property
    def units(self) -> int:
        """The layer's units."""

    @property
    def spec(self) -> CellSpec:
        """The cell."""

    @property
    def unit(self) -> OutputUnitSpec:
        """The output unit."""

    @property
    def cell(self) -> Cell:
        """The cell with its sizes."""


@dataclass(frozen=True)
class Subject:
    """One registered object with its options.

    Args:
        kind: ``gates``, ``output_units``, ``blocks``, ``functions`` or ``tasks``.
        name: its registered name.
        plugins: plugin files in addition to the discovered plugins.
        options: options to create it with.
        units: the units of the small cell.
    """

    kind: str
    name: str
    plugins: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    units: int = UNITS

    def __post_init__(self) -> None:
        if self.name not in self.registered:
            near = nearest(self.name, self.registered)
            more = left_out(self.name, self.plugins)
            raise PluginError(
                f"there is no {self.what} {self.name!r}" + (f" ({more})" if more else "") + near
            )

    @property
    def what(self) -> str:
        """The kind in words, in the singular."""
        return self.kind.removesuffix("s").replace("_", " ")

    @property
    def registered(self) -> Mapping[str, Any]:
        """Everything registered of this kind."""
        if self.kind == "tasks":
            return tasks(self.plugins)
        return getattr(self.catalogue, self.kind)  # type: ignore[no-any-return]

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of registered objects."""
        return catalogue(self.plugins)

    @property
    def implementation(self) -> Any:
        """The class, or the function of the equation language."""
        return self.registered[self.name]

    @property
    def path(self) -> Path | None:
        """The file that defines the object; None if it is built into gatekit."""
        origin = origins(self.kind, self.plugins).get(self.name)
        return origin.path if origin else None

    @property
    def module(self) -> str:
        """The plugin's file, or the name of its module if it is imported by name."""
        known = complete_registry(self.plugins)
        carrier = known.plugins[known.origins[self.kind][self.name].plugin].module
        holder = carrier if inspect.ismodule(carrier) else inspect.getmodule(type(carrier))
        name = holder.__name__ if holder is not None else ""
        return str(self.path) if name.startswith(PRIVATE) else name

    @property
    def expected_failures(self) -> Mapping[str, str]:
        """The author's reasons for expected failures, by check."""
        # A function of the equation language is not a class; its Python function declares them.
        holder = self.implementation.compose if self.kind == "functions" else self.implementation
        declared = getattr(holder, "expected_failures", {})
        if not isinstance(declared, Mapping) or not all(
            isinstance(k, str) and isinstance(v, str) and v.strip() for k, v in declared.items()
        ):
            raise PluginError(
                f"{self.name}.expected_failures is {declared!r}; reasons by check are expected"
            )
        return declared

    @functools.cached_property
    def instance(self) -> Any:
        """The object, created with its options."""
        return self.implementation(**self.options)

    # --- the small cell around a gate or an output unit ----------------------

    @functools.cached_property
    def asked(self) -> tuple[str, ...]:
        """The signals that the object needs from a cell, in the order in which it names them."""
        instance: RowWise = self.instance
        own = {*instance.parameters, *(f"{s}_prev" for s in getattr(instance, "states", {}))}
        own |= {f"{s}_history" for s in getattr(instance, "history", {})}
        own |= {*self._projections, *getattr(instance, "noises", ())}
        keys = [instance.bind.get(a, a) for a in instance.arguments()]
        keys += self._read
        keys += list(getattr(instance, "history", {}))
        stems = [n.removesuffix("_prev") for n in keys if n not in own]
        return tuple(dict.fromkeys(s for s in stems if s not in (*WORDS, "own", FEEDBACK)))

    @functools.cached_property
    def config(self) -> dict[str, object]:
        """The small cell: the gate scales a candidate; each requested signal is a sigmoid gate."""
        gates: dict[str, dict[str, object]] = {}
        emits = "emitted_h" if "h" in self.asked and self._asks_now("h") else "h"
        others = [name for name in self.asked if name != emits]
        for name in dict.fromkeys([*others, "candidate"]):
            gates[name] = {"kind": "tanh" if name == "candidate" else "sigmoid"}
            gates[name]["reads"] = ["x", f"{emits}_prev"]
        value = "1"
        if self.kind == "gates":
            gates[GATE] = {"kind": self.name, **self.options}
            value = GATE if self.instance.units == "units" else f"mean({GATE})"
        step = f"tanh({value} * candidate + {emits}_prev / 2)"
        return {"name": "small", "gates": gates, "equations": {emits: step}, "emits": emits}

    def _asks_now(self, name: str) -> bool:
        instance: RowWise = self.instance
        return self.kind == "gates" and name in (*instance.arguments(), *self._read)

    @property
    def _projections(self) -> Mapping[str, Projection]:
        instance: RowWise = self.instance
        return instance.own_projections()

    @functools.cached_property
    def _read(self) -> list[str]:
        """The names in the reads of the object and of its projections."""
        reads = [*self.instance.reads, *(r for p in self._projections.values() for r in p.reads)]
        functions = self.catalogue.functions
        return [name for read in reads for name in names(parse(str(read), functions, sizes=True))]

    @functools.cached_property
    def spec(self) -> CellSpec:
        """The small cell, read."""
        return read_cell(self.config, self.catalogue)

    @functools.cached_property
    def unit(self) -> OutputUnitSpec:
        """The output unit around the small cell."""
        config = {"kind": self.name, **self.options} if self.kind == "output_units" else "hidden"
        return read_output_unit(config, self.catalogue)

    @functools.cached_property
    def cell(self) -> Cell:
        """The small cell with its sizes."""
        return build(self.spec, self.units, FEATURES, self.unit)


def subject(
    kind: str,
    name: str,
    plugins: Sequence[str] = (),
    options: Mapping[str, object] | None = None,
) -> Subject:
    """Return the registered object of a kind and name.

    Raises:
        PluginError: there is no such object.
    """
    return Subject(kind, name, tuple(str(p) for p in plugins), dict(options or {}))


def known_signals(subject: Subject) -> Iterable[str]:
    """Return the names of signals, roles, inputs, parameters and constants of all cells."""
    from gatekit.registry import cell_names, load_cell

    signals: set[str] = set()
    for cell in cell_names(subject.plugins):
        try:
            spec = load_cell(cell, subject.catalogue, subject.plugins)
        except GatekitError:  # a broken file in conf/cell does not concern this plugin
            continue
        signals |= {gate.name for gate in spec.gates}
        for part in (spec.equations, spec.norms, spec.parameters, spec.constants, spec.inputs):
            signals |= {name for name, _ in part}
        signals |= {role for role, _ in spec.roles}
    return signals

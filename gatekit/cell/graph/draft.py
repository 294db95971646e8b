"""A cell before it is built: its parts by name, and the sizes of the layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from gatekit.cell.errors import CellError, listed, nearest
from gatekit.cell.language.expression import Expr, Name, lift, names, substitute
from gatekit.cell.parameter import Parameter
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import CellSpec, GateSpec, OutputUnitSpec, Read

# What an output unit that feeds back is called among the signals, and as the owner of weights.
FEEDBACK = "y"
OUTPUT_UNIT = "output_unit"


@dataclass(frozen=True)
class Draft:
    """A cell, its output unit and the layer's sizes, with its parts by name.

    Attributes:
        spec: the cell.
        units: the layer's units.
        features: the width of the layer's input.
        output: what the layer emits.
    """

    spec: CellSpec
    units: int
    features: int
    output: OutputUnitSpec

    @cached_property
    def gates(self) -> Mapping[str, GateSpec]:
        """The gates by name."""
        return {gate.name: gate for gate in self.spec.gates}

    @cached_property
    def equations(self) -> Mapping[str, Expr]:
        """The equations by name."""
        return dict(self.spec.equations)

    @cached_property
    def norms(self) -> Mapping[str, str]:
        """The normalised signals by name, each with what it normalises."""
        return dict(self.spec.norms)

    @cached_property
    def signals(self) -> tuple[str, ...]:
        """What has a value at each step, as written: gates, equations, norms, a fed back output."""
        feedback = [FEEDBACK] if self.output.unit.feeds_back else []
        return (*self.gates, *self.equations, *self.norms, *feedback)

    @cached_property
    def inputs(self) -> Mapping[str, int]:
        """The width of each input by name."""
        return {"x": self.features, **dict(self.spec.inputs)}

    @cached_property
    def constants(self) -> Mapping[str, int | float]:
        """The constants by name, the layer's sizes among them."""
        return {**dict(self.spec.constants), "units": self.units, "features": self.features}

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """The cell's own parameters by name."""
        return dict(self.spec.parameters)

    @cached_property
    def gate_sizes(self) -> dict[str, int]:
        """The units of each gate by name, as far as they were computed."""
        return {}

    @cached_property
    def _constant_exprs(self) -> Mapping[str, Expr]:
        return {name: lift(value) for name, value in self.constants.items()}

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.known)

    @cached_property
    def own_states(self) -> Mapping[str, str]:
        """The gate of each state that a gate declares, by the state's key ``gate.state``."""
        return {
            f"{name}.{own}": name for name, gate in self.gates.items() for own in gate.gate.states
        }

    @cached_property
    def known(self) -> tuple[str, ...]:
        """Every name that equations, reads and arguments of gates may ask for."""
        plain = [*self.signals, *self.inputs, *self.parameters, *self.constants, "t"]
        return (*plain, *(f"{n}_prev" for n in [*self.signals, *self.inputs]))

    def declared(self, name: str) -> RowWise:
        """Return what declares a gate, or the output unit that feeds back."""
        return self.output.unit if name == FEEDBACK else self.gates[name].gate

    def reads(self, name: str) -> tuple[Read, ...]:
        """Return the reads of a gate, or of the output unit that feeds back."""
        return self.output.reads if name == FEEDBACK else self.gates[name].reads

    def varying(self, expr: Expr) -> tuple[str, ...]:
        """Return the names in an expression that are neither constants nor parameters."""
        return tuple(n for n in names(expr) if n not in self.parameters and n not in self.constants)

    def with_constants(self, expr: Expr) -> Expr:
        """Return the expression with numbers in place of constants."""
        return substitute(expr, self._constant_exprs)

    def with_emitted(self, expr: Expr) -> Expr:
        """Return an output unit's expression with the emitted signal's name for ``emitted``."""
        return substitute(expr, {"emitted": Name(self.spec.emits)})

    def check_expression(self, expr: Expr, where: str) -> None:
        """Refuse names that do not exist.

        Raises:
            CellError: a name is unknown; the known ones and the nearest are named.
        """
        for name in names(expr):
            if name not in self._names:
                raise CellError(
                    f"{where}: in {str(expr)!r} the name {name!r} is unknown"
                    f"{nearest(name, self.known) or '.'} Known here: {listed(self.known, 40)}."
                )

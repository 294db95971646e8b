"""The base class of Keras layers over a cell: specification, weights and configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.calls import REQUIRED, MissingAttributeError
from gatekit.cell.errors import CellError, ConfigError, listed
from gatekit.cell.first_values import draw
from gatekit.cell.graph import Cell, build
from gatekit.cell.learned import MAPS
from gatekit.cell.notebook import table
from gatekit.cell.schema import CellSpec, read_output_unit
from gatekit.faults import Layer
from gatekit.recurrence.call import first_states, state_shapes
from gatekit.registry import catalogue as registered

from .arguments import (
    check_float,
    checked_files,
    checked_units,
    name_after_cell,
    refuse_unknown,
    specification,
    swapped_gates,
)
from .regularizers import Rules
from .seeds import SeededLayer
from .shared_cells import built_cell


class UnknownNameError(ConfigError, KeyError):
    """A mapping does not have a name."""

    __str__ = BaseException.__str__  # KeyError would quote the message


class NamedWeights(dict[str, keras.Variable]):
    """Weights by name; a role is another name of its gate.

    Args:
        variables: the weights.
        roles: the gates by role.
    """

    def __init__(self, variables: Mapping[str, keras.Variable], roles: Mapping[str, str]) -> None:
        super().__init__(variables)
        self._roles = roles

    def __contains__(self, name: object) -> bool:
        return super().__contains__(self._own(name))

    def get(self, name: Any, default: Any = None) -> Any:
        """Return the weight of a name, or the default."""
        return super().get(self._own(name), default)

    def _own(self, name: object) -> str:
        """Return a name with the gate in place of its role."""
        first, dot, rest = str(name).partition(".")
        other = f"{self._roles.get(first, first)}{dot}{rest}"
        return other if super().__contains__(other) else str(name)

    def __setitem__(self, name: str, value: Any) -> None:
        """Refuse an entry: the mapping is created anew each time, so the entry would be lost.

        Raises:
            ConfigError: always; the message has what to write.
        """
        self[name]  # raises for an unknown name
        raise ConfigError(f"the weight {name!r} cannot be replaced, only assigned a value")

    def __missing__(self, name: Any) -> keras.Variable:
        if name in self:
            return self[self._own(name)]
        raise UnknownNameError(f"there is no weight {name!r}; the weights are {listed(self, 60)}")


class CellLayer(SeededLayer):
    """A Keras layer over a cell; the base class of `gatekit.RNN` and `gatekit.Cell`.

    Args:
        cell: a cell's name, its mapping as in conf/cell, or a `CellSpec`.
        units: the width of gates and states.
        output_unit: the output unit.
        swap: gates that replace those of the cell, by role.
        dropout: rate of the input's dropout; None keeps the cell's.
        recurrent_dropout: rate of dropout on recurrent reads; None keeps the cell's.
        zoneout: rates by state; None keeps the cell's.
        learned_initial_state: states whose initial value is learned; None keeps the cell's.
        regularizers: regularizers of the weights.
        constraints: constraints of the weights.
        seed: seed of weights, dropout and zoneout; None draws one.
        plugins: plugin files to load besides the registered ones.
        known: the names of all arguments, for messages.

    Raises:
        CellError: the cell, a gate or the output unit violates its contract.
        ConfigError: an argument is not allowed.
    """

    def __init__(
        self,
        cell: str | Mapping[str, object] | CellSpec,
        units: int,
        *,
        output_unit: object,
        swap: Mapping[str, object] | None,
        dropout: float | None,
        recurrent_dropout: float | None,
        zoneout: Mapping[str, float] | None,
        learned_initial_state: Sequence[str] | None,
        regularizers: Mapping[str, object] | None,
        constraints: Mapping[str, object] | None,
        seed: int | None,
        plugins: Sequence[str],
        known: Sequence[str],
        **keras_options: Any,
    ) -> None:
        swapped = swapped_gates(swap)
        catalogue = registered(checked_files(plugins))
        refuse_unknown(keras_options, known)
        super().__init__(**keras_options)
        if isinstance(cell, int) and (units is REQUIRED or isinstance(units, str)):
            raise ConfigError(f"the cell's name is missing, and {cell} is in its place")
        self.units = checked_units(getattr(cell, "units", REQUIRED) if units is REQUIRED else units)
        self._catalogue = catalogue
        options = {
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "zoneout": zoneout,
            "learned_initial_state": learned_initial_state,
        }
        spec = specification(cell, swapped, options, self._catalogue)
        rules = {"regularizers": regularizers, "constraints": constraints}
        self._rules = Rules(spec, rules)
        self.spec = spec
        if keras_options.get("name") is None:
            name_after_cell(self)
        self.output_unit = read_output_unit(output_unit, self._catalogue)
        self._draw_from(seed)
        self._noise = keras.random.SeedGenerator(self._drawn_seed)
        self._cell: Cell | None = None
        self._variables: dict[str, keras.Variable] = {}
        for name in ("compute_dtype", "variable_dtype"):
            check_float(getattr(self, name))

    def __repr__(self) -> str:
        kind, cell = type(self).__name__, self.spec.name
        return f"<{kind} name={self.name}, cell={cell}, units={self.units}, built={self.built}>"

    def _repr_html_(self) -> str:
        head = f"{type(self).__name__} {self.name}: cell {self.spec.name}, {self.units} units"
        if self._cell is None:
            rows: list[tuple[object, ...]] = [
                ("output unit", self.output_unit.kind),
                ("weights", "created when the layer is first called"),
            ]
            return table(rows, title=head)
        weights = self._cell.weights
        rows = [(w.name, " x ".join(map(str, w.shape)), w.trainable) for w in weights]
        count = f"{head}, {self._cell.count():,} parameters"
        return table(rows, ("weight", "shape", "trained"), title=count)

    # --- building -----------------------------------------------------------

    @property
    def cell(self) -> Cell:
        """The built cell.

        Raises:
            ConfigError: the layer is not built yet.
        """
        if self._cell is None:
            raise self._unbuilt()
        return self._cell

    def _built(self, features: int) -> Cell:
        """Return the built cell; an error about an argument of the layer is spelled as one."""
        try:
            return built_cell(self.spec, self.units, features, self.output_unit)
        except CellError as error:
            raise error.spoken(Layer()) from error.__cause__

    def _sized(self, features: int | None = None) -> Cell:
        """Return the built cell or, before the layer is built, a cell with the same states.

        Args:
            features: the width of the input; None if it is unknown.

        Raises:
            ConfigError: the states depend on the width of the input, which is unknown.
        """
        if self._cell is not None:
            return self._cell
        if features is not None:
            return self._built(features)
        widths = (self.units, 2 * self.units)
        cells = [build(self.spec, self.units, width, self.output_unit) for width in widths]
        if len({tuple(state_shapes(cell, None).items()) for cell in cells}) > 1:
            raise MissingAttributeError(
                f"the states of the cell {self.spec.name!r} depend on the width of its input, "
                "which is not known yet"
            )
        return cells[0]

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names of the states, in the order in which they are passed and returned."""
        return tuple(state_shapes(self._sized(), None))

    def _create_weights(self, cell: Cell) -> None:
        """Create the weights of a built cell, and draw their initial values."""
        values = draw(cell, self._drawn_seed)
        for weight in cell.weights:
            value = values[weight.name]
            self._variables[weight.name] = self.add_weight(
                name=weight.scope_name,
                shape=weight.shape,
                initializer=starting_at(value),
                trainable=weight.trainable,
                dtype=self.variable_dtype,
                autocast=False,
                **self._rules.of(weight),
            )

    def _next_seed(self) -> Tensor:
        """Return the seed of one call's noise, two int32; no other call has it."""
        return tf.cast(self._noise.next(), tf.int32)

    def _first_states(self, batch: int | Tensor, features: int | None = None) -> dict[str, Tensor]:
        """Return the initial states by name, with the batch first."""
        cell = self._sized(features)
        if not self._variables and any(state.learned for state in cell.states):
            raise ConfigError(
                f"the layer {self.name!r} learns its initial states and is not built yet"
            )
        return first_states(cell, batch, self._variables, self.variable_dtype)

    # --- saving -------------------------------------------------------------

    @property
    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by name, such as ``forget.x`` and ``candidate.reset*h_prev``.

        A role is another name of its gate: ``forget.x`` is ``update.x`` of a GRU.
        """
        return NamedWeights(self._variables, dict(self.cell.spec.roles))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer, with the resolved cell instead of its name."""
        return {
            **super().get_config(),
            "cell": self.spec.canonical(),
            "units": self.units,
            "output_unit": self.output_unit.canonical(),
            "seed": self.seed,
            **self._rules.config(),
        }

    def save_own_variables(self, store: MutableMapping[str, np.ndarray]) -> None:
        """Store the weights by name."""
        for name, variable in self._variables.items():
            store[name.replace("/", ":")] = variable.numpy()

    def load_own_variables(self, store: MutableMapping[str, np.ndarray]) -> None:
        """Load the weights by name.

        Raises:
            CellError: the file does not have the weights of this cell; the message lists what is
                missing and what is left over.
        """
        expected = {name.replace("/", ":"): variable for name, variable in self._variables.items()}
        stored = set(store.keys())
        if stored != set(expected):
            raise CellError(
                f"the file does not hold the weights of the cell {self.spec.name!r}: only in the "
                f"file are {listed(stored - {*expected}, 60)}, only in the layer "
                f"{listed({*expected} - stored, 60)}"
            )
        for name, variable in expected.items():
            variable.assign(store[name])


def starting_at(value: np.ndarray) -> Callable[..., Tensor]:
    """Return an initializer that returns this value."""

    def initializer(shape: Sequence[int], dtype: str | None = None) -> Tensor:
        return tf.cast(tf.constant(value.reshape(shape)), dtype)

    return initializer


def weight_values(
    cell: Cell, variables: Mapping[str, keras.Variable], dtype: str
) -> dict[str, Tensor]:
    """Return the weights as tensors of one type, with the maps of parameters applied.

    Args:
        cell: the built cell.
        variables: Keras' variables by name.
        dtype: the type of the tensors.
    """
    values = {}
    for name, variable in variables.items():
        value = tf.cast(tf.convert_to_tensor(variable.value), dtype)
        parameter = cell.parameters.get(name)
        if parameter is not None and parameter.map:
            value = MAPS[parameter.map].function(value)
        values[name] = value
    return values

"""One step of a cell as a Keras layer: for `keras.layers.RNN`, and for decoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.calls import REQUIRED, MissingAttributeError, checked_call
from gatekit.cell.errors import ConfigError, DataError, listed
from gatekit.cell.graph import Cell as BuiltCell
from gatekit.cell.schema import CellSpec
from gatekit.faults import Layer, Optional, Whole
from gatekit.recurrence.call import LayerCall, Shape, finish, is_noisy, prepare, state_shapes
from gatekit.recurrence.executors import reference
from gatekit.recurrence.noise import scrambled_seed

from .arguments import accepted, own_arguments
from .cell_layer import CellLayer, weight_values
from .inputs import Inputs, checked_inputs, known_batch, of_batch

# `keras.layers.RNN` looks for this class to draw dropout masks once per sequence. Keras exports
# only its subclasses.
_Dropout: Any = next(c for c in keras.layers.LSTMCell.__mro__ if c.__name__ == "DropoutRNNCell")
_STEP = "step"
# How far low precision counts exactly; from there, steps are counted from 0 again.
_COUNTS = {"bfloat16": 2**8, "float16": 2**11}


@keras.saving.register_keras_serializable(package="gatekit")
class Cell(CellLayer, _Dropout):
    """A step cell for `keras.layers.RNN` and `keras.layers.StackedRNNCells`.

    ``y_t, states_t = cell(x_t, states_{t-1})``; weights, names and equations are those of
    `gatekit.RNN`, which is faster over whole sequences.

    Args:
        cell: a cell's name, its mapping as in conf/cell, or a `CellSpec`.
        units: the width of gates and states.
        output_unit: the output unit: a name, ``{kind: ...}``, or an `OutputUnit`.
        swap: gates that replace those of the cell, by role: a name, ``{kind: ...}``, or a `Gate`.
            A name or mapping keeps reads, bias, norm and initializers, as ``swap.ROLE=GATE`` does.
        features: the width of the input. Only cells that keep the last input, such as ``qrnn``,
            need it: Keras asks for the widths of states before it builds a cell.
        dropout: rate of the input's dropout, one mask per sequence; None keeps the cell's.
        recurrent_dropout: rate of dropout on recurrent reads, one mask per sequence; None keeps the
            cell's.
        zoneout: rates by state; None keeps the cell's.
        learned_initial_state: states whose initial value is learned; None keeps the cell's.
        regularizers: regularizers of the weights, as for `gatekit.RNN`.
        constraints: constraints of the weights, as for `gatekit.RNN`.
        seed: seed of weights, dropout and zoneout; None draws one.
        plugins: plugin files to load besides the registered ones.

    Raises:
        CellError: the cell, a gate or the output unit violates its contract.
        ConfigError: an argument is not allowed.

    Reference: `gatekit show cell=NAME` shows the paper of a cell.
    """

    @checked_call(types=False, channel=Layer)
    def __init__(
        self,
        cell: str | Mapping[str, object] | CellSpec = REQUIRED,
        units: int = REQUIRED,
        *,
        output_unit: object = "hidden",
        swap: Mapping[str, object] | None = None,
        features: int | None = None,
        dropout: float | None = None,
        recurrent_dropout: float | None = None,
        zoneout: Mapping[str, float] | None = None,
        learned_initial_state: Sequence[str] | None = None,
        regularizers: Mapping[str, object] | None = None,
        constraints: Mapping[str, object] | None = None,
        seed: int | None = None,
        plugins: Sequence[str] = (),
        **keras_options: Any,
    ) -> None:
        super().__init__(
            cell,
            units,
            output_unit=output_unit,
            swap=swap,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            learned_initial_state=learned_initial_state,
            regularizers=regularizers,
            constraints=constraints,
            seed=seed,
            plugins=plugins,
            known=own_arguments(Cell),
            **keras_options,
        )
        self.features = accepted("features", features, Optional(Whole(1)))
        # A variable, not a tensor: one graph may draw the seed and another read it.
        self._sequence = tf.Variable([0, 0], dtype=tf.int32, trainable=False, name="sequence")

    # --- sizes --------------------------------------------------------------

    @property
    def compute_dtype(self) -> str:
        """The type in which Keras keeps the states: always the type of the variables."""
        return self.variable_dtype

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names of the states, in the order in which they are passed and returned."""
        return tuple(self._widths())

    @property
    def state_size(self) -> list[int]:
        """The width of each state, in the order of `state_names`.

        Raises:
            ConfigError: a width depends on that of the input, which is unknown. It is not an
                `AttributeError`, which `keras.layers.RNN` would replace by its own.
        """
        try:
            return list(self._widths().values())
        except MissingAttributeError as error:
            raise ConfigError(str(error)) from None

    @property
    def output_size(self) -> int:
        """The width of the output."""
        return int(self._sized(self.features).output.width)

    def _widths(self) -> dict[str, int]:
        """Return the width of each state by name; a history is flattened."""
        cell = self._sized(self.features)
        widths = {}
        for name, (_, *shape) in state_shapes(cell, None).items():
            widths[name] = int(tf.TensorShape(shape).num_elements())
        if cell.noises or any(state.zoneout for state in cell.states):
            # Zoneout and noises draw anew at each step, but Keras does not pass the step's number.
            widths[_STEP] = 1
        return widths

    def get_initial_state(self, batch_size: int | Tensor | None = None) -> list[Tensor]:
        """Return the initial states in the order of `state_names`, ``batch x width``."""
        first = self._first_states(batch_size, self.features)
        zeros = tf.zeros(tf.stack([batch_size, 1]), self.variable_dtype)
        return [
            tf.reshape(first.get(name, zeros), tf.stack([batch_size, width]))
            for name, width in self._widths().items()
        ]

    def build(self, input_shape: Shape | Mapping[str, Shape]) -> None:
        """Create the weights for an input of one step, ``batch x features``.

        Raises:
            ConfigError: the cell has inputs besides x, but only the shape of x is given; or
                ``features`` is not the width of the input.
            DataError: the shape is not that of one step.
        """
        shape = input_shape["x"] if isinstance(input_shape, Mapping) else input_shape
        if len(shape) != 2 or not shape[1] or not isinstance(shape[0], int | None):
            raise DataError(
                f"a step of the cell {self.spec.name!r} reads batch x features, but the input has "
                f"the shape {tuple(shape)}"
            )
        cell = self._built(int(shape[1]))
        if len(cell.inputs) > 1 and not isinstance(input_shape, Mapping):
            raise ConfigError(
                f"the cell {self.spec.name!r} reads {listed(cell.inputs)}, but keras.layers.RNN "
                "passes one input"
            )
        if self.features not in (None, cell.features):
            raise ConfigError(f"features={self.features}, but the input has {cell.features}")
        self._cell = cell
        self._create_weights(cell)
        with tf.init_scope():
            self.reset_dropout_mask()
        self.built = True

    # --- calling ------------------------------------------------------------

    def call(
        self, inputs: Inputs, states: Sequence[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the output of one step, and the new states.

        Args:
            inputs: ``batch x features``, or a mapping with ``x`` and the cell's other inputs.
            states: the states in the order of `state_names`, each ``batch x width``.
            training: whether dropout and zoneout draw.

        Returns:
            ``batch x width of the output``, and the list of new states.

        Raises:
            DataError: inputs or states have the wrong shape or type.
        """
        cell, training = self.cell, bool(training)
        arrays = dict(inputs) if isinstance(inputs, Mapping) else {"x": inputs}
        steps = {n: tf.expand_dims(tf.convert_to_tensor(v), 1) for n, v in arrays.items()}
        arrays = checked_inputs(steps, cell, self.variable_dtype)
        given = self._named(states)
        batch = known_batch({**arrays, **given})
        arrays, given = of_batch(arrays, batch), of_batch(given, batch)
        noisy = is_noisy(cell, training)
        step = tf.cast(tf.reduce_max(given[_STEP]), tf.int32) if _STEP in given else 0
        called = LayerCall(
            cell=cell,
            weights=weight_values(cell, self._variables, self.variable_dtype),
            inputs=arrays,
            mask=None,
            first=_shaped(cell, given),
            seed=scrambled_seed(self._sequence) if noisy else None,
            training=training,
            step=step,
            go_backwards=False,
            return_sequences=False,
            zero_masked=False,
            matmul_dtype=tf.as_dtype(self.dtype_policy.compute_dtype),
        )
        problem = prepare(called)
        if noisy:
            problem = replace(problem, seed=problem.seed + tf.stack([0, step]))
        outputs, new = finish(called, problem, reference.unrolled(problem))
        if _STEP in given:
            following = given[_STEP] + 1
            most = _COUNTS.get(following.dtype.name)
            new[_STEP] = tf.math.floormod(following, most) if most else following
        flat = [
            tf.reshape(new[name], tf.stack([-1, width])) for name, width in self._widths().items()
        ]
        return tf.cast(outputs, self.dtype_policy.compute_dtype), flat

    def _named(self, states: Tensor | Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the given states by name, in the type of the variables."""
        widths = self._widths()
        values = list(states) if isinstance(states, (list, tuple)) else [states]
        if len(values) != len(widths):
            raise DataError(
                f"{len(values)} states were given; the states are {', '.join(widths)}, in this "
                "order"
            )
        named = {}
        for (name, width), value in zip(widths.items(), values, strict=True):
            tensor = tf.cast(tf.convert_to_tensor(value), self.variable_dtype)
            if not tensor.shape.is_compatible_with([None, width]):
                raise DataError(
                    f"the state {name!r} has the shape {tuple(tensor.shape)}; batch x {width} is "
                    "expected"
                )
            named[name] = tensor
        return named

    # --- the dropout interface of `keras.layers.RNN` ----------------------------

    def get_dropout_mask(self, step_input: Tensor) -> None:
        """Do nothing: each step draws its masks from the seed of the sequence."""

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> None:
        """Do nothing: each step draws its masks from the seed of the sequence."""

    def reset_dropout_mask(self) -> None:
        """Draw the next sequence's seed; `keras.layers.RNN` calls this after each sequence."""
        self._sequence.assign(self._next_seed())

    def reset_recurrent_dropout_mask(self) -> None:
        """Do nothing: `reset_dropout_mask` draws the seed of all masks."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the cell of a configuration.

        Raises:
            ConfigError: `keras.layers.Bidirectional` was given a cell instead of a layer.
        """
        if "go_backwards" in config:
            raise ConfigError(
                "a gatekit.Cell is one step, but keras.layers.Bidirectional takes a layer"
            )
        return super().from_config(config)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this layer, with the resolved cell instead of its name."""
        return {**super().get_config(), "features": self.features}


def _shaped(cell: BuiltCell, states: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the states in the shapes that a recurrence reads: histories have a time axis."""
    return {
        name: tf.reshape(states[name], tf.stack([-1, *shape]))
        for name, (_, *shape) in state_shapes(cell, None).items()
    }

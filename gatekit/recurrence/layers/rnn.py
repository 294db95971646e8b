"""The Keras layer: any cell, as easy to use as `keras.layers.LSTM`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.calls import REQUIRED, checked_call
from gatekit.cell.errors import ConfigError
from gatekit.cell.notebook import Text
from gatekit.cell.schema import CellSpec
from gatekit.faults import Layer
from gatekit.recurrence.call import LayerCall, Shape, compute, is_noisy, state_shapes
from gatekit.recurrence.executors import reference
from gatekit.recurrence.executors.choose import ExecutorChoice, Setting, check_name, choose
from gatekit.recurrence.executors.dispatch import Executor
from gatekit.recurrence.executors.explain import explain
from gatekit.recurrence.noise import scrambled_seed
from gatekit.recurrence.problem import Problem, Solution

from .arguments import checked_flag, features_of, own_arguments
from .cell_layer import CellLayer, weight_values
from .inputs import (
    Inputs,
    States,
    carried_mask,
    checked_inputs,
    checked_mask,
    checked_resets,
    checked_states,
    known_batch,
    of_batch,
    split_resets,
)
from .sequence_layer import KeptStates, SequenceLayer


@keras.saving.register_keras_serializable(package="gatekit")
class RNN(CellLayer, SequenceLayer):
    """A recurrent layer over any cell.

    ``(y_t, states_t) = step(x_t, states_{t-1})``; a masked step changes no state and repeats the
    last output.

    Args:
        cell: a cell's name, its mapping as in conf/cell, or a `CellSpec`.
        units: the width of gates and states.
        output_unit: the output unit: a name, ``{kind: ...}``, or an `OutputUnit`.
        swap: gates that replace those of the cell, by role: a name, ``{kind: ...}``, or a `Gate`.
            A name or mapping keeps reads, bias, norm and initializers, as ``swap.ROLE=GATE`` does.
        return_sequences: whether to return every step, ``batch x time x width``, or only the last,
            ``batch x width``.
        return_state: whether to return the states too, in the order of `state_names`.
        go_backwards: whether time runs from the last step to the first; outputs are in that order.
        stateful: whether a batch starts from the final states of the batch before.
        zero_output_for_mask: whether outputs at masked steps are zero instead of the last output.
        executor: ``auto``, or a name: ``stacked``, ``reference``, ``unroll``, ``affine``, ``scan``,
            ``chunk``.
        chunks: whether ``auto`` may choose ``chunk``, which earlier versions did not.
        dropout: rate of the input's dropout, one mask per sequence; None keeps the cell's.
        recurrent_dropout: rate of dropout on recurrent reads, one mask per sequence; None keeps the
            cell's.
        zoneout: rates by state; None keeps the cell's.
        learned_initial_state: states whose initial value is learned; None keeps the cell's.
        regularizers: ``{"kernel":, "recurrent":, "bias":}`` for the weights of all gates, and
            ``{GATE: {"recurrent": ...}}`` for those of one gate. Each value is a
            `keras.Regularizer`, the name of one such as ``"l2"``, or None for none.
        constraints: in the form of ``regularizers``, such as ``{"kernel": "unit_norm"}``.
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
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        zero_output_for_mask: bool = False,
        executor: str = "auto",
        chunks: bool = True,
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
            known=own_arguments(RNN),
            **keras_options,
        )
        self.return_sequences = checked_flag("return_sequences", return_sequences)
        self.return_state = checked_flag("return_state", return_state)
        self.go_backwards = checked_flag("go_backwards", go_backwards)
        self.stateful = checked_flag("stateful", stateful)
        # `keras.layers.Bidirectional` sets this on its two layers.
        self.zero_output_for_mask = checked_flag("zero_output_for_mask", zero_output_for_mask)
        self.executor = check_name(executor)
        self.chunks = checked_flag("chunks", chunks)
        self.supports_masking = True

    # --- building -----------------------------------------------------------

    def build(self, input_shape: Shape | Mapping[str, Shape]) -> None:
        """Create the weights for inputs ``batch x time x features``.

        Raises:
            DataError: the shape is not that of a sequence of vectors.
            CellError: the cell cannot have these sizes.
            ConfigError: the executor cannot run the cell, or a stateful layer has no batch size.
        """
        shape = input_shape["x"] if isinstance(input_shape, Mapping) else input_shape
        features = features_of(shape, self.spec)
        cell = self._built(features)
        self._cell = cell
        self._setting = Setting(device(), self.compute_dtype, self.variable_dtype)
        choice = choose(self.executor, cell, self._setting, length=shape[1], chunks=self.chunks)
        self._executor = Executor(cell, choice)
        self._create_weights(cell)
        self._keep_states(shape)
        self.built = True

    # --- states -------------------------------------------------------------

    def state_shapes(self, batch_size: int | Tensor | None) -> dict[str, Shape]:
        """Return the shape of each state by name, with the batch first."""
        return state_shapes(self.cell, batch_size)

    @property
    def state_size(self) -> NoReturn:
        """Raise: `keras.layers.RNN` reads this attribute of a cell, but `gatekit.RNN` is a layer.

        Raises:
            ConfigError: always; Keras would ignore an AttributeError.
        """
        raise ConfigError("a gatekit.RNN is a layer; keras.layers.RNN takes a gatekit.Cell")

    def initial_states(self, batch_size: int | Tensor) -> dict[str, Tensor]:
        """Return the initial states by name, with the batch first.

        Raises:
            ConfigError: the layer is not built yet, and its initial states are learned or their
                widths depend on the input's.
        """
        return self._first_states(batch_size)

    # --- calling ------------------------------------------------------------

    def call(
        self,
        inputs: Inputs,
        initial_state: States = None,
        mask: Tensor = None,
        training: bool = False,
        resets: Tensor = None,
    ) -> Tensor | tuple[Tensor, ...]:
        """Return the outputs, and the states if `return_state` is set.

        Args:
            inputs: ``batch x time x features``, or a mapping with ``x`` and the cell's other
                inputs. The mapping may contain the resets, for wrappers that pass on only inputs.
            initial_state: the states in the order of `state_names`, or by name; missing states
                start from their initial values.
            mask: ``batch x time`` or ``batch x time x 1`` booleans or integers, true or nonzero
                where valid; None uses the mask attached to x, for example by an embedding.
            training: whether dropout and zoneout draw.
            resets: ``batch x time`` booleans, true where a new sequence begins: before that step
                every state returns to its declared or learned initial value, even if
                `initial_state` is given.

        Returns:
            ``batch x time x width of the output`` or ``batch x width of the output``; with
            `return_state`, a tuple of this output and the states.

        Raises:
            DataError: inputs, mask, resets or initial state have the wrong shape or type.
        """
        inputs, resets = split_resets(inputs, resets, self.cell)
        mask = carried_mask(inputs) if mask is None else mask
        with tf.name_scope("gatekit"):
            outputs, states = self._computed(
                inputs,
                initial_state,
                mask,
                resets,
                self._kept,
                self._executor.run,
                training=bool(training),
                go_backwards=self.go_backwards,
                return_sequences=self.return_sequences,
                zero_masked=self.zero_output_for_mask,
            )
        return self._returned(outputs, states)

    def _step(
        self, inputs: Inputs, states: States, mask: Tensor, resets: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return self._computed(
            inputs, states, mask, resets, None, reference.unrolled, training=False
        )

    def _computed(
        self,
        inputs: Inputs,
        initial_state: States,
        mask: Tensor,
        resets: Tensor,
        kept: KeptStates | None,
        solve: Callable[[Problem], Solution],
        *,
        training: bool,
        **how: bool,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Check everything that was passed; return the outputs, and the new states by name.

        Args:
            inputs: as in `call`, as are the initial state, the mask and the resets.
            kept: the states of a stateful layer, or None.
            solve: the executor.
            training: whether dropout and zoneout draw.
            how: options of `LayerCall`.
        """
        cell = self.cell
        arrays = checked_inputs(inputs, cell, self.variable_dtype)
        if kept is not None:
            arrays = kept.check(self.name, arrays)
        mask, resets = checked_mask(mask, arrays["x"]), checked_resets(resets, arrays["x"])
        shapes = state_shapes(cell, arrays["x"].shape[0])
        matrices = {s.name: s.shape for s in cell.states if len(s.shape) > 1}
        given = checked_states(initial_state, shapes, matrices, self.variable_dtype)
        if kept is not None and initial_state is None:
            given = kept.values()
        masks = {n: v for n, v in (("mask", mask), ("resets", resets)) if v is not None}
        batch = known_batch({**arrays, **masks, **given})
        arrays, masks = of_batch(arrays, batch), of_batch(masks, batch)
        first = self.initial_states(tf.shape(arrays["x"])[0] if batch is None else batch)
        reset_values = {} if resets is None else of_batch(first, batch)
        first.update(of_batch(given, batch))
        called = LayerCall(
            cell=cell,
            weights=weight_values(cell, self._variables, self.variable_dtype),
            inputs=arrays,
            mask=masks.get("mask"),
            first=first,
            resets=masks.get("resets"),
            reset_values=reset_values,
            seed=scrambled_seed(self._next_seed()) if is_noisy(cell, training) else None,
            training=training,
            matmul_dtype=tf.as_dtype(self.compute_dtype),
            **how,
        )
        outputs, states = compute(called, solve)
        return tf.cast(outputs, self.compute_dtype), states

    def input_widths(self) -> Mapping[str, int]:
        """Return the width of each input of the built layer by name."""
        return self.cell.inputs

    def _output_width(self, shape: Shape) -> int:
        if self._cell is None:
            features = features_of(shape, self.spec)
            self._cell = self._built(features)
        return self.cell.output.width

    # --- explaining, saving -------------------------------------------------

    @property
    def choice(self) -> ExecutorChoice:
        """The executor that runs, the mode in which it is fastest, and why."""
        _ = self.cell
        return self._executor.choice

    def explain(self) -> str:
        """Describe which executor runs and why, and its products."""
        return Text(explain(self.cell, self.choice, self._setting))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer, with the resolved cell instead of its name."""
        flags = ["return_sequences", "return_state", "go_backwards", "stateful"]
        names = [*flags, "zero_output_for_mask", "executor", "chunks"]
        return super().get_config() | {name: getattr(self, name) for name in names}


def device() -> str:
    """Return the device that TensorFlow computes on: ``gpu`` if it finds one, else ``cpu``."""
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"

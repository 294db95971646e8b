"""The base class of `gatekit.RNN` and `gatekit.BlockLayer`: single steps, states, SavedModels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.calls import border, checked_call
from gatekit.cell.errors import ConfigError, DataError
from gatekit.cell.graph import Cell
from gatekit.recurrence.call import Shape

from .inputs import Inputs, States, one_step, split_resets
from .seeds import SeededLayer

EMITTED = "emitted"
"""The key of the output of a SavedModel's step; no signal of a cell may have this name."""


class SequenceLayer(SeededLayer):
    """A layer over sequences; a subclass sets the attributes and does the computation.

    Attributes:
        return_sequences: whether to return every step or only the last.
        return_state: whether to return the states too.
        stateful: whether a batch starts from the final states of the batch before.
        go_backwards: whether outputs are in order from the last step to the first.
    """

    return_sequences: bool
    return_state: bool
    stateful: bool
    go_backwards: bool = False
    _kept: KeptStates | None = None

    # --- provided by subclasses --------------------------------------------

    @property
    def cell(self) -> Cell:
        """The built cell of the recurrent layer."""
        raise NotImplementedError

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names of the states, in the order in which they are passed and returned."""
        return tuple(self.state_shapes(None))

    def state_shapes(self, batch_size: int | Tensor | None) -> dict[str, Shape]:
        """Return the shape of each state by name, with the batch first."""
        raise NotImplementedError

    def initial_states(self, batch_size: int | Tensor) -> dict[str, Tensor]:
        """Return the initial states by name."""
        raise NotImplementedError

    def input_widths(self) -> Mapping[str, int]:
        """Return the width of each input of the built layer by name."""
        raise NotImplementedError

    def _step(
        self, inputs: Inputs, states: States, mask: Tensor, resets: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the output of a sequence of one step, and the states by name."""
        raise NotImplementedError

    def _output_width(self, shape: Shape) -> int:
        """Return the width of the output for an input of this shape."""
        raise NotImplementedError

    def _one_direction(self, what: str) -> None:
        """Refuse the action ``what`` if the layer reads time in both directions."""

    # --- states -------------------------------------------------------------

    def _keep_states(self, shape: Shape) -> None:
        """Create the variables of a stateful layer for inputs of this shape.

        Raises:
            ConfigError: the batch size is not known.
        """
        if not self.stateful:
            return
        if shape[0] is None:
            raise ConfigError(
                f"stateful=True needs the batch size, but the input's shape is {tuple(shape)}"
            )
        batch = int(shape[0])
        shapes, dtype = self.state_shapes(batch), self.variable_dtype
        self._kept = KeptStates(batch, shapes, lambda: self.initial_states(batch), dtype)

    def _returned(
        self, outputs: Tensor, states: Mapping[str, Tensor]
    ) -> Tensor | tuple[Tensor, ...]:
        """Store the states of a stateful layer; return the outputs, and the states if requested."""
        if self._kept is not None:
            self._kept.assign(states)
        if self.return_state:
            return (outputs, *(states[name] for name in self.state_names))
        return outputs

    @property
    def states(self) -> list[keras.Variable] | None:
        """The stored states of a stateful layer, in the order of `state_names`, or None."""
        return None if self._kept is None else list(self._kept.by_name.values())

    def reset_state(self) -> None:
        """Set the stored states of a stateful layer to their initial values."""
        if self._kept is not None:
            self._kept.reset()

    reset_states = reset_state

    @checked_call()
    def get_initial_state(self, batch_size: int | Tensor) -> list[Tensor]:
        """Return the initial states, in the order of `state_names`."""
        return list(self.initial_states(batch_size).values())

    # --- one step at a time -------------------------------------------------

    @border
    def step(
        self, inputs: Inputs, states: States = None, mask: Tensor = None, resets: Tensor = None
    ) -> tuple[Tensor, list[Tensor] | dict[str, Tensor]]:
        """Return the output of one step, and the states after it, outside training.

        ``y_t, states_t = step(x_t, states_{t-1})``; stepping through a sequence yields the outputs
        of the whole call. A layer that goes backwards takes the last step first.

        Args:
            inputs: ``batch x features``, or a mapping with ``x`` and the cell's other inputs.
            states: the states before the step, in the order of `state_names` or by name; missing
                states start from their initial values. A stateful layer neither reads nor changes
                its stored states.
            mask: ``batch`` booleans, true where the step is valid. A masked row keeps its states
                and returns zeros, as with ``zero_output_for_mask=True``.
            resets: ``batch`` booleans, true where a new sequence begins with this step.

        Returns:
            ``batch x width of the output``; the states, as a list if a list was given, otherwise
            as a mapping by name.

        Raises:
            DataError: inputs, states, mask or resets have the wrong shape or type.
            ConfigError: the layer is not built yet, or is a block that reads time in both
                directions.
        """
        self._one_direction("step")
        inputs, resets = split_resets(inputs, resets, self.cell)
        outputs, new = self._step(
            one_step(inputs, "batch x features"),
            states,
            one_step(mask, "batch"),
            one_step(resets, "batch"),
        )
        new = {name: new[name] for name in self.state_names}
        return outputs, list(new.values()) if isinstance(states, (list, tuple)) else new

    def export(self, folder: str | os.PathLike[str]) -> None:
        """Write the layer as a SavedModel for inference; it runs without gatekit.

        It has three signatures. ``serve`` takes whole sequences and returns what the layer returns.
        ``step`` takes the inputs of a step and each ``STATE_prev`` by name, and returns ``emitted``
        and the states. ``start`` takes a batch size and returns each ``STATE_prev`` before the
        first step. In names, dots become underscores.

        Args:
            folder: the folder of the SavedModel.

        Raises:
            ConfigError: the layer is not built yet, or is a block that reads time in both
                directions.
        """
        self._one_direction("export")
        if (ending := Path(folder).suffix) in (".onnx", ".pt", ".pth", ".h5", ".keras", ".tflite"):
            raise ConfigError(f"export writes a SavedModel, which is a folder, not a file {ending}")
        widths, shapes, dtype = self.input_widths(), self.state_shapes(None), self.variable_dtype
        # A parameter of a signature must not contain dots.
        plain = {name: name.replace(".", "_") for name in shapes}
        before = {name: f"{plain[name]}_prev" for name in shapes}
        whole = {n: tf.TensorSpec([None, None, w], dtype, name=n) for n, w in widths.items()}
        one = {n: tf.TensorSpec([None, w], dtype, name=n) for n, w in widths.items()}
        one |= {before[n]: tf.TensorSpec(s, dtype, name=before[n]) for n, s in shapes.items()}

        def start(batch: Tensor) -> dict[str, Tensor]:
            return {before[n]: value for n, value in self.initial_states(batch).items()}

        def step(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
            inputs, states = {n: given[n] for n in widths}, [given[before[n]] for n in shapes]
            emitted, new = self.step(inputs if len(inputs) > 1 else inputs["x"], states)
            return {EMITTED: emitted, **dict(zip(plain.values(), new, strict=True))}

        archive = keras.export.ExportArchive()
        archive.track(self)
        inputs = whole if len(whole) > 1 else whole["x"]
        archive.add_endpoint("serve", self, input_signature=[inputs])
        archive.add_endpoint("start", start, input_signature=[tf.TensorSpec([], tf.int32, "batch")])
        archive.add_endpoint("step", step, input_signature=[one])
        archive.write_out(os.fspath(folder), verbose=False)

    # --- for Keras ----------------------------------------------------------

    def compute_mask(self, inputs: Inputs, mask: Tensor = None) -> Tensor | list[Tensor]:
        """Return the mask in the order of the outputs; None if only the last step is returned."""
        own = mask["x"] if isinstance(mask, Mapping) else mask
        own = next(iter(own), None) if isinstance(own, (list, tuple)) else own
        output = own if self.return_sequences else None
        if self.go_backwards and output is not None:
            output = keras.ops.flip(output, 1)
        if self.return_state:
            return [output, *([None] * len(self.state_names))]
        return output

    def compute_output_shape(
        self, inputs_shape: Shape | Mapping[str, Shape], initial_state_shape: object = None
    ) -> Shape | tuple[Shape, ...]:
        """Return the shape of the output, with the shapes of the states if they are returned."""
        shape = inputs_shape["x"] if isinstance(inputs_shape, Mapping) else inputs_shape
        width = self._output_width(shape)
        output = (shape[0], shape[1], width) if self.return_sequences else (shape[0], width)
        if self.return_state:
            return (output, *self.state_shapes(shape[0]).values())
        return output

    def compute_output_spec(
        self, inputs: Inputs, *args: object, **kwargs: object
    ) -> keras.KerasTensor | tuple[keras.KerasTensor, ...]:
        """Return symbolic outputs; states have the variables' type, as in a call."""
        first = inputs["x"] if isinstance(inputs, Mapping) else inputs
        shapes = self.compute_output_shape(first.shape)
        if not self.return_state:
            return keras.KerasTensor(shapes, dtype=self.compute_dtype)
        output, *states = shapes
        return (
            keras.KerasTensor(output, dtype=self.compute_dtype),
            *(keras.KerasTensor(shape, dtype=self.variable_dtype) for shape in states),
        )


class KeptStates(tf.Module):
    """Variables that are saved with a `SavedModel` but are not weights of the layer.

    Keras collects weights from variables, and lists of them, that are attributes of a layer, but
    not from a `tf.Module`. TensorFlow tracks the module, so an exported model has the variables.

    Args:
        batch: the batch size.
        shapes: the shape of each state by name, with the batch size first.
        first: returns the initial states by name.
        dtype: the type of the states.
    """

    def __init__(
        self,
        batch: int,
        shapes: Mapping[str, Shape],
        first: Callable[[], Mapping[str, Tensor]],
        dtype: str,
    ) -> None:
        super().__init__()
        self._first = first
        self.batch = batch
        self.by_name = {
            name: keras.Variable(
                lambda shape, dtype=None, name=name: tf.cast(first()[name], dtype),
                shape=shape,
                dtype=dtype,
                trainable=False,
                autocast=False,
                name=f"kept.{name}",
            )
            for name, shape in shapes.items()
        }

    def reset(self) -> None:
        """Set the states to their initial values."""
        self.assign(self._first())

    def assign(self, values: Mapping[str, Tensor]) -> None:
        """Store these values, given by name."""
        for name, variable in self.by_name.items():
            variable.assign(values[name])

    def values(self) -> dict[str, Tensor]:
        """Return the stored values by name."""
        return {name: tf.convert_to_tensor(v) for name, v in self.by_name.items()}

    def check(self, layer: str, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the inputs with the batch size of the stored states.

        Args:
            layer: the layer's name.
            inputs: inputs by name, ``batch x time x width``.

        Raises:
            DataError: the inputs have another batch size. If it is known only when the graph runs,
                TensorFlow raises `tf.errors.InvalidArgumentError` instead; its message names the
                operation ``stateful_layer_needs_batches_of_N``.
        """
        x = inputs["x"]
        if x.shape[0] not in (None, self.batch):
            raise DataError(
                f"the layer {layer!r} is stateful and keeps the states of {self.batch} sequences, "
                f"but this batch has {x.shape[0]}"
            )
        name = f"stateful_layer_needs_batches_of_{self.batch}"
        return {**inputs, "x": tf.ensure_shape(x, [self.batch, *x.shape[1:]], name=name)}

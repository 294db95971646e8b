"""The Keras layer of a block: a recurrent layer with everything around it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.block.built_block import BuiltBlock, build_block
from gatekit.cell.block.contract import units_of
from gatekit.cell.block.reading import BlockSpec, read_block
from gatekit.cell.block.sequence import Convolve, Operation, Recur, SequenceProgram
from gatekit.cell.calls import REQUIRED, checked_call
from gatekit.cell.errors import ConfigError, DataError, GatekitError, as_plain
from gatekit.cell.graph import Cell
from gatekit.cell.schema import CellSpec, read_output_unit
from gatekit.faults import Fault, Kind, Layer, Place
from gatekit.recurrence.call import Shape, state_shapes
from gatekit.recurrence.executors.choose import check_name
from gatekit.recurrence.layers.arguments import (
    checked_files,
    checked_flag,
    checked_rate,
    checked_units,
    features_of,
    name_after_cell,
    own_arguments,
    refuse_unknown,
    required,
    specification,
    swapped_gates,
)
from gatekit.recurrence.layers.inputs import (
    Inputs,
    States,
    carried_mask,
    checked_input,
    checked_mask,
    checked_resets,
    checked_states,
)
from gatekit.recurrence.layers.rnn import RNN
from gatekit.recurrence.layers.sequence_layer import SequenceLayer
from gatekit.recurrence.masking import backwards
from gatekit.registry import catalogue, cell_names

from .keras_parts import keras_part, part_seed
from .order import Order
from .run import run


@keras.saving.register_keras_serializable(package="gatekit")
class BlockLayer(SequenceLayer):
    """A recurrent layer in a block; the output is as wide as the input unless the block is plain.

    ``y = combine(x, mix(x))``; masked steps change no state and repeat the last output.

    Args:
        block: a block's name, ``{kind: NAME, option: value}``, or a `BlockSpec`.
        cell: the cell of the recurrent layer, as for `gatekit.RNN`.
        units: the cell's units; None for the width of the input times the block's expansion factor.
        output_unit: the output unit of the recurrent layer.
        swap: gates that replace those of the cell, by role.
        bidirectional: whether a second set of parts also reads time backwards; ``combine`` reads
            the outputs of both directions.
        finish: whether this is the last block of a stack, which applies the stack's last norm.
        dropout: rate of the block's dropout.
        return_sequences: whether to return every step, ``batch x time x width``, or only the last.
        return_state: whether to return the states too: those of the cell, then the last inputs of
            convolutions, in the order of `state_names`.
        stateful: whether a batch starts from the final states of the batch before.
        executor: the executor of the recurrent layer, as for `gatekit.RNN`.
        chunks: whether ``auto`` may choose ``chunk``.
        seed: seed of weights, dropout and zoneout; None draws one.
        plugins: plugin files to load besides the registered ones.

    Raises:
        GatekitError: the block, the cell or the output unit violates its contract, or an argument
            is not allowed.

    Reference: `gatekit blocks` shows the paper of each block.
    """

    @checked_call(types=False, channel=Layer)
    def __init__(
        self,
        block: str | Mapping[str, object] | BlockSpec = REQUIRED,
        cell: str | Mapping[str, object] | CellSpec = REQUIRED,
        units: int | None = None,
        *,
        output_unit: object = "hidden",
        swap: Mapping[str, object] | None = None,
        bidirectional: bool = False,
        finish: bool = False,
        dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        stateful: bool = False,
        executor: str = "auto",
        chunks: bool = True,
        seed: int | None = None,
        plugins: Sequence[str] = (),
        **keras_options: Any,
    ) -> None:
        known = catalogue(checked_files(plugins))
        required("block", block)
        if isinstance(block, str) and block not in known.blocks and block in cell_names():
            raise ConfigError(f"block={block!r}: it is a cell, and the block is the first argument")
        required("cell", cell)
        chosen = read_block(block, known)
        for name in keras_options:
            if name in chosen.block.option_names():
                why, value = "it is an option of the block", as_plain(keras_options[name])
                fault = Fault(Kind.UNKNOWN, Place((name,)), value, why=why, what="arguments")
                raise ConfigError(fault)
        swapped = swapped_gates(swap)
        refuse_unknown(keras_options, own_arguments(BlockLayer))
        super().__init__(**keras_options)
        self.block = chosen
        self.units = None if units is None else checked_units(units)
        self.bidirectional = checked_flag("bidirectional", bidirectional)
        self.finish = checked_flag("finish", finish)
        self.dropout = checked_rate("dropout", dropout)
        self.return_sequences = checked_flag("return_sequences", return_sequences)
        self.return_state = checked_flag("return_state", return_state)
        self.stateful = checked_flag("stateful", stateful)
        if self.return_state or self.stateful:
            self._one_direction("return_state=True" if self.return_state else "stateful=True")
        self._draw_from(seed)
        self.plugins = tuple(plugins)
        self.spec = specification(cell, swapped, {}, known)
        if keras_options.get("name") is None:
            name_after_cell(self)
        self.output_unit = read_output_unit(output_unit, known)
        self.executor = check_name(executor)
        self.chunks = checked_flag("chunks", chunks)
        self.supports_masking = True
        self._built_block: BuiltBlock | None = None

    # --- building -----------------------------------------------------------

    @property
    def built_block(self) -> BuiltBlock:
        """The block with its sizes.

        Raises:
            ConfigError: the layer is not built yet.
        """
        if self._built_block is None:
            raise self._unbuilt()
        return self._built_block

    @property
    def cell(self) -> Cell:
        """The built cell of the recurrent layer."""
        return self.built_block.cell

    @property
    def mixers(self) -> list[RNN]:
        """The recurrent layers: one, or one for each direction."""
        return [layer for layer in self._layers if isinstance(layer, RNN)]

    def build(self, input_shape: Shape) -> None:
        """Create the parts for inputs ``batch x time x width``.

        Raises:
            DataError: the shape is not that of a sequence of vectors.
            CellError: the parts do not fit together, or the cell cannot have these sizes.
        """
        width = features_of(input_shape, self.spec)
        units = self.units or units_of(width, self.block.expand)
        try:
            block = build_block(
                self.block,
                self.spec,
                self.output_unit,
                width=width,
                units=units,
                dropout=self.dropout,
                directions=2 if self.bidirectional else 1,
                last=self.finish,
            )
        except GatekitError as error:
            raise error.spoken(Layer()) from error.__cause__
        self._built_block = block
        seed = self._drawn_seed
        number = "".join(re.findall(r"_\d+\Z", self.name))
        names = {"": "forward", "backward_": "backward"} if self.bidirectional else {"": "rnn"}
        for prefix, name in names.items():
            self._make(block.mix, prefix, seed, units, name + number)
        for program in block.programs[1:]:
            self._make(program, "", seed, units)
        self._keep_states(input_shape)
        self.built = True

    def _make(
        self, program: SequenceProgram, prefix: str, seed: int, units: int, mixer: str = ""
    ) -> None:
        for part in program.ops:
            name = prefix + part.name
            own = part_seed(seed, name)
            if isinstance(part, Recur):
                layer: keras.layers.Layer = RNN(
                    self.spec,
                    units,
                    output_unit=self.output_unit.canonical(),
                    return_sequences=True,
                    return_state=True,
                    executor=self.executor,
                    chunks=self.chunks,
                    seed=own,
                    plugins=self.plugins,
                    name=mixer,
                    dtype=self.dtype_policy,
                )
                layer.build((None, None, part.fed))
            else:
                layer = keras_part(part, name, self.dtype_policy, own)
            # Keras tracks and saves layers that are attributes.
            setattr(self, f"part_{name}", layer)

    # --- states -------------------------------------------------------------

    def state_shapes(self, batch_size: int | Tensor | None) -> dict[str, Shape]:
        """Return the shape of each state by name.

        First come the states of the cell, ``batch x width``, then the last inputs of each
        convolution, ``batch x steps x width``.
        """
        shapes = dict(state_shapes(self.cell, batch_size))
        for op in self.built_block.mix.ops:
            if isinstance(op, Convolve) and op.carried:
                shapes[f"{op.name}_inputs"] = (batch_size, op.kernel - 1, op.fed)
        return shapes

    def initial_states(self, batch_size: int | Tensor) -> dict[str, Tensor]:
        """Return the initial states by name."""
        of_cell: dict[str, Tensor] = self.part_rnn.initial_states(batch_size)
        shapes, dtype = self.state_shapes(batch_size), self.variable_dtype
        return of_cell | {n: tf.zeros(s, dtype) for n, s in shapes.items() if n not in of_cell}

    # --- calling ------------------------------------------------------------

    def call(
        self,
        inputs: Tensor,
        initial_state: States = None,
        mask: Tensor = None,
        resets: Tensor = None,
        training: bool = False,
    ) -> Tensor | tuple[Tensor, ...]:
        """Return the outputs, and the states if `return_state` is set.

        Args:
            inputs: ``batch x time x width``.
            initial_state: states in the order of `state_names`, or by name; missing states start
                from their initial values.
            mask: ``batch x time`` booleans or integers, true or nonzero where valid; None uses the
                mask attached to x, for example by an embedding.
            resets: ``batch x time`` booleans, true where a new sequence begins: the convolutions
                and the recurrent layer start afresh there.
            training: whether dropout and zoneout draw.

        Returns:
            ``batch x time x width`` or ``batch x width``; with `return_state`, a tuple of this
            output and the states.

        Raises:
            DataError: inputs, mask, resets or initial state have the wrong shape or type.
        """
        mask = carried_mask(inputs) if mask is None else mask
        if self._kept is not None:
            x = checked_input("x", inputs, self.built_block.width, self.compute_dtype)
            inputs = self._kept.check(self.name, {"x": x})["x"]
            initial_state = self._kept.values() if initial_state is None else initial_state
        return self._returned(*self._computed(inputs, initial_state, mask, resets, training))

    def _step(
        self, inputs: Inputs, states: States, mask: Tensor, resets: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return self._computed(inputs, states, mask, resets, training=False, whole=False)

    def _one_direction(self, what: str) -> None:
        if self.bidirectional:
            raise ConfigError(
                f"{what} needs a layer that reads time in one direction, but bidirectional=True"
            )

    def _computed(
        self,
        inputs: Tensor,
        initial_state: States,
        mask: Tensor,
        resets: Tensor,
        training: bool,
        whole: bool | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return outputs, and the last states by name; see `call`.

        Args:
            inputs: as in `call`, as are the initial state, the mask, the resets and ``training``.
            whole: whether to return every step; None for the layer's `return_sequences`.
        """
        block = self.built_block
        x = checked_input("x", inputs, block.width, self.compute_dtype)
        mask, resets = checked_mask(mask, x), checked_resets(resets, x)
        whole = self.return_sequences if whole is None else whole
        if self.bidirectional and initial_state is not None:
            raise DataError("a bidirectional layer takes no initial_state")
        given = checked_states(initial_state, self.state_shapes(None), {}, self.variable_dtype)
        order = Order(x, mask, resets)
        x = order.harmless(x)  # NaN in a masked step must not reach a value or a gradient
        of = partial(self._part, "")
        both, states = run(block.mix, of, {"x": x}, training, order, given)
        both = both if whole else order.end(both)
        if self.bidirectional:
            again = None if resets is None else tf.transpose(backwards(tf.transpose(resets)))
            behind = Order(x, None if mask is None else tf.reverse(mask, [1]), again)
            env = {"x": tf.reverse(x, [1])}
            other, _ = run(block.mix, partial(self._part, "backward_"), env, training, behind)
            both = tf.concat([both, tf.reverse(other, [1]) if whole else behind.end(other)], -1)
        x = x if whole else order.end(x)
        both = order.harmless(both) if whole else both
        value, _ = run(block.combine, of, {"x": x, "mixed": both}, training)
        if block.finish is not None:
            value, _ = run(block.finish, of, {"x": value}, training)
        return order.held(value) if whole else order.any_valid(value[:, 0]), states

    def _part(self, prefix: str, part: Operation) -> keras.layers.Layer:
        """Return the Keras layer of a part."""
        return getattr(self, f"part_{prefix}{part.name}")

    def input_widths(self) -> Mapping[str, int]:
        """Return the width of the input, which is called x."""
        return {"x": self.built_block.width}

    def _output_width(self, shape: Shape) -> int:
        if not self.built:
            self.build(shape)
        return self.built_block.output_width

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer, with the resolved block and cell."""
        flags = ["bidirectional", "finish", "return_sequences", "return_state", "stateful"]
        names = [*flags, "units", "dropout", "executor", "chunks", "seed"]
        return {
            **super().get_config(),
            "block": self.block.canonical(),
            "cell": self.spec.canonical(),
            "output_unit": self.output_unit.canonical(),
            **{name: getattr(self, name) for name in names},
        }

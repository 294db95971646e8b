"""The Keras layer of a block: a recurrent layer with everything that is around it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from gatekit.cell.block.built import BuiltBlock, build_block
from gatekit.cell.block.contract import units_of
from gatekit.cell.block.parts import Sketch
from gatekit.cell.block.reading import read_block
from gatekit.cell.errors import ConfigError, DataError
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import evaluate
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.cell.schema import CellSpec, read_output_unit
from gatekit.recurrence.executors.choose import check_name
from gatekit.recurrence.layers.arguments import (
    checked_units,
    features_of,
    own_arguments,
    refuse_unknown,
    specification,
)
from gatekit.recurrence.layers.inputs import (
    checked_input,
    checked_mask,
    checked_resets,
    checked_states,
    one_step,
)
from gatekit.recurrence.layers.rnn import RNN
from gatekit.recurrence.layers.seeds import SeededLayer, earlier_twins, seed_of
from gatekit.recurrence.layers.states import state_shapes
from gatekit.recurrence.masking import backwards
from gatekit.registry import catalogue

from .keras_parts import applied, derived, keras_part, shape_of
from .order import Order

_NUMBER = re.compile(r"(?:_\d+)?\Z")


@keras.saving.register_keras_serializable(package="gatekit")
class BlockLayer(SeededLayer):
    """A recurrent layer with the block around it; the output is as wide as the input.

    ``y = combine(x, mix(x))``; masked steps change nothing, and repeat the last output.

    Args:
        block: a block's name, ``{kind: NAME, option: value}``, or a `BlockSpec`.
        cell: the cell of the recurrent layer, as for `gatekit.RNN`.
        units: the cell's units; None for the input's width times what the block expands it by.
        output_unit: what the recurrent layer emits.
        gates: gates to put in place of the cell's, by role.
        bidirectional: whether time is also read backwards, by parts of its own; what follows the
            recurrent layers reads both.
        finish: whether it is the last block, after which the stack's last norm is applied.
        dropout: rate of the block's dropout.
        return_sequences: whether every step is returned, ``batch x time x width``, or the last.
        return_state: whether states are returned too: those of the cell, then the last inputs of
            convolutions, in the order of `state_names`.
        executor: of the recurrent layer, as for `gatekit.RNN`.
        seed: of weights and dropout; None draws one.
        plugins: plugin files to load besides the registered ones.

    Raises:
        GatekitError: block, cell or output unit are not what their contracts ask for, or an
            argument is not allowed.

    Reference: each block names its own; `gatekit blocks`.
    """

    def __init__(
        self,
        block: str | Mapping[str, Any],
        cell: str | Mapping[str, Any] | CellSpec,
        units: int | None = None,
        *,
        output_unit: Any = "hidden",
        gates: Mapping[str, Any] | None = None,
        bidirectional: bool = False,
        finish: bool = False,
        dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        executor: str = "auto",
        seed: int | None = None,
        plugins: Sequence[str] = (),
        **keras_options: Any,
    ) -> None:
        known = catalogue(tuple(plugins))
        if isinstance(block, str) and block not in known.blocks and cell in list(known.blocks):
            raise ConfigError(f"the block comes first: BlockLayer({cell!r}, {block!r})")
        chosen = read_block(block, known)
        for name in keras_options:
            if name in chosen.block.option_names():
                raise ConfigError(
                    f"{name} is an option of the block: BlockLayer({{'kind': {chosen.kind!r}, "
                    f"{name!r}: {keras_options[name]!r}}}, ...)"
                )
        refuse_unknown(keras_options, own_arguments(BlockLayer))
        # Keras would cast states to the compute type.
        keras_options["autocast"] = False
        super().__init__(**keras_options)
        self.block = chosen
        if return_state and bidirectional:
            raise ConfigError(
                "return_state=True needs a layer that reads time in one direction: states are "
                "passed on forwards; remove bidirectional=True."
            )
        self.units = None if units is None else checked_units(units)
        self.bidirectional, self.finish = bool(bidirectional), bool(finish)
        self.dropout = float(dropout)
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.seed = seed
        self._drawn_seed = random.randint(1, 10**9) if seed is None else int(seed)
        self.plugins = tuple(plugins)
        self.spec = specification(cell, gates or {}, {}, known)
        self.output_unit = read_output_unit(output_unit, known)
        self.executor = check_name(executor)
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
            raise self._unbuilt("width")
        return self._built_block

    @property
    def cell(self) -> Cell:
        """The built cell of the recurrent layer."""
        return self.built_block.cell

    @property
    def mixers(self) -> list[RNN]:
        """The recurrent layers: one, or one for each direction."""
        return [layer for layer in self._layers if isinstance(layer, RNN)]

    def build(self, input_shape: Any) -> None:
        """Create the parts for inputs ``batch x time x width``.

        Raises:
            DataError: the shape is not that of a sequence of vectors.
            CellError: the parts do not fit together, or the cell cannot have these sizes.
        """
        width = features_of(input_shape, self.spec)
        units = self.units or units_of(width, self.block.expand)
        made = build_block(
            self.block,
            self.spec,
            self.output_unit,
            width=width,
            units=units,
            dropout=self.dropout,
            directions=2 if self.bidirectional else 1,
            last=self.finish,
        )
        self._built_block = made
        seed = self._drawn_seed
        if self.seed is not None:
            seed = seed_of(seed, earlier_twins(self, BlockLayer, self._called_with))
        number = _NUMBER.search(self.name)
        assert number is not None
        names = {"": "forward" if self.bidirectional else "rnn", "backward_": "backward"}
        for prefix in ("", "backward_") if self.bidirectional else ("",):
            self._make(made.mix, prefix, seed, units, names[prefix] + number[0])
        self._make(made.combine, "", seed, units)
        if made.finish is not None:
            self._make(made.finish, "", seed, units)
        self.built = True

    def _make(self, sketch: Sketch, prefix: str, seed: int, units: int, mixer: str = "") -> None:
        for part in sketch.parts:
            name = prefix + part.name
            own = derived(seed, name)
            if part.kind == "mixer":
                layer: Any = RNN(
                    self.spec,
                    units,
                    output_unit=self.output_unit.canonical(),
                    return_sequences=True,
                    return_state=True,
                    executor=self.executor,
                    seed=own,
                    plugins=self.plugins,
                    name=mixer,
                    dtype=self.dtype_policy,
                )
            else:
                layer = keras_part(part, name, self.dtype_policy, own)
            layer.build(shape_of(part))
            if part.kind != "mixer" and layer.count_params() != part.count:
                raise ConfigError(
                    f"the part {part.name!r} declares {part.count:,} weights, and its Keras layer "
                    f"has {layer.count_params():,}; write count={layer.count_params()}"
                )
            # Keras tracks and saves layers that are attributes.
            setattr(self, f"part_{name}", layer)

    # --- states -------------------------------------------------------------

    @property
    def state_names(self) -> tuple[str, ...]:
        """The states by name: the cell's, then the last inputs of each convolution."""
        return tuple(self.state_shapes(None))

    def _convolutions(self) -> dict[str, tuple[int, int]]:
        """Return the number of earlier steps and the width that each convolution reads."""
        return {
            part.name: (part.options["kernel"] - 1, part.fed)
            for part in self.built_block.mix.parts
            if part.kind == "convolution"
        }

    def state_shapes(self, batch: Any) -> dict[str, tuple[Any, ...]]:
        """Return the shape of each state by name, ``batch x width``."""
        shapes = dict(state_shapes(self.cell, batch))
        for name, (steps, width) in self._convolutions().items():
            shapes[f"{name}_inputs"] = (batch, steps, width)
        return shapes

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """Return the first value of each state, in the order of `state_names`."""
        return list(self.initial_states(batch_size).values())

    def initial_states(self, batch_size: Any) -> dict[str, Any]:
        """Return the first value of each state by name.

        Args:
            batch_size: the number of rows.
        """
        found = dict(self.part_rnn.initial_states(batch_size))
        for name, (steps, width) in self._convolutions().items():
            found[f"{name}_inputs"] = tf.zeros([batch_size, steps, width], self.variable_dtype)
        return found

    # --- calling ------------------------------------------------------------

    def call(
        self,
        inputs: Any,
        initial_state: Any = None,
        mask: Any = None,
        resets: Any = None,
        training: bool = False,
    ) -> Any:
        """Return outputs, and states where `return_state` is set.

        Args:
            inputs: ``batch x time x width``.
            initial_state: states in the order of `state_names`, or by name; what is missing starts
                as usual.
            mask: ``batch x time`` booleans or integers, true or not zero where valid.
            resets: ``batch x time`` booleans, true where a new sequence begins: convolution and
                recurrent layer start anew there.
            training: whether dropout draws.

        Returns:
            ``batch x time x width`` or ``batch x width``; with `return_state` a tuple of that and
            the states.

        Raises:
            DataError: inputs, mask, resets or initial state have the wrong shape or type.
        """
        value, states = self.computed(inputs, initial_state, mask, resets, training)
        if self.return_state:
            return (value, *(states[name] for name in self.state_names))
        return value

    def step(
        self, inputs: Any, states: Any = None, mask: Any = None, resets: Any = None
    ) -> tuple[Any, Any]:
        """Return what one step emits, and the states after it, outside training.

        The steps of a sequence, one after another, are the whole call.

        Args:
            inputs: ``batch x width``.
            states: the states before the step, in the order of `state_names` or by name; what is
                missing starts as usual.
            mask: ``batch`` booleans, true where the step is valid. A row that is masked keeps its
                states and emits zeros.
            resets: ``batch`` booleans, true where a new sequence begins with this step.

        Returns:
            ``batch x width``; the states, a list if a list came, else a mapping by name.

        Raises:
            DataError: inputs, states, mask or resets have the wrong shape or type.
            ConfigError: the layer is not built yet, or reads time in both directions.
        """
        if self.bidirectional:
            raise ConfigError(
                "step reads time in one direction, and this layer in both; build it without "
                "bidirectional=True"
            )
        value, last = self.computed(
            one_step(inputs, "batch x width"),
            states,
            one_step(mask, "batch"),
            one_step(resets, "batch"),
            training=False,
            whole=False,
        )
        new = {name: last[name] for name in self.state_names}
        return value, list(new.values()) if isinstance(states, (list, tuple)) else new

    def computed(
        self,
        inputs: Any,
        initial_state: Any,
        mask: Any,
        resets: Any,
        training: bool,
        whole: bool | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Return outputs, and the last states by name; see `call`.

        Args:
            inputs: as in `call`, as are the initial state, the mask, the resets and ``training``.
            whole: whether every step is returned; None for what the layer returns.
        """
        made = self.built_block
        x = checked_input("x", inputs, made.width, self.compute_dtype)
        mask, resets = checked_mask(mask, x), checked_resets(resets, x)
        given: dict[str, Any] = {}
        if initial_state is not None:
            if self.bidirectional:
                raise DataError(
                    "initial_state is given to a bidirectional layer, whose second direction has "
                    "not begun yet; remove it, or bidirectional=True"
                )
            given = checked_states(initial_state, self.state_shapes(None), {}, self.variable_dtype)
        if mask is not None:
            # NaN in a masked step must reach neither values nor gradients.
            x = tf.where(mask[:, :, None], x, tf.zeros_like(x))
        order = Order(x, mask, resets)
        mixed, states = self._mixed("", x, order, given, resets, training)
        whole = self.return_sequences if whole is None else whole
        mixed = mixed if whole else order.end(mixed)
        if self.bidirectional:
            again = None if resets is None else tf.transpose(backwards(tf.transpose(resets)))
            back = Order(x, _reversed(mask), again)
            other, _ = self._mixed("backward_", _reversed(x), back, {}, again, training)
            other = _reversed(other) if whole else back.end(other)
            mixed = tf.concat([mixed, other], -1)
        x = x if whole else order.end(x)
        value = self._stepwise(made.combine, {"x": x, "mixed": mixed}, training)
        if made.finish is not None:
            value = self._stepwise(made.finish, {"x": value}, training)
        return order.held(value) if whole else order.any_valid(value[:, 0]), states

    def _mixed(
        self,
        prefix: str,
        x: Any,
        order: Order,
        given: Mapping[str, Any],
        resets: Any,
        training: bool,
    ) -> tuple[Any, dict[str, Any]]:
        """Return what one direction computes, and its last states by name."""
        env, states = {"x": x}, dict[str, Any]()
        for part in self.built_block.mix.parts:
            layer = getattr(self, f"part_{prefix}{part.name}")
            value = evaluate(part.of, env, FUNCTIONS)
            if part.kind == "convolution":
                name = f"{part.name}_inputs"
                steps, width = part.options["kernel"] - 1, part.fed
                before = given.get(name)
                if before is None:
                    before = tf.zeros([tf.shape(x)[0], steps, width], value.dtype)
                value, last = layer(value, tf.cast(before, value.dtype), order=order)
                states[name] = tf.cast(last, self.variable_dtype)
            elif part.kind == "mixer":
                more = {} if resets is None else {"resets": resets}
                cells = {n: v for n, v in given.items() if n in layer.state_names}
                value, *last = layer(
                    value, initial_state=cells or None, mask=order.mask, training=training, **more
                )
                states.update(zip(layer.state_names, last, strict=True))
                value = tf.identity(value)  # without the mask, of which Keras' norms would warn
            else:
                value = applied(layer, part, value, training)
            env[part.name] = value
        return evaluate(self.built_block.mix.value, env, FUNCTIONS), states

    def _stepwise(self, sketch: Sketch, env: dict[str, Any], training: bool) -> Any:
        for part in sketch.parts:
            value = evaluate(part.of, env, FUNCTIONS)
            layer = getattr(self, f"part_{part.name}")
            if part.kind == "convolution":  # of one step
                none = tf.zeros([tf.shape(value)[0], 0, part.fed], value.dtype)
                env[part.name] = layer(value, none, order=Order(value, None, None))[0]
            else:
                env[part.name] = applied(layer, part, value, training)
        return evaluate(sketch.value, env, FUNCTIONS)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the output: the input's where every step is returned, else none."""
        output = mask if self.return_sequences else None
        return [output, *([None] * len(self.state_names))] if self.return_state else output

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return symbolic outputs; states have the variables' type, as in a call."""
        if not self.built:
            self.build(inputs.shape)
        time = (inputs.shape[1],) if self.return_sequences else ()
        shape = (inputs.shape[0], *time, self.built_block.output_width)
        output = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not self.return_state:
            return output
        return (
            output,
            *(
                keras.KerasTensor(shape, dtype=self.variable_dtype)
                for shape in self.state_shapes(inputs.shape[0]).values()
            ),
        )

    # --- saving -------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` builds the layer from: block and resolved cell."""
        config = super().get_config()
        config.pop("autocast", None)
        return {
            **config,
            "block": self.block.canonical(),
            "cell": self.spec.canonical(),
            "units": self.units,
            "output_unit": self.output_unit.canonical(),
            "bidirectional": self.bidirectional,
            "finish": self.finish,
            "dropout": self.dropout,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "executor": self.executor,
            "seed": self.seed,
        }


def _reversed(value: Any) -> Any:
    return None if value is None else tf.reverse(value, [1])

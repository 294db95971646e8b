"""The Keras layer: any cell, as easy to use as `keras.layers.LSTM`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..cell.catalogue import Catalogue
from ..cell.errors import CellError, ConfigError, DataError, listed
from ..cell.graph import Cell, build
from ..cell.parameter import Parameter
from ..cell.spec import CellSpec, read_cell, read_output_unit
from ..registry import catalogue as registered
from ..registry import load_cell
from . import fused, reference
from . import plan as plans
from .choose import Choice, choose
from .dry_run import dry_run
from .emission import emit, only_final
from .initial import draw
from .inputs import checked_inputs, checked_mask, checked_states
from .noise import dropout_mask, scrambled
from .problem import Problem, Solution
from .valid import ValidSteps, previous

_MAPS = {"sigmoid": tf.sigmoid, "tanh": tf.tanh, "softplus": tf.nn.softplus, "exp": tf.exp}


@keras.saving.register_keras_serializable(package="gatekit")
class RNN(keras.layers.Layer):
    """A recurrent layer over any cell.

    ``(y_t, states_t) = step(x_t, states_{t-1})``; a masked step leaves every state as it is and
    repeats the last emission.

    Args:
        cell: a cell's name, its mapping as in conf/cell, or a `CellSpec`.
        units: the width of gates and states.
        output_unit: what is emitted: a name, ``{kind: ...}``, or an `OutputUnit`.
        gates: gates to put in place of the cell's, by role: a name, ``{kind: ...}``, a `Gate`.
        return_sequences: whether every step is returned, ``batch x time x units``, or the last,
            ``batch x units``.
        return_state: whether the states are returned too, in the order of `state_names`.
        go_backwards: whether time runs from the last step to the first; outputs come in that order.
        stateful: whether a batch starts from the states in which the one before ended.
        executor: ``auto``, ``fused`` or ``reference``.
        dropout: rate of the input's dropout, one mask per sequence; None keeps the cell's.
        recurrent_dropout: rate of dropout on recurrent reads, one mask per sequence; None keeps the
            cell's.
        zoneout: rates by state; None keeps the cell's.
        learned_initial_state: states whose first value is learned; None keeps the cell's.
        seed: seed of weights, dropout and zoneout; None draws one.
        plugins: plugin files to load besides the registered ones.

    Raises:
        CellError: cell, gate or output unit are not what their contracts ask for.
        ConfigError: an argument is not allowed.

    Reference: each cell names its own; `gatekit show cell=NAME`.
    """

    def __init__(
        self,
        cell: str | Mapping[str, Any] | CellSpec,
        units: int,
        *,
        output_unit: Any = "hidden",
        gates: Mapping[str, Any] | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        executor: str = "auto",
        dropout: float | None = None,
        recurrent_dropout: float | None = None,
        zoneout: Mapping[str, float] | None = None,
        learned_initial_state: Sequence[str] | None = None,
        seed: int | None = None,
        plugins: Sequence[str] = (),
        **keras_options: Any,
    ) -> None:
        # Keras would cast inputs to the compute type; only matrix products may run in it.
        keras_options["autocast"] = False
        super().__init__(**keras_options)
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units < 1:
            raise ConfigError(f"units={units!r}: a whole number from 1 is expected")
        self._catalogue = registered(tuple(plugins))
        options = {
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "zoneout": zoneout,
            "learned_initial_state": learned_initial_state,
        }
        given = {k: v for k, v in options.items() if v is not None}
        self.spec = _spec(cell, gates or {}, given, self._catalogue)
        self.output_unit = read_output_unit(output_unit, self._catalogue)
        self.units = int(units)
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.executor = executor
        self.seed = seed
        self.supports_masking = True
        self._drawn_seed = random.randint(1, 10**9) if seed is None else int(seed)
        self._noise = keras.random.SeedGenerator(self._drawn_seed)
        self._cell: Cell | None = None
        self._variables: dict[str, Any] = {}
        self._kept: list[Any] = []
        for name in ("compute_dtype", "variable_dtype"):
            _check_float(name, getattr(self, name))

    # --- building -----------------------------------------------------------

    @property
    def cell(self) -> Cell:
        """The built cell.

        Raises:
            ConfigError: the layer is not built yet.
        """
        if self._cell is None:
            raise ConfigError(
                f"the layer {self.name!r} is not built yet: call it once, "
                "or build((None, None, features))"
            )
        return self._cell

    @property
    def state_names(self) -> tuple[str, ...]:
        """The states by name, in the order in which they are returned and given."""
        cell = self.cell
        counted = ("t",) if cell.uses_t else ()
        histories = tuple(f"{name}_history" for name, _ in cell.output.histories)
        return (*(s.name for s in cell.states), *cell.shifted, *counted, *histories)

    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs ``batch x time x features``.

        Raises:
            DataError: the shape is not that of a sequence of vectors.
            CellError: the cell cannot have these sizes.
        """
        shape = input_shape["x"] if isinstance(input_shape, Mapping) else input_shape
        features = _features(shape, self.spec)
        cell = build(self.spec, self.units, features, self.output_unit)
        self._cell = cell
        self._choice = choose(self.executor, cell)
        self._plans: dict[tuple[str, ...], plans.Plan] = {}
        dry_run(cell)
        values = draw(cell, self._drawn_seed)
        for weight in cell.weights:
            value = values[weight.name]
            self._variables[weight.name] = self.add_weight(
                name=_scope_name(weight.name),
                shape=weight.shape,
                initializer=_given(value),
                trainable=weight.trainable,
                dtype=self.variable_dtype,
                autocast=False,
            )
        if self.stateful:
            if shape[0] is None:
                raise ConfigError(
                    "stateful=True needs the batch size: give the model "
                    "keras.Input(batch_shape=(batch, time, features))"
                )
            for name, state_shape in self._state_shapes(int(shape[0])).items():
                variable = self.add_weight(
                    name=f"kept.{name}",
                    shape=state_shape,
                    initializer="zeros",
                    trainable=False,
                    dtype=self.variable_dtype,
                    autocast=False,
                )
                self._kept.append(variable)
            self.reset_state()
        self.built = True

    def _state_shapes(self, batch: Any) -> dict[str, tuple[Any, ...]]:
        cell = self.cell
        shapes: dict[str, tuple[Any, ...]] = {s.name: (batch, s.width) for s in cell.states}
        shapes.update({name: (batch, cell.inputs[name]) for name in cell.shifted})
        if cell.uses_t:
            shapes["t"] = (batch, 1)
        for name, length in cell.output.histories:
            shapes[f"{name}_history"] = (batch, length - 1, cell.widths[name])
        return shapes

    def reset_state(self) -> None:
        """Set the kept states of a stateful layer to their first values."""
        if not self._kept:
            return
        first = self.get_initial_state(int(self._kept[0].shape[0]))
        for variable, name in zip(self._kept, self.state_names, strict=True):
            variable.assign(first[name])

    reset_states = reset_state

    def get_initial_state(self, batch_size: Any) -> dict[str, Any]:
        """Return the first value of each state by name, ``batch x width``."""
        cell = self.cell
        dtype = self.variable_dtype
        first: dict[str, Any] = {}
        for state in cell.states:
            shape = tf.stack([batch_size, state.width])
            if state.learned:
                first[state.name] = tf.broadcast_to(
                    tf.convert_to_tensor(self._variables[state.learned]), shape
                )
            else:
                first[state.name] = tf.fill(shape, tf.cast(state.initial, dtype))
        for name, full in self._state_shapes(batch_size).items():
            if name not in first:
                first[name] = tf.zeros(tf.stack(list(full)), dtype)
        return first

    # --- calling ------------------------------------------------------------

    def call(
        self,
        inputs: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """Return outputs, and states where `return_state` is set.

        Args:
            inputs: ``batch x time x features``, or a mapping with ``x`` and the cell's further
                inputs.
            initial_state: the states in the order of `state_names`, or by name; what is missing
                starts as usual.
            mask: ``batch x time`` booleans, true where valid.
            training: whether dropout and zoneout draw.

        Returns:
            ``batch x time x units`` or ``batch x units``; with `return_state` a list of that and
            the states.

        Raises:
            DataError: inputs, mask or initial state have the wrong shape or type.
        """
        cell = self.cell
        with tf.name_scope("gatekit"):
            arrays = checked_inputs(inputs, cell, self.variable_dtype)
            mask = checked_mask(mask, arrays["x"])
            batch = tf.shape(arrays["x"])[0]
            first = self.get_initial_state(batch)
            if self.stateful and initial_state is None:
                first.update(
                    {
                        n: tf.convert_to_tensor(v)
                        for n, v in zip(self.state_names, self._kept, strict=True)
                    }
                )
            shapes = self._state_shapes(arrays["x"].shape[0])
            matrices = {s.name: s.shape for s in cell.states if len(s.shape) > 1}
            first.update(checked_states(initial_state, shapes, matrices, self.variable_dtype))
            outputs, states = self._run(arrays, mask, first, bool(training))
        if self.stateful:
            for variable, name in zip(self._kept, self.state_names, strict=True):
                variable.assign(states[name])
        outputs = tf.cast(outputs, self.compute_dtype)
        if self.return_state:
            return [outputs, *(states[n] for n in self.state_names)]
        return outputs

    @tf.autograph.experimental.do_not_convert
    def _run(
        self, arrays: Any, mask: Any, first: dict[str, Any], training: bool
    ) -> tuple[Any, dict[str, Any]]:
        cell, spec = self.cell, self.spec
        sequences = {name: tf.transpose(value, [1, 0, 2]) for name, value in arrays.items()}
        valid = None
        if mask is not None:
            mask = tf.transpose(mask)[:, :, None]
        if self.go_backwards:
            sequences = {name: tf.reverse(value, [0]) for name, value in sequences.items()}
            mask = None if mask is None else tf.reverse(mask, [0])
        if mask is not None:
            # What stands in a masked step must not matter, not even NaN in a gradient.
            sequences = {n: tf.where(mask, v, tf.zeros([], v.dtype)) for n, v in sequences.items()}
            valid = ValidSteps(mask)
        noisy = training and (
            spec.dropout or spec.recurrent_dropout or any(s.zoneout for s in cell.states)
        )
        seed = scrambled(self._noise.next()) if noisy else None
        x = sequences["x"]
        batch = tf.shape(x)[1]
        if training and spec.dropout:
            x = x * dropout_mask(seed, -1, tf.stack([batch, cell.features]), spec.dropout, x.dtype)
            sequences["x"] = x
        drops = self._drops(seed, batch, x.dtype) if training and spec.recurrent_dropout else {}
        states = dict(first)
        for name in cell.shifted:
            sequences[f"{name}_prev"], states[name] = previous(sequences[name], first[name], valid)
        if cell.uses_t:
            ones = tf.ones_like(x[:, :, :1]) if mask is None else tf.cast(mask, x.dtype)
            sequences["t"] = first["t"] + tf.cumsum(ones, axis=0)
            states["t"] = first["t"] + tf.reduce_sum(ones, axis=0)
        wanted = () if not self.return_sequences and only_final(cell) else cell.output.signals
        problem = Problem(
            cell=cell,
            weights=self._weight_values(),
            inputs=sequences,
            mask=mask,
            states={s.name: first[s.name] for s in cell.states},
            drops=drops,
            seed=seed,
            training=training,
            wanted=wanted,
            matmul_dtype=tf.as_dtype(self.compute_dtype),
        )
        solution = self._solve(problem)
        states.update(solution.states)
        histories = {name: first[f"{name}_history"] for name, _ in cell.output.histories}
        y, kept = emit(
            cell,
            solution.sequences,
            solution.states,
            sequences,
            histories,
            problem.weights,
            valid,
            problem.matmul_dtype,
            self.return_sequences,
        )
        states.update({f"{name}_history": value for name, value in kept.items()})
        return (tf.transpose(y, [1, 0, 2]) if self.return_sequences else y), states

    def _solve(self, problem: Problem) -> Solution:
        if self._choice.executor == "reference":
            return reference.run(problem)
        if problem.wanted not in self._plans:
            self._plans[problem.wanted] = plans.make(problem.cell, problem.wanted)
        return fused.run(problem, self._plans[problem.wanted])

    def _drops(self, seed: Any, batch: Any, dtype: Any) -> dict[str, Any]:
        """Return a multiplicative mask per recurrent read that has a matrix, ``batch x width``."""
        found: dict[str, Any] = {}
        for node in self.cell.nodes:
            for read in node.reads:
                if not read.hoisted and not read.map.row_wise and read.text not in found:
                    shape = tf.stack([batch, read.width_in])
                    stream = 1000 + len(found)
                    found[read.text] = dropout_mask(
                        seed, stream, shape, self.spec.recurrent_dropout, dtype
                    )
        return found

    def _weight_values(self) -> dict[str, Any]:
        """Return the weights as tensors of the variables' type, parameters through their map."""
        dtype = self.variable_dtype
        values = {}
        for name, variable in self._variables.items():
            value = tf.cast(tf.convert_to_tensor(variable.value), dtype)
            parameter: Parameter | None = self.cell.parameters.get(name)
            values[name] = (
                _MAPS[parameter.map](value) if parameter is not None and parameter.map else value
            )
        return values

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the output: the input's where every step is returned, else none."""
        own = mask["x"] if isinstance(mask, Mapping) else mask
        output = own if self.return_sequences else None
        if self.return_state:
            return [output, *([None] * len(self.state_names))]
        return output

    def compute_output_shape(self, inputs_shape: Any, initial_state_shape: Any = None) -> Any:
        """Return the shapes of the outputs, and of the states where they are returned."""
        shape = inputs_shape["x"] if isinstance(inputs_shape, Mapping) else inputs_shape
        if self._cell is None:
            features = _features(shape, self.spec)
            self._cell = build(self.spec, self.units, features, self.output_unit)
        width = self.cell.output.width
        output = (shape[0], shape[1], width) if self.return_sequences else (shape[0], width)
        if self.return_state:
            return [output, *self._state_shapes(shape[0]).values()]
        return output

    # --- telling, saving ----------------------------------------------------

    @property
    def choice(self) -> Choice:
        """The executor that runs, and why."""
        _ = self.cell
        return self._choice

    @property
    def named_weights(self) -> dict[str, Any]:
        """The weights by name, such as ``forget.x`` and ``candidate.reset*h_prev``."""
        _ = self.cell
        return dict(self._variables)

    def explain(self) -> str:
        """Return in words which executor runs and why, its products, and what is hoisted."""
        cell, choice = self.cell, self.choice
        lines = [
            f"{cell.spec.name}, {cell.units} units: executor {choice.executor} ({choice.reason})"
        ]
        if choice.executor == "fused":
            plan = plans.make(cell, cell.output.signals)
            hoisted = [n.name for n in cell.nodes if n.hoisted]
            for group in plan.groups:
                gates = ", ".join(n.name for n, _ in group.members)
                lines.append(
                    f"  one product per step of {group.text}, {group.width} wide, for {gates}"
                )
            before = [f"{r.text} for {n.name}" for n in cell.nodes for r in n.reads if r.hoisted]
            lines.append(f"  before the loop: {', '.join(before) or 'nothing'}")
            lines.append(
                "  signals without a state, computed for all steps at once: "
                f"{', '.join(hoisted) or 'none'}"
            )
        policy = f"products in {self.compute_dtype}, everything else in {self.variable_dtype}"
        return "\n".join([*lines, f"  {policy}"])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` builds the layer from: the resolved cell, not its name."""
        config = super().get_config()
        config.pop("autocast", None)
        return {
            **config,
            "cell": self.spec.canonical(),
            "units": self.units,
            "output_unit": self.output_unit.canonical(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "executor": self.executor,
            "seed": self.seed,
        }

    def save_own_variables(self, store: Any) -> None:
        """Write the weights under their names."""
        for name, variable in self._variables.items():
            store[name.replace("/", ":")] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read the weights by name.

        Raises:
            ValueError: the file holds other weights than this cell has; both lists are shown.
        """
        own = {name.replace("/", ":"): variable for name, variable in self._variables.items()}
        found = set(store.keys())
        if found != set(own):
            raise CellError(
                f"the file does not hold the weights of cell {self.spec.name!r}.\n"
                f"  in the file: {listed(found, 60)}\n"
                f"  in the layer: {listed(own, 60)}"
            )
        for name, variable in own.items():
            variable.assign(store[name])


def _spec(
    cell: Any, gates: Mapping[str, Any], options: Mapping[str, Any], catalogue: Catalogue
) -> CellSpec:
    spec = cell if isinstance(cell, CellSpec) else load_cell(cell, catalogue)
    if not gates and not options:
        return spec
    config = {**spec.canonical(), **options}
    members = dict(config["gates"])
    for role, gate in gates.items():
        place = spec.role(role)
        members[place] = gate if not isinstance(gate, str) else {"kind": gate}
    return read_cell({**config, "gates": members}, catalogue)


def _features(shape: Any, spec: CellSpec) -> int:
    if shape is None or len(shape) != 3 or not shape[2]:
        raise DataError(
            f"the cell {spec.name!r} reads batch x time x features, and the input has the shape "
            f"{shape}; features must be known and at least 1"
        )
    return int(shape[2])


def _check_float(which: str, dtype: str) -> None:
    allowed = ("float16", "bfloat16", "float32", "float64")
    if dtype not in allowed:
        raise ConfigError(
            f"{which} {dtype!r} is not supported; use one of {', '.join(allowed)} or a mixed policy"
        )


_WORDS = {
    "**": "_power_",
    "*": "_times_",
    "/": "_over_",
    "+": "_plus_",
    "(": "_of_",
    ")": "_",
    ",": "_and_",
}


def _scope_name(name: str) -> str:
    """Return the weight's name as TensorFlow's scopes allow it; optimizers name theirs by it."""
    for sign, word in _WORDS.items():
        name = name.replace(sign, word)
    return name


def _given(value: Any) -> Any:
    def initializer(shape: Any, dtype: Any = None) -> Any:
        return tf.cast(tf.constant(np.asarray(value).reshape(shape)), dtype)

    return initializer

"""The Keras layer: any cell, as easy to use as `keras.layers.LSTM`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ..cell.errors import CellError, ConfigError, listed
from ..cell.graph import Cell, build
from ..cell.spec import CellSpec, read_output_unit
from ..registry import catalogue as registered
from . import tuned
from .arguments import check_float, checked_units, features_of, specification
from .call import Call, compute, is_noisy
from .choose import Choice, Setting, choose
from .dry_run import dry_run
from .executors import Executor
from .explain import explain
from .initial import draw
from .inputs import checked_inputs, checked_mask, checked_states
from .noise import scrambled
from .regularizers import Rules
from .states import first_states, state_names, state_shapes
from .weights import scope_name, starting_at, weight_values


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
        executor: ``auto``, or one by name: ``fused``, ``reference``, ``unroll``, ``affine``,
            ``scan``, ``cudnn``.
        remat: whether the backward pass computes the steps again, from states that are kept every
            sqrt(time) steps: less memory, more time.
        dropout: rate of the input's dropout, one mask per sequence; None keeps the cell's.
        recurrent_dropout: rate of dropout on recurrent reads, one mask per sequence; None keeps the
            cell's.
        zoneout: rates by state; None keeps the cell's.
        learned_initial_state: states whose first value is learned; None keeps the cell's.
        regularizers: of the weights: ``{"kernel":, "recurrent":, "bias":}`` for all gates, and
            ``{GATE: {"recurrent": ...}}`` for one; each a name such as ``"l2"``,
            ``{"kind": "l2", "l2": 1e-4}``, a `keras.Regularizer`, or None for none. They take
            precedence over the cell's.
        constraints: the same for constraints, such as ``{"kernel": "unit_norm"}``.
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
        remat: bool = False,
        dropout: float | None = None,
        recurrent_dropout: float | None = None,
        zoneout: Mapping[str, float] | None = None,
        learned_initial_state: Sequence[str] | None = None,
        regularizers: Mapping[str, Any] | None = None,
        constraints: Mapping[str, Any] | None = None,
        seed: int | None = None,
        plugins: Sequence[str] = (),
        **keras_options: Any,
    ) -> None:
        # Keras would cast inputs to the compute type; only matrix products may run in it.
        keras_options["autocast"] = False
        super().__init__(**keras_options)
        self.units = checked_units(units)
        self._catalogue = registered(tuple(plugins))
        options = {
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "zoneout": zoneout,
            "learned_initial_state": learned_initial_state,
        }
        spec = specification(cell, gates or {}, options, self._catalogue)
        rules = {"regularizers": regularizers, "constraints": constraints}
        self._rules = Rules(spec, rules, self._catalogue)
        self.spec = self._rules.spec
        self.output_unit = read_output_unit(output_unit, self._catalogue)
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.executor = executor
        self.remat = bool(remat)
        self.seed = seed
        self.supports_masking = True
        self._drawn_seed = random.randint(1, 10**9) if seed is None else int(seed)
        self._noise = keras.random.SeedGenerator(self._drawn_seed)
        self._cell: Cell | None = None
        self._variables: dict[str, Any] = {}
        self._kept: list[Any] = []
        for name in ("compute_dtype", "variable_dtype"):
            check_float(name, getattr(self, name))

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
        return state_names(self.cell)

    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs ``batch x time x features``.

        Raises:
            DataError: the shape is not that of a sequence of vectors.
            CellError: the cell cannot have these sizes.
        """
        shape = input_shape["x"] if isinstance(input_shape, Mapping) else input_shape
        features = features_of(shape, self.spec)
        cell = build(self.spec, self.units, features, self.output_unit)
        self._cell = cell
        self._setting = Setting(device(), self.compute_dtype, self.variable_dtype)
        choice = choose(
            self.executor, cell, self._setting, remat=self.remat, tuned=tuned.from_environment()
        )
        self._executor = Executor(cell, choice, self._setting, self.remat)
        # On a GPU Keras would compile the model by XLA, which has no cuDNN.
        self.supports_jit = choice.executor != "cudnn"
        dry_run(cell)
        values = draw(cell, self._drawn_seed)
        for weight in cell.weights:
            value = values[weight.name]
            self._variables[weight.name] = self.add_weight(
                name=scope_name(weight.name),
                shape=weight.shape,
                initializer=starting_at(value),
                trainable=weight.trainable,
                dtype=self.variable_dtype,
                autocast=False,
                **self._rules.of(weight),
            )
        if self.stateful:
            if shape[0] is None:
                raise ConfigError(
                    "stateful=True needs the batch size: give the model "
                    "keras.Input(batch_shape=(batch, time, features))"
                )
            for name, state_shape in state_shapes(cell, int(shape[0])).items():
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
        return first_states(self.cell, batch_size, self._variables, self.variable_dtype)

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
            training: whether dropout and zoneout draw; where it is false nothing is kept for a
                gradient, and one that is wanted all the same costs a second forward pass.

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
            shapes = state_shapes(cell, arrays["x"].shape[0])
            matrices = {s.name: s.shape for s in cell.states if len(s.shape) > 1}
            first.update(checked_states(initial_state, shapes, matrices, self.variable_dtype))
            noisy = is_noisy(cell, bool(training))
            called = Call(
                cell=cell,
                weights=weight_values(cell, self._variables, self.variable_dtype),
                inputs=arrays,
                mask=mask,
                first=first,
                seed=scrambled(self._noise.next()) if noisy else None,
                training=bool(training),
                go_backwards=self.go_backwards,
                return_sequences=self.return_sequences,
                matmul_dtype=tf.as_dtype(self.compute_dtype),
            )
            outputs, states = compute(called, self._executor.run)
        if self.stateful:
            for variable, name in zip(self._kept, self.state_names, strict=True):
                variable.assign(states[name])
        outputs = tf.cast(outputs, self.compute_dtype)
        if self.return_state:
            return [outputs, *(states[n] for n in self.state_names)]
        return outputs

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
            features = features_of(shape, self.spec)
            self._cell = build(self.spec, self.units, features, self.output_unit)
        width = self.cell.output.width
        output = (shape[0], shape[1], width) if self.return_sequences else (shape[0], width)
        if self.return_state:
            return [output, *state_shapes(self.cell, shape[0]).values()]
        return output

    # --- telling, saving ----------------------------------------------------

    @property
    def choice(self) -> Choice:
        """The executor that runs, the mode in which it is fastest, and why."""
        _ = self.cell
        return self._executor.choice

    @property
    def named_weights(self) -> dict[str, Any]:
        """The weights by name, such as ``forget.x`` and ``candidate.reset*h_prev``."""
        _ = self.cell
        return dict(self._variables)

    def explain(self) -> str:
        """Return in words which executor runs and why, its products, and what is hoisted."""
        return explain(self.cell, self.choice, self._setting, self.remat)

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
            "remat": self.remat,
            "seed": self.seed,
            **self._rules.config(),
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


def device() -> str:
    """Return what TensorFlow computes on: ``gpu`` where it sees one, else ``cpu``."""
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"

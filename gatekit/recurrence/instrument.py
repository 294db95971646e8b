"""Records each signal of a layer in a call, and the gradient of the loss with respect to states."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.graph import Cell
from gatekit.recurrence.executors.linear.recurrence import values_before
from gatekit.recurrence.layers.rnn import RNN

from .emission import projections
from .executors import reference
from .masking import harmless
from .problem import Problem, Solution
from .step import compute


class Instrumented:
    """Replaces a layer's executor with the reference executor, and stores every signal.

    Args:
        layer: the layer.
        source: marks a tensor as a source of gradients: ``tape.watch``.

    Attributes:
        perturbations: zeros added to each state, ``time x batch x width``. The gradient with
            respect to them is the gradient with respect to the state, through everything that reads
            it.
        sequences: every signal and state, and the projections of the output unit, ``time x batch x
            width``, in the order in which the executor runs the steps; see `in_time`.
        mask: ``time x batch x 1``, true where valid, or None.
    """

    def __init__(self, layer: RNN, source: Callable[[Tensor], None]) -> None:
        self.cell: Cell = layer.cell
        self.choice = layer.choice
        self._source, self._backwards = source, layer.go_backwards
        self.perturbations: Mapping[str, Tensor] = {}
        self.sequences: Mapping[str, Tensor] = {}
        self._problem: Problem | None = None

    def run(self, problem: Problem) -> Solution:
        """Solve a call, and store its signals."""
        shape = tf.shape(problem.inputs["x"])
        like = problem.inputs["x"].dtype
        self.perturbations = {
            state.name: tf.zeros([shape[0], shape[1], state.width], like)
            for state in self.cell.states
        }
        for perturbation in self.perturbations.values():
            self._source(perturbation)
        states = (state.name for state in self.cell.states)
        every = dict.fromkeys([*(node.name for node in self.cell.nodes), *states])
        self._problem = dataclasses.replace(
            problem, wanted=tuple(every), perturbations=self.perturbations
        )
        solution = reference.run(self._problem)
        env = {**problem.inputs, **solution.sequences}
        own = projections(self.cell, env, problem.weights, problem.matmul_dtype)
        self.sequences = {**solution.sequences, **own}
        return solution

    @property
    def mask(self) -> Tensor:
        """The mask in the order in which the executor runs the steps, or None."""
        assert self._problem is not None
        return self._problem.mask

    def in_time(self, sequence: Tensor) -> Tensor:
        """Return a sequence in the order of the data's time; a layer may run backwards."""
        return tf.reverse(sequence, [0]) if self._backwards else sequence

    def kept(self) -> dict[tuple[str, str], tuple[Tensor, Tensor]]:
        r"""Return the share of each state that is passed on to the next step, with gates constant.

        This is $\partial s_t[i] / \partial r_{t-1}[i]$ for states s, r of the same width that are
        computed by equations: the value of the forget gate for c of an LSTM, and of the update gate
        for h of a GRU. What an equation has within ``stop`` is held constant, too.

        Returns:
            By the names of s and r: the share, ``time x batch x width``, and whether the equations
            mix units, in which case there is no share for a single unit. Pairs are omitted if s
            does not depend on r.
        """
        assert self._problem is not None
        problem, cell = self._problem, self.cell
        env: dict[str, Tensor] = {**cell.constants, **problem.weights, **problem.inputs}
        past: dict[str, Tensor] = {}
        shares: dict[tuple[str, str], tuple[Tensor, Tensor]] = {}
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            for state in cell.states:
                before = values_before(
                    self.sequences[state.name],
                    problem.states[state.name],
                    problem.resets,
                    problem.reset_values.get(state.name),
                )
                past[state.name] = harmless(problem.mask, before)
                tape.watch(past[state.name])
                env[f"{state.name}_prev"] = past[state.name]
            for node in cell.nodes:
                if node.declared is None:
                    compute(problem, node.signals, env, problem.inputs["x"])
                    continue
                for name in (node.name, *(key for _, key in node.own_states)):
                    env[name] = self.sequences[name]
            # If units do not mix, multiplying by signs here and again below changes nothing.
            signed = {s.name: env[s.name] * _signs(s.width, env[s.name].dtype) for s in cell.states}
        for state in cell.states:
            alike = {n: p for n, p in past.items() if p.shape[-1] == state.width}
            plain = tape.gradient(env[state.name], alike)
            other = tape.gradient(signed[state.name], alike)
            for name, share in plain.items():
                if share is not None:
                    again = other[name] * _signs(state.width, share.dtype)
                    scale = tf.reduce_max(tf.abs(share))
                    mixes = tf.reduce_max(tf.abs(share - again)) > 1e-4 * scale
                    shares[state.name, name] = (share, mixes)
        return shares


@contextlib.contextmanager
def instrumented(
    layers: Sequence[RNN], source: Callable[[Tensor], None]
) -> Iterator[dict[str, Instrumented]]:
    """Instrument layers while a model is called, and restore their executors afterwards.

    Args:
        layers: built layers.
        source: ``tape.watch`` of the tape under which the model is called.

    Yields:
        The instrument of each layer, by the layer's name.
    """
    executors = [layer._executor for layer in layers]
    instruments = {layer.name: Instrumented(layer, source) for layer in layers}
    try:
        for layer in layers:
            layer._executor = instruments[layer.name]  # type: ignore[assignment]
        yield instruments
    finally:
        for layer, executor in zip(layers, executors, strict=True):
            layer._executor = executor


def _signs(width: int, dtype: tf.DType) -> Tensor:
    """Return fixed pseudo-random signs, a pattern that an equation is unlikely to have."""
    return tf.constant(np.random.default_rng(0).choice([-1.0, 1.0], width), dtype)

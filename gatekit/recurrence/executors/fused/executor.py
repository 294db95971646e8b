"""The fused executor: a few large products, and one gradient for the whole recurrence.

Before the loop, the reads of inputs are one matrix product over time x batch (`tensors`), unless
they enter the products of each step. The loop computes one product per recurrent read (`forward`).
Its gradient is a second loop (`backward`).
This module joins both as a custom gradient; every tensor is an explicit argument of it.

With ``remat=True``, only the states between chunks of steps are kept: about sqrt(T) states for T
steps. The backward pass runs each chunk again and then its gradient, at the cost of one more
forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.first_order import first_order, refusal
from gatekit.recurrence.packing import stacked
from gatekit.recurrence.problem import Problem, Solution, Tensors

from .backward import DifferentiableLoop
from .residuals import Residuals
from .schedule import LoopSchedule
from .tensors import LoopTensors


@tf.autograph.experimental.do_not_convert
def run(problem: Problem, schedule: LoopSchedule) -> Solution:
    """Return the sequences and last states of the recurrence.

    Args:
        problem: the call, time first.
        schedule: how the cell is arranged; `scheduler.make(cell, wanted)`.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    loop = DifferentiableLoop(problem, schedule)

    def forward(tensors: LoopTensors) -> tuple[Solution, Residuals | None]:
        # A call outside training stores no residuals. If its gradient is taken anyway, `backward`
        # runs the forward pass again.
        return loop.forward(tensors) if problem.training else (loop.outputs_only(tensors), None)

    def backward(
        tensors: LoopTensors, residuals: Residuals | None, cotangents: Solution
    ) -> LoopTensors:
        saved = loop.forward(tensors)[1] if residuals is None else residuals.readable()
        return loop.backward(tensors, saved, cotangents)

    message = refusal("the fused executor", "executor='reference'")
    return first_order(forward, backward, message)(loop.tensors)


@tf.autograph.experimental.do_not_convert
def run_in_chunks(problem: Problem, schedule: LoopSchedule) -> Solution:
    """Return the sequences and last states of the recurrence, as `run` does, in less memory.

    Args:
        problem: the call, time first.
        schedule: how the cell is arranged; `scheduler.make(cell, wanted)`.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    chunks = _ChunkedCall(problem, schedule)
    message = refusal("remat=True", "executor='reference' and without remat")
    return first_order(chunks.forward, chunks.backward, message)(chunks.tensors)


@dataclass(frozen=True)
class _CallTensors(Tensors):
    """Every tensor of a call that may have a gradient, by name."""

    inputs: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]
    states: Mapping[str, Tensor]
    reset_values: Mapping[str, Tensor]


class _ChunkedCall:
    """One call, cut into chunks of equal length; the last one is padded with masked steps."""

    def __init__(self, problem: Problem, schedule: LoopSchedule) -> None:
        self.problem, self.schedule = problem, schedule
        x = problem.inputs["x"]
        self.time, self.batch = x.shape[0], x.shape[1]
        self.steps = tf.shape(x)[0] if self.time is None else self.time
        if self.time is None:
            root = tf.cast(tf.math.ceil(tf.sqrt(tf.cast(self.steps, tf.float32))), tf.int32)
            self.length = tf.maximum(root, 1)
        else:
            self.length = max(math.isqrt(max(self.time - 1, 0)) + 1, 1)
        self.count = (self.steps + self.length - 1) // self.length
        self.filled = self.count * self.length
        self.full = self.time is not None and self.filled == self.time
        self.tensors = _CallTensors(
            problem.inputs, problem.weights, problem.states, problem.reset_values
        )
        self.resets = None if problem.resets is None else self.cut(problem.resets)

    def cut(self, sequence: Tensor, filler: Tensor = None) -> Tensor:
        """Return a sequence as ``chunks x length x ...``.

        Args:
            sequence: ``time x batch x ...``.
            filler: ``batch x ...``, repeated as padding; None for zeros (or False).
        """
        if not self.full:
            more = self.filled - self.steps
            if filler is None:
                filler = tf.zeros(tf.shape(sequence)[1:], sequence.dtype)
            shape = tf.concat([[more], tf.shape(filler)], 0)
            sequence = tf.concat([sequence, tf.broadcast_to(filler, shape)], 0)
        shape = tf.concat([[self.count, self.length], tf.shape(sequence)[1:]], 0)
        cut = tf.reshape(sequence, shape)
        length = None if self.time is None else self.length
        return tf.ensure_shape(cut, [None, length, *sequence.shape[1:]])

    def cut_inputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the inputs in chunks; a padded step has those of the first step.

        Padded steps are masked. They need operands at which no slope is infinite, as masked steps
        do; see `Problem.operands`.
        """
        return {
            name: self.cut(sequence, tf.reduce_sum(sequence[:1], 0))
            for name, sequence in inputs.items()
        }

    def join(self, array: tf.TensorArray, like: Sequence[int | None]) -> Tensor:
        """Join an array of chunks to one sequence, without the padding."""
        batch = tf.shape(self.problem.inputs["x"])[1]
        whole = stacked(array, [self.length, batch, like[-1]])
        flat = tf.reshape(whole, [self.filled, batch, like[-1]])
        return tf.ensure_shape(flat[: self.steps], [self.time, *like])

    def mask(self) -> Tensor:
        """Return the mask cut into chunks, with false at padded steps."""
        mask = self.problem.mask
        if mask is not None:
            return self.cut(mask)
        if self.full:
            return None
        ones = tf.ones([self.steps, tf.shape(self.problem.inputs["x"])[1], 1], tf.bool)
        return self.cut(tf.ensure_shape(ones, [self.time, self.batch, 1]))

    def chunk(self, index: Tensor, mask: Tensor, tensors: _CallTensors) -> Problem:
        """Return the problem of one chunk.

        Args:
            index: the index of the chunk.
            mask: the mask of all chunks.
            tensors: inputs of all chunks, weights, and the states before this chunk.
        """
        seed = self.problem.seed
        if seed is not None:
            # Draws depend on the step, but a chunk counts its steps from 0.
            seed = tf.stack([seed[0], seed[1] + index * self.length])
        return replace(
            self.problem,
            inputs={name: sequence[index] for name, sequence in tensors.inputs.items()},
            mask=None if mask is None else mask[index],
            weights=tensors.weights,
            states=tensors.states,
            seed=seed,
            resets=None if self.resets is None else self.resets[index],
            reset_values=tensors.reset_values,
            safe_states=self.problem.safe_states or self.problem.states,
        )

    def forward(self, tensors: _CallTensors) -> tuple[Solution, list[Tensor]]:
        """Return the solution, and as residuals the states before each chunk."""
        inputs, weights, states = tensors.inputs, tensors.weights, tensors.states
        cut = self.cut_inputs(inputs)
        mask, names, reset_values = self.mask(), list(states), tensors.reset_values
        widths = self.problem.cell.widths
        dtype = self.problem.inputs["x"].dtype
        length = None if self.time is None else self.length

        def array(*shape: int | None) -> tf.TensorArray:
            return tf.TensorArray(dtype, size=self.count, element_shape=list(shape))

        def body(
            index: Tensor,
            now: list[Tensor],
            borders: list[tf.TensorArray],
            arrays: list[tf.TensorArray],
        ) -> tuple[object, ...]:
            before = dict(zip(names, now, strict=True))
            problem = self.chunk(index, mask, _CallTensors(cut, weights, before, reset_values))
            solution = run(problem, self.schedule)
            borders = [b.write(index, v) for b, v in zip(borders, now, strict=True)]
            values = solution.sequences.values()
            arrays = [a.write(index, v) for a, v in zip(arrays, values, strict=True)]
            return index + 1, [solution.states[n] for n in names], borders, arrays

        borders = [array(self.batch, s.shape[1]) for s in states.values()]
        arrays = [array(length, self.batch, widths[n]) for n in self.problem.wanted]
        _, last, borders, arrays = tf.while_loop(
            lambda index, *_: index < self.count,
            body,
            (tf.constant(0), list(states.values()), borders, arrays),
            maximum_iterations=self.count,
            parallel_iterations=1,
        )
        sequences = {
            n: self.join(a, [self.batch, widths[n]])
            for n, a in zip(self.problem.wanted, arrays, strict=True)
        }
        solution = Solution(sequences, dict(zip(names, last, strict=True)))
        batch = tf.shape(self.problem.inputs["x"])[1]
        pairs = zip(borders, states.values(), strict=True)
        return solution, [stacked(border, [batch, s.shape[1]]) for border, s in pairs]

    def backward(
        self, tensors: _CallTensors, borders: list[Tensor], cotangents: Solution
    ) -> _CallTensors:
        """Return the gradients of inputs, weights and initial states."""
        inputs, weights, states = tensors.inputs, tensors.weights, tensors.states
        cut = self.cut_inputs(inputs)
        mask, names = self.mask(), list(states)
        outside = [self.cut(cotangents.sequences[n]) for n in self.problem.wanted]
        length = None if self.time is None else self.length

        def body(
            turn: Tensor, handed: list[Tensor], sums: list[Tensor], arrays: list[tf.TensorArray]
        ) -> tuple[object, ...]:
            index = self.count - 1 - turn
            before = {n: border[index] for n, border in zip(names, borders, strict=True)}
            # Copies, so that the tape watches the tensors of this chunk only.
            own = {name: tf.identity(weight) for name, weight in weights.items()}
            reset_values = {
                name: tf.identity(value) for name, value in tensors.reset_values.items()
            }
            problem = self.chunk(index, mask, _CallTensors(cut, own, before, reset_values))
            summed = [*own.values(), *reset_values.values()]
            sources = [*problem.inputs.values(), *summed, *before.values()]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(sources)
                solution = run(problem, self.schedule)
            gradients = tape.gradient(
                [*solution.sequences.values(), *(solution.states[n] for n in names)],
                sources,
                output_gradients=[*(d[index] for d in outside), *handed],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            of_inputs, gradients = gradients[: len(cut)], gradients[len(cut) :]
            arrays = [a.write(index, d) for a, d in zip(arrays, of_inputs, strict=True)]
            sums = [s + d for s, d in zip(sums, gradients[: len(summed)], strict=True)]
            return turn + 1, gradients[len(summed) :], sums, arrays

        arrays = [
            tf.TensorArray(s.dtype, size=self.count, element_shape=[length, *s.shape[1:]])
            for s in inputs.values()
        ]
        _, first, sums, arrays = tf.while_loop(
            lambda turn, *_: turn < self.count,
            body,
            (
                tf.constant(0),
                [cotangents.states[n] for n in names],
                [tf.zeros_like(w) for w in (*weights.values(), *tensors.reset_values.values())],
                arrays,
            ),
            maximum_iterations=self.count,
            parallel_iterations=1,
        )
        return _CallTensors(
            {n: self.join(a, inputs[n].shape[1:]) for n, a in zip(inputs, arrays, strict=True)},
            dict(zip(weights, sums[: len(weights)], strict=True)),
            dict(zip(names, first, strict=True)),
            dict(zip(tensors.reset_values, sums[len(weights) :], strict=True)),
        )

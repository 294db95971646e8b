r"""The backward loop of the fused executor, and the adjoint of each part of a step.

It replays only the row-wise part, from saved pre-activations and states. TensorFlow differentiates
that part. The loop saves the gradients of pre-activations, from which `weight_gradients` computes
the gradients of weights after the loop.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.language.expression import Name, evaluate
from gatekit.recurrence.packing import bound, side_by_side, split, unstack
from gatekit.recurrence.problem import Solution

from .forward import Loop
from .residuals import Arrays, Residuals, Values
from .schedule import StepProduct, layout_with_gradient
from .tensors import LoopTensors
from .weight_gradients import WeightGradients, saved_entries


@dataclass(frozen=True)
class _Replayed:
    """A stage that was computed again.

    Args:
        tape: the tape that recorded it.
        inputs: the values and sums of products that it read, by key.
        row_wise_weights: the row-wise weights that it read, by name.
        outputs: its values that later stages and the new states read, by key.
        operands: the operands that are not a plain value, by the key of their product.
    """

    tape: tf.GradientTape
    inputs: Values
    row_wise_weights: Values
    outputs: Values
    operands: Values


class DifferentiableLoop(Loop):
    """A forward loop with its gradient.

    Within a step, a mapping accumulates gradients: ``NAME`` is the gradient of a signal or a new
    state, and ``NAME_prev`` that of a state before the step. A group's key is the gradient of its
    sums, and a product's key that of its operand.
    """

    def backward(
        self, tensors: LoopTensors, residuals: Residuals, cotangents: Solution
    ) -> LoopTensors:
        """Return the gradients of all tensors.

        Args:
            tensors: the call's tensors.
            residuals: the residuals of `forward`.
            cotangents: the gradients of the solution.
        """
        schedule, problem, names = self.schedule, self.problem, self.state_names
        layout = layout_with_gradient(schedule)
        transposed = self.transposed(tensors)
        constant: dict[str, Tensor] = {**self.cell.constants, **tensors.weights}
        for name in schedule.row_wise_weights:
            constant[name] = self.per_row(constant[name])
        rows = self.rows(tensors)
        outside_steps = None
        if problem.wanted:
            wanted = [cotangents.sequences[name] for name in problem.wanted]
            outside_steps = unstack(tf.concat(wanted, -1), self.static)
        adjoints = self.residuals(layout, saved_entries(schedule), ())
        reader, read = residuals.backwards(layout.prefetch_backward)

        def body(
            step: Tensor,
            reader: object,
            dstates: tuple[Tensor, ...],
            dweights: tuple[Tensor, ...],
            dreset_values: dict[str, Tensor],
            arrays: Arrays,
        ) -> tuple[object, ...]:
            # The gradients from outside and from the next step, and the operands of this step.
            outside: dict[str, Tensor] = {}
            if outside_steps is not None:
                outside = split(outside_steps.read(step), problem.wanted, self.cell.widths)
            saved, reader = read(reader, step)
            env = {**constant, **self.row(rows, step)}
            entering = self.entering({n: saved[n] for n in names}, step, tensors)
            valid = None if problem.mask is None else problem.mask[step]
            operands = problem.operands(entering, valid)
            env.update({f"{n}_prev": value for n, value in operands.items()})
            gradients = self.updated_adjoint(step, dstates, outside)
            row_wise = dict(zip(schedule.row_wise_weights, dweights, strict=True))
            # Compute the stages again, each under its own tape; then go back through them.
            now: dict[str, Tensor] = {}
            replayed = self.replay(env, saved, tensors)
            for stage, again in zip(reversed(schedule.stages), reversed(replayed), strict=True):
                for product in stage.products:
                    now.update(self.product_adjoint(product, gradients, transposed[product.key]))
                self.stage_adjoint(again, gradients, row_wise)
            # Save what the gradients after the loop need; return what the previous step needs.
            for key in schedule.extra_sequences:
                like = self.zeros(schedule.widths[key])
                now[f"d:{key}"] = gradients.get(key, like)
            for key, (expr, _) in schedule.saved_operands.items():
                now[key] = evaluate(expr, env, self.cell.spec.functions)
            dprev = {n: gradients.get(f"{n}_prev", self.zeros(self.cell.widths[n])) for n in names}
            if problem.resets is not None:
                dprev, dreset_values = self.entering_adjoint(
                    dprev, dreset_values, problem.resets[step]
                )
            arrays = adjoints.write(arrays, step, {}, now)
            dweights = tuple(row_wise.values())
            return step - 1, reader, tuple(dprev.values()), dweights, dreset_values, arrays

        last = tuple(cotangents.states[name] for name in names)
        zeros = tuple(tf.zeros_like(constant[n]) for n in schedule.row_wise_weights)
        dreset_values = {name: tf.zeros_like(value) for name, value in tensors.reset_values.items()}
        _, _, dfirst, dweights, dreset_values, arrays = tf.while_loop(
            lambda step, *_: step >= 0,
            body,
            (self.steps - 1, reader, last, zeros, dreset_values, adjoints.start({})),
            maximum_iterations=bound(self.steps),
            parallel_iterations=1,
        )
        after = WeightGradients(self, tensors, residuals, adjoints.finish(arrays, {}))
        return after.all(
            dict(zip(names, dfirst, strict=True)),
            dict(zip(schedule.row_wise_weights, dweights, strict=True)),
            dreset_values,
        )

    def transposed(self, tensors: LoopTensors) -> dict[str, Tensor]:
        """Return the transposed recurrent matrix of each product, computed once for all steps."""
        matrices = {}
        for product in self.schedule.products:
            recurrent = tensors.matrices[product.key][self.input_rows(product, tensors) :]
            recurrent = tf.cast(recurrent, self.problem.matmul_dtype)
            matrices[product.key] = tf.transpose(recurrent)
        return matrices

    def per_row(self, weight: Tensor) -> Tensor:
        """Return a vector repeated per row; its gradient is summed over rows after the loop."""
        if weight.shape.rank != 1:
            return weight
        return tf.broadcast_to(weight, tf.stack([self.batch, weight.shape[0]]))

    def zeros(self, width: int) -> Tensor:
        """Return zeros for each row."""
        return tf.zeros(tf.stack([self.batch, width]), self.dtype)

    # --- the adjoint of each part of a step ---------------------------------

    def updated_adjoint(
        self, step: Tensor, dstates: tuple[Tensor, ...], outside: Values
    ) -> dict[str, Tensor]:
        """Return the gradients at the end of a step, through mask and zoneout.

        Args:
            step: the index of the step.
            dstates: the gradients of the states from the next step.
            outside: the gradients of the wanted signals at this step.
        """
        problem = self.problem
        gradients: dict[str, Tensor] = {}
        valid = None if problem.mask is None else problem.mask[step]
        for index, (state, d) in enumerate(zip(self.cell.states, dstates, strict=True)):
            if state.name in outside:
                d = d + outside[state.name]
            of_new, of_old = self.hold(step, index, valid).adjoint(d)
            if of_old is not None:
                gradients[f"{state.name}_prev"] = of_old
            gradients[state.name] = of_new
        gradients.update({name: d for name, d in outside.items() if name not in self.state_names})
        return gradients

    def entering_adjoint(
        self, dprev: dict[str, Tensor], dreset_values: dict[str, Tensor], reset: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the gradients of the states after the previous step, and of initial states so far.

        Args:
            dprev: the gradients of the states that the step starts from, by name.
            dreset_values: the gradients of learned initial states from later steps, by name.
            reset: ``batch x 1``, true where the step starts from initial states.
        """
        zero = tf.zeros([], self.dtype)
        dreset_values = {n: d + tf.where(reset, dprev[n], zero) for n, d in dreset_values.items()}
        return {n: tf.where(reset, zero, d) for n, d in dprev.items()}, dreset_values

    def product_adjoint(
        self, product: StepProduct, gradients: dict[str, Tensor], transposed: Tensor
    ) -> dict[str, Tensor]:
        r"""Add $\bar u = \bar z W_u^\top$, and return $\bar z$ for the gradient of W.

        Args:
            product: the product.
            gradients: the step's gradients; those of its groups are removed.
            transposed: $W_u^\top$.
        """
        groups = {f"d:{group.key}": gradients.pop(group.key) for group in product.groups}
        d = side_by_side(list(groups.values()))
        du = tf.matmul(tf.cast(d, transposed.dtype), transposed)
        key = str(product.expr) if self.reads_plainly(product) else product.key
        _add(gradients, key, tf.cast(du, self.dtype))
        return {**groups, product.key: d}

    def stage_adjoint(
        self, stage: _Replayed, gradients: dict[str, Tensor], dweights: dict[str, Tensor]
    ) -> None:
        r"""Add $(\partial f / \partial v)^\top \bar s$ for every operand v of a stage.

        Args:
            stage: the stage, with the tape that recorded it.
            gradients: the step's gradients; those of the stage's outputs are removed.
            dweights: the gradients of row-wise weights so far.
        """
        targets = {**stage.outputs, **stage.operands}
        targets = {key: value for key, value in targets.items() if key in gradients}
        if not targets:
            return
        of_sources = stage.tape.gradient(
            list(targets.values()),
            [*stage.inputs.values(), *stage.row_wise_weights.values()],
            output_gradients=[gradients.pop(key) for key in targets],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        count = len(stage.inputs)
        for key, d in zip(stage.inputs, of_sources[:count], strict=True):
            _add(gradients, key, d)
        for name, d in zip(stage.row_wise_weights, of_sources[count:], strict=True):
            dweights[name] = dweights[name] + d

    def reads_plainly(self, product: StepProduct) -> bool:
        """Return whether a product reads a plain value, so that its gradient needs no tape."""
        return isinstance(product.expr, Name) and product.text not in self.problem.dropout_masks

    def replay(
        self, env: dict[str, Tensor], saved: Values, tensors: LoopTensors
    ) -> list[_Replayed]:
        """Compute each stage again under its own tape, from copies of its inputs.

        Args:
            env: values by key; the values that the stages compute are added.
            saved: the residuals of the step.
            tensors: the call's tensors.
        """
        stages = []
        for stage in self.schedule.stages:
            # Copies, so that this tape can watch values that an earlier stage's tape recorded.
            inputs = {key: tf.identity(env[key]) for key in stage.needs}
            weights = {name: tf.identity(env[name]) for name in stage.row_wise_weights}
            sums = {group.key: tf.identity(saved[group.key]) for group in stage.arrivals}
            local = {**env, **inputs, **sums, **weights}
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([inputs, weights, sums])
                self.compute_stage(stage, local, sums, tensors)
                operands = {}
                for product in stage.products:
                    if not self.reads_plainly(product):
                        u = evaluate(product.expr, local, self.cell.spec.functions)
                        operands[product.key] = self.dropped(product.text, u, tensors)
            outputs = {key: local[key] for key in stage.gives}
            env.update(outputs)
            env.update({k: v for k, v in local.items() if k not in env})
            stages.append(_Replayed(tape, {**inputs, **sums}, weights, outputs, operands))
        return stages


def _add(gradients: dict[str, Tensor], key: str, value: Tensor) -> None:
    gradients[key] = gradients[key] + value if key in gradients else value

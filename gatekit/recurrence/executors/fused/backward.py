"""The backward loop of the fused executor.

It replays only the row-wise part, from saved pre-activations and states, differentiates it by
TensorFlow, and saves the gradients of pre-activations; `weight_gradients` forms the gradients of
weights from them, after the loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from gatekit.cell.language.expression import Name, evaluate
from gatekit.recurrence.compiled import bound
from gatekit.recurrence.packing import side_by_side, split, unstack
from gatekit.recurrence.problem import Solution

from .forward import Loop
from .residuals import Residuals, residuals_for
from .schedule import Product
from .tensors import LoopTensors
from .weight_gradients import WeightGradients, logged_entries


class DifferentiableLoop(Loop):
    """A forward loop with its gradient."""

    def backward(
        self, tensors: LoopTensors, residuals: Residuals, cotangents: Solution
    ) -> LoopTensors:
        """Return the gradients of all tensors.

        Args:
            tensors: the call's tensors.
            residuals: what `forward` has saved.
            cotangents: the gradients of the solution.
        """
        plan, problem, names = self.plan, self.problem, self.names
        # Transposed once here, not in every product of the loop.
        matrices = {}
        for made in plan.products:
            own = tensors.matrices[made.key][self.fed_rows(made, tensors) :]
            matrices[made.key] = tf.transpose(tf.cast(own, problem.matmul_dtype))
        base = self.base(tensors)
        for name in plan.parameters:
            base[name] = self.per_row(base[name])
        rows = self.unstacked(tensors)
        flows = None
        if problem.wanted:
            outside = [cotangents.sequences[name] for name in problem.wanted]
            flows = unstack(tf.concat(outside, -1), self.static)
        last = tuple(cotangents.states[name] for name in names)
        extra = [n for n in problem.wanted if n not in names]
        log = residuals_for(logged_entries(plan), (), self.steps, self.static, self.dtype)
        place, read = residuals.backwards(plan.prefetch)

        def body(
            step: Any, place: Any, dstates: tuple[Any, ...], sums: tuple[Any, ...], arrays: Any
        ) -> Any:
            flow: dict[str, Any] = {}
            if flows is not None:
                flow = split(flows.read(step), list(problem.wanted), self.cell.widths)
            now, place = read(place, step)
            env = {**base, **self.row(rows, step)}
            env.update({f"{n}_prev": now[n] for n in names})
            cot: dict[str, Any] = {}
            valid = None if problem.mask is None else problem.mask[step]
            for index, (state, d) in enumerate(zip(self.cell.states, dstates, strict=True)):
                if state.name in flow:
                    d = d + flow[state.name]
                of_new, of_old = self.hold(step, index, valid).adjoint(d)
                if of_old is not None:
                    _add(cot, f"{state.name}_prev", of_old)
                _add(cot, state.name, of_new)
            for name in extra:
                _add(cot, name, flow[name])
            dsums = list(sums)
            line: dict[str, Any] = {}
            segments = self.replay(env, now, tensors)
            for level in range(plan.depth, -1, -1):
                tape, inputs, outputs, u_values = segments[level]
                for made in plan.products_at(level):
                    found = {f"d:{g.key}": cot.pop(g.key) for g in made.groups}
                    matrix = matrices[made.key]
                    d = side_by_side(list(found.values()))
                    line.update(found)
                    line[made.key] = d
                    du = tf.matmul(tf.cast(d, matrix.dtype), matrix)
                    key = str(made.expr) if self.direct(made) else f"u:{made.key}"
                    _add(cot, key, tf.cast(du, self.dtype))
                targets = {**outputs, **u_values}
                targets = {k: v for k, v in targets.items() if k in cot}
                if not targets:
                    continue
                slopes = tape.gradient(
                    list(targets.values()),
                    list(inputs.values()),
                    output_gradients=[cot.pop(k) for k in targets],
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                for key, d in zip(inputs, slopes, strict=True):
                    if key.startswith("weight:"):
                        which = plan.parameters.index(key.removeprefix("weight:"))
                        dsums[which] = dsums[which] + d
                    else:
                        _add(cot, key, d)
            for key in plan.loose:
                like = self.zeros(plan.widths[key])
                line[f"d:{key}"] = cot.get(key, like)
            line.update(self.logged_values(env))
            dprev = tuple(cot.get(f"{n}_prev", self.zeros(self.cell.widths[n])) for n in names)
            return step - 1, place, dprev, tuple(dsums), log.write(arrays, step, {}, line)

        zeros = tuple(tf.zeros_like(base[n]) for n in plan.parameters)
        _, _, dfirst, dparameters, arrays = tf.while_loop(
            lambda step, *_: step >= 0,
            body,
            (self.steps - 1, place, last, zeros, log.start({})),
            maximum_iterations=bound(self.steps),
            parallel_iterations=1,
        )
        gradients = WeightGradients(self, tensors, residuals, log.finish(arrays, {}))
        return gradients.all(
            dict(zip(names, dfirst, strict=True)),
            dict(zip(plan.parameters, dparameters, strict=True)),
        )

    def per_row(self, parameter: Any) -> Any:
        """Return a vector once per row: its gradient is summed over rows after the loop."""
        if parameter.shape.rank != 1:
            return parameter
        return tf.broadcast_to(parameter, tf.stack([self.batch, parameter.shape[0]]))

    def zeros(self, width: int) -> Any:
        return tf.zeros(tf.stack([self.batch, width]), self.dtype)

    def direct(self, made: Product) -> bool:
        """Return whether a product reads a plain value, so that its gradient needs no tape."""
        return isinstance(made.expr, Name) and made.text not in self.problem.drops

    def replay(
        self, env: dict[str, Any], now: Mapping[str, Any], tensors: LoopTensors
    ) -> list[Any]:
        """Compute each segment again under a tape of its own, from its own inputs."""
        plan = self.plan
        segments = []
        for level in range(plan.depth + 1):
            inputs = {key: env[key] for key in plan.needs[level]}
            for name in plan.parameter_needs[level]:
                inputs[f"weight:{name}"] = env[name]
            groups = {g.key: now[g.key] for g in plan.groups_at(level - 1)}
            # An identity of its own lets an earlier segment's output be watched here too.
            inputs = {k: tf.identity(v) for k, v in {**inputs, **groups}.items()}
            local = {**env, **{k: v for k, v in inputs.items() if not k.startswith("weight:")}}
            local.update(
                {k.removeprefix("weight:"): v for k, v in inputs.items() if k.startswith("weight:")}
            )
            pre = {k: inputs[k] for k in groups}
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for value in inputs.values():
                    tape.watch(value)
                self.segment(level, local, pre, tensors)
                u_values = {}
                for made in plan.products_at(level):
                    if not self.direct(made):
                        u = evaluate(made.expr, local, self.cell.spec.functions)
                        u_values[f"u:{made.key}"] = self.dropped(made.text, u, tensors)
            outputs = {key: local[key] for key in plan.gives[level]}
            env.update(outputs)
            env.update({k: v for k, v in local.items() if k not in env})
            segments.append((tape, inputs, outputs, u_values))
        return segments

    def logged_values(self, env: Mapping[str, Any]) -> dict[str, Any]:
        """Return the replayed values that weight gradients need and that are not saved states."""
        return {
            key: evaluate(expr, env, self.cell.spec.functions)
            for key, expr in self.plan.logged_expressions.items()
        }


def _add(cot: dict[str, Any], key: str, value: Any) -> None:
    cot[key] = cot[key] + value if key in cot else value

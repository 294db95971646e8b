"""The backward loop of the fused executor.

It replays only the row-wise part, from saved pre-activations and states, differentiates it by
TensorFlow, and logs the gradients of pre-activations (`log`); all weight gradients are formed after
it, in products over time x batch (`steps`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from gatekit.cell.graph import Node
from gatekit.cell.language.expression import Name, evaluate
from gatekit.recurrence.compiled import bound
from gatekit.recurrence.packing import side_by_side, split, unstack
from gatekit.recurrence.step import apply_map

from .forward import Loop
from .kept import Kept
from .log import Log, Logged
from .schedule import STREAM, Product
from .steps import Scaled, Steps, Whole, summed_product


class DifferentiableLoop(Loop):
    """A forward loop with its gradient."""

    def backward(self, tensors: Any, saved: Kept, cotangents: Any) -> list[Any]:
        plan, problem, names = self.plan, self.problem, self.names
        # Transposed once here, not in every product of the loop.
        matrices = {}
        for made in plan.products:
            own = tensors[self.place[f"matrix:{made.key}"]][self.fed_rows(made, tensors) :]
            matrices[made.key] = tf.transpose(tf.cast(own, problem.matmul_dtype))
        base = self.base(tensors)
        for name in plan.parameters:
            base[name] = self.per_row(base[name])
        rows = self.unstacked(tensors)
        flows = (
            unstack(tf.concat(cotangents[: len(problem.wanted)], -1), self.static)
            if problem.wanted
            else None
        )
        last = tuple(cotangents[len(problem.wanted) :])
        extra = [n for n in problem.wanted if n not in names]
        log = Log(plan, self.steps, self.static, self.dtype)
        reader = saved.reader(plan.prefetch)

        def body(
            step: Any, place: Any, dstates: tuple[Any, ...], sums: tuple[Any, ...], arrays: Any
        ) -> Any:
            flow: dict[str, Any] = {}
            if flows is not None:
                flow = split(flows.read(step), list(problem.wanted), self.cell.widths)
            now, place = reader.read(place, step)
            env = {**base, **self.row(rows, step)}
            env.update({f"{n}_prev": now[n] for n in names})
            cot: dict[str, Any] = {}
            valid = None if problem.mask is None else problem.mask[step]
            for index, (state, d) in enumerate(zip(self.cell.states, dstates, strict=True)):
                if state.name in flow:
                    d = d + flow[state.name]
                self.split_update(step, index, valid, d, cot)
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
            return step - 1, place, dprev, tuple(dsums), log.write(arrays, step, line)

        zeros = tuple(tf.zeros_like(base[n]) for n in plan.parameters)
        _, _, dfirst, dparameters, arrays = tf.while_loop(
            lambda step, *_: step >= 0,
            body,
            (self.steps - 1, reader.start(), last, zeros, log.start()),
            maximum_iterations=bound(self.steps),
            parallel_iterations=1,
        )
        return self.collect(tensors, saved, log.done(arrays), dfirst, dparameters)

    def per_row(self, parameter: Any) -> Any:
        """Return a vector once per row: its gradient is summed over rows after the loop."""
        if parameter.shape.rank != 1:
            return parameter
        return tf.broadcast_to(parameter, tf.stack([self.batch, parameter.shape[0]]))

    def zeros(self, width: int) -> Any:
        return tf.zeros(tf.stack([self.batch, width]), self.dtype)

    def split_update(self, step: Any, index: int, valid: Any, d: Any, cot: dict[str, Any]) -> None:
        """Send a state's gradient to its new value and to its old one, through mask and zoneout."""
        state = self.cell.states[index]
        old = f"{state.name}_prev"
        zero = tf.zeros([], self.dtype)
        if valid is not None:
            _add(cot, old, tf.where(valid, zero, d))
            d = tf.where(valid, d, zero)
        if state.zoneout and self.problem.training:
            zoned = self.zoned(step, index)
            _add(cot, old, tf.where(zoned, d, zero))
            d = tf.where(zoned, zero, d)
        elif state.zoneout:
            _add(cot, old, state.zoneout * d)
            d = (1.0 - state.zoneout) * d
        _add(cot, state.name, d)

    def direct(self, made: Product) -> bool:
        """Return whether a product reads a plain value, so that its gradient needs no tape."""
        return isinstance(made.expr, Name) and f"drop:{made.text}" not in self.place

    def replay(self, env: dict[str, Any], now: Mapping[str, Any], tensors: Any) -> list[Any]:
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

    def collect(
        self, tensors: Any, saved: Kept, log: Logged, dfirst: Any, dparameters: Any
    ) -> list[Any]:
        """Form all gradients in the tensors' order, a matrix's in products over all steps."""
        plan = self.plan
        gradients: list[Any] = [None] * len(tensors)
        if "sequences" in self.place:
            columns = log.of([plan.gradient_key(k) for k in plan.sequences])
            gradients[self.place["sequences"]] = columns

        def read_signal(expr: Any, text: str) -> Steps:
            name = expr.name if isinstance(expr, Name) else ""
            if name.endswith("_prev") and name[:-5] in self.names:
                return saved.steps(name[:-5])
            if name in plan.widths and name in plan.sequences:
                sequence = tensors[self.place["sequences"]]
                return Whole(split(sequence, plan.sequences, plan.widths)[name])
            return log.value(f"log:{text}")

        for made in plan.products:
            left = [self.scaled(made.text, read_signal(made.expr, made.text), tensors)]
            d = log.product(made)
            if made.fed:
                left.insert(0, Whole(tensors[self.place[STREAM]]))
                self.collect_fed(made, tensors, d.all(), gradients)
            slope = summed_product(left, d, self.steps, self.batch)
            gradients[self.place[f"matrix:{made.key}"]] = slope
        for group in plan.groups:
            if group.biased and not plan.stream:
                slope = tf.reduce_sum(log.of([f"d:{group.key}"]), [0, 1])
                gradients[self.place[f"bias:{group.key}"]] = slope
        for node, read in plan.mapped_reads:
            source = read_signal(read.expr, read.text)
            if not read.map.row_wise:
                source = self.scaled(read.text, source, tensors)
            u, d = source.all(), self.pre_gradient(node, log)
            weights = {n: tensors[self.place[f"weight:{n}"]] for n in read.weights.values()}
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for weight in weights.values():
                    tape.watch(weight)
                z = apply_map(read, u, weights, self.dtype)
            found = tape.gradient(z, list(weights.values()), output_gradients=d)
            for name, gradient in zip(weights, found, strict=True):
                gradients[self.place[f"weight:{name}"]] = gradient
        for name, gradient in zip(plan.parameters, dparameters, strict=True):
            if tensors[self.place[f"weight:{name}"]].shape.rank == 1:
                gradient = tf.reduce_sum(gradient, 0)
            gradients[self.place[f"weight:{name}"]] = gradient
        for name, gradient in zip(self.names, dfirst, strict=True):
            gradients[self.place[f"state:{name}"]] = gradient
        return [
            tf.zeros_like(t) if g is None else g for g, t in zip(gradients, tensors, strict=True)
        ]

    def scaled(self, text: str, steps: Steps, tensors: Any) -> Steps:
        """Return a read's values with its dropout."""
        key = f"drop:{text}"
        return Scaled(steps, tensors[self.place[key]]) if key in self.place else steps

    def collect_fed(self, made: Product, tensors: Any, d: Any, gradients: list[Any]) -> None:
        """Add what a product's inputs get, given the gradient of its sums over all steps."""
        stream, place = tensors[self.place[STREAM]], self.place[f"matrix:{made.key}"]
        d = tf.reshape(d, [-1, made.width])
        own = tf.cast(tensors[place][: self.fed_rows(made, tensors)], self.problem.matmul_dtype)
        slope = tf.matmul(tf.cast(d, own.dtype), own, transpose_b=True)
        slope = tf.reshape(tf.cast(slope, self.dtype), tf.shape(stream))
        before = gradients[self.place[STREAM]]
        gradients[self.place[STREAM]] = slope if before is None else before + slope

    def pre_gradient(self, node: Node, log: Logged) -> Any:
        """Return the gradient of a gate's pre-activation over all steps."""
        group = self.plan.attached(node.name)
        if group is None:
            return log.of([f"d:part:{node.name}"])
        columns = log.of([f"d:{group.key}"])
        return split(columns, [m.name for m, _ in group.members], group.widths)[node.name]


def _add(cot: dict[str, Any], key: str, value: Any) -> None:
    cot[key] = cot[key] + value if key in cot else value

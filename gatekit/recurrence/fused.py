"""The fused executor: few large products, and one gradient for the whole recurrence.

Before the loop all reads of inputs are one matrix product over time x batch. In the loop there is
one product for each distinct recurrent read, with the weights of all gates that read it side by
side. The backward loop replays only the row-wise part, from saved pre-activations and states,
differentiates it by TensorFlow, and logs the gradients of pre-activations; all weight gradients are
formed after it, each in one product over time x batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ..cell.expression import Name, evaluate
from ..cell.graph import BuiltRead, Node
from .hoist import ALL_PARTS, hoist, matrix_of, side_by_side
from .noise import bernoulli
from .plan import Group, Plan
from .problem import Problem, Solution
from .row import apply_map, normalised_read, pre_activation, total, value_of

_SECOND_ORDER = (
    "the fused executor has first-order gradients only; for second-order or forward-mode "
    "derivatives build the layer with executor='reference'"
)


@tf.autograph.experimental.do_not_convert
def run(problem: Problem, plan: Plan) -> Solution:
    """Return the sequences and last states of the recurrence.

    Args:
        problem: the call, time first.
        plan: how the cell's reads are grouped; `plan.make(cell)`.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    loop = _Loop(problem, plan)
    outputs = loop.differentiable()
    wanted, last = outputs[: len(problem.wanted)], outputs[len(problem.wanted) :]
    names = [s.name for s in problem.cell.states]
    return Solution(
        dict(zip(problem.wanted, wanted, strict=True)), dict(zip(names, last, strict=True))
    )


class _Loop:
    """One call: its tensors in a flat list, so that each enters the custom gradient explicitly."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.cell = problem.cell
        self.names = [s.name for s in self.cell.states]
        env = hoist(problem, plan)
        x = problem.inputs["x"]
        self.steps = tf.shape(x)[0]
        # A batch size that is known stays static, so that loops keep their shapes.
        self.batch = tf.shape(x)[1] if x.shape[1] is None else x.shape[1]
        self.static = (x.shape[0], x.shape[1])
        self.dtype = x.dtype
        parts = [ALL_PARTS] if ALL_PARTS in env else [g.part for g in plan.groups if g.part]
        lead = tf.shape(x)[:2]
        columns = [
            tf.broadcast_to(env[k], tf.concat([lead, [plan.widths[k]]], 0))
            if env[k].shape.rank < 3
            else env[k]
            for k in (*parts, *plan.loose)
        ]
        self.tensors: list[Any] = []
        self.place: dict[str, int] = {}
        if columns:
            self.put("sequences", side_by_side(columns))
        for group in plan.groups:
            matrices = [matrix_of(read, problem.weights) for _, read in group.members]
            self.put(f"matrix:{group.key}", side_by_side(matrices))
        for name in (*plan.parameters, *plan.mapped):
            self.put(f"weight:{name}", problem.weights[name])
        for text, drop in problem.drops.items():
            self.put(f"drop:{text}", drop)
        for name in self.names:
            self.put(f"state:{name}", problem.states[name])

    def put(self, key: str, tensor: Any) -> None:
        self.place[key] = len(self.tensors)
        self.tensors.append(tensor)

    def differentiable(self) -> list[Any]:
        @tf.custom_gradient
        def recurrence(*tensors: Any) -> Any:
            outputs, saved = self.forward(tensors)

            def grad(*cotangents: Any) -> Any:
                @tf.custom_gradient
                def first_order(*everything: Any) -> Any:
                    count = len(tensors)
                    gradients = self.backward(everything[:count], saved, everything[count:])

                    def refuse(*_: Any) -> Any:
                        raise NotImplementedError(_SECOND_ORDER)

                    return gradients, refuse

                return first_order(*tensors, *cotangents)

            return outputs, grad

        made = recurrence(*self.tensors)
        return list(made) if isinstance(made, (list, tuple)) else [made]

    # --- forward ------------------------------------------------------------

    def base(self, tensors: Any) -> dict[str, Any]:
        """Return what holds for every step: constants and weights of the row-wise part."""
        env: dict[str, Any] = dict(self.cell.constants)
        for name in (*self.plan.parameters, *self.plan.mapped):
            env[name] = tensors[self.place[f"weight:{name}"]]
        return env

    def matrices(self, tensors: Any) -> dict[str, Any]:
        dtype = self.problem.matmul_dtype
        return {
            g.key: tf.cast(tensors[self.place[f"matrix:{g.key}"]], dtype) for g in self.plan.groups
        }

    def row(self, array: Any, step: Any) -> dict[str, Any]:
        """Return this step's columns of the sequences, by key."""
        if array is None:
            return {}
        return _split(array.read(step), self.plan.sequences, self.plan.widths)

    def unstacked(self, tensors: Any) -> Any:
        if "sequences" not in self.place:
            return None
        return _unstack(tensors[self.place["sequences"]], self.static)

    def forward(self, tensors: Any) -> tuple[list[Any], Any]:
        plan, problem = self.plan, self.problem
        matrices = self.matrices(tensors)
        base = self.base(tensors)
        rows = self.unstacked(tensors)
        extra = [n for n in problem.wanted if n not in self.names]
        width = sum(s.width for s in self.cell.states) + sum(g.width for g in plan.groups)
        width += sum(self.cell.widths[n] for n in extra)
        first = tuple(tensors[self.place[f"state:{n}"]] for n in self.names)
        masks = problem.mask

        def body(step: Any, states: tuple[Any, ...], array: Any) -> Any:
            env = {**base, **self.row(rows, step)}
            env.update({f"{n}_prev": s for n, s in zip(self.names, states, strict=True)})
            pre: dict[str, Any] = {}
            for level in range(plan.depth + 1):
                self.segment(level, env, pre, tensors)
                for group in plan.groups_at(level):
                    pre[group.key] = self.group_product(group, env, matrices[group.key], tensors)
            new = self.updated(step, env, states, None if masks is None else masks[step])
            saved = [*states, *(pre[g.key] for g in plan.groups), *(env[n] for n in extra)]
            return step + 1, new, array.write(step, side_by_side(saved))

        array = tf.TensorArray(self.dtype, size=self.steps, element_shape=[self.static[1], width])
        _, last, array = tf.while_loop(
            lambda step, *_: step < self.steps,
            body,
            (tf.constant(0), first, array),
            maximum_iterations=self.steps,
            parallel_iterations=1,
        )
        saved = tf.ensure_shape(array.stack(), [*self.static, width])
        outputs = []
        for name in problem.wanted:
            if name in self.names:
                start = self.column(name)
                stop = start + self.cell.widths[name]
                final = last[self.names.index(name)]
                sequence = tf.concat([saved[1:, :, start:stop], final[None]], 0)
                # With no step there is no output, but `final` would add one.
                outputs.append(sequence[: self.steps])
            else:
                start = width - sum(self.cell.widths[n] for n in extra[extra.index(name) :])
                outputs.append(saved[:, :, start : start + self.cell.widths[name]])
        return [*outputs, *last], saved

    def column(self, name: str) -> int:
        return sum(s.width for s in self.cell.states[: self.names.index(name)])

    def group_product(self, group: Group, env: Mapping[str, Any], matrix: Any, tensors: Any) -> Any:
        u = self.dropped(group.text, evaluate(group.expr, env, self.cell.spec.functions), tensors)
        z = tf.cast(tf.matmul(tf.cast(u, matrix.dtype), matrix), self.dtype)
        return z + env[group.part] if group.part else z

    def dropped(self, text: str, u: Any, tensors: Any) -> Any:
        key = f"drop:{text}"
        return u * tensors[self.place[key]] if key in self.place else u

    def segment(
        self, level: int, env: dict[str, Any], products: Mapping[str, Any], tensors: Any
    ) -> None:
        """Compute the signals that need ``level`` recurrent products, and put them into ``env``."""
        plan, cell = self.plan, self.cell
        columns: dict[tuple[str, str], Any] = {}
        for group in plan.groups_at(level - 1):
            parts = _split(products[group.key], [m.name for m, _ in group.members], group.widths)
            for node, read in group.members:
                env[f"z:{node.name}:{read.text}"] = parts[node.name]

        def linear(owner: str, read: BuiltRead) -> Any:
            if (owner, read.text) not in columns:
                key = f"z:{owner}:{read.text}"
                if key in env:
                    columns[owner, read.text] = env[key]
                else:
                    u = evaluate(read.expr, env, cell.spec.functions)
                    if not read.map.row_wise:
                        u = self.dropped(read.text, u, tensors)
                    columns[owner, read.text] = apply_map(read, u, env, self.problem.matmul_dtype)
            return columns[owner, read.text]

        like = env[f"{self.names[0]}_prev"] if self.names else None
        for node in plan.nodes_at(level):
            pre = self.pre(node, env, linear) if node.declared else None
            value_of(cell, node, env, pre, like)

    def pre(self, node: Node, env: Mapping[str, Any], linear: Any) -> Any:
        """Return the node's pre-activation from its input part and its recurrent reads."""
        part = env.get(f"part:{node.name}")
        recurrent = [r for r in node.reads if not r.hoisted]
        if node.norm is not None and node.norm.of == "sum":

            def either(owner: str, read: BuiltRead) -> Any:
                return env[f"part:{owner}:{read.text}"] if read.hoisted else linear(owner, read)

            return pre_activation(self.cell, node, either, env)
        if node.norm is not None:
            parts = [
                normalised_read(self.cell, node, r, linear) * env[str(r.scale)] for r in recurrent
            ]
        else:
            parts = [linear(node.name, r) for r in recurrent]
        if part is not None and not self.plan.attached(node.name):
            parts.insert(0, part)
        return total(parts) if parts else None

    def updated(
        self, step: Any, env: Mapping[str, Any], states: Any, valid: Any
    ) -> tuple[Any, ...]:
        new = []
        for index, (state, old) in enumerate(zip(self.cell.states, states, strict=True)):
            value = env[state.name]
            if state.zoneout and self.problem.training:
                value = tf.where(self.zoned(step, index), old, value)
            elif state.zoneout:
                value = state.zoneout * old + (1.0 - state.zoneout) * value
            new.append(value if valid is None else tf.where(valid, value, old))
        return tuple(new)

    def zoned(self, step: Any, index: int) -> Any:
        state = self.cell.states[index]
        shape = [self.batch, state.width]
        return bernoulli(self.problem.seed, index, step, shape, state.zoneout)

    # --- backward -----------------------------------------------------------

    def backward(self, tensors: Any, saved: Any, cotangents: Any) -> list[Any]:
        plan, problem, names = self.plan, self.problem, self.names
        # Transposed once here, not in every product of the loop.
        matrices = {key: tf.transpose(m) for key, m in self.matrices(tensors).items()}
        base = self.base(tensors)
        for name in plan.parameters:
            base[name] = self.per_row(base[name])
        rows = self.unstacked(tensors)
        saved_rows = _unstack(saved, self.static)
        flows = (
            _unstack(tf.concat(cotangents[: len(problem.wanted)], -1), self.static)
            if problem.wanted
            else None
        )
        last = tuple(cotangents[len(problem.wanted) :])
        keys = [*names, *(g.key for g in plan.groups)]
        widths = {
            **{s.name: s.width for s in self.cell.states},
            **{g.key: g.width for g in plan.groups},
        }
        extra = [n for n in problem.wanted if n not in names]
        logged = (
            [f"d:{g.key}" for g in plan.groups] + [f"d:{k}" for k in plan.loose] + list(plan.logged)
        )
        log_widths = {f"d:{k}": plan.widths[k] for k in plan.loose}
        log_widths.update({f"d:{g.key}": g.width for g in plan.groups})
        log_widths.update(plan.logged)
        total_width = sum(log_widths[k] for k in logged)

        carry = plan.prefetch

        def body(
            step: Any, kept: Any, dstates: tuple[Any, ...], sums: tuple[Any, ...], array: Any
        ) -> Any:
            flow: dict[str, Any] = {}
            if flows is not None:
                flow = _split(flows.read(step), list(problem.wanted), self.cell.widths)
            all_keys = [*keys, *extra]
            now = _split(
                kept if carry else saved_rows.read(step),
                all_keys,
                {**widths, **{n: self.cell.widths[n] for n in extra}},
            )
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
            log: dict[str, Any] = {}
            segments = self.replay(env, now, tensors)
            for level in range(plan.depth, -1, -1):
                tape, inputs, outputs, u_values = segments[level]
                for group in plan.groups_at(level):
                    d = cot.pop(group.key)
                    log[f"d:{group.key}"] = d
                    matrix = matrices[group.key]
                    du = tf.matmul(tf.cast(d, matrix.dtype), matrix)
                    key = str(group.expr) if self.direct(group) else f"u:{group.key}"
                    _add(cot, key, tf.cast(du, self.dtype))
                targets = {**outputs, **u_values}
                targets = {k: v for k, v in targets.items() if k in cot}
                if not targets:
                    continue
                found = tape.gradient(
                    list(targets.values()),
                    list(inputs.values()),
                    output_gradients=[cot.pop(k) for k in targets],
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                for key, d in zip(inputs, found, strict=True):
                    if key.startswith("weight:"):
                        place = plan.parameters.index(key.removeprefix("weight:"))
                        dsums[place] = dsums[place] + d
                    else:
                        _add(cot, key, d)
            for key in plan.loose:
                like = self.zeros(plan.widths[key])
                log[f"d:{key}"] = cot.get(key, like)
            for name, value in self.logged_values(env).items():
                log[name] = value
            dprev = tuple(cot.get(f"{n}_prev", self.zeros(self.cell.widths[n])) for n in names)
            line = [log[k] for k in logged]
            if line:
                array = array.write(step, side_by_side(line))
            following = saved_rows.read(tf.maximum(step - 1, 0)) if carry else kept
            return step - 1, following, dprev, tuple(dsums), array

        zeros = tuple(tf.zeros_like(base[n]) for n in plan.parameters)
        array = tf.TensorArray(
            self.dtype, size=self.steps, element_shape=[self.static[1], max(total_width, 1)]
        )
        # With no step at all there is nothing to read.
        # The last row; zeros where there is no step, and so no row to read.
        kept = tf.reduce_sum(saved[-1:], 0) if carry else tf.zeros([])
        _, _, dfirst, dparameters, array = tf.while_loop(
            lambda step, *_: step >= 0,
            body,
            (self.steps - 1, kept, last, zeros, array),
            maximum_iterations=self.steps,
            parallel_iterations=1,
        )
        line = {}
        if logged:
            stacked = tf.ensure_shape(array.stack(), [*self.static, total_width])
            line = _split(stacked, logged, log_widths)
        return self.collect(tensors, saved, line, dfirst, dparameters)

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

    def direct(self, group: Group) -> bool:
        """Return whether a group reads a plain value, so that its gradient needs no tape."""
        return isinstance(group.expr, Name) and f"drop:{group.text}" not in self.place

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
                for group in plan.groups_at(level):
                    if not self.direct(group):
                        u = evaluate(group.expr, local, self.cell.spec.functions)
                        u_values[f"u:{group.key}"] = self.dropped(group.text, u, tensors)
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
        self, tensors: Any, saved: Any, line: Mapping[str, Any], dfirst: Any, dparameters: Any
    ) -> list[Any]:
        """Form all gradients in the tensors' order, a matrix's in one product over all steps."""
        plan = self.plan
        gradients: list[Any] = [None] * len(tensors)
        if "sequences" in self.place:
            columns = [line[plan.gradient_key(k)] for k in plan.sequences]
            gradients[self.place["sequences"]] = side_by_side(columns)

        def read_signal(expr: Any, key: str) -> Any:
            if (
                isinstance(expr, Name)
                and expr.name.endswith("_prev")
                and expr.name[:-5] in self.names
            ):
                name = expr.name[:-5]
                start = self.column(name)
                return saved[:, :, start : start + self.cell.widths[name]]
            if isinstance(expr, Name) and expr.name in plan.widths and expr.name in plan.sequences:
                sequence = tensors[self.place["sequences"]]
                return _split(sequence, plan.sequences, plan.widths)[expr.name]
            return line[key]

        for group in plan.groups:
            u = self.dropped(group.text, read_signal(group.expr, f"log:{group.text}"), tensors)
            rows = tf.reshape(u, [-1, u.shape[-1]])
            d = tf.reshape(line[f"d:{group.key}"], [-1, group.width])
            gradients[self.place[f"matrix:{group.key}"]] = tf.matmul(rows, d, transpose_a=True)
        for node, read in plan.mapped_reads:
            u = read_signal(read.expr, f"log:{read.text}")
            if not read.map.row_wise:
                u = self.dropped(read.text, u, tensors)
            d = self.pre_gradient(node, line)
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

    def pre_gradient(self, node: Node, line: Mapping[str, Any]) -> Any:
        """Return the gradient of a gate's pre-activation over all steps."""
        group = self.plan.attached(node.name)
        if group is None:
            return line[f"d:part:{node.name}"]
        return _split(line[f"d:{group.key}"], [m.name for m, _ in group.members], group.widths)[
            node.name
        ]


def _add(cot: dict[str, Any], key: str, value: Any) -> None:
    cot[key] = cot[key] + value if key in cot else value


def _split(tensor: Any, keys: Any, widths: Mapping[str, int]) -> dict[str, Any]:
    keys = list(keys)
    if len(keys) == 1:
        return {keys[0]: tensor}
    return dict(zip(keys, tf.split(tensor, [widths[k] for k in keys], -1), strict=True))


def _unstack(sequence: Any, static: tuple[Any, Any]) -> Any:
    # Where rows are read a step early, the first is read twice; eagerly it would be gone by then.
    array = tf.TensorArray(
        sequence.dtype,
        size=tf.shape(sequence)[0],
        element_shape=[static[1], sequence.shape[-1]],
        clear_after_read=False,
    )
    return array.unstack(sequence)

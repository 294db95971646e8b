"""The forward loop of the fused executor.

In each step there is one product for each distinct recurrent read, with the weights of all gates
that read it side by side; the rest is row-wise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ..cell.expression import evaluate
from ..cell.graph import BuiltRead, Node
from .hoist import ALL_PARTS, hoist, product_matrix
from .noise import bernoulli
from .plan import STREAM, Plan, Product
from .problem import Problem
from .row import apply_map, normalised_read, pre_activation, total, value_of
from .rows import side_by_side, split, unstack


class Loop:
    """One call: its tensors in a flat list, so that each enters the custom gradient explicitly."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.cell = problem.cell
        self.names = [s.name for s in self.cell.states]
        self.tensors: list[Any] = []
        self.place: dict[str, int] = {}
        env = hoist(problem, plan)
        x = problem.inputs["x"]
        self.steps = tf.shape(x)[0]
        # A batch size that is known stays static, so that loops keep their shapes.
        self.batch = tf.shape(x)[1] if x.shape[1] is None else x.shape[1]
        self.static = (x.shape[0], x.shape[1])
        self.dtype = x.dtype
        parts = [ALL_PARTS] if plan.together else [g.part for g in plan.groups if g.part]
        if plan.stream:
            # Apart from the other sequences, so that nobody computes its gradient in vain.
            self.put(STREAM, env[STREAM])
            parts = []
        joined = {node.name for node in plan.joined}
        lead = tf.shape(x)[:2]
        columns: list[Any] = [
            tf.broadcast_to(env[k], tf.concat([lead, [plan.widths[k]]], 0))
            if env[k].shape.rank < 3
            else env[k]
            for k in (*parts, *(k for k in plan.loose if k not in joined))
        ]
        if columns:
            self.put("sequences", side_by_side(columns))
        for made in plan.products:
            self.put(f"matrix:{made.key}", product_matrix(made, plan.stream, problem.weights))
        for group in plan.groups:
            if group.biased and not plan.stream:
                biases = [problem.weights[str(node.bias)] for node, _ in group.members]
                self.put(f"bias:{group.key}", side_by_side(biases))
        for name in (*plan.parameters, *plan.mapped):
            self.put(f"weight:{name}", problem.weights[name])
        for text, drop in problem.drops.items():
            self.put(f"drop:{text}", drop)
        for name in self.names:
            self.put(f"state:{name}", problem.states[name])

    def put(self, key: str, tensor: Any) -> None:
        self.place[key] = len(self.tensors)
        self.tensors.append(tensor)

    def base(self, tensors: Any) -> dict[str, Any]:
        """Return what holds for every step: constants and weights of the row-wise part."""
        env: dict[str, Any] = dict(self.cell.constants)
        for name in (*self.plan.parameters, *self.plan.mapped):
            env[name] = tensors[self.place[f"weight:{name}"]]
        return env

    def matrices(self, tensors: Any) -> dict[str, Any]:
        dtype = self.problem.matmul_dtype
        return {
            p.key: tf.cast(tensors[self.place[f"matrix:{p.key}"]], dtype)
            for p in self.plan.products
        }

    def row(self, array: Any, step: Any) -> dict[str, Any]:
        """Return this step's columns of the sequences, by key."""
        return {} if array is None else self.columns(array.read(step))

    def columns(self, row: Any) -> dict[str, Any]:
        """Return the columns of a row of the sequences, by key."""
        return split(row, self.plan.sequences, self.plan.widths)

    def unstacked(self, tensors: Any, key: str = "sequences") -> Any:
        return unstack(tensors[self.place[key]], self.static) if key in self.place else None

    def forward(self, tensors: Any) -> tuple[list[Any], Any]:
        """Run the loop and save, for each step, what the backward loop starts from.

        Returns:
            The wanted sequences and the last states; and the saved rows, ``time x batch x (states
            before the step, pre-activations, wanted signals that are no states)``.
        """
        plan, wanted = self.plan, self.problem.wanted
        extra = [n for n in wanted if n not in self.names]
        width = sum(s.width for s in self.cell.states) + sum(g.width for g in plan.groups)
        width += sum(self.cell.widths[n] for n in extra)

        def line(states: Any, new: Any, env: Any, pre: Any) -> list[Any]:
            return [*states, *(pre[g.key] for g in plan.groups), *(env[n] for n in extra)]

        last, saved = self.loop(tensors, line, width)
        outputs = []
        for name in wanted:
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

    def outputs_only(self, tensors: Any) -> list[Any]:
        """Run the loop and keep nothing but the wanted sequences and the last states."""
        wanted = list(self.problem.wanted)
        widths = {n: self.cell.widths[n] for n in wanted}

        def line(states: Any, new: Any, env: Any, pre: Any) -> list[Any]:
            after = dict(zip(self.names, new, strict=True))
            return [after[n] if n in after else env[n] for n in wanted]

        last, kept = self.loop(tensors, line, sum(widths.values()), ahead=True)
        found = split(kept, wanted, widths) if wanted else {}
        return [*(found[n] for n in wanted), *last]

    def loop(self, tensors: Any, line: Any, width: int, ahead: bool = False) -> tuple[Any, Any]:
        """Run over all steps.

        Args:
            tensors: the call's tensors.
            line: returns what to keep of a step, given the states before it, those after it, its
                signals and its pre-activations.
            width: how wide that is; 0 where nothing is kept.
            ahead: whether a step's row of the sequences is read one step early. XLA cuts a row
                that is read in place out again inside every kernel, which is slow where nothing
                else of a step is laid out in memory.

        Returns:
            The last states, and what was kept, ``time x batch x width``, or None.
        """
        plan, masks = self.plan, self.problem.mask
        matrices = self.matrices(tensors)
        base = self.base(tensors)
        rows = self.unstacked(tensors)
        stream = self.unstacked(tensors, STREAM)
        first = tuple(tensors[self.place[f"state:{n}"]] for n in self.names)
        ahead = ahead and rows is not None

        def body(step: Any, states: tuple[Any, ...], row: Any, array: Any) -> Any:
            env = {**base, **(self.columns(row) if ahead else self.row(rows, step))}
            if stream is not None:
                env[STREAM] = stream.read(step)
            env.update({f"{n}_prev": s for n, s in zip(self.names, states, strict=True)})
            pre: dict[str, Any] = {}
            for level in range(plan.depth + 1):
                self.segment(level, env, pre, tensors)
                for made in plan.products_at(level):
                    pre.update(self.product(made, env, matrices[made.key], tensors))
            new = self.updated(step, env, states, None if masks is None else masks[step])
            if width:
                array = array.write(step, side_by_side(line(states, new, env, pre)))
            following = rows.read(tf.minimum(step + 1, self.steps - 1)) if ahead else row
            return step + 1, new, following, array

        # The first row; zeros where there is no step, and so no row to read.
        row: Any = tf.reduce_sum(tensors[self.place["sequences"]][:1], 0) if ahead else ()
        array: Any = ()
        if width:
            shape = [self.static[1], width]
            array = tf.TensorArray(self.dtype, size=self.steps, element_shape=shape)
        _, last, _, array = tf.while_loop(
            lambda step, *_: step < self.steps,
            body,
            (tf.constant(0), first, row, array),
            maximum_iterations=self.steps,
            parallel_iterations=1,
        )
        return last, tf.ensure_shape(array.stack(), [*self.static, width]) if width else None

    def column(self, name: str) -> int:
        return sum(s.width for s in self.cell.states[: self.names.index(name)])

    def product(
        self, made: Product, env: Mapping[str, Any], matrix: Any, tensors: Any
    ) -> dict[str, Any]:
        """Return the sums of a product with what is added to it, by group."""
        u = self.dropped(made.text, evaluate(made.expr, env, self.cell.spec.functions), tensors)
        if made.fed:
            u = tf.concat([env[STREAM], u], -1)
        z = tf.cast(tf.matmul(tf.cast(u, matrix.dtype), matrix), self.dtype)
        sums = split(z, [g.key for g in made.groups], {g.key: g.width for g in made.groups})
        for group in () if made.fed else made.groups:
            if group.part:
                sums[group.key] += env[group.part]
            elif group.biased:
                sums[group.key] += tensors[self.place[f"bias:{group.key}"]]
        return sums

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
            parts = split(products[group.key], [m.name for m, _ in group.members], group.widths)
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

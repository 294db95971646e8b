"""The forward loop of the fused executor.

In each step there is one product for each distinct recurrent read, with the weights of all gates
that read it side by side; the rest is row-wise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from gatekit.cell.graph import BuiltRead, Node
from gatekit.cell.language.expression import evaluate
from gatekit.recurrence.compiled import bound, compiled
from gatekit.recurrence.hold import Hold, hold
from gatekit.recurrence.packing import split, unstack
from gatekit.recurrence.problem import Problem, Solution
from gatekit.recurrence.step import apply_map, normalised_read, pre_activation, total, value_of

from .hoist import hoist
from .residuals import Residuals, residuals_for
from .schedule import STREAM, Group, Plan, Product
from .tensors import LoopTensors, loop_tensors, sequences


@dataclass(frozen=True)
class _Factor:
    """A matrix of a step's product.

    Args:
        groups: whose sums it makes, in the order of its columns.
        matrix: ``width_in x width``.
        bias: what is added to the sums, or None.
        fed: whether inputs stand beside what is read.
    """

    groups: tuple[Group, ...]
    matrix: Any
    bias: Any
    fed: bool


class Loop:
    """One call, and the tensors that enter its custom gradient."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.cell = problem.cell
        self.names = [s.name for s in self.cell.states]
        self.tensors = loop_tensors(problem, plan)
        x = problem.inputs["x"]
        self.steps = tf.shape(x)[0]
        # A batch size that is known stays static, so that loops keep their shapes.
        self.batch = tf.shape(x)[1] if x.shape[1] is None else x.shape[1]
        self.static = (x.shape[0], x.shape[1])
        self.dtype = x.dtype

    def base(self, tensors: LoopTensors) -> dict[str, Any]:
        """Return what holds for every step: constants and weights of the row-wise part."""
        return {**self.cell.constants, **tensors.weights}

    def factors(self, made: Product, tensors: LoopTensors) -> list[_Factor]:
        """Return the matrices that make a product's sums.

        Inputs stand beside what is read only for the gates that read inputs: the others' matrix is
        one of its own then, instead of zeros.
        """
        matrix, dtype = tensors.matrices[made.key], self.problem.matmul_dtype
        if not made.fed:
            return [_Factor(made.groups, tf.cast(matrix, dtype), None, fed=False)]
        found = []
        fed = self.fed_rows(made, tensors)
        bare = tuple(g for g in made.groups if not g.part)
        start = sum(g.width for g in bare)
        if bare:
            bias = matrix[fed - 1, :start] if any(g.biased for g in bare) else None
            found.append(_Factor(bare, tf.cast(matrix[fed:, :start], dtype), bias, fed=False))
        if len(bare) < len(made.groups):
            bias, matrix = (matrix[fed - 1, start:] if self.low else None), matrix[:, start:]
            if self.low:
                matrix = tf.concat([matrix[: fed - 1], matrix[fed:]], 0)
            groups = made.groups[len(bare) :]
            found.append(_Factor(groups, tf.cast(matrix, dtype), bias, fed=True))
        return found

    @property
    def low(self) -> bool:
        """Whether products are in low precision, which biases stay out of: it would round them."""
        return bool(self.problem.matmul_dtype != self.dtype)

    def fed_rows(self, made: Product, tensors: LoopTensors) -> int:
        """Return how many rows of a product's matrix belong to the inputs and the bias."""
        return tensors.input_columns.shape[-1] if made.fed else 0

    def stream(self, tensors: LoopTensors) -> Any:
        """Return what inputs give to the products of each step, in the products' type."""
        stream = tensors.input_columns
        if stream is None:
            return None
        if self.low:
            stream = tf.cast(stream[..., :-1], self.problem.matmul_dtype)
        return unstack(stream, self.static)

    def row(self, array: Any, step: Any) -> dict[str, Any]:
        """Return this step's columns of the sequences, by key."""
        return {} if array is None else self.columns(array.read(step))

    def columns(self, row: Any) -> dict[str, Any]:
        """Return the columns of a row of the sequences, by key."""
        return split(row, self.plan.sequences, self.plan.widths)

    def inputs(self) -> dict[str, Any]:
        """Return the inputs, to be read step by step."""
        return {n: unstack(v, self.static) for n, v in self.problem.inputs.items()}

    def hoisted_at(self, inputs: Mapping[str, Any], step: Any) -> dict[str, Any]:
        """Return what `hoist` computes, of one step, by key."""
        now = {name: array.read(step)[None] for name, array in inputs.items()}
        env = hoist(replace(self.problem, inputs=now), self.plan)
        return self.columns(sequences(self.plan, env, tf.stack([1, self.batch]))[0])

    def unstacked(self, tensors: LoopTensors) -> Any:
        """Return the sequences, to be read step by step; None if there are none."""
        rows = tensors.sequences
        return None if rows is None else unstack(rows, self.static)

    def forward(self, tensors: LoopTensors) -> tuple[Solution, Residuals]:
        """Run the loop and save, of each step, what the backward loop starts from.

        Returns:
            The solution; and as residuals the states before and after each step, pre-activations,
            and wanted signals that are not states.
        """
        wanted, widths = self.problem.wanted, self.cell.widths
        values = {g.key: g.width for g in self.plan.groups}
        values |= {n: widths[n] for n in wanted if n not in self.names}
        return self.loop(tensors, {n: widths[n] for n in self.names}, values)

    def outputs_only(self, tensors: LoopTensors) -> Solution:
        """Run the loop and save nothing but the wanted sequences."""
        values = {n: self.cell.widths[n] for n in self.problem.wanted}
        inside = self.plan.stepwise and compiled()
        return self.loop(tensors, {}, values, ahead=not inside, inside=inside)[0]

    def loop(
        self,
        tensors: LoopTensors,
        states: Mapping[str, int],
        values: Mapping[str, int],
        ahead: bool = False,
        inside: bool = False,
    ) -> tuple[Solution, Residuals]:
        """Run over all steps.

        Args:
            tensors: the call's tensors.
            states: width of each state that is saved before and after each step.
            values: width of each state after each step, signal or pre-activation that is saved.
            ahead: whether a step's row of the sequences is read one step early. XLA cuts a row
                that is read in place out again inside every kernel, which is slow where nothing
                else of a step is laid out in memory.
            inside: whether what could be computed before the loop is computed within each step; it
                has no gradient then.
        """
        plan, masks, names = self.plan, self.problem.mask, self.names
        factors = {p.key: self.factors(p, tensors) for p in plan.products}
        base = self.base(tensors)
        rows: Any = None if inside else self.unstacked(tensors)
        inputs = self.inputs() if inside and tensors.sequences is not None else None
        stream = self.stream(tensors)
        first = tuple(tensors.states[n] for n in names)
        ahead = ahead and rows is not None
        entries = {key: {key: width} for key, width in {**states, **values}.items()}
        residuals = residuals_for(entries, states, self.steps, self.static, self.dtype)

        def body(step: Any, states: tuple[Any, ...], row: Any, arrays: Any) -> Any:
            env = {**base, **(self.columns(row) if ahead else self.row(rows, step))}
            if inputs is not None:
                env.update(self.hoisted_at(inputs, step))
            if stream is not None:
                env[STREAM] = stream.read(step)
            env.update({f"{n}_prev": s for n, s in zip(names, states, strict=True)})
            pre: dict[str, Any] = {}
            for level in range(plan.depth + 1):
                self.segment(level, env, pre, tensors)
                for made in plan.products_at(level):
                    pre.update(self.product(made, env, factors[made.key], tensors))
            new = self.updated(step, env, states, None if masks is None else masks[step])
            before = dict(zip(names, states, strict=True))
            now = {**env, **pre, **dict(zip(names, new, strict=True))}
            arrays = residuals.write(arrays, step, before, now)
            following = rows.read(tf.minimum(step + 1, self.steps - 1)) if ahead else row
            return step + 1, new, following, arrays

        # The first row; zeros where there is no step, and so no row to read.
        row: Any = tf.reduce_sum(tensors.sequences[:1], 0) if ahead else ()
        arrays = residuals.start(tensors.states)
        _, last, _, arrays = tf.while_loop(
            lambda step, *_: step < self.steps,
            body,
            (tf.constant(0), first, row, arrays),
            maximum_iterations=bound(self.steps),
            parallel_iterations=1,
        )
        found = dict(zip(names, last, strict=True))
        residuals = residuals.finish(arrays, found)
        return Solution({n: residuals.sequence(n) for n in self.problem.wanted}, found), residuals

    def product(
        self, made: Product, env: Mapping[str, Any], factors: list[_Factor], tensors: LoopTensors
    ) -> dict[str, Any]:
        """Return the sums of a product with what is added to it, by group."""
        u = self.dropped(made.text, evaluate(made.expr, env, self.cell.spec.functions), tensors)
        u = tf.cast(u, self.problem.matmul_dtype)
        sums = {}
        for factor in factors:
            beside = tf.concat([env[STREAM], u], -1) if factor.fed else u
            z = tf.cast(tf.matmul(beside, factor.matrix), self.dtype)
            if factor.bias is not None:
                z += factor.bias
            widths = {g.key: g.width for g in factor.groups}
            sums.update(split(z, widths, widths))
        for group in () if made.fed else made.groups:
            if group.part:
                sums[group.key] += env[group.part]
            elif group.biased:
                sums[group.key] += tensors.biases[group.key]
        return sums

    def dropped(self, text: str, u: Any, tensors: LoopTensors) -> Any:
        """Return what a read takes, with its dropout."""
        return u * tensors.drops[text] if text in tensors.drops else u

    def segment(
        self, level: int, env: dict[str, Any], products: Mapping[str, Any], tensors: LoopTensors
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
        """Return the states after a step, given those before it and its mask."""
        return tuple(
            self.hold(step, index, valid).value(env[state.name], old)
            for index, (state, old) in enumerate(zip(self.cell.states, states, strict=True))
        )

    def hold(self, step: Any, index: int, valid: Any) -> Hold:
        """Return what holds a state at a step."""
        shape = [self.batch, self.cell.states[index].width]
        return hold(self.problem, index, step, shape, valid)

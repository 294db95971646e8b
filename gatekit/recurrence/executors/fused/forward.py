"""The forward loop of the fused executor.

Each step computes one product for each distinct recurrent read, with the weights of all gates that
read it side by side. The rest is row-wise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.language.expression import evaluate
from gatekit.cell.program import Linear, Sum
from gatekit.cell.schema import OUTPUT_UNIT
from gatekit.recurrence.hold import Hold, hold
from gatekit.recurrence.packing import bound, split, unstack
from gatekit.recurrence.problem import Problem, Solution
from gatekit.recurrence.step import ProgramValues, total

from .residuals import Arrays, ListResiduals, PackedResiduals, Residuals, Values
from .schedule import (
    INPUT_COLUMNS,
    Group,
    LoopLayout,
    LoopSchedule,
    Stage,
    StepProduct,
    layout_with_gradient,
    layout_without_gradient,
)
from .tensors import LoopTensors, hoist, loop_tensors, sequences


@dataclass(frozen=True)
class _Factor:
    """A matrix of a step's product; if only some of its gates read inputs, the product has two.

    Args:
        groups: the groups whose sums it computes, in the order of its columns.
        matrix: ``width_in x width``.
        bias: the bias that is added to the sums, or None.
        takes_input: whether its operand also has the inputs.
    """

    groups: tuple[Group, ...]
    matrix: Tensor
    bias: Tensor
    takes_input: bool


class Loop:
    """One call, and the tensors that enter its custom gradient.

    Args:
        problem: the call, time first.
        schedule: how the cell is arranged.
    """

    def __init__(self, problem: Problem, schedule: LoopSchedule) -> None:
        self.problem, self.schedule, self.cell = problem, schedule, problem.cell
        self.state_names = [s.name for s in self.cell.states]
        self.tensors = loop_tensors(problem, schedule)
        x = problem.inputs["x"]
        self.steps = tf.shape(x)[0]
        # If the batch size is known, it stays static, so that loops keep their shapes.
        self.batch = tf.shape(x)[1] if x.shape[1] is None else x.shape[1]
        self.static, self.dtype = (x.shape[0], x.shape[1]), x.dtype

    # --- the loop -----------------------------------------------------------

    def forward(self, tensors: LoopTensors) -> tuple[Solution, Residuals]:
        """Run the loop and save the residuals of each step.

        Returns:
            The solution, and the residuals: the states before each step (and before its reset) and
            after it, pre-activations, and wanted signals that are not states.
        """
        wanted, widths = self.problem.wanted, self.cell.widths
        values = {g.key: g.width for g in self.schedule.groups}
        values |= {n: widths[n] for n in wanted if n not in self.state_names}
        states = {n: widths[n] for n in self.state_names}
        return self.loop(tensors, states, values, layout_with_gradient(self.schedule))

    def outputs_only(self, tensors: LoopTensors) -> Solution:
        """Run the loop and save only the wanted sequences."""
        values = {n: self.cell.widths[n] for n in self.problem.wanted}
        return self.loop(tensors, {}, values, layout_without_gradient(self.schedule))[0]

    def loop(
        self,
        tensors: LoopTensors,
        states: Mapping[str, int],
        values: Mapping[str, int],
        layout: LoopLayout,
    ) -> tuple[Solution, Residuals]:
        """Run over all steps.

        Args:
            tensors: the call's tensors.
            states: width of each state that is saved before and after each step.
            values: width of each signal, pre-activation and new state that is saved at each step.
            layout: how the loop reads and writes memory.
        """
        schedule, masks, names = self.schedule, self.problem.mask, self.state_names
        factors = {p.key: self.factors(p, tensors) for p in schedule.products}
        constant = {**self.cell.constants, **tensors.weights}
        inside = layout.hoist_inside and tensors.sequences is not None
        given = self.problem.inputs if inside else {}
        inputs = {name: unstack(value, self.static) for name, value in given.items()}
        rows: tf.TensorArray = None if inside else self.rows(tensors)
        ahead = layout.prefetch_forward and rows is not None
        columns = self.input_columns(tensors)
        entries = {key: {key: width} for key, width in {**states, **values}.items()}
        residuals = self.residuals(layout, entries, states)

        def body(
            step: Tensor, states: tuple[Tensor, ...], row: Tensor, arrays: Arrays
        ) -> tuple[object, ...]:
            # The operands of the step: constants, hoisted values, states.
            env = {**constant, **(self.sequences_of(row) if ahead else self.row(rows, step))}
            if inside:
                env.update(self.hoisted_at(inputs, step))
            if columns is not None:
                env[INPUT_COLUMNS] = columns.read(step)
            before = dict(zip(names, states, strict=True))
            entering = self.entering(before, step, tensors)
            valid = None if masks is None else masks[step]
            operands = self.problem.operands(entering, valid)
            env.update({f"{n}_prev": s for n, s in operands.items()})
            # Each stage: its row-wise part, then its products.
            sums: dict[str, Tensor] = {}
            for stage in schedule.stages:
                self.compute_stage(stage, env, sums, tensors)
                for product in stage.products:
                    sums.update(self.product(product, env, factors[product.key], tensors))
            # The states after the step, with zoneout and mask; then the residuals are saved.
            new = self.updated(step, env, tuple(entering.values()), valid)
            now = {**env, **sums, **dict(zip(names, new, strict=True))}
            arrays = residuals.write(arrays, step, before, now)
            following = rows.read(tf.minimum(step + 1, self.steps - 1)) if ahead else row
            return step + 1, new, following, arrays

        # The first row, or zeros if there are no steps.
        row: Tensor = ()
        if ahead and tensors.sequences is not None:
            row = tf.reduce_sum(tensors.sequences[:1], 0)
        _, ends, _, arrays = tf.while_loop(
            lambda step, *_: step < self.steps,
            body,
            (
                tf.constant(0),
                tuple(tensors.states[n] for n in names),
                row,
                residuals.start(tensors.states),
            ),
            maximum_iterations=bound(self.steps),
            parallel_iterations=1,
        )
        last = dict(zip(names, ends, strict=True))
        residuals = residuals.finish(arrays, last)
        return Solution({n: residuals.sequence(n) for n in self.problem.wanted}, last), residuals

    def residuals(
        self, layout: LoopLayout, entries: Mapping[str, Mapping[str, int]], states: Collection[str]
    ) -> Residuals:
        """Return empty residuals in a loop's layout, given the entries and which are states."""
        kind = PackedResiduals if layout.packed else ListResiduals
        return kind(entries, states, self.steps, self.static, self.dtype, self.batch)

    # --- the operands of a step ---------------------------------------------

    def entering(self, states: Values, step: Tensor, tensors: LoopTensors) -> dict[str, Tensor]:
        """Return the states that a step starts from, given those after the previous step."""
        if self.problem.resets is None:
            return dict(states)
        values = {**self.problem.reset_values, **tensors.reset_values}
        return replace(self.problem, reset_values=values).entering(states, step)

    def rows(self, tensors: LoopTensors) -> tf.TensorArray:
        """Return the sequences, to be read step by step; None if there are none."""
        rows = tensors.sequences
        return None if rows is None else unstack(rows, self.static)

    def row(self, rows: tf.TensorArray, step: Tensor) -> dict[str, Tensor]:
        """Return the sequences of a step, by key."""
        return {} if rows is None else self.sequences_of(rows.read(step))

    def sequences_of(self, row: Tensor) -> dict[str, Tensor]:
        """Split a row of sequences; return them by key."""
        return split(row, self.schedule.widths, self.schedule.widths)

    def hoisted_at(self, inputs: Mapping[str, tf.TensorArray], step: Tensor) -> dict[str, Tensor]:
        """Return the result of `hoist` for one step, by key."""
        now = {name: array.read(step)[None] for name, array in inputs.items()}
        env = hoist(replace(self.problem, inputs=now), self.schedule)
        return self.sequences_of(sequences(self.schedule, env, tf.stack([1, self.batch]))[0])

    def input_columns(self, tensors: LoopTensors) -> tf.TensorArray:
        """Return the input columns, to be read step by step, in the products' type."""
        columns = tensors.input_columns
        if columns is None:
            return None
        if self.low:
            columns = tf.cast(columns[..., :-1], self.problem.matmul_dtype)
        return unstack(columns, self.static)

    # --- products -----------------------------------------------------------

    @property
    def low(self) -> bool:
        """Whether products are in low precision; biases are added outside to avoid rounding."""
        return bool(self.problem.matmul_dtype != self.dtype)

    def input_rows(self, product: StepProduct, tensors: LoopTensors) -> int:
        """Return how many rows of a product's matrix belong to the inputs and the bias."""
        columns = tensors.input_columns
        return 0 if columns is None or not product.takes_input else int(columns.shape[-1])

    def factors(self, product: StepProduct, tensors: LoopTensors) -> list[_Factor]:
        """Return the matrices of a product.

        Only gates that read inputs have the inputs in their operand. The other gates have a
        separate matrix, instead of rows of zeros.
        """
        matrix, dtype = tensors.matrices[product.key], self.problem.matmul_dtype
        if not product.takes_input:
            return [_Factor(product.groups, tf.cast(matrix, dtype), None, takes_input=False)]
        factors = []
        rows = self.input_rows(product, tensors)
        bare = tuple(g for g in product.groups if not g.part)
        start = sum(g.width for g in bare)
        if bare:
            bias = matrix[rows - 1, :start] if any(g.biased for g in bare) else None
            own = tf.cast(matrix[rows:, :start], dtype)
            factors.append(_Factor(bare, own, bias, takes_input=False))
        if len(bare) < len(product.groups):
            bias, matrix = (matrix[rows - 1, start:] if self.low else None), matrix[:, start:]
            if self.low:
                matrix = tf.concat([matrix[: rows - 1], matrix[rows:]], 0)
            groups = product.groups[len(bare) :]
            factors.append(_Factor(groups, tf.cast(matrix, dtype), bias, takes_input=True))
        return factors

    def product(
        self,
        product: StepProduct,
        env: Values,
        factors: list[_Factor],
        tensors: LoopTensors,
    ) -> dict[str, Tensor]:
        """Return the sums of a product by group, with input parts or biases added."""
        u = evaluate(product.expr, env, self.cell.spec.functions)
        u = tf.cast(self.dropped(product.text, u, tensors), self.problem.matmul_dtype)
        sums = {}
        for factor in factors:
            beside = tf.concat([env[INPUT_COLUMNS], u], -1) if factor.takes_input else u
            z = tf.cast(tf.matmul(beside, factor.matrix), self.dtype)
            if factor.bias is not None:
                z += factor.bias
            widths = {g.key: g.width for g in factor.groups}
            sums.update(split(z, widths, widths))
        for group in () if product.takes_input else product.groups:
            if group.part:
                sums[group.key] += env[group.part]
            elif group.biased:
                sums[group.key] += tensors.biases[group.key]
        return sums

    def dropped(self, text: str, u: Tensor, tensors: LoopTensors) -> Tensor:
        """Return the operand of a read, with its dropout."""
        return u * tensors.dropout_masks[text] if text in tensors.dropout_masks else u

    # --- the row-wise part --------------------------------------------------

    def compute_stage(
        self, stage: Stage, env: dict[str, Tensor], sums: Values, tensors: LoopTensors
    ) -> None:
        """Compute the signals of a stage, and store them in ``env``.

        Args:
            stage: the stage.
            env: values by key, including everything that the stage needs.
            sums: the sums of the products before the stage, by group.
            tensors: the call's tensors.
        """
        for group in stage.arrivals:
            by_gate = split(sums[group.key], [m.name for m, _ in group.members], group.widths)
            for node, read in group.members:
                env[f"z:{node.name}:{read.text}"] = by_gate[node.name]
        like = env[f"{self.state_names[0]}_prev"] if self.state_names else None
        dtype, masks = self.problem.matmul_dtype, tensors.dropout_masks
        values = _StageValues(self.cell, env, like, dtype, masks)
        values.schedule, values.reads = self.schedule, {}
        for node in stage.nodes:
            values.compute(node.signals)

    def updated(
        self, step: Tensor, env: Values, states: tuple[Tensor, ...], valid: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the states after a step, given those before it and its mask."""
        return tuple(
            self.hold(step, index, valid).value(env[state.name], old)
            for index, (state, old) in enumerate(zip(self.cell.states, states, strict=True))
        )

    def hold(self, step: Tensor, index: int, valid: Tensor) -> Hold:
        """Return the hold of a state at a step."""
        shape = [self.batch, self.cell.states[index].width]
        return hold(self.problem, index, step, shape, valid)


class _StageValues(ProgramValues):
    """Values of a stage, whose products and input parts are in ``env`` already.

    An output unit that feeds back is the node ``y`` there, and ``output_unit`` in the program.
    """

    schedule: LoopSchedule
    reads: dict[str, Tensor]

    def linear(self, op: Linear) -> Tensor:
        """Return the result of a linear operation; it is computed once."""
        read = f"{self._node(op.out)}:{op.text}"
        for key in (f"z:{read}", f"part:{read}"):
            if key in self.env:
                return self.env[key]
        if op.out not in self.reads:
            self.reads[op.out] = super().linear(op)
        return self.reads[op.out]

    def sum(self, op: Sum) -> Tensor:
        """Return a sum; that of a gate may have its input part and bias already."""
        gate = self._node(op.out)
        beside, part = self.schedule.group_of(gate), self.env.get(f"part:{gate}")
        if op.out.partition(":")[2] != "pre" or (beside is None and part is None):
            return super().sum(op)
        parts = [self[name] for name in op.parts if name not in self.program.timeless]
        return total(parts if beside else [part, *parts])

    @staticmethod
    def _node(out: str) -> str:
        owner = out.partition(":")[0]
        return "y" if owner == OUTPUT_UNIT else owner

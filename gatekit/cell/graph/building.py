"""Builds a cell from a specification and sizes: `build` runs the steps in order.

This module also has the last steps. They make one node per signal (reads, weights, stage, and
whether it is hoisted) and the output unit (sizes and weights).
"""

from __future__ import annotations

from collections.abc import Iterable

from gatekit.cell.errors import CellError, refused
from gatekit.cell.gate import Gate
from gatekit.cell.language.expression import names
from gatekit.cell.language.shape import MAX_ELEMENTS
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import CELL, EPSILON, OUTPUT_UNIT, CellSpec, OutputUnitSpec, Read

from .cell import BuiltOutput, BuiltRead, Cell, Node, Norm
from .draft import FEEDBACK, Bindings, Draft, bind
from .order import Needs, check_owned, check_used, find_needs, find_order, find_states, sharing
from .weights import Weights, check_references
from .widths import check_constants, find_widths


def build(spec: CellSpec, units: int, features: int, output_unit: OutputUnitSpec) -> Cell:
    """Return the cell with its sizes.

    Args:
        spec: the cell.
        units: the layer's units.
        features: the width of the layer's input.
        output_unit: the layer's output unit.

    Raises:
        CellError: a name is unknown, signals depend on each other in a cycle, widths do not fit,
            or something is unused.
    """
    for name, value in {"units": units, "features": features}.items():
        if not 1 <= value <= MAX_ELEMENTS:
            raise CellError(
                f"{name}={value}: a whole number from 1 to {MAX_ELEMENTS:,} is expected"
            )
    spec = spec.at_layer(1, 1)
    draft = Draft(spec, units, features, output_unit)
    # Sizes first: a wrong size would cause a misleading error later.
    for name in draft.gates:
        draft.sizes.of_gate(name)
    bindings = bind(draft)
    needs = find_needs(draft, bindings)
    order = find_order(draft, needs)
    check_used(draft, bindings, needs)
    widths = find_widths(draft, bindings, order)
    check_owned(draft, widths)
    check_constants(draft, widths)
    states = find_states(draft, needs, widths)
    weights = Weights(draft, widths)
    for name in draft.norms:
        weights.norm(f"{name}.scale", widths.of[name], name, 1.0)
        weights.norm(f"{name}.offset", widths.of[name], name, 0.0)
    maker = _NodeMaker(weights, bindings, needs, {state.name for state in states})
    after = [name for name in order if maker.is_after(name)]
    nodes = maker.make(name for name in order if name not in after)
    for name, parameter in draft.parameters.items():
        weights.parameter(name, parameter, name, units)
    output = _make_output(weights, bindings, maker.make(after))
    for state in states:
        if state.learned:
            weights.add(state.learned, (state.width,), state.initial, "initial", state.name)
    check_references(weights.all, draft.gates)
    key_groups = [*needs.keys.values(), draft.output_keys(bindings[FEEDBACK])]
    return Cell(
        spec=spec,
        units=units,
        features=features,
        inputs=draft.inputs,
        widths=widths.of,
        shapes={name: widths.shapes.get(name) or (w,) for name, w in widths.of.items()},
        nodes=nodes,
        states=states,
        shifted=tuple(name for name in draft.inputs if f"{name}_prev" in needs.previous()),
        uses_t=any("t" in keys for keys in key_groups),
        weights=tuple(weights.all),
        constants=draft.constants,
        parameters=weights.parameters,
        output=output,
        noises=draft.noises,
        gate_expressions=widths.expressions,
    )


class _NodeMaker:
    """Makes the nodes in order; stage and hoisting follow from the earlier nodes."""

    def __init__(
        self, weights: Weights, bindings: Bindings, needs: Needs, states: set[str]
    ) -> None:
        self.draft, self.weights = weights.draft, weights
        self.bindings, self.needs, self.states = bindings, needs, states
        self.feeds_back = self.draft.output.unit.feeds_back
        self.nodes: dict[str, Node] = {}

    def make(self, names: Iterable[str]) -> tuple[Node, ...]:
        """Return the nodes of some signals, each after those that it needs; add their weights.

        Raises:
            CellError: a read or a norm is impossible.
        """
        nodes = []
        for name in names:
            in_cell = name in self.draft.equations or name in self.draft.norms
            self.nodes[name] = self.equation(name) if in_cell else self.gate(name)
            nodes.append(self.nodes[name])
        return tuple(nodes)

    def is_after(self, name: str) -> bool:
        """Return whether a signal is computed after the loop, for all steps at once."""
        return self.draft.is_of_output(name) and not self.feeds_back

    def stage(self, keys: Iterable[str]) -> int:
        return max((self.nodes[k].stage for k in keys if k in self.nodes), default=0)

    def hoistable(self, keys: Iterable[str]) -> bool:
        return all(
            self.nodes[k].hoisted
            if k in self.nodes
            else k == "t" or k.removesuffix("_prev") in self.draft.inputs
            for k in keys
        )

    def stage_after(self, read: Read) -> int:
        """Return the number of recurrent matrix products in sequence up to and including a read."""
        keys = self.keys(read)
        return self.stage(keys) + (not self.hoistable(keys) and read.map.has_matrix())

    def keys(self, read: Read) -> tuple[str, ...]:
        return self.draft.varying(self.draft.with_emitted(read.expr))

    def equation(self, name: str) -> Node:
        """Return the node of an equation or of a normalised signal."""
        keys, norm = self.needs.keys[name], dict(self.draft.spec.norms).get(name)
        return Node(
            name=name,
            kind="norm" if norm else "equation",
            width=self.weights.widths.of[name],
            stage=self.stage(keys),
            hoisted=self.hoistable(keys) and name not in self.states,
            depends=keys,
            expr=self.draft.equations.get(name),
            source=norm.of if norm else "",
            epsilon=norm.epsilon if norm else EPSILON,
            scale=f"{name}.scale" if norm else "",
            offset=f"{name}.offset" if norm else "",
        )

    def gate(self, name: str) -> Node:
        """Return the node of a gate, or of the output unit that feeds back, and add its weights."""
        feedback = name == FEEDBACK
        owner = OUTPUT_UNIT if feedback else name
        declared, keys = self.draft.declared(name), self.needs.keys[name]
        width, bound = self.weights.widths.of[name], self.bindings[name]
        own_states = declared.states if isinstance(declared, Gate) else {}
        own_reads = self.draft.reads(name)
        # Shared statistics make a gate wait for the products of its whole group.
        awaited = own_reads if feedback else [*own_reads, *sharing(self.draft, name)]
        reads = tuple(self.read(owner, declared, read, width) for read in own_reads)
        takes_pre = any(key.startswith("pre:") for _, key in bound)
        bias = self.weights.bias(owner, declared, width) if takes_pre and declared.bias else None
        norm = None if feedback else _norm(self.draft, name)
        norm_scale = None
        if norm is not None and norm.of == "sum":
            norm_scale = self.weights.norm_scale(name, width, name, declared.parameters)
        for part, parameter in declared.parameters.items():
            self.weights.parameter(f"{owner}.{part}", parameter, owner, width)
        kind = "projection" if self.draft.is_projection(name) else "gate"
        return Node(
            name=name,
            kind="output" if feedback else kind,
            width=width,
            stage=max([self.stage(keys), *(self.stage_after(read) for read in awaited)]),
            hoisted=self.hoistable(keys)
            and not (own_states or name in self.states or self.is_after(name)),
            depends=keys,
            declared=declared,
            reads=reads,
            bias=bias,
            arguments=tuple((a, f"pre:{name}" if k.startswith("pre:") else k) for a, k in bound),
            own_states=tuple((state, f"{name}.{state}") for state in own_states),
            norm=norm,
            norm_scale=norm_scale,
        )

    def read(self, owner: str, declared: RowWise, read: Read, width: int) -> BuiltRead:
        if self.is_after(owner):
            return self.weights.read(owner, declared, read, width)  # computed after the loop
        keys = self.keys(read)
        stage, hoisted = self.stage(keys), self.hoistable(keys)
        return self.weights.read(owner, declared, read, width, stage, hoisted)


def _norm(draft: Draft, name: str) -> Norm | None:
    options = draft.gates[name].gate.norm
    if not options:
        return None
    group = tuple(dict.fromkeys([*options.get("group", ()), name]))
    for member in group:
        other = draft.gates[member].gate.norm or {}
        same = other.get("of") == options["of"] and {*other.get("group", ()), member} == set(group)
        if member != name and not same:
            raise refused(
                CELL / "gates" / name / "norm" / "group",
                f"{member!r} must have the same norm: "
                f"{{of: {options['of']}, group: {list(group)}}}",
            )
    return Norm(options["of"], group, float(options.get("epsilon", EPSILON)))


def _make_output(
    weights: Weights, bindings: Bindings, projections: tuple[Node, ...]
) -> BuiltOutput:
    """Return the output unit, and add its weights.

    Args:
        weights: collects the weights.
        bindings: the keys of arguments.
        projections: its projections, unless it feeds back.

    Raises:
        CellError: a width is not a size, or a read is not possible.
    """
    draft, widths = weights.draft, weights.widths.of
    spec, unit, emits = draft.output, draft.output.unit, draft.spec.emits
    if unit.feeds_back:
        # The node `y` has computed the output already; after the loop it is emitted unchanged.
        arguments = (("emitted", FEEDBACK),)
        return BuiltOutput(spec, (), (), None, arguments, (), widths[FEEDBACK], (FEEDBACK,))
    takes_pre = any(key == f"pre:{OUTPUT_UNIT}" for _, key in bindings[FEEDBACK])
    sized = takes_pre or bool(projections)
    width = draft.sizes.of_gate(OUTPUT_UNIT) if sized else widths[emits]
    draft.sizes.known[OUTPUT_UNIT] = width
    reads = tuple(weights.read(OUTPUT_UNIT, unit, read, width) for read in draft.output.reads)
    bias = weights.bias(OUTPUT_UNIT, unit, width) if takes_pre and unit.bias else None
    for part, parameter in unit.parameters.items():
        weights.parameter(f"{OUTPUT_UNIT}.{part}", parameter, OUTPUT_UNIT, width)
    histories = tuple((emits if h == "emitted" else h, n) for h, n in unit.history.items())
    of_parts = [read for part in projections for read in part.reads]
    keys = [n for read in (*of_parts, *reads) for n in names(read.expr)]
    keys += [key.removesuffix("_history") for _, key in bindings[FEEDBACK]]
    own = [part.name for part in projections]
    signals = (key for key in dict.fromkeys([emits, *keys]) if key in draft.signals)
    return BuiltOutput(
        spec,
        projections,
        reads,
        bias,
        bindings[FEEDBACK],
        histories,
        width,
        tuple(key for key in signals if key not in own),
    )

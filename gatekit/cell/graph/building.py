"""From a specification and sizes to a built cell."""

from __future__ import annotations

from gatekit.cell.errors import CellError
from gatekit.cell.language.shape import MAX_ELEMENTS
from gatekit.cell.schema import CellSpec, OutputUnitSpec

from .built import Cell
from .draft import Draft, bind
from .nodes import make_nodes, make_output
from .order import check_own_states, check_used, find_needs, find_order, find_states
from .sizes import gate_size
from .weights import Weights, check_references
from .widths import check_constants, find_widths


def build(spec: CellSpec, units: int, features: int, output_unit: OutputUnitSpec) -> Cell:
    """Return the cell with its sizes.

    Args:
        spec: the cell.
        units: the layer's units.
        features: the width of the layer's input.
        output_unit: what the layer emits.

    Raises:
        CellError: a name is unknown, signals need each other in a circle, widths do not fit, or
            something is unused.
    """
    for size, value in {"units": units, "features": features}.items():
        if not 1 <= value <= MAX_ELEMENTS:
            raise CellError(
                f"{size}={value}: a whole number from 1 to {MAX_ELEMENTS:,} is expected"
            )
    draft = Draft(spec, units, features, output_unit)
    # Sizes first: a wrong one would show up as something else in what follows.
    for name in draft.gates:
        gate_size(draft, name)
    bindings = bind(draft)
    needs = find_needs(draft, bindings)
    order = find_order(draft, needs)
    check_used(draft, bindings, needs)
    widths = find_widths(draft, bindings, order)
    check_own_states(draft, widths)
    check_constants(draft, widths)
    states = find_states(draft, needs, widths)
    weights = Weights(draft, widths)
    for name in draft.norms:
        weights.norm(f"{name}.scale", widths.of[name], name, 1.0)
        weights.norm(f"{name}.offset", widths.of[name], name, 0.0)
    nodes = make_nodes(weights, bindings, needs, order, states)
    for name, parameter in draft.parameters.items():
        weights.parameter(name, parameter, name, units)
    output = make_output(weights, bindings)
    for state in states:
        if state.learned:
            weights.add(state.learned, (state.width,), state.initial, "initial", state.name)
    check_references(weights.all, draft.gates)
    asked = [*needs.keys.values(), draft.output_keys(bindings.output)]
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
        uses_t=any("t" in keys for keys in asked),
        weights=tuple(weights.all),
        constants=draft.constants,
        parameters=weights.parameters,
        output=output,
        gate_expressions=widths.expressions,
    )

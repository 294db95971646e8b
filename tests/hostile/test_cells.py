from gatekit.cell.affinity import analyse
from gatekit.cell.bounds import bounds
from gatekit.cell.cost import step_cost
from gatekit.cell.describe import describe, text
from gatekit.cell.diagram import diagram
from gatekit.cell.errors import CellError
from gatekit.cell.graph import build
from gatekit.cell.latex_cell import equations
from gatekit.cell.mathml import mathml
from gatekit.cell.spec import read_cell, read_output_unit
from gatekit.recurrence.keras_form import keras_form


def shown(config, known):
    spec = read_cell(config, known)
    cell = build(spec, 8, 5, read_output_unit("hidden", known))
    text(describe(cell)), mathml(equations(cell)), step_cost(cell), analyse(cell), keras_form(cell)
    [bounds(cell, g.name) for g in spec.gates]
    try:
        diagram(cell)
    except CellError as e:
        if "drawn" not in str(e):
            raise AssertionError from e

"""What a cell is: its parts, its equations, its sizes. Nothing here computes a number.

A cell is plain data (YAML or a mapping). `schema` reads it into a `CellSpec`, which has no sizes;
`graph.build` adds units and features and returns a built `Cell`, whose nodes can be computed in
order. `language` is the equation language, `analysis` what can be concluded from a built cell,
`show` how a cell looks. The contracts of plugins are at this level: gates and output units in
`gate`, parameters, linear maps and initializers in `learned`. What is registered arrives as a
`catalogue`.

Start with `gate.py`, then `schema/reading.py` and `graph/building.py`. No TensorFlow here.
"""

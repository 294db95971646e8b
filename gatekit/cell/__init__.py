"""Cells: their parts, equations and sizes. Nothing here runs a cell over a sequence.

A cell is plain data (YAML or a mapping). `schema` reads it into a `CellSpec`, which has no sizes;
`graph.build` adds units and features and returns a built `Cell`, whose nodes can be computed in
order. `language` is the equation language, `analysis` derives properties of a built cell, and
`show` displays cells. The base classes for plugins are at this level: gates and output units in
`gate`, parameters, linear maps and initializers in `learned`. Registered parts are passed in as a
`catalogue`.

Start with `gate.py`, then `schema/reading.py` and `graph/building.py`. No TensorFlow here.

No module here is public.
"""
